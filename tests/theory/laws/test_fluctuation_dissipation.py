"""Fluctuation-dissipation relations against the Lyapunov solution and simulated training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_lyapunov

from tests.seeds import fresh_seed


@settings(max_examples=40, deadline=None)
@given(st.floats(0.02, 0.95), st.floats(0.0, 0.95), st.floats(0.1, 5.0))
def test_lyapunov_solution(evaluate, share, momentum, noise):
    rate = 0.3
    curvature = share * 2 * (1 + momentum) / rate
    step = np.array([[1 - rate * curvature, -rate * momentum], [curvature, momentum]])
    kick = np.array([[-rate], [1.0]])
    covariance = solve_discrete_lyapunov(step, noise * kick @ kick.T)
    virial = curvature * covariance[0, 0]
    law = evaluate(
        "fluctuation-dissipation-momentum",
        learning_rate=rate,
        momentum=momentum,
        velocity_second_moment=covariance[1, 1],
    )
    assert law == pytest.approx(virial, rel=1e-7)
    second = curvature**2 * covariance[0, 0] + noise
    plain = evaluate("fluctuation-dissipation", learning_rate=rate, gradient_second_moment=second)
    if momentum == 0.0:
        assert plain == pytest.approx(virial, rel=1e-7)


def test_momentum_cannot_be_left_out(evaluate):
    # Negative control: slow mode, momentum .9; the relation without momentum is off by a factor near ten.
    virial = 1 / (2 * (1 - 0.9)) * 0.01  # curvature * stationary variance for small steps, unit noise
    plain = evaluate("fluctuation-dissipation", learning_rate=0.01, gradient_second_moment=1)
    assert virial > 5 * plain


def trajectory(momentum: float, seed: int, with_replacement: bool = True, chains: int = 3000, steps: int = 600):
    """Means over the second half of <w . grad L>, <v . v> and <g . g> per chain: quartic loss, noise grows with w."""
    generator = np.random.default_rng(seed)
    w, v, rate = np.zeros((chains, 2)), np.zeros((chains, 2)), 0.05
    sums = np.zeros((3, chains))
    noise = np.zeros((chains, 2, 8))
    for k in range(steps):
        gradient = np.stack([w[:, 0] ** 3 + w[:, 0] + 0.3 * w[:, 1], 0.3 * w[:, 0] + 2 * w[:, 1]], axis=1)
        if k % 8 == 0:
            noise = generator.standard_normal((chains, 2, 8))
            if not with_replacement:
                noise -= noise.mean(axis=2, keepdims=True)
        minibatch = gradient + noise[:, :, k % 8] * np.stack(
            [1 + 0.5 * np.abs(w[:, 1]), 0.5 + w[:, 0] ** 2 / 4], axis=1
        )
        new = momentum * v + minibatch
        if k >= steps // 2:
            sums += np.array([(w * gradient).sum(1), (v * v).sum(1), (minibatch**2).sum(1)])
        w, v = w - rate * new, new
    return sums / (steps - steps // 2), rate


@pytest.mark.parametrize("momentum", [0.0, 0.6, 0.9])
def test_simulated_training_beyond_quadratic_wells(evaluate, momentum):
    seed = fresh_seed()
    (virial, velocity, gradient), rate = trajectory(momentum, seed)
    unit = evaluate("fluctuation-dissipation-momentum", learning_rate=rate, momentum=momentum, velocity_second_moment=1)
    balance = virial - unit * velocity
    assert abs(balance.mean()) < 5 * balance.std(ddof=1) / len(balance) ** 0.5, seed
    if momentum == 0.0:
        plain = virial - evaluate("fluctuation-dissipation", learning_rate=rate, gradient_second_moment=1) * gradient
        assert abs(plain.mean()) < 5 * plain.std(ddof=1) / len(plain) ** 0.5, seed


def test_reshuffled_training_breaks_the_relation(evaluate):
    # Negative control: minibatches that know the ones before them are not independent of the weights.
    seed = fresh_seed()
    (virial, _, gradient), rate = trajectory(0.0, seed, with_replacement=False)
    plain = virial - evaluate("fluctuation-dissipation", learning_rate=rate, gradient_second_moment=1) * gradient
    assert abs(plain.mean()) > 5 * plain.std(ddof=1) / len(plain) ** 0.5
