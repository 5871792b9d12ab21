"""Fits of e*(B) and the collapse: exact worlds, rival worlds, regression in closed form, and refusals."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, linregress, norm, t

from slt_toys.fits.batch_size import compare, epochs_per_halving, fit_model, usable_ends
from slt_toys.fits.collapse import BatchCurve, best_exponent, collapse
from slt_toys.fits.ends import HALF_STUCK_MASS, CriticalPeriodEnd, half_stuck_mass, replicate_epochs
from slt_toys.fits.resampling import resample_counts
from slt_toys.fits.rival_laws import rival_models
from tests.fits.covering import covers
from tests.fits.known_worlds import MODELS, SIZES, THEOREM, stuck, world
from tests.seeds import fresh_generator


def test_intervals_without_errors_are_those_of_linear_regression():
    values = world("scaling_law") + np.array([1.0, -2.0, 0.5, 1.5, -1.0, 0.3])
    reference: Any = linregress(np.log2(SIZES), values)
    reach = t.ppf(0.975, len(SIZES) - 2) * reference.stderr
    slope = fit_model(MODELS["log_law"], SIZES, values).parameters[1]
    assert slope.value == pytest.approx(-reference.slope)
    assert (slope.low, slope.high) == pytest.approx((-reference.slope - reach, -reference.slope + reach), rel=1e-6)
    shift = epochs_per_halving(SIZES, values)
    assert (shift.slope, shift.low, shift.high) == pytest.approx((slope.value, slope.low, slope.high), rel=1e-6)


def test_intervals_with_errors_are_those_of_weighted_regression():
    errors = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 0.7])
    values = world("scaling_law") + 0.3 * errors
    design = np.column_stack([np.ones(len(SIZES)), -np.log2(SIZES / np.exp(np.mean(np.log(SIZES))))])
    precision = design.T @ (design / errors[:, None] ** 2)
    expected = np.linalg.solve(precision, design.T @ (values / errors**2))
    reach = math.sqrt(chi2.ppf(0.9, 1)) * np.sqrt(np.diag(np.linalg.inv(precision)))
    fitted = fit_model(MODELS["log_law"], SIZES, values, errors, confidence=0.9)
    loss = float(np.sum((values - design @ expected) ** 2 / errors**2))
    assert fitted.loss == pytest.approx(loss) and fitted.p_value == pytest.approx(chi2.sf(loss, len(SIZES) - 2))
    for index, parameter in enumerate(fitted.parameters):
        assert parameter.value == pytest.approx(expected[index])
        assert parameter.low == pytest.approx(expected[index] - reach[index], rel=1e-6)
        assert parameter.high == pytest.approx(expected[index] + reach[index], rel=1e-6)


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.linear])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_a_law_that_says_it_is_linear_is_fitted_as_by_search(name, unit):
    values = unit * (world("scaling_law") + np.array([1.0, -2.0, 0.5, 1.5, -1.0, 0.3]))
    for errors in (None, unit * np.array([1.0, 2.0, 0.5, 1.0, 3.0, 0.7])):
        if unit != 1.0 and name == "scaling_law":
            continue  # its slope is in epochs
        quick = fit_model(MODELS[name], SIZES, values, errors)
        searched = fit_model(replace(MODELS[name], linear=False), SIZES, values, errors)
        for one, other in zip(quick.parameters, searched.parameters, strict=True):
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), rel=1e-6)
        assert quick.loss == pytest.approx(searched.loss) and quick.p_value == pytest.approx(searched.p_value)
    assert not MODELS["power_law"].linear and not MODELS["flow_time"].linear


def test_profile_intervals_of_the_power_law_cover_the_truth():
    trials, hits, narrow, wide = 300, 0, 0, 0
    random = fresh_generator()
    for _ in range(trials):
        values = world("power_law") + random.normal(0, 3.0, len(SIZES))
        exponent = fit_model(MODELS["power_law"], SIZES, values, np.full(len(SIZES), 3.0)).parameters[1]
        assert exponent.low is not None and exponent.high is not None
        hits += exponent.low <= 0.8 <= exponent.high
        away, half = abs(exponent.value - 0.8), (exponent.high - exponent.low) / 2
        narrow += away <= half / 3
        wide += away <= half * 3
    assert covers(hits, trials)
    assert not covers(narrow, trials) and not covers(wide, trials)


@pytest.mark.parametrize("errors", [None, 1.0])
def test_too_few_points_are_told_apart_by_nobody(errors):
    keep = slice(1, 4)
    scale = None if errors is None else np.full(3, errors)
    values = world("scaling_law")[keep] + np.array([0.5, -1.0, 0.5])
    comparison = compare(MODELS, SIZES[keep], values, scale)
    assert comparison.statement.startswith("cannot tell by AICc about")
    for name in ("log_law", "power_law"):
        assert comparison.fits[name].corrected_criterion is None and comparison.fits[name].weight is None
        assert name in comparison.statement
    if errors is None:
        assert all(fit.weight is None for fit in comparison.fits.values())
    else:
        assert comparison.fits["scaling_law"].weight == pytest.approx(1, abs=1e-3)
    json.dumps(comparison.to_dict(), allow_nan=False)
    two = compare(MODELS, SIZES[:2], world("scaling_law")[:2])
    assert two.fits["log_law"].parameters[1].value == pytest.approx(THEOREM)
    assert two.fits["log_law"].parameters[1].low is None
    json.dumps(two.to_dict(), allow_nan=False)


def test_corrected_criterion_by_its_formula():
    values = world("scaling_law") + np.array([1.0, -2.0, 0.5, 1.5, -1.0, 0.3])
    constant = fit_model(MODELS["constant"], SIZES, values)
    loss = np.sum((values - values.mean()) ** 2)
    assert constant.corrected_criterion == pytest.approx(6 * math.log(loss / 6) + 4 + 12 / 3)
    weighted = fit_model(MODELS["constant"], SIZES, values, np.ones(6))
    assert weighted.corrected_criterion == pytest.approx(loss + 2 + 4 / 4)


@given(st.lists(st.floats(-100, 200), min_size=3, max_size=6), st.floats(-50, 50), st.floats(0.1, 5))
def test_epochs_per_halving_is_linear_in_the_epochs(values, shift, scale):
    sizes, epochs = SIZES[: len(values)], np.array(values)
    plain, moved = epochs_per_halving(sizes, epochs), epochs_per_halving(sizes, shift + scale * epochs)
    assert moved.slope == pytest.approx(scale * plain.slope, abs=1e-6)
    backwards = epochs_per_halving(sizes[::-1], epochs[::-1])
    assert backwards.slope == pytest.approx(plain.slope, abs=1e-9)
    assert [pair.shift for pair in backwards.pairs] == [pair.shift for pair in plain.pairs]
    assert [pair.shift for pair in plain.pairs] == pytest.approx((epochs[:-1] - epochs[1:]).tolist(), abs=1e-9)


def test_pairs_further_apart_than_a_factor_of_two_count_their_octaves():
    shift = epochs_per_halving([32, 256], [80.0, 80.0 - 3 * THEOREM])
    assert shift.slope == pytest.approx(THEOREM)
    assert (shift.pairs[0].smaller, shift.pairs[0].larger) == (32, 256)
    assert shift.pairs[0].shift == pytest.approx(THEOREM)
    assert shift.low is None and shift.pairs[0].low is None


def test_bootstrap_of_sampled_curves_gives_the_spread_of_the_slope():
    sizes, chains, epochs = np.array([64.0, 128.0, 256.0]), 500, np.arange(0, 161, 4.0)
    counts = {size: chains * stuck(epochs, size) for size in sizes}
    replicates = np.column_stack(
        [
            replicate_epochs(
                epochs,
                resample_counts(np.round(counts[size]), chains, repetitions=2000, seed=[7, int(size)]),
                HALF_STUCK_MASS,
            )
            for size in sizes
        ]
    )
    ends = [half_stuck_mass(epochs, stuck(epochs, size)).epoch for size in sizes]
    shift = epochs_per_halving(sizes, np.array(ends, dtype=float), replicates=replicates)
    assert shift.slope == pytest.approx(THEOREM, abs=0.1)
    assert shift.low is not None and shift.high is not None
    spread = replicates.std(axis=0)
    expected = math.sqrt(spread[0] ** 2 + spread[2] ** 2) / 2
    # of the distance of two extreme quantiles of 2000 Gaussian draws, relative
    quantile_error = math.sqrt(2 * 0.025 * 0.975 / 2000) / norm.pdf(1.96) / (2 * 1.96)
    assert (shift.high - shift.low) / (2 * 1.96) == pytest.approx(expected, rel=5 * quantile_error)
    censored = replicates.copy()
    censored[:200, 0] = np.inf
    open_shift = epochs_per_halving(sizes, np.array(ends, dtype=float), replicates=censored)
    assert open_shift.low is None and open_shift.high is None and open_shift.pairs[1].low is not None


def test_censored_ends_are_left_out_aloud():
    found = CriticalPeriodEnd("hinge", "found", 80.0, 0.5, standard_error=1.0)
    later = CriticalPeriodEnd("hinge", "later", None, None, bound=200.0)
    sizes, epochs, errors, left_out = usable_ends({128: found, 32: later, 64: found})
    assert sizes.tolist() == [64, 128] and epochs.tolist() == [80, 80]
    assert errors is not None and errors.tolist() == [1, 1]
    assert left_out == ("batch size 32: later than 200",)


EPOCHS = np.arange(6.0)
GOOD = BatchCurve(64, EPOCHS, 1 - EPOCHS / 5, 0.9**EPOCHS)
OTHER = BatchCurve(128, EPOCHS, 1 - EPOCHS / 5, 0.9**EPOCHS)
FLAT_RATES = [BatchCurve(size, EPOCHS, 1 - EPOCHS / 5, np.ones(6)) for size in (64, 128)]
BAD = {
    "decay: 1.2 is not in (0, 1]": lambda: rival_models([1, 2], decay=1.2, learning_rate=1, dataset_size=1),
    "momentum: 1 is not in [0, 1)": lambda: rival_models(
        [1, 2], decay=0.9, learning_rate=1, dataset_size=1, momentum=1
    ),
    "learning_rate: 0 is not positive": lambda: rival_models([1, 2], decay=0.9, learning_rate=0, dataset_size=1),
    "batch_sizes: [1.0, -2.0]": lambda: rival_models([1, -2], decay=0.9, learning_rate=1, dataset_size=1),
    "epochs: row 1 is nan": lambda: epochs_per_halving([1, 2], [3, math.nan]),
    "batch_sizes: row 0 is 0.0": lambda: epochs_per_halving([0, 2], [3, 4]),
    "at least two batch sizes": lambda: epochs_per_halving([2, 2], [3, 4]),
    "epochs: shape (3,)": lambda: epochs_per_halving([2, 4], [3, 4, 5]),
    "standard_errors: row 1 is 0.0": lambda: compare(MODELS, [2, 4], [3, 4], [1, 0]),
    "replicates: shape (3, 3)": lambda: epochs_per_halving([2, 4], [3, 4], replicates=np.ones((3, 3))),
    "confidence: 95 ": lambda: epochs_per_halving([2, 4], [3, 4], confidence=95),
    "curves: batch sizes [64]": lambda: collapse([GOOD], dataset_size=1000),
    "dataset_size: 100 is smaller": lambda: collapse([GOOD, OTHER], dataset_size=100),
    "learning_rates: row 0 is -1.0": lambda: BatchCurve(64, EPOCHS, EPOCHS, EPOCHS - 1),
    "deficit_train_loss: shape (2,)": lambda: BatchCurve(64, EPOCHS, EPOCHS, EPOCHS + 1, np.ones(2)),
    "batch_size: 0": lambda: BatchCurve(0, EPOCHS, EPOCHS, EPOCHS + 1),
    "values: row 5 is nan": lambda: BatchCurve(64, EPOCHS, np.append(EPOCHS[:5], math.nan), EPOCHS + 1),
    "a curve ends where it begins": lambda: collapse(
        [GOOD, BatchCurve(128, EPOCHS, np.ones(6), EPOCHS + 1)], dataset_size=1000
    ),
    "learning_rates: they are constant": lambda: best_exponent(FLAT_RATES),
    "replicates: give as many": lambda: best_exponent(
        [GOOD, OTHER], replicates={64: np.ones((3, 6)), 128: np.ones((2, 6))}
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused_in_one_line(message):
    with pytest.raises(ValueError) as refusal:
        BAD[message]()
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
