"""Annealed evolution: against matrix exponentials and an independent stepper, then the critical period's reference."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.interpolate import PchipInterpolator
from scipy.linalg import expm
from scipy.optimize import brentq
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu

from slt_toys.exact import annealing
from slt_toys.exact.annealing import (
    backward_sweep,
    forward_sweep,
    start_masses,
    stuck_probability_fixed_further,
    stuck_probability_fixed_total,
)
from slt_toys.exact.fokker_planck import FokkerPlanck, Grid, fokker_planck, grid_for, phase_weights
from slt_toys.exact.propagator import POLE, propagator, propagator_error, resolvent_coefficients
from slt_toys.potentials.catalogue import catalogue, pairs
from slt_toys.potentials.potential import Phase, Potential

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


def small_plane() -> FokkerPlanck:
    grid = Grid((np.linspace(-1.9, 3.1, 15), np.linspace(-1.8, 1.8, 12)))
    return fokker_planck(catalogue()["curve_against_point"], grid)


def small_line() -> FokkerPlanck:
    return fokker_planck(PAIR.clean, grid_for((PAIR.deficit, PAIR.clean), [0.05, 1.0], 80))


def test_approximant_is_l_stable_and_of_order_seven():
    coefficients = np.array(resolvent_coefficients())
    assert coefficients[0] == 0  # R(∞) = 0
    pole = float(POLE)

    def approximant(z):
        return np.polyval(coefficients[::-1], 1 / (1 - pole * z))

    imaginary = 1j * np.concatenate([np.geomspace(1e-3, 1e5, 4000), -np.geomspace(1e-3, 1e5, 4000)])
    assert np.abs(approximant(imaginary)).max() <= 1 + 1e-12  # its only pole is at 6: A-stable by the maximum principle
    errors = [abs(approximant(-x) - np.exp(-x)) for x in (0.8, 0.4, 0.2)]
    slopes = -np.diff(np.log2(errors))
    assert slopes[1] > slopes[0] and slopes[1] == pytest.approx(8, abs=0.5)
    assert propagator_error(4) < 1.2e-6 and propagator_error(3) < 4e-5


@pytest.mark.parametrize("process", [small_line(), small_plane()], ids=["line", "plane"])
@pytest.mark.parametrize("temperature, duration", [(1.0, 30.0), (0.3, 0.5), (0.05, 5.0), (0.02, 0.01), (0.5, 0.0)])
def test_propagator_is_the_matrix_exponential(process, temperature, duration):
    """In the norm of the stationary law the error is what propagator_error promises, and it vanishes everywhere."""
    exact = expm(process.generator(temperature).toarray() * duration)
    law = process.stationary(temperature).ravel()
    observables = np.random.default_rng(2).standard_normal((law.size, 20))
    size = np.sqrt(law @ observables**2)
    for substeps in (2, 4, 6):
        wrong = propagator(process, temperature, duration, substeps).observables(observables) - exact @ observables
        assert (np.sqrt(law @ wrong**2) <= propagator_error(substeps) * size + 1e-11).all()
    identity = np.eye(law.size)
    step = propagator(process, temperature, duration, 8)
    assert np.abs(step.observables(identity) - exact).max() < 1e-7
    assert np.abs(step.masses(identity) - exact.T).max() < 1e-7


def test_measured_order_and_an_independent_stepper():
    """Smooth start: order 7 in the sub-steps. TR-BDF2 (Bank et al. 1985) tends to the same answer at its order, 2."""
    process = small_line()
    terminal = np.tanh(process.grid.centers[0])
    generator = process.generator(0.4)
    best = propagator(process, 0.4, 2.0, 64).observables(terminal[:, None])[:, 0]
    errors = [
        np.abs(propagator(process, 0.4, 2.0, s).observables(terminal[:, None])[:, 0] - best).max() for s in (3, 6)
    ]
    assert np.log2(errors[0] / errors[1]) > 6

    def tr_bdf2(steps: int) -> np.ndarray:
        h, share = 2.0 / steps, 2 - np.sqrt(2)
        solve = splu(csc_array(eye_array(terminal.size) - share / 2 * h * generator)).solve
        value = terminal
        for _ in range(steps):
            middle = solve(value + share / 2 * h * (generator @ value))
            value = solve(middle / (share * (2 - share)) - value * (1 - share) ** 2 / (share * (2 - share)))
        return value

    errors = [np.abs(tr_bdf2(steps) - best).max() for steps in (100, 200, 400)]
    assert np.allclose(np.log2(np.divide(errors[:-1], errors[1:])), 2, atol=0.1)


@pytest.mark.parametrize("process", [small_line(), small_plane()], ids=["line", "plane"])
def test_sweeps_are_adjoint_and_keep_mass(process):
    temperatures, durations = schedule(64, 120)
    durations = durations.copy()
    durations[7] = 0.0
    generator = np.random.default_rng(1)
    start = generator.random(process.grid.shape)
    terminal = generator.random(process.grid.shape)
    masses = forward_sweep(process, temperatures, durations, start)
    values = backward_sweep(process, temperatures, durations, terminal)
    axes = tuple(range(1, masses.ndim))
    pairing = (masses * values).sum(axis=axes)
    assert np.ptp(pairing) < 1e-10
    assert np.abs(masses.sum(axis=axes) - 1).max() < 1e-10
    assert np.allclose(masses[0], start / start.sum()) and np.array_equal(values[-1], terminal)


def test_masses_and_probabilities_stay_in_range():
    process = small_line()
    temperatures, durations = schedule(64, 250)
    one = np.zeros(process.grid.shape)
    one[5] = 1.0
    masses = forward_sweep(process, temperatures, durations, one)
    assert masses.min() > -2 * propagator_error(4)
    values = backward_sweep(process, temperatures, durations, phase_weights(PAIR.clean, "left", process.grid))
    assert values.min() > -2 * propagator_error(4) and values.max() < 1 + 2 * propagator_error(4)


@pytest.mark.parametrize("process", [small_line(), small_plane()], ids=["line", "plane"])
def test_stationary_law_stays(process):
    law = process.stationary(0.3)
    masses = forward_sweep(process, [0.3] * 3, [10.0, 1e4, 1e-3], law)
    assert np.abs(masses - law).max() < 1e-10


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
    monkeypatch.setattr(annealing, "FROZEN_CROSSING", 0.0)
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
    found = stuck_probability_fixed_total(deficit, clean, "left", temperatures, durations, grid=plane)
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
    assert np.allclose(start_masses(PAIR.deficit, grid, 1.0, given), given / given.sum())


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
        ({"switch_epochs": [0.5]}, "switch_epochs must be integers"),
        ({"switch_epochs": [-1]}, "switch_epochs must be integers"),
        ({"switch_epochs": [1, 1]}, "switch_epochs must increase"),
        ({"epochs_after": -1}, "epochs_after must be"),
        ({"epochs_after": 5}, r"temperatures must hold 6 epochs .* not 2"),
        ({"start": "hot"}, "start must be 'equilibrium'"),
        ({"start": np.ones(3)}, "one mass per cell"),
        ({"substeps": 0}, "substeps must be"),
    ],
)
def test_bad_protocols_are_refused_in_one_line(change, message):
    arguments = {"stuck_phase": "left", "switch_epochs": [0, 1], "epochs_after": 1} | change
    with pytest.raises(ValueError, match=message) as caught:
        stuck_probability_fixed_further(PAIR.deficit, PAIR.clean, temperatures=GOOD[0], durations=GOOD[1], **arguments)
    assert "\n" not in str(caught.value)
