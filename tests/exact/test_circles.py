"""Exact answers on circles and tori, against adaptive quadrature, collocation and dense exponentials."""

from functools import lru_cache
from math import pi

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import chebyshev
from scipy.integrate import quad
from scipy.linalg import expm

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.energy_law import energy_law
from slt_toys.exact.equilibrium import marginal_density, phase_table
from slt_toys.exact.fokker_planck import (
    FokkerPlanck,
    Grid,
    fokker_planck,
    grid_for,
    phase_weights,
    relaxation_time,
    spectrum,
)  # fmt: skip
from slt_toys.exact.kinetics import (
    barrier_form,
    cells_near,
    committor,
    committor_quadrature,
    kramers_rate,
    log_mean_first_passage_time,
    mean_first_passage_time,
    mean_first_passage_times,
    well_form,
)  # fmt: skip
from slt_toys.exact.noisy_diffusion import noisy_diffusion
from slt_toys.exact.phase_boundaries import crossover, learning_coefficient_by_quadrature
from slt_toys.exact.recorded_passage import recorded_passage
from slt_toys.exact.saddles import log_saddle_rate, saddles
from slt_toys.exact.sweeps import backward_sweep, forward_sweep
from slt_toys.exact.temperature_ladder import temperature_ladder
from slt_toys.potentials.potential import Potential, PotentialPair
from slt_toys.protocol.exact import exact_stuck_probability
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.training import ExponentialDecay, Training
from tests.seeds import fresh_seed

CIRCLE = "cos(w) + 0.8*cos(2*w + 1)"
OTHER = "0.2*cos(w) + 0.8*cos(2*w + 1)"  # prefers the other well
TORUS = "cos(2*w1) + 2*cos(w2) + cos(w1 - w2) + 0.3*sin(w1)"
CUTS = st.floats(-20, 20)


@lru_cache
def circle(cut: float = 0.0, text: str = CIRCLE) -> Potential:
    return Potential.from_expression(text, box=(cut, cut + 2 * pi), boundary="periodic")


def loss(w, tilt=1.0):
    return tilt * np.cos(w) + 0.8 * np.cos(2 * w + 1)


def slope(w):
    return -np.sin(w) - 1.6 * np.sin(2 * w + 1)


def by_quad(potential: Potential, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Integrals of exp(-(L - lowest)/T) over each phase, and mean losses in them."""
    lowest, integrals, means = min(map(potential.minimum_loss, range(2))), [], []
    for number in range(2):
        low, high = potential.phase_interval(number)
        cuts = [float(potential.minimum_point(number)[0])]
        options = {"points": cuts, "epsabs": 0, "epsrel": 1e-12, "limit": 500}
        total = quad(lambda w: np.exp(-(loss(w) - lowest) / temperature), low, high, **options)[0]
        first = quad(lambda w: loss(w) * np.exp(-(loss(w) - lowest) / temperature), low, high, **options)[0]
        integrals.append(total)
        means.append(first / total)
    return np.array(integrals), np.array(means)


@pytest.mark.parametrize("cut", [0.0, 1.4027479233026954, -2.310688685280967, 2.43186206737826, 4.0])
def test_occupancies_free_energies_and_mean_losses(cut):
    potential = circle(cut)  # cut anywhere, at a minimum, at the other one, at a maximum
    n_beta = np.array([0.1, 1.0, 10.0, 100.0, 400.0])
    table = phase_table(potential, n_beta)
    for row, value in enumerate(n_beta):
        integrals, means = by_quad(potential, 1 / value)
        np.testing.assert_allclose(table.occupancy.values[row], integrals / integrals.sum(), rtol=1e-8)
        np.testing.assert_allclose(table.mean_loss.values[row], means, rtol=1e-8)
        lowest = min(map(potential.minimum_loss, range(2)))
        np.testing.assert_allclose(table.free_energy.values[row], value * lowest - np.log(integrals), rtol=1e-8)
    assert table.attrs["mass_beyond"] == 0


@given(CUTS, st.floats(0.05, 5.0), st.floats(-20, 20), st.floats(0.2, 6.0))
@settings(max_examples=8, deadline=None)
def test_nothing_depends_on_the_cut(cut, temperature, start, further):
    potential, uncut = circle(cut), circle()
    order = [0, 1] if potential.minimum_loss(0) == pytest.approx(uncut.minimum_loss(0)) else [1, 0]
    one, other = phase_table(uncut, 1 / temperature), phase_table(potential, 1 / temperature)
    np.testing.assert_allclose(one.occupancy.values[0], other.occupancy.values[0, order], rtol=1e-10)
    np.testing.assert_allclose(one.total_mean_loss.values, other.total_mean_loss.values, rtol=1e-10)
    target = start + further
    times = [log_mean_first_passage_time(p, temperature, start, target) for p in (uncut, potential)]
    assert times[0] == pytest.approx(times[1], abs=1e-9)
    ways = [committor_quadrature(p, temperature, [start + 0.1, start - 3.0], start, target) for p in (uncut, potential)]
    np.testing.assert_allclose(*ways, rtol=1e-8, atol=1e-12)
    rates = [log_saddle_rate(p, temperature, *numbers) for p, numbers in ((uncut, (0, 1)), (potential, order))]
    assert rates[0] == pytest.approx(rates[1], abs=1e-9)
    places = np.linspace(-10, 10, 31)
    densities = [marginal_density(p, "w", 1 / temperature, places) for p in (uncut, potential)]
    np.testing.assert_allclose(*densities, rtol=1e-9)


def collocated(low: float, high: float, temperature: float, right: float, ends: tuple[float, float]):
    """T u'' - L' u' = right with given ends, by Chebyshev collocation: an interpolant on [low, high]."""
    nodes = np.cos(pi * np.arange(201) / 200)
    basis = [chebyshev.chebvander(nodes, 200)]
    for order in (1, 2):
        basis.append(np.stack([chebyshev.chebval(nodes, chebyshev.chebder(row, order)) for row in np.eye(201)], axis=1))
    half = (high - low) / 2
    w = (low + high) / 2 + half * nodes
    matrix = temperature * basis[2] / half**2 - slope(w)[:, None] * basis[1] / half
    values = np.full(201, right)
    matrix[[0, -1]], values[[0, -1]] = basis[0][[0, -1]], (ends[1], ends[0])
    coefficients = np.linalg.solve(matrix, values)
    return lambda x: chebyshev.chebval((np.asarray(x) - (low + high) / 2) / half, coefficients)


@pytest.mark.parametrize("temperature", [3.0, 0.5, 0.15])
def test_passages_and_committors_go_both_ways_around(temperature):
    potential = circle()
    start, target = 1.4, 3.9
    time = collocated(target - 2 * pi, target, temperature, -1.0, (0.0, 0.0))
    assert mean_first_passage_time(potential, temperature, start, target) == pytest.approx(time(start), rel=1e-6)
    turned = mean_first_passage_time(potential, temperature, start + 6 * pi, target - 4 * pi)
    assert turned == pytest.approx(time(start), rel=1e-6)
    # Negative control: the way up alone, with a wall at the cut.
    walled = Potential.from_expression(CIRCLE, box=(0, 2 * pi), phases=_declared())
    assert abs(mean_first_passage_time(walled, temperature, start, target) / time(start) - 1) > 1e-5
    points = np.array([1.5, 2.5, 3.5, 4.5, 6.0, 7.5])
    rising = collocated(start, target, temperature, 0.0, (0.0, 1.0))
    falling = collocated(target, start + 2 * pi, temperature, 0.0, (1.0, 0.0))
    expected = np.where(points <= target, rising(points), falling(points))
    np.testing.assert_allclose(committor_quadrature(potential, temperature, points, start, target), expected, rtol=1e-6)


def _declared():
    """Phases of the same energy between walls, which derivation refuses for the minimum at one."""
    from slt_toys.potentials.potential import declare_phase

    w = sympy.Symbol("w", real=True)
    energy = sympy.cos(w) + sympy.Rational(4, 5) * sympy.cos(2 * w + 1)
    return [declare_phase(energy, (w,), "left", circle().phases[0].minimum, w < 2.4),
            declare_phase(energy, (w,), "right", circle().phases[1].minimum, w >= 2.4)]  # fmt: skip


def test_the_grid_is_a_ring_of_second_order():
    potential, temperature = circle(), 0.3
    errors, slow = [], []
    exact = log_mean_first_passage_time(potential, temperature, 1.3, 3.9)
    half = fourier_rates(temperature)
    for cells in (200, 400):
        grid = Grid.uniform(potential.box, cells, "periodic")
        process = fokker_planck(potential, grid)
        centre = grid.centers[0][int(np.argmin(np.abs(grid.centers[0] - 3.9)))]
        start = grid.centers[0][int(np.argmin(np.abs(grid.centers[0] - 1.3)))]
        own = mean_first_passage_times(process, temperature, cells_near(grid, [centre])).ravel()[grid.cell([start])]
        wide = grid.volumes[0] / 2
        both = log_mean_first_passage_time(potential, temperature, start, centre - wide)
        errors.append(own / np.exp(log_mean_first_passage_time(potential, temperature, start, centre)) - 1)
        assert both < exact + 1
        slow.append(spectrum(process, temperature, 4)[1:] / half[1:4] - 1)
        assert relaxation_time(process, temperature) == pytest.approx(1 / spectrum(process, temperature, 2)[1])
        numbers = committor(process, temperature, cells_near(grid, [1.4]), cells_near(grid, [3.9]))
        way = committor_quadrature(potential, temperature, grid.centers[0], 1.4, 3.9)
        assert np.abs(numbers - way).max() < 10 / cells
    assert np.abs(errors[1]) < 0.01
    np.testing.assert_allclose(np.divide(*slow), 4.0, rtol=0.2)
    assert np.abs(slow[1]).max() < 1e-3


def fourier_rates(temperature: float, waves: int = 60) -> np.ndarray:
    """Relaxation rates from H = -T d² + |L'|²/4T - L''/2 in Fourier modes."""
    places = 2 * pi * np.arange(4 * waves) / (4 * waves)
    curvature = -np.cos(places) - 3.2 * np.cos(2 * places + 1)
    transform = np.fft.fft(slope(places) ** 2 / (4 * temperature) - curvature / 2) / places.size
    numbers = np.arange(-waves, waves + 1)
    matrix = transform[(numbers[:, None] - numbers) % places.size] + np.diag(temperature * numbers**2)
    return np.linalg.eigvalsh(matrix)


@pytest.mark.parametrize("cut", [0.0, 4.0])
def test_grid_for_a_circle(cut):
    potential = circle(cut)
    grid = grid_for(potential, [0.1, 1.0])
    process = fokker_planck(potential, grid)
    assert grid.boundary == "periodic"
    for number in range(2):  # borders are edges, so that the phases' weights are whole
        assert set(np.unique(phase_weights(potential, number, grid))) == {0.0, 1.0}
    shares = [(phase_weights(potential, i, grid) * process.stationary(0.3)).sum() for i in range(2)]
    np.testing.assert_allclose(shares, by_quad(potential, 0.3)[0] / by_quad(potential, 0.3)[0].sum(), rtol=1e-3)
    assert relaxation_time(process, 0.3) == pytest.approx(1 / fourier_rates(0.3)[1], rel=2e-3)
    near = cells_near(grid, [cut], 0.2)
    assert near[0] and near[-1] and not near[len(near) // 2]
    assert grid.cell([cut + 1.0]) == grid.cell([cut + 1.0 + 4 * pi])


def test_two_barriers_add_up():
    potential = circle()
    rates = []
    for temperature in (0.04, 0.02):
        forms = [barrier_form(potential, index) for index in range(2)]
        each = [kramers_rate(well_form(potential, 0), form, temperature) for form in forms]
        both = np.exp(log_saddle_rate(potential, temperature, 0, 1))
        assert sum(each) == pytest.approx(both, rel=1e-9)
        minima = [float(potential.minimum_point(i)[0]) for i in range(2)]
        rates.append(1 / mean_first_passage_time(potential, temperature, *minima) / both - 1)
    # The departure is of the order of T, and the lower barrier alone is off by the other one's share.
    assert abs(rates[1]) < 0.03 and rates[0] / rates[1] == pytest.approx(2.0, rel=0.15)
    even = circle(0.0, "cos(2*w)")
    own = [float(even.minimum_point(i)[0]) for i in range(2)]
    both = np.exp(log_saddle_rate(even, 0.05, 0, 1))
    one = kramers_rate(well_form(even, 0), barrier_form(even, 0), 0.05)
    exact = 1 / mean_first_passage_time(even, 0.05, *own)
    assert exact / both == pytest.approx(1.0, rel=0.05) and exact / one == pytest.approx(2.0, rel=0.05)
    with pytest.raises(ValueError, match="index must lie between 0 and 1, not 2"):
        barrier_form(potential, 2)


def test_sweeps_are_exponentials_on_the_ring():
    pair = PotentialPair("circle", circle(0.0, OTHER), circle(), "left")
    grid = Grid.uniform(pair.clean.box, 60, "periodic")
    process = fokker_planck(pair.clean, grid)
    temperatures, durations = np.array([0.6, 0.3]), np.array([0.7, 1.5])
    start = np.zeros(60)
    start[grid.cell([0.1])] = 1.0
    masses = start
    for temperature, duration in zip(temperatures, durations, strict=True):
        masses = expm(process.generator(temperature).toarray().T * duration) @ masses
    np.testing.assert_allclose(forward_sweep(process, temperatures, durations, start, 64)[-1], masses, atol=1e-8)
    stuck = phase_weights(pair.clean, "left", grid)
    assert backward_sweep(process, temperatures, durations, stuck, 64)[0] @ start == pytest.approx(stuck @ masses)
    # From next to the cut more than half goes across it, which a walled line forbids.
    across = masses[grid.cell([5.95]) :].sum()
    walled = FokkerPlanck(Grid.uniform(pair.clean.box, 60), process.energy)
    beside = forward_sweep(walled, temperatures, durations, start, 64)[-1][grid.cell([5.95]) :].sum()
    assert across > 3 * beside


def test_stuck_probabilities_do_not_depend_on_the_cut_or_the_route():
    training = Training(10, 500, ExponentialDecay(0.05, 0.95), 200.0)
    switches, stuck = [0, 20, 60], []
    for cut in (0.0, 2.9):
        pair = PotentialPair("circle", circle(cut, OTHER), circle(cut), _stuck(cut))
        stuck.append(exact_stuck_probability(pair, training, switches, Ending("further", 60)))
    np.testing.assert_allclose(*stuck, atol=2e-3)
    pair = PotentialPair("circle", circle(0.0, OTHER), circle(), _stuck(0.0))
    finer = exact_stuck_probability(pair, training, switches, Ending("further", 60), cells=480)
    np.testing.assert_allclose(stuck[0], finer, atol=2e-3)
    assert np.ptp(stuck[0]) > 0.05


def _stuck(cut: float) -> str:
    clean = circle(cut)
    return max(clean.phases, key=lambda phase: clean.minimum_loss(phase.name)).name


def test_draws_fill_the_circle():
    potential, seed = circle(4.0), fresh_seed()
    draws = draw_exact(potential, 2.0, 20_000, seed)
    low, high = potential.box[0]
    assert ((draws >= low) & (draws <= high)).all()
    share = by_quad(potential, 0.5)[0]
    expected = share[0] / share.sum()
    seen = (potential.phase_index(draws) == 0).mean()
    assert abs(seen - expected) < 4.8 * np.sqrt(expected * (1 - expected) / 20_000)
    assert (potential.phase_index(draw_exact(potential, 2.0, 500, seed, phase="left")) == 0).all()


def test_ladders_and_crossovers():
    law = energy_law(circle(), 0.5)
    integrals, means = by_quad(circle(), 0.5)
    assert law.lowest + law.levels @ law.probabilities == pytest.approx(integrals @ means / integrals.sum(), abs=1e-6)
    ladders = [temperature_ladder(circle(cut), 0.1, 2.0).temperatures for cut in (0.0, 4.0)]
    np.testing.assert_allclose(*ladders, rtol=1e-3)
    # A narrow deep well and a wide shallow one: equal at a temperature that quadrature confirms.
    text = "-cos(w)**2 - 0.05*cos(w) + 0.4*(1 + cos(w))**2"
    potential = circle(-1.0, text)
    found = crossover(potential, 0, 1)
    for value in found.n_beta:
        occupied = phase_table(potential, value).occupancy.values[0]
        assert occupied[0] == pytest.approx(occupied[1], rel=1e-8)
    assert learning_coefficient_by_quadrature(circle(), 0).estimate == pytest.approx(0.5, abs=1e-4)
    quartic = circle(-3.0, "(1 - cos(w))**2")
    assert learning_coefficient_by_quadrature(quartic, 0).estimate == pytest.approx(0.25, abs=1e-3)
    assert float(quartic.phases[0].learning_coefficient) == 0.25


def torus(*cut: float, text: str = TORUS) -> Potential:
    return Potential.from_expression(text, box=[(c, c + 2 * pi) for c in cut], boundary="periodic")


def test_a_torus_in_equilibrium():
    """Against the trapezoidal rule, whose error on a torus is exponentially small."""
    n_beta, axis = np.array([0.3, 1.0, 3.0]), 2 * pi * np.arange(400) / 400
    x, y = np.meshgrid(axis, axis, indexing="ij")
    energy = np.cos(2 * x) + 2 * np.cos(y) + np.cos(x - y) + 0.3 * np.sin(x)
    tables = [phase_table(torus(*cut), n_beta) for cut in ((0.0, 0.0), (2.0, -1.5))]
    for row, value in enumerate(n_beta):
        weights = np.exp(-value * energy)
        total, mean = weights.mean() * 4 * pi**2, (weights * energy).sum() / weights.sum()
        for table in tables:
            assert table.total_log_partition_function.values[row] == pytest.approx(np.log(total), rel=1e-8)
            assert table.total_mean_loss.values[row] == pytest.approx(mean, rel=1e-7)
            assert table.occupancy.values[row].sum() == pytest.approx(1.0, rel=1e-8)
    losses = [np.argsort(table.loss.values) for table in tables]
    one, other = (table.occupancy.values[:, order] for table, order in zip(tables, losses, strict=True))
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_kinetics_on_a_torus():
    potential, temperature = torus(0.5, 1.0), 0.25
    joined = saddles(potential)
    assert len(joined) >= 2 and {saddle.phases for saddle in joined} == {(0, 1)}
    slopes = potential.gradient_function()(np.array([saddle.position for saddle in joined]))
    assert np.abs(slopes).max() < 1e-9
    grid = Grid.uniform(potential.box, 64, "periodic")
    process = fokker_planck(potential, grid)
    first, second = (cells_near(grid, potential.minimum_point(i), 0.3) for i in range(2))
    time = mean_first_passage_times(process, temperature, second).ravel()[grid.cell(potential.minimum_point(0))]
    law = np.exp(-log_saddle_rate(potential, temperature, 0, 1))
    assert time == pytest.approx(law, rel=0.25)
    colder = mean_first_passage_times(process, temperature / 2, second).ravel()[grid.cell(potential.minimum_point(0))]
    assert abs(colder * np.exp(log_saddle_rate(potential, temperature / 2, 0, 1)) - 1) < abs(time / law - 1)
    chances = committor(process, temperature, first, second)
    assert ((chances >= 0) & (chances <= 1)).all()


def test_what_knows_no_circle_says_so():
    potential = circle()
    with pytest.raises(ValueError, match="takes no circle or torus"):
        recorded_passage(potential, 0.3, 0.1, 1.4, 3.9)
    with pytest.raises(ValueError, match="grid must be periodic over whole periods"):
        fokker_planck(potential, Grid.uniform(potential.box, 50))
    with pytest.raises(ValueError, match="grid must be periodic over whole periods"):
        fokker_planck(potential, Grid.uniform([(0.0, 1.5 * pi)], 50, "periodic"))
    with pytest.raises(ValueError, match="takes no circle or torus"):
        noisy_diffusion(potential, Grid.uniform(potential.box, 50), np.ones_like)
