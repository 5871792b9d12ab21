"""Ends of several seeds by hand, invariances, what one seed says it lacks, and the scatter that would admit a law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from slt_toys.fits.batch_size import epochs_per_halving
from slt_toys.fits.ends import HALF_DEPTH, HINGE, half_depth
from slt_toys.fits.resampling import ONE_SEED
from slt_toys.fits.seeds import (
    end_over_seeds,
    ends_over_seeds,
    halving_over_seeds,
    scatter_that_admits,
    uncensored,
)
from tests.fits.made_curves import EPOCHS, declining
from tests.seeds import fresh_generator

MOVED = np.array([declining(kink) for kink in (90.0, 100.0, 125.0)])


def test_the_interval_of_several_seeds_is_that_of_their_ends():
    end = end_over_seeds(EPOCHS, MOVED, HINGE)
    expected = stats.t.interval(0.95, 2, 105, stats.sem([90, 100, 125]))
    assert end.epoch == pytest.approx(105, abs=1e-7) and (end.low, end.high) == pytest.approx(expected, abs=1e-6)
    assert end.standard_error == pytest.approx(stats.sem([90, 100, 125])) and end.within == ""
    assert "within" not in end.statement()
    # Other units of accuracy, other order of seeds, later epochs.
    assert end_over_seeds(EPOCHS, 3 - 0.2 * MOVED[::-1], HINGE).high == pytest.approx(end.high, abs=1e-6)
    later = end_over_seeds(2 * EPOCHS + 7, MOVED, HINGE)
    assert later.low == pytest.approx(2 * expected[0] + 7, abs=1e-6)


def test_one_seed_says_what_its_interval_lacks():
    curve = declining(107.0) + fresh_generator().normal(0, 0.4, EPOCHS.size)
    end = end_over_seeds(EPOCHS, curve, HINGE)
    assert end.within == ONE_SEED and end.statement().endswith("] within one seed")
    assert end.low is not None and end.high is not None and end.low < end.high
    assert end.to_dict()["within"] == "one seed"


def test_a_seed_whose_end_is_censored_opens_the_interval():
    curves = np.array([declining(90.0), declining(1000.0)])
    end = end_over_seeds(EPOCHS, curves, HINGE)
    assert end.low is None and end.high is None and end.standard_error is None and end.censored_share == 0.5
    assert uncensored({64: (EPOCHS, curves), 32: (EPOCHS, MOVED)}, HINGE) == [32]
    open_shift = halving_over_seeds(
        {16: (EPOCHS, MOVED + 1), 64: (EPOCHS, curves), 32: (EPOCHS, MOVED)}, HINGE
    )  # fmt: skip
    assert open_shift.low is None and [(pair.larger, pair.smaller) for pair in open_shift.pairs] == [(32, 16)]
    with pytest.raises(ValueError, match="every end at two batch sizes or more"):
        halving_over_seeds({64: (EPOCHS, curves), 32: (EPOCHS, MOVED)}, HINGE)


def test_scatter_is_pooled_over_batch_sizes():
    several = {64: (EPOCHS, MOVED), 32: (EPOCHS, np.array([declining(120.0), declining(130.0)]))}
    scatter = math.sqrt((np.var([90, 100, 125]) * 3 + 2 * 25) / 3)
    ends = ends_over_seeds(several, HINGE, confidence=0.9)
    reach = stats.t.ppf(0.95, 3) * scatter
    for size, mean, seeds in ((64, 105, 3), (32, 125, 2)):
        half = reach / math.sqrt(seeds)
        assert (ends[size].low, ends[size].high) == pytest.approx((mean - half, mean + half), abs=1e-6)
    shift = halving_over_seeds(several, HINGE, confidence=0.9)
    half = reach * math.sqrt(1 / 3 + 1 / 2)
    assert (shift.slope, shift.low, shift.high) == pytest.approx((20, 20 - half, 20 + half), abs=1e-6)
    (pair,) = shift.pairs
    assert (pair.shift, pair.low, pair.high) == pytest.approx((20, 20 - half, 20 + half), abs=1e-6)
    # A seed that is alone lends nothing to the scatter and borrows it from the others.
    alone = ends_over_seeds(several | {16: (EPOCHS, declining(140.0))}, HINGE, confidence=0.9)[16]
    assert (alone.low, alone.high) == pytest.approx((140 - reach, 140 + reach), abs=1e-6)


def test_the_slope_is_the_least_squares_one_of_the_mean_ends():
    random = fresh_generator()
    several = {
        size: (EPOCHS, np.array([declining(kink) + random.normal(0, 0.1, EPOCHS.size) for kink in kinks]))
        for size, kinks in ((32, (120.0, 126.0)), (128, (60.0, 70.0)), (64, (101.0, 93.0)))
    }
    ends = [[half_depth(EPOCHS, curve).epoch for curve in several[size][1]] for size in (32, 64, 128)]
    means = np.array(ends, dtype=float).mean(axis=1)
    plain, shift = epochs_per_halving([32, 64, 128], means), halving_over_seeds(several, HALF_DEPTH)
    assert shift.slope == pytest.approx(plain.slope, rel=1e-9)
    assert [pair.shift for pair in shift.pairs] == pytest.approx([pair.shift for pair in plain.pairs], rel=1e-9)


def test_the_scatter_that_admits_a_law_widens_the_interval_up_to_it():
    """Ends of three batch sizes, each moved by that scatter: the slope's own error is scatter / sqrt 2."""
    scatter = scatter_that_admits(36.0, 26.0, 45.0, 22.8, [64, 128, 256])
    within = 10.0 / stats.norm.ppf(0.975)
    reach = stats.norm.ppf(0.975) * math.hypot(within, scatter / math.sqrt(2))
    assert 36.0 - reach == pytest.approx(22.8, abs=1e-6)
    assert scatter_that_admits(36.0, 26.0, 45.0, 30.0, [64, 128, 256]) == 0
    assert scatter_that_admits(10.0, 9.0, 11.0, 22.8, [64, 128]) > scatter_that_admits(10.0, 9.0, 11.0, 15.0, [64, 128])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ends_over_seeds({64: (EPOCHS, MOVED[:1])}, HINGE), "two seeds or more"),
        (lambda: end_over_seeds(EPOCHS, MOVED[:, :4], HINGE), "does not match switch_epochs"),
        (lambda: end_over_seeds(EPOCHS, MOVED, HINGE, confidence=95), "confidence: 95"),
        (lambda: scatter_that_admits(1.0, 2.0, 3.0, 5.0, [64, 128]), "must hold the slope"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
