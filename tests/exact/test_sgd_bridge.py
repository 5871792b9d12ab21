"""The kernel of a reshuffled epoch against the exact laws of a quadratic well, and by hand where epochs are short."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from slt_toys.exact.sgd_bridge import Bridge
from slt_toys.exact.sgd_epoch import SGDEpoch, crossing_weights
from slt_toys.reference.laws import law
from tests.exact.made_epochs import CURVATURE, PAIR, RATE, VARIANCE, quadratic_epoch


@pytest.mark.parametrize(("rate", "steps"), [(0.05, 64), (0.0125, 64), (0.1, 5)])
def test_between_epochs_a_quadratic_well_is_as_cold_as_derived(rate, steps):
    epoch = quadratic_epoch(rate, steps, reshuffled=True)
    heat = float(epoch.temperature(np.zeros(1))[0])
    exact = law("reshuffling-position-variance")(
        learning_rate=rate, curvature=CURVATURE, steps_per_epoch=steps, steps_into_epoch=0
    )
    reach = 7 * np.sqrt(max(exact, 0.3) * heat / CURVATURE) + 2 * rate * np.sqrt(VARIANCE)
    kernel = Bridge(epoch, (-reach, reach), 0.75)
    state = np.exp(-CURVATURE * kernel.points**2 / (2 * exact * heat))
    state /= state.sum()
    for _ in range(3):
        state = kernel.masses(state)
    found = CURVATURE * float((state * kernel.points**2).sum()) / heat
    assert found == pytest.approx(exact, rel=2e-4) and abs(state.sum() - 1) < 1e-4
    assert exact < 0.97, "the negative control: with replacement it is above 1"


@pytest.mark.parametrize("added", [0.0, 2.0])
def test_an_epoch_of_two_steps_is_one_integral(added):
    """u is normal with variance 1/2, then comes -u."""
    epoch = SGDEpoch(PAIR.clean, RATE, 2, VARIANCE, added_noise=added, reshuffled=True)
    kernel = Bridge(epoch, (-2.5, 2.5), 0.5)
    start = 0.15 * np.random.default_rng(5).standard_normal() - 0.3
    spread = 0.25
    masses = np.exp(-((kernel.points - start) ** 2) / (2 * spread**2))
    masses = kernel.masses(masses / masses.sum())
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    first, second, third = np.meshgrid(nodes, nodes, nodes, indexing="ij")
    together = weights[:, None, None] * weights[None, :, None] * weights[None, None, :]
    noise = np.sqrt(VARIANCE / 2) * second
    w = start + spread * first
    w = w - RATE * (epoch.gradient(w) + noise + added * third)
    w = w - RATE * (epoch.gradient(w) - noise)
    for border in (-0.6, -0.2, 0.1):
        if added:  # the last step's added noise as well
            exact = float((together * ndtr((border - w) / (RATE * added))).sum() / together.sum())
            found = float((crossing_weights(kernel.points, (-np.inf, border)) * masses).sum())
            assert found == pytest.approx(exact, abs=2e-4)
    mean, square = (float((together * value).sum() / together.sum()) for value in (w, w**2))
    assert (masses * kernel.points).sum() == pytest.approx(mean, abs=2e-6)
    assert (masses * kernel.points**2).sum() == pytest.approx(square + (RATE * added) ** 2, abs=5e-6)


def test_the_last_step_takes_everything_back_on_a_flat_energy():
    flat = SGDEpoch(quadratic_epoch().potential, 1e-4, 30, VARIANCE, reshuffled=True)
    kernel = Bridge(flat, (-0.02, 0.02), 0.75)
    masses = np.exp(-((kernel.points / 0.003) ** 2) / 2)
    masses /= masses.sum()
    keep = (1 - 1e-4 * CURVATURE) ** 30
    after = kernel.masses(masses)
    assert float((after * kernel.points**2).sum()) == pytest.approx((0.003 * keep) ** 2, rel=1e-3)
    assert 30 * 1e-8 * VARIANCE > 0.5 * 0.003**2, "with replacement the epoch's noise alone would be as wide"


def test_finer_grids_change_little():
    epoch = SGDEpoch(PAIR.clean, 0.02, 60, VARIANCE, reshuffled=True)
    shares = []
    for resolution in (1.0, 0.75, 0.5):
        kernel = Bridge(epoch, (-2.2, 2.2), resolution)
        masses = np.exp(-(((kernel.points + 0.2) / 0.25) ** 2))
        after = kernel.masses(masses / masses.sum())
        shares.append(float((crossing_weights(kernel.points, (-np.inf, 0.0)) * after).sum()))
    assert abs(shares[0] - shares[2]) < 1e-4 and abs(shares[1] - shares[2]) < 2e-5
