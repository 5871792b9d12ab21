"""Regions as functions of points: inequalities, basins, and both together."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.potential import Potential
from slt_toys.potentials.regions import Basin, Turned, basins_in, region_function, region_labels
from tests.seeds import fresh_generator

x, y, z = sympy.symbols("x y z", real=True)
HIMMELBLAU = (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def test_basins_are_regions_like_others():
    basins = [Basin(HIMMELBLAU, (x, y), (), number) for number in range(4)]
    points = fresh_generator().uniform(-6, 6, (500, 2))
    labels = region_labels(tuple(basins), (x, y))(points)
    assert set(labels) == {0, 1, 2, 3}
    alone = np.stack([region_function(basin, (x, y))(points) for basin in basins])
    assert (alone.sum(axis=0) == 1).all() and (alone.argmax(axis=0) == labels).all()
    assert (
        region_labels((basins[2], basins[0]), (x, y))(points) == np.select([labels == 2, labels == 0], [0, 1], -1)
    ).all()
    assert basins[1] == Basin(*basins[1].args) and basins[0].free_symbols == {x, y}
    both = sympy.And(basins[2], z < 1)
    inside = region_function(both, (z, x, y))(np.array([[0.0, 3, 2], [2.0, 3, 2], [0.0, -3, 3]]))
    assert inside.tolist() == [True, False, False]
    with pytest.raises(ValueError, match="joined by And"):
        region_function(sympy.Or(basins[0], z < 1), (x, y, z))
    assert basins_in([x < 1, x >= 1], (x, y), ((-1.0, 1.0), (-1.0, 1.0))) is None


def test_a_basin_follows_its_energy_when_coordinates_are_renamed_swapped_or_scaled():
    points = fresh_generator().uniform(-6, 6, (300, 2))
    own = region_labels(tuple(Basin(HIMMELBLAU, (x, y), (), n) for n in range(4)), (x, y))(points)
    swapped = Potential.from_expression(HIMMELBLAU.subs({x: y, y: x}, simultaneous=True))
    back = [int(n) for n in swapped.phase_index([[2.0, 3.0], [-1.8, 3.6], [3.1, -2.8], [-3.3, -3.8]])]
    assert (swapped.phase_index(points[:, ::-1]) == np.array([back[k] for k in (3, 2, 0, 1)])[own]).all()
    scaled = Potential.from_expression(HIMMELBLAU.subs({x: 1000 * x, y: 1000 * (y - 2)}, simultaneous=True) / 10**6)
    assert (scaled.phase_index(points / 1000 + [0, 2]) == own).all()


def test_basins_turn_with_the_axes():
    points, turn = fresh_generator().uniform(-6, 6, (300, 2)), np.array([[0.8, 0.6], [-0.6, 0.8]])
    plain = tuple(Basin(HIMMELBLAU, (x, y), (), n) for n in range(4))
    regions = tuple(Turned(basin, (x, y), sympy.Rational(4, 5), sympy.Rational(3, 5)) for basin in plain)
    own = region_labels(plain, (x, y))(points)
    assert (region_labels(regions, (x, y))(points @ turn.T) == own).all()
    assert (region_labels(regions, (x, y))(points @ turn) != own).any()  # turned the other way
    assert (region_function(regions[2], (x, y))(points @ turn.T) == (own == 2)).all()
    assert sympy.sstr(regions[0]).startswith("basin of minimum 1") and sympy.sstr(regions[0]).endswith("turned")


def test_far_out_a_basin_goes_on():
    potential = Potential.from_expression(HIMMELBLAU)
    near, far = ([[40.0, 30.0], [-40.0, 38.0], [-33.0, -40.0], [40.0, -25.0]], [[1e9, 1e9], [-1e9, -1e9]])
    assert potential.phase_index(near).tolist() == [2, 1, 0, 3]
    assert potential.phase_index(far).tolist() == [2, 0]
    assert potential.phase_index([[np.inf, 0.0]]).tolist() == [-1]


def test_walls_part_a_basin_where_descents_along_them_part():
    """The saddle lies beyond the upper wall: the border starts at the wall, and by symmetry stands upright."""
    energy = "4*(x**2-1)**2 + y**2/2 + y*(2*x**2-1)"
    potential = Potential.from_expression(energy, box=((-2.5, 2.5), (-4.0, 0.6)))
    assert [phase.name for phase in potential.phases] == ["left", "right"]
    points = fresh_generator().uniform((-2.5, -4), (2.5, 0.6), (500, 2))
    assert (potential.phase_index(points) == (points[:, 0] > 0)).all()
    tilted = Potential.from_expression(energy + " + x/5", box=((-2.5, 2.5), (-4.0, 0.6)))
    near = fresh_generator().uniform((-0.02, -4), (0.02, 0.6), (500, 2))
    assert 25 < (tilted.phase_index(near) != (near[:, 0] > 0)).sum() < 250  # the border bends a little: 125 on average
    assert (tilted.phase_index(points) != (points[:, 0] > 0)).sum() < 50
