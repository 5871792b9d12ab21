"""Factors of two in the noise of arms and worlds, read off one call."""

from __future__ import annotations

import numpy as np
import pytest

import slt_toys.worlds.world as worlds
from slt_toys.protocol.arms import Arm


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
    assert own.learning_rates is not None
    temperature = own.learning_rates * training.gradient_variance / (2 * training.batch_size)
    np.testing.assert_allclose(own.temperatures, temperature, rtol=1e-12)
