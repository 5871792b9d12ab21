"""Orders along every divisor, the prior's part in them, and the corner's sign: each against a count by hand."""

from __future__ import annotations

import pytest
import sympy
from sympy import Integer, Rational

from theory.learning_coefficient.plane_curves import PlaneFactor, resolve_plane_curve
from theory.learning_coefficient.prior import read_prior

x, y = sympy.symbols("x y", real=True)
half = Rational(1, 2)


def factor(expression, power, prior=0):
    terms = sympy.Poly(expression, x, y).as_dict()
    return PlaneFactor(str(expression), terms, power, sympy.sympify(prior))


def ratios(factors, prior=(0, 0)):
    found = resolve_plane_curve(factors, ("x", "y"), prior)
    return {d.name: (d.loss_order, d.volume_order) for d in found.divisors}, (found.value, found.multiplicity)


@pytest.mark.parametrize("own", [0, half, 3])
@pytest.mark.parametrize("on_axes", [(0, 0), (1, 0), (0, Rational(5, 2)), (4, 3)])
def test_a_prior_on_the_axes_and_on_factors_of_the_loss(own, on_axes):
    """|x|^h1 |y|^h2 |f|^h: 1 + h + h1 over 2 along x, 1 + h2 over 4 along y; the smaller one is the value."""
    found, answer = ratios([factor(x, 2, own), factor(y, 4)], on_axes)
    along = {"x = 0": (2, 1 + on_axes[0] + own), "y = 0": (4, 1 + on_axes[1])}
    assert found == along
    values = [k / Integer(n) for n, k in along.values()]
    assert answer == (min(values), values.count(min(values)))


@pytest.mark.parametrize("own", [0, half, 3])
@pytest.mark.parametrize("on_axes", [(0, 0), (1, 0), (0, Rational(5, 2)), (4, 3)])
def test_a_prior_at_a_cusp_and_on_its_branch(own, on_axes):
    """(x² - y³)^4: weights (3, 2), N = 24, k + 1 = 3 (1 + h1) + 2 (1 + h2) + 6 h; the branch has (1 + h)/4."""
    found, answer = ratios([factor(x**2 - y**3, 4, own)], on_axes)
    volume = 3 * (1 + on_axes[0]) + 2 * (1 + on_axes[1]) + 6 * own
    assert found["E1"] == (24, volume)
    values = [volume / Integer(24), (1 + own) / Integer(4)]
    assert answer == (min(values), values.count(min(values)))


@pytest.mark.parametrize("slope", [2, -3, Rational(1, 3)])
def test_a_multiple_root_off_one(slope):
    """(y - c x)^4 (y - c x - x³)²: N = 6 for the point, 18 for weights (1, 3) after it, 4/18 = 2/9 whatever c."""
    line = y - slope * x
    found, answer = ratios([factor(line, 4), factor(line - x**3, 2)])
    assert found["E1"] == (6, 2) and answer == (Rational(2, 9), 1)
    assert (18, 4) in found.values()


SIGNED = [
    [(-x + y, 1)],
    [(x - y, 1)],
    [(x - y, 2)],
    [(x - y, 3), (x**2 + y**3, 1)],
    [(x - y, 1), (x - 2 * y**2, 1)],
    [(x - y, 1), (x - 2 * y**2, 2), (-(y**2) + x * y - x**3, 3)],
    [(-x, 1), (y + x, 1)],
    [(-x, 3), (-y, 1), (-y + x, 1)],
    [(x**2 * y - x * y**3 + y**5, 1)],
    [(-(y**5) + x**2 * y + 7 * x, 1), (x + y, 5)],
]


@pytest.mark.parametrize("parts", SIGNED)
def test_the_corners_sign_is_that_of_the_product_where_x_is_least(parts):
    """For 0 < x far below every power of y: exact numbers, x = 10^-60 and y = 10^-3."""
    found = resolve_plane_curve([factor(f, n) for f, n in parts], ("x", "y"))
    there = {x: Rational(1, 10**60), y: Rational(1, 1000)}
    assert found.corner_sign == sympy.sign(sympy.prod([f.subs(there) ** n for f, n in parts]))


def test_negative_control_signs_of_both_kinds_are_there():
    signs = [resolve_plane_curve([factor(f, n) for f, n in p], ("x", "y")).corner_sign for p in SIGNED]
    assert {-1, 1} == set(signs) and 3 <= signs.count(-1) <= 7


# ---- priors and pieces: exact places ----


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (abs(x) ** half, {x: half}),
        (abs(x**3) ** half, {x: 3 * half}),
        (abs(sympy.sin(x**2)) ** Rational(1, 3), {x: Rational(2, 3)}),
        ((x**2 + x**5) ** 2 * abs(y), {x: 4, y: 1}),
        (abs(x) * x**2 * (1 + y), {x: 3}),
    ],
)
def test_exponents_of_a_prior_on_an_axis(prior, expected):
    """Order of vanishing times the outer exponent, added up over factors."""
    found = read_prior(prior, (x, y), (Integer(0), Integer(0)))
    assert {c: found.exponent(c) for c in (x, y)} == {c: expected.get(c, 0) for c in (x, y)}
    assert found.vanishes_in((x,)) == (x in expected) and found.vanishes_in((y,)) == (y in expected)
