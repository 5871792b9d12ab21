"""Metropolis samplers are exact at steps where unadjusted ones are far off, and say what they accept."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.potentials.potential import Potential
from slt_toys.samplers import MALA, OverdampedLangevin, UnderdampedLangevin, sample
from tests.samplers.final_points import agree
from tests.samplers.made_family import final
from tests.seeds import fresh_seed


def test_metropolis_is_exact_at_steps_where_unadjusted_langevin_is_far_off():
    potential = Potential.from_expression("w**4")
    adjusted = final(potential, MALA(0.3), 1.0, 20_000, 400).ravel() ** 4
    agree(adjusted, 0.25)
    with pytest.raises((AssertionError, ValueError)):  # it is far off, or diverges
        agree(final(potential, OverdampedLangevin(0.1), 1.0, 20_000, 400).ravel() ** 4, 0.25)


def test_acceptance_is_the_accepted_share():
    """Against a plain numpy MALA on a quadratic well."""
    step, random, chains = 0.8, np.random.default_rng(fresh_seed()), 40_000
    x = random.standard_normal(chains) * math.sqrt(0.5)
    y = x - 2 * step * x + math.sqrt(2 * step) * random.standard_normal(chains)

    def log_density(to: np.ndarray, at: np.ndarray) -> np.ndarray:
        return -((to - at + 2 * step * at) ** 2) / (4 * step)

    ratio = -(y**2) + x**2 + log_density(x, y) - log_density(y, x)
    share = np.minimum(1, np.exp(ratio))
    run = sample(
        Potential.from_expression("w**2"), MALA(step), n_beta=1.0, chains=6400, steps=500, thin=500, seed=fresh_seed()
    )
    acceptance = run["acceptance"].values
    assert abs(acceptance.mean() - share.mean()) < 5 * math.hypot(
        share.std() / math.sqrt(chains), acceptance.std() / math.sqrt(acceptance.size)
    )
    assert "acceptance" not in sample(
        Potential.from_expression("w**2"), UnderdampedLangevin(0.1), n_beta=1.0, chains=2, steps=5
    )
