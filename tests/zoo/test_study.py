"""An influence is said to control where its interval leaves no doubt, and not where it leaves some."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from slt_toys.zoo import bottleneck
from slt_toys.zoo.model import Check
from slt_toys.zoo.study import Influence, check_table, checked, influence_table, share
from tests.seeds import fresh_generator, fresh_seed


def influence(first: float, last: float, error: float = 0.0, span: float = 1.0) -> Influence:
    return Influence("time", "steps from 1 to 2", "loss", first, last, error, error, span)


@pytest.mark.parametrize(
    ("first", "last", "error", "span", "verdict"),
    [
        (0, 0.9, 0.01, 1, "yes"), (0.9, 0, 0.01, 1, "yes"), (0, 0.05, 0.01, 1, "no"), (0, 0.05, 0.1, 1, "cannot tell"),
        (0, 0.12, 0.05, 1, "cannot tell"), (3, 3, 0, 1, "no"), (0, 90, 1, 100, "yes"), (0, 0.05, 0, 0.1, "yes"),
        (0, math.nan, 0.1, 1, "cannot tell"), (0, 1, math.nan, 1, "cannot tell"),
    ],
)  # fmt: skip
def test_verdicts(first, last, error, span, verdict):
    found = influence(first, last, error, span)
    assert found.verdict == verdict
    for unit in (1e-6, 1e6):  # of the quantity
        assert influence(first * unit, last * unit, error * unit, span * unit).verdict == verdict


def test_answers_say_how_much():
    assert influence(0, 0.3, 0.01).answer == "weakly yes: 0.30 [0.27, 0.33]"
    assert influence(0, 0.9).answer == "yes: 0.9"
    assert influence(0, 0.0).answer == "no: 0"
    (row,) = influence_table([influence(0, 0.9)]).rows
    assert row == ("time", "steps from 1 to 2", "loss", "0", "0.9", "yes: 0.9")


def test_intervals_cover():
    """Of 2 000 effects measured with normal errors, 95 % of the intervals hold the true one."""
    random = fresh_generator()
    inside = 0
    for _ in range(2000):
        first, last = 0.4 + 0.1 * random.standard_normal(2)
        low, high = Influence("other", "x", "y", first, last + 0.3, 0.1, 0.1, 2.0).interval
        inside += low <= 0.15 <= high
    assert abs(inside / 2000 - 0.95) < 5 * math.sqrt(0.95 * 0.05 / 2000)


@pytest.mark.parametrize(
    ("changed", "told"), [({"control": "heat"}, "control must be one of"), ({"span": 0.0}, "span must be positive")]
)
def test_bad_influences_are_refused(changed, told):
    right = dict(control="time", lever="", quantity="", first=0.0, last=1.0, first_error=0.0, last_error=0.0, span=1.0)
    with pytest.raises(ValueError, match=told):
        Influence(**{**right, **changed})  # type: ignore[arg-type]


def test_checks_are_told_with_their_negative_control():
    found = checked(bottleneck.MODEL.checks, fresh_seed() // 10**6)
    assert float(found["departure_from_law"].max()) < 5 < 12 < float(found["departure_from_wrong_law"].min())
    exact = Check("exact", lambda: np.zeros(2), lambda seed: (np.array([0.0, 3e-10]), np.zeros(2)),
                  lambda: np.ones(2), 1e-10, "rounding")  # fmt: skip
    told = checked([exact], 0)
    assert float(told["departure_from_law"][0]) == pytest.approx(3)
    assert check_table(told).rows[0][:2] == ("exact", "3")


def test_intervals_of_shares_cover():
    """Exactly, over all counts, also where nearly none or all are hits: 93.6 % at least of 24 runs, 94.4 % of 200."""
    for runs, least in ((24, 0.935), (200, 0.944)):
        ends = [share(np.arange(runs) < hits) for hits in range(runs + 1)]
        low, high = (np.array([v + side * 1.96 * e for v, e in ends]) for side in (-1, 1))
        for truth in np.linspace(0.005, 0.995, 199):
            held = (low <= truth) & (truth <= high)
            assert stats.binom.pmf(np.arange(runs + 1), runs, truth)[held].sum() > least
    assert share(np.zeros(182, dtype=bool))[1] * 1.96 == pytest.approx(0.0207, abs=1e-4)
    assert all(math.isnan(each) for each in share(np.zeros(0, dtype=bool)))
