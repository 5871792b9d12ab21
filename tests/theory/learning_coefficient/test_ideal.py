"""Learning coefficients of ideals and of losses in three and more coordinates that need a resolution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from sympy import Abs, Integer, Rational, cos, expand, sqrt, symbols

from theory.learning_coefficient.engine import rlct
from theory.learning_coefficient.ideal import rlct_of_ideal

w, x, y, z = symbols("w x y z", real=True)
half = Rational(1, 2)
IDEALS = [
    ([x], (x,), half, 1),
    ([x**2], (x, y), Rational(1, 4), 1),
    ([x * y, y * z, x * z], (x, y, z), Rational(3, 4), 1),
    ([x * y + w * z, x * y - w * z], (w, x, y, z), Integer(1), 3),  # (xy, wz): two crossings, independent
    ([x * z, y * w, x * w, y * z], (w, x, y, z), Integer(1), 2),  # (x, y)(w, z): codimension 2 twice
    ([x * z + y * w], (w, x, y, z), half, 1),  # an isolated quadric cone
    ([x - y**2, y**3], (x, y), Rational(2, 3), 1),
    ([x - y, x - z, y - z], (x, y, z), Integer(1), 1),
    ([x**2 - y**3], (x, y), Rational(5, 12), 1),
    ([x**2 + x**3, y * (1 + x)], (x, y), Rational(3, 4), 1),  # units dropped
    ([x * y - z**2, x * z], (x, y, z), Rational(2, 3), 1),  # at (0, y, 0) it is (x', z^3)
    ([(x + y) * (z + y), (x + y) ** 2], (x, y, z), half, 2),  # a (a, b): the plane and the line in it
    ([Integer(0)], (x, y), Integer(0), 1),
]


@pytest.mark.parametrize(("generators", "coordinates", "value", "multiplicity"), IDEALS)
def test_known_ideals(generators, coordinates, value, multiplicity):
    found = rlct_of_ideal(generators, coordinates, (0,) * len(coordinates))
    assert (found.value, found.multiplicity) == (value, multiplicity)
    assert found.certificate and found.method.startswith("ideal")


def test_points_priors_and_changed_generators():
    assert rlct_of_ideal([x * y - 2], (x, y), (sqrt(2), sqrt(2))).value == half
    assert rlct_of_ideal([(x - 1) * (y + 2), (x - 1) ** 2], (x, y), (1, -2)).multiplicity == 2
    assert rlct_of_ideal([x * y], (x, y), (0, 0), Abs(x)).value == half
    assert rlct_of_ideal([x**2, y**3], (x, y), (0, 0), Abs(x) * y**2).value == half + half
    assert rlct_of_ideal([x - y], (x, y), (0, 0), Abs(x - y)).value == 1
    # Other generators of the same ideal.
    first = rlct_of_ideal([x**2 * y, y**3, x**5], (x, y), (0, 0))
    second = rlct_of_ideal(
        [x**2 * y + 2 * y**3, y**3 + x**5 * y, x**5 - 3 * x**2 * y, x**2 * y * (1 + x)], (x, y), (0, 0)
    )
    assert (first.value, first.multiplicity) == (second.value, second.multiplicity)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], (x,), (0,)), "generators: expected a non-empty list"),
        ((x**2, (x,), (0,)), "generators: expected a non-empty list"),
        (([x * y - 2], (x, y), (1, 1)), r"point: \(1, 1\) is off the zero set"),
        (([cos(x) - 1], (x,), (0,)), "generators: .* is not a polynomial"),
        (([0.5 * x], (x,), (0,)), "generators: holds the inexact number"),
        (([x * w], (x,), (0,)), "generators: depends on w"),
        (([x], (x,), (0, 0)), "point: has length 2, expected 1"),
        (([x], (x, x), (0, 0)), "coordinates: every Symbol must be different"),
        (([x], (x,), (0,), 1 / Abs(x)), "prior: its exponent -1 of x at the point"),
    ],
)
def test_bad_input_gets_one_clear_line(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        rlct_of_ideal(*arguments)
    assert "\n" not in str(error.value)


exponents = st.tuples(*[st.integers(0, 4)] * 3).filter(any)


@settings(max_examples=20, deadline=None)
@given(st.lists(exponents, min_size=1, max_size=4, unique=True), st.tuples(*[st.integers(0, 2)] * 3))
def test_monomial_ideals_agree_with_a_numeric_linear_programme(powers, prior):
    generators = [x**a * y**b * z**c for a, b, c in powers]
    # Mixing the generators by a unimodular triangle leaves the ideal alone.
    mixed = [expand(sum(generators[: i + 1])) for i in range(len(generators))]
    density = Abs(x) ** prior[0] * Abs(y) ** prior[1] * Abs(z) ** prior[2]
    found = rlct_of_ideal(mixed, (x, y, z), (0, 0, 0), density)
    solved = optimize.linprog(np.array(prior) + 1.0, A_ub=-2.0 * np.array(powers), b_ub=-np.ones(len(powers)))
    assert float(found.value) == pytest.approx(solved.fun, abs=1e-9)


HIGHER = [
    ((x**2 + y**2 - z**2) ** 2, half, 1),  # a cone: point 3/4, surface 1/2
    ((x**3 + y**3 + z**3) ** 2, half, 2),  # point 3/6 and surface 1/2 meet
    ((x**4 + y**4 - z**4) ** 2, Rational(3, 8), 1),
    ((x**4 + y**4 + z**4) ** 2, Rational(3, 8), 1),
    ((x**4 + y**4 - z**4) ** 2 * x**2, Rational(3, 10), 1),
    ((x * y * z - z**4) ** 2, half, 3),
    ((x**2 - y**2) ** 2 + x**2 * z**4 + y**6 + z**10, Rational(5, 8), 1),
    ((z**2 - x * y) ** 2 + x**6 + y**6, Rational(2, 3), 1),
    ((x**2 - y**3) ** 2 + z**4, Rational(5, 12) + Rational(1, 4), 1),
]


@pytest.mark.parametrize(("loss", "value", "multiplicity"), HIGHER)
def test_three_coordinates(loss, value, multiplicity):
    found = rlct(expand(loss), (x, y, z), (0, 0, 0))
    assert (found.value, found.multiplicity) == (value, multiplicity)
