"""Where descents come to rest on the walls of a box, or part there."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.certified_points import PhaseError
from slt_toys.potentials.wall_points import WallMinimum, wall_points

x, y, z = sympy.symbols("x y z", real=True)


def test_a_descent_parts_at_a_maximum_of_the_wall():
    """The saddle at (0, 1) lies beyond the upper wall, which holds descents to both wells back around x = 0."""
    energy = 4 * (x**2 - 1) ** 2 + y**2 / 2 + y * (2 * x**2 - 1)
    (point,) = wall_points(energy, (x, y), ((-2.5, 2.5), (-4.0, 0.6)))
    assert point.signs == (-1,) and point.place == pytest.approx([0, 0.6], abs=1e-12)
    assert wall_points(energy, (x, y), ((-2.5, 2.5), (-4.0, 1.5))) == ()


@pytest.mark.parametrize(
    ("energy", "place"),
    [
        (x**2 + y, r"\(-?0(\.0*)?, -1\)"),
        (x - y, r"\(-1, 1\)"),
        (sympy.exp(x) + (y - sympy.Rational(1, 3)) ** 2, r"\(-1, 0.333333\)"),
    ],
)
def test_a_minimum_on_a_wall_or_in_a_corner_is_refused(energy, place):
    with pytest.raises(WallMinimum, match=f"minimum on the wall of the box, at {place}"):
        wall_points(energy, (x, y), ((-1.0, 1.0), (-1.0, 1.0)))


def test_what_cannot_be_decided_is_refused():
    with pytest.raises(PhaseError, match="cannot be decided"):
        wall_points(x**2 + (y - 1) ** 2, (x, y), ((-1.0, 1.0), (-1.0, 1.0)))  # a minimum exactly on a wall


def test_faces_of_three_coordinates():
    energy = x**2 + y**2 + (z - sympy.Rational(1, 5)) ** 2
    assert wall_points(energy, (x, y, z), ((-1.0, 1.0),) * 3) == ()
    with pytest.raises(WallMinimum, match=r"at .*, 0.1"):
        wall_points(energy, (x, y, z), ((-1.0, 1.0), (-1.0, 1.0), (-1.0, 0.1)))


def test_a_moved_box_moves_the_points():
    energy = (x**2 - 1) ** 2 - y
    shifted = energy.subs({x: x - 3, y: y + 2}, simultaneous=True)
    with pytest.raises(WallMinimum):
        wall_points(energy, (x, y), ((-2.0, 2.0), (-1.0, 1.0)))
    with pytest.raises(WallMinimum) as caught:
        wall_points(shifted, (x, y), ((1.0, 5.0), (-3.0, -1.0)))
    assert np.isclose(float(str(caught.value).split("at (")[1].split(",")[0]), 2.0)
