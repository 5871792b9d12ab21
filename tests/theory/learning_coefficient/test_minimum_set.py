"""The smallest learning coefficient over a set of minima and where it is attained."""

from __future__ import annotations

import pytest
import sympy
from sympy import Rational, sqrt, symbols

from theory.learning_coefficient.engine import LearningCoefficientRefused
from theory.learning_coefficient.minimum_set import rlct_on_plane_curve, rlct_on_points

x, y = symbols("x y")
half = Rational(1, 2)

CURVES = [
    ((x * y - 1) ** 2, half, 1, ("smooth points of x*y - 1 = 0",)),
    ((x**2 - y**3) ** 2, Rational(5, 12), 1, ("(0, 0)",)),
    ((x**2 - y**3) ** 2 * (x - 1) ** 4, Rational(1, 4), 1, ("smooth points of x - 1 = 0", "(1, 1)")),
    ((y**2 - x**2 * (x + 1)) ** 2, half, 2, ("(0, 0)",)),  # the node of a nodal cubic
    ((y**2 - x**2 * (x - 1)) ** 2, half, 1, ("smooth points of x**3 - x**2 - y**2 = 0", "(0, 0)")),  # isolated point
    (x**2 + y**2, sympy.Integer(1), 1, ("(0, 0)",)),
    ((x**2 - 2) ** 2 * y**2, half, 2, ("(-sqrt(2), 0)", "(sqrt(2), 0)")),
    ((x**2 + y**2 - 3) ** 2 * (x**2 - 2) ** 2, half, 2, None),
    ((x**2 - 2) ** 2, half, 1, ("smooth points of x**2 - 2 = 0",)),
    ((y**2 - x**3 + 3 * x - 1) ** 2, half, 1, ("smooth points of x**3 - 3*x - y**2 + 1 = 0",)),  # an oval apart
    (x**2 * y**2 * (x + y) ** 2 * (x - 1) ** 2, Rational(1, 3), 1, ("(0, 0)",)),
]


@pytest.mark.parametrize(("loss", "value", "multiplicity", "places"), CURVES)
def test_plane_curves_of_minima(loss, value, multiplicity, places):
    found = rlct_on_plane_curve(loss, (x, y))
    assert (found.result.value, found.result.multiplicity) == (value, multiplicity)
    if places is not None:
        assert found.places == places
    assert "over the set" in found.result.certificate[-1]


def test_points_of_one_height():
    loss = (x**2 - 1) ** 2 * (x - 1) ** 2 + y**2 * (y - sqrt(2)) ** 4
    points = [(-1, 0), (1, 0), (-1, sqrt(2)), (1, sqrt(2))]
    found = rlct_on_points(loss, (x, y), points)
    assert (found.result.value, found.result.multiplicity, found.places) == (half, 1, ("(1, sqrt(2))",))
    assert [part.value for _, part in found.strata] == [1, Rational(3, 4), Rational(3, 4), half]


def test_bad_input_gets_one_clear_line():
    for call, message in [
        (lambda: rlct_on_points(x**2, (x,), []), "points: expected at least one point"),
        (lambda: rlct_on_points((x**2 - 1) ** 2, (x,), [(0,), (1,)]), "points: the losses differ"),
        (lambda: rlct_on_plane_curve(sympy.cos(x) + y, (x, y)), "not a polynomial of two coordinates"),
        (lambda: rlct_on_plane_curve(x**2, (x,)), "not a polynomial of two coordinates"),
        (lambda: rlct_on_plane_curve(x**2 + y**2 + 1, (x, y)), "no real zero"),
        (lambda: rlct_on_plane_curve(x**2 - y**3, (x, y)), "changes sign"),
        (lambda: rlct_on_plane_curve(-((x * y - 1) ** 2), (x, y)), "is negative"),
        (lambda: rlct_on_plane_curve((x * y - 1) ** 2 * (-1 - x**2), (x, y)), "is negative"),
        (lambda: rlct_on_plane_curve(-((x**2 - y**3) ** 2), (x, y)), "(is negative|not a local minimum)"),
        (lambda: rlct_on_plane_curve(sympy.Integer(0), (x, y)), "zero everywhere"),
        (lambda: rlct_on_plane_curve(sympy.Integer(3), (x, y)), "no real zero"),
    ]:
        with pytest.raises((ValueError, LearningCoefficientRefused), match=message) as error:
            call()
        assert "\n" not in str(error.value)
