"""First-order bias of the Euler scheme against the stationary law of its transfer operator on a grid."""

from __future__ import annotations

import numpy as np
import pytest


def chain_energy(half_order: int, scale: float, temperature: float, step: float, points: int = 601) -> float:
    """n beta <a |w|^(2k)> of the Euler chain, reflected far outside, by power iteration of its transition matrix."""
    width = (temperature / scale) ** (1 / (2 * half_order))
    # Wide enough for the density, not so wide that an outer point is thrown off the grid.
    w = np.linspace(-1, 1, points) * {1: 4.5, 2: 2.6, 3: 1.8}[half_order] * width
    centre = w - 2 * half_order * scale * np.sign(w) * np.abs(w) ** (2 * half_order - 1) * step
    kernel = np.exp(-((w[None, :] - centre[:, None]) ** 2) / (4 * temperature * step))
    kernel /= kernel.sum(axis=1, keepdims=True)
    density = np.exp(-scale * np.abs(w) ** (2 * half_order) / temperature)
    # Squaring the matrix forgets the start; 2^13 steps are many relaxation times.
    for _ in range(13):
        kernel = kernel @ kernel
    density = density / density.sum() @ kernel
    density /= density.sum()
    return float(density @ (scale * np.abs(w) ** (2 * half_order))) / temperature


@pytest.mark.parametrize(
    ("half_order", "scale", "temperature"), [(1, 0.7, 0.3), (2, 1.0, 1.0), (2, 3.0, 0.05), (3, 1.0, 1.0)]
)
def test_first_order_bias(evaluate, half_order, scale, temperature):
    unit = scale ** (-1 / half_order) * temperature ** (1 / half_order - 1)
    steps = np.array([1.0, 0.5, 0.25]) * {1: 0.02, 2: 0.02, 3: 0.004}[half_order] * unit
    plain = 1 / (2 * half_order)
    slopes = np.array([chain_energy(half_order, scale, temperature, step) - plain for step in steps]) / steps
    # Extrapolated to no step, in the first order and then in the second; what that changes is more than the error.
    once = 2 * slopes[1:] - slopes[:-1]
    twice = (4 * once[1] - once[0]) / 3
    error = abs(twice - once[1])

    def law(step):
        return evaluate(
            "unadjusted-langevin-bias-monomial", well_half_order=half_order, well_coefficient=scale,
            temperature=temperature, time_step=step,
        )  # fmt: skip

    assert law(0.0) == pytest.approx(plain, rel=1e-12)
    for step in steps:
        slope = (law(step) - plain) / step
        assert abs(slope - twice) < error
        assert error < 0.004 * slope
        # Negative controls: a law of two per cent more is told apart, and so is the slope of a finite step.
        assert abs(1.02 * slope - twice) > 3 * error
    assert abs(slopes[2] - twice) > 3 * error
