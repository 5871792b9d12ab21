"""Sums of powers that outweigh each other, and what a lower bound says of integrals."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from slt_toys.potentials.lower_bounds import LowerBound, least_of, outweighed, separable, weights_of


def terms(**named: float) -> dict:
    """x2y1=-3 is -3 x² y."""
    return {(Fraction(name[1]), Fraction(name[3])): c for name, c in named.items()}


def values(these, x, y):
    return sum((c * x ** float(p[0]) * y ** float(p[1]) for p, c in these.items()), np.zeros_like(x))


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 4), st.integers(0, 4)), st.integers(-6, 9).filter(bool), min_size=1, max_size=6
    )
)
def test_what_is_left_and_the_constant_are_below(these):
    given_terms = {tuple(map(Fraction, p)): float(c) for p, c in these.items()}
    found = outweighed(given_terms)
    x, y = np.meshgrid(np.geomspace(1e-4, 1e4, 81), np.geomspace(1e-4, 1e4, 81))
    if found is None:
        assert any(c < 0 for c in these.values())
        return
    left, constant = found
    assert all(c > 0 for c in left.values())
    gap = np.asarray(values(given_terms, x, y) - values(left, x, y) + constant)
    assert np.all(gap >= -1e-9 * (1 + values({p: abs(c) for p, c in given_terms.items()}, x, y)))


def test_inside_costs_nothing_and_on_the_boundary_coefficients_decide():
    square = {"x2y0": 1.0, "x0y2": 1.0}
    assert separable(terms(**square, x1y1=-1.9)) and separable(terms(**square, x1y0=-1e6))
    assert separable(terms(**square, x1y1=-2.0)) is None  # (x - y)² does not grow
    assert separable(terms(**square, x1y1=-2.1)) is None
    assert separable(terms(x2y2=1.0, x0y2=1.0)) is None  # x has no power of its own
    assert separable(terms(**square, x2y1=-0.1)) is None  # beyond the polytope
    assert least_of(terms(**square, x1y1=-1.0, x1y0=-1.0)) <= -1 / 3  # the minimum is at (2/3, 1/3)
    weights = weights_of((Fraction(1), Fraction(1)), [(Fraction(2), Fraction(2))])
    assert weights is not None and weights.sum() == pytest.approx(0.5)
    assert weights_of((Fraction(1), Fraction(0)), [(Fraction(2), Fraction(2))]) is None


@pytest.mark.parametrize(
    "bound",
    [LowerBound((1.0,), (2.0,), 0.3), LowerBound((0.5,), (1.0,), -2.0), LowerBound((3.0,), (2.0,), 1.0, True)],
)
def test_integrals_are_those_of_the_bound(bound):
    for t in (0.3, 1.0):
        whole = quad(lambda u, t=t: math.exp(-float(bound(np.array([u]))) / t), -np.inf, np.inf, epsabs=0, limit=400)[0]
        assert bound.log_integral(t) == pytest.approx(math.log(whole), abs=1e-8)
        for level in (3.0, 10.0):
            edge = float(bound.reach(level)[0])
            assert float(bound(np.array([edge]))) == pytest.approx(level)
            beyond = 2 * quad(lambda u, t=t: math.exp(-float(bound(np.array([u]))) / t), edge, np.inf, epsabs=0)[0]
            assert math.log(beyond) <= bound.log_mass_beyond(level, t) + 1e-9
            assert bound.log_mass_beyond(level, t) < math.log(whole) + 1e-9
    assert LowerBound((1.0,), (2.0,), 0.0, True).log_integral(2.0) == math.inf


@given(st.lists(st.floats(0.1, 5), min_size=4, max_size=4), st.lists(st.floats(0.3, 4), min_size=4, max_size=4))
def test_the_weaker_of_two_bounds_is_below_both(amounts, powers):
    for logarithmic in (False, True):
        one = LowerBound(tuple(amounts[:2]), tuple(powers[:2]), 1.0)
        two = LowerBound(tuple(amounts[2:]), tuple(powers[2:]), -1.0, logarithmic)
        both = one.weakest(two)
        points = np.stack(np.meshgrid(*[np.linspace(-9, 9, 41)] * 2), axis=-1)
        assert (both(points) <= np.minimum(one(points), two(points)) + 1e-9).all()
