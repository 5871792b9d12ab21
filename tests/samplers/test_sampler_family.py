"""Underdamped Langevin, MALA and the random walk: exact laws, bits, acceptance, and wrong variants that must fail."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.exact.equilibrium import phase_table
from slt_toys.potentials.catalogue import catalogue, find_pair, find_potential
from slt_toys.samplers import (
    MALA,
    OverdampedLangevin,
    RandomWalkMetropolis,
    Stage,
    UnderdampedLangevin,
    sample,
    sample_stages,
)
from slt_toys.samplers import work as engine
from slt_toys.samplers.underdamped import SPLITTINGS
from tests.samplers.final_points import agree
from tests.samplers.made_family import final
from tests.seeds import fresh_seed

EVERY = [UnderdampedLangevin(0.05, 1.0, s) for s in SPLITTINGS] + [MALA(0.02), RandomWalkMetropolis(0.3)]


# ---- against quadrature ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", EVERY, ids=repr)
@pytest.mark.parametrize("name", ["regular_double_well", "singular_double_well_2_4"])
def test_occupancy_and_energy_against_quadrature(name, sampler):
    potential, n_beta = find_potential(name), 1 / 0.7
    draws = final(potential, sampler, n_beta, 20_000, 3000)
    table = phase_table(potential, n_beta)
    # The splittings' second-order bias at step 0.05 is below a tenth of a percent.
    bias = 0.002 if isinstance(sampler, UnderdampedLangevin) else 0.0
    agree((potential.phase_index(draws) == 0).astype(float), float(table["occupancy"].values.ravel()[0]), bias)
    mean = float(table["total_mean_loss"].values.ravel()[0])
    agree(potential.energy_function()(draws), mean, bias)


@pytest.mark.parametrize("sampler", [MALA(0.01), RandomWalkMetropolis(0.25), UnderdampedLangevin(0.03, 2.0)], ids=repr)
def test_two_coupled_coordinates_against_quadrature(sampler):
    potential = find_pair("curve_against_point").clean
    n_beta = 1.0
    draws = final(potential, sampler, n_beta, 12_800, 4000)
    table = phase_table(potential, n_beta)
    bias = 0.003 if isinstance(sampler, UnderdampedLangevin) else 0.0
    agree((potential.phase_index(draws) == 1).astype(float), float(table["occupancy"].values[0, 1]), bias)
    agree(potential.energy_function()(draws), float(table["total_mean_loss"].values.ravel()[0]), bias)


@pytest.mark.parametrize("sampler", [MALA(0.02), RandomWalkMetropolis(0.12), UnderdampedLangevin(0.05)], ids=repr)
def test_ten_independent_coordinates_against_quadrature(sampler):
    potential = find_potential("barrier_spectrum")
    draws = final(potential, sampler, 1.0, 6400, 8000)
    bias = 0.02 if isinstance(sampler, UnderdampedLangevin) else 0.0
    agree(
        potential.energy_function()(draws),
        float(phase_table(potential, 1.0)["total_mean_loss"].values.ravel()[0]),
        bias,
    )
    for k in (0, 9):
        part = potential.component(k)
        agree(
            (draws[:, k] < part.barrier()).astype(float),
            float(phase_table(part, 1.0)["occupancy"].values[0, 0]),
            bias / 10,
        )


@pytest.mark.parametrize("sampler", [MALA(0.1), RandomWalkMetropolis(0.4), UnderdampedLangevin(0.2)], ids=repr)
def test_walls_are_part_of_the_model(sampler):
    potential = find_potential("normal_crossing")
    draws = final(potential, sampler, 20.0, 12_800, 3000)
    assert ((draws >= 0) & (draws <= 1)).all()
    exact = float(phase_table(potential, 20.0)["excess_energy"].values.ravel()[0])
    agree(20.0 * potential.energy_function()(draws), exact, 0.003 if isinstance(sampler, UnderdampedLangevin) else 0.0)


# ---- bits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", EVERY, ids=repr)
@pytest.mark.parametrize("name", ["regular_double_well", "curve_against_point", "barrier_spectrum"])
def test_bits_do_not_depend_on_threads_chunks_or_thinning(name, sampler, monkeypatch):
    potential = catalogue()[name]
    common: dict = {"n_beta": 3.0, "chains": 150, "seed": 5, "steps": 41}
    one = sample(potential, sampler, thin=1, threads=1, **common)["w"].values
    assert np.isfinite(one).all() and len(np.unique(one[:, -1])) > 100
    assert np.array_equal(one, sample(potential, sampler, thin=1, threads=2, **common)["w"].values)
    monkeypatch.setattr(engine, "CHUNK", 64 * 7 * potential.dimension)
    monkeypatch.setattr(engine, "BLOCKS_AT_ONCE", 1)
    assert np.array_equal(one[:, 3::4], sample(potential, sampler, thin=4, threads=2, **common)["w"].values)


def test_stages_of_different_samplers_compose():
    potential = find_potential("regular_double_well")
    stages = [
        Stage(potential, OverdampedLangevin(0.01), 2.0, 33),
        Stage(potential, MALA(0.05), 2.0, 21),
        Stage(potential, UnderdampedLangevin(0.05), 1 / 0.7, 2001),
        Stage(potential, RandomWalkMetropolis(0.4), 1 / 0.7, 200),
    ]
    run = sample_stages(stages, chains=20_000, seed=fresh_seed())
    assert run["w"].shape == (20_000, 4, 1) and "acceptance" in run
    occupancy = float(phase_table(potential, 1 / 0.7)["occupancy"].values[0, 0])
    agree((potential.phase_index(run["w"].values[:, -1]) == 0).astype(float), occupancy, 0.002)


# ---- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MALA(0.0), "step_size must be positive"),
        (lambda: RandomWalkMetropolis(-1.0), "step_size must be positive"),
        (lambda: UnderdampedLangevin(math.nan), "step_size must be positive"),
        (lambda: UnderdampedLangevin(0.1, 0.0), "friction must be positive"),
        (lambda: UnderdampedLangevin(0.1, 1.0, "BABO"), "splitting must be one of BAOAB"),
    ],
)
def test_bad_samplers_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
