"""Energies and occupancies tell the temperature of exact draws and chains, or refuse."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import sympy

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.equilibrium import phase_table
from slt_toys.potentials.catalogue import find_potential, singular_double_well_4_2
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import MALA, sample
from slt_toys.thermometers import equilibrium as equilibrium_thermometers
from slt_toys.thermometers.equilibrium import energy_thermometer, occupancy_thermometer
from slt_toys.thermometers.readings import disagreement
from tests.seeds import fresh_seed
from tests.thermometers.known_draws import DOUBLE_WELL, FAR, LIMIT, QUADRATIC, independent, off


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


@pytest.mark.parametrize(
    ("name", "n_beta"),
    [("regular_double_well", 4.0), ("singular_double_well_4_2", 6.0), ("normal_crossing_against_point", 0.5)],
)
def test_independent_exact_draws_tell_their_temperature(name, n_beta):
    potential = find_potential(name)
    draws, wrong = independent(potential, n_beta), independent(potential, 1.5 * n_beta)
    phases = [phase.name for phase in potential.phases]
    for phase in (None, *phases):
        assert off(energy_thermometer(potential, draws, phase), n_beta) < LIMIT
    assert off(energy_thermometer(potential, wrong), n_beta) > FAR
    assert off(occupancy_thermometer(potential, draws), n_beta) < LIMIT
    both = disagreement([energy_thermometer(potential, draws), occupancy_thermometer(potential, draws)])
    assert both.p_value > 5.7e-7 and both.low < both.inverse_temperature < both.high


def test_energy_counts_the_finite_temperature_correction():
    """For w1² w2² at n_beta = 144.76 the mean energy is 0.356 and not 1/2."""
    potential, n_beta = find_potential("normal_crossing"), 144.76
    draws = independent(potential, n_beta, draws=400)
    found = energy_thermometer(potential, draws)
    assert off(found, n_beta) < LIMIT
    naive = 0.5 / potential.energy_function()(draws).mean()
    assert abs(math.log(naive / n_beta)) > FAR * found.relative_error


def test_metropolis_chains_tell_their_temperature():
    n_beta = 4.0
    drawn = sample(DOUBLE_WELL, MALA(0.05), n_beta=n_beta, chains=256, steps=40_000, thin=20, seed=fresh_seed(),
                   initial=draw_exact(DOUBLE_WELL, n_beta, 256, fresh_seed()), diagnose=False)["w"].values  # fmt: skip
    readings = [energy_thermometer(DOUBLE_WELL, drawn), occupancy_thermometer(DOUBLE_WELL, drawn)]
    for found in readings:
        assert off(found, n_beta) < LIMIT
        assert off(found, 1.4 * n_beta) > FAR
    assert disagreement(readings).p_value > 5.7e-7


def test_standard_errors_and_p_values_are_those_of_repetitions():
    n_beta, repeats = 4.0, 150
    draws = independent(DOUBLE_WELL, n_beta, 40 * repeats, 50).reshape(repeats, 40, 50, 1)
    scores, chances = [], []
    for one in draws:
        readings = [energy_thermometer(DOUBLE_WELL, one), occupancy_thermometer(DOUBLE_WELL, one)]
        scores.append([math.log(r.inverse_temperature / n_beta) / r.relative_error for r in readings])
        chances.append(disagreement(readings).p_value)
    # t with 39 degrees of freedom: variance 39/37; of a variance of so many the error is √(2/repeats).
    for column in np.array(scores).T:
        assert abs(column.var() - 39 / 37) < 5 * 1.1 * math.sqrt(2 / repeats)
        assert abs(column.mean()) < 5 * 1.03 / math.sqrt(repeats)
    for level in (0.05, 0.5):
        share = np.mean(np.array(chances) < level)
        assert abs(share - level) < 5 * math.sqrt(level * (1 - level) / repeats)


def test_occupancy_is_refused_where_it_does_not_determine_the_temperature():
    symmetric = Potential.from_expression("(w**2-1)**2")
    refused = occupancy_thermometer(symmetric, independent(symmetric, 4.0))
    assert not refused.reads and "do not determine" in refused.reason and np.isnan(refused.inverse_temperature)
    assert "one phase" in occupancy_thermometer(QUADRATIC, independent(QUADRATIC, 1.0)).reason
    stuck = np.repeat(independent(DOUBLE_WELL, 4.0, 200, 1), 100, axis=1)
    assert "forget the start" in occupancy_thermometer(DOUBLE_WELL, stuck).reason


def test_occupancy_shared_by_two_temperatures_is_refused_and_can_be_narrowed():
    """A wide well and a deeper narrow one share their mass alike at two temperatures."""
    potential = singular_double_well_4_2(sympy.Rational(1, 20))
    values = np.geomspace(0.2, 40, 400)
    shares = phase_table(potential, values)["occupancy"].values[:, 0]
    top = int(shares.argmax())
    assert 20 < top < 380 and shares[top] > shares[0] + 0.01
    level = (shares[top] + shares[0]) / 2
    cold = float(np.interp(-level, -shares[top:], values[top:]))
    draws = independent(potential, cold, 400, 1000)
    refused = occupancy_thermometer(potential, draws)
    assert not refused.reads and "narrow between" in refused.reason, refused.verdict
    assert off(occupancy_thermometer(potential, draws, between=(values[top], 1e6)), cold) < LIMIT
