"""Mean first passage by three routes, committors, and how fast the Kramers laws become exact."""

from __future__ import annotations

import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from scipy.integrate import dblquad

from slt_toys.exact.fokker_planck import FokkerPlanck, Grid, fokker_planck, grid_for, relaxation_time, spectrum
from slt_toys.exact.kinetics import (
    barrier_form,
    cells_near,
    committor,
    committor_quadrature,
    kramers_rate,
    kramers_ratio,
    log_mean_first_passage_time,
    mean_first_passage_time,
    mean_first_passage_times,
    well_form,
)
from slt_toys.potentials.catalogue import catalogue, pairs
from slt_toys.potentials.potential import Potential

LINES = [
    "regular_double_well", "singular_double_well_2_4", "singular_double_well_4_2", "singular_double_well_4_6",
    "flat_topped_barrier", "narrow_against_wide",
]  # fmt: skip
DOUBLE_WELL = catalogue()["regular_double_well"]


def test_quadrature_against_a_double_integral():
    def integrand(z: float, y: float) -> float:
        return math.exp(((y * y - 1) ** 2 - 0.15 * y - (z * z - 1) ** 2 + 0.15 * z) / 0.4) / 0.4

    direct = dblquad(integrand, -1, 0.7, lambda y: -4, lambda y: y, epsabs=1e-12, epsrel=1e-10)[0]
    assert mean_first_passage_time(DOUBLE_WELL, 0.4, -1, 0.7) == pytest.approx(direct, rel=1e-8)


def test_first_passage_by_pure_diffusion():
    """On a flat line from the wall: τ = (b² - x²)/2T, exactly."""
    flat = Potential.from_expression(
        "w**8/100000000000000000000", box=(0, 1), phases=catalogue()["monomial_well"].phases
    )
    assert mean_first_passage_time(flat, 0.5, 0.25, 0.75) == pytest.approx((0.75**2 - 0.25**2), rel=1e-12)


@pytest.mark.parametrize("temperature", [0.02, 0.05, 0.3, 1.0])
def test_a_climb_beyond_all_mass(temperature):
    """From one flank of a parabola to the other: the inner integral is an error function. It was 30 % off."""
    with mpmath.workdps(60):
        t, end = mpmath.mpf(temperature), mpmath.mpf(2.75)
        cuts = [end - (2 * end) * mpmath.mpf(2) ** -k for k in range(14)] + [end]
        outer = mpmath.quad(lambda y: mpmath.exp(y * y / t) * mpmath.erfc(-y / mpmath.sqrt(t)), cuts)
        expected = float(mpmath.log(outer * mpmath.sqrt(mpmath.pi * t) / 2 / t))
    found = log_mean_first_passage_time(Potential.from_expression("w**2"), temperature, -2.75, 2.75)
    assert found == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("temperature", [1.0, 0.05, 0.001])
def test_quadrature_has_converged(name, temperature):
    ends = [form.position for form in (well_form(catalogue()[name], 0), well_form(catalogue()[name], 1))]
    for start, target in (ends, ends[::-1]):
        coarse, fine = (
            log_mean_first_passage_time(catalogue()[name], temperature, start, target, n) for n in (800, 1700)
        )
        assert coarse == pytest.approx(fine, abs=1e-10 + 1e-13 * abs(fine))


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("temperature", [0.5, 0.05])
def test_linear_solve_tends_to_quadrature_at_second_order(name, temperature):
    potential = catalogue()[name]
    grid = grid_for(potential, temperature, 160)
    for ends in ((0, 1), (1, 0)):
        errors, cells = [], grid
        for _ in range(3):
            start, target = (cells.cell(potential.minimum_point(i)) for i in ends)
            times = mean_first_passage_times(
                fokker_planck(potential, cells), temperature, cells_near(cells, cells.centers[0][target])
            )
            exact = mean_first_passage_time(potential, temperature, cells.centers[0][start], cells.centers[0][target])
            errors.append(abs(times[start] / exact - 1))
            cells = cells.halved()
        assert errors[0] < 1e-2
        assert errors[2] < errors[0] / 8


@pytest.mark.parametrize("temperature", [0.03, 0.01, 0.004])
def test_spectral_gap_is_the_sum_of_both_rates_when_cold(temperature):
    potential = catalogue()["singular_double_well_2_4"]
    grid = grid_for(potential, temperature)
    process = fokker_planck(potential, grid)
    cells = [grid.cell(potential.minimum_point(i)) for i in (0, 1)]
    there = mean_first_passage_times(process, temperature, cells_near(grid, potential.minimum_point(1)))[cells[0]]
    back = mean_first_passage_times(process, temperature, cells_near(grid, potential.minimum_point(0)))[cells[1]]
    assert relaxation_time(process, temperature) * (1 / there + 1 / back) == pytest.approx(1, rel=1e-8)
    assert spectrum(process, temperature, 2)[1] == pytest.approx(1 / there + 1 / back, rel=1e-8)


def test_committor_by_linear_solve_and_by_quadrature():
    grid = grid_for(DOUBLE_WELL, 0.1)
    errors = []
    for _ in range(2):
        ends = [grid.centers[0][grid.cell(point)] for point in (-1.0, 1.0)]
        solved = committor(fokker_planck(DOUBLE_WELL, grid), 0.1, cells_near(grid, ends[0]), cells_near(grid, ends[1]))
        exact = committor_quadrature(DOUBLE_WELL, 0.1, grid.centers[0], *ends)
        errors.append(np.abs(solved - exact).max())
        grid = grid.halved()
    assert errors[0] < 1e-4
    assert errors[1] < errors[0] / 3.5


def test_committor_closed_form_on_a_quadratic_barrier():
    """Over -b w²/2 from -1 to 1 it is (1 + erf(w √(b/2T)) / erf(√(b/2T)))/2."""
    grid = Grid.uniform([(-1.0, 1.0)], 401)
    process = FokkerPlanck(grid, -3 * grid.centers[0] ** 2 / 2)
    found = committor(process, 0.3, cells_near(grid, -1.0), cells_near(grid, 1.0))
    edge = grid.centers[0][-1]
    erf = np.vectorize(math.erf)
    exact = (1 + erf(grid.centers[0] * math.sqrt(5)) / math.erf(edge * math.sqrt(5))) / 2
    assert np.abs(found - exact).max() < 2e-5
    values = committor_quadrature(DOUBLE_WELL, 0.2, [-2.0, -0.3, 0.1, 2.0], -1, 1)
    assert values[0] == 0 and values[-1] == 1
    assert np.allclose(committor_quadrature(DOUBLE_WELL, 0.2, [-2.0, -0.3, 0.1, 2.0], 1, -1), 1 - values)


def test_plane_that_separates_has_the_line_s_times():
    line = Grid.uniform([(-1.8, 1.8)], 60)
    across = np.linspace(-1, 1, 21)
    energy = fokker_planck(DOUBLE_WELL, line).energy
    plane = FokkerPlanck(Grid((*line.edges, across)), energy[:, None] + 2 * ((across[1:] + across[:-1]) / 2) ** 2)
    for temperature in (0.3, 0.02):
        target = cells_near(line, 1.0)
        strip = np.broadcast_to(target[:, None], plane.grid.shape)
        times = mean_first_passage_times(plane, temperature, strip)
        exact = mean_first_passage_times(FokkerPlanck(line, energy), temperature, target)
        assert np.allclose(times, exact[:, None], rtol=1e-10)
        first = cells_near(line, -1.0)
        found = committor(plane, temperature, np.broadcast_to(first[:, None], plane.grid.shape), strip)
        assert np.allclose(
            found, committor(FokkerPlanck(line, energy), temperature, first, target)[:, None], rtol=1e-10
        )


@pytest.mark.parametrize("name", LINES)
def test_local_forms_have_the_declared_learning_coefficients(name):
    potential = catalogue()[name]
    energy = potential.energy_function()
    for form, sign in ((well_form(potential, 0), 1), (well_form(potential, 1), 1), (barrier_form(potential), -1)):
        step = 1e-3 ** (1 / form.half_order)
        rise = [sign * (energy([form.position + s * step]) - form.loss) for s in (-1, 1)]
        assert sum(rise) / 2 == pytest.approx(form.coefficient * step ** (2 * form.half_order), rel=0.1)
    for i in (0, 1):
        assert float(potential.phases[i].learning_coefficient) == 1 / (2 * well_form(potential, i).half_order)


def test_regular_law_is_kramers():
    well, barrier = well_form(DOUBLE_WELL, 0), barrier_form(DOUBLE_WELL)
    hessian = DOUBLE_WELL.hessian_function()
    curvatures = [abs(float(hessian([form.position])[0, 0])) for form in (well, barrier)]
    kramers = math.sqrt(math.prod(curvatures)) / (2 * math.pi) * math.exp(-(barrier.loss - well.loss) / 0.05)
    assert kramers_rate(well, barrier, 0.05) == pytest.approx(kramers, rel=1e-12)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", LINES)
def test_ratio_to_kramers_tends_to_one_at_the_derived_rate(name, start):
    """exact/Kramers - 1 = O(T^min(1/k, 1/j)) [eq:kramers-correction]: fit the power with the next one beside it."""
    potential = catalogue()[name]
    well, other, barrier = well_form(potential, start), well_form(potential, 1 - start), barrier_form(potential)
    power = min(1 / well.half_order, 1 / barrier.half_order)
    temperatures = np.geomspace(1e-3, 3e-5, 4)
    departures = np.array([
        math.expm1(
            log_mean_first_passage_time(potential, t, well.position, other.position)
            + kramers_rate(well, barrier, t, True)
        )
        for t in temperatures
    ])  # fmt: skip
    slopes = np.diff(np.log(np.abs(departures))) / np.diff(np.log(temperatures))
    # The next power is T^power higher, so slopes approach `power` as T^power: extrapolate the last two to T = 0.
    weight = (temperatures[-1] / temperatures[-2]) ** power
    extrapolated = (slopes[-1] - weight * slopes[-2]) / (1 - weight)
    assert np.abs(departures[-1]) < 0.01
    assert extrapolated == pytest.approx(power, abs=0.02)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", LINES)
def test_theory_predicts_the_correction_itself(name, start):
    """Not only its power: (exact/Kramers - 1) over theory's leading correction tends to 1."""
    potential = catalogue()[name]
    well, other, barrier = well_form(potential, start), well_form(potential, 1 - start), barrier_form(potential)
    power = min(1 / well.half_order, 1 / barrier.half_order)
    found = []
    for t in (1e-4, 1e-5):
        log_time = log_mean_first_passage_time(potential, t, well.position, other.position)
        departure = math.expm1(log_time + kramers_rate(well, barrier, t, True))
        found.append(departure / (kramers_ratio(well, barrier, t) - 1))
    weight = 0.1**power
    assert (found[1] - weight * found[0]) / (1 - weight) == pytest.approx(1, abs=0.01)


def test_a_law_with_the_wrong_learning_coefficient_is_caught():
    """A regular well's law in place of a quartic one's: the ratio drifts as T^(1/4 - 1/2) and has no limit."""
    potential = catalogue()["singular_double_well_2_4"]
    well, barrier = well_form(potential, 1), barrier_form(potential)
    wrong = replace(well, half_order=1)
    logs = [
        log_mean_first_passage_time(potential, t, 1, -1) + kramers_rate(wrong, barrier, t, True) for t in (1e-3, 1e-5)
    ]
    assert logs[1] - logs[0] == pytest.approx((1 / 4 - 1 / 2) * math.log(1e-2), rel=0.02)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: mean_first_passage_time(DOUBLE_WELL, -1.0, -1, 1), "temperature must be positive"),
        (lambda: mean_first_passage_time(DOUBLE_WELL, 1.0, -1, 99), "target must lie in the box"),
        (lambda: mean_first_passage_time(pairs()["curve_against_point"].clean, 1.0, 0, 1), "one coordinate"),
        (lambda: committor_quadrature(DOUBLE_WELL, 1.0, 0.0, 1, 1), "distinct"),
        (lambda: barrier_form(DOUBLE_WELL, 1), "index must lie between"),
        (lambda: barrier_form(catalogue()["monomial_well"]), "1 phase"),
        (lambda: well_form(DOUBLE_WELL, "middle"), "not one of"),
        (lambda: kramers_rate(well_form(DOUBLE_WELL, 0), barrier_form(DOUBLE_WELL), math.nan), "temperature"),
        (
            lambda: mean_first_passage_times(
                FokkerPlanck(Grid.uniform([(0, 1)], 5), np.zeros(5)), 1.0, np.zeros(5, dtype=bool)
            ),
            "marks some cells",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_cells_near_a_point_by_hand():
    """Midpoints a tenth apart within 0.2 and 0.15 of a point, and the cell of a point that is near none."""
    line, plane = Grid.uniform([(0, 1)], 10), Grid.uniform([(0, 1), (0, 2)], (10, 20))
    assert np.flatnonzero(cells_near(line, 0.5, 0.2)).tolist() == [3, 4, 5, 6]
    assert np.flatnonzero(cells_near(line, 0.31, 0.001)).tolist() == [3]
    assert np.argwhere(cells_near(plane, (0.55, 1.25), 0.11)).tolist() == [[4, 12], [5, 11], [5, 12], [5, 13], [6, 12]]
    assert cells_near(plane, (0.55, 1.25), 0.15).sum() == 9 and cells_near(plane, (0.0, 2.0)).ravel()[19]
