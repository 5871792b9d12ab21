"""The default experiment's cells: what is kept is what would be solved, and rivals are what they are called."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.arms import find_arm
from slt_toys.protocol.sgd_pair import NoisyPair
from slt_toys.worlds.hypotheses import design, find_hypothesis
from slt_toys.worlds.mechanisms import batch_groups
from slt_toys.worlds.pair_shares import FACTORS, energy_table
from slt_toys.worlds.share_cells import HIGHER, default_cells, rival_shares, solved_cells
from slt_toys.worlds.verdict import fit
from slt_toys.worlds.world import thermal_two_phase
from tests.seeds import fresh_seed


@pytest.fixture(scope="module")
def cells():
    return default_cells()


def test_rivals_end_the_control_where_temperature_does(cells):
    seen, shares = cells.observations, cells.shares
    control = np.array([each.arm == "control" for each in seen])
    for name in ("flow time left", "flow time spent", "loss threshold"):
        rival = rival_shares(seen, shares, name)
        assert np.abs(rival - shares)[control].max() < 0.3 < np.abs(rival - shares).max()
    order = np.argsort(design(seen).log_flow_left)
    assert (np.diff(rival_shares(seen, shares, "flow time left")[order]) <= 1e-12).all()
    assert (rival_shares(seen, shares, "none") == 0.5).all()


def test_the_energy_table_is_exact_at_one_and_moves_other_batch_sizes_alone(cells):
    few, shares = cells.observations[:63:9], cells.shares[:63:9]
    factors, known = energy_table(find_pair("regular_double_well"), few, shares, (0.8, 1.0, 1.25))
    moved = batch_groups(few)[0] > 0
    assert factors.tolist() == [0.8, 1.0, 1.25] and (known[1] == shares).all()
    assert (known[:, ~moved] == shares[~moved]).all() and np.abs(known[2] - known[0])[moved].max() > 0.1


def test_kept_cells_are_the_default_experiment(cells):
    """All arms within the law that are no other's; energies move other batch sizes alone, and as the kernel has it."""
    arms = list(dict.fromkeys(each.arm for each in cells.observations))
    assert len(arms) == 11 and arms[0] == "control" and len(cells.observations) == 11 * 21
    moved, (factors, table) = batch_groups(cells.observations)[0] > 0, cells.energies
    assert tuple(factors) == FACTORS and np.abs(table[:, ~moved] - cells.shares[~moved]).max() < 1e-9
    assert np.abs(table[FACTORS.index(1.0)] - cells.shares).max() < 1e-9
    assert (
        np.abs(table[FACTORS.index(HIGHER)] - cells.higher).max()
        < 0.01
        < 0.1
        < np.abs(cells.higher - cells.shares).max()
    )
    assert default_cells(100).observations[0].runs == 100


def test_a_kept_share_is_what_sgd_does(cells):
    """4000 runs in one cell, of either energy: by SGD itself, not by its kernel."""
    at = next(
        k for k, each in enumerate(cells.observations) if each.arm == "halve the batch" and each.switch_epoch == 60
    )
    base = thermal_two_phase("regular_double_well").training
    run = find_arm("halve the batch").sgd_run(base, 60, 100)
    for factor, share in ((1.0, cells.shares[at]), (HIGHER, cells.higher[at])):
        noisy = NoisyPair(find_pair("regular_double_well"), base.gradient_variance / factor**2, 0.6 / factor)
        stuck = noisy.stuck(replace(run, learning_rates=run.learning_rates * factor), chains=4000, seed=[fresh_seed()])
        assert abs(stuck.mean() - share) < 5 * np.sqrt(share * (1 - share) / 4000) + 0.002


@pytest.mark.slow
def test_kept_cells_are_those_that_are_solved(cells):
    arms = ("control", "halve the batch", "halve the learning rate")  # most have the control's batch size
    again = solved_cells([find_arm(name) for name in arms])
    own = [at for at, each in enumerate(cells.observations) if each.arm in arms]
    kept = [cells.observations[at] for at in own]
    assert [each.deficit_loss for each in kept] == pytest.approx([each.deficit_loss for each in again.observations])
    for one, other in zip(kept, again.observations, strict=True):
        assert one.schedule.temperatures == pytest.approx(other.schedule.temperatures, rel=1e-12)
    assert again.shares == pytest.approx(cells.shares[own], abs=1e-9)
    assert again.higher == pytest.approx(cells.higher[own], abs=1e-9)
    assert again.energies[1] == pytest.approx(cells.energies[1][:, own], abs=1e-9)


@pytest.mark.slow
def test_the_two_state_law_is_near_enough_to_the_pair(cells):
    """Its misfit at 250 runs a cell: what its best fit to the exact shares lacks, in units of deviance."""
    many = [
        replace(each, runs=10**6, stuck=round(10**6 * p))
        for each, p in zip(cells.observations, cells.shares, strict=True)
    ]
    lacking = fit(find_hypothesis("temperature"), many).deviance / 4000
    assert 2 < lacking < 8  # against a deviance of 227 with a standard deviation of 21
