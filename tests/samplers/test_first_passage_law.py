"""Mean first passage of the overdamped schemes against quadrature; a wrong clock or temperature is caught.

The underdamped ones, whose mean first passage has no such formula, cross a barrier in test_discrete_laws.
"""

from __future__ import annotations

from functools import lru_cache

import pytest

from slt_toys.exact.kinetics import mean_first_passage_time
from slt_toys.potentials.catalogue import find_potential
from slt_toys.samplers import OverdampedLangevin
from slt_toys.samplers.first_passage import sample_first_passage
from tests.samplers.checks import Deviations, agree, deviation, disagree

NAME, TEMPERATURE, START, TARGET = "regular_double_well", 0.5, -1.0, 1.0
STEP, COARSENING, CHAINS = 0.006, 4, 16_000
SCHEMES = ("euler_maruyama", "heun")


@lru_cache
def exact() -> float:
    return mean_first_passage_time(find_potential(NAME), TEMPERATURE, START, TARGET)


def passage(scheme: str, seed: int, temperature: float = TEMPERATURE) -> Deviations:
    """Bridges between steps leave a bias of the order of the step, in both schemes: it is extrapolated away."""
    fine, coarse = (
        sample_first_passage(
            find_potential(NAME), OverdampedLangevin(STEP * factor, scheme),  # type: ignore[arg-type]
            temperature=temperature, start=[START], target=TARGET, chains=CHAINS, max_time=400.0,
            seed=seed + factor,
        ).times
        for factor in (1, COARSENING)
    )  # fmt: skip
    return {"mean time": deviation(fine + (fine - coarse) / (COARSENING - 1), exact())}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_mean_first_passage(scheme, seed):
    assert 2 < exact() < 20
    agree(passage(scheme, seed))


@pytest.mark.parametrize("factor", [0.88, 1.12])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_wrong_temperature_shows(scheme, factor, seed):
    disagree(passage(scheme, seed, factor * TEMPERATURE))
