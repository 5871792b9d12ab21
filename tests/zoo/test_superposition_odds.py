"""The second fit: its constant from counts that have the law, its least value, and odds that no N has."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.fits.frequencies import PosteriorGrid
from slt_toys.zoo.superposition_loss import polygon_loss
from slt_toys.zoo.superposition_odds import OddsLaw, fit_odds, log_odds_of
from tests.seeds import fresh_generator, fresh_seed

LOSSES, COEFFICIENTS = (polygon_loss(6), polygon_loss(5)), (8.5, 7.0)
SIZES = np.array([100.0, 250.0, 620.0, 650.0, 700.0, 800.0, 1700.0])


def grid_of(law: OddsLaw, chains: int = 60, looks: int = 400) -> PosteriorGrid:
    """Draws of two phases with the odds of a law, and of a third that it does not speak of."""
    share = 1 / (1 + np.exp(-law(SIZES)))
    counts = fresh_generator().binomial(looks, np.broadcast_to(share[:, None], (SIZES.size, chains)))
    return PosteriorGrid(SIZES, np.stack([np.full_like(counts, 5), looks - counts, counts], axis=-1).astype(float))


def test_the_constant_is_found_again_and_only_of_the_own_law():
    truth = OddsLaw(LOSSES, COEFFICIENTS, 2.5)
    found = fit_odds(grid_of(truth), LOSSES, COEFFICIENTS, (2, 1), fresh_seed())
    assert abs(found.constant - 2.5) < 5 * found.constant_error < 0.2
    assert found.misfit < 6
    flat = (LOSSES[1], LOSSES[1])
    assert fit_odds(grid_of(truth), flat, COEFFICIENTS, (2, 1), fresh_seed()).misfit > 50


def test_below_its_least_value_the_law_has_no_size():
    """[eq:phase-free-energy]: least where the slope N (L5 - L6)/2 meets that of the logarithm."""
    odds = OddsLaw(LOSSES, COEFFICIENTS, 2.5)
    at = odds.least_at
    assert at == pytest.approx(2 * 1.5 / (LOSSES[1] - LOSSES[0]))
    assert odds(at) < min(float(odds(at * 0.9)), float(odds(at * 1.1)))
    below, above = odds.sizes_with(float(odds(at)) + 1)
    assert below < at < above and odds(below) == pytest.approx(odds(above))
    assert all(np.isnan(odds.sizes_with(float(odds(at)) - 1e-3)))
    alike = OddsLaw(LOSSES, (8.5, 8.5), -1.0)
    assert np.isnan(alike.least_at) and np.isnan(alike.sizes_with(-2.0)[0])
    assert float(alike(alike.sizes_with(0.5)[1])) == pytest.approx(0.5)


def test_log_odds_have_the_error_of_counts():
    random = fresh_generator()
    found = np.array([log_odds_of([n, 1000 - n]) for n in random.binomial(1000, 0.3, 2000)])
    assert abs(found[:, 0].mean() - np.log(3 / 7)) < 5 * found[:, 0].std() / np.sqrt(2000) + 2e-3
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.1)


def test_a_grid_without_both_phases_is_refused():
    counts = np.zeros((2, 3, 3))
    counts[..., 2] = 10.0
    with pytest.raises(ValueError, match="grid must hold an N from 600 to 1300 at which both phases were drawn"):
        fit_odds(PosteriorGrid(np.array([250.0, 650.0]), counts), LOSSES, COEFFICIENTS, (2, 1), 0)
