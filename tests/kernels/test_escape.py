"""The kernel of multilevel splitting: what it counts is what the sampler's own chains do, step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy
from scipy import stats

from slt_toys.exact.kinetics import committor_quadrature
from slt_toys.kernels.codegen import parameter_values
from slt_toys.kernels.escape import (
    DIVERGED,
    LINGERED,
    REACHED,
    RETURNED,
    escape_kernel,
    escape_source,
)
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Potential
from slt_toys.potentials.scores import momentum_symbols
from slt_toys.samplers import OverdampedLangevin, UnderdampedLangevin
from tests.seeds import fresh_seed

WELL = find_potential("regular_double_well")
STEP, TEMPERATURE = 0.01, 0.1
SAMPLER = OverdampedLangevin(STEP, "heun")
LANES = 64


def module(score: sympy.Expr | None = None):
    return escape_kernel(WELL, SAMPLER.escape_kernel(WELL), score)


def block(place: float, seed: int):
    program = SAMPLER.program(WELL)
    state = np.full((1, LANES * program.rows), place)
    bits = np.random.SeedSequence(seed).generate_state(4 * LANES, np.uint64).astype(np.uint64)[None]
    return state, bits, np.zeros((1, LANES * program.scratch_rows))


def places(start: float, seed: int, steps: int) -> np.ndarray:
    """The sampler's own chains, (steps, lanes)."""
    out = np.empty((1, steps, 1, LANES))
    SAMPLER.program(WELL).advance(
        *block(start, seed), parameter_values(WELL), np.array([steps]), np.array([STEP]), np.array([TEMPERATURE]), 0,
        np.arange(1, steps + 1), out,
    )  # fmt: skip
    return out[0, :, 0]


def settings(first: int = 0, weight: float = 1.0):
    return parameter_values(WELL), STEP, TEMPERATURE, (), np.array([weight]), first


def crossings(start: float, seed: int, steps: int, low: float, high: float, target: float, chunk: int):
    """States that crossed, in order, and how many chains arrived."""
    state, bits, spare = block(start, seed)
    inside, room, scores = np.ones(LANES), np.empty((LANES * chunk // 2 + LANES, 1)), np.empty(LANES)
    begun = state[0].copy()
    found, arrivals = [], 0
    for first in range(0, steps, chunk):
        crossed, arrived, diverged = module().crossings(
            state, bits, spare, *settings(first), chunk, low, high, target, begun, inside, room, scores
        )
        assert not diverged
        assert np.array_equal(scores, state[0, :LANES])
        found.append(room[:crossed, 0].copy())
        arrivals += arrived
    return np.concatenate(found), arrivals


def counted(path: np.ndarray, low: float, high: float) -> np.ndarray:
    """First crossings of ``high`` since ``low``, by a plain loop."""
    inside, found = np.ones(LANES, dtype=bool), []
    for row in path:
        out = (row >= high) & inside
        found.append(row[out])
        inside = (inside | (row <= low)) & ~out
    return np.concatenate(found)


def test_crossings_are_those_of_the_samplers_chains_in_any_chunks():
    low, high, seed, steps = -0.98, -0.85, fresh_seed(), 2048
    expected = counted(places(-1.0, seed, steps), low, high)
    assert expected.size > 500
    for chunk in (2048, 128):
        found, arrivals = crossings(-1.0, seed, steps, low, high, 5.0, chunk)
        assert np.array_equal(found, expected) and arrivals == 0


def test_a_chain_that_arrives_begins_anew_at_that_step():
    """Also one that is long outside: each arrival is seen when it happens, whatever other lanes do."""
    target, seed, steps = -0.6, fresh_seed(), 1024
    path = places(-1.0, seed, steps)
    first = (path >= target).argmax(axis=0)
    arrived = np.flatnonzero((path >= target).any(axis=0))
    assert arrived.size > 5
    state, bits, spare = block(-1.0, seed)
    inside, room, scores = np.zeros(LANES), np.empty((LANES * steps, 1)), np.empty(LANES)
    until = int(first[arrived].min()) + 1
    begun = np.full(LANES, -1.0)
    # No crossing can be counted: no lane is inside, and none comes back to so low a score.
    crossed, arrivals, _ = module().crossings(
        state, bits, spare, *settings(), until, -9.0, -0.9, target, begun, inside, room, scores
    )
    now = np.flatnonzero(first[arrived] == until - 1)
    assert (crossed, arrivals) == (0, now.size)
    lanes = arrived[now]
    assert (state[0, lanes] == -1.0).all() and (inside[lanes] == 1.0).all()
    others = np.setdiff1d(np.arange(LANES), lanes)
    assert np.array_equal(state[0, others], path[until - 1, others])


def run_trials(
    starts: np.ndarray, pool: np.ndarray, low: float, high: float, seed: int, longest=10**6, weight=1.0, whole=True
):
    count = len(starts)
    outcome, furthest = np.full(count, -1, dtype=np.int8), np.full(count, np.nan)
    reached, by = np.full((count, 1), np.nan), np.full(count, -1)
    arrived, steps = module().trials(
        *block(pool[0, 0], seed), *settings(weight=weight), low, high, longest, pool, starts, outcome, furthest,
        reached, by, whole,
    )  # fmt: skip
    return outcome, furthest, reached[:arrived, 0], by[:arrived], steps


def test_trials_end_where_they_say():
    starts = np.random.default_rng(1).integers(0, 3, size=3000)
    pool = np.array([[-0.7], [-0.5], [-0.3]])
    outcome, furthest, reached, by, steps = run_trials(starts, pool, -0.9, -0.1, fresh_seed())
    assert set(outcome) == {RETURNED, REACHED} and steps > 0
    assert (reached >= -0.1).all() and (outcome[by] == REACHED).all() and np.unique(by).size == by.size
    assert by.size == (outcome == REACHED).sum()
    assert ((furthest >= -0.1) == (outcome == REACHED)).all()
    assert np.array_equal(np.sort(furthest[by]), np.sort(reached)), "the farthest place is where it was reached"
    shares = [(outcome[starts == k] == REACHED).mean() for k in range(3)]
    assert shares[0] < shares[1] < shares[2], "each trial begins from its own entry"


def test_trials_reach_by_the_committor():
    """Between steps ends are overshot by .58 √(2T·step): the exact share at ends moved by as much."""
    pool, count = np.array([[-0.5]]), 40_000
    late = 0.5826 * np.sqrt(2 * TEMPERATURE * STEP)
    seed = fresh_seed()
    outcome, *_ = run_trials(np.zeros(count, dtype=np.int64), pool, -0.9, -0.1, seed)
    exact = float(committor_quadrature(WELL, TEMPERATURE, np.array([-0.5]), -0.9 - late, -0.1 + late)[0])
    found = (outcome == REACHED).sum()
    low, high = stats.binom.ppf([1e-7, 1 - 1e-7], count, [0.97 * exact, 1.03 * exact])
    assert low <= found <= high
    wrong = float(committor_quadrature(WELL, 1.2 * TEMPERATURE, np.array([-0.5]), -0.9 - late, -0.1 + late)[0])
    assert not low <= wrong * count <= high, "a fifth hotter would be seen"


def test_a_trial_that_lingers_or_diverges_is_told():
    pool, starts = np.array([[-0.5]]), np.zeros(100, dtype=np.int64)
    outcome, _, reached, _, _ = run_trials(starts, pool, -50.0, 50.0, fresh_seed(), longest=2000)
    assert (outcome == LINGERED).all() and not reached.size
    outcome, *_, steps = run_trials(starts, pool, -50.0, 50.0, fresh_seed(), longest=2000, whole=False)
    assert (outcome == LINGERED).sum() == 1 and 2000 <= steps < 4000, "one is enough where all are not asked for"
    outcome, *_ = run_trials(starts, np.array([[np.nan]]), -1.0, 0.0, fresh_seed())
    assert (outcome == DIVERGED).all()


def test_a_score_by_weights_and_one_by_formula_are_the_same():
    pool, starts, seed = np.array([[-0.5]]), np.zeros(500, dtype=np.int64), fresh_seed()
    mirrored = run_trials(starts, pool, 0.1, 0.9, seed, weight=-1.0)
    w = WELL.coordinates[0]
    count = len(starts)
    outcome, furthest = np.full(count, -1, dtype=np.int8), np.full(count, np.nan)
    reached, by = np.full((count, 1), np.nan), np.full(count, -1)
    module(-w).trials(
        *block(-0.5, seed), *settings(weight=np.nan), 0.1, 0.9, 10**6, pool, starts, outcome, furthest, reached, by,
        True,
    )  # fmt: skip
    assert np.array_equal(outcome, mirrored[0]) and np.array_equal(furthest, mirrored[1])


def test_a_score_may_have_momenta():
    plane = Potential.from_expression("(w1**2-1)**2 + w2**2")
    first, second = momentum_symbols(plane)
    source = escape_source(plane, UnderdampedLangevin(0.1).escape_kernel(plane), plane.coordinates[1] + second)
    assert second.name == "momentum_w2" and first.name == "momentum_w1"
    assert "x3 = w[U(192) + i]" in source and "x2 = w[U(128) + i]" not in source


def test_a_kernel_must_advance_once():
    inner = SAMPLER.escape_kernel(WELL)
    with pytest.raises(ValueError, match="must define advance once"):
        escape_source(WELL, replace(inner, source="x = 1\n"), None)
