"""Chains of a torch module by hand: posterior, unadjusted step, leapfrog, the way out of a minimum."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from slt_toys.learning_coefficient.chains import Plan, Posterior, run_chains
from tests.learning_coefficient.made_losses import DOUBLE, generator, quadratic
from tests.seeds import fresh_seed


def posterior(scales) -> Posterior:
    loss = quadratic([2.0, 0.5], at=[0.3, -0.1])
    return Posterior(loss, 10.0, 3.0, torch.tensor(scales, dtype=DOUBLE))


def test_the_posterior_by_hand():
    law = posterior([0.5, 2.0])
    w = torch.tensor([[0.4, 0.7]], dtype=DOUBLE)
    _, losses, minus_log, slopes = law.evaluate(w)
    assert float(losses[0]) == pytest.approx(0.4**2 + 0.7**2 / 4)
    assert float(minus_log[0]) == pytest.approx(10 * (0.16 + 0.1225) + 1.5 * (0.1**2 + 0.8**2))
    by_hand = [0.5 * (10 * 2 * 0.4 + 3 * 0.1), 2 * (10 * 0.5 * 0.7 + 3 * 0.8)]
    assert slopes[0].tolist() == pytest.approx(by_hand)


def test_one_unadjusted_step_by_hand():
    law, step = posterior([0.5, 2.0]), 0.01
    plan = Plan("preconditioned sgld", 2, 1, 1, step, 1, 0, None)
    found = run_chains(law, plan, generator=generator(5), advance=lambda _: None)
    noise = torch.randn((2, 2), generator=generator(5), dtype=DOUBLE)
    slope = law.scales * 10 * torch.tensor([2 * 0.3, 0.5 * -0.1], dtype=DOUBLE)
    w = law.loss.start + law.scales * (step**0.5 * noise - step / 2 * slope)
    assert torch.allclose(found.last, w)
    energies = 10 * ((w**2 * torch.tensor([1.0, 0.25])).sum(1) - (0.09 + 0.0025))
    assert found.energies[:, 0] == pytest.approx(energies.numpy())
    assert found.distances[:, 0] == pytest.approx((w - law.loss.start).norm(dim=1).numpy())


def test_one_leapfrog_by_hand():
    law, step = posterior([1.0, 1.0]), 0.09
    plan = Plan("mala", 64, 1, 1, step, 1, 0, None)
    found = run_chains(law, plan, generator=generator(5), advance=lambda _: None)
    draws = generator(5)
    momentum = torch.randn((64, 2), generator=draws, dtype=DOUBLE)
    chance = torch.rand(64, generator=draws, dtype=DOUBLE)
    start = law.loss.start.expand(64, -1)
    before = law.evaluate(start)
    half = momentum - 0.15 * before[3]
    after = law.evaluate(start + 0.3 * half)
    end = half - 0.15 * after[3]
    ratio = before[2] + (momentum**2).sum(1) / 2 - after[2] - (end**2).sum(1) / 2
    taken = chance.log() < ratio
    assert 0 < int(taken.sum()) < 64
    assert torch.allclose(found.last, torch.where(taken[:, None], after[0], start))
    assert found.acceptance == pytest.approx(float(ratio.clamp(max=0).exp().mean()))


def test_the_virial_by_hand():
    """In whatever scales: (w - w*) times the slope of minus the log density, on whose mean chains in a well agree."""
    law = posterior([0.5, 2.0])
    state = law.evaluate(torch.tensor([[0.4, 0.7]], dtype=DOUBLE))
    by_hand = 0.1 * (10 * 2 * 0.4 + 3 * 0.1) + 0.8 * (10 * 0.5 * 0.7 + 3 * 0.8)
    assert float(law.virial(state)) == pytest.approx(by_hand)
    balanced = Posterior(quadratic([2.0, 0.5]), 10.0, 3.0, torch.tensor([0.2, 0.3], dtype=DOUBLE), balanced=True)
    plan = Plan("mala", 64, 400, 1, 1.0, 1, 40, None)
    found = run_chains(balanced, plan, generator=generator(fresh_seed()), advance=lambda _: None).virial
    assert found is not None
    means = found[:, 40:].mean(1)
    assert abs(means.mean() - 2) < 5 * means.std(ddof=1) / 8
    few = replace(plan, draws=20, adapt=2)
    assert run_chains(law, few, generator=generator(), advance=lambda _: None).virial is None


def test_adaptation_stays_below_the_largest_step():
    plan = Plan("mala", 16, 60, 1, 0.01, 1, 40, None)
    law = posterior([0.1, 0.1])
    free = run_chains(law, plan, generator=generator(1), advance=lambda _: None)
    bounded = run_chains(law, replace(plan, largest_step=0.02), generator=generator(1), advance=lambda _: None)
    assert free.step_size > 0.1 and bounded.step_size == pytest.approx(0.02)


def test_the_way_out_of_the_minimum_is_taken_while_the_step_is_adapted():
    """From a minimum every proposal leads up: chains that may refuse it stay, those that are let out do not."""
    law = Posterior(quadratic([2.0, 0.5]), 10.0, 3.0, torch.ones(2, dtype=DOUBLE))

    def moved(adapt: int) -> int:
        plan = Plan("mala", 256, 2, 1, 0.09, 1, adapt, None)
        return int((run_chains(law, plan, generator=generator(5), advance=lambda _: None).distances[:, 0] > 0).sum())

    assert moved(2) == 256 and moved(0) < 256


@pytest.mark.parametrize("step", [0.1, 1e4])
def test_a_step_that_leads_nowhere_is_made_smaller_before_it_is_adapted(step):
    """However few draws there are to adapt it in: at 4 over the stiffness of 23 leapfrogs diverge."""
    law = posterior([1.0, 1.0])
    plan = Plan("hmc", 16, 60, 1, step, 4, 20, None)
    found = run_chains(law, plan, generator=generator(fresh_seed()), advance=lambda _: None)
    assert found.acceptance > 0.3 and found.step_size < 1
    assert (found.distances[:, 20:] > 0).all()
