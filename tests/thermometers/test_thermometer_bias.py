"""Thermometers have no bias of their own: at any recording interval, from any start, in runs of any length."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import optimize

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.kinetics import log_mean_first_passage_time
from slt_toys.exact.recorded_passage import recorded_passage
from slt_toys.potentials.catalogue import find_potential
from slt_toys.samplers import MALA, OverdampedLangevin, sample
from slt_toys.thermometers import dynamic as dynamic_thermometers
from slt_toys.thermometers import energy_thermometer, escape_thermometer, occupancy_thermometer
from slt_toys.thermometers import equilibrium as equilibrium_thermometers
from slt_toys.thermometers.dynamic import _ends, _waits
from slt_toys.thermometers.readings import DRIFT, reading, start_of_run
from tests.seeds import fresh_seed
from tests.thermometers.known_draws import DOUBLE_WELL, LIMIT, independent, off

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


@pytest.mark.parametrize("temperature", [0.3, 0.5])
def test_shares_that_are_those_of_the_start_are_refused(temperature):
    """All chains begin in one phase: what is still read lies within its interval, what does not is refused by name."""
    read, refused = [], 0
    for chains, duration in ((60, 60), (60, 400), (300, 60), (300, 400)):
        drawn = sample(
            DOUBLE_WELL,
            MALA(0.05),
            n_beta=1 / temperature,
            chains=chains,
            steps=20 * duration,
            thin=4,
            seed=fresh_seed(),
            initial=DOUBLE_WELL.minimum_point("left"),
            diagnose=False,
        )["w"].values
        for found in (energy_thermometer(DOUBLE_WELL, drawn), energy_thermometer(DOUBLE_WELL, drawn, "left"),
                      occupancy_thermometer(DOUBLE_WELL, drawn)):  # fmt: skip
            if found.reads:
                read.append(off(found, 1 / temperature))
            else:
                assert re.search("not stationary|they began with|forget the start|standard error", found.reason)
                refused += 1
    assert refused >= 6 and (not read or max(read) < LIMIT)
    # The control: from what they should sample, the longest run is read by all three.
    start = draw_exact(DOUBLE_WELL, 1 / temperature, 300, fresh_seed())
    drawn = sample(DOUBLE_WELL, MALA(0.05), n_beta=1 / temperature, chains=300, steps=8000, thin=4, seed=fresh_seed(),
                   initial=start, diagnose=False)["w"].values  # fmt: skip
    for found in (energy_thermometer(DOUBLE_WELL, drawn), energy_thermometer(DOUBLE_WELL, drawn, "left"),
                  occupancy_thermometer(DOUBLE_WELL, drawn)):  # fmt: skip
        assert off(found, 1 / temperature) < LIMIT


def test_what_draws_in_one_phase_miss_is_computed(monkeypatch):
    """Chains that have hardly left their phase tell too cold a temperature, by what the committor says."""
    temperature = 0.3
    drawn = sample(DOUBLE_WELL, MALA(0.05), n_beta=1 / temperature, chains=1500, steps=400, thin=4, seed=fresh_seed(),
                   initial=DOUBLE_WELL.minimum_point("left"), diagnose=False)["w"].values[:, 10:]  # fmt: skip
    refused = energy_thermometer(DOUBLE_WELL, drawn, "left")
    assert "shares of phases that they began with, which moves the reading by +" in refused.reason
    told, ask = [], equilibrium_thermometers._moved_by_start
    monkeypatch.setattr(equilibrium_thermometers, "_moved_by_start", lambda *a: told.append(ask(*a)) or 0.0)
    found = energy_thermometer(DOUBLE_WELL, drawn, "left")
    assert found.reads, found.verdict
    error = found.relative_error
    assert told[0] > 5 * error
    assert abs(math.log(found.inverse_temperature * temperature) - told[0]) < LIMIT * error


def test_in_several_coordinates_few_changes_of_phase_are_refused():
    potential = find_potential("curve_against_point")
    draws = independent(potential, 20.0, 100, 60)
    circle = potential.phase_index(draws) == potential.phase_number("circle")
    inside = draws[circle][: 100 * 20].reshape(100, 20, 2)
    alone = energy_thermometer(potential, inside, "circle")
    assert alone.reads, alone.verdict
    late = inside.copy()
    late[:30, -1] = potential.minimum_point("point")
    assert "not known in several coordinates" in energy_thermometer(potential, late, "circle").reason


def test_what_a_short_start_moves_is_seen():
    """A third of a standard error is let pass, several are not; of a run at rest nothing is said."""
    random = np.random.default_rng(fresh_seed())
    steady = random.standard_normal((400, 256))
    steady -= steady.mean(axis=0)  # what chance moves is no part of this
    error = 1 / math.sqrt(steady.size)
    assert start_of_run(steady, error).sure < DRIFT
    for draws, size in ((1, 0.3), (2, 0.6), (4, 1.5), (32, 0.5)):
        late = steady.copy()
        late[:, :draws] += size
        found = start_of_run(late, error)
        assert found.sure > DRIFT and found.harmful == (draws > 1)
        assert found.moves == pytest.approx(abs(found.difference) * found.draws / 256 / error)
        refused = reading("a thermometer", 3.0, 0.1 * late)
        assert refused.reads == (draws == 1)
        if draws > 1:
            assert found.draws == draws and found.moves == pytest.approx(draws * size * 400**0.5 / 16, rel=0.2)
            assert f"the first {draws} of 256 draws tell log(n_beta) +" in refused.reason
