"""Real roots with their multiplicities, told apart however close."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy

from slt_toys.potentials.real_roots import RealRoot, count_real_roots, real_roots
from tests.potentials.irrational import Rational, pi, sqrt, w


def test_roots_are_found_with_their_multiplicities():
    cubic = w**3 - pi * w - Rational(1, 10)
    roots = real_roots(sympy.expand(cubic**2 * (w - sqrt(2)) ** 3 * w), w)
    expected = sorted([*(float(z.real) for z in mpmath.polyroots([1, 0, -mpmath.pi, -0.1])), 2**0.5, 0.0])
    np.testing.assert_allclose([float(root) for root in roots], expected, rtol=1e-14, atol=1e-15)
    assert sorted(roots.values()) == [1, 2, 2, 2, 3]
    assert count_real_roots(cubic, w) == 3
    assert count_real_roots(pi * w**2 + 1, w) == count_real_roots(pi, w) == 0


@pytest.mark.parametrize("gap", ["1e-3", "1e-20", "1e-25"])
def test_close_roots_are_told_apart(gap):
    # Two roots at the gap around sqrt(pi), and a double root there.
    apart = sympy.expand((w**2 - pi) ** 2 - Rational(gap) ** 2)
    assert count_real_roots(apart, w) == 4
    assert count_real_roots(sympy.expand((w**2 - pi) ** 2 + Rational(gap) ** 2), w) == 0
    assert list(real_roots(sympy.expand((w**2 - pi) ** 2), w).values()) == [2, 2]


def test_a_root_is_a_number():
    root = next(reversed(real_roots(w**3 - pi * w - Rational(1, 10), w)))
    assert isinstance(root, RealRoot)
    assert root.is_number and root.is_real and not root.free_symbols
    assert sympy.N(root, 50) == pytest.approx(sympy.N(root, 15), abs=1e-14)
    assert abs(sympy.N((w**3 - pi * w - Rational(1, 10)).subs(w, root), 80)) < 1e-70
    assert bool(root > 1) and not bool(root > 2)
    assert root.subs(sympy.Symbol("_root", real=True), 3) == root


def test_a_root_next_to_a_short_fraction_is_found_at_once():
    """sympy alone takes minutes: its continued fractions creep towards 97/10."""
    roots = real_roots(16 * w * (w**2 - Rational(9409, 100)) ** 7 + Rational(17, 100), w)
    values = [float(root) for root in roots]
    assert values == sorted(values) and len(values) == 3 and values[-1] == pytest.approx(9.7, abs=0.2)
    for root in roots:
        x = sympy.N(root, 60)
        assert abs(16 * x * (x**2 - sympy.Rational(9409, 100)) ** 7 + sympy.Rational(17, 100)) < 1e-25
