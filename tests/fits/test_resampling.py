"""Resampled counts and chains: intervals that cover, chains kept whole, a function of the seed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import binom, norm, t

from slt_toys.fits.ends import HALF_DEPTH, HALF_STUCK_MASS, HINGE, hinge_fit, replicate_epochs
from slt_toys.fits.resampling import (
    end_with_interval,
    percentile_interval,
    resample_chains,
    resample_counts,
    resample_curve,
    share_interval,
)
from tests.fits.covering import covers
from tests.fits.made_curves import EPOCHS, declining
from tests.seeds import fresh_generator


def test_censored_replicates_open_the_interval():
    curves = resample_counts([0, 2, 45, 52], 100, repetitions=400, seed=3)
    end = end_with_interval([0, 10, 20, 30], np.array([0, 2, 45, 52]) / 100, curves, HALF_STUCK_MASS)
    assert end.high is None and end.low is not None and end.standard_error is None
    assert 0.1 < end.censored_share < 0.9
    assert "open" in end.statement()
    json.dumps(end.to_dict(), allow_nan=False)
    assert percentile_interval([math.nan, 1.0, 2.0], 0.9) == (None, None)


def test_intervals_of_counts_cover_the_truth():
    epochs = np.arange(0.0, 101.0, 5.0)
    stuck = np.clip(0.5 + (epochs - 53.0) / 60, 0, 1)  # straight between rows, so that the end is exactly 53
    trials, chains, hits, narrow, wide = 400, 200, 0, 0, 0
    random = fresh_generator()
    for trial in range(trials):
        counts = random.binomial(chains, stuck)
        low, high = percentile_interval(
            replicate_epochs(epochs, resample_counts(counts, chains, repetitions=300, seed=trial), HALF_STUCK_MASS)
        )
        assert low is not None and high is not None
        hits += low <= 53.0 <= high
        away, half = abs(53.0 - (low + high) / 2), (high - low) / 2
        narrow += away <= half / 3
        wide += away <= half * 3
    assert covers(hits, trials)
    assert not covers(narrow, trials) and not covers(wide, trials)


def test_chains_followed_through_all_rows_are_resampled_whole():
    epochs, chains = np.array([0.0, 10.0, 20.0, 30.0]), 4000
    threshold = fresh_generator().random(chains)
    stuck = threshold[:, None] < np.array([0.02, 0.4, 0.6, 0.98])  # rows entirely correlated
    whole = replicate_epochs(epochs, resample_chains(stuck, repetitions=1500, seed=1), HALF_STUCK_MASS)
    apart = replicate_epochs(
        epochs, resample_counts(stuck.sum(axis=0), chains, repetitions=1500, seed=1), HALF_STUCK_MASS
    )
    # e* = 10 + 10 (1/2 - p1) / (p2 - p1), to first order, with covariance p1 (1 - p2) between rows or without
    p1, p2 = stuck.mean(axis=0)[1:3]
    share = (0.5 - p1) / (p2 - p1)
    variance = (1 - share) ** 2 * p1 * (1 - p1) + share**2 * p2 * (1 - p2)
    covariance = 2 * share * (1 - share) * p1 * (1 - p2)
    error = 5 / math.sqrt(2 * 1500)  # of a standard deviation of 1500 draws
    assert np.std(whole) == pytest.approx(10 / (p2 - p1) * math.sqrt((variance + covariance) / chains), rel=error)
    assert np.std(apart) == pytest.approx(10 / (p2 - p1) * math.sqrt(variance / chains), rel=error)
    assert np.std(whole) / np.std(apart) > 1.15


def test_resampling_is_a_function_of_its_seed():
    counts = np.array([0, 10, 60, 100])
    stuck = np.arange(100)[:, None] < counts
    for draw in (
        lambda seed: resample_counts(counts, 100, repetitions=20, seed=seed),
        lambda seed: resample_chains(stuck, repetitions=20, seed=seed),
        lambda seed: resample_curve(EPOCHS, declining(107) + np.sin(EPOCHS), HINGE, repetitions=20, seed=seed),
    ):
        assert np.array_equal(draw(5), draw(5))
        assert not np.array_equal(draw(5), draw(6))
        assert np.array_equal(draw([5, 64]), draw([5, 64]))


def test_the_scatter_of_one_curve_by_hand():
    """Neighbours' weights 2/3 and 1/3, hence a norm of sqrt(14/9); 36/35 degrees of freedom; a hinge's rows less 3."""
    values = np.array([0.0, 1.0, 0.0, 0.0])
    drawn = resample_curve([0, 1, 3, 4], values, HALF_DEPTH, repetitions=400, seed=1) - values
    stretch = t.ppf(0.975, 36 / 35) / norm.ppf(0.975)
    sizes = np.array([1 / 3, 1.0]) / math.sqrt(14 / 9) * stretch
    assert np.unique(np.round(np.abs(drawn), 9)) == pytest.approx(sizes, rel=1e-6)
    assert all({-1.0, 1.0} == set(np.sign(column)) for column in drawn.T)
    epochs, bent = np.arange(6.0), np.array([0.0, 1.1, 1.9, 3.0, 3.2, 2.8])
    fitted = hinge_fit(epochs, bent).line(epochs)
    drawn = resample_curve(epochs, bent, HINGE, repetitions=400, confidence=0.9, seed=1) - fitted
    sizes = np.abs(bent - fitted) * math.sqrt(6 / 3) * t.ppf(0.95, 3) / norm.ppf(0.95)
    assert np.unique(np.round(np.abs(drawn), 9)) == pytest.approx(np.unique(np.round(sizes, 9)), rel=1e-6, abs=2e-9)


def test_the_interval_and_the_error_are_those_of_the_replicates():
    """The 3rd and the 40th of 42 ends at 90 %, and their standard deviation with 41 degrees of freedom."""
    shares = fresh_generator().uniform(0.55, 1.0, 42)
    end = end_with_interval([0, 10], [0, 0.75], np.column_stack([np.zeros(42), shares]), HALF_STUCK_MASS,
                            confidence=0.9)  # fmt: skip
    epochs = np.sort(5 / shares)
    assert end.epoch == pytest.approx(20 / 3) and (end.low, end.high) == pytest.approx((epochs[2], epochs[-3]))
    assert end.standard_error == pytest.approx(math.sqrt(np.sum((epochs - epochs.mean()) ** 2) / 41))
    assert (end.repetitions, end.censored_share, end.confidence) == (42, 0.0, 0.9)


def test_the_interval_of_a_share_is_that_of_its_tails():
    """At each end the other side's tail has half of what is left over; nowhere does it hold less than it says."""
    hits, count = np.arange(13), 12
    low, high = share_interval(hits, count, 0.9)
    assert low[0] == 0 and high[-1] == 1 and low[-1] == pytest.approx(0.05 ** (1 / count))
    np.testing.assert_allclose(binom.sf(hits[1:] - 1, count, low[1:]), 0.05, rtol=1e-9)
    np.testing.assert_allclose(binom.cdf(hits[:-1], count, high[:-1]), 0.05, rtol=1e-9)
    for truth in (0.02, 0.3, 0.77):
        assert binom.pmf(hits, count, truth)[(low <= truth) & (truth <= high)].sum() >= 0.9
    with pytest.raises(ValueError, match="hits must lie from 0 to count, which must be at least 1, not 4 of 3"):
        share_interval(4, 3)
