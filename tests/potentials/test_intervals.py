"""Enclosures hold what they enclose, at every rounding."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy

from slt_toys.potentials.intervals import Enclosure, NoIntervalForm
from tests.seeds import fresh_generator

x, y = sympy.symbols("x y", real=True)
EXPRESSIONS = [
    x**3 - sympy.Rational(1, 3) * x * y + sympy.pi,
    sympy.exp(-(x**2) + y) * sympy.cos(3 * x) / (2 + sympy.sin(y)),
    sympy.sqrt(1 + x**2) * sympy.log(2 + y**2),
    sympy.tanh(x * y) + sympy.atan(x) - sympy.erf(y) + sympy.sinh(x) * sympy.cosh(y),
    (1 + x**2) ** sympy.Rational(5, 3) / (1 + y**2) ** 2 + sympy.tan(x / 4),
    sympy.Abs(x - y) ** 3,
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_value_lies_in_the_enclosure_of_its_box(expression):
    generator = fresh_generator()
    n = 60
    centre = generator.uniform(-2, 2, (2, n))
    width = 10 ** generator.uniform(-16, 0.3, (2, n))
    width[:, :3] = 1e-14
    low, high = centre - width, centre + width
    least, most = Enclosure([expression], (x, y))(low, high)
    exact = sympy.lambdify((x, y), expression, "mpmath")
    share = generator.uniform(size=(2, n))
    with mpmath.workdps(40):
        for i in range(n):
            for part in (share[:, i], np.zeros(2), np.ones(2)):
                point = [mpmath.mpf(low[k, i]) * (1 - part[k]) + mpmath.mpf(high[k, i]) * part[k] for k in (0, 1)]
                assert least[0, i] <= exact(*point) <= most[0, i]
    fine = width.max(axis=0) < 1e-13
    assert (most - least)[0, fine].max() < 1e-8  # and they are no wider than need be


def test_what_is_undefined_somewhere_decides_nothing():
    low, high = np.array([[-1.0, -1.0]]), np.array([[1.0, -0.5]])
    for expression in (1 / x, sympy.log(x), sympy.sqrt(x), sympy.tan(2 * x)):
        least, most = Enclosure([expression], (x,))(low, high)
        assert least[0, 0] == -np.inf and most[0, 0] == np.inf
    with pytest.raises(NoIntervalForm, match="gamma"):
        Enclosure([sympy.gamma(x)], (x,))
