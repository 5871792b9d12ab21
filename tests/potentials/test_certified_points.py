"""Critical points of smooth energies in a box: all of them, each of the right kind, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from slt_toys.potentials.certified_points import PhaseError, certified_points, proved_signs
from slt_toys.potentials.expressions import parse_expression
from tests.seeds import fresh_generator

w, x, y = sympy.symbols("w x y", real=True)
# Müller and Brown (1979), Theor. Chim. Acta 53, 75.
MUELLER_BROWN = (
    "-200*exp(-(x-1)**2-10*y**2) - 100*exp(-x**2-10*(y-0.5)**2)"
    "- 170*exp(-6.5*(x+0.5)**2+11*(x+0.5)*(y-1.5)-6.5*(y-1.5)**2)"
    "+ 15*exp(0.7*(x+1)**2+0.6*(x+1)*(y-1)+0.7*(y-1)**2)"
)


def test_the_five_points_of_mueller_and_brown():
    points = certified_points(parse_expression(MUELLER_BROWN), (x, y), ((-1.5, 1.2), (-0.2, 2.0)))
    kinds = [point.signs for point in points]
    assert kinds == [(-1, 1), (1, 1), (1, 1), (-1, 1), (1, 1)]
    # As printed in the paper, to its three decimals.
    printed = [(-0.822, 0.624), (-0.558, 1.442), (-0.050, 0.467), (0.212, 0.293), (0.623, 0.028)]
    np.testing.assert_allclose([point.place for point in points], printed, atol=6e-4)


def test_symmetric_points_are_exact():
    points = certified_points(sympy.cos(w) + sympy.cosh(w / 4) * w**2 / 50, (w,), ((-7.0, 7.0),))
    assert sympy.S.Zero in [point.point[0] for point in points]
    (well,) = certified_points(sympy.cosh(w) - w**2 / 2, (w,), ((-1.0, 1.3),))
    assert (well.point, well.order, well.is_minimum) == ((sympy.S.Zero,), 4, True)
    (slope,) = certified_points(sympy.sinh(w) - w, (w,), ((-1.0, 1.3),))
    assert slope.order == 3 and not slope.is_minimum and not slope.is_maximum


@pytest.mark.parametrize(
    ("energy", "message"),
    [
        ((x**2 + y**2 - 1) ** 2, "cannot be decided near"),
        (sympy.exp(-(x**2)) * (1 + y**2 * 0), "degenerate, flat"),
        (x**4 + y**2, "cannot be decided near"),
        (sympy.Abs(x) + y**2, "not smooth"),
        (sympy.gamma(x + 9) + y**2, "no interval form.*declare them"),
    ],
)
def test_what_is_flat_or_singular_is_refused(energy, message):
    with pytest.raises(PhaseError, match=message) as caught:
        certified_points(energy, (x, y), ((-2.0, 2.2), (-2.1, 2.0)))
    assert "\n" not in str(caught.value)


gaussian = st.tuples(*(st.integers(a, b) for a, b in ((5, 30), (-16, 16), (-16, 16), (4, 30), (4, 30))))


@settings(max_examples=5)
@given(st.lists(gaussian, min_size=1, max_size=4))
def test_minima_of_wells_are_those_that_descents_from_many_starts_find(wells):
    energy = (x**2 + y**2) / 10 - sympy.Add(
        *(
            sympy.Rational(depth, 10) * sympy.exp(-(((8 * x - a) ** 2 * m + (8 * y - b) ** 2 * n) / sympy.Integer(640)))
            for depth, a, b, m, n in wells
        )
    )
    try:
        points = certified_points(energy, (x, y), ((-4.0, 4.0), (-4.0, 4.0)))
    except PhaseError:
        return  # a fold within rounding, which no descent would settle either
    minima = np.array([point.place for point in points if point.is_minimum])
    # A field that points outward all along the walls has index 1 (Poincaré and Hopf).
    assert sum((-1) ** sum(sign < 0 for sign in point.signs) for point in points) == 1
    function = sympy.lambdify((x, y), energy)
    slope = sympy.lambdify((x, y), [sympy.diff(energy, x), sympy.diff(energy, y)])
    for start in fresh_generator().uniform(-3.5, 3.5, (25, 2)):
        end = minimize(lambda p: function(*p), start, jac=lambda p: np.array(slope(*p)), options={"gtol": 1e-9}).x
        assert np.linalg.norm(minima - end, axis=1).min() < 1e-4


def test_signs_are_not_claimed_where_they_may_change():
    matrix = np.array([[2.0, 1.0], [1.0, 0.5]])
    assert proved_signs(matrix - 1e-3, matrix + 1e-3) is None
    assert proved_signs(matrix - np.eye(2), matrix - np.eye(2)) == (-1, 1)
    assert proved_signs(np.diag([1e-9, 1e9]), np.diag([1.1e-9, 1.1e9])) == (1, 1)
