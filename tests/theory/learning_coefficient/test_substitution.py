"""Coordinates replaced by quotients, and polynomials written in powers of a factor."""

from __future__ import annotations

from sympy import QQ
from sympy.polys.rings import PolyRing

from theory.learning_coefficient.substitution import (
    in_powers,
    linear_parts,
    place_at,
    substituted,
    value_at_place,
    without_powers,
)

RING = PolyRing("x y z", QQ, "grevlex")
x, y, z = RING.gens


def test_linear_parts_add_up():
    f = x**2 * y + 3 * y * z - z + 1
    slope, rest = linear_parts(f, 1, RING)
    assert slope * y + rest == f and slope == x**2 + 3 * z


def test_quotients_are_substituted_with_denominators_cleared():
    assert substituted(x**2 + y, 0, z, y, RING) == z**2 + y**3  # y^2 times (z/y)^2 + y
    assert substituted(x**2 + y, 0, RING.zero, y, RING) == y**3
    assert substituted(y, 0, z, y, RING) == y


def test_places_follow_a_substitution():
    moved = place_at(((x, RING.one), (x * y, x**2), (z, RING.one)), 0, z, y, RING)
    assert moved is not None
    values = {y: QQ(2), z: QQ(3)}
    full = [(x, QQ(0)), *values.items()]
    shown = [above.evaluate(full) / below.evaluate(full) for above, below in moved]
    assert shown == [QQ(3, 2), QQ(2) / QQ(3, 2), QQ(3)]
    assert place_at(None, 0, z, y, RING) is None


def test_powers_of_a_variable_and_values():
    assert without_powers(x**3 * y + x**2, x) == x * y + 1
    assert without_powers(y, x) == y and not without_powers(RING.zero, x)
    assert value_at_place(x**2 + 3 * y, {0: QQ(2), 1: QQ(1, 3)}) == 5


def test_powers_of_a_factor():
    factor = x**2 - 2 * y**2
    assert in_powers(x**2 - y**2 * (2 - z**2), factor, 0, RING) == x + y**2 * z**2
    assert in_powers(factor**3 * z + factor, factor, 0, RING) == x**3 * z + x
    assert in_powers(x**2 + x, factor, 0, RING) is None
    assert in_powers(x**2, y * x - 1, 0, RING) is None, "a slope that is no number"
    assert in_powers(y, factor, 0, RING) == y
