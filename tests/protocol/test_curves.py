"""Which switch epochs are sampled, which epochs a plane needs, and chains that would take too long."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from slt_toys.exact.fokker_planck import fokker_planck, grid_for, phase_weights
from slt_toys.exact.sweeps import forward_sweep
from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol import curves
from slt_toys.protocol.coupled_pair import coupled_pair
from slt_toys.protocol.curves import (
    FEWER_OFFSETS,
    MOST_WORK,
    begin_stuck_curve,
    grid_error,
    refuse_too_long,
    sampled_rows,
)
from slt_toys.protocol.exact import frozen_stuck_curve, needed_epochs
from slt_toys.protocol.sampled import stuck_chains
from slt_toys.protocol.schedule import Ending, switch_schedules
from slt_toys.protocol.training import ExponentialDecay, Training

PAIR, FURTHER = find_pair("regular_double_well"), Ending("further", 200)
TRAINING = Training(32, 10_000, ExponentialDecay(0.05, 0.9), 3000.0)


def test_fewer_switch_epochs_are_some_of_all_of_them():
    epochs = np.arange(0, 121, 2)
    for width in (3.0, 5.0, 8.0):
        curve = 1 / (1 + np.exp(-(epochs - 60) / width))
        every, fewer = sampled_rows(epochs, curve), sampled_rows(epochs, curve, FEWER_OFFSETS)
        assert set(fewer) <= set(every) and 9 <= len(fewer) < len(every)
        assert fewer[0] == 0 and every.max() == fewer.max()


def test_chains_that_would_run_for_hours_are_refused_before_they_begin():
    prepared = stuck_chains(PAIR, TRAINING, [0, 4, 9], Ending("further", 20), 100, 0)
    told: list[float] = []
    prepared.final(told.append)
    assert prepared.work() == sum(map(int, prepared.steps[[*range(0, 9)]])) + sum(
        int(prepared.steps[fork:end].sum()) for fork, end in zip(prepared.forks, prepared.ends, strict=True)
    ) - int(prepared.steps[: prepared.begun].sum())  # fmt: skip
    assert sum(told) == pytest.approx(1)
    refuse_too_long(prepared, TRAINING)
    most = int(MOST_WORK / prepared.work())
    refuse_too_long(replace(prepared, chains=most), TRAINING)
    with pytest.raises(ValueError, match=rf"^chains: {10 * most} take .* take chains at most {most}, or dataset_size"):
        refuse_too_long(replace(prepared, chains=10 * most), TRAINING)


@pytest.mark.slow
def test_dear_chains_of_a_plane_switch_at_fewer_epochs(monkeypatch):
    """The same chains where both switch, since a switch epoch's noise is its own."""
    pair, chains = coupled_pair(PAIR), 300
    begin = partial(begin_stuck_curve, pair, TRAINING, FURTHER, chains=chains, seed=4)
    whole = begin().curve()
    monkeypatch.setattr(curves, "DEAR", 0.0)
    fewer = begin().curve()
    assert set(fewer.sampled_switch_epochs) < set(whole.sampled_switch_epochs)
    for curve in (whole, fewer):
        exact = np.interp(curve.sampled_switch_epochs, curve.switch_epochs, curve.exact)
        error = np.sqrt(np.maximum(exact * (1 - exact), 0.01) / chains)
        assert (np.abs(curve.stuck.mean(axis=0) - exact) < 5 * error).all()
        assert (np.abs(curve.stuck.mean(axis=0)[::-1] - exact) > 5 * error).any()
    end = float(np.interp(0.5, whole.exact, whole.switch_epochs))
    assert grid_error(pair, whole, FURTHER, end) == grid_error(pair, fewer, FURTHER, end)
    assert 0 < grid_error(pair, whole, FURTHER, end) < 0.3
    monkeypatch.setattr(curves, "MOST_WORK", 10.0)
    with pytest.raises(ValueError, match="chains: 300 take"):
        begin()


@pytest.mark.slow
def test_a_known_curve_says_which_epochs_a_plane_needs():
    """Left out, they change no run's end by more than is allowed; one epoch more in does."""
    pair, allowed, switches = coupled_pair(PAIR), 1e-3, [0, 4, 8, 12, 20]
    last = FURTHER.last_epoch(20)
    given = TRAINING.temperatures(last), TRAINING.durations(last)
    runs = switch_schedules(*given, switches, FURTHER)
    known = frozen_stuck_curve(pair, TRAINING, 20, FURTHER, allowed=allowed / 2)
    assert known is not None
    needed = needed_epochs(pair, runs, "equilibrium", allowed, known)
    assert needed_epochs(pair, runs, "equilibrium", allowed).begins == (0,) * len(runs)  # unknown, all of them
    assert min(needed.begins) >= 6 and max(needed.begins) <= 14 and 20 < needed.until < 60
    assert needed.begins[0] > 0 == runs[0].switch_epoch  # forgets after its switch as well

    def ended(run, begins: int, until: int) -> float:
        (low, high), cells = (given[0].min(), given[0].max()), 40
        grid = grid_for((pair.deficit, pair.clean), (low, high), cells)
        process = [fokker_planck(energy, grid) for energy in (pair.clean, pair.deficit)]
        masses = process[int(run.deficit_weights[max(begins - 1, 0)])].stationary(run.temperatures[max(begins - 1, 0)])
        for first, end, weight in ((begins, run.switch_epoch, 1), (max(begins, run.switch_epoch), until, 0)):
            if end > first:
                part = slice(first, end)
                masses = forward_sweep(process[weight], run.temperatures[part], run.durations[part], masses)[-1]
                masses = np.maximum(masses, 0.0)
        return float((masses * phase_weights(pair.clean, pair.stuck_phase, grid)).sum())

    whole = [ended(run, 0, 90) for run in runs]
    short = [ended(run, begins, needed.until) for run, begins in zip(runs, needed.begins, strict=True)]
    assert np.abs(np.subtract(short, whole)).max() < allowed
    assert abs(ended(runs[-1], needed.begins[-1] + 8, needed.until) - whole[-1]) > allowed
    assert abs(ended(runs[-1], needed.begins[-1], 22) - whole[-1]) > allowed
