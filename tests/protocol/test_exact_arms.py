"""Exact outcomes of experimental arms: against matrix exponentials, the protocol's own solver, and sampled runs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from slt_toys.exact.fokker_planck import fokker_planck, grid_for, phase_weights
from slt_toys.potentials.catalogue import barrier_spectrum, find_pair
from slt_toys.potentials.potential import PotentialPair
from slt_toys.protocol.arms import ARMS, CONTROL, Arm, find_arm
from slt_toys.protocol.exact import exact_stuck_in_arm, exact_stuck_probability
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.shifts import three_phase_pair
from slt_toys.protocol.training import ExponentialDecay, Training
from slt_toys.worlds.world import observe, thermal_two_phase

PAIR = find_pair("regular_double_well")
TWO = PotentialPair("two components", barrier_spectrum(2, -1), barrier_spectrum(2), "all left")
FAST = Training(128, 5_000, ExponentialDecay(0.1, 0.9), 1536.0)
GIVEN = {"relative_loss": 0.95 ** np.arange(30)}
LAWFUL = [arm for arm in ARMS if arm.within_the_law]
RUNS = 2000


def fresh_seed() -> int:
    return int(np.random.SeedSequence().generate_state(1)[0])


def schedules(arm: Arm, switches, epochs_after: int):
    return [arm.schedule(FAST, switch, epochs_after, **GIVEN) for switch in switches]


@pytest.mark.parametrize("arm", LAWFUL, ids=lambda arm: arm.name)
def test_every_arm_against_matrix_exponentials(arm):
    runs = schedules(arm, [0, 3, 7], 6)
    grid = grid_for((PAIR.deficit, PAIR.clean), np.concatenate([run.temperatures for run in runs]), 50)
    deficit, clean = fokker_planck(PAIR.deficit, grid), fokker_planck(PAIR.clean, grid)
    expected = []
    for run in runs:
        masses = deficit.stationary(float(run.temperatures[0]))
        for epoch, (temperature, duration) in enumerate(zip(run.temperatures, run.durations, strict=True)):
            process = deficit if epoch < run.switch_epoch else clean
            masses = expm(process.generator(temperature).toarray().T * duration) @ masses
        expected.append(float(masses @ phase_weights(PAIR.clean, PAIR.stuck_phase, grid)))
    found = exact_stuck_in_arm(PAIR, runs, 50)
    assert found == pytest.approx(expected, abs=1e-5)
    if arm is CONTROL:
        assert np.abs(found - exact_stuck_in_arm(PAIR, schedules(find_arm("reset at the switch"), [0, 3, 7], 6), 50)
                      ).max() > 0.01  # fmt: skip


@pytest.mark.parametrize("pair", [PAIR, three_phase_pair(), TWO], ids=lambda pair: pair.name)
def test_the_control_is_the_switch_protocol(pair):
    switches = [0, 5, 10, 20]
    known = exact_stuck_probability(pair, FAST, switches, Ending("further", 20), cells=100)
    assert exact_stuck_in_arm(pair, schedules(CONTROL, switches, 20), 100) == pytest.approx(known, abs=1e-6)


@pytest.mark.parametrize("pair", [PAIR, find_pair("singular_double_well_4_2"), TWO], ids=lambda pair: pair.name)
def test_runs_of_every_arm_agree_with_what_is_exact(pair):
    """Within 5 standard errors for any seed; the curves of other arms are far off."""
    switches = (0, 6, 12, 18)
    world = thermal_two_phase(pair, FAST, switches, 20)
    seen = observe(world, LAWFUL, runs=RUNS, seed=fresh_seed())
    exact, sampled = np.empty((2, len(LAWFUL), len(switches)))
    for row, arm in enumerate(LAWFUL):
        own = [each for each in seen if each.arm == arm.name]
        exact[row] = exact_stuck_in_arm(pair, [each.schedule for each in own])
        sampled[row] = [each.stuck / each.runs for each in own]
    error = np.sqrt(np.maximum(exact * (1 - exact), 1e-3) / RUNS)
    assert np.abs((sampled - exact) / error).max() < 5
    assert np.abs((np.roll(sampled, 1, axis=0) - exact) / error).max() > 12


@pytest.mark.slow
def test_runs_agree_in_two_coordinates():
    pair = find_pair("curve_against_point")
    world = thermal_two_phase(pair, FAST, (0, 6, 12), 12)
    arms = [CONTROL, find_arm("cyclic rate")]
    seen = observe(world, arms, runs=RUNS, seed=fresh_seed())
    exact = np.concatenate(
        [exact_stuck_in_arm(pair, [each.schedule for each in seen if each.arm == arm.name], 72) for arm in arms]
    )
    sampled = np.array([each.stuck / RUNS for each in seen])
    assert np.abs(sampled - exact).max() < 5 * np.sqrt(0.25 / RUNS)


def test_no_schedule_is_refused_in_one_line():
    with pytest.raises(ValueError, match="schedules must hold at least one schedule"):
        exact_stuck_in_arm(PAIR, [])


def test_a_run_as_sgd_is_refused_in_one_line():
    with pytest.raises(ValueError, match="steps_per_epoch must be 0 for the Fokker-Planck equation"):
        exact_stuck_in_arm(PAIR, [find_arm("reshuffled").schedule(FAST, 2, 3)])
