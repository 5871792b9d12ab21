"""Factors of two and of 1 - momentum in the noise of arms and worlds, read off one call."""

from __future__ import annotations

import numpy as np
import pytest

import slt_toys.worlds as worlds
from slt_toys.arms import Arm
from slt_toys.training import ExponentialDecay, Training
from theory.reshuffling import temperature_factor


def test_early_noise_makes_the_temperature_of_its_schedule(monkeypatch):
    """Minibatch noise of variance (noise^2 sigma^2/B) at step eta is the temperature eta noise^2 sigma^2/(2 B)."""
    seen = {}

    class Stop(Exception):
        pass

    def train(data, scale, rates, steps, batches, *, noise, seed):
        seen.update(rates=np.asarray(rates), steps=np.asarray(steps), batches=np.asarray(batches), noise=noise)
        raise Stop

    monkeypatch.setattr(worlds.diagonal_linear_network, "train", train)
    world = worlds.early_noise()
    training = world.training
    for arm in (Arm("control"), Arm("halve", batch_factor=0.5), Arm("double", batch_factor=2.0)):
        schedule = arm.schedule(training, 4, 6)
        with pytest.raises(Stop):
            world.run(schedule, 1, [0])
        after = np.arange(10) >= 4
        made = seen["rates"] * seen["noise"] ** 2 * training.gradient_variance / (2 * training.batch_size)
        np.testing.assert_allclose(made, schedule.temperatures, rtol=1e-12)
        np.testing.assert_allclose(seen["rates"] * seen["steps"], schedule.durations, rtol=1e-12)
        np.testing.assert_array_equal(seen["batches"], np.where(after, training.batch_size, 0))
    # The control's noise, where a step is the schedule's own, is that of its minibatches: factor one.
    own = Arm("control").schedule(training, 4, 6)
    temperature = own.learning_rates * training.gradient_variance / (2 * training.batch_size)
    np.testing.assert_allclose(own.temperatures, temperature, rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_a_reshuffled_arm_has_the_factor_of_its_slow_mode(momentum):
    """In the continuous limit a heavy ball is plain descent with step eta/(1 - mu): its factor, from theory."""
    training = Training(64, 640, ExponentialDecay(0.01, 0.97), 5.0, momentum=momentum)
    plain, shuffled = (
        arm.schedule(training, 3, 5, curvature=2.0) for arm in (Arm("control"), Arm("shuffled", order="reshuffled"))
    )
    steps = 0.01 * 0.97 ** np.arange(8) / (1 - momentum)
    expected = [temperature_factor(2.0 * step, 0.0, 10) for step in steps]
    np.testing.assert_allclose(shuffled.temperatures / plain.temperatures, expected, rtol=1e-6)
