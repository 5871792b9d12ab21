"""Basins of attraction: what a map says of a point is where steepest descent from it ends."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from slt_toys.potentials.basins import Departure, basin_map
from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.plane_points import points_of
from slt_toys.potentials.steepest import Landscape, Lost
from tests.seeds import fresh_generator

x, y = sympy.symbols("x y", real=True)
BOX = ((-5.5, 5.5), (-5.0, 5.0))
HIMMELBLAU = parse_expression("(x**2+y-11)**2+(x+y**2-7)**2")


def map_of(energy, box, drop=0):
    points = points_of(energy, (x, y), box)
    places = np.array([point.place for point in points])
    land = Landscape.of(energy, (x, y), places, [i for i, p in enumerate(points) if p.is_minimum], box, False)
    departures = []
    for point in points:
        if point.signs == (-1, 1):
            a, b, c = land.curvature(*point.place)
            upward = np.linalg.eigh(np.array([[a, b], [b, c]]))[1][:, 1]
            departures += [Departure(point.place, upward), Departure(point.place, -upward)]
    return basin_map(land, departures[: len(departures) - drop]), places[list(land.minima)]


def test_labels_are_where_a_plain_integrator_ends():
    own, minima = map_of(HIMMELBLAU, BOX)
    slope = sympy.lambdify((x, y), [-sympy.diff(HIMMELBLAU, x), -sympy.diff(HIMMELBLAU, y)])
    points = fresh_generator().uniform(BOX[0][0] + 0.5, BOX[0][1] - 0.5, (60, 2))
    ends = [solve_ivp(lambda _, p: slope(*p), (0, 3), p, method="LSODA", rtol=1e-8).y[:, -1] for p in points]
    expected = [int(np.linalg.norm(minima - end, axis=1).argmin()) for end in ends]
    assert own.label(points).tolist() == expected
    assert own.label(minima).tolist() == [0, 1, 2, 3]
    # Beside every crossing the label changes, and nowhere else along the line.
    lines = fresh_generator().uniform(*BOX[0], 25)
    number, heights = own.crossings(lines)
    for i, place in enumerate(lines):
        grid = np.linspace(*BOX[1], 4001)
        labels = own.label(np.stack([np.full(grid.size, place), grid], axis=1))
        crossed = heights[number == i]
        changes = np.flatnonzero(np.diff(labels))
        assert len(changes) <= len(crossed)
        for change in changes:
            assert ((crossed >= grid[change]) & (crossed <= grid[change + 1])).any()
        for height in crossed:
            below, above = own.label(np.array([[place, height - 1e-9], [place, height + 1e-9]]))
            assert below != above
    assert own.label(np.array([[np.nan, 0.0]])).tolist() == [-1]


def test_a_symmetric_landscape_has_upright_borders():
    """Metzner, Schütte and Vanden-Eijnden (2006), J. Chem. Phys. 125, 084110: three holes, symmetric in x."""
    energy = parse_expression(
        "3*exp(-x**2-(y-1/3)**2)-3*exp(-x**2-(y-5/3)**2)-5*exp(-(x-1)**2-y**2)-5*exp(-(x+1)**2-y**2)"
        "+0.2*x**4+0.2*(y-1/3)**4"
    )
    own, minima = map_of(energy, ((-2.5, 2.5), (-2.0, 3.0)))
    points = fresh_generator().uniform((0, -2), (2.5, 3), (4000, 2))
    mirrored = points * [-1, 1]
    swap = np.array([2, 1, 0])
    assert (own.label(mirrored) == swap[own.label(points)]).all()
    assert len(minima) == 3 and np.bincount(own.label(points), minlength=3)[0] == 0


def test_a_missing_border_is_noticed():
    with pytest.raises(Lost):
        map_of(HIMMELBLAU, BOX, drop=2)
