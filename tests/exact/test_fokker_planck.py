"""The reversible discretisation: detailed balance, stationary law, spectrum, grids."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from slt_toys.exact.fokker_planck import (
    FokkerPlanck,
    Grid,
    bernoulli,
    fokker_planck,
    grid_for,
    phase_weights,
    relaxation_time,
    spectrum,
)
from slt_toys.potentials.catalogue import catalogue
from slt_toys.potentials.potential import Potential

DOUBLE_WELL = catalogue()["regular_double_well"]
ONE = Grid((np.sort(np.concatenate([np.linspace(-2.5, 2.5, 90), [-1.01, 0.333, 1.002]])),))
TWO = Grid((np.linspace(-1.9, 3.1, 31), np.linspace(-1.8, 1.8, 24)))
TEMPERATURES = np.geomspace(1e-3, 10, 13)


def process_of(name: str) -> FokkerPlanck:
    potential = catalogue()[name]
    return fokker_planck(potential, ONE if potential.dimension == 1 else TWO)


def imbalance(process: FokkerPlanck, temperature: float, rates) -> float:
    """Largest |log(π_i k_ij / π_j k_ji)| in units of what rounding of L/T allows."""
    worst, scale = 0.0, np.abs(process.energy).max() / temperature + 10
    law = process.log_stationary(temperature)
    for axis, (up, down) in enumerate(rates):
        both = (up > 1e-290) & (down > 1e-290)
        balance = np.diff(law, axis=axis)[both] - np.log(up[both]) + np.log(down[both])
        worst = max(worst, np.abs(balance).max())
    return worst / (scale * np.finfo(float).eps)


def central_rates(process: FokkerPlanck, temperature: float):
    """Central differences of the same equation, on a uniform line."""
    h = np.diff(process.grid.centers[0])[0]
    rise = np.diff(process.energy) / temperature
    return ((temperature / h**2 * (1 - rise / 2), temperature / h**2 * (1 + rise / 2)),)


def test_bernoulli_is_x_over_exp_x_minus_1():
    x = np.array([-3.0, -1e-3, 1e-3, 2.0, 30.0])
    assert np.allclose(bernoulli(x), x / np.expm1(x), rtol=1e-14)
    assert bernoulli(0.0) == 1.0
    assert np.allclose(bernoulli([-1e6, 1e6, 1e-310]), [1e6, 0.0, 1.0])
    assert np.allclose(bernoulli(-x), bernoulli(x) * np.exp(x), rtol=1e-14)


@pytest.mark.parametrize("name", ["regular_double_well", "singular_double_well_4_6", "curve_against_point"])
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_detailed_balance_to_rounding(name, temperature):
    process = process_of(name)
    assert imbalance(process, temperature, process.rates(temperature)) < 10
    assert all((up >= 0).all() and (down >= 0).all() for up, down in process.rates(temperature))


def test_central_differences_are_caught():
    process = fokker_planck(DOUBLE_WELL, Grid.uniform([(-2.5, 2.5)], 90))
    assert imbalance(process, 1.0, process.rates(1.0)) < 10
    assert imbalance(process, 1.0, central_rates(process, 1.0)) > 1e6
    (up, down) = central_rates(process, 0.02)[0]
    assert min(up.min(), down.min()) < 0


@pytest.mark.parametrize("name", ["regular_double_well", "curve_against_point"])
def test_generator_has_the_stationary_law(name):
    process = process_of(name)
    generator, law = process.generator(0.4), process.stationary(0.4).ravel()
    size = np.abs(generator.data).max()
    assert np.abs(generator.sum(axis=1)).max() < 1e-13 * size
    assert np.abs(generator.T @ law).max() < 1e-13 * size * law.max()


@pytest.mark.parametrize("temperature", [2.0, 0.2, 0.03])
def test_stationary_law_tends_to_quadrature_at_second_order(temperature):
    energy = DOUBLE_WELL.energy_function()

    def weight(w: float) -> float:
        return float(np.exp(-(energy(np.array([w])) + 0.15) / temperature))

    barrier = DOUBLE_WELL.barrier()
    left, right = (
        quad(weight, low, high, points=[point], epsabs=0, epsrel=1e-11)[0]
        for point, low, high in ((-0.98, -4.0, barrier), (1.02, barrier, 4.0))
    )
    grid = grid_for(DOUBLE_WELL, temperature)
    errors = []
    for _ in range(3):
        stuck = (
            fokker_planck(DOUBLE_WELL, grid).stationary(temperature) * phase_weights(DOUBLE_WELL, "left", grid)
        ).sum()
        errors.append(abs(stuck / (left / (left + right)) - 1))
        grid = grid.halved()
    assert errors[0] < 2e-3
    assert errors[2] < errors[0] / 8


def test_spectrum_of_free_diffusion_is_the_discrete_cosine_one():
    process = FokkerPlanck(Grid.uniform([(0.0, 1.0)], 50), np.zeros(50))
    modes = np.arange(6)
    exact = 2 * 0.3 * 50**2 * (1 - np.cos(np.pi * modes / 50))
    assert np.allclose(spectrum(process, 0.3, 6), exact, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("curvature, temperature", [(1.0, 1.0), (7.0, 0.3)])
def test_spectrum_of_ornstein_uhlenbeck(curvature, temperature):
    width = 7 * np.sqrt(temperature / curvature)
    grid = Grid.uniform([(-width, width)], 150)
    exact = curvature * np.arange(5)
    found = []
    for _ in range(3):
        process = FokkerPlanck(grid, curvature * grid.centers[0] ** 2 / 2)
        found.append(spectrum(process, temperature, 5))
        grid = grid.halved()
    errors = [np.abs(rates - exact)[1:] for rates in found]
    assert np.allclose(np.log2(errors[0] / errors[1]), 2, atol=0.05)
    assert np.allclose((4 * found[2] - found[1]) / 3, exact, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.02, 0.005, 0.002])
def test_two_routes_to_the_gap(temperature):
    """Bisection on the bidiagonal factor and inverse iteration on the Green function share nothing but the rates."""
    process = fokker_planck(DOUBLE_WELL, grid_for(DOUBLE_WELL, temperature))
    gap = spectrum(process, temperature, 2)[1]
    assert gap * relaxation_time(process, temperature) == pytest.approx(1, rel=1e-9)
    assert temperature > 0.002 or gap < 1e-180


def test_gap_agrees_with_a_dense_eigensolver():
    process = process_of("regular_double_well")
    law = np.sqrt(process.stationary(0.3))
    symmetric = process.generator(0.3).toarray() * law[:, None] / law
    dense = np.sort(-np.linalg.eigvalsh((symmetric + symmetric.T) / 2))
    assert np.allclose(spectrum(process, 0.3, 5), dense[:5], rtol=1e-9, atol=1e-10)


def test_separable_plane_has_sums_of_rates():
    first, second = Grid.uniform([(-2.0, 2.0)], 40), Grid.uniform([(-1.5, 1.5)], 30)
    along = (first.centers[0] ** 2 - 1) ** 2
    across = 3 * second.centers[0] ** 2
    plane = FokkerPlanck(Grid((*first.edges, *second.edges)), along[:, None] + across)
    one, two = spectrum(FokkerPlanck(first, along), 0.2, 6), spectrum(FokkerPlanck(second, across), 0.2, 6)
    sums = np.sort(np.add.outer(one, two).ravel())[:6]
    assert np.allclose(spectrum(plane, 0.2, 6), sums, rtol=1e-8, atol=1e-10)
    assert relaxation_time(plane, 0.2) == pytest.approx(1 / min(one[1], two[1]), rel=1e-9)
    cold = relaxation_time(plane, 0.012)
    assert cold == pytest.approx(relaxation_time(FokkerPlanck(first, along), 0.012), rel=1e-9)
    assert cold > 1e30


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, np.inf])
def test_a_temperature_must_be_positive(temperature):
    process = process_of("regular_double_well")
    for call in (process.rates, process.generator, process.stationary):
        with pytest.raises(ValueError, match="temperature must be positive"):
            call(temperature)
    with pytest.raises(ValueError, match="temperatures must be positive"):
        grid_for(DOUBLE_WELL, [1.0, temperature] if temperature != np.inf else [temperature])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Grid((np.array([0.0, 1.0, 1.0, 2.0]),)), "edges must be finite and increasing"),
        (lambda: Grid((np.linspace(0, 1, 5),) * 3), "1 or 2 axes"),
        (lambda: FokkerPlanck(ONE, np.zeros(3)), "energy must be finite with one value per cell"),
        (lambda: fokker_planck(DOUBLE_WELL, TWO), "grid has 2 axes"),
        (lambda: grid_for(catalogue()["barrier_spectrum"], 1.0), "1 coordinate or all have 2"),
        (lambda: spectrum(process_of("regular_double_well"), 1.0, 0), "count must lie between"),
        (lambda: phase_weights(DOUBLE_WELL, "middle", ONE), "phase 'middle' is not one of"),
        (lambda: ONE.cell(9.0), "outside the grid"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_slowest_mode_of_a_symmetric_energy_is_found():
    """Among three wells it has a node in the middle one, to which mean first passage times are symmetric."""
    for text, temperature in (("4*w**2*(w**2-1)**2", 0.05), ("4*w1**2*(w1**2-1)**2 + w2**2*(1+w1**2)", 0.1)):
        potential = Potential.from_expression(text)
        process = fokker_planck(potential, grid_for(potential, temperature))
        rates = spectrum(process, temperature, 3)[1:]
        assert relaxation_time(process, temperature) * rates[0] == pytest.approx(1, rel=1e-7)
        assert rates[1] > 1.5 * rates[0], "the time that was found before lies beyond any tolerance"


def test_rates_that_nearly_coincide_are_found_by_several_functions():
    """Two wells each way, one barrier a little higher: one function alone would take thousands of iterations."""
    line, temperature = Grid.uniform([(-1.9, 1.9)], 40), 0.1
    well = (line.centers[0] ** 2 - 1) ** 2
    plane = FokkerPlanck(Grid((*line.edges, *line.edges)), well[:, None] + 1.0005 * well)
    times = [relaxation_time(FokkerPlanck(line, height * well), temperature) for height in (1.0, 1.0005)]
    assert 1 < times[1] / times[0] < 1.02
    assert relaxation_time(plane, temperature) == pytest.approx(times[1], rel=1e-9)
    assert abs(times[0] / times[1] - 1) > 1e-3
