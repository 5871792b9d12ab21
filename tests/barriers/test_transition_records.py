"""Transitions found in records of the loss: steps, false alarms, windows, and those of SGD."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.barriers.transition_law import DecayLaw, loss_noise
from slt_toys.barriers.transition_records import (
    Detector,
    detect_transitions,
    mean_difference_error,
    record_means,
    recording_study,
    simulate_losses,
)
from slt_toys.potentials.examples import GaussianGradients
from slt_toys.reference.laws import law
from slt_toys.samplers import SGD, OverdampedLangevin
from tests.barriers.made_transitions import SIDES, SYSTEM, TEMPERATURE
from tests.seeds import fresh_seeds


def test_error_of_a_difference_of_means():
    """Against the double sum over a fine grid of times; white noise would give another answer."""
    noise = [DecayLaw(np.array([0.7, 0.2]), np.array([0.5, 4.0])), DecayLaw(np.array([0.3]), np.array([1.5]))]
    length, gap, step = 2.0, 0.7, 0.01
    times = np.concatenate([np.arange(0, length, step), length + gap + np.arange(0, length, step)]) + step / 2
    weights = np.where(times < length, 1.0, -1.0) / (length / step)
    apart = np.abs(times[:, None] - times)
    exact = math.sqrt(weights @ sum(part(apart) for part in noise) @ weights)
    assert mean_difference_error(noise, length, gap) == pytest.approx(exact, rel=1e-3)
    assert mean_difference_error(noise, 1e-9, 1e9) == pytest.approx(math.sqrt(2 * 1.2), rel=1e-6)


@pytest.mark.parametrize("averaged", [1, 4])
def test_steps_are_found_where_they_are(averaged):
    noise = 1e-4 * np.random.default_rng(fresh_seeds()).standard_normal(100)
    places = [12, 12 + 2 * averaged + 2, 40, 70]
    record = noise - sum((np.arange(100) > place) + 0.5 * (np.arange(100) == place) for place in places)
    (found,) = detect_transitions(record, 0.05, averaged, 5.0)
    assert found.tolist() == places
    closer = noise - sum(1.0 * (np.arange(100) > place) for place in (40, 40 + averaged))
    assert len(detect_transitions(closer, 0.05, averaged, 5.0)[0]) == 1  # too close: one
    assert len(detect_transitions(-record, 0.05, averaged, 5.0)[0]) == 0  # rises are no transitions


@pytest.mark.parametrize("averaged", [1, 5])
def test_false_alarms_keep_their_level(averaged):
    runs, count, detector = 4000, 60, Detector(0.0, 0.05)
    records = np.random.default_rng(fresh_seeds()).standard_normal((runs, count))
    error = math.sqrt(2 / averaged)
    alarms = np.array([len(f) for f in detect_transitions(records, error, averaged, detector.threshold(count))])
    assert alarms.mean() < 0.05 + 5 * math.sqrt(0.05 / runs)
    loose = np.array([len(f) for f in detect_transitions(records, error, averaged, 1.0)])
    assert loose.mean() > 0.05 + 100 * math.sqrt(0.05 / runs)  # control: a threshold of one standard error


def test_record_means_and_windows():
    assert record_means(np.arange(7.0), 2) == pytest.approx([0.5, 2.5, 4.5])
    assert [Detector(2.0).records(interval) for interval in (0.02, 0.5, 1.9, 5.0)] == [100, 4, 1, 1]
    assert Detector(2.0).resolution(0.5) == pytest.approx(2.5)


def test_recording_intervals():
    """From single minibatches up: what can be told apart follows the exact law, and what is detected follows it."""
    step, chains, every = 0.02, 100, [5, 50, 500, 3000]
    sampler = OverdampedLangevin(step, "heun")
    losses = simulate_losses(SYSTEM, sampler, n_beta=1 / TEMPERATURE, steps=20_000, chains=chains, seed=fresh_seeds())
    study = recording_study(SYSTEM, sampler, TEMPERATURE, losses, every, Detector(2.0))

    def error(counts):
        return np.maximum(counts.std("chain").values, 0.2) / math.sqrt(chains)

    arrived = np.isfinite(losses["arrival"].values).sum(axis=1)
    assert abs(arrived.mean() - study.attrs["expected_total"]) < 5 * arrived.std() / math.sqrt(chains)
    separate = study["separate"]
    distance = (separate.mean("chain").values - study["expected_separate"].values) / error(separate)
    assert np.abs(distance).max() < 5
    detected = study["detected"].mean("chain").values
    fine = slice(0, 2)  # where the windows are short against the fastest waiting time, the leading order is good
    assert (np.abs(detected - study["expected_detected"].values)[fine] < 5 * error(study["detected"])[fine]).all()
    assert detected[0] - detected[-1] > 12 * error(study["detected"] - study["detected"][-1])[0]  # rare records merge
    assert (np.diff(study["expected_detected"].values) < 1e-9).all()
    # Control: had the noise been taken for a third of what it is, false alarms would swamp the count.
    records = record_means(losses["loss"].values, 50)
    honest = mean_difference_error(loss_noise(SYSTEM, TEMPERATURE, *SIDES), 2.0, 1.0)
    threshold = Detector(2.0).threshold(records.shape[1])
    swamped = np.mean([len(found) for found in detect_transitions(records, honest / 3, 2, threshold)])
    assert swamped > detected[1] + 12 * error(study["detected"])[1]


def test_sgd_makes_the_same_transitions():
    # The step is so small that wells are wider than Langevin's by 4 % at most [eq:sgd-temperature-quadratic].
    rate, batch = 0.005, 16
    variance = 2 * TEMPERATURE * batch / rate
    assert law("sgd-temperature")(learning_rate=rate, gradient_variance=variance, batch_size=batch, momentum=0) == (
        pytest.approx(TEMPERATURE)
    )
    examples, sampler, chains = GaussianGradients(SYSTEM, variance=variance), SGD(rate, batch), 100
    losses = simulate_losses(examples, sampler, n_beta=None, steps=8000, chains=chains, seed=fresh_seeds())
    study = recording_study(examples, sampler, TEMPERATURE, losses, [1, 80], Detector(2.0))
    separate = study["separate"]
    error = separate.std("chain").values / math.sqrt(chains)
    assert (np.abs(separate.mean("chain").values - study["expected_separate"].values) < 5 * error).all()
    detected = study["detected"].mean("chain").values
    assert (np.abs(detected - separate.mean("chain").values) < 5 * error).all()
