"""Annealing schedules: their shapes, and that slow ones reach equilibrium where a quench is stuck."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.exact.equilibrium import phase_table
from slt_toys.potentials.catalogue import find_potential
from slt_toys.samplers import MALA, OverdampedLangevin, annealing_schedule, sample
from tests.seeds import fresh_seed


@pytest.mark.parametrize("shape", ["geometric", "linear", "linear_temperature"])
@pytest.mark.parametrize(("first", "last"), [(0.5, 40.0), (40.0, 0.5)])
def test_shapes(shape, first, last):
    values = annealing_schedule(first, last, 100, shape)
    assert values.shape == (100,) and values[0] == pytest.approx(first) and values[-1] == pytest.approx(last)
    change = {"geometric": np.log, "linear": lambda x: x, "linear_temperature": lambda x: 1 / x}[shape]
    np.testing.assert_allclose(np.diff(change(values), 2), 0, atol=1e-12 * max(first, last))
    steps = annealing_schedule(first, last, 103, shape, plateaus=5)
    levels, lengths = np.unique(steps, return_counts=True)
    assert len(levels) == 5 and set(lengths) <= {20, 21} and lengths.sum() == 103
    assert (np.diff(steps) * np.sign(last - first) >= 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 1.0, 10), "first must be positive"),
        ((1.0, math.inf, 10), "last must be positive"),
        ((1.0, 2.0, 0), "steps must be at least 1"),
        ((1.0, 2.0, 10, "geometric", 11), "plateaus must lie between 1 and steps = 10"),
        ((1.0, 2.0, 10, "cubic"), "shape must be one of geometric"),
    ],
)
def test_bad_schedules_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        annealing_schedule(*arguments)


def occupancy(n_beta, steps: int) -> np.ndarray:
    potential = find_potential("singular_double_well_2_4")
    draws = sample(
        potential, MALA(0.02), n_beta=n_beta, chains=20_000, steps=steps, thin=steps, seed=fresh_seed(), initial="left"
    )["w"].values[:, 0]
    return (potential.phase_index(draws) == 0).astype(float)


def test_slow_annealing_reaches_equilibrium_where_a_quench_is_stuck():
    """From the shallower phase: cooled slowly, the occupancy is the exact one at the last temperature."""
    potential, cold = find_potential("singular_double_well_2_4"), 3.0
    exact = float(phase_table(potential, cold)["occupancy"].values[0, 0])
    annealed = occupancy(annealing_schedule(0.5, cold, 12_000, plateaus=60), 12_000)
    error = annealed.std(ddof=1) / math.sqrt(annealed.size)
    assert 0 < error < 0.01
    assert abs(annealed.mean() - exact) < 5 * error
    # Negative control: quenched, the chains have not left the phase they started in.
    assert occupancy(60.0, 2_000).mean() > 0.9 > 0.5 > exact


def test_a_schedule_of_the_learning_rate_is_one_of_time_and_temperature():
    """Per-step arrays of both are taken together, and plateaus change no bit."""
    potential = find_potential("regular_double_well")
    n_beta = annealing_schedule(1.0, 8.0, 60, plateaus=6)
    step_size = np.repeat(np.linspace(0.02, 0.005, 6), 10)
    drawn = sample(
        potential, OverdampedLangevin(step_size), n_beta=n_beta, chains=64, steps=60, thin=60, seed=1, diagnose=False
    )
    again = sample(
        potential, OverdampedLangevin(list(step_size)), n_beta=list(n_beta), chains=64, steps=60, thin=20, seed=1
    )
    assert np.array_equal(drawn["w"][:, -1], again["w"][:, -1])
    assert drawn["time"].values[-1] == pytest.approx(step_size.sum())
