"""Declines as data: weights from covariances, normalised accuracy, the chance of a misfit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from slt_toys.barriers.decline import REJECTED, Decline, chance_of_misfit, misfit_told
from tests.seeds import fresh_seeds


def test_the_chance_of_a_misfit():
    for chi_square, rows, freedom in ((62.0, 10, 3.5), (30.0, 40, 6.0), (12.0, 5, 8.0)):
        chance = stats.chi2.sf(chi_square, max(rows - freedom, 1))
        assert chance_of_misfit(chi_square, rows, freedom) == pytest.approx(chance)
        told = misfit_told("it does not explain", chi_square, rows, freedom)
        assert bool(told) == (chance < 0.01)
    assert misfit_told("it does not explain", 62.0, 10, 3.5).startswith(
        "it does not explain the decline (chi-square 62 for 10 rows, p < 0.001): "
    )
    assert "p = 0.0" in misfit_told("x", 17.0, 5, 0.0)
    assert REJECTED == 0.01


def test_correlated_noise_is_whitened():
    random = np.random.default_rng(fresh_seeds())
    root = np.tril(random.random((6, 6))) + np.eye(6)
    decline = Decline(np.arange(6), np.zeros(6), root @ root.T)
    drawn = np.array([decline.redrawn(np.zeros(6), [*fresh_seeds(), i]).whitened for i in range(4000)])
    assert np.abs(drawn.T @ drawn / 4000 - np.eye(6)).max() < 5 * math.sqrt(2 / 4000)
    assert np.abs(np.cov((drawn @ root.T).T) - np.diag(np.diag(root @ root.T))).max() > 0.2  # control: not white before


def test_accuracy_is_normalised():
    decline = Decline.of_accuracy([0, 10, 20, 30], [0.92, 0.9, 0.86, 0.82], 0.002, best=0.92, worst=0.82)
    assert decline.stuck_share == pytest.approx([0, 0.2, 0.6, 1.0])
    assert decline.noise == pytest.approx(np.full(4, 0.02))


def test_the_covariance_of_chains_is_shrunk_and_floored():
    """Twelve chains of four rows: n/chains = 1/3 of the way to its diagonal; a row without events has that of one."""
    stuck = np.zeros((12, 4))
    stuck[:6, 0], stuck[:3, 1], stuck[2:5, 2] = 1, 1, 1
    found = Decline.of_chains(np.arange(4), stuck)
    assert found.stuck_share == pytest.approx([0.5, 0.25, 0.25, 0])
    variances = np.array([12 * 0.25, 12 * 0.1875, 12 * 0.1875]) / 11 / 12
    assert np.diag(found.noise) == pytest.approx([*variances, 1 / 144])
    together = [(0, 1, 3 - 1.5), (0, 2, 3 - 1.5), (1, 2, 1 - 0.75), (0, 3, 0)]
    for i, j, products in together:
        assert found.noise[i, j] == pytest.approx(2 / 3 * products / 11 / 12, abs=1e-15)


def test_the_chance_of_a_misfit_counts_what_was_fitted():
    assert chance_of_misfit(20.0, 14, 4.0) == pytest.approx(stats.chi2.sf(20.0, 10), rel=1e-12)
    assert chance_of_misfit(2.0, 3, 4.0) == pytest.approx(stats.chi2.sf(2.0, 1), rel=1e-12)
