"""Runs of one training that switch to clean data: against matrix exponentials, then the critical period's reference."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.interpolate import PchipInterpolator
from scipy.linalg import expm
from scipy.optimize import brentq

from slt_toys.exact import sweeps
from slt_toys.exact.fokker_planck import Grid, fokker_planck, grid_for, phase_weights
from slt_toys.exact.sweeps import cell_masses
from slt_toys.potentials.catalogue import pairs
from slt_toys.potentials.potential import Phase, Potential, PotentialPair
from slt_toys.protocol import exact as exact_module
from slt_toys.protocol.exact import stuck_by_switch
from slt_toys.protocol.schedule import Ending, switch_schedules

PAIR = pairs()["regular_double_well"]
REFERENCE = {32: 81.07, 64: 58.30, 128: 35.50, 256: 12.79}
SHIFT = np.log(2) / abs(np.log(0.97))


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
    whole = exact_module._Runs(PotentialPair("plane", deficit, clean, "left"), runs, grid=plane)  # not its components
    found = whole.stuck_by_switch(True)
    assert np.abs(found - exact).max() < 1e-4  # exp(A+B) = exp(A) exp(B), which the approximant obeys to its error
    assert np.ptp(exact) > 0.3


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
