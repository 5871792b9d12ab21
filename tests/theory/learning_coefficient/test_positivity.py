"""Whether a point is a minimum: proofs, negative values, and refusals where there is neither."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from sympy import Add, Integer, Poly, Rational, expand, lambdify, sqrt, symbols, sympify

import theory.learning_coefficient.positivity as positivity
from theory.learning_coefficient.engine import LearningCoefficientRefused, rlct
from theory.learning_coefficient.positivity import UndecidedError, is_sum_of_squares, why_negative

w, x, y, z = symbols("w x y z", real=True)
XYZ = (x, y, z)
MOTZKIN = x**4 * y**2 + x**2 * y**4 - 3 * x**2 * y**2 * z**2 + z**6
ROBINSON = (
    x**6 + y**6 + z**6 - x**4 * (y**2 + z**2) - y**4 * (x**2 + z**2) - z**4 * (x**2 + y**2) + 3 * x**2 * y**2 * z**2
)


def below(polynomial, *variables):
    return why_negative(Poly(expand(polynomial), *variables).as_dict())


@pytest.mark.parametrize(
    ("polynomial", "variables"),
    [
        (MOTZKIN, XYZ),  # no sum of squares
        (MOTZKIN.subs(z, 1), (x, y)),
        (ROBINSON, XYZ),
        (ROBINSON.subs(z, 1), (x, y)),
        (x**4 + y**4 + z**4 - Rational(282, 100) * x**2 * y * z, XYZ),  # below sqrt(8)
        (x**4 + y**4 + z**4 - Rational(147, 100) * x * y * z * (x + y), XYZ),
        ((x * y - 5) ** 2 + (x - 7) ** 2 * (y - 3) ** 2 + Rational(1, 1000), (x, y)),
        (w**4 + x**4 + y**4 + z**4 - 4 * w * x * y * z, (w, x, y, z)),  # means: equality somewhere
        ((x * y - 1) ** 2 + (y - x**2) ** 2, (x, y)),
        ((x * y - z) ** 2 + (x - y * z) ** 2 + (x + y + z - 1) ** 4 / 3, XYZ),
        ((x**3 - y) ** 2 * (x + y - 7) ** 4 * (x**2 - y + y**2 + 5), (x, y)),
        (x**2 - 2 * x + 1, (x,)),
        ((x**2 - 2) ** 2, (x,)),
        (Integer(3), (x,)),
        (Integer(0), (x,)),
        (y**2, (x, y)),
    ],
)
def test_polynomials_that_are_nowhere_negative(polynomial, variables):
    assert below(polynomial, *variables) is None


@pytest.mark.parametrize(
    ("polynomial", "variables"),
    [
        (MOTZKIN - z**6 / 10**6, XYZ),
        (MOTZKIN.subs(z, 1) - Rational(1, 10**6), (x, y)),
        (ROBINSON - x**2 * y**2 * z**2 / 1000, XYZ),
        (x**4 + y**4 + z**4 - Rational(283, 100) * x**2 * y * z, XYZ),  # above sqrt(8)
        (x**4 + y**4 + z**4 - Rational(29, 10) * x**2 * y * z, XYZ),
        (w**4 + x**4 + y**4 + z**4 - Rational(4001, 1000) * w * x * y * z, (w, x, y, z)),
        (x**4 + y**4 + z**4 - Rational(149, 100) * x * y * z * (x + y), XYZ),
        ((x**2 * y - 3) ** 2 + (x - y) ** 2 / 10**3 - Rational(1, 10**6), (x, y)),  # negative in a sliver
        ((x - Rational(17, 10)) ** 2 - Rational(1, 10**12), (x,)),
        ((x**2 - 2) ** 2 * (x**2 - 3), (x,)),
        ((y - x**2) ** 2 - x**5, (x, y)),
        (-((x - y) ** 2), (x, y)),
        (-MOTZKIN, XYZ),
        (x**3, (x,)),
        (Integer(-1), (x,)),
        (x**2 * y, (x, y)),
    ],
)
def test_polynomials_that_are_negative_somewhere(polynomial, variables):
    assert isinstance(below(polynomial, *variables), str)


def test_a_point_that_is_named_is_negative():
    for polynomial in (MOTZKIN - z**6 / 100, x**4 + y**4 + z**4 - 3 * x**2 * y * z, (x - y) ** 3, x**6 - 3 * y**6):
        found = below(polynomial, *XYZ)
        assert found is not None and found.startswith("is negative at (")
        point = found.split("(", 1)[1].rsplit(")", 1)[0].split(", ")
        assert polynomial.subs(dict(zip(XYZ, map(sympify, point), strict=True))) < 0


coefficient = st.integers(-4, 4)
monomials = [(i, j) for i in range(5) for j in range(5 - i)]


@settings(max_examples=25, deadline=None)
@given(st.lists(coefficient, min_size=len(monomials), max_size=len(monomials)))
def test_drawn_quartics_agree_with_a_numeric_minimum(coefficients):
    """Against a minimisation from many starts: a clear sign of the minimum must be the sign that is proved."""
    polynomial = sum(
        (c * x**i * y**j for c, (i, j) in zip(coefficients, monomials, strict=True)), x**4 + y**4 + x**2 * y**2
    )
    value = lambdify((x, y), polynomial, "numpy")
    found = below(polynomial, x, y)
    starts = np.random.default_rng(0).normal(size=(12, 2)) * 2
    least = min(
        float(np.min(optimize.minimize(lambda p: np.arctan(value(*p) / 1e3), start, method="Nelder-Mead").fun))
        for start in starts
    )
    if least < -1e-9:
        assert found is not None
    if found is None:
        assert least > -1e-9


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 3), min_size=6, max_size=6), min_size=1, max_size=3), st.integers(0, 1))
def test_drawn_sums_of_squares_are_never_negative(rows, lower):
    quadratics = [sum(c * m for c, m in zip(row, (1, x, y, x**2, x * y, y**2), strict=True)) for row in rows]
    total = Add(*[q**2 for q in quadratics])
    assert is_sum_of_squares(total)
    assert below(total, x, y) is None
    if lower:  # what it is at one point, and a little, taken away: negative there
        at = {x: Rational(3, 7), y: Rational(-5, 3)}
        assert below(total - total.subs(at) - Rational(1, 10**9), x, y) is not None


def test_sums_of_squares_are_seen_as_they_are_written():
    squares = (x**2 + 3 * (x - y) ** 4, (x * y - z) ** 2 * y**6, sqrt(2) * x**2, Integer(0), (x**2 + y**2) ** 3)
    assert all(is_sum_of_squares(yes) for yes in squares)
    others = (x, x**3, x**2 - y**2, x**2 + y, -(x**2), (x - y) ** 3, x**2 * y, Integer(-1), 1 / x**3, -sqrt(2) * x**2)
    assert not any(is_sum_of_squares(no) for no in others)


def test_what_is_beyond_the_proof_is_said():
    # In four coordinates and degree 10: neither a proof nor a negative value.
    hard = expand((w**2 * x - y * z**2 + w**5) ** 2 + (x**3 * y - z**4) ** 2 + (w * x - y**2 + z) ** 2)
    with pytest.raises(UndecidedError, match="beyond the proof"):
        why_negative(Poly(hard, w, x, y, z).as_dict())


# Losses with zero at the origin that go below it arbitrarily near, in ways that points on rays do not show.
NO_MINIMUM = [
    (x**4 + y**4 + z**4 - Rational(29, 10) * x**2 * y * z, XYZ),
    (x**4 + y**4 + z**4 - Rational(283, 100) * x**2 * y * z, XYZ),
    (MOTZKIN - z**6 / 1000, XYZ),
    (MOTZKIN + x**8 - z**6 / 1000, XYZ),
    (x**4 + y**6 + z**8 - 3 * x**2 * y**2 * z * Rational(9, 10) - x * y**3 * z**2 * 3, XYZ),
    ((y - x**2) ** 2 - x**5, (x, y)),
    ((y - x**2) ** 2 - x**6 * y, (x, y)),
    ((y - x**2) ** 2 * (x**2 + y**2) - x**20, (x, y)),
    ((y**2 - x**3) ** 2 - x**5 * y**3, (x, y)),
    ((y - x**2 - x**3) ** 2 - x**9, (x, y)),
    (((y - x**2) ** 2 + x**7) ** 2 - x**16, (x, y)),
    ((x**2 - 2 * y**2) ** 2 - y**7, (x, y)),
    ((z - x * y) ** 2 + x**6 + y**8 - Rational(21, 10) * x**3 * y**4, XYZ),
    ((z**2 - x * y) ** 2 + x**6 + y**6 - Rational(21, 10) * x**3 * y**3, XYZ),
    ((x**2 + y**2 - z**2) ** 2 - z**5, XYZ),
    ((x**2 + y**2 - z**2) ** 2 - x**7, XYZ),
    ((y - x**2) ** 2 + z**2 * (z**2 - x**5), XYZ),
    ((x**2 - y**2) ** 2 + x**2 * z**4 - y**6 + z**10, XYZ),
    (w**4 + x**4 + y**4 + z**4 - Rational(41, 10) * w * x * y * z, (w, x, y, z)),
    ((w**2 + x**2) * (MOTZKIN - z**6 / 1000), (w, x, y, z)),
    (x**2 * y**2 - x**4 * y**4 * 2 - x**6, (x, y)),
    (x**8 + y**8 + z**4 + Rational(29, 10) * z * x**2 * y**4, XYZ),  # for z < 0 only, above sqrt(8)
    (x**4 + y**4 + z**4 - Rational(149, 100) * x * y * z * (x + y), XYZ),  # either term alone would do no harm
    ((y**2 - z**2) ** 2 + x**2 + x * y**2, XYZ),  # for x < 0 only
    (-(x**2 + y**2) * (z**2 + w**2), (w, x, y, z)),
    ((x**2 + y**2) ** 2 * (w**2 + z**4) * (x - 1), (w, x, y, z)),
    (z**2 - x**2 - y**2 + x * y / 2 + y * z / 2, XYZ),  # two negative eigenvalues: the determinant is positive
    (w**2 + z**2 - x**2 - y**2 + x * y / 2 + y * z / 2 + w * x / 3, (w, x, y, z)),
]


@pytest.mark.parametrize(("loss", "coordinates"), NO_MINIMUM)
def test_what_goes_below_is_never_answered(loss, coordinates):
    with pytest.raises(LearningCoefficientRefused) as refusal:
        rlct(expand(loss), coordinates, (0,) * len(coordinates))
    text = str(refusal.value)
    assert "\n" not in text
    assert "not a local minimum" in text or "cannot show" in text or "is a local minimum, known bounds" in text


@pytest.mark.parametrize(
    ("loss", "coordinates", "value", "multiplicity"),
    [
        (x**4 + y**4 + z**4 - Rational(282, 100) * x**2 * y * z, XYZ, Rational(3, 4), 1),
        (x**4 + y**4 + z**4 - 2 * x**2 * y * z, XYZ, Rational(3, 4), 1),
        (MOTZKIN + z**6 / 1000, XYZ, Rational(1, 2), 1),
        (MOTZKIN, XYZ, Rational(1, 2), 1),  # lines of zeros, regular across: 1 there
        (w**4 + x**4 + y**4 + z**4 - Rational(39, 10) * w * x * y * z, (w, x, y, z), Integer(1), 1),
        ((z - x * y) ** 2 + x**6 + y**8 - Rational(1, 10) * x**3 * y**4, XYZ, Rational(19, 24), 1),
        ((z**2 - x * y) ** 2 + x**6 + y**6 - Rational(19, 10) * x**3 * y**3, XYZ, Rational(2, 3), 1),
        ((y - x**2) ** 2 + x**6 * y, (x, y), Rational(5, 8), 1),  # x^8 along y = x^2: 1/2 + 1/8
        ((y - x**2) ** 2 + x**6 - x**9, (x, y), Rational(2, 3), 1),  # the last term has the other sign
        ((x + y + z) ** 2 + (x - y) ** 4 + z**6, XYZ, Rational(11, 12), 1),  # after a linear change: 1/2 + 1/4 + 1/6
        ((x + 2 * y - z) ** 2 + (y + z) ** 4 + (x - y) ** 8 + x**4 * (y + z) ** 2, XYZ, Rational(7, 8), 1),
        ((x**2 + y**2) * (x**2 + z**2) + y**2 * z**2 - x**2 * y * z, XYZ, Rational(3, 4), 1),
    ],
)
def test_what_is_a_minimum_is_still_answered(loss, coordinates, value, multiplicity):
    found = rlct(expand(loss), coordinates, (0,) * len(coordinates))
    assert (found.value, found.multiplicity) == (value, multiplicity)


def test_without_a_proof_the_point_is_named_and_with_squares_it_is_not_needed(monkeypatch):
    """The same loss, written as squares and expanded, where the sign cannot be decided."""
    loss = (x**2 - y * z) ** 2 + (y**2 - x * z) ** 2 + x**4 + z**4 + y**4
    monkeypatch.setattr(positivity, "_LARGEST_DEGREE", {1: 200})
    monkeypatch.setattr(positivity, "_by_circuit", lambda terms: None)
    assert rlct(loss, XYZ, (0, 0, 0)).value == Rational(3, 4)
    with pytest.raises(LearningCoefficientRefused, match=r"cannot show that \(0, 0, 0\) is a local minimum"):
        rlct(expand(loss), XYZ, (0, 0, 0))
    monkeypatch.undo()
    assert rlct(expand(loss), XYZ, (0, 0, 0)).value == Rational(3, 4)
