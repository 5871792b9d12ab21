"""What is read from a spectrum: windows as wide as the decline resolves, and the median."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from slt_toys.barriers.measured import MeasuredDecline, measured_decline
from slt_toys.barriers.population import log_normal
from slt_toys.barriers.readings import WIDTHS, read_barriers, window_edges
from tests.barriers.made_experiment import EPOCHS


def test_windows_are_as_wide_as_the_decline_resolves(experiment_kernel):
    edges = window_edges(experiment_kernel)
    assert edges[0] == pytest.approx(experiment_kernel.lowest) and edges[-1] == pytest.approx(experiment_kernel.highest)
    for low, high in pairwise(edges):
        middle = float(np.sqrt(low * high))
        assert np.log(high / low) > experiment_kernel.log_width(middle)
    for low, high in pairwise(edges[1:]):
        middle = float(np.sqrt(low * high))
        _, _, rows = experiment_kernel.step_at(middle)
        assert np.log(high / low) >= WIDTHS * experiment_kernel.log_width(middle) * max(1.0, 1 / rows) - 1e-6


def test_the_median_of_a_reading(experiment_kernel):
    population = log_normal("smooth", 0.8, 0.45)
    mean = population.weights @ experiment_kernel(population.heights)
    noise = np.full(EPOCHS.size, 1e-3)
    clean = MeasuredDecline("x", 0, measured_decline("x", EPOCHS, 1 - mean, noise, best=1.0, worst=0.0).decline, 1, 0,
                            True, False)  # fmt: skip
    reading = read_barriers(experiment_kernel, clean.decline, neighbours_weight=2 / 3, repetitions=40)
    assert reading.median == pytest.approx(0.8, rel=0.03)
    assert reading.standard_errors == pytest.approx(noise)
