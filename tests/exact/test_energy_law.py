"""The law of the loss has the exact moments, and tells how often small gaps reject."""

from __future__ import annotations

import pytest

from slt_toys.exact.energy_law import energy_law
from slt_toys.exact.equilibrium import phase_table
from slt_toys.exact.temperature_ladder import (
    swap_acceptance,
)
from slt_toys.potentials.catalogue import catalogue, find_potential, regular_double_well
from slt_toys.reference.laws import law


@pytest.mark.parametrize("name", list(catalogue()))
def test_laws_of_the_loss_have_the_exact_moments(name):
    """Against the nodes of the phases' integrals, which share nothing with the cells."""
    potential, temperatures = find_potential(name), (0.03, 0.3)
    exact = phase_table(potential, [1 / t for t in temperatures])
    for k, temperature in enumerate(temperatures):
        found = energy_law(potential, temperature)
        assert found.probabilities.sum() == pytest.approx(1, abs=1e-12)
        mean = found.lowest + float((found.probabilities * found.levels).sum())
        assert mean == pytest.approx(float(exact["total_mean_loss"].values[k]), abs=2e-4 * temperature)
        free_energy = found.lowest / temperature - found.log_sum
        assert free_energy == pytest.approx(float(exact["total_free_energy"].values[k]), abs=2e-4)


def test_small_gaps_reject_as_the_law_of_the_loss_says():
    """[eq:swap-rejection] from the mean distance of two losses, up to the second order in the gap."""
    potential, cold = regular_double_well(), 0.2
    difference = energy_law(potential, cold).mean_difference()
    defects = []
    for gap in (0.4, 0.2, 0.1):
        first = law("swap-rejection")(inverse_temperature_gap=gap, mean_energy_difference=difference)
        defects.append(first - (1 - swap_acceptance(potential, cold, 1 / (1 / cold - gap))))
        assert 0 < abs(defects[-1]) < 0.2 * first
    coarse, fine = defects[0] / defects[1], defects[1] / defects[2]
    assert fine == pytest.approx(4, rel=0.01)
    assert 2 * fine - coarse == pytest.approx(4, rel=2e-3)
