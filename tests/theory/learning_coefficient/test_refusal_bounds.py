"""Every bound a refusal would print holds where the answer is known."""

from __future__ import annotations

import pytest
from sympy import Abs, Integer, Rational, cos, expand, symbols, sympify, tanh

from tests.theory.learning_coefficient.test_engine import KNOWN
from tests.theory.learning_coefficient.test_ideal import HIGHER, IDEALS
from theory.learning_coefficient import door
from theory.learning_coefficient.engine import read_density, rlct
from theory.learning_coefficient.prior import Prior
from theory.learning_coefficient.refusal_bounds import known_bounds

a, b, x, y, z = symbols("a b x y z", real=True)
half = Rational(1, 2)
ORIGIN = (Integer(0), Integer(0))
CASES = [(loss - loss.subs(dict(zip(w, p, strict=True))), w, p, value) for loss, w, p, value, _ in KNOWN[:-3]]
CASES += [(expand(loss), (x, y, z), (0, 0, 0), value) for loss, value, _ in HIGHER]
CASES += [(expand(sum(f**2 for f in fs)), w, (0,) * len(w), value) for fs, w, value, _ in IDEALS[:-1]]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_bounds_hold_for_known_losses(number):
    loss, coordinates, point, value = CASES[number]
    if loss == 0:
        return
    lower, upper = known_bounds(loss, coordinates, sympify(point), Prior())
    assert lower is not None and upper is not None
    assert 0 < lower <= value <= upper


@pytest.mark.parametrize("density", [Abs(x), x**2 * Abs(y), (x - y) ** 2, Abs(x - y), Abs(x**2 - y**3)])
@pytest.mark.parametrize("loss", [x**4 + x**2 * y**2 + y**6, (x**2 - y**3) ** 2, x**2 * y**2, (x - y) ** 2 * x**2])
def test_bounds_hold_with_priors(loss, density):
    prior = read_density(density, (x, y), ORIGIN)
    lower, upper = known_bounds(loss, (x, y), ORIGIN, prior)
    assert lower is not None and upper is not None
    assert lower <= rlct(loss, (x, y), ORIGIN, density).value <= upper


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        ((a * tanh(b)) ** 2, half),
        (1 - cos(a * b), half),
        (a**2 + (b * (1 - cos(b))) ** 2, half + Rational(1, 6)),
        (1 - cos(a) * cos(b), Rational(1)),
    ],
)
def test_bounds_hold_for_analytic_losses(loss, value):
    lower, upper = known_bounds(loss, (a, b), ORIGIN, Prior())
    assert lower is not None and upper is not None and 0 < lower <= value <= upper


@pytest.mark.parametrize("h", [Rational(-1, 2), Rational(-3, 4), Rational(-1, 10)])
@pytest.mark.parametrize("loss", [x**4 + x**2 * y**2 + y**6, (x**2 - y**3) ** 2, x**2 * y**2, (x - y) ** 2 * x**2])
def test_bounds_hold_with_priors_that_grow(loss, h):
    prior = read_density(Abs(x) ** h, (x, y), ORIGIN)
    lower, upper = known_bounds(loss, (x, y), ORIGIN, prior)
    assert lower is not None and upper is not None
    assert lower <= rlct(loss, (x, y), ORIGIN, Abs(x) ** h).value <= upper


@pytest.mark.parametrize("loss", [x + y**2, x * y**2, (x - y) ** 2, x**2 + y**4, (x + y**2) ** 2, x**2 * y**2])
def test_bounds_hold_on_a_half_plane(loss):
    """As a refusal on x >= 0 would name them, with x = s^2."""
    prior = read_density(Abs(x), (x, y), ORIGIN)
    lower, upper = known_bounds(loss.subs(x, x**2), (x, y), ORIGIN, prior)
    assert lower is not None and upper is not None
    assert lower <= door.rlct(loss, (x, y), domain="x >= 0").value <= upper


def test_no_bound_is_named_off_a_minimum():
    assert known_bounds(x**2 - y**2, (x, y), ORIGIN, Prior()) == (None, None)
    assert known_bounds(x + y**2, (x, y), ORIGIN, Prior()) == (None, None)
