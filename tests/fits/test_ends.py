"""Definitions of the critical period's end against exact curves, brute force, symmetries and known noise."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from slt_toys.fits.ends import (
    HALF_DEPTH,
    HINGE,
    Definition,
    find_end,
    half_depth,
    half_stuck_mass,
    hinge,
    hinge_fit,
    replicate_epochs,
)
from slt_toys.fits.resampling import percentile_interval, resample_chains, resample_counts, resample_curve
from tests.fits.covering import covers
from tests.fits.made_curves import EPOCHS, declining
from tests.seeds import fresh_seeds


@pytest.mark.parametrize("kink", [25.0, 40.0, 107.3, 120.0, 199.5, 200.0])
def test_hinge_finds_an_exact_kink(kink):
    end = hinge(EPOCHS, declining(kink))
    assert end.state == "found"
    assert end.epoch == pytest.approx(kink, abs=1e-8)
    assert end.level == pytest.approx(88 - 0.1 * kink, abs=1e-10)
    assert hinge(EPOCHS, -declining(kink)).epoch == pytest.approx(kink, abs=1e-8), "rising curves alike"


@given(st.integers(0, 2**32 - 1))
def test_hinge_beats_every_kink_of_a_fine_grid(seed):
    values = declining(107.0) + np.random.default_rng(seed).normal(0, 1.0, len(EPOCHS))
    fit = hinge_fit(EPOCHS, values)
    assert np.sum((values - fit.line(EPOCHS)) ** 2) == pytest.approx(fit.residual_sum_of_squares, rel=1e-9)
    for kink in np.linspace(1.0, EPOCHS[-1], 400):
        design = np.column_stack([np.ones(len(EPOCHS)), np.minimum(EPOCHS, kink)])
        residual = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
        # below the second row every kink fits equally well, which the second row stands for
        assert residual @ residual >= fit.residual_sum_of_squares * (1 - 1e-9)


@given(
    st.integers(0, 2**32 - 1),
    st.floats(-300, 300),
    st.floats(0.1, 10),
    st.floats(-50, 50),
    st.floats(0.1, 10),
    st.sampled_from([1.0, -1.0]),
    st.sampled_from([HINGE, HALF_DEPTH]),
)
def test_ends_move_with_the_epochs_and_ignore_the_unit_of_the_values(
    seed, move, stretch, shift, scale, sign, definition
):
    values = declining(107.0) + np.random.default_rng(seed).normal(0, 0.5, len(EPOCHS))
    plain = find_end(EPOCHS, values, definition)
    moved = find_end(move + stretch * EPOCHS, shift + sign * scale * values, definition)
    assert moved.state == plain.state
    if plain.epoch is not None:
        assert moved.epoch == pytest.approx(move + stretch * plain.epoch, abs=1e-5)


def test_half_depth_of_exact_curves():
    assert half_depth(EPOCHS, declining(100.0)).epoch == pytest.approx(50, abs=1e-10)
    assert half_depth(EPOCHS, -declining(100.0)).epoch == pytest.approx(50, abs=1e-10)
    values = [4.0, 3.0, 1.0, 0.0, -0.3, 0.3]
    assert half_depth([0, 1, 2, 3, 4, 5], values).epoch == pytest.approx(1.5)
    assert half_depth([0, 1, 2, 3, 4, 5], values, tail_rows=1).epoch == pytest.approx(1 + (3 - 2.15) / 2)


def test_half_stuck_mass_of_a_smooth_curve():
    def stuck(epochs):
        return 1 / (1 + np.exp(-(epochs - 81.07) / 6))

    errors = []
    for spacing in (4.0, 2.0):
        epochs = np.arange(0, 161, spacing)
        end = half_stuck_mass(epochs, stuck(epochs), interpolation="monotone_cubic")
        assert end.epoch is not None
        assert end.epoch == pytest.approx(
            PchipInterpolator(epochs, stuck(epochs)).solve(0.5, extrapolate=False)[0], abs=1e-9
        )
        errors.append(abs(end.epoch - 81.07))
    assert errors[1] < errors[0] < 0.02
    falling = half_stuck_mass(epochs, 1 - stuck(epochs), interpolation="monotone_cubic", direction="falling")
    assert falling.epoch == pytest.approx(81.07, abs=0.01)
    assert half_stuck_mass([0, 10, 20], [0.1, 0.5, 0.9]).epoch == pytest.approx(10)
    assert half_stuck_mass([0, 10, 20], [0.1, 0.3, 0.7]).epoch == pytest.approx(15)
    assert half_stuck_mass([0, 10, 20, 30, 40], [0, 0.6, 0.4, 0.8, 1]).epoch == pytest.approx(25 / 3), "first"


def test_a_curve_without_its_end_is_censored():
    later, earlier = half_stuck_mass([0, 10, 20], [0, 0.1, 0.2]), half_stuck_mass([0, 10, 20], [0.6, 0.7, 1])
    assert (later.state, later.bound, later.epoch) == ("later", 20, None)
    assert (earlier.state, earlier.bound, earlier.epoch) == ("earlier", 0, None)
    assert later.statement() == "later than 20" and earlier.statement() == "earlier than 0"
    straight = hinge(EPOCHS, declining(1000.0))
    assert (straight.state, straight.bound) == ("later", 200), "one row is no plateau"
    stray = hinge(EPOCHS, declining(210.0))
    assert (stray.state, stray.bound, stray.epoch) == ("later", 200, None), "so is a kink behind the last row but one"
    drop = hinge(EPOCHS, declining(11.0))
    assert (drop.state, drop.bound) == ("earlier", 20)
    late_drop = half_depth(EPOCHS, [1.0] * 11 + [0.0])
    assert (late_drop.state, late_drop.bound) == ("later", 180)
    for definition in (HINGE, HALF_DEPTH):
        flat = find_end(EPOCHS, np.full(12, 0.3), definition)
        assert (flat.state, flat.epoch) == ("flat", None)
        json.dumps(flat.to_dict(), allow_nan=False)


@pytest.mark.parametrize("depth", [1e-3, 1e-6])
def test_a_curve_that_falls_by_little_is_not_flat(depth):
    """However high it stands: only the rounding of its own values is flat."""
    shallow = 88 + depth * (declining(107.0) - 88)
    assert hinge(EPOCHS, shallow).epoch == pytest.approx(107, abs=1e-4)
    assert half_depth(EPOCHS, shallow).epoch == pytest.approx(53.5, abs=1e-4)


def coverage(truth: np.ndarray, end: float, definition: Definition, shrink: float, trials: int) -> int:
    hits = 0
    for trial in range(trials):
        seeds = fresh_seeds()
        values = truth + np.random.default_rng(seeds).normal(0, 0.4, len(truth))
        curves = resample_curve(EPOCHS, values, definition, repetitions=300, seed=[trial, *seeds])
        centre = curves.mean(axis=0)
        curves = centre + shrink * (curves - centre)
        low, high = percentile_interval(replicate_epochs(EPOCHS, curves, definition), 0.95)
        hits += (low is None or low <= end) and (high is None or end <= high)
    return hits


@pytest.mark.parametrize(("definition", "end"), [(HINGE, 107.0), (HALF_DEPTH, 53.5)])
def test_intervals_of_one_noisy_curve_cover_the_truth(definition, end):
    trials = 400
    assert covers(coverage(declining(107.0), end, definition, 1.0, trials), trials)
    # negative controls: noise a third of its size, and three times it, must be found out by the very same bound
    for wrong in (1 / 3, 3.0):
        assert not covers(coverage(declining(107.0), end, definition, wrong, trials), trials)


BAD = {
    "values: row 2 is nan": lambda: hinge(EPOCHS, np.where(EPOCHS == 40, np.nan, 1.0)),
    "switch_epochs: row 1 is inf": lambda: half_depth([0, np.inf, 2, 3], [1, 1, 0, 0]),
    "switch_epochs: row 2 is 1 after 1": lambda: half_depth([0, 1, 1, 3], [1, 1, 0, 0]),
    "switch_epochs: 4 rows are too few; this needs at least 5": lambda: hinge([0, 1, 2, 3], [1, 1, 0, 0]),
    "one per epoch": lambda: half_stuck_mass([0, 1, 2], [0, 1]),
    "give one of 2 rows": lambda: half_stuck_mass([0, 1], [[0, 1], [0, 1]]),
    "definition: 'knee' is unknown": lambda: Definition("knee"),  # type: ignore[arg-type]
    "interpolation: 'spline' is unknown": lambda: Definition("hinge", interpolation="spline"),  # type: ignore[arg-type]
    "direction: 'up' is unknown": lambda: Definition("hinge", direction="up"),  # type: ignore[arg-type]
    "level: nan": lambda: half_stuck_mass([0, 1], [0, 1], level=math.nan),
    "tail_rows: 0": lambda: half_depth([0, 1, 2, 3], [1, 1, 0, 0], tail_rows=0),
    "stuck_counts: row 1 is 11": lambda: resample_counts([0, 11], 10),
    "stuck_counts: row 0 is nan": lambda: resample_counts([math.nan, 1], 10),
    "chains: 0": lambda: resample_counts([0, 0], 0),
    "stuck: shape": lambda: resample_chains([[0, 2]]),
    "repetitions: 0": lambda: resample_counts([0, 1], 10, repetitions=0),
    "confidence: 95 ": lambda: percentile_interval([1.0, 2.0], 95),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused_in_one_line(message):
    with pytest.raises(ValueError) as refusal:
        BAD[message]()
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
