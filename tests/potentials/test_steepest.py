"""Paths of steepest ascent and descent, against closed forms and a plain integrator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy

from slt_toys.potentials.steepest import Landscape, Lost, ascended, descended

x, y = sympy.symbols("x y", real=True)


def landscape(energy, points, minima, box, walled=False):
    return Landscape.of(energy, (x, y), np.array(points, dtype=float), minima, box, walled)


def test_a_border_follows_the_slope():
    energy = (x**2 - 1) ** 2 / 4 + y**2 / 2 + x**2 * y / 5 + y**3 / 10
    land = landscape(energy, [(-1.02, -0.2), (0, 0), (1.02, -0.2)], (0, 2), ((-3, 3), (-1, 3)))
    border = ascended(land, np.array([0.0, 0.0]), np.array([0.0, 1.0]))
    ends = np.array([part.sum(axis=0) for part in border])
    assert ends[-1][1] == pytest.approx(3, abs=1e-12)
    assert np.abs(ends[:, 0]).max() < 1e-12  # by symmetry it is upright
    tilted = energy + x * y**2 / 3
    border = ascended(landscape(tilted, [(-1.02, -0.2), (0, 0), (1.02, -0.2)], (0, 2), ((-3, 3), (-1, 1))),
                      np.array([0.0, 0.0]), np.array([0.0, 1.0]))  # fmt: skip
    slope = sympy.lambdify((x, y), [sympy.diff(tilted, x), sympy.diff(tilted, y)])
    for part in border[2::5]:  # everywhere along it, inside the parts as well, it follows the slope
        for at in (0.3, 0.5):
            place = part.T @ at ** np.arange(6)
            forward = part[1:].T @ (np.arange(1, 6) * at ** np.arange(5))
            g = np.array(slope(*place))
            assert abs(forward[0] * g[1] - forward[1] * g[0]) < 1e-7 * np.linalg.norm(forward) * np.linalg.norm(g)


def test_a_path_of_a_sum_keeps_its_invariant():
    """For x²/2 + 3 y²/2 steepest descent keeps y/x³; for a saddle's border the other coordinate stays 0."""
    energy = x**4 / 4 - x**2 / 2 + 3 * y**2 / 2
    land = landscape(energy, [(-1, 0), (0, 0), (1, 0)], (0, 2), ((-2, 2), (-2, 2)))
    assert [descended(land, np.array(p)) for p in ((0.01, 1.5), (-0.01, 1.5), (1.9, -1.9), (-1e-6, 0.0))] == [
        1,
        0,
        1,
        0,
    ]
    border = ascended(land, np.array([0.0, 0.0]), np.array([0.0, -1.0]))
    assert border[-1].sum(axis=0) == pytest.approx([0, -2], abs=1e-12)


def test_a_descent_slides_along_a_wall():
    energy = 4 * (x**2 - 1) ** 2 + y**2 / 2 + y * (2 * x**2 - 1)
    wells, box = [(-(1.5**0.5), -2.0), (1.5**0.5, -2.0)], ((-2.5, 2.5), (-4.0, 0.6))
    land = landscape(energy, wells, (0, 1), box, walled=True)
    assert [descended(land, np.array(p)) for p in ((0.02, 0.59), (-0.02, 0.59), (0.3, 0.6))] == [1, 0, 1]
    low = landscape(x**2 + y, [(0.0, 0.0)], (0,), ((-2.0, 2.0), (-2.0, 1.0)), walled=True)
    with pytest.raises(Lost):  # a minimum on the wall, which phases are refused for
        descended(replace(low, capture=np.array([0.1])), np.array([-1.0, 0.5]))
