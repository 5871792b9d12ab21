"""Transitions counted at each recording interval against their law."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.barriers.recording_intervals import ManyBarriers, transitions_by_interval
from slt_toys.reference.laws import law
from tests.seeds import fresh_seeds


def test_transitions_by_interval_follow_the_law():
    system = ManyBarriers(barriers=4, epochs=40)
    variance = system.gradient_variance
    values = {"learning_rate": system.learning_rate, "batch_size": system.batch_size, "momentum": 0.0}
    assert law("sgd-temperature")(gradient_variance=variance, **values) == pytest.approx(system.temperature)
    seed = fresh_seeds()
    found = transitions_by_interval(system, [4096, 64], chains=60, seed=seed)
    assert found["every"].values.tolist() == [64, 4096]
    for name in ("detected", "separate"):
        counted, expected, error = (found[part].values for part in (name, f"expected_{name}", f"{name}_error"))
        distance = np.abs(counted - expected) / error
        assert distance[0] < 5 and (name == "detected" or distance[1] < 5)
    # Control: rare records merge transitions.
    assert float(found["detected"][0] - found["detected"][1]) > 12 * 0.5 / math.sqrt(60)
    again = transitions_by_interval(system, [64, 4096], chains=60, seed=seed)
    assert found.equals(again)
