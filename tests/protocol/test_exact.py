"""What is exact: against matrix exponentials, the reference case, the scaling theorem, and runs that coincide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy
from scipy.interpolate import PchipInterpolator
from scipy.linalg import expm
from scipy.optimize import brentq

from slt_toys.exact import sweeps
from slt_toys.exact.fokker_planck import FokkerPlanck, Grid, fokker_planck, grid_for, phase_weights
from slt_toys.exact.sweeps import cell_masses, forward_sweep
from slt_toys.fits.ends import Definition, find_end
from slt_toys.potentials.catalogue import barrier_spectrum, find_pair, pairs
from slt_toys.potentials.potential import Phase, Potential, PotentialPair
from slt_toys.protocol import exact as exact_module
from slt_toys.protocol.arms import ARMS, CONTROL, Arm, find_arm
from slt_toys.protocol.exact import (
    exact_shifts,
    exact_stuck_in_arm,
    exact_stuck_probability,
    frozen_stuck_curve,
    needed_epochs,
    stuck_by_switch,
)
from slt_toys.protocol.schedule import Ending, switch_schedules
from slt_toys.protocol.shifts import Gradual, Late, Partial, Repeated, Sudden, three_phase_pair, windows_by_onset
from slt_toys.protocol.training import ExponentialDecay, PowerDecay, Training

PAIR = pairs()["regular_double_well"]
REFERENCE = {32: 81.07, 64: 58.30, 128: 35.50, 256: 12.79}
SHIFT = np.log(2) / abs(np.log(0.97))
TRAINING = Training(128, 50_000, ExponentialDecay(0.05, 0.9), 3072.0)
EPOCHS = 36
TWO = PotentialPair("two components", barrier_spectrum(2, -1), barrier_spectrum(2), "all left")
FAST = Training(128, 5_000, ExponentialDecay(0.1, 0.9), 1536.0)
GIVEN = {"relative_loss": 0.95 ** np.arange(30)}
LAWFUL = [arm for arm in ARMS if arm.within_the_law]
HALF = Definition("half_stuck_mass", interpolation="monotone_cubic")
FURTHER = Ending("further", 200)


def schedule(batch_size: float, epochs: int, variance: float = 3072.0) -> tuple[np.ndarray, np.ndarray]:
    rate = 0.05 * 0.97 ** np.arange(epochs)
    return rate * variance / (2 * batch_size), rate * 50_000 / batch_size


def end_of_critical_period(
    batch_size: float, pair=PAIR, cells: int = 240, variance: float = 3072.0, level: float = 0.5
) -> float:
    guess = REFERENCE.get(int(batch_size), 40.0)
    switches = np.arange(max(0, int(guess) - 20), int(guess) + 21, 2)
    temperatures, durations = schedule(batch_size, switches[-1] + 200, variance)
    stuck = stuck_probability_fixed_further(
        pair.deficit, pair.clean, pair.stuck_phase, temperatures, durations, switches, 200,
        grid=grid_for((pair.deficit, pair.clean), temperatures, cells),
    )  # fmt: skip
    return crossing(switches, stuck, level)


def crossing(switches, stuck, level: float) -> float:
    """Where the curve crosses the level, NaN if it does not."""
    curve = PchipInterpolator(switches, np.asarray(stuck) - level)
    if curve(switches[0]) * curve(switches[-1]) > 0:
        return float("nan")
    return float(np.asarray(brentq(lambda epoch: float(curve(epoch)), switches[0], switches[-1])))


def stuck_probability_fixed_total(deficit, clean, stuck_phase, temperatures, durations, **settings) -> np.ndarray:
    pair, epochs = PotentialPair("pair", deficit, clean, stuck_phase), len(temperatures)
    return stuck_by_switch(
        pair, temperatures, durations, range(epochs + 1), Ending("total", max(1, epochs)), **settings
    )


def stuck_probability_fixed_further(
    deficit, clean, stuck_phase, temperatures, durations, switch_epochs, epochs_after, **settings
) -> np.ndarray:
    pair = PotentialPair("pair", deficit, clean, stuck_phase)
    return stuck_by_switch(pair, temperatures, durations, switch_epochs, Ending("further", epochs_after), **settings)


def test_reference_ends_of_the_critical_period():
    found = {batch_size: end_of_critical_period(batch_size) for batch_size in REFERENCE}
    for batch_size, epoch in REFERENCE.items():
        assert found[batch_size] == pytest.approx(epoch, abs=0.3)
    slope = -np.polyfit(np.log2(list(found)), list(found.values()), 1)[0]
    assert slope == pytest.approx(SHIFT, rel=0.01)


def test_reference_has_converged_in_cells_and_substeps():
    epochs = [end_of_critical_period(64, cells=cells) for cells in (120, 240, 480)]
    assert abs(epochs[1] - epochs[2]) < 0.005
    assert (epochs[0] - epochs[1]) / (epochs[1] - epochs[2]) == pytest.approx(4, abs=0.6)


@pytest.mark.parametrize("name", ["singular_double_well_4_6", "flat_topped_barrier", "narrow_against_wide"])
def test_singular_pairs_shift_as_the_theorem_says(name):
    """At the level half-way up the curve, whatever that is, the smaller batch crosses one shift later."""
    pair = pairs()[name]
    grid = grid_for((pair.deficit, pair.clean), schedule(64, 330)[0], 200)
    switches = np.arange(0, 111, 3)
    curves = []
    for batch_size in (64, 128):
        stuck = stuck_probability_fixed_further(
            pair.deficit, pair.clean, pair.stuck_phase, *schedule(batch_size, 330), switches, 200, grid=grid
        )
        curves.append(stuck)
    level = (curves[1].max() + curves[1].min()) / 2
    later, sooner = (crossing(switches, curve, level) for curve in curves)
    assert later - sooner == pytest.approx(SHIFT, rel=0.01)


def test_wrong_tilt_and_wrong_noise_are_caught():
    """What the reference tolerance is worth: a swapped pair, or twice the noise variance, falls far outside it."""
    assert abs(end_of_critical_period(64, variance=2 * 3072.0) - REFERENCE[64]) > 3
    temperatures, durations = schedule(64, 260)
    stuck = stuck_probability_fixed_further(PAIR.clean, PAIR.deficit, "left", temperatures, durations, [0, 58], 200)
    assert not abs(stuck[1] - 0.5) < 0.1 or stuck[0] > stuck[1]
    same = stuck_probability_fixed_further(PAIR.clean, PAIR.clean, "left", temperatures, durations, [0, 58], 200)
    assert np.ptp(same) < 1e-6


def test_fixed_total_is_brute_force():
    """Matrix exponentials, one switch epoch at a time."""
    temperatures, durations = schedule(256, 40)
    grid = grid_for((PAIR.deficit, PAIR.clean), temperatures, 40)
    swept = stuck_probability_fixed_total(PAIR.deficit, PAIR.clean, "left", temperatures, durations, grid=grid)
    deficit, clean = (fokker_planck(p, grid) for p in (PAIR.deficit, PAIR.clean))
    steps = [
        [expm(p.generator(t).toarray().T * d) for t, d in zip(temperatures, durations, strict=True)]
        for p in (deficit, clean)
    ]
    stuck = phase_weights(PAIR.clean, "left", grid)
    for switch in (0, 7, 13, 39, 40):
        masses = deficit.stationary(temperatures[0])
        for epoch in range(40):
            masses = steps[epoch >= switch][epoch] @ masses
        assert swept[switch] == pytest.approx(masses @ stuck, abs=1e-6)
    assert np.ptp(swept) > 0.2


@pytest.mark.parametrize("size", [32, 64, 256])
def test_every_switch_epoch_at_once_is_each_alone(size):
    training = Training(size, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
    whole = frozen_stuck_curve(PAIR, training, 300, FURTHER)
    some = np.array([0, 7, 30, 60, 85, 300])
    assert whole is not None and whole.stuck.shape == (301,)
    assert whole.stuck[some] == pytest.approx(exact_stuck_probability(PAIR, training, some, FURTHER), abs=1e-9)
    assert frozen_stuck_curve(PAIR, training, 300, Ending("further", 3)) is None  # not frozen, no answer
    heated = replace(training, learning_rate_at=lambda epochs: 0.05 + 0.001 * epochs)
    assert frozen_stuck_curve(PAIR, heated, 40, FURTHER) is None


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("start", ["equilibrium", "deficit phase"])
def test_epochs_called_needless_change_nothing(size, start):
    """From the equilibrium in which a run is said to begin, to the epoch at which it is said to end."""
    allowed, switches = 1e-5, [0, 20, 45, 70, 110]
    training = Training(size, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
    given = training.temperatures(310), training.durations(310)
    runs = switch_schedules(*given, switches, FURTHER)
    needed = needed_epochs(PAIR, runs, start, allowed)
    assert max(needed.begins) > (30 if size == 32 else 10) and 60 < needed.until < 200
    whole = stuck_by_switch(PAIR, *given, switches, FURTHER, start=start)
    grid = grid_for((PAIR.deficit, PAIR.clean), (given[0].min(), given[0].max()))
    stuck = phase_weights(PAIR.clean, PAIR.stuck_phase, grid)

    def ended(run, begins: int) -> float:
        process = [fokker_planck(energy, grid) for energy in (PAIR.clean, PAIR.deficit)]
        masses = process[int(run.deficit_weights[begins - 1])].stationary(run.temperatures[begins - 1])
        for first, until, weight in ((begins, run.switch_epoch, 1), (max(begins, run.switch_epoch), needed.until, 0)):
            if until > first:
                part = slice(first, until)
                masses = forward_sweep(process[weight], run.temperatures[part], run.durations[part], masses)[-1]
        return float(masses @ stuck)

    for run, begins, expected in zip(runs, needed.begins, whole, strict=True):
        if begins:
            assert ended(run, begins) == pytest.approx(expected, abs=allowed + 3e-6)  # the propagators' own error
    late = needed.begins[2] + 30
    assert abs(ended(runs[2], late) - whole[2]) > 1e-3
    assert needed_epochs(PAIR, runs, start, 0.0).begins == (0,) * len(runs)


@pytest.mark.parametrize("start", ["equilibrium", "deficit phase"])
def test_both_endings_agree_where_they_coincide(start):
    temperatures, durations = schedule(64, 130)
    grid = grid_for((PAIR.deficit, PAIR.clean), temperatures)
    protocol = (PAIR.deficit, PAIR.clean, "left", temperatures, durations)
    total = stuck_probability_fixed_total(*protocol, start=start, grid=grid)
    for switch in (30, 55, 70):
        further = stuck_probability_fixed_further(*protocol, [switch], 130 - switch, start=start, grid=grid)
        assert further[0] == pytest.approx(total[switch], abs=1e-9)
    together = stuck_probability_fixed_further(*protocol, [0, 30, 55, 70], 60, start=start, grid=grid)
    alone = [stuck_probability_fixed_further(*protocol, [e], 60, start=start, grid=grid)[0] for e in (0, 30, 55, 70)]
    assert np.allclose(together, alone, atol=1e-9)


def test_stopping_once_frozen_changes_nothing(monkeypatch):
    temperatures, durations = schedule(128, 260)
    protocol = (PAIR.deficit, PAIR.clean, "left", temperatures, durations, [10, 35, 60], 200)
    stopped = stuck_probability_fixed_further(*protocol)
    monkeypatch.setattr(sweeps, "FROZEN_CROSSING", 0.0)
    assert np.abs(stuck_probability_fixed_further(*protocol) - stopped).max() < 1e-9


def test_start_in_the_deficit_phase_is_forgotten_when_hot():
    temperatures, durations = schedule(64, 260)
    switches = [5, 30, 58]
    protocol = (PAIR.deficit, PAIR.clean, "left", temperatures, durations, switches, 200)
    assert np.allclose(
        stuck_probability_fixed_further(*protocol, start="deficit phase"),
        stuck_probability_fixed_further(*protocol),
        atol=1e-6,
    )


def with_a_second_coordinate(line: Potential) -> Potential:
    (w,) = line.coordinates
    w2 = sympy.Symbol("w2", real=True)
    phases = tuple(Phase(p.name, (*p.minimum, sympy.S.Zero), p.region, p.loss, p.learning_coefficient)
                   for p in line.phases)  # fmt: skip
    return Potential("plane", line.bound_energy + 2 * w2**2, (w, w2), (), (*line.box, (-3.0, 3.0)), phases)


def test_separable_plane_is_the_line():
    temperatures, durations = schedule(128, 140)
    line = grid_for((PAIR.deficit, PAIR.clean), temperatures, 40)
    plane = Grid((*line.edges, np.linspace(-2, 2, 14)))
    deficit, clean = with_a_second_coordinate(PAIR.deficit), with_a_second_coordinate(PAIR.clean)
    exact = stuck_probability_fixed_total(PAIR.deficit, PAIR.clean, "left", temperatures, durations, grid=line)
    runs = switch_schedules(temperatures, durations, range(141), Ending("total", 140))
    whole = exact_module.Runs(PotentialPair("plane", deficit, clean, "left"), runs, grid=plane)  # not its components
    found = whole.stuck_by_switch(True)
    assert np.abs(found - exact).max() < 1e-4  # exp(A+B) = exp(A) exp(B), which the approximant obeys to its error
    assert np.ptp(exact) > 0.3


def test_runs_in_a_plane_that_end_before_they_are_frozen_keep_their_own_ends():
    """All switch epochs at once are one switch epoch at a time, whether a run ends frozen or not."""
    pair = pairs()["curve_against_point"]
    temperatures, durations = schedule(256, 160)
    grid = grid_for((pair.deficit, pair.clean), temperatures, 16)
    protocol, told = (pair.deficit, pair.clean, pair.stuck_phase, temperatures, durations), []
    for after in (20, 100):  # the first few end warm; all end frozen
        together = stuck_probability_fixed_further(*protocol, [0, 10, 25, 60], after, grid=grid, advance=told.append)
        alone = [stuck_probability_fixed_further(*protocol, [e], after, grid=grid)[0] for e in (0, 10, 25, 60)]
        assert np.allclose(together, alone, rtol=0, atol=1e-8)
        runs = switch_schedules(temperatures, durations, [0, 10, 25, 60], Ending("further", after))
        assert np.allclose(exact_module.Runs(pair, runs, grid=grid).stuck_at_ends(), together, rtol=0, atol=1e-8)
    assert sum(told) == pytest.approx(2) and np.ptp(together) > 0.1


@pytest.mark.slow
def test_plane_pair_shifts_as_the_theorem_says():
    """Hot enough at epoch 0 (T = 1.2 and .6 of barriers below .5) for the start to be forgotten."""
    pair = pairs()["curve_against_point"]
    grid = grid_for((pair.deficit, pair.clean), schedule(64, 300)[0], 40)
    ends = []
    for batch_size, switches in ((64, np.arange(62, 104, 3)), (128, np.arange(38, 80, 3))):
        temperatures, durations = schedule(batch_size, switches[-1] + 200)
        stuck = stuck_probability_fixed_further(
            pair.deficit, pair.clean, pair.stuck_phase, temperatures, durations, switches, 200, grid=grid
        )
        ends.append([crossing(switches, stuck, level) for level in (0.1, 0.22, 0.35)])
    assert np.subtract(*ends) == pytest.approx(SHIFT, rel=0.01)


def test_explicit_start():
    grid = grid_for(PAIR.deficit, 1.0, 50)
    given = np.linspace(0, 1, grid.shape[0])
    assert np.allclose(cell_masses(given, grid), given / given.sum())
    protocol = (PAIR.deficit, PAIR.clean, "left", [1.0, 0.5], [1.0, 1.0])
    same = stuck_probability_fixed_total(*protocol, start=fokker_planck(PAIR.deficit, grid).stationary(1.0), grid=grid)
    assert np.allclose(same, stuck_probability_fixed_total(*protocol, grid=grid), atol=1e-12)


GOOD = ([1.0, 0.5], [1.0, 1.0])


@pytest.mark.parametrize(
    "temperatures, durations, message",
    [
        ([1.0, 0.0], [1.0, 1.0], "temperatures must be finite and positive; epoch 1 has 0"),
        ([1.0, -1.0], [1.0, 1.0], "temperatures must be finite and positive"),
        ([np.nan, 1.0], [1.0, 1.0], "temperatures must be finite and positive; epoch 0 has nan"),
        ([1.0, 1.0], [1.0, -2.0], "durations must be finite and not negative; epoch 1 has -2"),
        ([1.0, 1.0], [np.inf, 2.0], "durations must be finite"),
        ([1.0], [1.0, 2.0], "one number per epoch each"),
        ([], [], "one number per epoch each"),
    ],
)
def test_bad_schedules_are_refused_in_one_line(temperatures, durations, message):
    for call in (
        lambda: stuck_probability_fixed_total(PAIR.deficit, PAIR.clean, "left", temperatures, durations),
        lambda: stuck_probability_fixed_further(PAIR.deficit, PAIR.clean, "left", temperatures, durations, [0], 1),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"stuck_phase": "middle"}, "phase 'middle' is not one of"),
        ({"switch_epochs": [0.5]}, "switch_epochs must be whole numbers"),
        ({"switch_epochs": [-1]}, "switch_epochs must be whole numbers"),
        ({"switch_epochs": [1, 1]}, "switch_epochs must increase"),
        ({"epochs_after": -1}, "whole number of at least 1"),
        ({"epochs_after": 5}, r"temperatures must hold 6 epochs .* not 2"),
        ({"start": "hot"}, "start must be one of 'equilibrium'"),
        ({"start": np.ones(3)}, "one mass per cell"),
    ],
)
def test_bad_protocols_are_refused_in_one_line(change, message):
    arguments = {"stuck_phase": "left", "switch_epochs": [0, 1], "epochs_after": 1} | change
    with pytest.raises(ValueError, match=message) as caught:
        stuck_probability_fixed_further(PAIR.deficit, PAIR.clean, temperatures=GOOD[0], durations=GOOD[1], **arguments)
    assert "\n" not in str(caught.value)


# ---- the scaling theorem --------------------------------------------------------------------------------------------
def reference(batch_size: float, variance: float = 3072.0) -> Training:
    return Training(batch_size, 50_000, ExponentialDecay(0.05, 0.97), variance)


def test_the_theorem_needs_the_start_to_be_forgotten():
    """Negative control: started in the deficit phase with too little time to leave it, curves do not collapse."""
    pair = find_pair("regular_double_well")
    epochs = np.arange(0, 60, 3)
    curves = [
        exact_stuck_probability(pair, reference(size, 500.0), epochs, FURTHER, start="deficit phase")
        for size in (64, 128)
    ]
    shifted = np.interp(epochs + SHIFT, epochs, curves[0])[:10]
    assert np.abs(shifted - curves[1][:10]).max() > 0.01
    # ... while forgotten starts collapse to interpolation error.
    curves = [exact_stuck_probability(pair, reference(size), np.arange(0, 90, 2), FURTHER) for size in (64, 128)]
    shifted = np.interp(np.arange(0, 60, 2) + SHIFT, np.arange(0, 90, 2), curves[0])
    assert np.abs(shifted - curves[1][:30]).max() < 0.005


def test_momentum_and_variance_only_move_the_offset():
    """With momentum T and the clock gain 1/(1-μ): e* shifts, epochs per halving stay [eq:epochs-per-halving]."""
    pair = find_pair("regular_double_well")
    ends = []
    for size in (64, 128):
        training = Training(size, 50_000, ExponentialDecay(0.05, 0.97), 1500.0, momentum=0.5)
        epochs = np.arange(30, 110, 3)
        ends.append(find_end(epochs, exact_stuck_probability(pair, training, epochs, FURTHER), HALF).epoch)
    assert ends[0] - ends[1] == pytest.approx(SHIFT, rel=0.01)


def test_power_decay_moves_the_end_by_its_own_law():
    """Under η ∝ (1+e)^-p the end is not logarithmic: doubling the temperature's prefactor multiplies 1 + e* instead."""
    pair = find_pair("regular_double_well")
    ends = []
    for size in (64, 128, 256):
        training = Training(size, 50_000, PowerDecay(0.4, 1.5), 3072.0)
        epochs = np.arange(0, 150, 2)
        ends.append(
            find_end(epochs, exact_stuck_probability(pair, training, epochs, Ending("further", 600)), HALF).epoch
        )
    assert None not in ends
    first, second = np.diff(np.log(1 + np.array(ends, dtype=float)))
    assert first < 0 and second < 0
    assert abs(np.diff(ends)[0]) > 1.3 * abs(np.diff(ends)[1])  # shifts grow with e*, as no log law's do


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: exact_stuck_probability(find_pair("regular_double_well"), reference(64), [3, 2], FURTHER),
            "must increase",
        ),
        (
            lambda: exact_stuck_probability(find_pair("regular_double_well"), reference(64), [-1], FURTHER),
            "whole numbers",
        ),
        (
            lambda: exact_stuck_probability(find_pair("regular_double_well"), reference(64), [9], Ending("total", 8)),
            "must not exceed the total",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


# ---- arms ---------------------------------------------------------------------------------------------------------
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


def test_no_schedule_is_refused_in_one_line():
    with pytest.raises(ValueError, match="schedules must hold at least one schedule"):
        exact_stuck_in_arm(PAIR, [])


def test_a_run_as_sgd_is_refused_in_one_line():
    with pytest.raises(ValueError, match="steps_per_epoch must be 0 for the Fokker-Planck equation"):
        exact_stuck_in_arm(PAIR, [find_arm("reshuffled").schedule(FAST, 2, 3)])


# ---- shifts -------------------------------------------------------------------------------------------------------
def test_special_cases_are_the_critical_period():
    """Sudden shifts are the protocol; other shifts that come to the same weights give the same masses."""
    switches = np.array([3, 8, 12])
    known = exact_stuck_probability(PAIR, TRAINING, switches, Ending("total", EPOCHS))
    found = exact_shifts(PAIR, TRAINING, {str(e): Sudden(int(e)) for e in switches}, EPOCHS)
    assert found["stuck"].values == pytest.approx(known, abs=1e-10)
    same = {"late": Late(0, 8), "partial": Partial(8, 1.0), "gradual": Gradual(7, 8), "repeated": Repeated(8, 3, 1)}
    others = exact_shifts(PAIR, TRAINING, same, EPOCHS)["occupancy"].values
    assert np.abs(others - found["occupancy"].values[1]).max() < 1e-10
    assert found["occupancy"].values.sum(axis=-1) == pytest.approx(1.0, abs=1e-6)
    assert np.isnan(found["deficit_weight"].values[:, -1]).all()
    control = exact_shifts(PAIR, TRAINING, {"partial": Partial(8, 0.9)}, EPOCHS)["stuck"].values
    assert abs(control[0] - known[1]) > 0.005


@pytest.mark.parametrize("start", ["equilibrium", "deficit phase"])
def test_a_ramp_against_matrix_exponentials(start):
    pair, epochs = three_phase_pair(), 8
    ramp = Gradual(1, 7)
    temperatures, durations = TRAINING.temperatures(epochs), TRAINING.durations(epochs)
    grid = grid_for((pair.deficit, pair.clean), temperatures, 60)
    energies = [fokker_planck(potential, grid).energy for potential in (pair.deficit, pair.clean)]
    masses = FokkerPlanck(grid, energies[0]).stationary(temperatures[0])
    if start == "deficit phase":
        masses = masses * phase_weights(pair.deficit, "left", grid)
        masses /= masses.sum()
    for epoch, weight in enumerate(ramp(np.arange(epochs))):
        mixed = FokkerPlanck(grid, weight * energies[0] + (1 - weight) * energies[1])
        masses = expm(mixed.generator(temperatures[epoch]).toarray().T * durations[epoch]) @ masses
    expected = [float(masses @ phase_weights(pair.clean, i, grid)) for i in range(3)]
    found = exact_shifts(pair, TRAINING, {"ramp": ramp}, epochs, start=start, cells=60)
    assert found["occupancy"].values[0, -1] == pytest.approx(expected, abs=1e-5)


def test_separable_pairs_average_their_components():
    pair = PotentialPair("two", barrier_spectrum(2, -1), barrier_spectrum(2), "all left")
    known = exact_stuck_probability(pair, TRAINING, [8], Ending("total", 20))
    assert exact_shifts(pair, TRAINING, {"s": Sudden(8)}, 20)["stuck"].values == pytest.approx(known, abs=1e-10)


def test_late_windows_matter_while_it_is_warm_enough_to_cross_and_late_enough_to_stay():
    """Too early a window is forgotten, too late a one never felt: both leave what no window leaves."""
    onsets = [0, 4, 8, 12, 30]
    windows = {str(window.onset_epoch): window for window in windows_by_onset(8, onsets)}
    stuck = exact_shifts(PAIR, TRAINING, {"none": Sudden(0), **windows}, 50)["stuck"].values
    assert stuck[5] == pytest.approx(stuck[0], abs=1e-3) and stuck[2] > stuck[0] + 0.3 and stuck[3] < stuck[2]
