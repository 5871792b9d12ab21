"""Fits of a temperature to frequencies: exact cases, nominal rejection, power, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.fits.frequencies import PosteriorGrid, deviances, fit_frequencies, rejected_share
from tests.seeds import fresh_generator, fresh_seed

SIZES = np.array([10.0, 30.0, 100.0, 300.0, 1000.0])
SHARES = np.array([[0.4, 0.3, 0.3], [0.3, 0.3, 0.4], [0.2, 0.25, 0.55], [0.1, 0.15, 0.75], [0.05, 0.05, 0.9]])


def _grid(random: np.random.Generator, draws: int = 500, chains: int = 40) -> PosteriorGrid:
    counts = np.stack([random.multinomial(draws, row, chains) for row in SHARES]).astype(float)
    return PosteriorGrid(SIZES, counts)


def test_a_deviance_by_hand():
    counts, shares = np.array([[30.0, 20.0, 50.0]]), np.array([[0.4, 0.3, 0.3], [0.3, 0.3, 0.4]])
    found, where = deviances(counts, np.log(shares))
    by_hand = [2 * sum(n * np.log(n / 100 / p) for n, p in zip(counts[0], row, strict=True)) for row in shares]
    assert found[0] == pytest.approx(min(by_hand)) and where[0] == 1
    assert deviances(np.array([[0.0, 5.0, 5.0]]), np.log([[1e-9, 0.5, 0.5]]))[0][0] == pytest.approx(0, abs=1e-6)


def test_it_finds_the_size_that_counts_are_of():
    random = fresh_generator()
    fit = fit_frequencies(random.multinomial(20_000, SHARES[2]), _grid(random, 20_000), fresh_seed())
    assert fit.interval[0] * 0.6 < 100 < fit.interval[1] / 0.6 and fit.verdict == "yes" and not fit.at_edge
    assert fit.misfit < 0.05 and fit.deviance_interval[0] <= fit.deviance_interval[1]


def test_shares_that_no_size_has_are_rejected():
    fit = fit_frequencies([40, 320, 40], _grid(fresh_generator()), fresh_seed())
    assert fit.verdict == "no" and fit.p_value < 0.01 and fit.deviance > fit.null and fit.misfit > 0.3


def test_few_runs_cannot_tell():
    fit = fit_frequencies([1, 1, 2], _grid(fresh_generator()), fresh_seed())
    assert fit.verdict == "cannot tell"


def test_the_edge_is_said():
    assert fit_frequencies([0, 0, 400], _grid(fresh_generator()), fresh_seed()).at_edge


@pytest.mark.slow
def test_the_posterior_itself_is_rejected_at_the_nominal_rate():
    """A grid as coarse as the counts: its own errors are in the law of the deviance."""
    random, trials = fresh_generator(), 120
    rejected = []
    for _ in range(6):
        grid = _grid(random, 50)
        rejected.append(rejected_share(SHARES[2], 400, grid, fresh_seed(), trials // 6))
    assert np.mean(rejected) < 0.05 + 5 * np.sqrt(0.05 * 0.95 / trials)
    assert rejected_share([0.1, 0.8, 0.1], 400, _grid(random, 50), fresh_seed(), 20) == 1


@pytest.mark.parametrize("counts", [[1, 2], [-1, 3, 4], [0, 0, 0], [0.5, 1, 2]])
def test_bad_counts_are_refused(counts):
    with pytest.raises(ValueError, match="counts must be 3 whole numbers"):
        fit_frequencies(counts, _grid(fresh_generator()), 0)


def test_bad_grids_are_refused():
    grid = _grid(fresh_generator())
    with pytest.raises(ValueError, match="in increasing order"):
        PosteriorGrid(SIZES[::-1], grid.counts)
    with pytest.raises(ValueError, match="counts must have shape"):
        PosteriorGrid(SIZES[:-1], grid.counts)
    with pytest.raises(ValueError, match="more than 0 in all"):
        PosteriorGrid(SIZES, np.zeros_like(grid.counts))
