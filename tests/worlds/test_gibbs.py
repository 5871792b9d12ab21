"""Worlds judged by their trajectories: each is called what it is, at fewer seeds than the page of rates."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.exact.fokker_planck import grid_for
from slt_toys.exact.noisy_diffusion import expected_readings, noisy_diffusion
from slt_toys.thermometers.gibbs_verdict import NoiseLevel, gibbs_verdict
from slt_toys.worlds import gibbs
from slt_toys.worlds.gibbs import WORLDS, GibbsWorld, hot_well, judge, line_potential, plane_potential, read_level
from slt_toys.worlds.gibbs_rates import CASES, CHAINS, DURATION
from tests.seeds import fresh_seed


def levels_of(world: GibbsWorld, chains: int = CHAINS, duration: float = DURATION) -> list[NoiseLevel]:
    seed = [fresh_seed()]
    return [read_level(world, k, world.record(k, chains, duration, seed)) for k in range(len(world.descents))]


def test_potentials_have_their_minima_border_and_saddle():
    line, plane = line_potential(), plane_potential()
    for potential, saddle in ((line, [-0.1]), (plane, [-0.1, -0.05])):
        for place in (*(potential.minimum_point(k) for k in range(2)), np.array(saddle)):
            np.testing.assert_allclose(potential.gradient_function()(place), 0, atol=1e-12)
        heights = potential.energy_function()(np.array(saddle)) - [potential.minimum_loss(k) for k in range(2)]
        np.testing.assert_allclose(heights, [0.7533, 1.28663], rtol=1e-4)
    # Neither Hessian has its axes along the coordinates.
    for k in range(2):
        assert abs(np.linalg.eigh(plane.hessian_function()(plane.minimum_point(k)))[1][0, 1]) > 0.2


CALLED = [case for case in WORLDS if case != "swirl"]


@pytest.mark.slow
@pytest.mark.parametrize("case", [*CALLED, "hot clean well, factor 1.12"])
def test_each_world_is_called_what_it_is(case):
    """For any seed; the page of rates counts many."""
    world = CASES[case]()
    verdict = judge(world, chains=CHAINS, duration=DURATION, seed=fresh_seed())
    assert verdict.answer == world.expected, verdict.statement


def test_two_wells_of_one_noise_and_of_two_are_told_apart():
    """The fast case: one seed each, and what decides."""
    same = gibbs_verdict(levels_of(WORLDS["additive"]()))
    assert same.answer == "tempered posterior", same.statement
    hot = gibbs_verdict(levels_of(hot_well(1.5), 400))
    assert hot.answer == "activated, not Gibbs", hot.statement
    assert all(spread.low > 0.2 for spread in hot.spreads)


@pytest.mark.slow
def test_readings_are_those_the_exact_diffusion_must_give():
    """Twice as hot in the deep well: every thermometer, from trajectories, against the Fokker-Planck equation."""
    world = hot_well(1.5)
    level = levels_of(world)[1]
    descent = world.descents[1]
    matrix = descent.noise.diffusion(world.potential, descent.learning_rate, descent.batch_size)
    grid = grid_for(world.potential, [0.3, 0.6], 300)
    process = noisy_diffusion(world.potential, grid, lambda w: matrix(w)[..., 0] / descent.temperature)
    expected = expected_readings(world.potential, process, descent.temperature)
    compared = 0
    for reading in level.readings:
        exact = expected.get(reading.thermometer, math.nan)
        if reading.reads and math.isfinite(exact):
            compared += 1
            off = abs(math.log(reading.inverse_temperature / exact))
            assert off < 5 * reading.relative_error + 0.06, reading.verdict  # the step's own share, ηh/2 of it
    assert compared >= 4


def test_swirl_keeps_the_posterior_and_leaves_sooner():
    """A force along the level sets: energies as without it, escapes more often."""
    plain, turned = WORLDS["additive, two coordinates"]().descents[1], WORLDS["swirl"]().descents[1]
    rates, energies = [], []
    for descent in (plain, turned):
        start = np.tile([-1.0, -0.5], (3000, 1))
        drawn = descent.run(start, 30.0, 0.2, fresh_seed()).after
        seen = drawn[..., 0] >= 1
        waited = np.where(seen.any(axis=1), seen.argmax(axis=1), seen.shape[1]).sum() * 0.2
        rates.append((seen.any(axis=1).sum() / waited, 1 / math.sqrt(seen.any(axis=1).sum())))
        late = descent.potential.energy_function()(descent.run(drawn[:, -1], 60.0, 1.0, fresh_seed()).after[:, 30:])
        means = late.mean(axis=1)
        energies.append((means.mean(), means.std() / math.sqrt(means.size)))
    (slow, slow_error), (fast, fast_error) = rates
    assert math.log(fast / slow) > 5 * math.hypot(slow_error, fast_error)
    (own, own_error), (other, other_error) = energies
    assert abs(own - other) < 5 * math.hypot(own_error, other_error) + 0.05 * own  # the swirl's steps are coarser


def test_a_clock_that_runs_wrong_is_no_posterior(monkeypatch):
    """Negative control: half the time per draw makes escapes read too hot; whether they are activated may stay open."""
    world = WORLDS["additive"]()
    seed = [fresh_seed()]
    levels = []
    for k in range(3):
        recording = world.record(k, 300, 300.0, seed)
        wrong = type(recording)(recording.before, recording.after, recording.time_per_draw * 0.5)
        levels.append(read_level(world, k, wrong))
    verdict = gibbs_verdict(levels)
    assert verdict.answer in ("activated, not Gibbs", "not Gibbs"), verdict.statement
    assert "escape from left reads hotter than" in verdict.statement


def test_the_same_seed_gives_the_same_verdict():
    world = WORLDS["additive"]()
    first, second = (judge(world, chains=40, duration=40.0, seed=3) for _ in range(2))
    assert first == second
    assert judge(world, chains=40, duration=40.0, seed=4) != first


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="factor must lie between"):
        hot_well(50.0)
    with pytest.raises(ValueError, match="name must be one of langevin"):
        gibbs.world_named("cold")
