"""Bounds of expressions from below and above, at random points of every orthant."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import sympy

from slt_toys.potentials.confinement import numeric
from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.one_sided_bounds import Sides
from tests.seeds import fresh_generator

w = sympy.symbols("w1 w2", real=True)
EXPRESSIONS = [
    "w1**3 - 2*w1*w2 + 1", "exp(w1) - w2", "exp(w1**2/9 - w2**2)", "cosh(w1/3)*w2**2", "sinh(w1/4)",
    "tanh(w1)*w2 + w1**2",
    "sin(w1*w2)*w1**2 - cos(w2)", "(w1 + tanh(w2))**2", "(w1*w2 - 1)**4", "sqrt(1+w1**2)*w2", "(1+w1**2+w2**4)**(1/3)",
    "(1+abs(w1))**2.5 - w2", "abs(w1)**3 - abs(w1-w2)", "abs(w1*w2 - 2)*w1", "(abs(w1)-1)**2*(1+w2**2)",
    "log(1+w1**2) - log(2+w2**4)",
    "log(cosh(w1)) + log(1+exp(w2))", "1/(1+w1**2) - w2/(2+w1**4)", "w1**5/(1+w1**2)", "(w1**3-w1)/(1+w1**4)",
    "atan(w1)*erf(w2)", "exp(-w1**2)*w2**3", "w1**2*abs(w1) - w1*w2", "(w1**2-w2)**3", "exp(w1)*w1**2",
]  # fmt: skip


def value(terms, points):
    sizes = np.abs(points)
    return sum(c * np.prod(sizes ** np.array([float(p) for p in powers]), axis=-1) for powers, c in terms.items())


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_values_lie_between_their_bounds(text):
    energy = parse_expression(text)
    generator = fresh_generator()
    found = 0
    for signs in product((-1, 0, 1), repeat=2):
        sides = Sides(w, signs)
        points = generator.standard_normal((4000, 2)) * 10 ** generator.uniform(-1.5, 1.2, (4000, 1))
        for i, sign in enumerate(signs):
            points[:, i] = sign * np.abs(points[:, i]) if sign else points[:, i]
        values = numeric(energy, w)(points)
        held = np.isfinite(values)
        low, high = sides.both(energy)
        slack = 1e-9 * (1 + np.abs(values[held]))
        if low is not None:
            found += 1
            assert (value(low, points[held]) <= values[held] + slack).all()
            assert sides.least(energy) <= values[held].min() + 1e-9
        if high is not None:
            found += 1
            assert (value(high, points[held]) >= values[held] - slack).all()
            assert sides.most(energy) >= values[held].max() - 1e-9
        if sides.is_nonnegative(energy):
            assert (values[held] >= 0).all()
        assert sides.is_finite(energy)
    assert found > 4


def test_what_is_not_known_has_no_bound():
    sides = Sides(w, (0, 0))
    for text in ("log(w1)", "1/w1", "sqrt(w1)", "tan(w1)", "log(w1**2)", "1/(w1-w2)", "abs(w1)**(-1)"):
        assert not sides.is_finite(parse_expression(text)), text
    assert sides.upper(parse_expression("exp(w1)")) is None and sides.lower(parse_expression("exp(w1)")) == {}
    assert not sides.is_nonnegative(parse_expression("w1**2 - 1"))
    assert Sides(w, (1, 1)).is_nonnegative(parse_expression("w1*w2 + w1"))
    # Growth like a logarithm, and none where something falls.
    bound = sides.logarithmic(parse_expression("log(1+w1**2) + 2*log(3+w2**4+w1**2) - sin(w1)"))
    points = fresh_generator().standard_normal((4000, 2)) * 100
    exact = numeric(parse_expression("log(1+w1**2) + 2*log(3+w2**4+w1**2) - sin(w1)"), w)(points)
    assert bound is not None and bound.logarithmic and (bound(points) <= exact).all()
    assert sides.logarithmic(parse_expression("log(1+w1**2) - log(1+w2**2)")) is None
