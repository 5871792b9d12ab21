"""Nonnegative least squares against an active set, and where rounding matters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from slt_toys.barriers import nonnegative
from slt_toys.barriers.nonnegative import minimise_nonnegative
from tests.seeds import fresh_seeds


def test_nonnegative_least_squares_against_an_active_set():
    random = np.random.default_rng(fresh_seeds())
    for _ in range(20):
        rows, size = 30, 18
        matrix, data = random.standard_normal((rows, size)), random.standard_normal(rows)
        gram = matrix.T @ matrix
        guess = random.random(size) < 0.5
        found, free = minimise_nonnegative(gram, matrix.T @ data, guess)
        assert found == pytest.approx(optimize.nnls(matrix, data)[0], abs=1e-9)
        assert (found >= 0).all() and np.array_equal(found > 0, free)


def test_nonnegative_least_squares_where_rounding_matters(monkeypatch):
    """Exchanges may then go round in circles; the active set that takes over gives the same least squares."""
    random = np.random.default_rng(fresh_seeds())
    matrix, data = random.standard_normal((30, 18)), random.standard_normal(30)
    gram = matrix.T @ matrix
    expected = minimise_nonnegative(gram, matrix.T @ data)
    monkeypatch.setattr(nonnegative, "ROUNDS", 0)
    found, free = minimise_nonnegative(gram, matrix.T @ data)
    assert found == pytest.approx(expected[0], abs=1e-9) and np.array_equal(free, expected[1])
    with pytest.raises(ValueError, match="gram must be positive definite"):
        minimise_nonnegative(-gram, matrix.T @ data)
