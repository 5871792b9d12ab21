"""Curves along which an energy stays bounded or falls."""

from __future__ import annotations

import pytest
import sympy

from slt_toys.potentials.curves import Curve, telling_curve
from slt_toys.potentials.expressions import parse_expression

w1, w2, w3, t = sympy.symbols("w1 w2 w3 t", real=True)


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("(w1-w2**2)**2", 0), ("(w1**2-w2**3)**2", 0), ("w1**2*(w2-3)**2 + (w2-3)**2", 0), ("(w1-3*w2+5)**2", 25),
        ("(w1-sqrt(2)*w2)**2", 0), ("abs(w1-2*w2)", 0), ("(w1+5)**2*(w2-7)**2 + 1", 1), ("tanh(w1)**2 + w2**2", 1),
    ],
)  # fmt: skip
def test_bounded_along_a_curve(text, most):
    energy = parse_expression(text)
    curve = telling_curve(energy, (w1, w2))
    assert curve is not None and curve.most == pytest.approx(most, abs=1e-12)
    along = energy.subs(dict(curve.places), simultaneous=True)
    assert all(along.subs(t, at).evalf() <= most + 1e-9 for at in (1, 10, 100))
    assert any(x.has(t) for _, x in curve.places)


@pytest.mark.parametrize(
    "text", ["w1**3 + w2**2", "w1**4 - w1**2*w2**4 + w2**4", "w1**2 - w2**2*w1 + w2**2/9", "w1 - exp(w2)"]
)
def test_falling_along_a_curve(text):
    energy = parse_expression(text)
    curve = telling_curve(energy, (w1, w2))
    assert curve is not None and curve.most is None
    along = energy.subs(dict(curve.places), simultaneous=True)
    assert along.subs(t, 100).evalf() < along.subs(t, 10).evalf() < 0


def test_none_where_the_energy_grows_and_words():
    for text in ("w1**2 + w2**2", "(1-w1)**2 + 100*(w2-w1**2)**2", "abs(w1) + abs(w2)", "(w1*w2-1)**2 + (w1-w2)**2"):
        assert telling_curve(parse_expression(text), (w1, w2)) is None
    curve = Curve(((w1, t), (w2, sympy.S.Zero), (w3, sympy.S.Zero)), 2.0)
    assert curve.words() == "along w1 = t, w2 = w3 = 0 it stays at or below 2 as t grows"
    assert Curve(((w1, -t),), None).words() == "along w1 = -t it falls without bound as t grows"
