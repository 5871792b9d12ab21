"""Priors: read as what they are near the point, right or refused, and never negative."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import sympy
from sympy import (
    Abs,
    Heaviside,
    Max,
    Min,
    Piecewise,
    Rational,
    ceiling,
    cosh,
    exp,
    floor,
    log,
    sign,
    sin,
    sqrt,
    symbols,
)

from theory.learning_coefficient.engine import LearningCoefficientRefused, rlct
from theory.learning_coefficient.ideal import rlct_of_ideal

x, y, z = symbols("x y z", real=True)
half = Rational(1, 2)
LOSS = x**2 * y**4

# Prior, and the exponents of |x| and |y| that it has at the origin.
READ = [
    (1 + Abs(x), 0, 0),
    (Heaviside(x + 1), 0, 0),
    (1 - Heaviside(x - 1), 0, 0),
    (Piecewise((1, x > -1), (0, True)), 0, 0),
    (Piecewise((0, (x > 1) | (y > 1)), (1, True)), 0, 0),
    (Piecewise((1, (x < 1) & (y > -1)), (0, True)), 0, 0),
    (Piecewise((0, sympy.Eq(x, 1)), (y**2, sympy.Ne(x, 2)), (1, True)), 0, 2),
    (Max(1, x), 0, 0),
    (Max(x, 1 + y, -1), 0, 0),
    (Min(1, 2 + x), 0, 0),
    (Min(5, Abs(y) + 7, 6 + x), 0, 0),
    (Abs(x - 1), 0, 0),
    (Abs(Abs(x) - 1), 0, 0),
    (-sign(x - 1), 0, 0),
    (1 + floor(x + half), 0, 0),
    (ceiling(x + half), 0, 0),
    (sympy.frac(x + half), 0, 0),
    ((x - 3) * (y - 2), 0, 0),
    (1 / (1 + x), 0, 0),
    (1 / (x - 1) ** 2, 0, 0),
    (2**x, 0, 0),
    ((1 + x) ** y, 0, 0),
    (exp(-(x**2) - Abs(y)), 0, 0),
    (log(2 + x), 0, 0),
    (sympy.pi, 0, 0),
    (Rational(1, 10**9), 0, 0),
    (Abs(x), 1, 0),
    (x**2 * Abs(y), 2, 1),
    (Abs(x) ** Rational(3, 2), Rational(3, 2), 0),
    (sqrt(Abs(y)), 0, half),
    ((x**2) ** Rational(1, 3), Rational(2, 3), 0),
    (sin(x) ** 2, 2, 0),
    (x * sin(x), 2, 0),
    (cosh(x) - 1, 2, 0),
    (sqrt(cosh(x) - 1), 1, 0),
    (-x * sin(x) * (y - 1), 2, 0),
    (x**3 * (x + x**2), 4, 0),
    (Abs(sin(x) * y), 1, 1),
    (Abs(x * (x + x * y)) ** 3, 6, 0),
    (log(1 + x) ** 2, 2, 0),
    (Abs(x) ** Rational(-1, 2), -half, 0),
    (Abs(x) ** Rational(-2, 3) / sqrt(Abs(y)), Rational(-2, 3), -half),
    (x**2 / Abs(x), 1, 0),
]


@pytest.mark.parametrize(("prior", "of_x", "of_y"), READ)
def test_priors_are_read_as_what_they_are_near_the_point(prior, of_x, of_y):
    for first, second in ((2, 4), (4, 2), (2, 2), (6, 4)):
        candidates = [(of_x + 1) / sympy.Integer(first), (of_y + 1) / sympy.Integer(second)]
        found = rlct(x**first * y**second, (x, y), (0, 0), prior)
        assert (found.value, found.multiplicity) == (min(candidates), candidates.count(min(candidates)))
        added = rlct(x**first + y**second, (x, y), (0, 0), prior) if not prior.has(sin(x) * y) else None
        assert added is None or added.value == sum(candidates)


def test_a_prior_may_switch_elsewhere():
    for at in (2, -3, 50):
        assert rlct((x - at) ** 2, (x,), (at,), Heaviside(x) if at > 0 else Heaviside(-x)).value == half
    assert rlct((x - 1) ** 2, (x,), (1,), x).value == half  # changes sign at 0, and is positive here
    assert rlct((x - 1) ** 2, (x,), (1,), Abs(x - 1) * x).value == 1


REFUSED = [
    (Heaviside(x) * Heaviside(-y), "switches at the point"),
    (Heaviside(x), "switches at the point"),
    (Heaviside(x**2 - y), "switches at the point"),
    (Piecewise((1, x > 0), (0, True)), "switches at the point"),
    (Piecewise((1, x >= 0), (2, True)), "switches at the point"),
    (Piecewise((1, sympy.Ne(x, 0)), (0, True)), "switches at the point"),
    (Piecewise((1, (x > -1) & (y < 0)), (0, True)), "switches at the point"),
    (Max(x, 0), "switches at the point"),
    (Min(1, 1 + x), "switches at the point"),
    (Max(x, y) + 1, "switches at the point"),
    (sign(x), "switches at the point"),
    (2 + sign(x - y), "switches at the point"),
    (floor(x) + 1, "switches at the point"),
    (ceiling(y) + 1, "switches at the point"),
    (sympy.frac(x), "switches at the point"),
    (Heaviside(x - 1), "is zero near the point"),
    (Piecewise((1, x > 1), (0, True)), "is zero near the point"),
    (sympy.Integer(0), "is zero near the point"),
    (Piecewise((1, x > 1)), "has no value"),
    (sympy.Integer(-1), "not positive at the point"),
    (x - 1, "not positive at the point"),
    (-(x**2), "not positive at the point"),
    (-Abs(x) * y**2, "not positive at the point"),
    (x**2 * (y - 1), "not positive at the point"),
    (x, "changes sign"),
    (x**3, "changes sign"),
    (x * y, "changes sign"),
    (x * Abs(x), "changes sign"),
    (sin(x), "changes sign"),
    (log(1 + x), "changes sign"),
    (x**2 * y**5, "changes sign"),
    (x - y, "changes sign"),
    (x**2 - y**2, "changes sign"),
    (x**4 + y**4 - 3 * x**2 * y**2, "changes sign"),
    ((x**2 - y**3) * y**2, "changes sign"),
    (x**2 * y**2 * (x - 2 * y), "changes sign"),
    ((x + y**2) ** 3, "changes sign"),
    (-(x**2 + y**2), "negative near the point"),
    (-(x**2) - (x - y) ** 2, "negative near the point"),
    (sqrt(x), "not real on every side"),
    (x ** Rational(2, 3) * x ** Rational(1, 5), "not real on every side"),
    (sqrt(-(x**4) * (1 + y**2)), "(not real|complex|finite real)"),
    ((x - y) ** Rational(1, 3), "changes sign"),
    (1 / x, "exponent -1"),
    (1 / Abs(x), "exponent -1"),
    (Abs(x) ** Rational(-3, 2), "exponent -3/2"),
    (Abs(x) ** Rational(-2, 3) * (x**2) ** Rational(-1, 6), "exponent -1 of x"),
    (Abs(x - y) ** Rational(-1, 2), "exponent -1/2 and mixes coordinates"),
    ((x**2 + y**2) ** -1, "exponent -1"),
    (Abs(x) ** sympy.pi, "exponent pi"),
    (x**y, "continuous"),
    (Abs(x) ** y, "continuous"),
    (exp(-1 / x**2), "continuous"),
    (exp(-1 / Abs(x)), "(continuous|not known)"),
    (1 + exp(-1 / x**2), "(continuous|not known)"),
    (log(Abs(x)), "not known"),
    (Abs(x) + Abs(y), "no power of an analytic function"),
    (Abs(x) + x**4, "no power of an analytic function"),
    (sympy.DiracDelta(x), "not known"),
    (sympy.Function("f")(x), "not known"),
    (sympy.acos(x + y), "continuous"),
]


@pytest.mark.parametrize(("prior", "message"), REFUSED)
@pytest.mark.parametrize("loss", [LOSS, (x - y) ** 2, x**4 + y**4])
def test_what_is_not_understood_or_no_density_is_refused_by_one_line(prior, message, loss):
    with pytest.raises(ValueError, match="^prior: .*" + message) as error:
        rlct(loss, (x, y), (0, 0), prior)
    assert "\n" not in str(error.value)


def test_ideals_refuse_the_same_priors():
    for prior, message in (REFUSED[0], (x - y, "changes sign"), (x, "changes sign"), (-(x**2), "not positive")):
        with pytest.raises(ValueError, match=message):
            rlct_of_ideal([x * y], (x, y), (0, 0), prior)
    assert rlct_of_ideal([x * y], (x, y), (0, 0), Heaviside(1 + x) * x**2).value == half


def test_factors_that_mix_coordinates_need_a_proof_that_they_are_not_negative():
    for prior in (x**2 + y**2, x**2 + x * y + y**2, x**4 + y**4 - x**2 * y**2, (x - y) ** 2, Abs(x - y) ** 3):
        assert rlct(x**2 * y**4, (x, y), (0, 0), prior).value == Rational(1, 4)
    # By hand: x = r, y = r t turns |x^2 + y^2|^(1/2) into r and the area into r; the loss is r^4 f(t), f > 0.
    assert rlct(x**4 + x**2 * y**2 + y**4, (x, y), (0, 0), sqrt(x**2 + y**2)).value == Rational(3, 4)
    assert rlct(x**4 + x**2 * y**2 + y**4, (x, y), (0, 0), x**2 + y**2).value == 1
    # Three coordinates: not understood is refused, and a sign that is unknown is no density.
    for prior in (x**2 + y**2 - z**2, x * y * z, (x - y) * z**2):
        with pytest.raises(ValueError, match=r"prior: .*changes sign"):
            rlct(x**4 + y**4 + z**4, (x, y, z), (0, 0, 0), prior)
    unknown = sympy.expand((x**2 - 2 * y**2) ** 2 + x**2 * z**4 + y**6 + z**10)
    with pytest.raises(LearningCoefficientRefused, match="cannot show"):
        rlct(x**4 + y**4 + z**4, (x, y, z), (0, 0, 0), unknown)


def test_the_quadrant_of_the_audit_by_quadrature():
    """(x - y)^2 for x > 0 > y behaves like (|x| + |y|)^2: value 1. It is refused, and 1/2 would be wrong."""
    with pytest.raises(ValueError, match="switches"):
        rlct((x - y) ** 2, (x, y), (0, 0), Heaviside(x) * Heaviside(-y))
    nodes = (np.arange(4000) + half.p / half.q) / 4000
    a, weight = nodes**5, 5 * nodes**4
    grid, volume = (a[:, None] + a[None, :]) ** 2, weight[:, None] * weight[None, :]
    sums = [float(np.sum(volume * np.exp(-n * grid))) for n in (1e6, 2e6)]
    assert np.log2(sums[0] / sums[1]) == pytest.approx(1, rel=0.005)


@pytest.mark.parametrize(("of_x", "of_y"), list(product((0, 1, 2), repeat=2)))
def test_units_scales_and_signs_of_a_prior_change_nothing(of_x, of_y):
    density = Abs(x) ** of_x * Abs(y) ** of_y
    for loss in (x**2 + y**6, (x**2 - y**3) ** 2, x**2 * y**2):
        plain = rlct(loss, (x, y), (0, 0), density)
        for unit in (Rational(1, 10**12), 10**12, exp(x), 1 + Abs(y), (2 + x) ** -3, Max(1, x), -(x - 1)):
            found = rlct(loss, (x, y), (0, 0), density * unit)
            assert (found.value, found.multiplicity) == (plain.value, plain.multiplicity)
