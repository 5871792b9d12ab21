"""Cells that resolve the mass: sums over them are integrals, and no cell holds much, however cold or narrow."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.exact.equilibrium import phase_table
from slt_toys.exact.mass_cells import LEAST_CELLS, MOST_CELLS, mass_cells
from slt_toys.exact.quadrature import QuadratureError
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Potential


@pytest.mark.parametrize("name", ["regular_double_well", "singular_double_well_4_2", "curve_against_point"])
@pytest.mark.parametrize("temperature", [0.002, 0.3])
def test_mean_losses_are_those_of_quadrature(name, temperature):
    potential = find_potential(name)
    points, widths, losses, volumes = mass_cells(potential, temperature)
    assert points.shape == widths.shape == (losses.size, potential.dimension)
    assert volumes == pytest.approx(widths.prod(axis=1))
    weights = volumes * np.exp(-(losses - losses.min()) / temperature)
    weights /= weights.sum()
    exact = phase_table(potential, 1 / temperature)["total_mean_loss"].item()
    assert weights @ losses == pytest.approx(exact, rel={1: 1e-4, 2: 2e-3}[potential.dimension])
    assert weights.max() < 2 / LEAST_CELLS[potential.dimension]


def test_cells_of_a_phase_lie_in_it():
    potential = find_potential("regular_double_well")
    points, *_ = mass_cells(potential, 0.1, phase=1)
    assert (potential.phase_index(points) == 1).all()


@pytest.mark.parametrize("most", [10**6, pytest.param(MOST_CELLS, marks=pytest.mark.slow)])
def test_a_valley_too_narrow_for_cells_is_refused(most, monkeypatch):
    """A million wide and bent: cells along the axes would be endless."""
    monkeypatch.setattr("slt_toys.exact.mass_cells.MOST_CELLS", most)
    bent = Potential.from_expression("(9.6 - w1)**2 + 10*(w2 - w1**2)**2")
    with pytest.raises(QuadratureError, match=f"lies in too narrow a valley for {most} cells along the axes"):
        mass_cells(bent, 1e6)


def test_the_usual_valley_is_taken():
    points, *_ = mass_cells(Potential.from_expression("(1 - w1)**2 + 100*(w2 - w1**2)**2"), 1.0)
    assert 10_000 < len(points) < MOST_CELLS / 2
