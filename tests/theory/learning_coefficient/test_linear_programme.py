"""The exact linear programme of a monomial ideal against a numeric one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import optimize

from tests.seeds import fresh_generator
from theory.learning_coefficient.linear_programme import divides, linear_programme


def numeric_programme(rows, weights):
    solved = optimize.linprog(weights, A_ub=-np.array(rows), b_ub=-np.ones(len(rows)))
    return solved.fun


def test_the_exact_linear_programme_against_a_numeric_one():
    rng = fresh_generator()
    for _ in range(100):
        n = int(rng.integers(1, 5))
        rows = rng.integers(0, 5, size=(int(rng.integers(1, 5)), n))
        rows = rows[rows.any(axis=1)]
        if not len(rows):
            continue
        weights = rng.integers(1, 5, size=n)
        value, multiplicity = linear_programme(
            tuple(tuple(map(int, row)) for row in rows), tuple(Fraction(int(v)) for v in weights)
        )
        assert float(value) == pytest.approx(numeric_programme(rows, weights), abs=1e-9)
        assert 1 <= multiplicity <= n
    assert linear_programme(((2, 0), (0, 4)), (Fraction(1), Fraction(1))) == (Fraction(3, 4), 1)
    assert linear_programme(((2, 2, 2),), (Fraction(1),) * 3) == (Fraction(1, 2), 3)


def test_division_of_monomials():
    assert divides((1, 0), (1, 2)) and not divides((2, 0), (1, 2))
