"""Stuck shares by the kernel against SGD really run, for any seed; one sweep and many give the same."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.sgd_epoch import SGDEpoch
from slt_toys.exact.sgd_stuck import Sweep, borders_of, shares_by_kernel
from slt_toys.potentials.examples import GaussianGradients
from slt_toys.samplers import SGD, Stage, sample_stages
from tests.exact.made_epochs import PAIR, double_well_run, gibbs
from tests.seeds import fresh_seed

BORDERS = borders_of(PAIR.clean, PAIR.stuck_phase)
CHAINS = 4096
KINDS = {
    "with replacement": {},
    "added noise": {"added_noise": 3.0},
    "noise by loss": {"variance": 12.0, "dependence": "loss", "added_noise": 3.5},
    "noise by gradient": {"variance": 0.05, "dependence": "gradient", "added_noise": 4.0},
    "heavy ball": {"momentum": 0.5, "rate": 0.03},
    "Nesterov": {"momentum": 0.5, "rate": 0.03, "nesterov": True},
    "reshuffled": {"reshuffled": True},
    "reshuffled, added noise": {"reshuffled": True, "added_noise": 3.0},
}


def sampled(run: list[SGDEpoch], switch: int, seed: int) -> float:
    stages = []
    for part in (run[:switch], run[switch:]):
        one = part[0]
        rates = np.repeat([each.learning_rate for each in part], one.steps)
        target = GaussianGradients(one.potential, one.variance, one.dependence, size=one.steps)
        order = "reshuffled" if one.reshuffled else "with_replacement"
        sampler = SGD(rates, 1, one.momentum, one.nesterov, order, one.added_noise)
        stages.append(Stage(target, sampler, None, rates.size))
    start = draw_exact(PAIR.deficit, 1 / 0.6, CHAINS, [seed, 1])
    ends = sample_stages(stages, chains=CHAINS, seed=seed, initial=start)["w"].values[:, -1]
    return float((PAIR.clean.phase_index(ends) == PAIR.clean.phase_number(PAIR.stuck_phase)).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_sgd_really_run_ends_stuck_as_often(kind):
    """Within 5 standard errors at two switch epochs, of which one is the other's negative control."""
    seed, switches = fresh_seed(), (2, 14)
    runs = [double_well_run(switch, 40, **KINDS[kind]) for switch in switches]
    exact = shares_by_kernel(runs, switches, gibbs, BORDERS)
    assert exact.error < 6e-3
    for run, switch, share in zip(runs, switches, exact.shares, strict=True):
        error = np.sqrt(share * (1 - share) / CHAINS)
        assert abs(sampled(run, switch, seed + switch) - share) < 5 * error + exact.error, (kind, switch)
    assert abs(np.diff(exact.shares)[0]) > 12 * np.sqrt(0.25 / CHAINS)


@pytest.mark.parametrize("others", [{"momentum": 0.5, "rate": 0.03}, {"reshuffled": True, "steps": 24}])
def test_one_sweep_backwards_is_every_run_forwards(others):
    switches = [0, 2, 4]
    runs = [double_well_run(switch, 40, decay=0.9, **others) for switch in switches]
    sweep = Sweep(runs, switches, gibbs, BORDERS, 0.75)
    together = sweep.aligned()
    assert together is not None
    alone = sweep.one_by_one()
    assert together.shares == pytest.approx(alone.shares, abs=together.error + alone.error + 1e-6)
    assert np.diff(alone.shares).min() > 3 * (together.error + alone.error) or others.get("reshuffled")
    assert np.ptp(alone.shares) > 0.01


def test_rates_that_start_anew_are_followed():
    """A run that gets hot again forgets what it was: its share is that of a run which was never cold."""
    cold = double_well_run(8, 20)
    again = double_well_run(0, 30)
    never = shares_by_kernel([again], [0], gibbs, BORDERS).shares[0]
    restarted = shares_by_kernel([[*cold, *again]], [8], gibbs, BORDERS)
    assert restarted.lost < 1e-4
    assert abs(restarted.shares[0] - never) < 0.02
    assert shares_by_kernel([cold], [8], gibbs, BORDERS).shares[0] > never + 0.05, "the negative control"


def test_bad_input_is_refused_in_one_line():
    run = double_well_run(2, 6)
    with pytest.raises(ValueError, match="runs must hold at least one run"):
        shares_by_kernel([], [], gibbs, BORDERS)
    with pytest.raises(ValueError, match="runs must all be of one kind"):
        shares_by_kernel([run, double_well_run(2, 6, momentum=0.5)], [2, 2], gibbs, BORDERS)
    diverging = double_well_run(2, 6, rate=0.4)
    with pytest.raises(ValueError, match="of their mass leaves the grid"):
        shares_by_kernel([diverging], [2], gibbs, BORDERS)
