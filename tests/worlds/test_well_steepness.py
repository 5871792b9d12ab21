"""Curvatures of wells and what they do to SGD's temperature, by hand on wells whose curvature is written down."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.potentials.potential import Potential
from slt_toys.protocol.training import ExponentialDecay, Training
from slt_toys.worlds.well_steepness import (
    reshuffling_factors,
    steepest_of_one_temperature,
    steepness,
    well_curvatures,
)
from theory.laws.reshuffling import temperature_factor

TRAINING = Training(100, 5_000, ExponentialDecay(0.1, 0.9), 1.0)


def test_curvatures_are_those_of_the_wells():
    """(w²-1)² has 8 at both of its minima; a second coordinate alone adds its own."""
    assert well_curvatures(Potential.from_expression("(w**2-1)**2")) == pytest.approx([8, 8])
    assert well_curvatures(Potential.from_expression("3*x**2 + 5*y**2")) == pytest.approx([6, 10])


def test_steepness_falls_with_the_learning_rate():
    assert steepness(TRAINING, 8.0, 0.0) == pytest.approx(0.8)
    assert steepness(TRAINING, 8.0, 2.0) == pytest.approx(0.8 * 0.81)
    assert 1 / (1 - steepest_of_one_temperature() / 2) == pytest.approx(1.05)


def test_factors_of_reshuffling_span_wells_and_epochs():
    low, high = reshuffling_factors(TRAINING, np.array([1.0, 8.0]), 2.0)
    every = [temperature_factor(rate * h, 0.0, 50) for rate in (0.1, 0.081) for h in (1.0, 8.0)]
    assert (low, high) == pytest.approx((min(every), max(every)), rel=1e-9)
    assert low < high and all(math.isnan(x) for x in reshuffling_factors(TRAINING, np.array([0.0, 8.0]), 2.0))
    assert all(math.isnan(x) for x in reshuffling_factors(TRAINING, np.array([1.0, 8.0]), None))
