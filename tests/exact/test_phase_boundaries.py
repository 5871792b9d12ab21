"""Where two phases weigh the same, exactly and asymptotically, and the slopes the integrals show."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import gamma

from slt_toys.exact.equilibrium import free_energy, occupancy, phase_table
from slt_toys.exact.phase_boundaries import (
    _roots,
    crossover,
    lambert_crossover,
    learning_coefficient_by_quadrature,
    loss_gap_boundary,
    phase_asymptotics,
)
from slt_toys.potentials.catalogue import pairs, singular_double_well_4_2
from slt_toys.potentials.potential import Phase, Potential
from tests.exact.made_wells import CATALOGUE, N_BETA, ONE_DIMENSIONAL

ALL_PHASES = [(name, phase.name) for name, potential in CATALOGUE.items() for phase in potential.phases]


def test_laplace_method_with_its_rate():
    # F - (n_beta L + ½ log(n_beta L''/2π)) falls as 1/n_beta, with a constant known from the next derivatives.
    potential = CATALOGUE["regular_double_well"]
    (symbol,) = potential.coordinates
    for number in (0, 1):
        derivatives = sympy.lambdify(symbol, [sympy.diff(potential.bound_energy, symbol, k) for k in (2, 3, 4)])
        second, third, fourth = derivatives(potential.minimum_point(number)[0])
        n_beta = np.array([1e3, 1e4, 1e5])
        table = phase_table(potential, n_beta)
        log_z = (table.entropy - table.excess_energy).isel(phase=number).values
        rest = n_beta * (0.5 * np.log(2 * np.pi / (n_beta * second)) - log_z)
        expected = fourth / (8 * second**2) - 5 * third**2 / (24 * second**3)
        assert np.allclose(rest, expected, rtol=20 / n_beta)


@pytest.mark.parametrize(("name", "phase"), ALL_PHASES)
def test_declared_learning_coefficient_is_the_quadrature_slope(name, phase):
    potential = CATALOGUE[name]
    found = learning_coefficient_by_quadrature(potential, phase)
    declared = potential.phases[potential.phase_number(phase)]
    assert found.error < 1e-3
    assert abs(found.estimate - float(declared.learning_coefficient)) <= found.error


def test_negative_control_a_wrong_multiplicity_misses_the_learning_coefficient():
    right = CATALOGUE["normal_crossing"]
    (phase,) = right.phases
    wrong = Potential(
        "wrong", right.energy, right.coordinates, (), right.box,
        (Phase("whole", phase.minimum, phase.region, phase.loss, phase.learning_coefficient, 1, 1),), right.boundary,
    )  # fmt: skip
    assert learning_coefficient_by_quadrature(right, 0).estimate == pytest.approx(0.5, abs=1e-9)
    assert abs(learning_coefficient_by_quadrature(wrong, 0).estimate - 0.5) > 0.02


def test_constants_of_the_asymptotic_law():
    # ₂F₂(½,½;3/2,3/2;-x) ~ ½ sqrt(π/x) (log x + γ + 2 log 2)/2: both coefficients are known.
    law = phase_asymptotics(CATALOGUE["normal_crossing"], 0)
    assert law.coefficients[1] == pytest.approx(np.sqrt(np.pi) / 4, rel=1e-9)
    assert law.coefficients[0] == pytest.approx(np.sqrt(np.pi) / 4 * (np.euler_gamma + 2 * np.log(2)), rel=1e-9)
    law = phase_asymptotics(CATALOGUE["singular_double_well_2_4"], "right")
    (symbol,) = CATALOGUE["singular_double_well_2_4"].coordinates
    fourth = sympy.diff(CATALOGUE["singular_double_well_2_4"].bound_energy, symbol, 4)
    quartic = sympy.lambdify(symbol, fourth / 24)(1.0)
    assert np.exp(-law.constant) == pytest.approx(2 * gamma(1.25) * quartic**-0.25, rel=1e-6)


def _free_energy_by_quad(potential, number, value):
    energy = sympy.lambdify(potential.coordinates[0], potential.bound_energy, "math")
    low, high = potential.phase_interval(number)
    return -np.log(quad(lambda u: np.exp(-value * energy(u)), low, high, epsabs=0, epsrel=1e-12, limit=300)[0])


def _root(function, low, high) -> float:
    return brentq(function, low, high, xtol=1e-12)  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize("name", [n for n in ONE_DIMENSIONAL if len(CATALOGUE[n].phases) == 2])
@pytest.mark.parametrize("side", ["clean", "deficit"])
def test_crossover_matches_brute_force(name, side):
    potential = getattr(pairs()[name], side)
    found = crossover(potential, 0, 1, (0.2, 200.0))

    def gap(value):
        return _free_energy_by_quad(potential, 0, value) - _free_energy_by_quad(potential, 1, value)

    grid = np.geomspace(0.2, 200.0, 120)
    values = np.array([gap(x) for x in grid])
    changes = np.flatnonzero(values[:-1] * values[1:] < 0)
    brute = np.array([_root(gap, grid[i], grid[i + 1]) for i in changes])
    assert np.allclose(found.n_beta, brute, rtol=1e-8) and len(found.n_beta) == len(brute)
    assert np.allclose(found.temperature, 1 / brute)
    assert found.statement.startswith("left and right are equal" if brute.size else "none in the range")


def test_crossover_in_the_plane_equalises_occupancies():
    potential = pairs()["curve_against_point"].deficit
    found = crossover(potential, "circle", "point")
    assert len(found.n_beta) == 1
    shares = occupancy(potential, found.n_beta[0])[0]
    assert shares[0] == pytest.approx(shares[1], rel=1e-10)
    assert found.asymptotic_n_beta[0] == pytest.approx(found.n_beta[0], rel=0.05)


def test_asymptotic_crossover_tends_to_the_exact_one_as_the_gap_closes():
    errors = []
    for gap in map(sympy.Rational, ("3/10", "1/50", "1/500")):
        found = crossover(singular_double_well_4_2(gap), 0, 1)
        errors.append(abs(np.log(found.asymptotic_n_beta[-1] / found.n_beta[-1])))
    assert errors[0] > errors[1] > errors[2] and errors[2] < 1e-3


def test_all_crossovers_are_found_even_two_in_one_cell_of_the_grid():
    grid = np.linspace(-3, 3, 20)

    def touch(x):
        return (x - 0.2) ** 2 - 1e-6

    assert np.allclose(_roots(touch, grid, touch(grid)), [0.199, 0.201], atol=1e-9)
    assert _roots(lambda x: touch(x) + 2e-6, grid, touch(grid) + 2e-6) == []


def test_equal_phases_and_lambert_branches():
    even = Potential.from_expression("(w**2 - 1)**2")
    assert "equal at every n_beta" in crossover(even, 0, 1).statement
    for gap, slope, constant, count in [
        (0.1, -0.25, -0.1, 2),
        (0.1, 0.25, -1, 1),
        (1, -0.25, 2, 0),
        (0, 0.5, 1, 1),
        (-2, 0, 1, 1),
    ]:
        roots = lambert_crossover(gap, slope, constant)
        assert len(roots) == count and list(roots) == sorted(roots)
        assert all(abs(gap * x + slope * np.log(x) + constant) < 1e-12 for x in roots)


def test_loss_gap_boundary():
    potential = pairs()["singular_double_well_2_4"].deficit
    boundary = loss_gap_boundary(potential, "left", "right", N_BETA)
    for i in (5, 15, 25):  # adding it to the right phase makes the two equal
        difference = free_energy(potential, "left", N_BETA[i]) - free_energy(potential, "right", N_BETA[i])
        assert float(boundary.exact[i]) == pytest.approx(difference[0] / N_BETA[i], rel=1e-6, abs=1e-12)
    error = np.abs(boundary.exact - boundary.asymptotic) * N_BETA
    assert error[-1] < 1e-4 and error[-1] < error[len(N_BETA) // 2] < error[len(N_BETA) // 4]
    root = crossover(potential, "left", "right").n_beta[0]
    assert abs(float(loss_gap_boundary(potential, "left", "right", root).exact[0])) < 1e-10
