"""SGD as a sampler: brute-force Lyapunov solutions with numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_lyapunov

from theory.derivation import DerivationError
from theory.laws import sgd


def lyapunov_temperature(rate: float, momentum: float, curvature: float, noise: float) -> float:
    """Curvature times stationary variance of heavy ball, iterated as it is coded."""
    step = np.array([[1 - rate * curvature, -rate * momentum], [curvature, momentum]])
    kick = np.array([[-rate], [1.0]])
    return curvature * solve_discrete_lyapunov(step, noise * kick @ kick.T)[0, 0]


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 1.5), st.floats(0.0, 0.95), st.floats(0.1, 1.0))
def test_quadratic_temperature_is_the_lyapunov_solution(evaluate, rate, momentum, stiffness):
    curvature = stiffness / rate
    temperature = evaluate(
        "sgd-temperature", learning_rate=rate, gradient_variance=3.0, batch_size=2, momentum=momentum
    )
    exact = lyapunov_temperature(rate, momentum, curvature, 3.0 / 2)
    law = evaluate(
        "sgd-temperature-quadratic",
        temperature=temperature,
        learning_rate=rate,
        momentum=momentum,
        curvature=curvature,
    )
    assert law == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("rate", "momentum", "curvature", "ratio"), [(0.5, 0.0, 1.0, 4 / 3), (0.05, 0.9, 10.0, 38 / 33)]
)
def test_published_ratios(evaluate, rate, momentum, curvature, ratio):
    law = evaluate(
        "sgd-temperature-quadratic", temperature=1, learning_rate=rate, momentum=momentum, curvature=curvature
    )
    assert law == pytest.approx(ratio, rel=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_temperature_and_time_are_the_small_step_limit(evaluate, momentum):
    rate, curvature = 1e-4, 1.0
    temperature = evaluate("sgd-temperature", learning_rate=rate, gradient_variance=5, batch_size=10, momentum=momentum)
    assert lyapunov_temperature(rate, momentum, curvature, 0.5) == pytest.approx(temperature, rel=1e-3)
    # Relaxation: the slow eigenvalue of one step is exp(-curvature * Langevin time of a step).
    step = np.array([[1 - rate * curvature, -rate * momentum], [curvature, momentum]])
    slow = np.max(np.abs(np.linalg.eigvals(step)))
    per_epoch = evaluate("epoch-time", learning_rate=rate, dataset_size=100, batch_size=10, momentum=momentum)
    assert -np.log(slow) * 10 / curvature == pytest.approx(per_epoch, rel=2e-2)
    without = evaluate("epoch-time", learning_rate=rate, dataset_size=100, batch_size=10, momentum=0)
    if momentum:  # negative control: the clock without the momentum factor is far off
        assert abs(-np.log(slow) * 10 - without) > 0.4 * per_epoch


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 1.9), st.floats(0.1, 10.0), st.floats(0.1, 5.0))
def test_langevin_biases(evaluate, stiffness, curvature, temperature):
    step = stiffness / curvature
    variance = 0.0
    factor = (1 - stiffness) ** 2
    for _ in range(4000):
        variance = factor * variance + 2 * temperature * step
    law = evaluate("euler-maruyama-variance", temperature=temperature, curvature=curvature, time_step=step)
    assert law == pytest.approx(variance, rel=1e-9)
    energy = evaluate(
        "unadjusted-langevin-bias", step_size=2 * step * temperature, n_beta=1 / temperature, curvature=curvature
    )
    assert energy == pytest.approx(curvature * variance / (2 * temperature), rel=1e-9)


def test_a_wrong_noise_covariance_does_not_close(monkeypatch):
    right = sgd.heavy_ball_covariance()
    monkeypatch.setattr(sgd, "heavy_ball_covariance", lambda: 2 * right)
    sgd.derive_sgd_time_and_temperature.cache_clear()
    with pytest.raises(DerivationError):
        sgd.derive_sgd_time_and_temperature()
    with pytest.raises(DerivationError):
        sgd.derive_sgd_temperature_quadratic()
