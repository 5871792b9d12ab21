"""Diffusions with noise by place and direction: against closed forms, quadrature, and their own tempered limit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, linalg

from slt_toys.exact.fokker_planck import FokkerPlanck, grid_for
from slt_toys.exact.grids import Grid
from slt_toys.exact.noisy_diffusion import expected_readings, mean_passage, noisy_diffusion
from slt_toys.potentials.potential import Potential
from slt_toys.worlds.gibbs import hot_well, line_potential, plane_potential

LINE = line_potential()


def by_place(points: np.ndarray) -> np.ndarray:
    return 1.5 + np.tanh(2 * points)


def test_one_temperature_everywhere_is_the_fokker_planck_process():
    grid = grid_for(LINE, [0.3, 0.6], 200)
    same = noisy_diffusion(LINE, grid, np.ones_like)
    plain = FokkerPlanck(Grid(grid.edges), LINE.energy_function()(grid.points))
    for own, other in zip(same.rates(0.4)[0], plain.rates(0.4)[0], strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-12)
    np.testing.assert_allclose(same.stationary(0.4), plain.stationary(0.4), rtol=1e-9)
    readings = expected_readings(LINE, same, 0.4)
    assert readings.keys() == {
        "energy in left",
        "energy in right",
        "occupancy",
        "escape from left",
        "escape from right",
    }
    np.testing.assert_allclose(list(readings.values()), 2.5, rtol=2e-3)


def test_density_and_times_on_a_line_are_those_of_quadrature():
    """[eq:noisy-density] and [eq:noisy-passage] by Simpson's rule."""
    grid = grid_for(LINE, [0.3, 0.6], 600)
    process, temperature = noisy_diffusion(LINE, grid, by_place), 0.3
    fine = np.linspace(-2.2, 2.2, 200_001)
    diffusion = temperature * by_place(fine[:, None])[:, 0]
    slope = LINE.gradient_function()(fine[:, None])[:, 0]
    climb = integrate.cumulative_simpson(slope / diffusion, x=fine, initial=0)
    weight = np.exp(-(climb - climb.min())) / diffusion
    right = fine > -0.1
    expected = integrate.simpson(weight * right, x=fine) / integrate.simpson(weight, x=fine)
    masses = process.stationary(temperature)
    assert masses[grid.points[..., 0] > -0.1].sum() == pytest.approx(expected, rel=2e-3)
    inner = integrate.cumulative_simpson(weight, x=fine, initial=0)
    after = (fine >= -1) & (fine <= 1)
    time = integrate.simpson(np.exp(climb - climb.min())[after] * inner[after], x=fine[after])
    times = mean_passage(process, temperature, grid.points[..., 0] >= 1)
    assert np.interp(-1.0, grid.centers[0], times) == pytest.approx(time, rel=5e-3)


def test_stationary_covariance_in_a_quadratic_bowl_is_lyapunovs():
    """Axes that are no Hessian's: a current flows, and the covariance is that of the linear equation."""
    bowl = Potential.from_expression(
        2 * plane_potential().coordinates[0] ** 2
        + plane_potential().coordinates[1] ** 2
        + plane_potential().coordinates[0] * plane_potential().coordinates[1],
        name="bowl",
    )
    factors, temperature = np.array([2.0, 0.5]), 0.3
    grid = Grid.uniform(((-4.0, 4.0), (-4.0, 4.0)), 90)
    process = noisy_diffusion(bowl, grid, lambda points: np.broadcast_to(factors, points.shape))
    masses = process.stationary(temperature)
    seen = np.einsum("ij,ija,ijb->ab", masses, grid.points, grid.points)
    hessian = np.array([[4.0, 1.0], [1.0, 2.0]])
    expected = linalg.solve_continuous_lyapunov(hessian, 2 * temperature * np.diag(factors))
    np.testing.assert_allclose(seen, expected, rtol=0.02, atol=2e-3)
    gibbs = temperature * factors.mean() * np.linalg.inv(hessian)
    assert np.abs(seen - gibbs).max() > 0.05


def test_thermometers_must_differ_where_the_noise_does():
    """Six per cent more noise in the deep well: energies and escapes 6 % apart, occupancy 20 %."""
    world = hot_well(1.06)
    descent = world.descents[0]
    matrix = descent.noise.diffusion(LINE, descent.learning_rate, descent.batch_size)
    grid = grid_for(LINE, [0.4, 0.9], 300)
    process = noisy_diffusion(LINE, grid, lambda points: matrix(points)[..., 0] / descent.temperature)
    read = {name: 1 / value for name, value in expected_readings(LINE, process, descent.temperature).items()}
    assert read["energy in right"] / read["energy in left"] == pytest.approx(1.067, abs=0.005)
    assert read["escape from right"] / read["escape from left"] == pytest.approx(1.065, abs=0.005)
    assert read["occupancy"] / read["energy in left"] == pytest.approx(1.204, abs=0.01)


def test_bad_input_is_refused():
    grid = grid_for(LINE, [0.4], 100)
    with pytest.raises(ValueError, match="factors must be finite and positive"):
        noisy_diffusion(LINE, grid, np.zeros_like)
    with pytest.raises(ValueError, match="grid has 1 axes"):
        noisy_diffusion(plane_potential(), grid, np.ones_like)
    with pytest.raises(ValueError, match="arrived must mark some cells"):
        mean_passage(noisy_diffusion(LINE, grid, np.ones_like), 0.4, np.zeros(grid.shape, dtype=bool))
