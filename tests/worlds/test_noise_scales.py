"""Factors of two in the noise of arms and worlds, read off one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import slt_toys.worlds.world as worlds
from slt_toys.protocol.arms import Arm


def test_early_noise_trains_by_the_settings_of_its_run(monkeypatch):
    """Learning rates, steps and minibatches are those of the settings; nothing scales the minibatches' own noise."""
    seen: dict[str, Any] = {}

    class Stop(Exception):
        pass

    def train(data, scale, rates, steps, batches, *, noise=1.0, seed):
        seen.update(rates=np.asarray(rates), steps=steps, batches=np.asarray(batches), noise=noise)
        raise Stop

    monkeypatch.setattr(worlds.diagonal_linear_network, "train", train)
    world = worlds.early_noise()
    training = world.training
    for arm in (Arm("control"), Arm("halve", batch_factor=0.5), Arm("double", batch_factor=2.0)):
        settings = arm.sgd_run(training, 4, 6)
        with pytest.raises(Stop):
            world.run(settings, 1, [0])
        size = arm.batch_factor * training.batch_size
        np.testing.assert_allclose(seen["rates"], training.learning_rates(10), rtol=1e-12)
        assert seen["steps"] == round(training.dataset_size / size) and seen["noise"] == 1.0
        np.testing.assert_array_equal(seen["batches"], np.where(np.arange(10) >= 4, size, 0))
        # what an experimenter computes of it, with the variance measured: the law, and a flow time of all steps
        schedule = settings.schedule(4.0)
        np.testing.assert_allclose(schedule.temperatures, seen["rates"] * 4.0 / (2 * size), rtol=1e-12)
        np.testing.assert_allclose(schedule.durations, seen["rates"] * seen["steps"], rtol=1e-12)
