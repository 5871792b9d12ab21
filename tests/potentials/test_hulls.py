"""Boxes that hold all points below a level."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.confinement import numeric
from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.hulls import hull_below, most_over
from tests.seeds import fresh_generator

w = sympy.symbols("w1 w2 w3", real=True)


def test_a_known_box():
    # (w1² + w2² <= 4) and a narrow crooked valley.
    low, high = hull_below(
        w[0] ** 2 + w[1] ** 2, w[:2], np.array([-1e9] * 2), np.array([1e8] * 2), 4.0, np.zeros((1, 2))
    )
    assert (low > -2.1).all() and (low <= -2).all() and (high >= 2).all() and (high < 2.1).all()
    valley = 10**8 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2
    low, high = hull_below(valley, w[:2], np.array([-1e6] * 2), np.array([1e6] * 2), 9.0, np.ones((1, 2)))
    assert -2.2 < low[0] <= -2 and 4 <= high[0] < 4.2 and 16 <= high[1] < 17 and -0.5 < low[1] <= 0


@pytest.mark.parametrize(
    "text",
    ["exp(w1) - w1 + w2**2*cosh(w1)", "sin(5*w1)*3 + w1**2 + abs(w2)**3 - w1*w2", "log(1+w1**4) + sqrt(1+w2**2)"],
)
def test_nothing_below_the_level_lies_outside(text):
    energy = parse_expression(text)
    for level in (2.0, 15.0):
        low, high = hull_below(energy, w[:2], np.full(2, -2e3), np.full(2, 2e3), level, np.zeros((1, 2)))
        generator = fresh_generator()
        points = generator.standard_normal((200_000, 2)) * 10 ** generator.uniform(-1, 2.5, (200_000, 1))
        outside = ((points < low) | (points > high)).any(axis=1) & (np.abs(points) < 2e3).all(axis=1)
        assert (numeric(energy, w[:2])(points)[outside] > level).all()
        # Negative control: a box a third as wide leaves some out.
        out = ((points < low / 3) | (points > high / 3)).any(axis=1)
        assert (numeric(energy, w[:2])(points)[out] <= level).any()


def test_three_coordinates_and_no_point_at_all():
    low, high = hull_below(sum(x**2 for x in w), w, np.full(3, -50.0), np.full(3, 50.0), 1.0, np.zeros((1, 3)))
    assert (low > -1.4).all() and (low <= -1).all() and (high >= 1).all() and (high < 1.4).all()
    low, high = hull_below(w[0] ** 2 + 5, w[:1], np.array([-9.0]), np.array([9.0]), 1.0, np.zeros((1, 1)))
    assert (low == high).all()
    most = most_over(w[0] ** 2 - w[1], w[:2], np.array([[-1.0, 0.0]]), np.array([[2.0, 3.0]]))
    assert most[0] == pytest.approx(4.0)
