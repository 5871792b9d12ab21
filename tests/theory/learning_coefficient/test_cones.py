"""Cones cut into simplicial ones: the parts cover them, and overlap in faces only."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Matrix

from tests.seeds import fresh_generator
from theory.learning_coefficient.cones import simplicial_cones


def _inside(cones, q):
    """In how many of the parts q lies, none of its weights being zero."""
    return sum(np.all(np.linalg.solve(np.array(rays, dtype=float).T, q) > 0) for rays in cones)


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_random_cones_are_covered_once(dimension):
    rng = fresh_generator()
    for _ in range(8):
        rows = rng.integers(-3, 4, size=(dimension + int(rng.integers(4)), dimension))
        rows = rows[rows.any(axis=1)]
        if not len(rows) or Matrix(rows.tolist()).rank() < dimension:
            continue
        cones = simplicial_cones(Matrix(rows.tolist()).tolist())
        for q in rng.normal(size=(200, dimension)):
            assert _inside(cones, q) == bool(np.all(rows @ q > 0))


def test_square_and_empty_cones():
    square = Matrix([[1, 0, 1], [-1, 0, 1], [0, 1, 1], [0, -1, 1]]).tolist()
    assert len(simplicial_cones(square)) == 2
    assert simplicial_cones(Matrix([[1, 0], [-1, 0], [0, 1]]).tolist()) == []
    assert simplicial_cones(Matrix([[1], [-1]]).tolist()) == []
