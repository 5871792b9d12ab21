"""Number fields of coefficients: signs of the real number meant, factors, and refusals of fields too large."""

from __future__ import annotations

import pytest
import sympy
from sympy import QQ, CRootOf, Poly, Rational, cbrt, expand, sqrt, symbols

from tests.seeds import fresh_generator
from theory.learning_coefficient.number_field import factored_over_field, field_of
from theory.learning_coefficient.pictures import UnresolvedError

x, y, z = symbols("x y z", real=True)
ROOT = CRootOf(x**3 - 3 * x + 1, 0)  # the smallest of three real roots, about -1.88


@pytest.mark.parametrize("atoms", [(sqrt(2),), (cbrt(2),), (ROOT,), (sqrt(2), sqrt(3)), (sqrt(6), sqrt(2), sqrt(3))])
def test_signs_are_those_of_the_real_number(atoms):
    rng = fresh_generator()
    field = field_of(sympy.Add(*atoms))
    for _ in range(12):
        number = sum(int(k) * a for k, a in zip(rng.integers(-5, 6, len(atoms)), atoms, strict=True)) + int(
            rng.integers(-8, 9)
        )
        read = field.terms(number * x, (x,)) if number != 0 else {}
        assert field.sign(read.get((1,), field.domain.zero)) == sympy.sign(sympy.N(number, 30))


def test_a_conjugate_has_the_other_sign():
    field = field_of(sqrt(2) * x)
    assert field.sign(field.terms(sqrt(2) * x, (x,))[(1,)]) == 1
    assert field.sign(field.terms(-sqrt(2) * x, (x,))[(1,)]) == -1


def factored(f, names):
    found = factored_over_field(f, names)
    assert found is not None
    return found


def test_factors_multiply_to_the_polynomial():
    f = expand((x - sqrt(2) * y) ** 2 * (y + sqrt(2) * z) * z)
    constant, factors = factored(f, (x, y, z))
    assert sorted(power for _, power in factors) == [1, 1, 2]
    assert expand(constant * sympy.Mul(*[g**k for g, k in factors]) - f) == 0
    # Written products are factored part by part; a factor met twice counts twice.
    written = (sqrt(2) * x - 2 * y) ** 3 * (x - sqrt(2) * y) * z**2
    constant, factors = factored(written, (x, y, z))
    assert sorted(power for _, power in factors) == [2, 4]
    assert expand(constant * sympy.Mul(*[g**k for g, k in factors]) - written) == 0


def test_rational_splitting_needs_the_field():
    assert len(Poly(x**2 - 2 * y**2, x, y, domain=QQ).factor_list()[1]) == 1
    _, factors = factored(expand(sqrt(2) * (x**2 - 2 * y**2)), (x, y))
    assert len(factors) == 2


def test_refusals():
    with pytest.raises(UnresolvedError, match="large degree"):
        field_of(sqrt(2) + cbrt(3))
    with pytest.raises(UnresolvedError, match="no coefficient"):
        field_of(Rational(1, 2) * x)
    with pytest.raises(UnresolvedError, match="not algebraic"):
        field_of(sqrt(2) * x).terms(sympy.pi * sqrt(2) * x, (x,))
    assert factored_over_field((sqrt(2) * x + y + z) ** 3 * expand((x + sqrt(2) * y + z + 1) ** 20), (x, y, z)) is None
