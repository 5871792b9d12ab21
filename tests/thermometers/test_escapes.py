"""Tabulated thermometers against those that solve anew, and in two coordinates against the chains' temperature."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.exact.draws import draw_exact
from slt_toys.samplers import OverdampedLangevin, sample
from slt_toys.thermometers.dynamic import escape_thermometer
from slt_toys.thermometers.equilibrium import energy_thermometer
from slt_toys.thermometers.escapes import (
    escape_rate,
    phase_energy_thermometer,
    recorded_escape_thermometer,
    transverse_thermometer,
)
from slt_toys.worlds.gibbs import line_potential, plane_potential
from tests.seeds import fresh_seed

LINE, PLANE = line_potential(), plane_potential()
BETWEEN, LIMIT = (0.8, 9.0), 5.0


def chains_at(potential, temperature: float, chains: int, duration: float, interval: float) -> np.ndarray:
    step = 0.004
    return sample(
        potential, OverdampedLangevin(step, "heun"), n_beta=1 / temperature, chains=chains,
        steps=round(duration / step), thin=round(interval / step), seed=fresh_seed(),
        initial=draw_exact(potential, 1 / temperature, chains, fresh_seed()), diagnose=False,
    )["w"].values  # fmt: skip


def off(found, temperature: float) -> float:
    return abs(math.log(found.inverse_temperature * temperature)) / found.relative_error


@pytest.mark.parametrize("interval", [0.04, 0.2, 1.0])
def test_on_a_line_they_are_the_ones_that_solve_anew(interval):
    drawn = chains_at(LINE, 0.45, 64, 200.0, interval)
    for phase in (0, 1):
        table = recorded_escape_thermometer(LINE, drawn, time_per_draw=interval, phase=phase, between=BETWEEN)
        anew = escape_thermometer(LINE, drawn, time_per_draw=interval, phase=phase)
        assert table.inverse_temperature == pytest.approx(anew.inverse_temperature, rel=2e-3)
        assert table.standard_error == pytest.approx(anew.standard_error, rel=0.02)
        energy = phase_energy_thermometer(LINE, drawn, phase, between=(0.25, 40.0))
        exact = energy_thermometer(LINE, drawn, phase)
        assert energy.inverse_temperature == pytest.approx(exact.inverse_temperature, rel=1e-3)
        assert energy.standard_error == pytest.approx(exact.standard_error, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.35, 0.55])
def test_in_two_coordinates_all_tell_the_temperature_of_langevin_chains(temperature):
    drawn = chains_at(PLANE, temperature, 256, 200.0, 0.2)
    found = [phase_energy_thermometer(PLANE, drawn, k, between=(0.25, 40.0)) for k in range(2)]
    found += [recorded_escape_thermometer(PLANE, drawn, time_per_draw=0.2, phase=k, between=BETWEEN) for k in range(2)]
    found += [transverse_thermometer(PLANE, drawn, k, 1) for k in range(2)]
    for reading in found:
        assert reading.reads and off(reading, temperature) < LIMIT, reading.verdict
        assert reading.relative_error < 0.03
        assert off(reading, temperature * 1.25) > LIMIT
    fast = recorded_escape_thermometer(PLANE, drawn[:, ::3], time_per_draw=0.2, phase=0, between=BETWEEN)
    assert not fast.reads or off(fast, temperature) > 2 * LIMIT  # a clock that is three times too slow


def test_rates_count_escapes_and_their_scatter():
    """Of chains that switch as a Poisson process, whatever the loss: the rate and the coverage of its interval."""
    random, rate, runs = np.random.default_rng(fresh_seed()), 0.3, 60
    scores = np.empty(runs)
    for run in range(runs):
        flips = random.random((60, 4000)) < 1 - math.exp(-rate * 0.1)
        side = np.where(np.cumsum(flips, axis=1) % 2 == 0, -1.2, 1.2)
        found = escape_rate(LINE, side[..., None], time_per_draw=0.1, phase=0)
        exact = math.log((1 - math.exp(-rate * 0.1)) / 0.1)
        scores[run] = (found.log_rate - exact) / found.standard_error
    assert abs(scores.mean()) < 5 / math.sqrt(runs)
    assert 1 - 5 / math.sqrt(2 * runs) < scores.std() < 1 + 5 / math.sqrt(2 * runs)


def test_what_cannot_be_read_is_refused():
    still = np.full((30, 50, 1), -1.0)
    assert (
        "0 escapes were seen"
        in recorded_escape_thermometer(LINE, still, time_per_draw=0.1, phase=0, between=BETWEEN).reason
    )
    assert "chains changed phase 0 times" in phase_energy_thermometer(LINE, still, 0, between=BETWEEN).reason
    assert math.isnan(escape_rate(LINE, still, time_per_draw=0.1, phase=0).log_rate)
    assert "border of left is not along x" in transverse_thermometer(LINE, still, 0, 0).reason
    with pytest.raises(ValueError, match="axis must lie between"):
        escape_rate(LINE, still, time_per_draw=0.1, phase=0, axis=1)
