"""The exact linear programme of a monomial ideal against a numeric one."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

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


def _minimisers_dimension(rows, weights, value):
    """Dimension of the set of minimisers, from the vertices that attain the value: all intersections, in floats."""
    n = len(weights)
    planes = np.vstack([rows, np.eye(n)]).astype(float)
    right = np.concatenate([np.ones(len(rows)), np.zeros(n)])
    optimal = []
    for chosen in combinations(range(len(planes)), n):
        if abs(np.linalg.det(planes[list(chosen)])) > 1e-9:
            u = np.linalg.solve(planes[list(chosen)], right[list(chosen)])
            if u.min() > -1e-9 and (rows @ u).min() > 1 - 1e-9 and weights @ u < value + 1e-9:
                optimal.append(u)
    return np.linalg.matrix_rank(np.array(optimal) - optimal[0], tol=1e-6)


def test_multiplicities_against_all_vertices():
    rng = fresh_generator()
    for _ in range(60):
        n = int(rng.integers(1, 5))
        rows = rng.integers(0, 4, size=(int(rng.integers(1, 6)), n))
        rows = rows[rows.any(axis=1)]
        if not len(rows):
            continue
        weights = rng.integers(1, 4, size=n)
        found = linear_programme(tuple(tuple(map(int, r)) for r in rows), tuple(Fraction(int(v)) for v in weights))
        assert found[1] == _minimisers_dimension(rows, weights, float(found[0])) + 1


def test_all_pairs_and_triples_of_many_variables():
    """n/(2 k) for all products of k out of n; all of them equal only at k = n."""
    for n, k in ((6, 2), (6, 3), (8, 2), (7, 5), (6, 6)):
        rows = tuple(tuple(2 * int(i in chosen) for i in range(n)) for chosen in combinations(range(n), k))
        assert linear_programme(rows, (Fraction(1),) * n) == (Fraction(n, 2 * k), n if k == n else 1)


def test_division_of_monomials():
    assert divides((1, 0), (1, 2)) and not divides((2, 0), (1, 2))
