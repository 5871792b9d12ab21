"""Exact zero tests and signs of algebraic numbers, and shifted polynomials."""

from __future__ import annotations

import pytest
from sympy import CRootOf, Rational, S, sin, sqrt, symbols

from theory.learning_coefficient.algebraic import NotAlgebraicError, is_zero, shifted_terms, sign, value_at

x, y = symbols("x y", real=True)
ROOT = CRootOf(x**3 - x - 1, 0)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (sqrt(2) * sqrt(3) - sqrt(6), 0),
        (sqrt(5 + 2 * sqrt(6)) - sqrt(2) - sqrt(3), 0),
        (ROOT**3 - ROOT - 1, 0),
        (sqrt(2) - Rational(665857, 470832), -1),  # they differ by 2e-12
        (Rational(3, 2) - ROOT, 1),
    ],
)
def test_signs_are_exact(number, expected):
    assert sign(number) == expected and is_zero(number) is (expected == 0)


def test_what_is_not_algebraic_is_refused():
    with pytest.raises(NotAlgebraicError):
        shifted_terms(sin(x) + y, (x, y), (S.Zero, S.Zero))


def test_polynomials_are_shifted_exactly():
    terms = dict(shifted_terms((x - sqrt(2)) ** 2 * y, (x, y), (sqrt(2), S.Zero)))
    assert terms == {(2, 1): 1}
    assert value_at(x**2 + y, (x, y), (sqrt(2), S(-2))) == 0
