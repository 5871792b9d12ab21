"""Semantic development: decoupled runs follow the logistic law, random ones its half-times, and beliefs come and go."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.reference.laws import law
from slt_toys.zoo import semantic_development as model
from slt_toys.zoo.semantic_development import (
    HIDDEN,
    WEIGHT,
    crossing_times,
    decoupled,
    features,
    half_times,
    illusion_peaks,
    illusions,
    learned_shares,
    measured_shares,
    mode_matrix,
    modes,
    singular_values,
    start_strength,
    train,
)
from tests.seeds import fresh_generator, fresh_seed

RUNS = 40


def test_singular_values_are_those_of_the_tree():
    """[eq:tree-singular-value]: √15, √7, √3 twice, 1 four times; the vectors give the features back."""
    left, values, right = modes()
    np.testing.assert_allclose(np.linalg.svd(features(), compute_uv=False), values, rtol=1e-12)
    np.testing.assert_allclose(singular_values() ** 2, [15, 7, 3, 1], rtol=1e-12)
    np.testing.assert_allclose(left * values @ right.T, features(), atol=1e-12)
    np.testing.assert_allclose(left.T @ left, np.eye(8), atol=1e-12)


def test_a_decoupled_run_follows_the_logistic_law():
    """[eq:mode-strength]. Reported: 3.4 %, .68 % and .14 % of the end at Euler steps of .05, .01 and .002."""
    departures = []
    for step in (0.05, 0.01, 0.002):
        outputs = decoupled(1e-5, 60.0, step, round(0.1 / step), seed=fresh_seed())
        shares = np.diagonal(mode_matrix(outputs), axis1=-2, axis2=-1) / modes()[1]
        by_law = learned_shares(0.1 * np.arange(len(outputs)), 1e-5)[np.repeat(np.arange(4), model.COUNTS)].T
        departures.append(float(np.abs(shares - by_law).max()))
        off = mode_matrix(outputs) - shares[..., None] * np.diag(modes()[1])
        assert np.abs(off).max() < 1e-12  # modes stay decoupled, level by level
    assert departures[0] == pytest.approx(0.034, rel=0.1) and departures[1] < 0.01
    assert departures[1] / departures[2] == pytest.approx(5, rel=0.05)  # of first order


def test_half_times_from_random_starts():
    """[eq:mode-half-time] with a_0 = ε²√N_h (13.9, 19.7, 29.2, 48.3) is right to a tenth, the derived one to 1 %."""
    halves = crossing_times(measured_shares(train(RUNS, fresh_seed(), time=60.0)), model.STEP * model.EVERY)
    rough, derived = half_times(WEIGHT**2 * np.sqrt(HIDDEN)), half_times(start_strength())
    np.testing.assert_allclose(rough, [13.9, 19.7, 29.2, 48.3], atol=0.06)
    error = halves.std(axis=1, ddof=1) / np.sqrt(RUNS)
    assert (np.abs(halves.mean(axis=1) / rough - 1) < 0.1).all()
    assert (np.abs(halves.mean(axis=1) - derived) < 0.01 * derived + 5 * error).all()
    assert (np.abs(halves.mean(axis=1) - rough) > 12 * error).any()
    assert (np.diff(halves, axis=0) > 0).all()  # from the root down, in every run
    reported = np.array([12.98, 18.38, 27.27, 45.13])  # means of 20 runs at steps of .05, which cost up to .15
    assert (np.abs(halves.mean(axis=1) - reported) < 0.16 + 5 * error * np.sqrt(1 + RUNS / 20)).all()
    assert (halves.std(axis=1, ddof=1) > 0.15).all() and (halves.std(axis=1, ddof=1) < 1.2).all()


@pytest.mark.parametrize("hidden", [16, 64])
def test_the_start_by_the_squares_that_are_left(hidden):
    """[eq:initial-mode-strength] is the mean logarithm of (ε² + T/s)/2 times N_h - j squared normal numbers."""
    random, draws, earlier = fresh_generator(), 100_000, 3
    logs = np.log(random.chisquare(hidden - earlier, draws) / 2 * (WEIGHT**2 + 2e-7 / 0.3))
    value = law("initial-mode-strength")(
        hidden_units=hidden, earlier_modes=earlier, initial_weight_deviation=WEIGHT, temperature=2e-7,
        mode_correlation=0.3,
    )  # fmt: skip
    assert abs(np.log(value) - logs.mean()) < 5 * logs.std() / np.sqrt(draws)


def test_temperature_hastens_and_keeps_the_order():
    temperature = 1e-5
    halves = crossing_times(measured_shares(train(RUNS, fresh_seed(), temperature, time=40.0)), 0.2)
    by_law = half_times(start_strength(temperature))
    error = halves.std(axis=1, ddof=1) / np.sqrt(RUNS)
    assert (np.abs(halves.mean(axis=1) - by_law) < 0.01 * by_law + 5 * error).all()
    assert by_law[-1] < 0.65 * half_times(start_strength())[-1] and (np.diff(halves, axis=0) > 0).all()


def test_small_minibatches_delay_what_is_learned_late():
    """Found here: at a learning rate of .2, minibatches of one delay the leaves by a seventh, the root hardly."""
    seed = fresh_seed()
    ratios = []
    for rate in (0.05, 0.2):
        one, many = (
            crossing_times(measured_shares(train(20, seed, 0.0, batch, 80.0, rate, round(0.2 / rate))), 0.2)
            for batch in (1, 64)
        )
        assert (np.diff(one, axis=0) > 0).all()
        ratios.append(one.mean(axis=1) / many.mean(axis=1))
    assert abs(ratios[1][0] - 1) < 0.05 and 1.1 < ratios[1][-1] < 1.22
    assert ratios[0][-1] - 1 < 0.5 * (ratios[1][-1] - 1)


def test_illusory_correlations():
    """Reported for a_0 = 1e-5: .402 at 15.8, .435 at 22.1 and .460 at 34.3, from the top feature to the leaf's."""
    peaks, times = illusion_peaks(1e-5)
    np.testing.assert_allclose(peaks, [0.402, 0.435, 0.460], atol=0.001)
    np.testing.assert_allclose(times, [15.8, 22.1, 34.3], atol=0.1)
    outputs = decoupled(1e-5, 60.0, 0.01, 10, seed=fresh_seed())
    told = model.beliefs(outputs)
    np.testing.assert_allclose(told.max(axis=1), peaks, atol=0.001)
    np.testing.assert_allclose(0.1 * told.argmax(axis=1), times, atol=0.2)
    assert np.abs(told[:2, -1]).max() < 1e-4 and told[2, -1] < 0.03


def test_features_and_beliefs_by_the_laws_are_those_of_the_outputs():
    """[eq:feature-strength] and [eq:illusory-strength] for any shares learned, at every level."""
    shares = fresh_generator().random(4)
    left, values, right = modes()
    outputs = left * (values * np.repeat(shares, model.COUNTS)) @ right.T
    np.testing.assert_allclose(illusions(shares), model.beliefs(outputs), atol=1e-12)
    own = shares[0]
    for level in range(1, 4):
        own = law("feature-strength")(parent_feature_strength=own, learned_share=shares[level])
        assert own == pytest.approx(outputs[2**level - 1, 0], abs=1e-12)


def test_a_level_is_its_subspace():
    """Another basis of the four leaf modes gives the same share learned, whatever the outputs."""
    random = fresh_generator()
    outputs = random.standard_normal((15, 8))
    turned, _ = np.linalg.qr(random.standard_normal((4, 4)))
    left, _, right = modes()
    trace = np.trace((left[:, 4:] @ turned).T @ outputs @ right[:, 4:] @ turned) / 4
    assert measured_shares(outputs)[3] == pytest.approx(trace, abs=1e-12)


def test_crossings_are_between_the_times_kept():
    shares = np.array([[0.0, 0.25, 0.75, 1.0], [0.0, 0.1, 0.2, 0.3]])
    np.testing.assert_allclose(crossing_times(shares, 2.0), [3.0, np.nan])


def test_runs_are_seeded():
    one, two, other = (train(2, seed, 1e-6, time=2.0) for seed in ([1, 2], [1, 2], [1, 3]))
    assert np.array_equal(one, two) and not np.array_equal(one, other)
