"""Critical points of polynomials in the plane: exact, or certified in a box that holds them all."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.certified_points import PhaseError
from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.plane_points import points_of, polynomial_box

x, y = sympy.symbols("x y", real=True)
HIMMELBLAU = parse_expression("(x**2+y-11)**2+(x+y**2-7)**2")  # Himmelblau (1972), Applied Nonlinear Programming


def test_elimination_and_bisection_find_the_same_points():
    anywhere = points_of(HIMMELBLAU, (x, y), None)
    boxed = points_of(sympy.exp(HIMMELBLAU / 100), (x, y), ((-6.0, 6.0), (-6.0, 6.0)))
    assert len(anywhere) == len(boxed) == 9
    order = sorted(anywhere, key=lambda point: tuple(point.place))
    np.testing.assert_allclose([p.place for p in order], [p.place for p in boxed], rtol=1e-12, atol=1e-12)
    assert [p.signs for p in order] == [p.signs for p in boxed]
    assert (sympy.Integer(3), sympy.Integer(2)) in [p.point for p in anywhere]


@pytest.mark.parametrize("unit", [sympy.Rational(1, 10**6), 1, 10**6])
def test_a_box_found_by_elimination_holds_every_point(unit):
    energy = (x**2 / unit**2 - 1) ** 2 + (y**2 / unit**2 - 2) ** 2 + x * y**2 / unit**3 / 5
    points = points_of(sympy.expand(energy), (x, y), None)
    (a, b), (c, d) = polynomial_box(sympy.expand(energy), (x, y))
    assert len(points) >= 4
    assert all(a <= p.place[0] <= b and c <= p.place[1] <= d for p in points)


def test_points_that_are_not_isolated_are_refused():
    with pytest.raises(PhaseError, match=r"not isolated.*declare them"):
        points_of((x**2 + y**2 - 1) ** 2, (x, y), None)
    with pytest.raises(PhaseError, match="box= must say"):
        points_of(sympy.exp(x) + y**2 * sympy.cos(y), (x, y), None)
