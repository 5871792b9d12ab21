"""The stepper's law: its noise, its steps, its streams."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
from scipy import linalg, stats

from slt_toys.worlds.gibbs import line_potential, plane_potential
from slt_toys.worlds.noisy_descent import Noise, NoisyDescent, stable_draws
from tests.seeds import fresh_seed

LINE, PLANE = line_potential(), plane_potential()


def test_normal_numbers_are_normal():
    draws = stable_draws(2.0, 1_000_000, fresh_seed()) / math.sqrt(2)
    assert stats.kstest(draws, "norm").pvalue > 1e-6
    beyond = (np.abs(draws) > 3.6).mean()  # the tail has a rule of its own
    expected = 2 * stats.norm.sf(3.6)
    assert abs(beyond - expected) < 5 * math.sqrt(expected / draws.size)
    assert np.abs(draws).max() > 4.3
    lag = (draws[1:] * draws[:-1]).mean()
    assert abs(lag) < 5 / math.sqrt(draws.size)


@pytest.mark.parametrize("stability", [1.2, 1.5, 1.9, 2.0])
def test_stable_numbers_have_their_characteristic_function(stability):
    draws = stable_draws(stability, 400_000, fresh_seed())
    for k in (0.3, 1.0, 2.5):
        wave = np.cos(k * draws)
        assert abs(wave.mean() - math.exp(-(k**stability))) < 5 * wave.std() / math.sqrt(draws.size)
        assert abs(np.sin(k * draws).mean()) < 5 * np.sin(k * draws).std() / math.sqrt(draws.size)
    wave = np.cos(draws)
    assert abs(wave.mean() - math.exp(-(0.7**stability))) > 12 * wave.std() / math.sqrt(draws.size)


def one_step(descent: NoisyDescent, place: list[float], chains: int = 200_000) -> np.ndarray:
    """Moves of one step from a place, shape (chains, d)."""
    seen = descent.run(np.tile(place, (chains, 1)), descent.learning_rate, descent.learning_rate, fresh_seed())
    np.testing.assert_array_equal(seen.before[:, 0], np.tile(place, (chains, 1)))
    return seen.after[:, 0] - place


def test_a_step_has_the_mean_and_covariance_asked_for():
    """Noise by place, mixed between coordinates, with a force round the level sets."""
    x, y = PLANE.coordinates
    mixing = ((1.0, 0.5), (0.0, 0.7))
    noise = Noise(40.0, factors=(1 + x**2, sympy.Rational(1, 2) + y**2), mixing=mixing)
    descent = NoisyDescent(PLANE, noise, 0.01, 4.0, swirl=0.6)
    place = [0.4, -0.3]
    moves = one_step(descent, place)
    slope = PLANE.gradient_function()(np.array(place))
    mean = -0.01 * (slope + 0.6 * np.array([slope[1], -slope[0]]))
    factors = np.diag([1 + 0.16, 0.5 + 0.09])
    covariance = 0.01**2 * 10.0 * np.array(mixing) @ factors @ np.array(mixing).T
    errors = np.sqrt(np.diag(covariance) / len(moves))
    assert (np.abs(moves.mean(axis=0) - mean) < 5 * errors).all()
    np.testing.assert_allclose(np.cov(moves.T), covariance, rtol=0.03, atol=1e-5)
    matrix = noise.diffusion(PLANE, 0.01, 4.0)(np.array(place))
    np.testing.assert_allclose(2 * 0.01 * matrix, covariance, rtol=1e-9)


def test_stationary_covariance_in_a_bowl_is_lyapunovs():
    x, y = sympy.symbols("x y", real=True)
    bowl = type(PLANE).from_expression(2 * x**2 + y**2 + x * y, name="bowl")
    mixing = ((1.5, 0.0), (0.3, 0.6))
    rate, chains = 0.01, 20_000
    descent = NoisyDescent(bowl, Noise(60.0, mixing=mixing), rate, 2.0)
    end = descent.run(np.zeros((chains, 2)), 6.0, 6.0, fresh_seed()).after[:, -1]
    hessian = np.array([[4.0, 1.0], [1.0, 2.0]])
    covariance = 30.0 * np.array(mixing) @ np.array(mixing).T
    step = np.eye(2) - rate * hessian
    expected = linalg.solve_discrete_lyapunov(step, rate**2 * covariance)
    errors = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / chains)
    assert (np.abs(np.cov(end.T) - expected) < 5 * errors).all()


def test_a_force_turns_every_half_period_and_walls_hold():
    pushed = NoisyDescent(LINE, Noise(0.0), 0.01, 1.0, force=30.0, period=2.0, walls=1.2)
    seen = pushed.run(np.zeros((1, 1)), 4.0, 0.01, 0).after[0, :, 0]
    np.testing.assert_allclose(seen[[95, 195, 295, 395]], [-1.2, 1.2, -1.2, 1.2])


def test_the_same_seed_gives_the_same_bits_whatever_runs_beside():
    """A chain's path depends on its own stream alone: on no other chain, and on nothing of how many there are."""
    descent = NoisyDescent(LINE, Noise(50.0), 0.01, 1.0)
    start = np.linspace(-1, 1, 6)[:, None]
    many, again = (descent.run(start, 2.0, 0.1, 7).after for _ in range(2))
    few = descent.run(start[:3], 2.0, 0.1, 7).after
    assert many.tobytes() == again.tobytes() and few.tobytes() == many[:3].tobytes()
    assert descent.run(start, 2.0, 0.1, 8).after.tobytes() != many.tobytes()
    moves = np.diff(descent.run(np.zeros((4000, 1)), 0.02, 0.01, fresh_seed()).after[..., 0], axis=1)
    neighbours = np.corrcoef(moves[1:, 0], moves[:-1, 0])[0, 1]
    assert abs(neighbours) < 5 / math.sqrt(4000)


def test_bad_input_is_refused_in_one_line():
    with pytest.raises(ValueError, match="stability must lie in"):
        Noise(1.0, stability=0.8)
    with pytest.raises(ValueError, match="factors must be 1, one for each coordinate"):
        NoisyDescent(LINE, Noise(1.0, factors=(sympy.Integer(1),) * 2), 0.01, 1.0)
    (x,) = LINE.coordinates
    with pytest.raises(ValueError, match="factors must be finite and not negative"):
        NoisyDescent(LINE, Noise(1.0, factors=(x,)), 0.01, 1.0)
    with pytest.raises(ValueError, match="stability must be 2 for a diffusion"):
        Noise(1.0, stability=1.5).diffusion(LINE, 0.01, 1.0)
    with pytest.raises(ValueError, match="chains left every bound"):
        NoisyDescent(LINE, Noise(1.0), 0.9, 1.0).run(np.full((2, 1), 3.0), 90.0, 9.0, 0)
