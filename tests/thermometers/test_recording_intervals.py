"""How often a chain is recorded must not matter: to escapes, to occupancy, to the energy of a phase."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.kinetics import log_mean_first_passage_time
from slt_toys.exact.recorded_passage import recorded_passage
from slt_toys.samplers import OverdampedLangevin, sample
from slt_toys.thermometers.dynamic import escape_thermometer, fluctuation_dissipation_thermometer
from slt_toys.thermometers.equilibrium import energy_thermometer, occupancy_thermometer
from slt_toys.thermometers.escapes import recorded_escape_thermometer
from slt_toys.worlds.gibbs import line_potential
from tests.seeds import fresh_seed

LINE, LIMIT = line_potential(), 5.0
STEP = 0.002


def chains(temperature: float, count: int, duration: float, thin: int, start_temperature: float) -> np.ndarray:
    return sample(
        LINE, OverdampedLangevin(STEP, "heun"), n_beta=1 / temperature, chains=count, steps=round(duration / STEP),
        thin=thin, seed=fresh_seed(), initial=draw_exact(LINE, 1 / start_temperature, count, fresh_seed()),
        diagnose=False,
    )["w"].values  # fmt: skip


def watched(drawn: np.ndarray, interval: float) -> float:
    """n_beta at which a path that is watched all the time takes as long as these are seen to."""
    places = drawn[..., 0]
    home, away = places <= -1, places >= 1
    state = np.where(home, 1, np.where(away, 0, -1))
    last = np.maximum.accumulate(np.where(state >= 0, np.arange(state.shape[1]), 0), axis=1)
    waits = np.take_along_axis(state, last, axis=1) == 1
    escapes = (waits[:, :-1] & ~waits[:, 1:]).sum()
    mean = math.log(waits[:, :-1].sum() * interval / escapes)
    return math.exp(
        optimize.brentq(lambda x: log_mean_first_passage_time(LINE, math.exp(-x), -1.0, 1.0) - mean, 0.0, 2.5)
    )


@pytest.mark.parametrize(
    ("temperature", "interval", "late"),
    [(0.6, 0.04, 0.0294), (0.6, 0.2, 0.0901), (0.4, 0.04, 0.0096), (0.4, 1.0, 0.1297)],
)
def test_a_path_taken_to_be_watched_all_the_time_reads_too_cold_by(temperature, interval, late):
    """The cause of a bias of 2.9 % at an interval of .04, by exact laws alone: crossings between two records."""
    draws = float(recorded_passage(LINE, temperature, interval, -1.0, 1.0)(-1.0))
    mean = math.log(draws * interval)
    shift = optimize.brentq(
        lambda x: log_mean_first_passage_time(LINE, temperature * math.exp(-x), -1.0, 1.0) - mean, -0.5, 1.5
    )
    assert math.expm1(shift) == pytest.approx(late, abs=0.001)


@pytest.mark.slow
def test_thermometers_read_the_same_at_any_recording_interval():
    """Fifty-fold from .02 to 1: all within 5 standard errors. Watched throughout: escapes read too cold."""
    temperature = 0.5
    drawn = chains(temperature, 400, 160.0, 10, temperature)
    late = []
    for every in (1, 2, 10, 50):
        interval, seen = 0.02 * every, drawn[:, every - 1 :: every]
        readings = [energy_thermometer(LINE, seen, k) for k in range(2)]
        readings.append(occupancy_thermometer(LINE, seen))
        readings += [escape_thermometer(LINE, seen, time_per_draw=interval, phase=k) for k in range(2)]
        readings += [
            recorded_escape_thermometer(LINE, seen, time_per_draw=interval, phase=k, between=(0.8, 9.0))
            for k in range(2)
        ]
        for found in readings:
            assert found.reads, found.verdict
            assert abs(math.log(found.inverse_temperature * temperature)) < LIMIT * found.relative_error, found.verdict
        late.append(math.log(watched(seen, interval) * temperature) / readings[3].relative_error)
    # Control: the later a crossing is seen, the colder such a reading; at 1 it is far out of its error.
    assert late[3] > late[2] > late[0]
    assert late[3] > 1.4 * LIMIT


def test_steps_that_are_no_single_steps_are_refused():
    """Recorded draws taken for the ends of one step: both sides of the relation differ, and nothing is read."""
    temperature = 0.5
    drawn = chains(temperature, 200, 60.0, 100, temperature)
    found = fluctuation_dissipation_thermometer(LINE, drawn[:, :-1], drawn[:, 1:], learning_rate=0.2)
    assert not found.reads and "not stationary" in found.reason
