"""Samplers that refuse nothing, against the energy of quadratics and the laws of what they converge to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient import unadjusted_steps
from slt_toys.learning_coefficient.chains import Plan, Posterior
from slt_toys.learning_coefficient.curvature import eigen
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.referee_problems import ONES, Function, mean_output
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from slt_toys.learning_coefficient.unadjusted_steps import FRICTION, RootMeanSquare, Thermostat, step_bias
from slt_toys.reference.laws import law
from tests.seeds import fresh_seed


def quadratic(stiffness) -> tuple[Function, StackedLoss]:
    """Half the sum of stiffness times squares, at its minimum."""
    a = torch.as_tensor(stiffness, dtype=torch.float64)
    module = Function(lambda w: (a * w**2).sum() / 2, [0.0] * len(a))
    return module, StackedLoss(module, mean_output, ONES, ONES)


def energies(move, loss: StackedLoss, plan: Plan, step: float) -> np.ndarray:
    """U at every step of every chain, from the start, shape (step, chain)."""
    state = move.posterior.evaluate(loss.start.expand(plan.chains, -1).clone())
    found = []
    for _ in range(plan.draws):
        state = move(state, torch.tensor(step, dtype=torch.float64))
        found.append(state[2].numpy())
    return np.array(found)


def moved(kind, stiffness, *, chains: int, steps: int, step: float, **more):
    _, loss = quadratic(stiffness)
    posterior = Posterior(loss, 1.0, 0.0, torch.ones_like(loss.start))
    largest = float(np.max(stiffness))
    plan = Plan("sgnht", chains, steps, 1, step, 1, 0, None, largest)
    move = kind(posterior, plan, torch.Generator().manual_seed(fresh_seed()), **more)
    kept = energies(move, loss, plan, step)[steps // 5 :].mean(0)
    return float(kept.mean()), float(kept.std(ddof=1) / np.sqrt(chains)), move


def test_scales_of_the_same_slope_raise_the_energy_by_their_law_and_a_long_memory_does_not(monkeypatch):
    """One stiffness for all, in four directions; steps so small that they are forgotten."""
    stiffness, count = np.full(4, 9.0), 4
    monkeypatch.setattr(unadjusted_steps, "FLOOR", 0.3)  # steps stay small at the minimum, where scales are largest
    floor = 0.3 * 3.0
    exact = count * law("rmsprop-energy")(n_beta=1.0, curvature=9.0, slope_floor=floor)
    short, error, _ = moved(RootMeanSquare, stiffness, chains=192, steps=1000, step=0.015, memory=0.0)
    assert abs(short - exact) < 5 * error + 0.03 * exact  # the step's own
    assert abs(short - count / 2) > 15 * error, "the control: far from the posterior's"
    long, error, _ = moved(RootMeanSquare, stiffness, chains=256, steps=600, step=0.05, memory=0.999)
    assert abs(long - count / 2) < 5 * error + 0.1 * count / 2 < 0.6 * (exact - count / 2)


def test_a_thermostat_gives_stiff_directions_too_much_and_soft_ones_too_little():
    """Thirty soft directions and ten stiff ones: their energies are as the law says, and their sum tells nothing."""
    stiffness = np.r_[np.full(30, 0.2), np.full(10, 1.0)]
    step = 1.0  # the stiffest have an ε a of 1
    _, loss = quadratic(stiffness)
    posterior = Posterior(loss, 1.0, 0.0, torch.ones_like(loss.start))
    plan = Plan("sgnht", 64, 1500, 1, step, 1, 0, None, 1.0)
    move = Thermostat(posterior, plan, torch.Generator().manual_seed(fresh_seed()))
    state = posterior.evaluate(loss.start.expand(64, -1).clone())
    squares = torch.zeros(64, 40, dtype=torch.float64)
    for draw in range(plan.draws):
        state = move(state, torch.tensor(step, dtype=torch.float64))
        if draw >= 300:
            squares += state[0] ** 2 / 1200
    found = (torch.as_tensor(stiffness) * squares / 2).numpy()
    given = {"n_beta": 1.0, "step_size": step, "friction": FRICTION, "kinetic_scale": 1.0}
    told = np.array([law("thermostat-energy")(curvature=a, **given) for a in (0.2, 1.0)])
    kinetic = told / (1 - FRICTION / 2)
    told *= 0.5 * 40 / float(np.array([30, 10]) @ kinetic)
    for part, exact in ((found[:, :30].mean(1), told[0]), (found[:, 30:].mean(1), told[1])):
        assert abs(part.mean() - exact) < 5 * part.std(ddof=1) / 8 + 0.01
        assert abs(part.mean() - 0.5) > 5 * part.std(ddof=1) / 8, "the control: neither has one half"
    total = found.sum(1)
    assert abs(total.mean() - 20 * (1 - FRICTION / 2)) < 5 * total.std(ddof=1) / 8 + 0.1
    assert any("temperature of all directions" in doubt for doubt in move.doubts())
    known = eigen(loss, n_beta=1.0).spectrum(np.zeros(40), np.ones(40))
    assert step_bias("sgnht", known, step) == pytest.approx(30 * told[0] + 10 * told[1] - 20, abs=1e-9)


@pytest.mark.parametrize("scale", [1e3, pytest.param(1e-3, marks=pytest.mark.slow)])
def test_a_thermostat_at_its_own_step_is_right_in_any_unit(scale):
    module, _ = quadratic(scale * np.array([0.3, 0.5, 1.0, 1.0, 2.0, 2.0]))
    found = local_learning_coefficient(
        module, mean_output, (ONES, ONES), sampler="sgnht", n_beta=1e4 / scale, draws=150, thin=10, seed=fresh_seed()
    )
    assert abs(found.estimate - 3) < 5 * found.standard_error
    assert found.standard_error < 0.4 and "sgnht" not in found.verdict
    coarse = local_learning_coefficient(
        module, mean_output, (ONES, ONES), sampler="sgnht", n_beta=1e4 / scale, draws=150, thin=3, seed=fresh_seed(),
        step_size=0.5 / (2e4),
    )  # fmt: skip
    assert coarse.verdict.startswith("doubt: sgnht: momenta along the slope"), coarse.verdict


@pytest.mark.parametrize("scale", [1e3, pytest.param(1.0, marks=pytest.mark.slow)])
def test_rmsprop_is_doubted_by_name_and_wrong_in_any_unit_alike(scale):
    module, _ = quadratic(scale * np.array([1.0, 1.0, 2.0]))
    found = local_learning_coefficient(
        module, mean_output, (ONES, ONES), sampler="rmsprop sgld", n_beta=1e4 / scale, draws=100, thin=5,
        seed=fresh_seed(),
    )  # fmt: skip
    assert found.verdict.startswith("doubt: rmsprop sgld scales a step by the slope of the same draw")
    assert 1.5 - 5 * found.standard_error < found.estimate < 3 and found.step_bias == 0
