"""Least action against the closed form of a quadratic well, the loss itself, a quadrature, and simulated escapes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate

from slt_toys.exact import minimum_action as module
from slt_toys.exact.minimum_action import geometric_action, least_action_path, quasi_potential_of_barrier
from slt_toys.reference.laws import law
from slt_toys.worlds.gibbs import WORLDS, hot_well, line_potential, plane_potential
from slt_toys.worlds.noisy_descent import Noise, NoisyDescent
from tests.exact.made_drifts import DOCUMENTED, half, maier_stein
from tests.seeds import fresh_generator, fresh_seed

HESSIAN, NOISE = np.diag([8.0, 2.0]), np.array([[0.5, 0.25], [0.25, 0.25]])
PLANE, SADDLE = plane_potential(), [-0.1, -0.05]


def downhill(points: np.ndarray) -> np.ndarray:
    return -PLANE.gradient_function()(points)


@pytest.mark.parametrize("end", [(1.0, -1.0), (0.0, 1.0), (-0.3, 0.7)])
def test_quadratic_well_by_the_lyapunov_equation(end):
    found = least_action_path(
        lambda w: -w @ HESSIAN, lambda w: np.broadcast_to(NOISE, (len(w), 2, 2)), [0.0, 0.0], end, points=60
    )
    expected = law("quasi-potential-quadratic")(
        curvature_1=8.0, curvature_2=2.0, diffusion_11=0.5, diffusion_12=0.25, diffusion_22=0.25, direction_1=end[0],
        direction_2=end[1],
    )  # fmt: skip
    assert found.settled and found.action == pytest.approx(expected, rel=1e-4)
    straight = geometric_action(
        lambda w: -w @ HESSIAN, lambda w: np.broadcast_to(NOISE, (len(w), 2, 2)), np.linspace([0.0, 0.0], end, 61)
    )
    assert straight > found.action * 1.001


def test_isotropic_noise_costs_the_height_whatever_the_swirl():
    """[eq:geometric-action] is L/T along a curved valley; a force along the level sets leaves it as it is."""
    for turn in (0.0, 0.7):

        def drift(points: np.ndarray, turn: float = turn) -> np.ndarray:
            slope = PLANE.gradient_function()(points)
            return -slope - turn * np.stack([slope[:, 1], -slope[:, 0]], axis=1)

        found = quasi_potential_of_barrier(
            drift, lambda w: np.broadcast_to(0.3 * np.eye(2), (len(w), 2, 2)), [-1.0, -0.5], SADDLE, points=60
        )
        height = float(PLANE.energy_function()(np.array(SADDLE)) - PLANE.minimum_loss(0))
        assert found == pytest.approx(height / 0.3, rel=1e-3)


def test_noise_by_place_on_a_line_is_a_quadrature():
    line, descent = line_potential(), hot_well(2.0).descents[1]
    matrix = descent.noise.diffusion(line, descent.learning_rate, descent.batch_size)
    found = quasi_potential_of_barrier(lambda w: -line.gradient_function()(w), matrix, [1.0], [-0.1])
    expected = integrate.quad(
        lambda w: float((line.gradient_function()(np.array([w])) / matrix(np.array([w]))[0]).item()), 1.0, -0.1
    )[0]
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["anisotropic", "aligned with the Hessian"])
def test_escape_rates_of_simulated_chains_have_its_slope(name):
    """log rate against B/η at four sizes of the noise: the action is its slope; the loss over the mean noise is not."""
    world = WORLDS[name]()
    descent, actions, logs, errors = world.descents[0], [], [], []
    for temperature in (0.2, 0.16, 0.13, 0.11):
        own = NoisyDescent(
            PLANE, Noise(2 * temperature * 8 / 0.004, mixing=descent.noise.mixing), 0.004, 8.0
        )  # fmt: skip
        matrix = own.noise.diffusion(PLANE, own.learning_rate, own.batch_size)
        actions.append(quasi_potential_of_barrier(downhill, matrix, [-1.0, -0.5], SADDLE, points=60))
        chains = 3000
        seen = own.run(np.tile([-1.0, -0.5], (chains, 1)), 120.0, 0.5, fresh_seed()).after[..., 0] >= 1.0
        waited = np.where(seen.any(axis=1), seen.argmax(axis=1), seen.shape[1]).sum() * 0.5
        logs.append(math.log(seen.any(axis=1).sum() / waited))
        errors.append(1 / math.sqrt(seen.any(axis=1).sum()))
    slope = np.polyfit(actions, logs, 1, w=1 / np.array(errors))[0]
    spread = np.ptp(actions)
    # Beyond the error of the rates, what the factor before the exponential changes over the range: of order T.
    assert slope == pytest.approx(-1.0, abs=5 * errors[-1] * 2 / spread + 0.08)
    if name == "anisotropic":
        by_loss = [0.7533 / temperature for temperature in (0.2, 0.16, 0.13, 0.11)]
        assert np.polyfit(by_loss, logs, 1)[0] > -0.8


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="saddle must be a place where the drift vanishes"):
        quasi_potential_of_barrier(
            downhill, lambda w: np.broadcast_to(np.eye(2), (len(w), 2, 2)), [-1.0, -0.5], [0.3, 0.0]
        )
    with pytest.raises(ValueError, match="start and end must be two places"):
        least_action_path(downhill, lambda w: np.broadcast_to(np.eye(2), (len(w), 2, 2)), [0.0, 0.0], [0.0, 0.0])


# ---- ways that are stationary and not least -------------------------------------------------------------------------
@pytest.mark.parametrize("beta", DOCUMENTED)
def test_documented_answers_of_a_peer(beta):
    """Above β = 4 the axis is stationary and costs 1/2, and the least way leaves it: found without a hint."""
    found = least_action_path(maier_stein(beta), half, [-1.0, 0.0], [0.0, 0.0], points=200)
    value, error = DOCUMENTED[beta]
    assert found.settled and found.action == pytest.approx(value, abs=error + 2e-5)
    along = geometric_action(maier_stein(beta), half, np.stack([np.linspace(-1, 0, 401), np.zeros(401)], axis=1))
    assert along == pytest.approx(0.5, abs=1e-5), "the control: the axis itself"
    if beta > 4:
        assert found.action < 0.97 * along and found.others == pytest.approx((0.5,), abs=1e-3)
        assert np.abs(found.points[:, 1]).max() > 0.2
    else:
        assert not found.others and np.abs(found.points[:, 1]).max() < 0.01


def test_directions_are_in_the_order_of_their_costs(monkeypatch):
    turn, _ = np.linalg.qr(fresh_generator().normal(size=(5, 5)))
    form, across = turn @ np.diag([-3.0, -1.0, 0.5, 2.0, 4.0]) @ turn.T, np.eye(5)
    together = module._cheapest(lambda v: 7.0 + float(v @ form @ v), across)
    assert np.abs(together @ turn) == pytest.approx(np.eye(5), abs=1e-9)
    monkeypatch.setattr(module, "ALL_TOGETHER", 4)
    assert np.array_equal(module._cheapest(lambda v: float(v @ form @ v), across), across[np.argsort(np.diag(form))])


def test_a_guess_on_a_ridge_is_left_too():
    axis = np.stack([np.linspace(-1, 0, 11), np.zeros(11)], axis=1)
    found = least_action_path(maier_stein(10.0), half, [-1.0, 0.0], [0.0, 0.0], guess=axis)
    assert found.action == pytest.approx(0.34004, abs=1e-4)


def test_a_line_and_space_have_their_bends():
    """No direction across a line; two across a line in space, where the valley is left into the third coordinate."""
    line = least_action_path(lambda w: -w, lambda w: np.ones((len(w), 1, 1)), [0.0], [1.0])
    assert line.action == pytest.approx(0.5, rel=1e-4) and not line.others

    def drift(points: np.ndarray) -> np.ndarray:
        flat = maier_stein(10.0)(points[:, [0, 2]])
        return np.stack([flat[:, 0], -3 * points[:, 1], flat[:, 1]], axis=1)

    found = least_action_path(
        drift, lambda w: np.broadcast_to(np.eye(3) / 2, (len(w), 3, 3)), [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0], points=60
    )
    assert found.action == pytest.approx(0.34004, abs=3e-4)
