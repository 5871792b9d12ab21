"""Multilevel splitting: the engine behind :mod:`slt_toys.samplers.escape_rate`.

A chain that climbs far is rare, but one that climbs a little further from where few come is not. Levels of a score cut
the way out into pieces; states that reach one level are where trials for the next begin. Groups are independent of each
other, so that their scatter gives an honest error; within a group the estimate is without bias: shares of trials have
the product of probabilities as their mean [eq:splitting-variance].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.escape import DIVERGED, LINGERED, REACHED
from ..kernels.frame import LANES
from ..reference.laws import law
from .program import Program

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

CHUNK = 1024  # steps between which crossings are counted; an even number, as normals are drawn for two steps
LOOK = 64  # steps between two looks at where chains of the pilot are
ABOVE = 0.7  # of the scores above the start's, the share below the first level
CYCLES = 16  # that a lane of the pilot makes at least, from the start's score over the first level and back
LONGEST_PILOT = 2**22  # steps a lane
PILOT_EFFORT = 2048  # trials
MANY_LEVELS = 2000
LEAST_HEADWAY = 1e-6  # of the way from the start's score to the target's, between two levels


class NoHeadway(ValueError):
    """A pilot that found no way up."""


@dataclass
class _Block:
    """64 lanes with random streams of their own."""

    state: Array
    bits: NDArray[np.uint64]
    spare: Array
    choices: np.random.Generator
    inside: Array
    step: int = 0


@dataclass(frozen=True)
class Plan:
    """What a pilot chose; the estimate is made afterwards, with other numbers."""

    levels: tuple[float, ...]  # of the score, rising, the last of them the target
    crossing_rate: float  # of the first level, for each step of a lane
    shares: tuple[float, ...]  # of trials that reach the next level


@dataclass(frozen=True)
class Group:
    """One independent estimate."""

    log_rate: float  # for each step
    crossings: tuple[int, int]  # of the first level in the first and in the second half of the run in the source
    shares: tuple[float, ...]
    descendants: Whole  # of each state that crossed the first level, the arrivals at the target
    lane_steps: int  # made in all
    arrived: Array  # states at the target, (arrivals, rows)


@dataclass(frozen=True, eq=False)
class Splitting:
    """A sampler's chain, a score, and the two ends."""

    module: ModuleType
    program: Program
    moved: int  # rows of the state that make up a configuration
    constants: tuple[Any, ...]
    parameters: Array
    step_size: float
    temperature: float
    weights: Array  # of the coordinates, where the score is their sum
    start: Array  # point (d,)
    source: float  # score at the start
    target: float
    longest: int  # steps that a trial may take
    seed: tuple[int, ...]

    def plan(self) -> Plan:
        """Choose levels so that about a fifth of trials reach the next [eq:best-splitting-share]."""
        share = law("best-splitting-share")()
        block = self._block(0)
        high, pool, rate = self._first_level(block)
        levels, shares = [high], []
        while True:
            starts = _spread(block.choices, len(pool), PILOT_EFFORT)
            furthest = self._trials(block, pool, starts, self.target)[0]
            following = float(np.quantile(furthest, 1 - share))
            if following >= self.target:
                shares.append(float(np.mean(furthest >= self.target)))
                return Plan((*levels, self.target), rate, tuple(shares))
            following = max(following, levels[-1] + LEAST_HEADWAY * (self.target - self.source))
            _, reached, _, _ = self._trials(block, pool, _spread(block.choices, len(pool), PILOT_EFFORT), following)
            if not len(reached) or len(levels) == MANY_LEVELS:
                raise NoHeadway(
                    f"trials make no headway beyond the score {levels[-1]:.4g}, of which the target has "
                    f"{self.target:.4g}"
                )
            levels.append(following)
            shares.append(len(reached) / PILOT_EFFORT)
            pool = reached

    def group(self, number: int, plan: Plan, effort: int) -> Group:
        """One estimate of the rate: how often chains leave the source, times how often one of them arrives."""
        block = self._block(1, number)
        chunks = max(2, 2 * -(-int(effort / (LANES * plan.crossing_rate)) // (2 * CHUNK)))
        self._crossings(block, chunks // 2 * CHUNK, plan.levels[0])  # forgets the start
        entries: list[Array] = []
        halves = []
        for _ in range(2):
            pool, _, _ = self._crossings(block, chunks // 2 * CHUNK, plan.levels[0])
            entries.append(pool)
            halves.append(len(pool))
        pool = np.concatenate(entries)
        lane_steps = LANES * CHUNK * (chunks + chunks // 2)
        ancestors, count = np.arange(len(pool)), len(pool)
        log_rate = _log(count) - np.log(LANES * chunks * CHUNK)
        shares = []
        for high in plan.levels[1:]:
            if not len(pool):
                break
            starts = _spread(block.choices, len(pool), effort)
            _, reached, by, steps = self._trials(block, pool, starts, high)
            shares.append(len(reached) / effort)
            log_rate += _log(shares[-1])
            ancestors, pool = ancestors[starts[by]], reached
            lane_steps += LANES * steps
        arrived = ancestors if len(shares) == len(plan.levels) - 1 else ancestors[:0]
        return Group(
            float(log_rate), (halves[0], halves[1]), tuple(shares), np.bincount(arrived, minlength=count), lane_steps,
            pool[: len(arrived)],
        )  # fmt: skip

    def turned_back(self, places: Array, beyond: float, steps: int) -> float:
        """Share of chains that do not get from these places to another score in some steps, nor before the source's."""
        outcome = np.zeros(len(places), dtype=np.int8)
        room, by = np.empty_like(places), np.empty(len(places), dtype=np.int64)
        self.module.trials(
            *self._given(self._block(2)), self.source, beyond, steps, places, np.arange(len(places)), outcome,
            np.empty(len(places)), room, by, True,
        )  # fmt: skip
        return float(np.mean(outcome != REACHED))

    def groups(
        self, numbers: Sequence[int], plan: Plan, effort: int, threads: int, done: Callable[[], None]
    ) -> list[Group]:
        """Several groups in threads; none depends on how many of those there are."""
        with ThreadPoolExecutor(threads) as pool:
            futures = [pool.submit(self.group, number, plan, effort) for number in numbers]
            try:
                found = []
                for future in futures:
                    found.append(future.result())
                    done()
                return found
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    # ---- the kernel's two doors --------------------------------------------------------------------------------------
    def _block(self, *key: int) -> _Block:
        def stream(*more: int) -> np.random.SeedSequence:
            return np.random.SeedSequence(self.seed, spawn_key=(*key, *more))

        return _Block(
            self._begun(np.random.default_rng(stream(2))),
            stream(0).generate_state(4 * LANES, np.uint64).astype(np.uint64)[None],
            np.zeros((1, LANES * self.program.scratch_rows)),
            np.random.default_rng(stream(1)),
            np.ones(LANES),
        )

    def _begun(self, momenta: np.random.Generator) -> Array:
        """State of 64 lanes at the start."""
        places = np.repeat(self.start, LANES)[None]
        return self.program.started(places, self.parameters, self.temperature, lambda: [momenta])

    def _given(self, block: _Block) -> tuple[Any, ...]:
        return (
            block.state, block.bits, block.spare, self.parameters, self.step_size, self.temperature, self.constants,
            self.weights, block.step,
        )  # fmt: skip

    def _crossings(self, block: _Block, steps: int, high: float, look: int = CHUNK) -> tuple[Array, int, Array]:
        """Go on in the source; return the states that crossed, how many chains arrived, and scores now and then."""
        room = np.empty((LANES * look // 2 + LANES, self.moved))
        found: list[Array] = []
        scores: list[Array] = []
        arrivals = 0
        for _ in range(steps // look):
            seen = np.empty(LANES)
            begun = self._begun(block.choices)[0]  # momenta of their own for every chunk
            crossed, arrived, diverged = self.module.crossings(
                *self._given(block), look, self.source, high, self.target, begun, block.inside, room, seen
            )
            if diverged:
                raise FloatingPointError
            block.step += look
            arrivals += arrived
            found.append(room[:crossed].copy())
            scores.append(seen)
        return np.concatenate(found), arrivals, np.array(scores)

    def _trials(self, block: _Block, pool: Array, starts: Whole, high: float) -> tuple[Array, Array, Whole, int]:
        """Run trials; return how far each came, the states that reached ``high``, whose they are, and the steps."""
        outcome, furthest = np.zeros(len(starts), dtype=np.int8), np.empty(len(starts))
        reached, by = np.empty((len(starts), self.moved)), np.empty(len(starts), dtype=np.int64)
        block.step = 0
        arrived, steps = self.module.trials(
            *self._given(block), self.source, high, self.longest, pool, starts, outcome, furthest, reached, by, False
        )
        if (outcome == DIVERGED).any():
            raise FloatingPointError
        if (outcome == LINGERED).any():
            raise NoHeadway(
                f"one of {len(starts)} trials was neither back nor at the next level after longest_trial, "
                f"{self.longest} steps: chains linger in between, as where there is a third well"
            )
        return furthest, reached[:arrived].copy(), by[:arrived].copy(), int(steps)

    def _first_level(self, block: _Block) -> tuple[float, Array, float]:
        """A level that chains in the source cross now and then, states at it, and how often for each step."""
        steps = 16 * LOOK
        while steps <= LONGEST_PILOT:
            _, _, scores = self._crossings(block, steps, np.inf, LOOK)
            late = scores[len(scores) // 2 :]
            above = late[late > self.source]
            if above.size >= LANES:
                high = float(min(np.quantile(above, ABOVE), (self.source + self.target) / 2))
                pool, _, _ = self._crossings(block, steps, high, min(steps, CHUNK))
                if len(pool) >= CYCLES * LANES:
                    return high, pool, len(pool) / (LANES * steps)
            steps *= 2
        raise NoHeadway(
            f"chains of {LONGEST_PILOT} steps do not come back to the start's score of {self.source:.4g} often enough"
        )


def _log(value: float) -> float:
    return float(np.log(value)) if value > 0 else -np.inf


def _spread(choices: np.random.Generator, size: int, count: int) -> Whole:
    """``count`` of ``size`` entries, each as often as any other up to one, all in expectation."""
    order = choices.permutation(size)
    return order[((np.arange(count) + choices.random()) * (size / count)).astype(np.int64) % size]
