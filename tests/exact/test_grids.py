"""Grids resolve the gap, have borders on edges, and count cut cells by their share."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.exact.fokker_planck import (
    Grid,
    fokker_planck,
    grid_for,
    phase_weights,
    relaxation_time,
)
from slt_toys.potentials.catalogue import pairs
from slt_toys.potentials.potential import Phase, Potential


@pytest.mark.parametrize("name", sorted(n for n in pairs() if n != "barrier_spectrum"))
def test_automatic_grid_resolves_the_gap(name):
    pair = pairs()[name]
    plane = pair.clean.dimension == 2
    grid = grid_for((pair.deficit, pair.clean), [0.1, 1.0])
    coarse = relaxation_time(fokker_planck(pair.clean, grid), 0.1)
    fine = relaxation_time(fokker_planck(pair.clean, grid.halved()), 0.1)
    assert coarse == pytest.approx(fine, rel=0.06 if plane else 2e-3)


def test_automatic_grid_has_borders_on_edges():
    pair = pairs()["regular_double_well"]
    grid = grid_for((pair.deficit, pair.clean), [1e-4, 2.0])
    for potential in (pair.deficit, pair.clean):
        assert np.abs(grid.edges[0] - potential.barrier()).min() == 0
        weights = phase_weights(potential, "left", grid)
        assert set(np.unique(weights)) == {0.0, 1.0}


def test_cells_that_a_border_cuts_count_by_their_share():
    """A border at 0.1 leaves three quarters of the cell from -0.2 to 0.2 on its left."""
    x, y = sympy.symbols("x y", real=True)
    sides = [Phase("low", (-sympy.S.One,) * 2, x < sympy.Rational(1, 10), sympy.S.Zero, sympy.S.One),
             Phase("high", (sympy.S.One,) * 2, x > sympy.Rational(1, 10), sympy.S.Zero, sympy.S.One)]  # fmt: skip
    plane = Potential("plane", x**2 + y**2, (x, y), (), ((-1, 1), (-1, 1)), tuple(sides), "reflecting")
    grid = Grid.uniform([(-1, 1), (-1, 1)], (5, 3))
    shares = np.array([1, 1, 0.75, 0, 0])[:, None] * np.ones(3)
    assert phase_weights(plane, "low", grid) == pytest.approx(shares)
    assert phase_weights(plane, "high", grid) == pytest.approx(1 - shares)


def test_a_valley_narrower_than_a_raster_is_kept():
    """Along the axis |w2| = 30 is 9 high, beside it a hundred; the grid ended at 6, and times were 1 % too short."""
    text = "(w2*tanh(w1)-0.5)**2 + (w2*tanh(2*w1)-0.7)**2 + 0.01*(w1**2+w2**2)"
    potential = Potential.from_expression(text)
    for temperature in (0.03, 0.3):
        level = 0.02 + 45 * temperature
        far = np.sqrt((level - 0.74) / 0.01)  # of the valley along w1 = 0
        for edges in grid_for(potential, [temperature]).edges:
            assert edges[-1] > 0.98 * far and edges[0] < -0.98 * far
