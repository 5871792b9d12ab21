"""Noise by place: density, times and thermometers' temperatures against quadrature and against simulated paths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize

from slt_toys.reference.laws import law
from tests.seeds import fresh_generator


def loss(w: Any) -> Any:
    return (w**2 - 1) ** 2 - 0.2 * w


def slope(w: np.ndarray) -> np.ndarray:
    return 4 * w * (w**2 - 1) - 0.2


def curvature(w: float) -> float:
    return 12 * w**2 - 4


def minima_and_top() -> tuple[float, float, float]:
    low, top, high = np.sort(np.roots([4, 0, -4, -0.2]).real)
    return float(low), float(top), float(high)


def noise(w: Any, size: float, factor: float) -> Any:
    """Smoothly from one value to ``factor`` times it."""
    return size * factor ** ((1 + np.tanh(2 * w)) / 2)


def climb(size: float, factor: float, grid: np.ndarray) -> np.ndarray:
    return integrate.cumulative_simpson(slope(grid) / noise(grid, size, factor), x=grid, initial=0)


def test_density_is_that_of_paths_in_the_sense_of_ito():
    """Euler's rule is Itô's: the share of the hot side by simulation and by law; Boltzmann's is far off."""
    size, factor, step, chains, steps = 0.3, 2.5, 0.004, 4000, 6000
    random = fresh_generator()
    w = np.where(random.random(chains) < 0.5, -1.0, 1.0)
    seen = []
    for count in range(steps):
        w = w - slope(w) * step + np.sqrt(2 * noise(w, size, factor) * step) * random.standard_normal(chains)
        if count >= steps // 4 and count % 25 == 0:
            seen.append(w > minima_and_top()[1])
    shares = np.mean(seen, axis=0)
    grid = np.linspace(-2.4, 2.4, 60_001)
    up = climb(size, factor, grid)
    weight = law("noisy-density")(climb=up - up.min(), diffusion=noise(grid, size, factor))
    right = grid > minima_and_top()[1]
    expected = integrate.simpson(weight * right, x=grid) / integrate.simpson(weight, x=grid)
    error = shares.std() / math.sqrt(chains)
    assert abs(shares.mean() - expected) < 5 * error + 0.01  # of the order of the step
    plain = np.exp(-loss(grid) / size)
    assert abs(shares.mean() - integrate.simpson(plain * right, x=grid) / integrate.simpson(plain, x=grid)) > 0.1
    potential = law("noisy-effective-potential")(climb=up - up.min(), diffusion=noise(grid, size, factor))
    assert np.ptp(potential + np.log(weight)) < 1e-9


def passage(size: float, factor: float, start: float, end: float) -> float:
    """[eq:noisy-passage] by Simpson's rule."""
    grid = np.linspace(-2.4, end, 200_001)
    up = climb(size, factor, grid)
    up -= up.min()
    inner = integrate.cumulative_simpson(np.exp(-up) / noise(grid, size, factor), x=grid, initial=0)
    after = grid >= start
    return float(integrate.simpson(np.exp(up[after]) * inner[after], x=grid[after]))


@pytest.mark.parametrize("factor", [0.4, 1.0, 2.5])
def test_rate_is_one_over_the_time_at_small_noise(factor):
    low, top, high = minima_and_top()
    ratios = []
    for size in (0.08, 0.04):
        grid = np.linspace(low, top, 20_001)
        rate = law("noisy-escape-rate")(
            well_curvature=curvature(low), barrier_curvature=-curvature(top),
            barrier_climb=climb(size, factor, grid)[-1],
            well_diffusion=noise(low, size, factor), barrier_diffusion=noise(top, size, factor),
        )  # fmt: skip
        ratios.append(rate * passage(size, factor, low, high))
    assert abs(ratios[1] - 1) < 0.03
    assert abs(ratios[1] - 1) < 0.7 * abs(ratios[0] - 1) + 1e-3  # halved with the noise
    # Control: without the factor before the exponential it would be off where noise differs.
    if factor != 1:
        prefactor = math.sqrt(noise(low, 1.0, factor) / noise(top, 1.0, factor))
        assert abs(ratios[1] / prefactor - 1) > 0.15


def test_thermometers_read_what_the_laws_say():
    size, factor = 0.05, 1.5
    low, top, high = minima_and_top()
    up = np.linspace(low, top, 20_001)
    told = law("noisy-escape-temperature")(
        barrier_height=float(loss(top) - loss(low)), barrier_climb=climb(size, factor, up)[-1]
    )
    assert noise(low, size, factor) < told < noise(top, size, factor)
    # Occupancies: the temperature at which Boltzmann's shares of the two phases are the real ones.
    grid = np.linspace(-2.4, 2.4, 400_001)
    right = grid > top
    up = climb(size, factor, grid)
    weight = law("noisy-density")(climb=up - up.min(), diffusion=noise(grid, size, factor))
    odds = math.log(integrate.simpson(weight * right, x=grid) / integrate.simpson(weight * ~right, x=grid))

    def boltzmann(temperature: float) -> float:
        plain = np.exp(-(loss(grid) - loss(high)) / temperature)
        return math.log(integrate.simpson(plain * right, x=grid) / integrate.simpson(plain * ~right, x=grid)) - odds

    across = np.linspace(low, high, 40_001)
    expected = law("noisy-occupancy-temperature")(
        loss_difference=float(loss(high) - loss(low)), climb_difference=climb(size, factor, across)[-1],
        well_diffusion=noise(low, size, factor), other_well_diffusion=noise(high, size, factor),
    )  # fmt: skip
    if boltzmann(0.005) * boltzmann(5.0) < 0:
        assert optimize.brentq(boltzmann, 0.005, 5.0) == pytest.approx(expected, rel=0.05)
    else:  # the hot phase, the deeper one, is the emptier: no temperature does that
        assert odds < 0 and not expected > 0
