"""Runs by look-up tables, against the exact law and against Langevin chains, which know nothing of cells."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.potentials.catalogue import find_pair
from slt_toys.potentials.potential import PotentialPair
from slt_toys.protocol.arms import CONTROL, find_arm
from slt_toys.protocol.exact import exact_shifts, exact_stuck_in_arm, exact_stuck_probability
from slt_toys.protocol.sampled import pure_energies, resolved_step, sample_schedule, sampled_stuck, step_counts
from slt_toys.protocol.schedule import Ending, Schedule, switch_schedules
from slt_toys.protocol.shifts import Late, Partial, shift_schedules
from slt_toys.protocol.tabled import tabled_paths, tabled_runs, tabled_stuck
from slt_toys.protocol.training import ConstantRate, ExponentialDecay, PowerDecay, Training
from tests.seeds import fresh_seed

PAIR = find_pair("regular_double_well")
FURTHER = Ending("further", 60)
SWITCHES = np.array([0, 5, 13, 30])
RUNS = 20_000


def training(decay: float = 0.97, variance: float = 3072.0) -> Training:
    return Training(256, 50_000, ExponentialDecay(0.05, decay), variance)


def distances(stuck: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """In standard errors of independent entries."""
    spread = stuck.var(axis=0) if stuck.shape[0] > 1 else 1.0
    return np.abs(stuck.mean(axis=0) - exact) / np.sqrt(np.maximum(spread, 1e-4) / len(stuck))


# ---- ends -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ending", [FURTHER, Ending("total", 70)])
@pytest.mark.parametrize("start", ["equilibrium", "deficit phase", "clean phase"])
def test_shares_are_the_exact_ones_and_another_noise_s_are_not(ending, start):
    stuck = tabled_stuck(PAIR, training(), SWITCHES, ending, runs=RUNS, seed=fresh_seed(), start=start)
    assert stuck.shape == (RUNS, 4) and set(np.unique(stuck)) <= {0.0, 1.0}
    exact = exact_stuck_probability(PAIR, training(), SWITCHES, ending, start)
    assert (distances(stuck, exact) < 5).all()
    other = exact_stuck_probability(PAIR, training(variance=3072.0 * 1.2), SWITCHES, ending, start)
    assert (distances(stuck, other) > 5).any()


@pytest.mark.parametrize("schedule", [PowerDecay(0.1, 0.8), ConstantRate(0.004)])
@pytest.mark.parametrize("shortcuts", [0.0, 1e-9])
def test_other_schedules_and_wells(schedule, shortcuts):
    pair, own = find_pair("singular_double_well_4_6"), Training(128, 50_000, schedule, 9000.0)
    switches, ending = [0, 10, 40], Ending("further", 40)
    stuck = tabled_stuck(pair, own, switches, ending, runs=RUNS, seed=fresh_seed(), shortcuts=shortcuts)
    assert (distances(stuck, exact_stuck_probability(pair, own, switches, ending)) < 5).all()


def test_separable_pairs_average_their_components():
    pair = find_pair("barrier_spectrum")
    stuck = tabled_stuck(pair, training(), [0, 10, 25], FURTHER, runs=4000, seed=fresh_seed())
    assert (distances(stuck, exact_stuck_probability(pair, training(), [0, 10, 25], FURTHER)) < 5).all()
    assert stuck.var(axis=0).max() < 0.05, "components are independent: a mean of ten scatters less than one"


def test_tables_and_langevin_chains_agree():
    """Chains of Heun's scheme take no cells and no tables; the control cools a little faster."""
    chains = 20_000
    sampled = sampled_stuck(PAIR, training(), SWITCHES, FURTHER, chains=chains, seed=fresh_seed())
    for decay in (0.97, 0.955):
        tabled = tabled_stuck(PAIR, training(decay), SWITCHES, FURTHER, runs=RUNS, seed=fresh_seed())
        spread = np.sqrt(np.maximum(sampled.var(axis=0), 1e-4) / chains + np.maximum(tabled.var(axis=0), 1e-4) / RUNS)
        apart = np.abs(sampled.mean(axis=0) - tabled.mean(axis=0)) / spread
        assert (apart < 5).all() if decay == 0.97 else (apart > 5).any()


def test_entries_are_independent():
    """Two switch epochs of one run share nothing: the covariance over runs is no more than chance."""
    stuck = tabled_stuck(PAIR, training(), [10, 11, 12], FURTHER, runs=RUNS, seed=fresh_seed())
    correlation = np.asarray(np.corrcoef(stuck.T))[np.triu_indices(3, 1)]
    assert (np.abs(correlation) < 5 / RUNS**0.5).all()
    neighbours = np.asarray(np.corrcoef(stuck[:-1, 1], stuck[1:, 1]))[0, 1]
    assert abs(neighbours) < 5 / RUNS**0.5


def test_the_same_seed_gives_the_same_runs_on_any_number_of_threads_and_more_begin_with_fewer():
    arguments = PAIR, training(), [0, 3, 8], FURTHER
    one = tabled_stuck(*arguments, runs=900, seed=4, threads=1)
    assert np.array_equal(one, tabled_stuck(*arguments, runs=900, seed=4, threads=3))
    assert np.array_equal(one[:100], tabled_stuck(*arguments, runs=100, seed=[4]))
    assert not np.array_equal(one, tabled_stuck(*arguments, runs=900, seed=5))


def test_progress_adds_up_and_nothing_may_be_left_to_look_up():
    told: list[float] = []
    tabled_stuck(PAIR, training(), [0, 3], Ending("further", 4), runs=10, advance=told.append, shortcuts=0.0)
    assert sum(told) == pytest.approx(1)
    cold = Training(256, 50_000, ExponentialDecay(0.05, 0.97), 30.0)
    stuck = tabled_stuck(PAIR, cold, [0, 4], FURTHER, runs=50)
    assert stuck.all(), "frozen from the start in the deficit's phase"


# ---- paths ----------------------------------------------------------------------------------------------------------
def test_phases_of_shifts_have_their_exact_masses_in_every_epoch():
    own, shifts = training(0.93), {"late": Late(5, 9), "partial": Partial(8, 0.6)}
    schedules = shift_schedules(own, shifts, 20)
    runs = tabled_paths(PAIR, schedules, runs=RUNS, seed=fresh_seed())
    assert runs["w"].dims == ("schedule", "run", "epoch") and runs.sizes == {"schedule": 2, "run": RUNS, "epoch": 21}
    exact = exact_shifts(PAIR, own, shifts, 20)["occupancy"].values
    for phase in range(exact.shape[2]):
        share = (runs["phase"] == phase).mean("run").values
        error = np.sqrt(np.maximum(exact[..., phase] * (1 - exact[..., phase]), 1e-4) / RUNS)
        assert (np.abs(share - exact[..., phase]) < 5 * error).all()
        assert (np.abs(share[0] - exact[1, :, phase]) > 5 * error[1]).any(), "the control: the other shift's"


def test_paths_of_tables_and_of_langevin_chains_move_alike():
    """Of places after each epoch: means, variances, covariances of two epochs, and how often a phase changes."""
    own, chains = training(0.9), 20_000
    (schedule,) = switch_schedules(own.temperatures(12), own.durations(12), [5], Ending("total", 12))
    records = [2, 5, 8, 12]
    tabled = tabled_paths(PAIR, [schedule], runs=chains, record_epochs=records, seed=fresh_seed())
    assert tabled["epoch"].values.tolist() == records
    limits = np.full(12, min(resolved_step(PAIR.deficit, 0.6, 0.3), resolved_step(PAIR.clean, 0.6, 0.3)))
    steps = step_counts(schedule.durations, limits)
    first = tabled_paths(PAIR, [schedule], runs=chains, record_epochs=[0], seed=fresh_seed())["w"].values[0, :, :1]
    sampled = sample_schedule(
        schedule, pure_energies(PAIR), steps, chains=chains, seed=[fresh_seed()], initial=first,
        record_steps=np.cumsum(steps)[np.array(records) - 1],
    )[..., 0]  # fmt: skip
    other = tabled_paths(PAIR, [shorter(schedule)], runs=chains, record_epochs=records, seed=fresh_seed())
    assert apart(tabled["w"].values[0], sampled) < 5
    assert apart(other["w"].values[0], sampled) > 5, "the control: epochs of two thirds the duration"


def shorter(schedule: Schedule) -> Schedule:
    return Schedule(schedule.deficit_weights, schedule.temperatures, schedule.durations * 2 / 3)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of means of some functions of paths (paths, epochs), in standard errors."""
    worst = 0.0
    for function in (
        lambda w: w, lambda w: w**2, lambda w: w[:, 1:] * w[:, :-1], lambda w: (w[:, 1:] > 0) != (w[:, :-1] > 0),
    ):  # fmt: skip
        first, second = function(one).astype(float), function(other).astype(float)
        error = np.sqrt(first.var(axis=0) / len(first) + second.var(axis=0) / len(second) + 1e-12)
        worst = max(worst, float((np.abs(first.mean(axis=0) - second.mean(axis=0)) / error).max()))
    return worst


def test_arms_of_their_own_lengths_end_stuck_as_they_should():
    own = training()
    schedules = [CONTROL.schedule(own, 12, 60), find_arm("reset at the switch").schedule(own, 12, 60)]
    last = max(len(each.epochs) for each in schedules)
    runs = tabled_paths(PAIR, schedules, runs=RUNS, record_epochs=[last], seed=fresh_seed())
    stuck = (runs["phase"] == runs.attrs["phases"].index(runs.attrs["stuck_phase"])).values[..., 0].T.astype(float)
    exact = exact_stuck_in_arm(PAIR, schedules)
    assert (distances(stuck, exact) < 5).all() and (distances(stuck, exact[::-1]) > 5).any()


def test_an_epoch_in_which_no_time_passes_is_recorded_too():
    """Of one schedule and of all; everyone stays in the cell it was in."""
    one = Schedule(np.ones(4), np.full(4, 0.3), np.array([0.5, 0.0, 0.5, 0.0]))
    two = Schedule(np.ones(4), np.full(4, 0.3), np.array([0.5, 0.0, 0.0, 0.5]))
    runs = tabled_paths(PAIR, [one, two], runs=2000, cells=30, seed=fresh_seed())
    phase = runs["phase"].values
    assert np.array_equal(phase[..., 1], phase[..., 2]) and np.array_equal(phase[0, :, 3], phase[0, :, 4])
    assert np.array_equal(phase[1, :, 2], phase[1, :, 3]) and (phase[0, :, 2] != phase[0, :, 3]).any()
    assert (np.abs(runs["w"].values) < 5).all() and runs["w"].values.var(axis=1).min() > 0.01


def test_places_lie_in_their_phase_and_fill_their_cells():
    (schedule,) = switch_schedules(np.array([0.3]), np.array([2.0]), [0], Ending("total", 1))
    runs = tabled_paths(PAIR, [schedule], runs=RUNS, cells=20, seed=fresh_seed())
    assert np.array_equal(PAIR.clean.phase_index(runs["w"].values[..., None]), runs["phase"].values)
    assert len(np.unique(runs["w"].values)) > RUNS


def test_a_circle_may_be_gone_round():
    from slt_toys.potentials.potential import Potential

    box = (0, 6.283185307179586)
    clean = Potential.from_expression("1-cos(2*w)-cos(w)/5", box=box, boundary="periodic")
    deficit = Potential.from_expression("1-cos(2*w)+cos(w)/5", box=box, boundary="periodic")
    pair = PotentialPair("circle", deficit, clean, clean.phases[1].name)
    own = Training(128, 50_000, ExponentialDecay(0.02, 0.9), 6000.0)
    stuck = tabled_stuck(pair, own, [0, 4, 12], Ending("further", 30), runs=RUNS, seed=fresh_seed())
    assert (distances(stuck, exact_stuck_probability(pair, own, [0, 4, 12], Ending("further", 30))) < 5).all()


def test_runs_of_a_training_are_the_paths_of_its_schedules():
    own, ending = training(0.9), Ending("further", 6)
    runs = tabled_runs(PAIR, own, [2, 5], ending, runs=50, seed=3, record_epochs=[0, 4, 11])
    assert runs["w"].dims == ("switch_epoch", "run", "epoch") and runs["switch_epoch"].values.tolist() == [2, 5]
    schedules = switch_schedules(own.temperatures(11), own.durations(11), [2, 5], ending)
    paths = tabled_paths(PAIR, schedules, runs=50, seed=3, record_epochs=[0, 4, 11])
    assert np.array_equal(runs["w"].values, paths["w"].values)
    ended = tabled_runs(PAIR, own, [2, 5], ending, runs=50, seed=3, record_epochs=[8, 11], cells=10)["phase"].values
    assert np.array_equal(ended[0, :, 0], ended[0, :, 1]), "the first run ends after eight epochs, and stays"


# ---- refusals -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runs": 0}, "runs must be a whole number from 1"), ({"shortcuts": 0.5}, "shortcuts must be at least 0 and"),
        ({"pair": find_pair("normal_crossing_against_point")}, "has coupled coordinates, whose tables would be too"),
        ({"switch_epochs": [3, 1]}, "switch_epochs must increase"), ({"start": "nowhere"}, "start"),
        ({"cells": 5000}, "cells must be at most 4096, not 5000"),
    ],
)  # fmt: skip
def test_bad_ends_are_refused_in_one_line(changes, words):
    arguments = {"pair": PAIR, "training": training(), "switch_epochs": [0, 3], "ending": FURTHER, "runs": 10} | changes
    with pytest.raises(ValueError, match=words) as caught:
        tabled_stuck(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runs": 0}, "runs must be a whole number"), ({"schedules": []}, "schedules must hold at least one"),
        ({"pair": find_pair("barrier_spectrum")}, "has 10 coordinates; paths by tables are of one"),
        ({"record_epochs": [3, 1]}, "record_epochs must increase"), ({"record_epochs": [13]}, "at most 12, not"),
        ({"record_epochs": [0.5]}, "record_epochs must"),
        ({"schedules": [Schedule(np.ones(2), np.ones(2), np.ones(2), steps_per_epoch=4)]}, "no steps of SGD"),
    ],
)  # fmt: skip
def test_bad_paths_are_refused_in_one_line(changes, words):
    own = training(0.9)
    schedules = switch_schedules(own.temperatures(12), own.durations(12), [5], Ending("total", 12))
    with pytest.raises(ValueError, match=words) as caught:
        tabled_paths(**({"pair": PAIR, "schedules": schedules, "runs": 10} | changes))
    assert "\n" not in str(caught.value)
