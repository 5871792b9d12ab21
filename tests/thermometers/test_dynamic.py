"""Escapes and fluctuation-dissipation tell the temperature at any recording interval, from any start."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.kinetics import log_mean_first_passage_time
from slt_toys.exact.recorded_passage import recorded_passage
from slt_toys.potentials.catalogue import find_potential
from slt_toys.samplers import OverdampedLangevin, sample
from slt_toys.thermometers import dynamic as dynamic_thermometers
from slt_toys.thermometers.dynamic import _ends, _waits, escape_thermometer
from slt_toys.thermometers.readings import reading
from tests.seeds import fresh_seed
from tests.thermometers.known_draws import DOUBLE_WELL, FAR, LIMIT, off

WAITS = [("regular_double_well", 0.3), ("regular_double_well", 0.6), ("singular_double_well_2_4", 0.4)]


@pytest.mark.parametrize(("name", "temperature"), WAITS)
def test_escapes_tell_the_temperature_at_any_recording_interval(name, temperature):
    """From a third of a relaxation time in a well to many; as if the path were watched all the time, n_beta is off.

    Errors in standard errors have mean 0 and variance 1, two-sided.
    """
    potential, runs, intervals = find_potential(name), 4, (0.04, 0.2, 1.0)
    scores, late = np.empty((runs, len(intervals))), []
    for run in range(runs):
        drawn = sample(potential, OverdampedLangevin(0.001, "heun"), n_beta=1 / temperature, chains=256, steps=100_000,
                       thin=40, seed=fresh_seed(), initial=draw_exact(potential, 1 / temperature, 256, fresh_seed()),
                       diagnose=False)["w"].values  # fmt: skip
        for k, interval in enumerate(intervals):
            every = round(interval / 0.04)
            found = escape_thermometer(
                potential, drawn[:, every - 1 :: every], time_per_draw=interval, phase=run % 2
            )  # fmt: skip
            assert off(found, 1 / temperature) < LIMIT
            scores[run, k] = math.log(found.inverse_temperature * temperature) / found.relative_error
    assert (abs(scores.mean(axis=0)) < 5 / math.sqrt(runs)).all()
    assert scores.std() < 1 + 5 / math.sqrt(2 * runs)
    # Control: the n_beta at which a path that is watched takes as long is outside the interval of a long run.
    start, end = (float(potential.minimum_point(k)[0]) for k in (0, 1))
    for interval in intervals:
        draws = float(recorded_passage(potential, temperature, interval, start, end)(start))
        target = math.log(draws * interval)

        def longer(shift: float, target: float = target) -> float:
            return log_mean_first_passage_time(potential, temperature * math.exp(-shift), start, end) - target

        late.append(optimize.brentq(longer, -0.7, 1.4))
    assert late[0] > 0.002 and late[1] > 0.008 and late[2] > 0.03


def test_escapes_need_neither_a_start_at_rest_nor_long_runs(monkeypatch):
    """All chains begin in one phase, off its minimum, and run for about one wait: expectations are still exact."""
    temperature, chains = 0.3, 1500
    wait = math.exp(log_mean_first_passage_time(DOUBLE_WELL, temperature, -1.0, 1.0))
    drawn = sample(
        DOUBLE_WELL,
        OverdampedLangevin(0.002, "heun"),
        n_beta=1 / temperature,
        chains=chains,
        steps=round(wait / 0.002),
        thin=100,
        seed=fresh_seed(),
        initial=[-1.4],
        diagnose=False,
    )["w"].values
    found = escape_thermometer(DOUBLE_WELL, drawn, time_per_draw=0.2, phase="left")
    assert off(found, 1 / temperature) < LIMIT and found.relative_error < 0.02
    # What each interval adds to the difference of both sides adds up to nothing, and its scatter is the error.
    caught = []
    monkeypatch.setattr(dynamic_thermometers, "reading", lambda *a, **more: caught.append(a[2]) or reading(*a, **more))
    escape_thermometer(DOUBLE_WELL, drawn, time_per_draw=0.2, phase="left")
    assert abs(caught[0].mean()) < 1e-7
    scatter = caught[0].mean(axis=1).std(ddof=1) / math.sqrt(chains)
    assert scatter == pytest.approx(found.relative_error)


def test_waits_begin_and_end_where_they_do():
    """By hand: seen at home, between, away, home again, and cut off."""
    home = np.array([[1, 0, 0, 0, 1, 0], [0, 0, 1, 1, 1, 0], [0, 1, 0, 0, 0, 0]], dtype=bool)
    away = np.array([[0, 0, 1, 0, 0, 0], [0, 1, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]], dtype=bool)
    waited, escaped = _waits(home, away)
    assert waited.tolist() == [[0, 1, 1, 0, 0, 1], [0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 1]]
    assert escaped.tolist() == [[0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]]
    began, cut = _ends(waited, escaped)
    assert np.argwhere(began).tolist() == [[0, 0], [0, 4], [1, 2], [2, 1]]
    assert cut.tolist() == [True, False, True]


@pytest.mark.parametrize("temperature", [0.25, 0.5])
@pytest.mark.parametrize("phase", ["left", "right"])
def test_escapes_of_langevin_chains_tell_their_temperature(temperature, phase):
    drawn = sample(DOUBLE_WELL, OverdampedLangevin(0.004, "heun"), n_beta=1 / temperature, chains=256, steps=40_000,
                   thin=10, seed=fresh_seed(), initial=draw_exact(DOUBLE_WELL, 1 / temperature, 256, fresh_seed()),
                   diagnose=False)["w"].values  # fmt: skip
    found = escape_thermometer(DOUBLE_WELL, drawn, time_per_draw=0.04, phase=phase)
    assert off(found, 1 / temperature) < LIMIT
    assert found.relative_error < 0.025
    slow = escape_thermometer(DOUBLE_WELL, drawn, time_per_draw=0.12, phase=phase)  # a clock that runs thrice too fast
    assert off(slow, 1 / temperature) > FAR
