"""Curves collapse over the one variable they depend on, and its exponent has an interval."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from slt_toys.fits.collapse import BatchCurve, best_exponent, collapse, collapse_contrast
from slt_toys.fits.resampling import percentile_interval, resample_counts
from tests.fits.known_worlds import DATASET_SIZE, DECAY, LEARNING_RATE, stuck
from tests.seeds import fresh_generator


def toy(exponent: float = 1.0) -> list[BatchCurve]:
    epochs = np.arange(0, 241, 2.0)
    rates = LEARNING_RATE * DECAY**epochs
    return [BatchCurve(size, epochs, stuck(epochs, size, exponent), rates) for size in (64, 128, 256)]


@pytest.mark.parametrize("absolute", [True, False])
def test_curves_that_depend_on_one_variable_collapse_over_it_only(absolute):
    spreads = collapse(toy(), dataset_size=DATASET_SIZE, absolute=absolute)
    right = spreads["learning_rate/batch_size"].spread
    assert right is not None and right < 2e-3
    for name, result in spreads.items():
        if name != "learning_rate/batch_size":
            assert result.spread is not None and result.spread > 20 * right, name
    assert "deficit_train_loss" not in spreads
    json.dumps({name: result.to_dict() for name, result in spreads.items()}, allow_nan=False)


@pytest.mark.parametrize("exponent", [0.5, 0.85, 1.0, 1.5])
def test_the_best_exponent_is_the_one_the_world_was_made_with(exponent):
    best = best_exponent(toy(exponent), absolute=True)
    assert best.exponent == pytest.approx(exponent, abs=2e-3)
    assert best.low is None and best.repetitions == 0
    for wrong in (exponent - 0.25, exponent + 0.25):
        worse = collapse(toy(exponent), dataset_size=DATASET_SIZE, exponents=[wrong], absolute=True)
        spread = list(worse.values())[2].spread
        assert spread is not None and spread > 20 * best.spread


def test_the_interval_of_the_best_exponent_covers_the_truth():
    trials, chains, hits, narrow = 100, 100, 0, 0
    random = fresh_generator()
    for trial in range(trials):
        curves, replicates = [], {}
        for curve in toy():
            counts = random.binomial(chains, curve.values)
            curves.append(BatchCurve(curve.batch_size, curve.switch_epochs, counts / chains, curve.learning_rates))
            replicates[curve.batch_size] = resample_counts(
                counts, chains, repetitions=200, seed=[trial, curve.batch_size]
            )
        best = best_exponent(curves, replicates=replicates, absolute=True)
        assert best.low is not None and best.high is not None
        hits += best.low <= 1 <= best.high
        narrow += abs(best.exponent - 1) <= (best.high - best.low) / 10
    bound = 0.95 - 5 * math.sqrt(0.95 * 0.05 / trials)
    assert hits / trials > bound
    assert narrow / trials < bound


def test_the_interval_of_the_best_exponent_is_that_of_the_resampled_curves():
    """By order statistics of each resampled set's own best exponent: the 2nd and the 21st of 22 at 90 %."""
    random, curves = fresh_generator(), toy()
    drawn = {c.batch_size: random.binomial(200, c.values, (22, len(c.values))) / 200 for c in curves}
    own = []
    for row in range(22):
        again = [BatchCurve(c.batch_size, c.switch_epochs, drawn[c.batch_size][row], c.learning_rates) for c in curves]
        own.append(best_exponent(again, absolute=True).exponent)
    best = best_exponent(curves, replicates=drawn, absolute=True, confidence=0.9)
    assert (best.low, best.high) == pytest.approx((np.sort(own)[1], np.sort(own)[-2]), rel=1e-6)
    assert (best.repetitions, best.confidence) == (22, 0.9)
    wider = best_exponent(curves, replicates=drawn, absolute=True, confidence=0.95)
    assert (wider.low, wider.high) == pytest.approx((min(own), max(own)), rel=1e-6)


def test_a_collapse_without_levels_says_so():
    epochs = np.arange(0, 60, 10.0)
    never = BatchCurve(64, epochs, np.linspace(0, 0.1, 6), 0.05 * DECAY**epochs)
    result = collapse(
        [never, BatchCurve(128, epochs, np.linspace(0, 1, 6), 0.05 * DECAY**epochs)],
        dataset_size=1000,
        absolute=True,
    )
    assert result["epoch"].spread is None and "fewer than two levels" in result["epoch"].reason
    constant = [BatchCurve(curve.batch_size, curve.switch_epochs, curve.values, np.full(121, 0.05)) for curve in toy()]
    result = collapse(constant, dataset_size=DATASET_SIZE)["learning_rate/batch_size"]
    assert result.spread is None and "does not vary" in result.reason


def test_a_contrast_of_two_variables_is_the_difference_of_their_spreads():
    generator = fresh_generator()
    epochs = np.arange(0.0, 68, 4)
    made = []
    for size in (32, 64, 128):
        values = 1 / (1 + np.exp((epochs + 9.55 * np.log2(size) - 75) / 4))
        loss = np.exp(-epochs / 30)  # of the epoch alone: does not order the curves
        made.append(BatchCurve(size, epochs, values, 0.05 * 0.93**epochs, loss))
    drawn = {each.batch_size: each.values + 0.02 * generator.standard_normal((40, len(epochs))) for each in made}
    one, two = "learning_rate/batch_size", "deficit_train_loss"
    found = collapse_contrast(made, one, two, replicates=drawn, dataset_size=1000)

    def apart(curves: list[BatchCurve]) -> float:
        spreads = [collapse(curves, dataset_size=1000)[name].spread for name in (one, two)]
        assert spreads[0] is not None and spreads[1] is not None
        return spreads[0] - spreads[1]

    assert found[0] == pytest.approx(apart(made), rel=1e-12) and found[0] < -0.05
    differences = []
    for number in range(40):
        differences.append(apart([replace(curve, values=drawn[curve.batch_size][number]) for curve in made]))
    assert found[1:] == pytest.approx(percentile_interval(differences))
    _, low, high = found
    assert low is not None and high is not None and high < 0
    turned = collapse_contrast(made, two, one, replicates=drawn, dataset_size=1000)
    assert turned == pytest.approx((-found[0], -high, -low))
    with pytest.raises(ValueError, match=r"^variable: 'none' is unknown here; use one of number_of_updates, epoch"):
        collapse_contrast(made, "none", two, replicates=drawn, dataset_size=1000)
    with pytest.raises(ValueError, match=r"^replicates: give as many resampled curves"):
        collapse_contrast(made, one, two, replicates={**drawn, 32: drawn[32][1:]}, dataset_size=1000)
