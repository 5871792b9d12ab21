"""The kernel in two coordinates: exact laws of a coupled quadratic well, one coordinate at a time, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import linalg

from slt_toys.exact.sgd_epoch import SGDEpoch, interval_of
from slt_toys.exact.sgd_kernel import epoch_kernel
from slt_toys.exact.sgd_plane import Plane, PlaneEpoch, ceiling_of, transfer_in_plane
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Potential
from tests.seeds import fresh_generator

WELL = Potential.from_expression("3*w1**2 + 2*(w2 - w1/2)**2")
VARIANCES = (24.0, 96.0)


def kernel_of(rate: float, steps: int = 60, variances=VARIANCES, potential: Potential = WELL, resolution: float = 1.0):
    epoch = PlaneEpoch(potential, rate, steps, variances)
    return Plane(epoch, [potential], ceiling_of(epoch, [potential], 1.5), resolution)


def covariance_of(kernel: Plane, masses: np.ndarray) -> np.ndarray:
    points = kernel.grid - np.einsum("ij,ijk->k", masses, kernel.grid) / masses.sum()
    return np.einsum("ij,ijk,ijl->kl", masses, points, points) / masses.sum()


@pytest.mark.parametrize("rate", [0.02, 0.15])
def test_a_coupled_well_has_the_covariance_of_its_steps(rate):
    """By the Lyapunov equation of the steps, which isotropic noise does not meet; at both rates."""
    kernel = kernel_of(rate)
    masses = np.exp(-WELL.energy_function()(kernel.grid) / kernel.epoch.temperature)
    masses /= masses.sum()
    for _ in range(3):
        masses = kernel.masses(masses)
    step = np.eye(2) - rate * WELL.hessian_function()(np.zeros(2))
    exact = linalg.solve_discrete_lyapunov(step, rate**2 * np.diag(VARIANCES))
    found = covariance_of(kernel, masses)
    assert found == pytest.approx(exact, rel=1e-4, abs=1e-6)
    assert abs(masses.sum() - 1) < 1e-5
    even = linalg.solve_discrete_lyapunov(step, rate**2 * np.mean(VARIANCES) * np.eye(2))
    assert np.abs(found - even).max() > 0.1 * even.max(), "the negative control"


def test_observables_are_the_transpose_of_masses():
    kernel, random = kernel_of(0.05, 7), fresh_generator()
    masses, values = np.zeros(kernel.shape), random.random(kernel.shape)
    masses[tuple(kernel.sources.T)] = random.random(len(kernel.sources))
    there, back = (kernel.masses(masses) * values).sum(), (masses * kernel.observables(values)).sum()
    assert there == pytest.approx(back, rel=1e-12)


def test_without_coupling_each_coordinate_is_by_itself():
    """The marginal of the first is that of the kernel of one coordinate."""
    whole, alone = Potential.from_expression("(w1**2-1)**2 + 3*w2**2"), Potential.from_expression("(w**2-1)**2")
    rate, steps = 0.03, 12
    plane = kernel_of(rate, steps, potential=whole)
    epoch = SGDEpoch(alone, rate, steps, VARIANCES[0])
    line = epoch_kernel(epoch, interval_of(epoch, [alone], 2.0))

    def start(points):
        return np.exp(-((points - 0.9) ** 2) / 0.1)

    masses = start(plane.grid[..., 0]) * np.exp(-(plane.grid[..., 1] ** 2) / 0.3)
    single = start(line.points)
    found = plane.masses(masses / masses.sum()).sum(axis=1)
    exact = line.masses(single / single.sum())
    for power in (1, 2, 4):
        assert (found * plane.points**power).sum() == pytest.approx((exact * line.points**power).sum(), rel=1e-4)


def test_a_finer_grid_changes_little_and_moving_between_grids_nothing():
    coarse, fine = (kernel_of(0.05, resolution=each) for each in (1.0, 0.8))
    found = []
    for kernel in (coarse, fine):
        masses = np.exp(-(((kernel.grid - [0.5, -0.5]) ** 2).sum(axis=-1)) / 0.4)
        found.append((kernel, kernel.masses(masses / masses.sum())))
    one, two = (covariance_of(*each) for each in found)
    assert one == pytest.approx(two, rel=1e-4)
    moved = transfer_in_plane(coarse, fine, found[0][1])
    assert covariance_of(fine, moved) == pytest.approx(one, rel=5e-5)
    values = fresh_generator().random(fine.shape)
    back = (transfer_in_plane(coarse, fine, values, back=True) * found[0][1]).sum()
    assert back == pytest.approx((moved * values).sum(), rel=1e-10)


def test_what_no_grid_can_do_is_refused():
    with pytest.raises(ValueError, match=r"the noise of a step, .* is too small for the kernel in two coordinates"):
        kernel_of(0.0002)
    for bad, message in (
        ({"potential": find_potential("regular_double_well")}, "potential must have two coordinates and no walls"),
        ({"potential": find_potential("bilinear")}, "potential must have two coordinates and no walls"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"variances": (1.0, 0.0)}, "variances must be positive"),
        ({"steps": 0}, "steps must be a whole number of at least 1"),
    ):
        given: dict[str, Any] = {"potential": WELL, "learning_rate": 0.1, "steps": 4, "variances": VARIANCES} | bad
        with pytest.raises(ValueError, match=message):
            PlaneEpoch(**given)
