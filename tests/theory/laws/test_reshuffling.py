"""Reshuffling without replacement: brute-force covariances and simulated training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_lyapunov

from tests.seeds import fresh_seed
from theory.derivation import DerivationError
from theory.laws.reshuffling import temperature_factor


def epoch_covariances(stiffness: float, momentum: float, steps: int) -> np.ndarray:
    """Factor at each position of an epoch: the noise of all its steps as one vector, and a Lyapunov equation."""
    step = np.array([[1 - stiffness, -momentum], [stiffness, momentum]])
    kick = np.array([-1.0, 1.0])
    noise = np.eye(steps) - 1 / steps
    powers = [np.linalg.matrix_power(step, k) for k in range(steps + 1)]
    added = []
    for count in range(steps + 1):
        response = np.zeros((2, steps))
        for i in range(count):
            response[:, i] = powers[count - 1 - i] @ kick
        added.append(response @ noise @ response.T)
    start = solve_discrete_lyapunov(powers[-1], added[-1])
    inside = [(p @ start @ p.T + q)[0, 0] for p, q in zip(powers[:-1], added[:-1], strict=True)]
    return 2 * stiffness * (1 - momentum) * np.array(inside)


def simulate(stiffness, momentum, steps, seed, chains=4000, batch=3, epochs=40):
    """Train on examples reshuffled every epoch; per chain, stiffness * mean over an epoch of w^2 over T."""
    generator = np.random.default_rng(seed)
    examples = generator.standard_normal((chains, steps * batch))
    examples -= examples.mean(axis=1, keepdims=True)
    examples /= examples.std(axis=1, ddof=1, keepdims=True)
    w, v, squares = np.zeros(chains), np.zeros(chains), np.zeros(chains)
    relaxation = min(stiffness / (1 - momentum), 1 - momentum, 1.0) * steps
    epochs = max(epochs, int(np.ceil(12 / relaxation)))
    for _ in range(epochs):
        order = generator.permuted(examples, axis=1).reshape(chains, steps, batch).mean(axis=2)
        squares[:] = 0
        for k in range(steps):
            squares += w**2
            v = momentum * v + stiffness * w + order[:, k]  # curvature in units of 1 / learning rate
            w = w - v
    return 2 * batch * (1 - momentum) * stiffness * squares / steps


@pytest.mark.parametrize(
    ("stiffness", "momentum", "simulated"),
    [(0.05, 0.0, 0.585), (0.005, 0.0, 0.0995), (0.5, 0.0, 1.276), (0.05, 0.9, 0.942)],
)
def test_reported_factors(evaluate, stiffness, momentum, simulated):
    values = {"learning_rate": stiffness, "curvature": 1, "steps_per_epoch": 64}
    if momentum:
        factor = evaluate("reshuffling-temperature-factor-momentum", momentum=momentum, **values)
    else:
        factor = evaluate("reshuffling-temperature-factor", **values)
    assert factor == pytest.approx(simulated, rel=0.02)
    assert temperature_factor(stiffness, momentum, 64) == pytest.approx(factor, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.001, 1.9), st.integers(2, 40))
def test_positions_without_momentum(evaluate, stiffness, steps):
    exact = epoch_covariances(stiffness, 0.0, steps)
    values = {"learning_rate": stiffness, "curvature": 1, "steps_per_epoch": steps}
    for position in {0, 1, steps // 2, steps - 1}:
        law = evaluate("reshuffling-position-variance", steps_into_epoch=position, **values)
        assert law == pytest.approx(exact[position], rel=1e-6, abs=1e-9)
    assert evaluate("reshuffling-temperature-factor", **values) == pytest.approx(exact.mean(), rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 0.98), st.floats(0.0, 0.95), st.integers(1, 40))
def test_any_momentum(share, momentum, steps):
    stiffness = share * 2 * (1 + momentum)
    exact = epoch_covariances(stiffness, momentum, steps).mean()
    assert temperature_factor(stiffness, momentum, steps) == pytest.approx(exact, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("stiffness", "momentum"), [(0.2, 0.3), (1.5, 0.4), (0.05, 0.9), (0.001, 0.5)])
def test_closed_form_with_real_and_complex_roots(evaluate, stiffness, momentum):
    law = evaluate(
        "reshuffling-temperature-factor-momentum",
        learning_rate=stiffness / 2,
        curvature=2,
        momentum=momentum,
        steps_per_epoch=17,
    )
    assert law == pytest.approx(epoch_covariances(stiffness, momentum, 17).mean(), rel=1e-8)


def test_critical_damping_is_no_exception():
    momentum = 0.25
    stiffness = (1 - momentum**0.5) ** 2
    exact = epoch_covariances(stiffness, momentum, 12).mean()
    assert temperature_factor(stiffness, momentum, 12) == pytest.approx(exact, rel=1e-9)


POINTS = [
    (0.1, 0.0, 8), (0.02, 0.0, 32), (1.2, 0.0, 5), (0.4, 0.0, 16), (0.05, 0.0, 20),
    (0.1, 0.5, 8), (0.03, 0.8, 24), (0.6, 0.9, 10), (2.0, 0.5, 6), (0.01, 0.9, 40),
]  # fmt: skip


@pytest.mark.parametrize(("stiffness", "momentum", "steps"), POINTS)
def test_simulated_training(stiffness, momentum, steps):
    seed = fresh_seed()
    found = simulate(stiffness, momentum, steps, seed)
    error = found.std(ddof=1) / len(found) ** 0.5
    law = temperature_factor(stiffness, momentum, steps)
    assert abs(found.mean() - law) < 5 * error, seed
    if momentum == 0.0:  # negative control: sampling with replacement is another temperature
        assert abs(found.mean() - 1 / (1 - stiffness / 2)) > 5 * error


@pytest.mark.parametrize(("momentum", "steps"), [(0.0, 64), (0.5, 10), (0.9, 64), (0.9, 4)])
def test_slow_modes(evaluate, momentum, steps):
    defects = []
    for stiffness in (1e-4, 1e-5):
        law = evaluate(
            "reshuffling-slow-mode-limit",
            learning_rate=stiffness,
            curvature=1,
            momentum=momentum,
            steps_per_epoch=steps,
        )
        defects.append(temperature_factor(stiffness, momentum, steps) / law - 1)
    assert defects[1] == pytest.approx(defects[0] / 10, rel=0.05)  # wrong by the next order only
    assert abs(defects[1]) < 0.01


def test_a_long_epoch_is_sampling_with_replacement():
    assert temperature_factor(0.5, 0.0, 1000) == pytest.approx(1 / (1 - 0.25), rel=0.005)
    assert temperature_factor(0.5, 0.0, 1) == pytest.approx(0, abs=1e-12)  # full batch: no noise at all


def test_a_wrong_noise_law_does_not_close(monkeypatch):
    import theory.laws.reshuffling as reshuffling

    right = reshuffling.heavy_ball_covariance()
    monkeypatch.setattr(reshuffling, "heavy_ball_covariance", lambda: 2 * right)
    with pytest.raises(DerivationError):
        reshuffling.momentum_factor.__wrapped__()


@pytest.mark.parametrize(
    ("values", "message"),
    [((0.1, 1.0, 4), "momentum must"), ((2.5, 0.0, 4), "stiffness must"), ((0.1, 0.0, 2.5), "steps must")],
)
def test_bad_input_gets_one_line(values, message):
    with pytest.raises(ValueError, match=message) as caught:
        temperature_factor(*values)
    assert "\n" not in str(caught.value)
