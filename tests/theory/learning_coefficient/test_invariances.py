"""What may not change a learning coefficient: order, names, scales, units, coordinates; and how they combine."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Integer, Rational, expand, sqrt, symbols

from tests.theory.learning_coefficient.bent import answer
from theory.learning_coefficient.engine import LearningCoefficientRefused, rlct
from theory.learning_coefficient.ideal import rlct_of_ideal
from theory.learning_coefficient.minimum_set import rlct_on_points

w, x, y, z = symbols("w x y z", real=True)
half = Rational(1, 2)
constant = st.sampled_from([Rational(1, 10**6), Rational(3, 7), Integer(1), Integer(10**6)])
slope = st.sampled_from([Integer(0), Integer(1), Integer(-2), half])


def crossing(powers):
    """Value and multiplicity of prod w_j^(2 k_j)."""
    poles = [Rational(1, 2 * k) for k in powers if k]
    return min(poles), poles.count(min(poles))


def added(*parts):
    return sum((value for value, _ in parts), Integer(0)), sum(m for _, m in parts) - len(parts) + 1


def monomial(powers, coordinates):
    return sympy.Mul(*[c ** (2 * k) for c, k in zip(coordinates, powers, strict=True)])


PLANE = [
    ((x**2 - y**3) ** 2, (Rational(5, 12), 1)),
    (x**2 * y**2, (half, 2)),
    ((x**2 + y**2) ** 2, (half, 1)),
    (x**2 * y**2 * (x + y) ** 2, (Rational(1, 3), 1)),
    (x**2 * y**2 + x**6, (half, 2)),
    ((x**2 - 2 * y**2) ** 2 + x**8, (half, 2)),
    (x**4, (Rational(1, 4), 1)),
]


@pytest.mark.parametrize(("loss", "expected"), PLANE)
def test_sums_and_products_over_disjoint_coordinates(loss, expected):
    for powers in ((1, 0), (2, 0), (1, 1), (1, 2)):
        other = monomial(powers, (z, w))
        assert answer(loss + other, (x, y, z, w)) == added(expected, crossing(powers))
        assert answer(other + 3 * loss, (z, x, w, y)) == added(expected, crossing(powers))
        value = min(expected[0], crossing(powers)[0])
        multiplicity = sum(m for v, m in (expected, crossing(powers)) if v == value)
        assert answer(expand(loss * other), (x, z, y, w)) == (value, multiplicity)


@pytest.mark.parametrize(("loss", "expected"), PLANE)
def test_order_names_scales_and_squares(loss, expected):
    for names in permutations((x, y)):
        assert answer(loss, names) == expected
    renamed = loss.subs({x: y, y: x}, simultaneous=True)
    assert answer(expand(renamed), (x, y)) == expected
    plain = {c: sympy.Symbol(c.name) for c in (x, y)}
    assert answer(loss.xreplace(plain), tuple(plain.values())) == expected  # without any assumption
    for scale in (Rational(1, 10**12), 10**12, sqrt(2), Rational(22, 7)):
        if scale != sqrt(2) or loss.is_Mul or loss.is_Pow:
            assert answer(loss * scale, (x, y)) == expected
    squared = answer(expand(loss**2), (x, y))
    assert squared[0] == expected[0] / 2


THREE_EDGES = x**8 * (y**4 + x * y**2 + x**3) ** 2


def test_multiplicity_needs_the_order_of_the_fan():
    """x = 0 (1/8) meets the divisor of weights (2, 1) (3/24 = 1/8), not that of weights (1, 1) (2/14)."""
    swapped = THREE_EDGES.subs({x: y, y: x}, simultaneous=True)
    for loss in (THREE_EDGES, swapped):
        assert answer(expand(loss), (x, y)) == (Rational(1, 8), 2)


def test_the_logarithm_of_that_curve_by_quadrature():
    """n^(1/8) Z(n) grows like log n: sums over logarithms of both coordinates, in the four quadrants."""
    step = 0.05
    axis = np.arange(step / 2, 110, step)
    log_x, log_y = -axis[:, None], -axis[None, :]
    scaled = []
    for log_n in (200.0, 400.0, 600.0):
        total = 0.0
        for side in (1, -1):
            inside = np.abs(np.exp(4 * log_y) + side * np.exp(log_x + 2 * log_y) + side * np.exp(3 * log_x))
            with np.errstate(divide="ignore"):
                exponent = log_n + 8 * log_x + 2 * np.log(inside)
            weight = np.exp(log_x + log_y + log_n / 8 - np.exp(np.minimum(exponent, 50)))
            total += 2 * float(weight.sum()) * step**2
        scaled.append(total)
    first, second = scaled[1] - scaled[0], scaled[2] - scaled[1]
    assert second == pytest.approx(first, rel=0.02)  # linear in log n: multiplicity two
    assert second > 0.2 * scaled[0]  # and growing: one would make it constant


def test_the_smallest_of_a_set_is_the_smallest_of_its_points():
    loss = expand((x**2 - 1) ** 2 * (x - 1) ** 4 + y**4)
    values = {p: rlct(loss, (x, y), p).value for p in ((1, 0), (-1, 0))}
    assert values == {(1, 0): Rational(1, 6) + Rational(1, 4), (-1, 0): Rational(3, 4)}
    for points in permutations(values):
        assert rlct_on_points(loss, (x, y), iter(points)).result.value == Rational(5, 12)


def test_negative_control_a_changed_power_changes_the_answer():
    for loss, expected in PLANE:
        assert answer(expand(loss * x**20), (x, y)) != expected
        with pytest.raises(LearningCoefficientRefused):
            answer(expand(-loss), (x, y))


@settings(max_examples=4, deadline=None)
@given(st.sampled_from([p for p in product(range(4), repeat=2) if 0 < sum(p) < 4]), slope, slope, constant)
def test_a_monomial_in_bent_coordinates_of_the_plane(powers, tilt, bend, scale):
    """y -> y + a x + b x^2, and then x -> x + y: of Jacobian one."""
    bent = monomial(powers, (x, y)).subs(y, y + tilt * x + bend * x**2)
    for loss in (bent, bent.subs(x, x + y)):
        assert answer(expand(scale * loss), (x, y)) == crossing(powers)
        assert answer(expand(scale * loss * (1 + x**2) * (2 - y)), (x, y)) == crossing(powers)
        moved = loss.subs({x: x - 3, y: y + half}, simultaneous=True)
        assert answer(expand(moved * scale) - 5, (x, y), (3, -half)) == crossing(powers)


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), slope, slope, constant)
def test_a_sum_of_powers_in_bent_coordinates_of_the_plane(first, second, tilt, bend, scale):
    loss = (x + tilt * y) ** (2 * first) + scale * (y + bend * x**2) ** (2 * second)
    expected = (Rational(1, 2 * first) + Rational(1, 2 * second), 1)
    assert answer(loss, (x, y)) == expected
    assert answer(expand(loss), (x, y)) == expected
    assert answer(expand(loss), (y, x)) == expected
    assert answer(expand(loss.subs({x: 10**6 * x, y: y / 1000}, simultaneous=True)), (x, y)) == expected


@settings(max_examples=4, deadline=None)
@given(
    st.sampled_from([p for p in product(range(3), repeat=3) if 0 < sum(p) < 4]),
    st.tuples(slope, slope, slope),
    constant,
)
def test_a_monomial_in_three_bent_coordinates(powers, slopes, scale):
    """z -> z + a x y, y -> y + b x, x -> x + c z: normal crossings whatever they are called."""
    a, b, c = slopes
    loss = monomial(powers, (x, y, z)).subs(z, z + a * x * y).subs(y, y + b * x).subs(x, x + c * z)
    assert answer(expand(scale * loss), (x, y, z)) == crossing(powers)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3).filter(any), min_size=1, max_size=3), st.permutations([0, 1, 2]))
def test_ideals_and_their_sums_of_squares_in_any_order(exponents, order):
    generators = [x**a * y**b * z**c for a, b, c in exponents]
    names = tuple((x, y, z)[i] for i in order)
    found = rlct_of_ideal(iter(generators[::-1]), names, (0, 0, 0))
    assert answer(sum(g**2 for g in generators), (x, y, z)) == (found.value, found.multiplicity)
    seven = rlct_of_ideal([7 * g * (1 + x) for g in generators], names, (0, 0, 0))
    assert (seven.value, seven.multiplicity) == (found.value, found.multiplicity)
