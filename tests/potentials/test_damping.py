"""Bounds of powers times what falls off, against points drawn at random."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy

from slt_toys.potentials.damping import by_bump, by_growth, exponent_of, least_quadratic
from tests.seeds import fresh_generator

x, y = sympy.symbols("x y", real=True)
PLACES = [(1, 0), (0, 2), (3, 1), (0, 0), (5, 5)]


def _value(terms, points):
    return sum(c * np.prod(np.abs(points) ** np.array(p, dtype=float), axis=-1) for p, c in terms.items())


@pytest.mark.parametrize("powers", PLACES)
def test_a_bump_bounds_powers(powers):
    rng = fresh_generator()
    root = rng.normal(size=(2, 2)) + 2 * np.eye(2)
    centre = rng.normal(size=2)
    matrix = root @ root.T
    u = sympy.Matrix([x - sympy.Rational(str(round(centre[0], 3))), y - sympy.Rational(str(round(centre[1], 3)))])
    m = sympy.Matrix(2, 2, [sympy.Rational(str(round(float(v), 3))) for v in (matrix + matrix.T).ravel()]) / 2
    q = sympy.expand((u.T * m * u)[0] - 3)
    sizes = {tuple(map(Fraction, powers)): 2.0}
    bound = by_bump(sizes, q, (x, y))
    assert bound is not None and set(bound) == {(0, 0)}
    points = centre + rng.normal(size=(20_000, 2)) * np.array([[0.3], [1.0], [3.0], [10.0]]).repeat(5000, axis=0)
    loss = sympy.lambdify((x, y), q)(*points.T)
    most = float((_value(sizes, points) * np.exp(-loss)).max())
    assert [most <= value for value in bound.values()] == [True]


def test_a_bump_about_the_origin_is_bounded_sharply():
    """The largest x^4 exp(-x²) is 4 exp(-2); and what is too small is no bound."""
    found = by_bump({(Fraction(4),): 1.0}, x**2, (x,))
    assert found is not None
    (most,) = found.values()
    assert 4 * np.exp(-2) <= most <= 1.2 * 4 * np.exp(-2)
    kept = by_bump({(Fraction(1), Fraction(2)): 1.0}, x**2, (x, y))
    assert kept is not None and list(kept) == [(0, 2)]  # y does not fall off


@pytest.mark.parametrize("exponent", [x, x**2 - y**2, x**4 + y**2, x**2 + 2 * x * y + y**2, sympy.exp(x)])
def test_what_is_no_definite_quadratic_bounds_nothing(exponent):
    assert by_bump({(Fraction(1), Fraction(0)): 1.0}, exponent, (x, y)) is None
    assert least_quadratic(exponent, (x, y)) == -np.inf


def test_growth_bounds_the_powers_of_its_own_coordinates():
    sizes = {(Fraction(3), Fraction(1)): 2.0}
    bound = by_growth(sizes, {(Fraction(1), Fraction(0)): 0.5, (Fraction(2), Fraction(0)): 0.25})
    assert list(bound) == [(0, 1)]
    place = np.linspace(0, 30, 3001)
    most = (2 * place**3 * np.exp(-0.25 * place**2)).max()
    assert all(most <= value <= 1.001 * most for value in bound.values())


def test_which_factors_fall_off():
    assert exponent_of(sympy.exp(-(x**2))) == (x**2, 1.0)
    assert exponent_of(sympy.cosh(x) ** -2) == (2 * sympy.Abs(x), 4.0)
    assert exponent_of(x) is None
    u = np.linspace(-20, 20, 401)
    assert (np.cosh(u) ** -2 <= (4 + 1e-9) * np.exp(-2 * np.abs(u))).all()


def test_least_of_a_quadratic():
    assert least_quadratic(x**2 + x * y + y**2 - 3 * x + 1, (x, y)) == pytest.approx(-2, abs=1e-8)
    assert least_quadratic(x**2 + x * y + y**2 - 3 * x + 1, (x, y)) <= -2
