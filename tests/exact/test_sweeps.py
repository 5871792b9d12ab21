"""Annealed evolution: against matrix exponentials and an independent stepper."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu

from slt_toys.exact.fokker_planck import FokkerPlanck, Grid, fokker_planck, grid_for, phase_weights
from slt_toys.exact.propagator import POLE, propagator, propagator_error, resolvent_coefficients
from slt_toys.exact.sweeps import backward_sweep, forward_sweep
from slt_toys.potentials.catalogue import catalogue, pairs

PAIR = pairs()["regular_double_well"]


def schedule(batch_size: float, epochs: int, variance: float = 3072.0) -> tuple[np.ndarray, np.ndarray]:
    rate = 0.05 * 0.97 ** np.arange(epochs)
    return rate * variance / (2 * batch_size), rate * 50_000 / batch_size


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


@pytest.mark.parametrize("sweep", [forward_sweep, backward_sweep])
@pytest.mark.parametrize("substeps", [0, -1])
def test_bad_substeps_are_refused(sweep, substeps):
    process = small_line()
    with pytest.raises(ValueError, match="substeps must be"):
        sweep(process, [1.0], [1.0], np.ones(process.grid.shape), substeps)
