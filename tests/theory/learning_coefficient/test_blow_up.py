"""Resolution of plane curves by blow-ups: known answers, and the slope of the free energy on drawn curves."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Abs, CRootOf, Rational, expand, sqrt

from tests.theory.learning_coefficient.plane_branches import (
    X,
    Y,
    beyond_the_box,
    line,
    minus_log_partition,
    pair,
    parabola,
    upright_cusp,
    vertical_line,
)
from theory.learning_coefficient.engine import LearningCoefficientRefused, rlct
from theory.learning_coefficient.plane_curves import PlaneFactor, resolve_plane_curve

half = Rational(1, 2)
root = CRootOf(sympy.Symbol("z") ** 3 - sympy.Symbol("z") - 1, 0)

KNOWN = [
    ((X**2 - Y**3) ** 2, (0, 0), 1, Rational(5, 12), 1),
    (X**2 * Y**2 * (X + Y) ** 2, (0, 0), 1, Rational(1, 3), 1),
    ((X - Y**2) ** 2 + Y**6, (0, 0), 1, Rational(2, 3), 1),  # the same as X^2 + Y^6: 1/2 + 1/6
    ((Y - X**2) ** 2 * (Y + X**2) ** 2, (0, 0), 1, Rational(3, 8), 1),
    ((Y - X) ** 4 * (Y - X - X**3) ** 2, (0, 0), 1, Rational(2, 9), 1),
    ((X**2 - 2 * Y**2) ** 2 + X**8, (0, 0), 1, half, 2),  # two irrational tangents
    (((Y - X**2) ** 2 - X**5) ** 2, (0, 0), 1, Rational(7, 20), 1),
    ((X**2 - Y**3) ** 2, (0, 0), Abs(X - Y), half, 1),
    ((X**2 - Y**3) ** 2, (0, 0), Abs(X**2 - Y**3), Rational(11, 12), 1),
    ((X**2 - Y**3) ** 4, (0, 0), Abs(X) * Abs(Y), Rational(1, 4), 1),
    ((X**2 * Y - 2) ** 2 * (X**2 - 2 * Y**2) ** 2 * (Y - 1) ** 2, (sqrt(2), 1), 1, Rational(1, 3), 1),
    ((X - sqrt(2) * Y) ** 2 + Y**6, (0, 0), 1, Rational(2, 3), 1),
    ((X - sqrt(2) * Y) ** 2 * (X + sqrt(3) * Y + Y**2) ** 4 * Y**2, (0, 0), 1, Rational(1, 4), 2),
    ((X - root) ** 2 * (X - root - Y) ** 2 * (X - root - Y**2) ** 2, (root, 0), 1, Rational(3, 10), 1),
]


@pytest.mark.parametrize(("loss", "point", "prior", "value", "multiplicity"), KNOWN)
def test_known_answers(loss, point, prior, value, multiplicity):
    result = rlct(expand(loss), (X, Y), point, prior)
    assert (result.value, result.multiplicity) == (value, multiplicity)
    assert result.method == "blow-ups of the plane"
    assert f"= {value}" in result.certificate[-1]


def test_certificate_lists_every_divisor_with_its_orders():
    cusp = PlaneFactor("cusp", {(2, 0): sympy.Integer(1), (0, 3): sympy.Integer(-1)}, 2)
    found = resolve_plane_curve([cusp], ("x", "y"))
    assert [(d.loss_order, d.volume_order - 1, d.ratio) for d in found.divisors] == [
        (12, 4, Rational(5, 12)),
        (2, 0, half),
    ]
    shown = rlct((X**2 - Y**3) ** 2, (X, Y), (0, 0)).certificate
    assert any("N = 12" in s and "k = 4" in s and "weights (3, 2)" in s for s in shown)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ((X**2 - 2 * Y**2) ** 2 + X**5, "not a local minimum: the loss changes sign across the real branch"),
        ((X - Y) ** 2 * (X - Y - Y**2), "not a local minimum"),
        (-((X - Y) ** 2) * (X - Y - Y**2) ** 2, "not a local minimum"),
    ],
)
def test_a_loss_that_goes_below_is_no_minimum(loss, message):
    with pytest.raises(LearningCoefficientRefused, match=message):
        rlct(expand(loss), (X, Y), (0, 0))


def test_a_tower_of_number_fields_is_refused_with_bounds_that_hold():
    loss = expand(((X**2 - 2 * Y**2) ** 2 - 3 * Y**6) ** 2 + X**16)
    with pytest.raises(LearningCoefficientRefused, match="outside the number field") as refusal:
        rlct(loss, (X, Y), (0, 0))
    assert "\n" not in str(refusal.value)
    lower, upper = str(refusal.value).split("known bounds: ")[1].split(" <= value <= ")
    # The same curve with rational tangents: all that matters to the value is which roots are real and how often.
    twin = rlct(expand(((X**2 - 4 * Y**2) ** 2 - 4 * Y**6) ** 2 + X**16), (X, Y), (0, 0))
    assert Rational(lower) <= twin.value <= Rational(upper)


def test_linear_changes_of_coordinates_change_nothing():
    loss = (X**2 - Y**3) ** 2 * (X - Y) ** 4
    straight = rlct(expand(loss), (X, Y), (0, 0))
    turned = loss.subs({X: X + 2 * Y - 5, Y: Y - X - 1}, simultaneous=True)
    moved = rlct(expand(turned), (X, Y), (1, 2))
    assert (straight.value, straight.multiplicity) == (moved.value, moved.multiplicity)


tilt = st.sampled_from([Fraction(k) for k in (0, 1, -2)])
size = st.sampled_from([Fraction(k, 2) for k in (1, 2, 4, 6, -1, -2, -4)])
component = st.one_of(
    st.builds(line, tilt),
    st.just(vertical_line()),
    st.builds(parabola, tilt, size),
    st.builds(pair, tilt, size, st.sampled_from((2, 3, 4, 5))),
    st.builds(upright_cusp, size),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(component, st.sampled_from((2, 2, 4))), min_size=1, max_size=3))
def test_drawn_curves_have_the_slope_of_the_free_energy(factors):
    loss = expand(sympy.Mul(*[f.polynomial**power for f, power in factors]))
    try:
        found = rlct(loss, (X, Y), (0, 0))
    except LearningCoefficientRefused as refusal:
        assert "known bounds" in str(refusal)
        return
    log_n = beyond_the_box(factors) + np.array([200.0, 300.0])
    first, second = minus_log_partition(factors, log_n) + (found.multiplicity - 1) * np.log(log_n)
    assert (second - first) / 100 == pytest.approx(float(found.value), rel=0.02)


@pytest.mark.parametrize(
    ("factors", "multiplicity"),
    [
        ([(pair(Fraction(0), Fraction(1), 3), 2)], 1),
        ([(vertical_line(), 4), (pair(Fraction(0), Fraction(1), 3), 2)], 2),
        ([(line(Fraction(0)), 2), (pair(Fraction(0), Fraction(1), 3), 2)], 1),
        ([(vertical_line(), 4), (pair(Fraction(0), Fraction(-2), 2), 2)], 2),
        ([(pair(Fraction(0), Fraction(2), 2), 2)], 2),
    ],
)
def test_multiplicity_is_the_power_of_the_logarithm(factors, multiplicity):
    loss = expand(sympy.Mul(*[f.polynomial**power for f, power in factors]))
    found = rlct(loss, (X, Y), (0, 0))
    assert found.multiplicity == multiplicity
    log_n = np.array([300.0, 600.0]) + beyond_the_box(factors)
    first, second = -minus_log_partition(factors, log_n) + float(found.value) * log_n
    # n^value Z grows like a power of log n: the exponent is the multiplicity less one.
    assert (second - first) / np.log(log_n[1] / log_n[0]) == pytest.approx(multiplicity - 1, abs=0.2)


def test_negative_control_the_newton_distance_alone_is_wrong():
    # Two tangent branches: the polygon of the loss itself says 1/2, and the quadrature can tell.
    factors = [(parabola(Fraction(1), Fraction(1)), 2), (line(Fraction(1)), 2)]
    log_n = beyond_the_box(factors) + np.array([200.0, 300.0])
    first, second = minus_log_partition(factors, log_n)
    slope = (second - first) / 100
    assert slope == pytest.approx(float(Rational(3, 8)), rel=0.02)
    assert slope != pytest.approx(0.5, rel=0.02)
