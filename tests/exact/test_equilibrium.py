"""Equilibrium by phase: closed forms, independent integrators, Laplace's method, thermodynamics, crossovers."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import sympy
from scipy.integrate import dblquad, quad

from slt_toys.exact.equilibrium import free_energy, marginal_density, occupancy, phase_table
from slt_toys.exact.phase_boundaries import crossover, learning_coefficient_by_quadrature, loss_gap_boundary
from slt_toys.potentials.catalogue import pairs
from slt_toys.potentials.potential import Phase, Potential
from tests.exact.made_wells import CATALOGUE, N_BETA, ONE_DIMENSIONAL, w, w1, w2, w3

HALF = sympy.S.Half


def _everything():
    yield from CATALOGUE.items()
    for name, pair in pairs().items():
        yield f"{name} (deficit)", pair.deficit


@pytest.mark.parametrize("potential", [pytest.param(p, id=name) for name, p in _everything()])
def test_whole_catalogue_is_finite_accurate_and_consistent_from_hot_to_cold(potential):
    table = phase_table(potential, N_BETA)
    assert all(np.isfinite(variable.values).all() for variable in table.values())
    assert table.error_estimate.max() < 1e-6 and table.total_error_estimate.max() < 1e-6
    assert (table.heat_capacity > 0).all() and (table.excess_energy > 0).all()
    assert (table.occupancy.sum("phase") <= 1 + 1e-12).all()
    assert np.allclose(table.occupancy.sum("phase") + table.occupancy_outside, 1, rtol=0, atol=1e-9)
    # The coldest energy is λ - (m - 1)/(log n_beta + c): below λ by the logarithm, else within 1e-3 of it.
    gap = (table.learning_coefficient - table.excess_energy.isel(n_beta=-1)) * np.log(N_BETA[-1])
    assert np.allclose(gap, table.multiplicity - 1, atol=0.35)
    assert np.allclose(gap.where(table.multiplicity == 1, 0), 0, atol=2e-2)


@pytest.mark.parametrize("name", ONE_DIMENSIONAL)
def test_lines_match_an_independent_integrator(name):
    potential = CATALOGUE[name]
    energy = sympy.lambdify(potential.coordinates[0], potential.bound_energy, "math")
    n_beta = np.array([0.1, 1.0, 20.0, 500.0])
    table = phase_table(potential, n_beta)
    for number, phase in enumerate(table.phase.values):
        low, high = potential.phase_interval(number)
        if potential.boundary == "natural":  # the box is no part of the model
            low, high = (end + 3 * side * (end in potential.box[0]) for side, end in ((-1, low), (1, high)))
        centre, loss = potential.minimum_point(number)[0], potential.minimum_loss(number)
        for value in n_beta:
            parts = [
                quad(
                    lambda u, x=value, low=loss: np.exp(-x * (energy(u) - low)), a, b, epsabs=0, epsrel=1e-13, limit=400
                )[0]
                for a, b in ((low, centre), (centre, high))
            ]
            exact = np.log(sum(parts)) - value * loss
            assert float(table.log_partition_function.sel(n_beta=value, phase=phase)) == pytest.approx(
                exact, rel=1e-10, abs=1e-10
            )


def test_planes_match_an_independent_integrator():
    def integral(potential, a, b, c, d):
        energy = sympy.lambdify((w2, w1), potential.bound_energy, "math")
        return dblquad(lambda y, x: np.exp(-n_beta * energy(y, x)), a, b, c, d, epsabs=0, epsrel=1e-9)[0]

    n_beta = 0.7
    circle = CATALOGUE["curve_against_point"]
    edge = max(float(sympy.N(number)) for number in circle.phases[0].region.args if not number.free_symbols)
    crossing = CATALOGUE["normal_crossing_against_point"]
    square = (17 / 12) ** 2  # the point's region is w1 w2 >= square in the positive quadrant
    cases = [
        (circle, 0, integral(circle, -3.5, edge, -4, 4)),
        (circle, 1, integral(circle, edge, 4.5, -4, 4)),
        (crossing, None, integral(crossing, -1, 3, -1, 3)),
        (crossing, 1, integral(crossing, square / 3, 3, lambda x: square / x, 3)),
    ]
    for potential, phase, exact in cases:
        table = phase_table(potential, n_beta)
        found = table.total_log_partition_function[0] if phase is None else table.log_partition_function[0, phase]
        assert float(found) == pytest.approx(np.log(exact), abs=2e-8)


def test_circle_of_minima_by_polar_coordinates():
    # The circle's phase, far from its edge at w1 = 1.83: radius and angle separate but for the factor of the point.
    potential = CATALOGUE["curve_against_point"]
    energy = sympy.lambdify((w1, w2), potential.bound_energy, "mpmath")
    for value in (1e3, 1e6):
        width = 1 / mp.sqrt(value)
        cuts = [max(mp.mpf(0), 1 + z * width) for z in (-12, -6, -3, -1, 0, 1, 3, 6, 12)]

        def at_angle(angle, x=value, cuts=cuts):
            return mp.quad(lambda r: r * mp.exp(-x * energy(r * mp.cos(angle), r * mp.sin(angle))), cuts, maxdegree=5)

        angles = 2 * np.pi * np.arange(48) / 48  # the trapezoidal rule converges exponentially on a circle
        exact = float(mp.log(mp.fsum(at_angle(a) for a in angles) * 2 * mp.pi / 48))
        assert -free_energy(potential, "circle", value)[0] == pytest.approx(exact, abs=1e-7)


@pytest.mark.parametrize("name", ["regular_double_well", "singular_double_well_4_6", "bilinear", "barrier_spectrum"])
def test_thermodynamic_identities(name):
    potential = CATALOGUE[name]
    n_beta = np.geomspace(0.5, 1e5, 7)
    step = 1e-4
    table = phase_table(potential, n_beta)
    after, before = (phase_table(potential, n_beta * np.exp(s)) for s in (step, -step))
    for prefix in ("", "total_"):
        energy, entropy, capacity = (table[prefix + key].values.T for key in ("mean_loss", "entropy", "heat_capacity"))
        assert np.allclose(table[prefix + "free_energy"].values.T, n_beta * energy - entropy, rtol=1e-12, atol=1e-9)
        # d(log Z)/d(n_beta) = -E[L]; the heat capacity is dE/dT = -n_beta dE/d(log n_beta) and dS/d(log T).
        slope = (after[prefix + "free_energy"].values - before[prefix + "free_energy"].values).T / (2 * step)
        assert np.allclose(slope, n_beta * energy, rtol=1e-6, atol=1e-6)
        slope = (before[prefix + "entropy"].values - after[prefix + "entropy"].values).T / (2 * step)
        assert np.allclose(slope, capacity, rtol=1e-6)


def test_marginals():
    grid = np.linspace(-4, 4, 4001)
    well = marginal_density(CATALOGUE["regular_double_well"], "w", [0.5, 20.0], grid)
    assert np.allclose(np.trapezoid(well, grid, axis=1), 1, atol=1e-8)
    barrier = CATALOGUE["regular_double_well"].barrier()
    left = np.trapezoid(np.where(grid < barrier, well[1], 0), grid)
    assert left == pytest.approx(occupancy(CATALOGUE["regular_double_well"], 20.0)[0, 0], abs=1e-3)
    # The hyperbola: w1 and w2 are alike; at n_beta = 40 against an integrator.
    bilinear = CATALOGUE["bilinear"]
    points = np.array([-2.5, -1.0, 0.0, 0.4, 1.7])
    first, second = (marginal_density(bilinear, k, [40.0, 1e6], points) for k in (0, 1))
    assert np.allclose(first, second, rtol=1e-9) and (first[:, 0] == 0).all()
    log_z = phase_table(bilinear, 40.0).total_log_partition_function.item()
    for x, density in zip(points[1:], first[0, 1:], strict=True):
        exact = quad(
            lambda y, x=x: np.exp(-40 * (x * y - 0.5) ** 2), -2, 2, points=[0.5 / x] if abs(x) > 0.3 else None
        )[0]
        assert density == pytest.approx(exact / np.exp(log_z), rel=1e-7)
    spectrum = marginal_density(CATALOGUE["barrier_spectrum"], "w3", 5.0, grid)
    assert np.trapezoid(spectrum[0], grid) == pytest.approx(1, abs=1e-8)


def test_a_users_own_plane_with_a_dividing_surface():
    potential = Potential.from_expression(
        "w1**4 - 4*w1**3/15 - 2*w1**2 + 4*w1/5 + (w2 - w1/2)**2", box=((-3, 3), (-5, 5))
    )
    n_beta = 3.0
    energy = sympy.lambdify(potential.coordinates[::-1], potential.bound_energy, "math")
    (a, b), (c, d) = potential.box
    total = dblquad(lambda y, x: np.exp(-n_beta * energy(y, x)), a, b, c, d, epsrel=1e-9)[0]
    table = phase_table(potential, n_beta)
    assert float(table.total_log_partition_function[0]) == pytest.approx(np.log(total), abs=1e-7)
    assert 0 < float(table.occupancy[0, 1]) < 0.5 < float(table.occupancy[0, 0])


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf, [1.0, -2.0], [[1.0]], []])
def test_bad_n_beta_is_refused_in_one_line(bad):
    well = CATALOGUE["regular_double_well"]
    for call in (
        lambda: phase_table(well, bad),
        lambda: occupancy(well, bad),
        lambda: free_energy(well, 0, bad),
        lambda: marginal_density(well, 0, bad, [0.0]),
        lambda: loss_gap_boundary(well, 0, 1, bad),
    ):
        with pytest.raises(ValueError, match=r"^n_beta must be [^\n]*$"):
            call()


def test_other_bad_input_is_refused_in_one_line():
    well = CATALOGUE["regular_double_well"]
    cube = ((-1.0, 1.0),) * 3
    whole = Phase("whole", (sympy.S.Zero,) * 3, sympy.true, sympy.S.Zero, HALF)
    coupled = Potential("coupled", (w1 * w2 * w3) ** 2, (w1, w2, w3), (), cube, (whole,), "reflecting")
    with pytest.raises(ValueError, match="couples 3 coordinates"):
        phase_table(coupled, 1.0)
    wrong = Phase("whole", (sympy.S.Zero,), sympy.true, sympy.S.One, HALF)
    with pytest.raises(ValueError, match="declares loss 1, but"):
        phase_table(Potential("wrong", w**2, (w,), (), cube[:1], (wrong,)), 1.0)
    apart = Phase("whole", (sympy.S.Zero,), w > 5, sympy.S.Zero, HALF)
    with pytest.raises(ValueError, match="holds no volume"):
        phase_table(Potential("apart", w**2, (w,), (), cube[:1], (apart,), "reflecting"), 1.0)
    for call, message in [
        (lambda: crossover(well, "left", "left"), "two different phases"),
        (lambda: crossover(well, "left", "middle"), "'middle' is not one of"),
        (lambda: crossover(well, 0, 1, (10.0, 1.0)), "n_beta_range must be"),
        (lambda: learning_coefficient_by_quadrature(well, 0, [1.0, 2.0]), "geometric progression"),
        (lambda: marginal_density(well, "v", 1.0, [0.0]), "coordinate 'v' is not one of"),
    ]:
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_any_tolerance_and_no_n_beta_beyond_doubles():
    potential = Potential.from_expression("(w**2-1)**2 - w/5")
    assert np.isfinite(phase_table(potential, 1.0, tolerance=np.inf).free_energy).all()
    with pytest.raises(ValueError, match=r"n_beta must be at most 1e\+290 in the energy's own unit"):
        phase_table(potential, 1e300)
