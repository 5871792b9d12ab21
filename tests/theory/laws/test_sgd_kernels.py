"""Transition densities and the bridge of an epoch by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from slt_toys.reference.laws import law
from tests.seeds import fresh_generator

RUNS = 40_000


def test_one_step_lands_as_the_density_says():
    random = fresh_generator()
    rate, slope, noise, start = 0.1, 3.0, 2.0, 0.5
    ends = start - rate * (slope + noise * random.standard_normal(RUNS))
    grid = np.linspace(-1.2, 1.6, 4_001)
    density = law("sgd-transition-density")(
        learning_rate=rate, loss_slope=slope, step_noise=noise, coordinate=start, next_coordinate=grid
    )
    cumulative = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2) * (grid[1] - grid[0])])
    assert cumulative[-1] == pytest.approx(1, abs=1e-9)

    def law_of(values: np.ndarray) -> np.ndarray:
        return np.interp(values, grid, cumulative)

    assert stats.kstest(ends, law_of).pvalue > 1e-7
    assert stats.kstest(ends + 0.02, law_of).pvalue < 1e-9


def test_the_buffer_of_momentum_is_normal_about_its_mean():
    random = fresh_generator()
    buffers = 0.6 * 1.5 + 2.0 + 0.7 * random.standard_normal(RUNS)
    density = law("sgd-momentum-transition")(
        momentum=0.6, loss_slope=2.0, step_noise=0.7, momentum_buffer=1.5, next_momentum_buffer=buffers
    )
    mean = 1 / np.sqrt(4 * np.pi * 0.49)  # of a normal density at its own draws
    assert abs(density.mean() - mean) < 5 * density.std() / np.sqrt(RUNS)


@pytest.mark.parametrize("steps", [2, 5, 40])
def test_an_epochs_noise_by_the_bridge_has_the_covariance_of_examples_without_replacement(steps):
    """Every step's noise from the sum so far alone; against real examples put in random order."""
    random = fresh_generator()
    total, noise = np.zeros(RUNS), np.empty((steps, RUNS))
    for step in range(steps):
        left = float(steps - step)
        mean = law("epoch-bridge-mean")(noise_so_far=total, steps_left=left)
        noise[step] = mean + np.sqrt(law("epoch-bridge-step")(steps_left=left)) * random.standard_normal(RUNS)
        total += noise[step]
    assert np.abs(total).max() < 1e-9
    found = noise @ noise.T / RUNS
    expected = np.eye(steps) - 1 / steps
    assert np.abs(found - expected).max() < 5.5 * np.sqrt(2 / RUNS)
    examples = random.permuted(np.tile(random.standard_normal(4 * steps), (2_000, 1)), axis=1)
    examples -= examples.mean(axis=1, keepdims=True)
    batches = examples.reshape(2_000, steps, 4).mean(axis=2) * np.sqrt(4 / examples[0].var(ddof=1))
    assert np.abs(batches.T @ batches / 2_000 - expected).max() < 7 * np.sqrt(2 / 2_000)
    assert np.abs(found - np.eye(steps)).max() > 0.9 / steps or steps > 20, "the negative control: with replacement"
