"""Chains that go on where they have not mixed, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient import longer
from slt_toys.learning_coefficient.chains import Draws, Plan, Posterior, run_chains
from slt_toys.learning_coefficient.curvature import Spectrum
from slt_toys.learning_coefficient.longer import DRAWS, LONGER, doubted_before, first_look, joined, until_mixed
from slt_toys.learning_coefficient.verdict import LARGEST_R_HAT, LEAST_EFFECTIVE_SAMPLE_SIZE
from slt_toys.samplers.statistics import summarise
from tests.learning_coefficient.made_losses import generator, quadratic
from tests.seeds import fresh_seed

PLAN = Plan("mala", 16, 50, 1, 1.0, 1, 10, None)


def run(plan: Plan) -> tuple[Draws, Draws]:
    posterior = Posterior(quadratic([1.0] * 4), 1.0, 0.01, torch.ones(4, dtype=torch.float64))
    source = generator(fresh_seed())
    drawn = run_chains(posterior, plan, generator=source, advance=lambda _: None)
    return drawn, until_mixed(posterior, plan, drawn, generator=source)


def test_few_draws_become_enough():
    drawn, more = run(PLAN)
    assert float(summarise(drawn.energies[:, 10:])[3]) < LEAST_EFFECTIVE_SAMPLE_SIZE
    assert 50 < more.energies.shape[1] <= LONGER * 50
    assert np.array_equal(more.energies[:, :50], drawn.energies) and np.isfinite(more.energies).all()
    assert more.distances.shape == more.spread.shape == more.energies.shape


def test_many_parameters_go_on_for_less(monkeypatch):
    """Five times as many draws are taken of few parameters, and not tried where draws are dear."""
    monkeypatch.setattr(longer, "_wanted", lambda drawn: 250 if drawn.energies.shape[1] < 250 else 0)
    drawn, more = run(PLAN)
    assert more.energies.shape[1] == 250
    monkeypatch.setattr(longer, "EXACT_UP_TO", 3)
    drawn, more = run(PLAN)
    assert more is drawn


def of_curvature(curvature: float, pull: float = 0.01) -> Spectrum:
    ones = np.ones(50)
    return Spectrum(ones * (curvature + pull), ones * pull, ones, np.zeros(50, dtype=np.int64), 0.0, 1e-9)


def test_where_the_spectrum_makes_it_doubt_a_look_is_short():
    """Directions as soft as the localisation: whatever the energy, it takes more than is borne."""
    plan = replace(PLAN, draws=DRAWS, adapt=51)
    assert doubted_before(of_curvature(0.02)) and not doubted_before(of_curvature(1.0))
    soft, stiff = first_look(plan, of_curvature(0.02)), first_look(plan, of_curvature(1.0))
    assert soft.draws < stiff.draws and (soft.longest, stiff.longest) == (1, plan.longest)


def test_a_first_look_is_followed_by_all_of_the_plans_draws(monkeypatch):
    """Whatever the first say of themselves: what is trusted has no fewer draws than it had without a look."""
    plan = replace(PLAN, draws=DRAWS, adapt=51)
    look = first_look(plan, of_curvature(1.0))
    assert look.adapt < look.draws < plan.draws and first_look(replace(plan, draws=30), of_curvature(1.0)).draws == 30
    monkeypatch.setattr(longer, "_wanted", lambda drawn: 0)
    posterior = Posterior(quadratic([1.0] * 4), 1.0, 0.01, torch.ones(4, dtype=torch.float64))
    source = generator(fresh_seed())
    drawn = run_chains(posterior, look, generator=source, advance=lambda _: None)
    more = until_mixed(posterior, plan, drawn, generator=source)
    assert more.energies.shape[1] == DRAWS and more.adapted == look.adapt


def test_enough_draws_are_left():
    drawn, more = run(replace(PLAN, draws=1000))
    summary = summarise(drawn.energies[:, 200:])
    assert float(summary[2]) < LARGEST_R_HAT and float(summary[3]) > LEAST_EFFECTIVE_SAMPLE_SIZE
    assert more is drawn


def test_chains_that_a_few_times_as_many_do_not_help_are_left():
    """So small a step that an unadjusted chain hardly moves."""
    drawn, more = run(replace(PLAN, sampler="sgld", step_size=1e-6, adapt=0))
    assert more is drawn


def test_a_bad_step_is_adapted_anew():
    """One so large that next to nothing is taken."""
    drawn, more = run(replace(PLAN, step_size=3.9, adapt=0))
    drawn = replace(drawn, acceptance=0.1)
    posterior = Posterior(quadratic([1.0] * 4), 1.0, 0.01, torch.ones(4, dtype=torch.float64))
    more = until_mixed(posterior, PLAN, drawn, generator=generator())
    assert more.adapted > 50 and more.step_size != drawn.step_size


def test_draws_joined():
    def made(count: int, adapted: int, acceptance: float) -> Draws:
        values = np.full((2, count), float(count))
        return Draws(values, values, values, float(count), adapted, acceptance, torch.zeros(2, 1))

    both = joined(made(10, 2, 0.5), made(8, 0, 0.9))
    assert (both.adapted, both.step_size) == (2, 8.0) and both.acceptance == pytest.approx(0.7)
    anew = joined(made(10, 2, 0.5), made(8, 3, 0.9))
    assert (anew.adapted, anew.acceptance) == (13, 0.9)
    assert anew.energies.tolist() == [[10.0] * 10 + [8.0] * 8] * 2


def test_what_either_part_saw_of_its_sampler_is_kept():
    """Else a thermostat that is doubted for its first draws would be trusted for its last."""
    first, _ = run(PLAN)
    told, other = replace(first, doubts=("warm",)), replace(first, doubts=("warm", "cold"))
    assert joined(told, first).doubts == ("warm",) and joined(first, told).doubts == ("warm",)
    assert joined(told, other).doubts == ("warm", "cold")
