"""All zeros of a system in a box, counted right wherever they lie."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from slt_toys.potentials.enclosed_zeros import Undecided, enclosed_zeros
from slt_toys.potentials.intervals import Enclosure

x, y = sympy.symbols("x y", real=True)


def zeros_of(equations, coordinates, low, high):
    slopes = [sympy.diff(e, w) for e in equations for w in coordinates]
    return enclosed_zeros(Enclosure(equations, coordinates), Enclosure(slopes, coordinates), low, high)


@settings(max_examples=25)
@given(st.sets(st.integers(-40, 40), min_size=1, max_size=7))
def test_zeros_of_a_product_are_all_found_once(places):
    expected = sorted(n / 16 for n in places)
    product = sympy.prod([x - sympy.Rational(n, 16) for n in places])
    found, clusters = zeros_of([product * sympy.exp(x)], (x,), [-3.0], [3.0])
    assert not clusters
    np.testing.assert_allclose([float(zero.middle[0]) for zero in found], expected, atol=1e-11)
    assert all((zero.low <= p).all() and (p <= zero.high).all() for zero, p in zip(found, expected, strict=True))


def test_zeros_in_the_plane_wherever_the_box_is_cut():
    """Nine crossings of two families of curves, some of them on the middle lines of the box."""
    found, clusters = zeros_of([x**3 - x, sympy.sin(sympy.pi * y)], (x, y), [-1.5, -1.5], [1.5, 1.5])
    assert not clusters
    expected = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    np.testing.assert_allclose([zero.middle for zero in found], expected, atol=1e-14)
    assert max((zero.high - zero.low).max() for zero in found) < 1e-13


def test_a_double_zero_is_a_cluster_and_a_curve_of_zeros_is_undecided():
    found, clusters = zeros_of([x**3], (x,), [-1.0], [1.3])
    assert not found and len(clusters) == 1 and clusters[0].low[0] <= 0 <= clusters[0].high[0]
    near, clusters = zeros_of([x**2 - sympy.Rational(1, 10**10)], (x,), [-1.0], [1.3])
    assert len(near) == 2 and not clusters
    with pytest.raises(Undecided):
        ring = (x**2 + y**2 - 1) ** 2
        zeros_of([sympy.diff(ring, x), sympy.diff(ring, y)], (x, y), [-2.0, -2.0], [2.0, 2.0])
