"""Exact learning coefficients against known answers, linear programming, quadrature and bad input."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy import integrate
from scipy.special import erf
from sympy import Abs, CRootOf, Poly, Rational, cos, exp, sqrt, symbols

from theory.learning_coefficient.engine import LearningCoefficientRefused, rlct

w, x, y, z = symbols("w x y z")
half = Rational(1, 2)
KNOWN = [
    (x**4 + y**6, (x, y), (0, 0), Rational(5, 12), 1),
    (x**2 * y**2 + x**6, (x, y), (0, 0), half, 2),
    (y**6 + y**2 * z**2 + z**6, (y, z), (0, 0), half, 2),
    (y**4 + y**2 * z**2 + z**4, (y, z), (0, 0), half, 1),
    ((x**2 + y**2) ** 2, (x, y), (0, 0), half, 1),
    ((x**2 + y**2) ** 2 * (1 + y), (x, y), (0, 0), half, 1),
    ((x**2 + y**2 - 1) ** 2 * ((x - 3) ** 2 + y**2 + Rational(1, 4)), (x, y), (1, 0), half, 1),
    ((x * y - Rational(1, 3)) ** 2, (x, y), (1, Rational(1, 3)), half, 1),
    (x**2 * y**2 * ((x - 2) ** 2 + (y - 2) ** 2 + Rational(7, 48)), (x, y), (0, 0), half, 2),
    (x**2 * y**2 * ((x - 2) ** 2 + (y - 2) ** 2 + Rational(7, 48)), (x, y), (1, 0), half, 1),
    (x**2 * y**4 * z**4, (x, y, z), (0, 0, 0), Rational(1, 4), 2),
    (x**2 * y**2 * z**2, (x, y, z), (0, 0, 0), half, 3),
    ((x**2 - y**2) ** 2, (x, y), (0, 0), half, 2),
    (x**2 + x * y + y**2, (x, y), (0, 0), sympy.Integer(1), 1),
    (x**2 + x * y**2 + y**4, (x, y), (0, 0), Rational(3, 4), 1),
    ((x + y) ** 2 + (x - y) ** 4, (x, y), (0, 0), Rational(3, 4), 1),
    (x**2 * y**2 + z**4, (x, y, z), (0, 0, 0), Rational(3, 4), 2),
    (x**4 + y**4 + z**4 - x**2 * y * z, (x, y, z), (0, 0, 0), Rational(3, 4), 1),
    (w**4, (w, x, y), (0, 0, 0), Rational(1, 4), 1),
    (sympy.Integer(3), (w,), (0,), sympy.Integer(0), 1),
    ((x**2 + y**2) ** 2 * z**4, (x, y, z), (0, 0, 0), Rational(1, 4), 1),
    ((x**2 + y**2) ** 2 * z**2, (x, y, z), (0, 0, 0), half, 2),
]


@pytest.mark.parametrize(("loss", "coordinates", "point", "value", "multiplicity"), KNOWN)
def test_known_answers(loss, coordinates, point, value, multiplicity):
    result = rlct(loss, coordinates, point)
    assert (result.value, result.multiplicity) == (value, multiplicity)
    assert result.value.is_Rational
    assert result.certificate and all(isinstance(sentence, str) for sentence in result.certificate)


@pytest.mark.parametrize("scale", [1, Rational(7, 3)])
def test_moving_scaling_and_adding_a_constant_change_nothing(scale):
    loss = (x**2 * y**2 + x**6).subs({x: x - Rational(2, 5), y: y + 3}, simultaneous=True) * scale + 11
    result = rlct(sympy.expand(loss), (x, y), (Rational(2, 5), -3))
    assert (result.value, result.multiplicity) == (half, 2)


def test_what_does_not_close_is_refused_with_bounds_that_hold():
    def tangent(square):
        return sympy.expand((x**2 - square * y**2) ** 2 + x**2 * z**4 + y**6 + z**10)

    with pytest.raises(LearningCoefficientRefused, match="known bounds") as refusal:
        rlct(tangent(2), (x, y, z), (0, 0, 0))
    assert "\n" not in str(refusal.value)
    lower, upper = str(refusal.value).split("known bounds: ")[1].split(" <= value <= ")
    # With rational tangents it closes, and scaling y by a root of two only changes the coefficient of y^6.
    assert Rational(lower) <= rlct(tangent(4), (x, y, z), (0, 0, 0)).value <= Rational(upper)


def test_algebraic_minima():
    tilted = (w**2 - 1) ** 2 - Rational(3, 20) * w
    left, top, right = Poly(sympy.diff(tilted, w), w).real_roots()
    assert isinstance(right, CRootOf)
    for minimum in (left, right):
        assert rlct(tilted, (w,), (minimum,)).value == half
    with pytest.raises(LearningCoefficientRefused, match="not a local minimum"):
        rlct(tilted, (w,), (top,))
    root = Poly(w**3 - w - 1, w).real_roots()[0]
    fourth_power = sympy.expand((w**3 - w - 1) ** 4)
    assert rlct(fourth_power, (w,), (root,)).value == Rational(1, 4)
    assert rlct((x**2 - 2) ** 2 * (y**2 - 3) ** 4, (x, y), (sqrt(2), sqrt(3))).value == Rational(1, 4)
    assert rlct((x**2 + y**2 - 3) ** 2, (x, y), (sqrt(2), 1)).value == half
    assert rlct((x - sqrt(2)) ** 4 + (y - root) ** 2, (x, y), (sqrt(2), root)).value == Rational(3, 4)
    mixed = sympy.expand(tilted + (x**2 + tilted.subs(w, y)) * 1)
    assert rlct(mixed, (w, x, y), (right, 0, left)).value == Rational(3, 2)
    # The same letter as a coordinate and as the bound variable of a root, in a loss and in a point.
    clash = Poly(x**3 - x - 1, x).real_roots()[0]
    assert rlct((x - clash) ** 2 * (y - x) ** 4, (x, y), (clash, 0)).value == half
    assert rlct((x - clash) ** 4 + (y - clash) ** 2, (x, y), (clash, clash)).value == Rational(3, 4)


def test_wells_built_by_integration():
    for a, b in ((1, 2), (2, 1), (2, 3)):
        force = (w + 1) ** (2 * a - 1) * (w - 1) ** (2 * b - 1) * (w - Rational(1, 7))
        loss = sympy.integrate(sympy.expand(force), w)
        assert rlct(loss, (w,), (-1,)).value == Rational(1, 2 * a)
        assert rlct(loss, (w,), (1,)).value == Rational(1, 2 * b)


def test_priors():
    assert rlct(x**2 * y**4, (x, y), (0, 0), Abs(x) * y**2 * (1 + x)).value == Rational(3, 4)
    assert rlct(x**2 + y**4 + x**2 * y**2, (x, y), (0, 0), Abs(x) * y**2).value == 1 + Rational(3, 4)
    assert rlct((x - y) ** 2, (x, y), (0, 0), x**2).value == half
    assert rlct((x - y) ** 2, (x, y), (0, 0), Abs(x - y)).value == 1
    assert rlct(w**4, (w,), (0,), sqrt(Abs(w))).value == Rational(3, 8)
    assert rlct(x**2, (x, y), (0, 0), y**4).value == half


def test_analytic_losses_where_that_is_safe():
    assert rlct(1 - cos(w), (w,), (0,)).value == half
    assert rlct(exp(w) - 1 - w - w**2 / 2 + w**4 - w**3 / 6, (w,), (0,)).value == Rational(1, 4)
    assert rlct(1 - cos(x) * cos(y), (x, y), (0, 0)).value == 1
    with pytest.raises(LearningCoefficientRefused, match="not a polynomial"):
        rlct((1 - cos(x * y)) + x**2, (x, y), (0, 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((x**2, (x,), (0, 1)), "point: has length 2, expected 1"),
        ((x**2, (), ()), "coordinates"),
        ((x**2, (x, x), (0, 0)), "coordinates: every Symbol must be different"),
        ((x**2 + w * y**2, (x, y), (0, 0)), "expression: depends on w"),
        ((0.15 * x**2, (x,), (0,)), "expression: holds the inexact number"),
        ((x**2, (x,), (0.5,)), "point: holds the inexact number"),
        ((x**2, (x,), (sympy.I,)), "point: expected exact real numbers"),
        ((x**2, (x,), (0,), 1 / Abs(x)), "prior: its exponent -1 of x at the point"),
        ((x**2, (x,), (0,), -1 - x), "prior: factor .* is not positive"),
        ((x**2, (x,), (0,), y), "prior: depends on y"),
        ((Abs(x) + y**2, (x, y), (0, 0)), "not known to be analytic"),
        ((sqrt(x**2 + y**2), (x, y), (0, 0)), "not known to be analytic"),
        ((1 / x + y**2, (x, y), (0, 0)), "not known to be analytic"),
        ((sympy.oo * x, (x,), (0,)), "expression: expected finite real coefficients"),
        ((x**4 + sympy.I * x * y**3, (x, y), (0, 0)), "expression: expected finite real coefficients"),
        ((sympy.pi * x**4 + x**2 * y**2 + y**6, (x, y), (0, 0)), "coefficients that are not algebraic"),
        ((x**2 + x, (x,), (0,)), "not a local minimum"),
        ((x**2 - y**2, (x, y), (0, 0)), "not a local minimum"),
        ((x**2 - y**4, (x, y), (0, 0)), "not a local minimum"),
        ((x**3 + y**2, (x, y), (0, 0)), "not a local minimum"),
        ((x * y, (x, y), (0, 0)), "not a local minimum"),
        ((-(x**2) * y**2, (x, y), (0, 0)), "not a local minimum"),
        ((x**2 * y, (x, y), (0, 0)), "not a local minimum"),
        ((x**2 - 3 * x * y**2 + y**4, (x, y), (0, 0)), "not a local minimum"),
        (((x - 1) ** 2 + y**4 + y * (x - 1), (x, y), (1, 0)), "not a local minimum"),
        (((x**2 - 2) ** 2 + y**4, (x, y), (1, 0)), "not a local minimum"),
    ],
)
def test_bad_input_gets_one_clear_line(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        rlct(*arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("loss", "numeric"),
    [
        (x**4 + y**6, lambda a, b: a**4 + b**6),
        (x**2 + x * y**2 + y**4, lambda a, b: a**2 + a * b**2 + b**4),
        ((x + y) ** 2 + (x - y) ** 4, lambda a, b: (a + b) ** 2 + (a - b) ** 4),
        ((x**2 + y**2) ** 2, lambda a, b: (a**2 + b**2) ** 2),
    ],
)
def test_value_is_the_slope_of_the_free_energy(loss, numeric):
    # Multiplicity one: Z(2 n) / Z(n) -> 2^(-value). Midpoint sums on a tangent-compressed grid, error far below .5 %.
    value = float(rlct(loss, (x, y), (0, 0)).value)
    u = (np.arange(4000) + 0.5) / 2000 - 1
    points, weights = u**5, 5 * u**4
    grid = numeric(points[:, None], points[None, :])
    volume = weights[:, None] * weights[None, :]
    sums = [float(np.sum(volume * np.exp(-n * grid))) for n in (1e6, 2e6)]
    assert np.log2(sums[0] / sums[1]) == pytest.approx(value, rel=0.005)


def test_multiplicity_two_shows_as_a_logarithm():
    # Integral of exp(-n x^2 y^2) over the unit square, one coordinate done by the error function.
    assert rlct(x**2 * y**2, (x, y), (0, 0)).multiplicity == 2

    def partition(n: float) -> float:
        def inner(log_b: float) -> float:
            b = np.exp(log_b)
            return b * np.sqrt(np.pi / n) / (2 * b) * erf(np.sqrt(n) * b)

        knee = -np.log(n) / 2
        return sum(integrate.quad(inner, *ends, epsabs=0, limit=400)[0] for ends in ((-60, knee), (knee, 0)))

    small, large = 1e8, 1e16
    scaled = [partition(n) * np.sqrt(n) for n in (small, large)]
    offset = 2 * np.log(2) + np.euler_gamma
    expected = (np.log(large) + offset) / (np.log(small) + offset)
    assert scaled[1] / scaled[0] == pytest.approx(expected, rel=1e-6)
