"""Borders of basins near their saddles, against paths of steepest ascent that are followed numerically."""

from __future__ import annotations

import pytest
from scipy.integrate import solve_ivp

from slt_toys.reference.laws import law


@pytest.mark.parametrize(("along", "across", "third"), [(2.0, -1.0, 0.5), (0.3, -4.0, -2.0), (5.0, -0.2, 3.0)])
def test_a_path_of_steepest_ascent_keeps_to_the_parabola(along, across, third):
    bend = law("border-bend")(border_curvature=along, crossing_curvature=across, border_coupling=third)
    rest = (0.4, -0.7, 0.2)  # cubic terms that bend nothing to this order

    def slope(_, p):
        x, y = p
        return [
            along * x + third * x * y + 3 * rest[0] * x**2 + rest[1] * y**2,
            across * y + third * x**2 / 2 + 2 * rest[1] * x * y + 3 * rest[2] * y**2,
        ]

    errors = []
    for end in (0.02, 0.01):
        path = solve_ivp(slope, (0, 400), [1e-7, 0.0], events=_reached(end), rtol=1e-11, atol=1e-18)
        x, y = path.y[:, -1]
        errors.append(abs(y / x**2 / bend - 1))
    assert errors[1] < 0.05 and errors[1] < 0.6 * errors[0]  # what is left is of order x
    wrong = third / (2 * (2 * along + across))
    assert abs(y / x**2 / wrong - 1) > 5 * errors[1]


def _reached(end):
    def event(_, p):
        return p[0] - end

    event.terminal = True
    return event
