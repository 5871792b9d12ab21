"""Underdamped Langevin: the law of each splitting, its accuracy, its largest step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import linalg

from slt_toys.potentials.potential import Potential
from slt_toys.samplers import UnderdampedLangevin, sample
from slt_toys.samplers.underdamped import SPLITTINGS
from tests.samplers.final_points import agree
from tests.samplers.made_family import final


def linear_variance(splitting: str, step: float, friction: float, curvature: float, temperature: float) -> float:
    """Stationary variance of the position after a step, from the letters as 2x2 matrices and a Lyapunov equation."""
    transfer, noise = np.eye(2), np.zeros((2, 2))
    for letter in splitting:
        share = step / splitting.count(letter)
        decay = math.exp(-friction * share)
        matrix = {
            "A": np.array([[1, share], [0, 1]]),
            "B": np.array([[1, 0], [-share * curvature, 1]]),
            "O": np.diag([1, decay]),
        }[letter]
        transfer, noise = matrix @ transfer, matrix @ noise @ matrix.T
        if letter == "O":
            noise[1, 1] += temperature * (1 - decay**2)
    return float(linalg.solve_discrete_lyapunov(transfer, noise)[0, 0])


@pytest.mark.parametrize("splitting", SPLITTINGS)
@pytest.mark.parametrize(("step", "friction"), [(0.2, 1.0), (0.9, 3.0)])
def test_a_quadratic_well_has_the_splittings_own_law(splitting, step, friction):
    curvature, temperature = 2.0, 0.7
    expected = linear_variance(splitting, step, friction, curvature, temperature)
    if splitting == "BAOAB":  # exact positions at any stable step
        assert expected == pytest.approx(temperature / curvature)
    if splitting == "OBABO":  # leapfrog's shadow energy
        assert expected == pytest.approx(temperature / (curvature * (1 - curvature * step**2 / 4)))
    draws = final(
        Potential.from_expression("w**2"), UnderdampedLangevin(step, friction, splitting), 1 / temperature, 20_000, 300
    ).ravel()
    agree(draws**2, expected)
    agree(draws, 0.0)


def test_baoab_is_far_more_accurate_than_obabo():
    """In a quadratic well the positions of BAOAB are unbiased at any stable step (Leimkuhler & Matthews 2013)."""
    curvature, step = 2.0, 0.9
    variances = [linear_variance(s, step, 1.0, curvature, 1.0) for s in ("BAOAB", "OBABO")]
    assert abs(variances[0] * curvature - 1) < 1e-12 < 0.3 < variances[1] * curvature - 1


def test_a_diverging_splitting_is_named():
    with pytest.raises(ValueError, match="is too large"):
        sample(
            Potential.from_expression("50*w**2"), UnderdampedLangevin(1.0), n_beta=1.0, chains=4, steps=5000, thin=5000
        )
