"""Newton polyhedra by hand, by linear programming, and where blow-ups must agree."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from sympy import Abs, Integer, Rational, expand, symbols

from tests.theory.learning_coefficient.bent import answer
from theory.learning_coefficient.engine import rlct
from theory.learning_coefficient.local_form import factors_at
from theory.learning_coefficient.newton_polyhedron import newton_learning_coefficient, newton_polyhedron
from theory.learning_coefficient.plane_curves import PlaneFactor, resolve_plane_curve

half = Rational(1, 2)
exponent = st.integers(0, 4)
w, x, y, z = symbols("w x y z", real=True)


@st.composite
def monomial_problem(draw):
    dimension = draw(st.integers(2, 3))
    count = draw(st.integers(1, 5))
    powers = [tuple(2 * draw(exponent) for _ in range(dimension)) for _ in range(count)]
    powers = [p if any(p) else (2,) * dimension for p in powers]
    prior = [draw(st.integers(0, 2)) for _ in range(dimension)]
    return sorted(set(powers)), prior


@settings(max_examples=60, deadline=None)
@given(monomial_problem())
def test_monomials_agree_with_a_numeric_linear_programme(problem):
    powers, prior = problem
    coordinates = (x, y, z)[: len(prior)]
    loss = sum((i + 1) * sympy.Mul(*[c**e for c, e in zip(coordinates, p, strict=True)]) for i, p in enumerate(powers))
    density = sympy.Mul(*[Abs(c) ** h for c, h in zip(coordinates, prior, strict=True)])
    result = rlct(loss, coordinates, (0,) * len(prior), density)
    weights = np.array(prior) + 1.0
    solved = optimize.linprog(weights, A_ub=-np.array(powers, dtype=float), b_ub=-np.ones(len(powers)))
    assert float(result.value) == pytest.approx(solved.fun, abs=1e-9)
    assert 1 <= result.multiplicity <= len(prior)
    # Dimension of the optimal face, by maximising and minimising random directions over it.
    widths = []
    for direction in np.random.default_rng(0).normal(size=(12, len(prior))):
        ends = [
            optimize.linprog(
                s * direction,
                A_ub=np.vstack([-np.array(powers, dtype=float), weights]),
                b_ub=np.append(-np.ones(len(powers)), solved.fun * (1 + 1e-12) + 1e-12),
            ).x
            for s in (1, -1)
        ]
        widths.append(ends[0] - ends[1])
    assert result.multiplicity == np.linalg.matrix_rank(np.array(widths), tol=1e-6) + 1


def test_polyhedron_agrees_on_one_vertex_by_hand():
    polyhedron = newton_polyhedron(((6, 0), (2, 2), (0, 6)))
    value, multiplicity, optimal = newton_learning_coefficient(polyhedron, (0, 0))
    assert (value, multiplicity) == (half, 2)
    assert set(optimal) == {(Rational(1, 6), Rational(1, 3)), (Rational(1, 3), Rational(1, 6))}


@settings(max_examples=8, deadline=None)
@given(
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)), min_size=1, max_size=3),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
)
def test_blow_ups_agree_with_the_newton_polygon_where_it_is_not_degenerate(corner, factors, prior):
    """Products of positive x^2a + c y^2b: value and multiplicity by linear programming over the polygon."""
    loss = x ** (2 * corner[0]) * y ** (2 * corner[1])
    for number, (a, b, power) in enumerate(factors):
        loss *= (x ** (2 * a) + (number + 1) * y ** (2 * b)) ** power
    split = factors_at(expand(loss), (x, y), (Integer(0), Integer(0)))
    assert split is not None
    parts = [PlaneFactor(str(f), sympy.Poly(f, x, y).as_dict(), power) for f, power in split.vanishing]
    found = resolve_plane_curve(parts, ("x", "y"), prior)
    polygon = newton_polyhedron(tuple(sympy.Poly(loss, x, y).monoms()))
    value, multiplicity, _ = newton_learning_coefficient(polygon, prior)
    assert (found.value, found.multiplicity) == (value, multiplicity)
    density = Abs(x) ** prior[0] * Abs(y) ** prior[1]
    assert answer(expand(loss), (x, y), prior=density) == (value, multiplicity)
