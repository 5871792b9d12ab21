"""Slopes in single numbers: the law is that of the loss whatever slopes lead to it, and poor ones are not taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient import curvature
from slt_toys.learning_coefficient.chains import Plan, Posterior, run_chains
from slt_toys.learning_coefficient.deep_linear import half_squared_error
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.ground import ground
from slt_toys.learning_coefficient.single_slopes import single_slopes
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from slt_toys.samplers.statistics import summarise
from tests.learning_coefficient.made_losses import DOUBLE, generator, quadratic, stacked
from tests.seeds import fresh_seed

PLAN = Plan("hmc", 32, 160, 1, 0.03, 4, 30, None)


def made(curvatures, n_beta: float = 10.0) -> Posterior:
    return Posterior(quadratic(curvatures), n_beta, 0.0, torch.ones(len(curvatures), dtype=DOUBLE))


def mean_energy(posterior: Posterior) -> tuple[float, float]:
    drawn = run_chains(posterior, PLAN, generator=generator(fresh_seed()), advance=lambda _: None)
    kept = drawn.energies[:, drawn.adapted :]
    return float(kept.mean()), float(summarise(kept)[1])


def test_slopes_of_another_loss_lead_to_the_same_law():
    """Even such as are half as steep again; chains that sampled their loss would have two thirds of the energy."""
    posterior = replace(made([1.0] * 6), lead=quadratic([1.5] * 6))
    mean, error = mean_energy(posterior)
    assert abs(mean - 3) < 5 * error
    assert abs(mean - 2) > 5 * error, "the negative control: the energy under the law of what leads"


def test_the_states_are_those_of_the_loss():
    posterior = made([2.0, 0.5])
    led = replace(posterior, lead=posterior.loss.in_type(torch.float32))
    w = torch.tensor([[0.4, 0.7], [1e-3, -0.2]], dtype=DOUBLE)
    ours, theirs = led.evaluate(w), posterior.evaluate(w)
    assert torch.equal(ours[1], theirs[1]) and torch.equal(ours[2], theirs[2])
    assert ours[3].dtype == DOUBLE and torch.allclose(ours[3], theirs[3], rtol=1e-5)
    assert torch.equal(led.slopes(w), ours[3]) and torch.equal(posterior.slopes(w), theirs[3])


def test_single_numbers_lead_where_they_tell_losses_apart():
    posterior = made([1.0, 4.0])
    found = single_slopes(posterior, 40.0)
    assert found is not None and found.start.dtype == torch.float32
    assert single_slopes(posterior, 0.0) is None, "nothing says how far chains go"


@pytest.mark.parametrize("n_beta", [1e3, 1e16])
def test_they_do_not_where_they_do_not(n_beta):
    """At weights of size 1 single numbers are 10⁻⁷ apart: as far as chains go at an nβ of 10¹⁶ and more."""
    loss = stacked(lambda w: ((w - 1) ** 2).sum() / 2, [1.0, 1.0])
    posterior = Posterior(loss, n_beta, 0.0, torch.ones(2, dtype=DOUBLE))
    assert (single_slopes(posterior, n_beta) is None) == (n_beta == 1e16)


def test_what_has_them_or_cannot_be_computed_in_them_is_left():
    double = torch.eye(3, dtype=DOUBLE)

    class Fixed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 3)

        def forward(self, x):
            return self.layer(x) @ double

    x = torch.ones(4, 3, dtype=DOUBLE)
    loss = StackedLoss(Fixed().double(), half_squared_error, x, x)
    scales = torch.ones_like(loss.start)
    assert single_slopes(Posterior(loss, 1.0, 0.1, scales), 1.0) is None
    single = StackedLoss(torch.nn.Linear(3, 3), half_squared_error, x.float(), x.float())
    assert single_slopes(Posterior(single, 1.0, 0.1, scales.float()), 1.0) is None
    plain = StackedLoss(torch.nn.Linear(3, 3).double(), half_squared_error, x, x)
    assert single_slopes(Posterior(plain, 1.0, 0.1, scales), 1.0) is not None


@pytest.fixture
def few_are_many(monkeypatch):
    """As if a hundred parameters were too many for all eigenvectors."""
    monkeypatch.setattr(curvature, "EXACT_UP_TO", 100)


def many(seed: int, columns: int = 120):
    """A regression on more columns than have their eigenvectors found, at its solution: λ is half their number."""
    source = torch.Generator().manual_seed(seed)
    x = torch.randn(2 * columns, columns, generator=source, dtype=DOUBLE)
    module = torch.nn.Linear(columns, 1, bias=False).double()
    torch.nn.init.zeros_(module.weight)
    return module, x, columns


@pytest.mark.parametrize(("sampler", "led"), [("hmc", True), ("preconditioned sgld", False)])
def test_only_samplers_that_refuse_are_led(sampler, led, few_are_many):
    module, x, _ = many(fresh_seed() % 2**32)
    loss = StackedLoss(module, half_squared_error, x, 0 * x[:, :1])
    found = ground(loss, sampler, 1e4, None, generator(fresh_seed()))
    assert (found.posterior.lead is not None) == led


def test_an_estimate_of_many_parameters_is_led_and_right(few_are_many):
    module, x, columns = many(fresh_seed() % 2**32)
    found = local_learning_coefficient(
        module, half_squared_error, (x, 0 * x[:, :1]), examples=10**6, draws=60, seed=fresh_seed() % 10**6
    )
    assert abs(found.estimate - columns / 2) < 5 * found.standard_error + 0.01 * columns / 2
    assert np.isfinite(found.energies).all() and found.acceptance > 0.5
