"""What a potential makes of its expressions: components and derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.catalogue import catalogue
from slt_toys.potentials.potential import Potential

NAMES = sorted(catalogue())


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_sympys(name):
    potential = catalogue()[name]
    low, high = np.array(potential.box).T
    points = low + (high - low) * np.random.default_rng(2).random((5, potential.dimension))
    for point in points:
        values = dict(zip(potential.coordinates, map(float, point), strict=True))
        gradient = [float(sympy.diff(potential.bound_energy, w).evalf(30, subs=values)) for w in potential.coordinates]
        np.testing.assert_allclose(potential.gradient_function()(point), gradient, rtol=1e-9, atol=1e-9)
        step = 1e-6
        for j in range(potential.dimension):
            shift = step * np.eye(potential.dimension)[j]
            numeric = (potential.gradient_function()(point + shift) - potential.gradient_function()(point - shift)) / (
                2 * step
            )
            np.testing.assert_allclose(potential.hessian_function()(point)[j], numeric, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_components_add_up(name):
    potential = catalogue()[name]
    low, high = np.array(potential.box).T
    points = low + (high - low) * np.random.default_rng(3).random((50, potential.dimension))
    parts = sum(
        potential.component(k).energy_function()(points[:, list(group)])
        for k, group in enumerate(potential.components())
    )
    np.testing.assert_allclose(parts, potential.energy_function()(points), rtol=1e-12, atol=1e-10)


def test_hidden_components_are_found_by_expanding():
    potential = Potential.from_expression("(w1**2 + w2**2)**2 - 2*w1**2*w2**2")
    assert potential.components() == ((0,), (1,))
