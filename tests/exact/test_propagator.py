"""The rational propagator: order, L-stability, the matrix exponential, an independent stepper."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu

from slt_toys.exact.propagator import (
    POLE,
    chebyshev_coefficients,
    propagator,
    propagator_error,
    resolvent_coefficients,
)
from tests.exact.made_sweeps import small_line, small_plane


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


def test_one_pole_converges_as_fast_as_any_function_with_one():
    """Errors fall by about √2 + 1 a solve (Andersson 1981), the ends are met, and no x ≥ 0 is amplified."""
    errors = np.array([propagator_error(s, False) for s in (1, 2)])
    assert errors[0] < 6e-7 and errors[1] < 1e-11 and propagator_error(3, False) < 1e-13
    assert np.log(errors[0] / errors[1]) / 14 == pytest.approx(np.log(1 + np.sqrt(2)), rel=0.1)
    weights = np.array(chebyshev_coefficients(14))
    assert weights.sum() == pytest.approx(1, abs=1e-15)
    assert weights @ (-1.0) ** np.arange(15) == pytest.approx(0, abs=1e-15)
    y = np.linspace(0, 1, 100_001)
    assert np.abs(np.polynomial.chebyshev.chebval(2 * y - 1, weights)).max() <= 1 + 1e-14


@pytest.mark.parametrize("process", [small_line(), small_plane()], ids=["line", "plane"])
@pytest.mark.parametrize("temperature, duration", [(1.0, 30.0), (0.3, 0.5), (0.05, 5.0), (0.02, 0.01), (0.5, 0.0)])
def test_propagator_is_the_matrix_exponential(process, temperature, duration):
    """In the norm of the stationary law the error is what propagator_error promises, and it vanishes everywhere."""
    exact = expm(process.generator(temperature).toarray() * duration)
    law = process.stationary(temperature).ravel()
    observables = np.random.default_rng(2).standard_normal((law.size, 20))
    size = np.sqrt(law @ observables**2)
    for substeps in (1, 2, 4, 6):
        wrong = propagator(process, temperature, duration, substeps).observables(observables) - exact @ observables
        assert (np.sqrt(law @ wrong**2) <= propagator_error(substeps, process.grid.is_line) * size + 1e-11).all()
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


@pytest.mark.parametrize("way", ["masses", "observables"])
def test_a_column_moves_alike_alone_and_among_others(way):
    """One column has a loop of its own in the kernel; neither it nor what is handed over is changed by that."""
    process = small_line()
    move = getattr(propagator(process, 0.3, 0.7), way)
    columns = np.random.default_rng(0).random((process.grid.shape[0], 3))
    kept = columns.copy()
    together = move(columns)
    for k in range(3):
        assert np.array_equal(move(columns[:, [k]])[:, 0], together[:, k])
    assert np.array_equal(columns, kept) and not np.allclose(together, columns)
