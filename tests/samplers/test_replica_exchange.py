"""Replica exchange: every temperature's law, exact occupancies where single chains are stuck, and wrong swaps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from sympy import Rational

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.equilibrium import phase_table
from slt_toys.exact.fokker_planck import fokker_planck, grid_for, relaxation_time
from slt_toys.exact.temperature_ladder import swap_acceptance, temperature_ladder
from slt_toys.kernels.frame import LANES
from slt_toys.potentials.catalogue import catalogue, curve_against_point, find_potential, regular_double_well
from slt_toys.potentials.catalogue import normal_crossing_against_point as crossing_against_point
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import (
    MALA,
    SGLD,
    Gibbs,
    OverdampedLangevin,
    RandomWalkMetropolis,
    ReplicaExchange,
    Stage,
    sample,
    sample_stages,
)
from slt_toys.samplers import work as engine
from tests.samplers.checks import Array, Deviations, agree, deviation, disagree
from tests.samplers.made_ladders import BAOAB, EULER, LADDER, PLANE, SUM, WELL, Stacks, exact_means, invariance

EVERY = [EULER, BAOAB, MALA(0.02), RandomWalkMetropolis(0.12), Gibbs()]


# ---- stacks of replicas that all start from their own exact law ------------------------------------------------------


@pytest.mark.parametrize("sampler", EVERY, ids=repr)
@pytest.mark.parametrize("name", [WELL, PLANE, SUM])
def test_every_replica_keeps_its_law(name, sampler, seed):
    agree(invariance(name, ReplicaExchange(sampler, LADDER, swap_every=3), seed, 100))


@pytest.mark.parametrize("sampler", EVERY, ids=repr)
@pytest.mark.parametrize("name", [WELL, PLANE, SUM])
def test_swaps_are_accepted_as_often_as_the_laws_of_the_energy_say(name, sampler, seed):
    stacks = Stacks(name, ReplicaExchange(sampler, LADDER, swap_every=3), 6400, seed)
    stacks.run(100)
    shares = stacks.statistics()["swap_acceptance"]
    exact = [swap_acceptance(find_potential(name), a, b) for a, b in itertools.pairwise(LADDER)]
    agree({f"pair {k}": deviation(shares[:, k], exact[k]) for k in range(len(exact))})


def test_all_replicas_accept_as_their_sampler_does(seed):
    """A step for each temperature, against runs of the sampler alone."""
    potential, sizes = find_potential(WELL), (0.2, 0.4, 0.8, 1.0)
    exchange = ReplicaExchange(RandomWalkMetropolis(0.2), LADDER, swap_every=3, step_sizes=sizes)
    stacks = Stacks(WELL, exchange, 6400, seed)
    stacks.run(40)
    statistics = stacks.statistics()
    assert np.array_equal(statistics["acceptance"], statistics["replica_acceptance"][:, 0])
    found = {}
    for k, (temperature, size) in enumerate(zip(LADDER, sizes, strict=True)):
        alone = sample(
            potential, RandomWalkMetropolis(size), n_beta=1 / temperature, chains=6400, steps=40, thin=40,
            initial=draw_exact(potential, 1 / temperature, 6400, (seed, k)), seed=(seed, k), diagnose=False,
        )["acceptance"].values  # fmt: skip
        found[f"temperature {temperature}"] = deviation(statistics["replica_acceptance"][:, k] - alone, 0.0)
    agree(found)


def test_round_trips_come_at_the_rate_of_non_reversible_swaps(seed):
    """Energies that forget everything between rounds: 1 / (2 + 2 Σ (1-A)/A) a round, and no diffusion."""
    well = Potential.from_expression("w**2")
    ladder = temperature_ladder(well, 0.1, 30.0, 0.6)
    assert len(ladder) == 6
    run = [
        sample(
            well, ReplicaExchange(MALA(0.4), ladder, swap_every=12), n_beta=10.0, chains=3200, steps=12 * rounds + 1,
            thin=12 * rounds + 1, seed=(seed, rounds), diagnose=False,
        )["round_trips"].values
        for rounds in (100, 600)
    ]  # fmt: skip
    agree({"rate": deviation((run[1] - run[0]) / 500, ladder.round_trip_rate)})
    disagree({"without rejections": deviation((run[1] - run[0]) / 500, 0.5)})


# ---- stuck chains ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stuck:
    """A run from the wrong phase, at a temperature where single chains do not leave it."""

    potential: Potential
    ladder: tuple[float, float]
    sampler: MALA
    wrong: str
    steps: int
    chains: int


CASES = {
    "one coordinate": lambda: Stuck(regular_double_well(Rational(1, 50)), (0.07, 1.0), MALA(0.06), "left", 4000, 6400),
    "two coordinates": lambda: Stuck(
        curve_against_point(Rational(121, 50)), (0.06, 2.0), MALA(0.01), "circle", 16_000, 1600
    ),
    "a normal crossing": lambda: Stuck(
        crossing_against_point(Rational(21, 10)), (0.12, 2.0), MALA(0.02), "crossing", 10_000, 1600
    ),
    "ten coordinates": lambda: Stuck(find_potential(SUM), (0.12, 1.2), MALA(0.04), "all left", 10_000, 1280),
}


def longest_relaxation(potential: Potential, temperature: float) -> float:
    """In Langevin time; of the slowest component."""
    parts = [potential.component(k) for k in range(len(potential.components()))]
    return max(relaxation_time(fokker_planck(p, grid_for(p, temperature)), temperature) for p in parts[-1:])


def wells_against_quadrature(case: Stuck, draws: Array) -> Deviations:
    """Occupancy of the wrong phase, or of all coordinates' wrong wells together; and the energy."""
    potential, n_beta = case.potential, 1 / case.ladder[0]
    parts = [potential.component(k) for k in range(len(potential.components()))]
    number = 0 if len(parts) > 1 else potential.phase_number(case.wrong)
    exact = sum(float(phase_table(part, n_beta)["occupancy"].values[0, number]) for part in parts)
    if len(parts) > 1:
        wrong = sum((draws[:, k] < part.barrier()).astype(float) for k, part in enumerate(parts))
    else:
        wrong = (potential.phase_index(draws) == number).astype(float)
    energy = float(phase_table(potential, n_beta)["total_mean_loss"].values[0])
    return {
        "wrong phase": deviation(np.asarray(wrong), exact),
        "energy": deviation(potential.energy_function()(draws), energy),
    }


def final_draws(case: Stuck, sampler, seed: int) -> Array:
    return sample(
        case.potential, sampler, n_beta=1 / case.ladder[0], chains=case.chains, steps=case.steps, thin=case.steps,
        initial=case.wrong, seed=seed, diagnose=False,
    )["w"].values[:, 0]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_occupancies_are_exact_where_a_single_chain_is_stuck(name, seed):
    case = CASES[name]()
    coldest, hottest = case.ladder
    steps = longest_relaxation(case.potential, coldest) / float(np.asarray(case.sampler.step_size))
    assert steps > 1e6 and steps > 100 * case.steps
    exchange = ReplicaExchange(case.sampler, temperature_ladder(case.potential, coldest, hottest))
    agree(wells_against_quadrature(case, final_draws(case, exchange, seed)))
    alone = wells_against_quadrature(case, final_draws(case, case.sampler, seed))
    disagree({"wrong phase": alone["wrong phase"]})


# ---- bits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", EVERY, ids=repr)
@pytest.mark.parametrize("name", [WELL, PLANE, SUM])
def test_bits_do_not_depend_on_threads_chunks_or_thinning(name, sampler, monkeypatch):
    potential = catalogue()[name]
    exchange = ReplicaExchange(sampler, LADDER, swap_every=5)
    common: dict = {"n_beta": 1 / LADDER[0], "chains": 150, "seed": 5, "steps": 41, "diagnose": False}
    one = sample(potential, exchange, thin=1, threads=1, **common)
    draws = one["w"].values
    assert np.isfinite(draws).all() and len(np.unique(draws[:, -1])) > 100 and (one["swap_acceptance"] > 0).any()
    assert np.array_equal(draws, sample(potential, exchange, thin=1, threads=2, **common)["w"].values)
    monkeypatch.setattr(engine, "CHUNK", 64 * 7 * potential.dimension)
    monkeypatch.setattr(engine, "BLOCKS_AT_ONCE", 1)
    cut = sample(potential, exchange, thin=4, threads=2, **common)
    assert np.array_equal(draws[:, 3::4], cut["w"].values)
    for name in ("swap_acceptance", "round_trips"):
        assert np.array_equal(one[name].values, cut[name].values)


@pytest.mark.parametrize("sampler", EVERY, ids=repr)
@pytest.mark.parametrize("name", [WELL, PLANE])
def test_one_temperature_is_the_sampler_itself(name, sampler):
    """To rounding: within the driver the compiler may fuse other products and sums."""
    common: dict = {"n_beta": 2.0, "chains": 100, "seed": 3, "steps": 41, "thin": 3, "diagnose": False}
    alone = sample(find_potential(name), sampler, **common)
    exchange = ReplicaExchange(sampler, [0.5, 1.0], swap_every=4)
    object.__setattr__(exchange, "temperatures", (0.5,))  # the driver with one rung, which a user is refused
    stacked = sample(find_potential(name), exchange, **common)
    np.testing.assert_allclose(alone["w"], stacked["w"], rtol=0, atol=1e-12)
    assert stacked["swap_acceptance"].shape == (100, 0) and not stacked["round_trips"].any()


def test_replicas_begin_at_the_chains_point_with_momenta_of_their_own():
    program = ReplicaExchange(BAOAB, LADDER).program(find_potential(PLANE))
    places = np.random.default_rng(1).random((30, 2 * LANES))
    temperature = LADDER[0]
    state = program.started(places, np.zeros(1), temperature, lambda: [np.random.default_rng(k) for k in range(30)])
    for k, temperature in enumerate(LADDER):
        own = state[:, k * 6 * LANES :]
        assert np.array_equal(own[:, : 2 * LANES], places)
        agree({f"momenta {k}": deviation((own[:, 2 * LANES : 4 * LANES] ** 2).ravel(), temperature)})


def test_steps_follow_a_schedule_and_stages_follow_each_other(seed):
    potential = find_potential(WELL)
    steps = np.where(np.arange(300) < 37, 1e-3, 4e-4)
    exchange = ReplicaExchange(OverdampedLangevin(steps), LADDER, swap_every=7)
    stages = [
        Stage(potential, MALA(0.05), 1.0, 21),
        Stage(potential, exchange, 1 / LADDER[0], 300),
        Stage(potential, ReplicaExchange(MALA(0.05), LADDER), 1 / LADDER[0], 4000),
    ]
    run = sample_stages(stages, chains=6400, seed=seed)
    assert run["w"].shape == (6400, 3, 1) and run["swap_acceptance"].shape == (6400, 3)
    energy, occupancy = exact_means(WELL, LADDER)
    draws = run["w"].values[:, -1]
    agree({
        "energy": deviation(potential.energy_function()(draws), energy[0]),
        "occupancy": deviation((potential.phase_index(draws) == 0).astype(float), occupancy[0]),
    })  # fmt: skip


def test_default_steps():
    potential = find_potential(WELL)
    np.testing.assert_allclose(
        ReplicaExchange(RandomWalkMetropolis(0.1), LADDER).step_ratios(potential), np.sqrt(np.array(LADDER) / 0.3)
    )
    assert (ReplicaExchange(MALA(0.1), LADDER).step_ratios(potential) == 1).all()
    for sampler in (EULER, BAOAB):
        exchange = ReplicaExchange(sampler, LADDER)
        limits = [sampler.largest_stable_step(potential, temperature) for temperature in LADDER]
        ratios = exchange.step_ratios(potential)
        np.testing.assert_allclose(ratios, np.array(limits) / limits[0])
        assert (np.diff(ratios) < 0).all()
        assert exchange.largest_stable_step(potential, 1.0) == pytest.approx(limits[0])


# ---- negative controls ----------------------------------------------------------------------------------------------


def test_too_hot_a_coldest_replica_is_caught(seed):
    """The comparison itself: draws at one temperature against another's law."""
    potential = find_potential(WELL)
    draws = draw_exact(potential, 1 / LADDER[1], 12_800, seed)
    disagree({"energy": deviation(potential.energy_function()(draws), exact_means(WELL, LADDER)[0][0])})


# ---- refusals -------------------------------------------------------------------------------------------------------
REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: ReplicaExchange(MALA(0.1), []), "temperatures must be a sequence of positive numbers"),
    (lambda: ReplicaExchange(MALA(0.1), 1.0), "temperatures must be a sequence of positive numbers"),  # type: ignore[arg-type]
    (lambda: ReplicaExchange(MALA(0.1), [-1.0, 1.0]), "temperatures must be a sequence of positive numbers"),
    (lambda: ReplicaExchange(MALA(0.1), [1.0]), "temperatures must be at least two, not .*sample with MALA itself"),
    (lambda: ReplicaExchange(MALA(0.1), [1.0, math.inf]), "temperatures must be a sequence of positive numbers"),
    (lambda: ReplicaExchange(MALA(0.1), [2.0, 1.0]), "temperatures must increase, the coldest first"),
    (lambda: ReplicaExchange(MALA(0.1), [1.0, 1.0]), "temperatures must increase, the coldest first"),
    (lambda: ReplicaExchange(MALA(0.1), LADDER, swap_every=0), "swap_every must be a whole number"),
    (lambda: ReplicaExchange(MALA(0.1), LADDER, swap_every=2.5), "swap_every must be a whole number"),  # type: ignore[arg-type]
    (lambda: ReplicaExchange(MALA(0.1), LADDER, step_sizes=[0.1]), "step_sizes must be one for each of 4"),
    (lambda: ReplicaExchange(MALA(0.1), LADDER, step_sizes=[0.2] * 4), "step_sizes must begin with"),
    (lambda: ReplicaExchange(MALA([0.1] * 9), LADDER, step_sizes=[0.1] * 4), "step_sizes must begin with"),
    (lambda: ReplicaExchange(SGLD(0.1, 4), LADDER), "sampler SGLD cannot be exchanged; give one that"),
    (lambda: ReplicaExchange(ReplicaExchange(MALA(0.1), LADDER), LADDER), "sampler ReplicaExchange cannot be"),
    (lambda: ReplicaExchange(MALA(0.1), LADDER).program("w**2"), "potential must be a Potential"),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[str(k) for k in range(len(REFUSED))])
def test_bad_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "n_beta", [1.0, np.linspace(1 / LADDER[0], 9.0, 50), np.linspace(0.1, 1 / LADDER[0], 50)], ids=["one", "up", "down"]
)
def test_another_temperature_and_annealing_are_refused(n_beta):
    with pytest.raises(ValueError, match=r"n_beta must be 1/temperatures\[0\] = 3\.33"):
        sample(find_potential(WELL), ReplicaExchange(MALA(0.1), LADDER), n_beta=n_beta, chains=4, steps=50)


def test_a_step_that_diverges_when_hot_is_named():
    exchange = ReplicaExchange(OverdampedLangevin(0.07), LADDER, step_sizes=[0.07, 0.1, 0.3, 0.3])
    with pytest.raises(ValueError, match=r"step_size 0\.07 is too large .* largest stable step is about 0\.00"):
        sample(find_potential(WELL), exchange, n_beta=1 / LADDER[0], chains=64, steps=4000, thin=4000)
