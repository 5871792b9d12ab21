"""Schedules of steps and temperatures, kept as runs of equal steps."""

from __future__ import annotations

import numpy as np

from slt_toys.potentials.catalogue import regular_double_well
from slt_toys.samplers import OverdampedLangevin, Stage, sample, sample_stages


def test_stages_are_one_schedule():
    potential = regular_double_well()
    half = [
        Stage(potential, OverdampedLangevin(0.01), 2.0, 33),
        Stage(potential, OverdampedLangevin(0.02), 5.0, 20),
    ]
    whole = sample(
        potential, OverdampedLangevin(np.repeat([0.01, 0.02], [33, 20])), n_beta=np.repeat([2.0, 5.0], [33, 20]),
        chains=64, steps=53, thin=53, seed=3,
    )  # fmt: skip
    staged = sample_stages(half, chains=64, seed=3)
    assert np.array_equal(staged["w"].values[:, -1], whole["w"].values[:, -1])
    np.testing.assert_allclose(staged["time"], [0.33, 0.73])
    np.testing.assert_allclose(whole["time"], [0.73])
