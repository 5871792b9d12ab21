"""Slices whose width changes nothing but the cost, and that find the other well."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.catalogue import find_potential
from tests.samplers.checks import agree, deviation, distribution_deviation
from tests.samplers.made_posteriors import CHAINS, potential_of, swept


@pytest.mark.parametrize("width", [0.3, 2.0, 50.0])
def test_the_width_of_a_slice_changes_nothing(width, seed):
    """Stepped out from narrow, and shrunk from wide, starting from the exact law of an energy that is no polynomial."""
    w = sympy.Symbol("w", real=True)
    energy = w**2 / 2 + sympy.sin(2 * w) ** 2
    potential = potential_of(energy, "w", (-12.0, 12.0))
    grid = np.linspace(-9, 9, 40_001)
    weights = np.exp(-potential.energy_function()(grid[:, None]))
    sums = np.cumsum(weights) - weights / 2
    sums /= weights.sum()
    random = np.random.default_rng(seed)
    start = np.interp(random.random((CHAINS, 1)), sums, grid)
    draws = swept(potential, 1.0, start, seed, 5, width)[:, 0]
    assert (draws != start[:, 0]).mean() > 0.99
    agree({
        "distribution": distribution_deviation(draws, lambda x: np.interp(x, grid, sums)),
        "energy": deviation(potential.energy_function()(draws[:, None]),
                            float(weights @ potential.energy_function()(grid[:, None]) / weights.sum())),
    })  # fmt: skip


def test_wide_slices_find_the_other_well(seed):
    """At a temperature where a local sampler is stuck for 10⁵ steps."""
    potential = find_potential("regular_double_well")
    draws = swept(potential, 12.0, np.full((CHAINS, 1), 1.0), seed, 400)
    narrow = swept(potential, 12.0, np.full((CHAINS, 1), 1.0), seed, 400, 0.2)
    assert (draws < 0).mean() > 0.001 and (narrow < 0).mean() < (draws < 0).mean() / 2
