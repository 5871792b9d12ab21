"""Mean first passage times to an error that is asked for: those of the equation, not of a chain at some step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from slt_toys.exact.kinetics import log_mean_first_passage_time
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import passage_estimate as module
from slt_toys.samplers.passage_estimate import PassageEstimate, estimate_passage_time
from slt_toys.samplers.program import largest_curvature
from tests.seeds import fresh_seed

WELL = find_potential("regular_double_well")
LEFT, RIGHT = (float(WELL.minimum_point(k)[0]) for k in (0, 1))


def estimated(temperature: float, error: float = 0.05, **more: Any) -> PassageEstimate:
    return estimate_passage_time(
        WELL, temperature=temperature, start="left", target="right", error=error, **_seeded(more)
    )


def _seeded(more: dict[str, Any]) -> dict[str, Any]:
    return {"seed": fresh_seed(), **more}


def agree(found: PassageEstimate, log_time: float) -> None:
    assert found.verdict == "trust", found.verdict
    assert abs(found.log_time - log_time) < 5 * found.error / 1.96, f"{found.log_time} against {log_time}"


@pytest.mark.parametrize("temperature", [0.12, 0.04])
def test_against_quadrature_and_a_temperature_that_is_off(temperature):
    exact = log_mean_first_passage_time(WELL, temperature, LEFT, RIGHT)
    found = estimated(temperature)
    agree(found, exact)
    assert found.interval[0] < found.time < found.interval[1] and found.error <= 0.05
    with pytest.raises(AssertionError, match="against"):
        agree(estimated(0.96 * temperature), exact)


def test_a_step_that_is_far_too_large_is_halved(monkeypatch):
    """At twelve times the usual step rates are off by more than the error asked for: smaller ones are taken."""
    monkeypatch.setattr(module, "FIRST_SHARE", 3.0)
    found = estimated(0.12, 0.03)
    assert found.coarse.time_step < 0.6 * 3.0 / largest_curvature(WELL, 0.12)
    agree(found, log_mean_first_passage_time(WELL, 0.12, LEFT, RIGHT))


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads():
    one, two, other = (estimated(0.12, 0.2, seed=s, threads=n) for s, n in ((1, 1), (1, 2), (2, 1)))
    assert one.log_time == two.log_time != other.log_time


def test_a_target_on_the_way_up_is_refused():
    """There a chain that is seen only at its steps is late by their root, which no power of the step removes."""
    with pytest.raises(
        ValueError, match="of chains turn back once they are there, and chains seen at their steps arrive"
    ):
        estimate_passage_time(WELL, temperature=0.06, start="left", target=-0.5)


@pytest.mark.parametrize("target", [2.2, 2.5])
def test_a_line_s_target_up_a_steep_slope_is_refused_before_any_chain_climbs_it(target, monkeypatch):
    """Beyond the far well chains fall back into that, and not to the start: they have turned back all the same."""

    def climbed(*_, **__):
        raise AssertionError("chains were sent up")

    monkeypatch.setattr(module, "sample_escape_rate", climbed)
    with pytest.raises(ValueError, match=r"target is a place where .* of chains turn back once they are there"):
        estimate_passage_time(WELL, temperature=0.06, start="left", target=target)
    with pytest.raises(AssertionError, match="chains were sent up"):
        estimate_passage_time(WELL, temperature=0.06, start="left", target="right")


def test_scores_by_expressions_need_a_point():
    plane = Potential.from_expression("(w1**2 - 1)**2 + w2**2")
    given: dict[str, Any] = {"temperature": 0.1, "start": [-1.0, 0.0], "score": "w1 + w2/10", "seed": 1}
    with pytest.raises(ValueError, match="target must be a point or a phase where the score is an expression"):
        estimate_passage_time(plane, target=1.0, error=0.3, **given)
    found = estimate_passage_time(plane, target=[1.0, 0.0], error=0.1, **given)
    line = Potential.from_expression("(w1**2 - 1)**2")
    agree(found, log_mean_first_passage_time(line, 0.1, -1.0, 1.0))


@pytest.mark.slow
def test_coverage_over_a_hundred_seeds():
    exact, seed = log_mean_first_passage_time(WELL, 0.1, LEFT, RIGHT), fresh_seed() % 2**31
    found = [estimated(0.1, 0.1, seed=seed + k, threads=1) for k in range(100)]
    misses = np.array([abs(f.log_time - exact) / f.error for f in found])
    low, high = stats.binom.ppf([1e-6, 1 - 1e-6], 100, 0.95)
    assert low <= (misses <= 1).sum() <= high
    assert (misses <= 0.4).sum() < low


def test_progress_adds_up_and_bad_arguments_are_named():
    told: list[float] = []
    estimated(0.15, 0.3, advance=told.append)
    assert sum(told) == pytest.approx(1)
    for more, says in (
        ({"temperature": -1.0}, "temperature must be positive"),
        ({"error": 0.0}, "error must lie between"),
    ):
        with pytest.raises(ValueError, match=says):
            estimated(**{"temperature": 0.1, **more})
