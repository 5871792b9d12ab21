"""Kramers' factor against a reactive flux counted on simulated paths, and the mass against heavy-ball SGD itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.seeds import fresh_seed


def recrossings(mass: float, curvature: float, seed: int, paths: int = 50_000) -> np.ndarray:
    """Velocity at the top of an inverted parabola times where the path ends up, over the mean velocity upwards.

    m dv = (h w - v) dt + √(2T) dW has exact Gaussian steps; the side is settled once |w| is many times the noise's.
    """
    generator = np.random.default_rng(seed)
    step = 0.05 / curvature
    drift = np.array([[0.0, 1.0], [curvature / mass, -1 / mass]])
    # Van Loan: the exponential of the drift and the covariance of a step's noise.
    noise = np.diag([0.0, 2 / mass**2])
    block = np.block([[-drift, noise], [np.zeros((2, 2)), drift.T]]) * step
    values = np.eye(4)
    for k in range(30, 0, -1):
        values = np.eye(4) + block @ values / k
    flow = values[2:, 2:].T
    kick = np.linalg.cholesky(flow @ values[:2, 2:])
    state = np.stack([np.zeros(paths), generator.standard_normal(paths) / math.sqrt(mass)])
    first = state[1].copy()
    for _ in range(round(15 * math.sqrt(1 + mass * curvature) / (curvature * step))):
        state = flow @ state + kick @ generator.standard_normal((2, paths))
    return first * (state[0] > 0) * math.sqrt(2 * math.pi * mass)


@pytest.mark.parametrize(("mass", "curvature"), [(0.1, 4.0), (1.0, 1.0), (0.75, 4.0)])
def test_kramers_factor_is_the_flux_that_does_not_come_back(evaluate, mass, curvature):
    share = recrossings(mass, curvature, fresh_seed())
    found, error = share.mean(), share.std(ddof=1) / math.sqrt(share.size)
    factor = evaluate("kramers-transmission-factor", inertia=mass, barrier_curvature=curvature)
    exact = factor * math.sqrt(mass * curvature)  # per crossing, where the law counts per overdamped escape
    assert abs(found - exact) < 5 * error
    lighter = mass / 4
    wrong = evaluate("kramers-transmission-factor", inertia=lighter, barrier_curvature=curvature)
    assert abs(found - wrong * math.sqrt(lighter * curvature)) > 12 * error


def test_limits(evaluate):
    assert evaluate("kramers-transmission-factor", inertia=1e-4, barrier_curvature=1) == pytest.approx(
        1 - 1e-4, rel=1e-6
    )
    assert evaluate("kramers-transmission-factor", inertia=1e8, barrier_curvature=1) == pytest.approx(1e-4, rel=1e-3)
    assert evaluate("heavy-ball-inertia", learning_rate=0.1, momentum=0) == 0


@pytest.mark.parametrize("mass", [0.1, 0.3])
@pytest.mark.parametrize("curvature", [1.0, -2.0])
def test_modes_of_the_heavy_ball_are_those_of_the_mass(evaluate, mass, curvature):
    """Exact eigenvalues r = e^(λ Δt) of a step against m λ² + λ + h = 0, where many steps fit into a mode."""
    momentum = 0.9999
    rate = mass * (1 - momentum) ** 2 / momentum
    assert evaluate("heavy-ball-inertia", learning_rate=rate, momentum=momentum) == pytest.approx(mass)
    step = np.array([[1 - rate * curvature, -rate * momentum], [curvature, momentum]])
    modes = np.log(np.linalg.eigvals(step).astype(complex)) * (1 - momentum) / rate
    expected = np.roots([mass, 1, curvature])
    for mode in modes:
        assert np.abs(expected - mode).min() < 1e-3 * np.abs(expected).max()
