"""Sampled runs against what is exact: the protocol, arms and shifts."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytest
import sympy

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.equilibrium import phase_table
from slt_toys.fits.ends import CriticalPeriodEnd, Definition, find_end
from slt_toys.fits.resampling import end_with_interval, resample_chains
from slt_toys.potentials.catalogue import barrier_spectrum, find_pair, regular_double_well
from slt_toys.potentials.potential import Potential, PotentialPair
from slt_toys.protocol.arms import ARMS, CONTROL, find_arm
from slt_toys.protocol.components import component_pairs
from slt_toys.protocol.exact import exact_shifts, exact_stuck_in_arm, exact_stuck_probability
from slt_toys.protocol.sampled import resolved_step, sampled_shifts, sampled_stuck, stuck_chains
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.shifts import Gradual, Late, Partial, Sudden, shift_catalogue, three_phase_pair
from slt_toys.protocol.training import ConstantRate, ExponentialDecay, PowerDecay, Training
from slt_toys.samplers import OverdampedLangevin, largest_stable_step, sample
from slt_toys.worlds.world import observe, thermal_two_phase
from tests.seeds import fresh_seed, fresh_seeds

PAIR = find_pair("regular_double_well")
TRAINING = Training(128, 50_000, ExponentialDecay(0.05, 0.9), 3072.0)
EPOCHS = 36
TWO = PotentialPair("two components", barrier_spectrum(2, -1), barrier_spectrum(2), "all left")
FAST = Training(128, 5_000, ExponentialDecay(0.1, 0.9), 1536.0)
LAWFUL = [arm for arm in ARMS if arm.within_the_law]
RUNS = 2000
HALF = Definition("half_stuck_mass", interpolation="monotone_cubic")
FURTHER = Ending("further", 200)
THEOREM = math.log(2) / -math.log(0.97)


def reference(batch_size: float, variance: float = 3072.0) -> Training:
    return Training(batch_size, 50_000, ExponentialDecay(0.05, 0.97), variance)


def exact_end(pair: PotentialPair, training: Training, around: float, cells: int | None = None) -> CriticalPeriodEnd:
    epochs = np.arange(max(0, round(around) - 9), round(around) + 10, 3)
    return find_end(epochs, exact_stuck_probability(pair, training, epochs, FURTHER, cells=cells), HALF)


def sampled_end(pair: PotentialPair, training: Training, rows: np.ndarray, chains: int) -> CriticalPeriodEnd:
    stuck = sampled_stuck(
        pair, training, rows, FURTHER, chains=chains, seed=[0, int(training.batch_size)], step_share=0.5
    )
    curves = resample_chains(stuck, repetitions=400, seed=1)
    return end_with_interval(rows, stuck.mean(axis=0), curves, HALF)


# ---- the scaling theorem --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "ends", "cells", "chains"),
    [
        ("regular_double_well", {32: 81.07, 64: 58.30, 128: 35.50, 256: 12.79}, None, 20_000),
        ("singular_double_well_2_4", {32: 86.1, 64: 63.3, 128: 40.5, 256: 17.8}, None, 6_000),
        ("normal_crossing_against_point", {32: 80.0, 64: 57.3, 128: 34.6}, 64, 6_000),
    ],
)
def test_ends_exact_and_sampled_follow_the_theorem(name, ends, cells, chains):
    """Chains agree with the exact e* within 4 standard errors, of each batch size and of all; the slope is ln 2/|ln γ|.

    For the reference case the ends are SCIENCE's, to ±0.3; for the other pairs they only say where to look. Chains
    switch at the three rows about the exact end: runs that switch elsewhere cost as much and say nothing of it.
    """
    pair = find_pair(name)
    exact = {size: exact_end(pair, reference(size), around, cells) for size, around in ends.items()}
    if name == "regular_double_well":
        for size, value in ends.items():
            assert exact[size].epoch == pytest.approx(value, abs=0.3)
    epochs = np.array([end.epoch for end in exact.values()], dtype=float)
    assert np.isfinite(epochs).all()
    # The theorem is for starts that are forgotten; at the largest batch the 2-D pair still remembers its own.
    fitted = len(ends) - (pair.clean.dimension == 2)
    slope = -np.polyfit(np.log2(list(ends))[:fitted], epochs[:fitted], 1)[0]
    assert slope == pytest.approx(THEOREM, rel=0.01)
    distances = []
    for size, end in zip(exact, epochs, strict=True):
        found = sampled_end(pair, reference(size), round(end) + np.arange(-3, 4, 3), chains)
        assert found.epoch is not None and found.standard_error is not None
        assert found.standard_error < 0.2
        distances.append((found.epoch - end) / found.standard_error)
        assert abs(distances[-1]) < 4, (name, size, found, end)
    assert abs(np.sum(distances)) < 4 * len(distances) ** 0.5, distances  # a bias that all of them share


# ---- switches -----------------------------------------------------------------------------------------------------
def agree(
    pair: PotentialPair, training: Training, switches: np.ndarray, ending: Ending, start, chains: int = 8000
) -> None:
    exact = exact_stuck_probability(pair, training, switches, ending, start)
    stuck = sampled_stuck(pair, training, switches, ending, chains=chains, seed=fresh_seed(), start=start)
    error = np.sqrt(np.maximum(stuck.var(axis=0), 1e-4) / chains)
    assert (np.abs(stuck.mean(axis=0) - exact) < 5 * error).all(), (stuck.mean(axis=0), exact, error)


@pytest.mark.parametrize("ending", [Ending("further", 60), Ending("total", 70)])
@pytest.mark.parametrize("start", ["equilibrium", "deficit phase", "clean phase"])
def test_both_endings_and_starts(ending, start):
    agree(find_pair("regular_double_well"), reference(256), np.array([0, 5, 13, 30]), ending, start)


@pytest.mark.parametrize("schedule", [PowerDecay(0.1, 0.8), ConstantRate(0.004)])
def test_other_schedules(schedule):
    training = Training(128, 50_000, schedule, 9000.0)
    agree(find_pair("singular_double_well_4_6"), training, np.array([0, 10, 40]), Ending("further", 40), "equilibrium")


def test_separable_pairs_average_their_components():
    pair = find_pair("barrier_spectrum")
    parts = component_pairs(pair)
    assert len(parts) == 10 and all(part.stuck_phase == "left" for part in parts)
    agree(pair, reference(256), np.array([0, 10, 25]), Ending("further", 100), "equilibrium", chains=3000)


@pytest.mark.parametrize("wrong", ["tilt", "noise", "deficit"])
def test_wrong_worlds_are_caught(wrong):
    """Negative controls: the same comparison fails when one side has another tilt, noise or deficit."""
    right = find_pair("regular_double_well")
    tilted = regular_double_well(sympy.Rational(9, 100))
    pair = {
        "tilt": PotentialPair("wrong", right.deficit, tilted, "left"),
        "noise": right,
        "deficit": PotentialPair("wrong", right.clean, right.clean, "left"),
    }[wrong]
    variance = 3072.0 * (1.1 if wrong == "noise" else 1.0)
    switches, chains = np.array([5, 13, 30]), 8000
    exact = exact_stuck_probability(right, reference(256), switches, Ending("further", 60))
    stuck = sampled_stuck(
        pair, reference(256, variance), switches, Ending("further", 60), chains=chains, seed=fresh_seed()
    )
    error = np.sqrt(stuck.var(axis=0) / chains)
    assert (np.abs(stuck.mean(axis=0) - exact) > 5 * error).any()


def test_the_same_seed_gives_the_same_chains_on_any_number_of_threads():
    pair = find_pair("regular_double_well")
    arguments: dict = {"chains": 300, "seed": 4}
    one = sampled_stuck(pair, reference(256), np.array([0, 3]), Ending("further", 10), threads=1, **arguments)
    two = sampled_stuck(pair, reference(256), np.array([0, 3]), Ending("further", 10), threads=2, **arguments)
    assert np.array_equal(one, two)


# A look into a cache by an energy's equal compares expressions, and computes nothing.
COMPARING = {"__eq__", "__ne__", "__hash__"}


def compares(frame: FrameType | None) -> bool:
    """Whether a call is part of a comparison."""
    while frame is not None:
        if frame.f_code.co_name in COMPARING and "sympy" in frame.f_code.co_filename.replace("\\", "/").split("/"):
            return True
        frame = frame.f_back
    return False


@pytest.mark.parametrize("name", ["regular_double_well", "normal_crossing_against_point", "barrier_spectrum"])
def test_prepared_chains_run_without_symbolic_mathematics(name):
    """Its precision is one for all threads, and chains run beside others; the control is what prepares them."""
    symbolic: set[str] = set()

    def watch(frame: FrameType, event: str, _: object) -> None:
        parts = frame.f_code.co_filename.replace("\\", "/").split("/")
        if event == "call" and {"sympy", "mpmath"} & set(parts) and not compares(frame):
            symbolic.add(frame.f_code.co_name)

    def watched(work: Callable[[], Any]) -> Any:
        symbolic.clear()
        before = sys.getprofile()
        sys.setprofile(watch)
        try:
            return work()
        finally:
            sys.setprofile(before)

    pair = find_pair(name)
    arguments = pair, reference(256), [0, 3, 8], Ending("further", 10), 100, 4
    prepared = watched(lambda: stuck_chains(*arguments))
    assert symbolic
    final = watched(prepared.final)
    assert not symbolic
    assert final.shape == (3, 100, pair.clean.dimension)
    same = sampled_stuck(*arguments[:4], chains=100, seed=4)
    assert np.array_equal(prepared.stuck(final), same)


# ---- arms ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("pair", [PAIR, find_pair("singular_double_well_4_2"), TWO], ids=lambda pair: pair.name)
def test_runs_of_every_arm_agree_with_what_is_exact(pair):
    """Within 5 standard errors for any seed; the curves of other arms are far off."""
    switches = (0, 6, 12, 18)
    world = thermal_two_phase(pair, FAST, switches, 20, langevin=True)
    first = CONTROL.schedule(FAST, 0, 1).temperatures
    # of one temperature at the start, from which the Fokker-Planck equation begins in equilibrium
    arms = [arm for arm in LAWFUL if world.can_run(arm) and arm.schedule(FAST, 0, 1).temperatures[0] == first[0]]
    assert len(arms) >= 7
    seen = observe(world, arms, runs=RUNS, seed=fresh_seed())
    exact, sampled = np.empty((2, len(arms), len(switches)))
    for row, arm in enumerate(arms):
        own = [each for each in seen if each.arm == arm.name]
        exact[row] = exact_stuck_in_arm(pair, [each.schedule for each in own])
        sampled[row] = [each.stuck / each.runs for each in own]
    error = np.sqrt(np.maximum(exact * (1 - exact), 1e-3) / RUNS)
    assert np.abs((sampled - exact) / error).max() < 5
    assert np.abs((np.roll(sampled, 1, axis=0) - exact) / error).max() > 12


@pytest.mark.slow
def test_runs_agree_in_two_coordinates():
    pair = find_pair("curve_against_point")
    world = thermal_two_phase(pair, FAST, (0, 6, 12), 12, langevin=True)
    arms = [CONTROL, find_arm("cyclic rate")]
    seen = observe(world, arms, runs=RUNS, seed=fresh_seed())
    exact = np.concatenate(
        [exact_stuck_in_arm(pair, [each.schedule for each in seen if each.arm == arm.name], 72) for arm in arms]
    )
    sampled = np.array([each.stuck / RUNS for each in seen])
    assert np.abs(sampled - exact).max() < 5 * np.sqrt(0.25 / RUNS)


# ---- shifts -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("pair", "chains"), [(PAIR, 16_000), (three_phase_pair(), 4_000)], ids=["two phases", "three phases"]
)
def test_chains_agree_with_the_exact_masses(pair, chains):
    """Every named shift, at several epochs, within 5 standard errors for any seed; the wrong shift is far off."""
    shifts, records = shift_catalogue(12), [6, 12, 24, EPOCHS]
    exact = exact_shifts(pair, TRAINING, shifts, EPOCHS)
    drawn = sampled_shifts(pair, TRAINING, shifts, EPOCHS, chains=chains, record_epochs=records, seed=fresh_seeds())
    error = drawn["standard_error"].values
    distance = (drawn["occupancy"].values - exact["occupancy"].sel(epoch=records).values) / error
    assert np.abs(distance).max() < 5
    assert drawn["stuck"].mean("chain").values == pytest.approx(drawn["occupancy"].values[:, -1, 0])
    swapped = drawn["occupancy"].sel(shift=list(shifts)[::-1]).values - exact["occupancy"].sel(epoch=records).values
    assert np.abs(swapped / error).max() > 12
    half = exact_shifts(pair, TRAINING, {"partial": Partial(24, 0.6)}, EPOCHS)["occupancy"].sel(epoch=24).values
    wrong = (drawn["occupancy"].sel(shift="partial", epoch=24).values - half[0]) / error[3, 2]
    assert np.abs(wrong).max() > 5  # a tenth more of the deficit, 13 standard errors away


def test_starts_and_seeds():
    settings: dict = {"chains": 2000, "record_epochs": [1, 4], "start": "deficit phase"}
    shifts = {"sudden": Sudden(2)}
    cold = Training(128, 5_000, ExponentialDecay(0.02, 0.9), 3072.0)
    exact = exact_shifts(PAIR, cold, shifts, 4, start="deficit phase")
    assert exact["occupancy"].values[0, 0, 0] > 0.99  # the deficit's left phase reaches a little into the clean right
    seed = fresh_seeds()
    one = sampled_shifts(PAIR, cold, shifts, 4, seed=seed, threads=1, **settings)
    two = sampled_shifts(PAIR, cold, shifts, 4, seed=seed, threads=2, **settings)
    assert one.equals(two)
    distance = (one["occupancy"].values - exact["occupancy"].sel(epoch=[1, 4]).values) / one["standard_error"].values
    assert np.abs(distance).max() < 5
    assert one["standard_error"].values.max() <= math.sqrt(0.25 / 2000) + 1e-9


@pytest.mark.slow
def test_chains_agree_in_two_dimensions():
    pair = find_pair("curve_against_point")
    training = Training(128, 20_000, ExponentialDecay(0.05, 0.8), 3072.0)
    shifts = {"gradual": Gradual(3, 9), "late": Late(3, 4)}
    exact = exact_shifts(pair, training, shifts, 16, cells=72)
    drawn = sampled_shifts(pair, training, shifts, 16, chains=4000, seed=fresh_seeds())
    distance = (drawn["occupancy"].values[:, 0] - exact["occupancy"].values[:, -1]) / drawn["standard_error"].values[
        :, 0
    ]
    assert np.abs(distance).max() < 5


def test_a_step_is_small_in_wells_that_curve_most():
    """On a circle half of the stable step made a well a third too narrow; a polynomial's wells have room."""
    circle = Potential.from_expression("-cos(2*w) - 0.3*cos(w + 0.4)", box=(-1, -1 + 2 * np.pi), boundary="periodic")
    steep = circle.hessian_function()(np.array([circle.minimum_point(i) for i in range(2)])).max()
    step = resolved_step(circle, 0.3)
    assert step == pytest.approx(0.25 / steep, rel=1e-6) and step < 0.3 * largest_stable_step(circle, 0.3)
    quartic = find_pair("regular_double_well").clean
    for temperature in (0.03, 0.3):
        assert resolved_step(quartic, temperature) == 0.5 * largest_stable_step(quartic, temperature)
    start = draw_exact(circle, 20.0, 16_384, fresh_seed())
    exact, means = phase_table(circle, 20.0).total_mean_loss.item(), []
    for size in (step, 0.5 * largest_stable_step(circle, 0.05)):
        drawn = sample(
            circle, OverdampedLangevin(size, "heun"), n_beta=20.0, chains=16_384, steps=200, thin=200, initial=start,
            seed=fresh_seed(), diagnose=False,
        )["w"].values[:, -1:]  # fmt: skip
        means.append(circle.energy_function()(drawn).mean())
    assert abs(means[0] - exact) < 0.05 * 0.05  # five standard errors and the bias that is left
    assert abs(means[1] - exact) > 0.08 * 0.05
