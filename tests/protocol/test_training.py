"""A training run's temperatures and times, by hand and by law."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.protocol.training import ConstantRate, ExponentialDecay, PowerDecay, Training
from slt_toys.reference.laws import law


def test_schedules_by_hand():
    epochs = np.arange(3)
    np.testing.assert_allclose(PowerDecay(0.4, 1.5)(epochs), [0.4, 0.4 / 2**1.5, 0.4 / 3**1.5])
    np.testing.assert_allclose(ExponentialDecay(0.4, 0.5)(epochs), [0.4, 0.2, 0.1])
    np.testing.assert_allclose(ConstantRate(0.4)(epochs), [0.4, 0.4, 0.4])


@pytest.mark.parametrize("momentum", [0.0, 0.75])
def test_temperatures_and_times_by_hand(momentum):
    """T = η σ² / (2 B (1-μ)); an epoch of N/B steps lasts η N / (B (1-μ))."""
    training = Training(8, 400, ExponentialDecay(0.4, 0.5), 12.0, momentum)
    np.testing.assert_allclose(training.learning_rates(3), [0.4, 0.2, 0.1])
    np.testing.assert_allclose(training.temperatures(3), np.array([0.3, 0.15, 0.075]) / (1 - momentum))
    np.testing.assert_allclose(training.durations(3), np.array([20.0, 10.0, 5.0]) / (1 - momentum))


def test_training_gives_temperatures_and_times_by_law():
    training = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0, momentum=0.9)
    assert training.temperatures(3) == pytest.approx(6.0 * 0.97 ** np.arange(3))
    assert training.durations(2)[1] == pytest.approx(0.05 * 0.97 * 50_000 / 128 / 0.1)
    assert law("epochs-per-halving")(decay=0.97) == pytest.approx(math.log(2) / -math.log(0.97))


def test_a_whole_dataset_is_a_batch_and_more_is_not():
    assert Training(400, 400, ConstantRate(0.1), 1.0).durations(1) == pytest.approx([0.1])
    with pytest.raises(ValueError, match="batch_size 401 is larger than the dataset of 400"):
        Training(401, 400, ConstantRate(0.1), 1.0)


@pytest.mark.parametrize("bad", [0.0, -0.1, np.nan, np.inf])
def test_rates_that_are_none_are_named_with_their_epoch(bad):
    rates = np.array([0.1, 0.1, bad, 0.1])
    training = Training(8, 400, lambda epochs: rates[epochs], 1.0)
    assert training.learning_rates(2).tolist() == [0.1, 0.1]
    with pytest.raises(ValueError, match="in epoch 2 it is"):
        training.durations(4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExponentialDecay(0.05, 1.0), "decay must lie strictly between 0 and 1"),
        (lambda: ExponentialDecay(0.05, -0.1), "decay must lie"),
        (lambda: ExponentialDecay(-1.0, 0.9), "learning_rate must be positive"),
        (lambda: PowerDecay(0.1, 0.0), "power must be positive"),
        (lambda: ConstantRate(math.nan), "learning_rate must be positive"),
        (lambda: Training(60_000, 50_000, ConstantRate(0.1), 1.0), "batch_size 60000 is larger than the dataset"),
        (lambda: Training(0, 50_000, ConstantRate(0.1), 1.0), "batch_size must be positive"),
        (lambda: Training(64, 50_000, ConstantRate(0.1), -1.0), "gradient_variance must be positive"),
        (lambda: Training(64, 50_000, ConstantRate(0.1), 1.0, momentum=1.0), "momentum must lie in"),
        (lambda: Training(64, 50_000, lambda e: 0.1 - 0.1 * e, 1.0).temperatures(3), "in epoch 1 it is"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
