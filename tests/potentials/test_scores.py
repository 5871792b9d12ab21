"""Scores are read in the potential's symbols, and refused in one line where they cannot be."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.potential import Potential
from slt_toys.potentials.scores import momentum_symbols, read_score, score_at_rest

PLANE = Potential.from_expression("(w1**2 - 1)**2 + w2**2")
W1, W2 = PLANE.coordinates


def test_text_and_expressions_are_the_same():
    other = sympy.Symbol("w1", positive=True)  # of other assumptions: names count
    assert read_score(PLANE, "w1 + w2/2", False) == read_score(PLANE, other + W2 / 2, False) == W1 + W2 / 2


def test_the_larger_of_two_is_printed_without_a_comparison():
    score = read_score(PLANE, sympy.Max(W1, W2) + sympy.Min(W1, 1), False)
    assert not score.has(sympy.Max, sympy.Min)
    points = np.random.default_rng(0).normal(size=(50, 2))
    value = score_at_rest(PLANE, score)(points)
    assert value == pytest.approx(points.max(axis=1) + np.minimum(points[:, 0], 1))


def test_momenta_only_where_there_are_some():
    first, _ = momentum_symbols(PLANE)
    score = read_score(PLANE, "w1 + momentum_w1**2", True)
    assert score == W1 + first**2
    assert float(score_at_rest(PLANE, score)([2.0, 5.0])) == 2.0
    with pytest.raises(ValueError, match=r"score must be an expression of w1, w2, and .* has momentum_w1"):
        read_score(PLANE, "w1 + momentum_w1**2", False)


@pytest.mark.parametrize(
    "score, says",
    [
        ("w1 + z", "has z"),
        ("7", "has none of them"),
        ("w1 +", "score"),
        (3.5, "must be a coordinate's number or an expression, not 3.5"),
        (sympy.Function("f")(W1), "has the unknown function f; give its formula"),
    ],
)
def test_others_are_refused_in_one_line(score, says):
    with pytest.raises(ValueError, match=says) as problem:
        read_score(PLANE, score, False)
    assert "\n" not in str(problem.value)
