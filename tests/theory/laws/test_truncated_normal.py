"""The best exponential proposal at a wall: a numerical search, quadrature, and rejections counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize

from tests.seeds import fresh_seed
from theory.derivation import DerivationError

LEAST = math.sqrt(math.pi / (2 * math.e))


def log_acceptance(rate: float, slope: float, bend: float) -> float:
    """Log of the integral of exp(-q) over the largest ratio of exp(-q) to the proposal, found by a search."""
    reach = min(40 / slope if slope else math.inf, math.sqrt(40 / bend))
    y = np.linspace(0, reach, 20_001)
    total = integrate.simpson(np.exp(-slope * y - bend * y**2), x=y)
    top = optimize.minimize_scalar(
        lambda y: bend * y**2 - (rate - slope) * y, bounds=(0, rate / bend), method="bounded"
    )
    return math.log(total * rate) + top.fun


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 10.0), st.floats(0.1, 20.0))
def test_no_rate_is_accepted_more_often(evaluate, slope, bend):
    best = evaluate("truncated-normal-rate", wall_slope=slope, wall_bend=bend)
    found = optimize.minimize_scalar(
        lambda rate: -log_acceptance(rate, slope, bend), bounds=(max(slope, 0.2 * best), 3 * best), method="bounded"
    )
    assert best == pytest.approx(found.x, rel=1e-3)
    law = evaluate("truncated-normal-acceptance", wall_slope=slope, wall_bend=bend, proposal_rate=best)
    assert math.log(law) == pytest.approx(-found.fun, abs=1e-6)
    assert LEAST * (1 - 1e-12) <= law <= 1
    # Negative control: half as much again, or closer to the slope, is worse by what the law says.
    for wrong in (1.5 * best, 0.5 * (slope + best)):
        worse = evaluate("truncated-normal-acceptance", wall_slope=slope, wall_bend=bend, proposal_rate=wrong)
        assert math.log(worse) == pytest.approx(log_acceptance(wrong, slope, bend), abs=1e-6)
        assert worse < law


def test_the_worst_case_is_a_wall_through_the_middle(evaluate):
    slopes = (0.0, 1e-3, 0.1, 1.0, 10.0)
    at_best = []
    for slope in slopes:
        rate = evaluate("truncated-normal-rate", wall_slope=slope, wall_bend=1)
        at_best.append(evaluate("truncated-normal-acceptance", wall_slope=slope, wall_bend=1, proposal_rate=rate))
    assert at_best[0] == pytest.approx(LEAST, rel=1e-12)
    assert (np.diff(at_best) > 0).all() and at_best[-1] > 0.98


@pytest.mark.parametrize(("slope", "bend"), [(0.0, 1.0), (2.0, 0.7), (0.3, 4.0)])
def test_rejection_draws_the_law_and_rejects_as_often_as_it_should(evaluate, slope, bend):
    seed = fresh_seed()
    random, size = np.random.default_rng(seed), 200_000
    rate = evaluate("truncated-normal-rate", wall_slope=slope, wall_bend=bend)
    y = random.exponential(1 / rate, size)
    taken = np.log(random.random(size)) < (rate - slope) * y - bend * y**2 - (rate - slope) ** 2 / (4 * bend)
    law = evaluate("truncated-normal-acceptance", wall_slope=slope, wall_bend=bend, proposal_rate=rate)
    error = math.sqrt(law * (1 - law) / size)
    assert abs(taken.mean() - law) < 5 * error, f"seed {seed}"
    assert abs(taken.mean() - 1) > 12 * error
    total = integrate.quad(lambda t: math.exp(-slope * t - bend * t**2), 0, np.inf)[0]
    exact = integrate.quad(lambda t: t * math.exp(-slope * t - bend * t**2), 0, np.inf)[0] / total
    kept = y[taken]
    assert abs(kept.mean() - exact) < 5 * kept.std() / math.sqrt(kept.size), f"seed {seed}"
    # Negative control: the proposals themselves have another mean.
    assert abs(y.mean() - exact) > 12 * y.std() / math.sqrt(size)


def test_a_wrong_ratio_does_not_close(monkeypatch):
    import theory.laws.truncated_normal as wall

    rate, largest, share = wall.acceptance_of_rate()
    monkeypatch.setattr(wall, "acceptance_of_rate", lambda: (rate, 2 * largest, share))
    wall.derive_truncated_normal_rate.cache_clear()
    with pytest.raises(DerivationError, match="optimality"):
        wall.derive_truncated_normal_rate()
