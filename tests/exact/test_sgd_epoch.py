"""Epochs say where their runs are and what their noise is; grids hand masses on without diffusion."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from slt_toys.exact.sgd_epoch import SGDEpoch, crossing_weights, interval_of, moved, uniform_points
from slt_toys.potentials.potential import Potential
from slt_toys.reference.laws import law
from tests.exact.made_epochs import CURVATURE, PAIR, QUADRATIC, RATE, VARIANCE, quadratic_epoch


def test_noise_follows_its_law():
    points = np.array([-1.0, 0.0, 0.5])
    slope, loss = CURVATURE * points, CURVATURE * points**2 / 2
    for dependence, own in (("additive", np.ones(3)), ("gradient", slope**2), ("loss", loss)):
        epoch = quadratic_epoch(dependence=dependence, added_noise=0.5)
        assert epoch.own_variance(points) == pytest.approx(VARIANCE * own)
        assert epoch.deviation(points) == pytest.approx(np.sqrt(VARIANCE * own + 0.25))
    heated = quadratic_epoch(momentum=0.5).temperature(points)
    assert heated == pytest.approx(
        law("sgd-temperature")(learning_rate=RATE, gradient_variance=VARIANCE, batch_size=1, momentum=0.5)
    )


def test_the_interval_holds_all_but_the_reach():
    """In a quadratic well the loss at its ends is so many temperatures."""
    epoch = quadratic_epoch()
    low, high = interval_of(epoch, [QUADRATIC])
    temperature = float(epoch.temperature(np.zeros(1))[0])
    inner = high - 2 * RATE * np.sqrt(VARIANCE) - 1 / 16
    assert low == -high and CURVATURE * inner**2 / 2 <= 18 * temperature < CURVATURE * high**2 / 2
    wider = interval_of(epoch, [QUADRATIC], 2.0)
    assert wider[0] < low and wider[1] > high


def test_masses_move_between_grids_without_diffusion():
    old, new = np.arange(-4, 4, 0.21), np.arange(-4.5, 4.5, 0.17)
    masses = np.exp(-(old**2) / (2 * 0.3**2))
    masses /= masses.sum()
    there = moved(old, new, 0.35) @ masses
    assert there.sum() == pytest.approx(1, abs=1e-6) and (there * new).sum() == pytest.approx(0.35, abs=1e-6)
    assert (there * (new - 0.35) ** 2).sum() == pytest.approx(0.09, abs=2e-5)
    linear = np.diff([(there * new**2).sum(), (np.interp(new - 0.35, old, masses) * new**2).sum() * 0.17 / 0.21])
    assert abs(linear[0]) > 1e-4, "the negative control: linear interpolation diffuses"


def test_the_mass_below_a_border_is_that_of_the_band():
    points = np.arange(-3, 3, 0.2)
    masses = 0.2 * np.exp(-(points**2) / (2 * 0.3**2)) / np.sqrt(2 * np.pi * 0.09)
    for border in (-0.3, 0.0, 0.11):
        weights = crossing_weights(points, (-np.inf, border))
        assert (weights * masses).sum() == pytest.approx(ndtr(border / 0.3), abs=2e-6)
        assert abs(masses[points < border].sum() - ndtr(border / 0.3)) > 1e-3, "counting points is not enough"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGDEpoch(QUADRATIC, 0.0, 3, 1.0), "learning_rate must be positive"),
        (lambda: SGDEpoch(QUADRATIC, 0.1, 0, 1.0), "steps must be a whole number"),
        (lambda: SGDEpoch(QUADRATIC, 0.1, 3, -1.0), "variance must be positive"),
        (lambda: SGDEpoch(QUADRATIC, 0.1, 3, 1.0, "levy"), "dependence must be"),  # type: ignore[arg-type]
        (lambda: SGDEpoch(QUADRATIC, 0.1, 3, 1.0, momentum=1.0), "momentum must lie"),
        (lambda: SGDEpoch(QUADRATIC, 0.1, 3, 1.0, momentum=0.5, reshuffled=True), "reshuffled must be False with"),
        (lambda: SGDEpoch(Potential.from_expression("x**2+y**2"), 0.1, 3, 1.0), "potential must have one coordinate"),
        (lambda: uniform_points((-1.0, 1.0), 0.0, "the kernel"), "too small for the kernel"),
        (lambda: uniform_points((-1.0, 1.0), 1e-5, "the kernel"), "more than 4000"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_epochs_of_one_kind_are_one():
    one, two = (SGDEpoch(PAIR.clean, RATE, 4, VARIANCE) for _ in range(2))
    assert one.key == two.key != SGDEpoch(PAIR.deficit, RATE, 4, VARIANCE).key
