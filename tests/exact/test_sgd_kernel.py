"""Kernels of SGD's epochs against the exact laws of a quadratic well, and against integrals by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from slt_toys.exact.sgd_epoch import SGDEpoch, crossing_weights, interval_of, moved
from slt_toys.exact.sgd_kernel import EpochKernel, Replacement, epoch_kernel, transfer
from slt_toys.potentials.potential import Potential
from slt_toys.reference.laws import law
from tests.exact.made_epochs import CURVATURE, PAIR, QUADRATIC, RATE, VARIANCE, gibbs, quadratic_epoch


def kernel_of(epoch: SGDEpoch, resolution: float = 0.75) -> EpochKernel:
    return epoch_kernel(epoch, interval_of(epoch, [epoch.potential], 1.5), resolution)


def variance_after(kernel: EpochKernel, epochs: int) -> float:
    """Of the weight, from the Gibbs density of twice the law's temperature."""
    density = gibbs(kernel.points, kernel.epoch.potential, 2 * float(kernel.epoch.temperature(np.zeros(1))[0]))
    state = kernel.started(density / density.sum())
    for _ in range(epochs):
        state = kernel.masses(state)
    weight = kernel.points[:, None] + kernel.weight_of()[None, :]
    return float((state.reshape(kernel.points.size, -1) * weight**2).sum() / state.sum())


def quadratic_temperature(epoch: SGDEpoch) -> float:
    heat = float(epoch.temperature(np.zeros(1))[0])
    return law("sgd-temperature-quadratic")(
        learning_rate=epoch.learning_rate, momentum=epoch.momentum, curvature=CURVATURE, temperature=heat
    )


@pytest.mark.parametrize("rate", [0.4, 0.05])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_quadratic_well_has_its_discrete_temperature(rate, momentum):
    """At η h = 1.6 the temperature without momentum is five times the law's of small steps."""
    epoch = quadratic_epoch(rate, 64, momentum=momentum)
    found = CURVATURE * variance_after(kernel_of(epoch), 3)
    exact = quadratic_temperature(epoch)
    assert found == pytest.approx(exact, rel=2e-5)
    assert abs(found - float(epoch.temperature(np.zeros(1))[0])) > 0.05 * found, "not that of small steps"


def test_nesterovs_momentum_is_what_its_own_recurrence_says():
    """The stationary variance of w by the Lyapunov equation of (w, v)."""
    rate, momentum = 0.1, 0.5
    epoch = quadratic_epoch(rate, 64, momentum=momentum, nesterov=True)
    step = np.array([[1 - rate * CURVATURE * (1 + momentum), -rate * momentum**2], [CURVATURE, momentum]])
    kick = np.array([-rate * (1 + momentum), 1.0])
    covariance = np.zeros((2, 2))
    for _ in range(2_000):
        covariance = step @ covariance @ step.T + VARIANCE * np.outer(kick, kick)
    assert variance_after(kernel_of(epoch), 3) == pytest.approx(covariance[0, 0], rel=2e-6)
    heavy = variance_after(kernel_of(quadratic_epoch(rate, 64, momentum=momentum)), 3)
    assert abs(heavy / covariance[0, 0] - 1) > 0.05, "the negative control: the heavy ball's"


@pytest.mark.parametrize("others", [{}, {"momentum": 0.5}, {"momentum": 0.5, "nesterov": True}, {"reshuffled": True}])
def test_masses_and_observables_are_transposes(others):
    random = np.random.default_rng(3)
    kernel = kernel_of(SGDEpoch(PAIR.clean, RATE, 12, VARIANCE, **others))
    masses, values = random.random(kernel.shape), random.random(kernel.shape)
    assert (kernel.masses(masses) * values).sum() == pytest.approx((masses * kernel.observables(values)).sum())
    following = kernel_of(SGDEpoch(PAIR.clean, 0.9 * RATE, 12, VARIANCE, **others))
    beyond = random.random(following.shape)
    assert (transfer(kernel, following, masses) * beyond).sum() == pytest.approx(
        (masses * transfer(kernel, following, beyond, back=True)).sum()
    )


@pytest.mark.parametrize("dependence", ["additive", "gradient", "loss"])
def test_two_steps_are_the_integral_over_the_first(dependence):
    """By hand: Gauss-Hermite nodes for the first step's noise, the normal law for the second's."""
    epoch = SGDEpoch(PAIR.clean, RATE, 2, 24.0 if dependence == "additive" else 4.0, dependence, added_noise=2.0)
    kernel = kernel_of(epoch)
    start = kernel.points[np.argmin(abs(kernel.points + 0.3))]
    masses = kernel.masses(np.where(kernel.points == start, 1.0, 0.0))
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)

    def mean_and_spread(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return w - RATE * epoch.gradient(w), RATE * epoch.deviation(w)

    mean, spread = mean_and_spread(np.array([start]))
    mean, spread = mean_and_spread(mean + spread * nodes)
    for border in (-0.4, 0.0, 0.3):
        exact = float((weights * ndtr((border - mean) / spread)).sum() / weights.sum())
        found = float((crossing_weights(kernel.points, (-np.inf, border)) * masses).sum())
        assert found == pytest.approx(exact, abs=2e-6)


@pytest.mark.parametrize("others", [{}, {"momentum": 0.5}, {"reshuffled": True}])
def test_units_of_loss_and_length_drop_out(others):
    """L times c with η over c, and w times k with η times k²: the same shares."""
    found = []
    for loss, length in ((1.0, 1.0), (1000.0, 0.01)):
        well = Potential.from_expression(f"{loss}*2*(w/{length})**2")
        epoch = SGDEpoch(well, RATE * length**2 / loss, 20, VARIANCE * (loss / length) ** 2, **others)
        interval = tuple(length * end for end in interval_of(quadratic_epoch(steps=20, **others), [QUADRATIC], 1.5))
        kernel = epoch_kernel(epoch, interval)  # type: ignore[arg-type]
        start = np.exp(-((kernel.points / length - 0.5) ** 2) / 0.1)
        found.append(kernel.masses(kernel.started(start / start.sum())))
    assert found[0].shape == found[1].shape and np.abs(found[0] - found[1]).max() < 1e-12


def test_a_grid_of_half_the_spacing_changes_nothing():
    """And one of twice the spacing does: the negative control."""
    spread = [variance_after(kernel_of(quadratic_epoch(0.1, 40), by), 1) for by in (0.375, 0.75, 1.8)]
    assert spread[1] == pytest.approx(spread[0], rel=1e-8) and abs(spread[2] / spread[0] - 1) > 1e-6


def test_a_step_into_a_coarser_grid_is_made_before_the_grid_changes():
    """A narrow density that the coarse grid cannot hold: mass and mean survive the first step, not an interpolation."""
    coarse, fine = kernel_of(quadratic_epoch(0.2, 8)), np.arange(-0.2, 0.2, 0.005)
    masses = np.exp(-((fine - 0.06) ** 2) / (2 * 0.02**2))
    masses /= masses.sum()
    assert isinstance(coarse, Replacement)
    after = coarse.masses_from(fine, masses)
    keep = (1 - 0.2 * CURVATURE) ** 8
    assert after.sum() == pytest.approx(1, abs=1e-8)
    assert (after * coarse.points).sum() == pytest.approx(0.06 * keep, abs=1e-8)
    assert abs((moved(fine, coarse.points) @ masses).sum() - 1) > 0.05


def test_what_cannot_be_resolved_is_refused():
    dying = quadratic_epoch(dependence="loss")
    with pytest.raises(ValueError, match=r"the noise of a step, .* is too small for the kernel"):
        epoch_kernel(dying, (-2.0, 2.0))
    one, two = (kernel_of(SGDEpoch(PAIR.clean, RATE, 4, by, momentum=0.5)) for by in (24.0, 12.0))
    with pytest.raises(ValueError, match="must share their noise"):
        transfer(one, two, np.zeros(one.shape))
