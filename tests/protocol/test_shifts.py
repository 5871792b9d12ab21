"""Shifts in mid-training: weights by definition, exact runs against the protocol's solver, chains against exact."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

from slt_toys.exact.fokker_planck import FokkerPlanck, fokker_planck, grid_for, phase_weights
from slt_toys.potentials.catalogue import barrier_spectrum, find_pair
from slt_toys.potentials.potential import PotentialPair
from slt_toys.protocol.exact import exact_shifts, exact_stuck_probability
from slt_toys.protocol.sampled import sampled_shifts
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.shifts import (
    Gradual,
    Late,
    Partial,
    Repeated,
    Shift,
    Sudden,
    mixture,
    shift_catalogue,
    three_phase_pair,
    windows_by_onset,
)
from slt_toys.protocol.training import ExponentialDecay, Training

PAIR = find_pair("regular_double_well")
TRAINING = Training(128, 50_000, ExponentialDecay(0.05, 0.9), 3072.0)
EPOCHS = 36


def deficit_epochs(shift: Shift) -> float:
    """Sum of the deficit's weights over all epochs: how much of the deficit a run sees."""
    return float(np.sum(shift(np.arange(shift.end_epoch)))) if shift.end_epoch else 0.0


def fresh() -> list[int]:
    return np.random.SeedSequence().generate_state(2).tolist()


# ---- weights -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shift", "weights"),
    [
        (Sudden(2), [1, 1, 0, 0, 0, 0]),
        (Sudden(0), [0, 0, 0, 0, 0, 0]),
        (Gradual(1, 5), [1, 1, 0.75, 0.5, 0.25, 0]),
        (Repeated(1, 1, 2), [1, 0, 1, 0, 0, 0]),
        (Repeated(2, 1, 2), [1, 1, 0, 1, 1, 0]),
        (Partial(3, 0.4), [0.4, 0.4, 0.4, 0, 0, 0]),
        (Late(2, 3), [0, 0, 1, 1, 1, 0]),
    ],
)
def test_weights(shift, weights):
    assert shift(np.arange(6)) == pytest.approx(weights)
    assert shift.end_epoch == max((i + 1 for i, weight in enumerate(weights) if weight), default=0)
    assert deficit_epochs(shift) == pytest.approx(sum(weights))


def test_the_catalogue_gives_each_the_same_dose():
    doses = {name: deficit_epochs(shift) for name, shift in shift_catalogue(12).items()}
    assert doses.pop("gradual") == 12.5
    assert set(doses.values()) == {12.0} and set(doses) == {"sudden", "repeated", "partial", "late"}
    assert windows_by_onset(5, [0, 7]) == (Late(0, 5), Late(7, 5))


def test_mixtures_are_mixtures():
    for pair in (PAIR, three_phase_pair(), find_pair("curve_against_point")):
        points = np.random.default_rng(fresh()).uniform(-1.5, 1.5, (50, pair.clean.dimension))
        both = [potential.energy_function()(points) for potential in (pair.deficit, pair.clean)]
        for weight in (0.0, 0.3, 1.0):
            mixed = mixture(pair, weight)
            assert mixed.energy_function()(points) == pytest.approx(weight * both[0] + (1 - weight) * both[1], abs=1e-9)
            assert np.array_equal(mixed.phase_index(points), pair.clean.phase_index(points))
    energies = {mixture(PAIR, weight).energy for weight in (0.0, 0.3, 1.0)}
    assert len(energies) == 1  # one kernel for every weight


def test_three_phases():
    pair = three_phase_pair()
    assert [phase.name for phase in pair.clean.phases] == ["left", "middle", "right"]
    losses = [pair.clean.minimum_loss(i) for i in range(3)]
    assert losses[0] > losses[1] > losses[2]
    assert [pair.deficit.minimum_loss(i) for i in range(3)] == pytest.approx(losses[::-1])


# ---- exact ---------------------------------------------------------------------------------------------------------
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


# ---- sampled -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("pair", "chains"), [(PAIR, 16_000), (three_phase_pair(), 4_000)], ids=["two phases", "three phases"]
)
def test_chains_agree_with_the_exact_masses(pair, chains):
    """Every named shift, at several epochs, within 5 standard errors for any seed; the wrong shift is far off."""
    shifts, records = shift_catalogue(12), [6, 12, 24, EPOCHS]
    exact = exact_shifts(pair, TRAINING, shifts, EPOCHS)
    drawn = sampled_shifts(pair, TRAINING, shifts, EPOCHS, chains=chains, record_epochs=records, seed=fresh())
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
    seed = fresh()
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
    drawn = sampled_shifts(pair, training, shifts, 16, chains=4000, seed=fresh())
    distance = (drawn["occupancy"].values[:, 0] - exact["occupancy"].values[:, -1]) / drawn["standard_error"].values[
        :, 0
    ]
    assert np.abs(distance).max() < 5


# ---- refusals ------------------------------------------------------------------------------------------------------
class _Wrong:
    end_epoch = 1

    def __call__(self, epochs):
        return np.full(np.shape(epochs), 1.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sudden(-1), "switch_epoch must be a whole number of at least 0"),
        (lambda: Gradual(5, 5), "last_epoch must be a whole number of at least 6"),
        (lambda: Repeated(0, 1, 1), "deficit_length must be a whole number of at least 1"),
        (lambda: Partial(3, 1.2), "deficit_weight must lie between 0 and 1"),
        (lambda: Late(2, 0), "length must be a whole number of at least 1"),
        (lambda: shift_catalogue(10), "positive multiple of 4"),
        (lambda: mixture(PAIR, -0.1), "deficit_weight must lie"),
        (lambda: exact_shifts(PAIR, TRAINING, {}, 5), "at least one shift"),
        (lambda: exact_shifts(PAIR, TRAINING, {"a": Sudden(6)}, 5), "reach the end of shift 'a' at 6"),
        (lambda: exact_shifts(PAIR, TRAINING, {"a": _Wrong()}, 5), "must give weights between 0 and 1"),
        (lambda: exact_shifts(PAIR, TRAINING, {"a": Sudden(1)}, 5, start="cold"), "start must be one of"),  # type: ignore[arg-type]
        (
            lambda: sampled_shifts(PAIR, TRAINING, {"a": Sudden(1)}, 5, chains=10, record_epochs=[0]),
            "record_epochs must increase",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
