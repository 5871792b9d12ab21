"""Annealed evolution, forwards and backwards: adjoint, conserving mass, and at rest in the stationary law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erfc

from slt_toys.exact.fokker_planck import FokkerPlanck, Grid, phase_weights
from slt_toys.exact.propagator import propagator_error
from slt_toys.exact.sweeps import backward_sweep, forward_sweep, frozen_epoch, frozen_sweep
from tests.exact.made_sweeps import PAIR, small_line, small_plane


def schedule(batch_size: float, epochs: int, variance: float = 3072.0) -> tuple[np.ndarray, np.ndarray]:
    rate = 0.05 * 0.97 ** np.arange(epochs)
    return rate * variance / (2 * batch_size), rate * 50_000 / batch_size


@pytest.mark.parametrize("process", [small_line(), small_plane()], ids=["line", "plane"])
def test_sweeps_are_adjoint_and_keep_mass(process):
    temperatures, durations = schedule(64, 120)
    durations = durations.copy()
    durations[7] = 0.0
    generator = np.random.default_rng(1)
    start = generator.random(process.grid.shape)
    terminal = generator.random(process.grid.shape)
    masses = forward_sweep(process, temperatures, durations, start)
    values = backward_sweep(process, temperatures, durations, terminal)
    axes = tuple(range(1, masses.ndim))
    pairing = (masses * values).sum(axis=axes)
    assert np.ptp(pairing) < 1e-10
    assert np.abs(masses.sum(axis=axes) - 1).max() < 1e-10
    assert np.allclose(masses[0], start / start.sum()) and np.array_equal(values[-1], terminal)


def test_masses_and_probabilities_stay_in_range():
    process = small_line()
    temperatures, durations = schedule(64, 250)
    one = np.zeros(process.grid.shape)
    one[5] = 1.0
    masses = forward_sweep(process, temperatures, durations, one)
    assert masses.min() > -2 * propagator_error(4)
    values = backward_sweep(process, temperatures, durations, phase_weights(PAIR.clean, "left", process.grid))
    assert values.min() > -2 * propagator_error(4) and values.max() < 1 + 2 * propagator_error(4)


@pytest.mark.parametrize("process", [small_line(), small_plane()], ids=["line", "plane"])
def test_stationary_law_stays(process):
    law = process.stationary(0.3)
    masses = forward_sweep(process, [0.3] * 3, [10.0, 1e4, 1e-3], law)
    assert np.abs(masses - law).max() < 1e-10


@pytest.mark.parametrize("sweep", [forward_sweep, backward_sweep])
@pytest.mark.parametrize("substeps", [0, -1])
def test_bad_substeps_are_refused(sweep, substeps):
    process = small_line()
    with pytest.raises(ValueError, match="substeps must be"):
        sweep(process, [1.0], [1.0], np.ones(process.grid.shape), substeps)


def test_frozen_sweep_is_brute_force_in_a_plane():
    """Every switch epoch from three columns, against one run at a time to the very end; not frozen, no answer."""
    after = small_plane()
    before = FokkerPlanck(after.grid, after.energy - after.grid.points[..., 0])
    temperatures, durations = schedule(128, 150)
    temperatures, durations = temperatures[::2], durations[::2]
    start = before.stationary(0.6).ravel()
    stuck = (after.grid.points[..., 0] > 1.6).astype(float).ravel()
    told: list[float] = []
    swept = frozen_sweep(before, after, temperatures, durations, start, stuck, told.append)
    assert swept is not None and sum(told) == pytest.approx(1) and 20 < len(swept.stuck) < 75
    found = swept.stuck
    for switch in (0, 9, 17, len(found) - 1, 70):
        masses = start.reshape(before.grid.shape)
        if switch:
            masses = np.maximum(forward_sweep(before, temperatures[:switch], durations[:switch], masses)[-1], 0)
        end = forward_sweep(after, temperatures[switch:], durations[switch:], masses)[-1].ravel() @ stuck
        assert found[min(switch, len(found) - 1)] == pytest.approx(end, abs=1e-8)
    assert np.ptp(found) > 0.1
    assert frozen_sweep(before, after, temperatures[:9], durations[:9], start, stuck, told.append) is None


def test_mass_on_its_way_to_the_border_is_not_called_frozen():
    """A deficit that holds all mass just beside the clean border: nothing crosses yet, and 1.7 % of it will."""
    grid = Grid((np.linspace(-1.6, 1.6, 1601),))
    w = grid.points[..., 0]
    before, after = FokkerPlanck(grid, 200 * (w - 0.15) ** 2), FokkerPlanck(grid, (w**2 - 1) ** 2)
    temperatures, durations = np.full(12, 0.02), np.full(12, 2.0)
    start, stuck = before.stationary(0.02), (w > 0).astype(float)
    whole = forward_sweep(after, temperatures, durations, start)[-1] @ stuck
    assert 1 - whole == pytest.approx(0.5 * erfc(0.15 / 0.02**0.5 * 2**0.5), rel=0.1)  # of a parabolic top
    found = frozen_sweep(before, after, temperatures, durations, start, stuck, lambda share: None)
    assert found is None or found.stuck[0] == pytest.approx(whole, abs=1e-8)
    assert frozen_epoch(before, after, temperatures, durations, start, stuck, 1e-5) != 0
    settled = after.stationary(0.02) * stuck  # as much at rest is frozen at once
    assert frozen_epoch(after, after, temperatures, durations, settled / settled.sum(), stuck, 1e-5) == 0
