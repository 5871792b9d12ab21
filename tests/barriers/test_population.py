"""Populations of barriers: a log-normal one, sampled declines, the heights that a decline shows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from slt_toys.barriers.decline_study import CELLS
from slt_toys.barriers.kernel import stuck_probabilities
from slt_toys.barriers.population import Population, height_range, log_normal, sampled_decline
from slt_toys.protocol.schedule import Ending
from tests.barriers.made_experiment import ENDING, PAIR, THREE, TRAINING
from tests.seeds import fresh_seeds


def test_a_log_normal_population_stands_for_the_smooth_spectrum(experiment_kernel):
    """Its decline against a fine sum, and its weights within windows against quadrature."""
    found = log_normal("smooth", 0.8, 0.45)
    fine = np.linspace(-5, 5, 4001)
    weights = stats.norm.pdf(fine)
    inside = (
        weights
        @ experiment_kernel(np.clip(0.8 * np.exp(0.45 * fine), experiment_kernel.lowest, experiment_kernel.highest))
    ) / weights.sum()
    lost = 2 * stats.norm.sf(3)  # beyond the reach
    assert np.abs(found.weights @ experiment_kernel(found.heights) - inside).max() < 1e-4 + lost
    assert found.median == pytest.approx(0.8)
    edges = np.array([0.3, 0.7, 1.5, 4.0])
    for k, share in enumerate(found.within(edges)):
        area, _ = integrate.quad(lambda log: float(found.log_density(np.exp([log]))[0]), *np.log(edges[k : k + 2]))
        assert share == pytest.approx(area, rel=1e-6)
    assert THREE.within(np.array([0.1, 0.5, 1.0, 3.0])) == pytest.approx(THREE.weights)


def test_a_sampled_decline_has_the_exact_means_and_its_own_covariance():
    """Langevin chains of two heights against the Fokker-Planck equation; another population lies far off."""
    epochs = np.arange(0, 28, 3)
    population = Population("two", np.array([0.4, 1.6]), np.array([0.25, 0.75]))
    exact = population.weights @ stuck_probabilities(PAIR, TRAINING, epochs, ENDING, population.heights, cells=CELLS)
    seed = fresh_seeds()
    decline = sampled_decline(PAIR, TRAINING, epochs, ENDING, population, chains=1200, seed=seed)
    misfit = float((decline.whiten(decline.stuck_share - exact) ** 2).sum())
    assert misfit < stats.chi2.isf(1e-6, epochs.size)
    wrong = np.array([0.75, 0.25]) @ stuck_probabilities(
        PAIR, TRAINING, epochs, ENDING, population.heights, method="eyring_kramers"
    )
    assert float((decline.whiten(decline.stuck_share - wrong) ** 2).sum()) > 12**2
    again = sampled_decline(PAIR, TRAINING, epochs, ENDING, population, chains=1200, seed=seed)
    assert np.array_equal(again.stuck_share, decline.stuck_share) and np.array_equal(again.noise, decline.noise)


def test_the_range_of_heights_is_what_the_rows_show(experiment_kernel):
    shares = experiment_kernel(np.array([experiment_kernel.lowest, experiment_kernel.highest]))
    assert shares[1, 0] == pytest.approx(0.95, abs=0.03)  # stuck from the first row on
    assert shares[0, -1] - shares[0, 0] < 0.3 < shares[0, 0] + np.ptp(experiment_kernel(np.array([1.0])))
    with pytest.raises(ValueError, match="show no barriers"):
        height_range(PAIR, TRAINING, 60, 69, Ending("total", 70))
