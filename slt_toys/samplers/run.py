"""Run chains through stages: blocks of 64 lanes in threads, bits independent of threads and chunks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..codegen import parameter_values
from ..kernels import LANES
from ..potentials import Potential
from .program import Program, Sampler
from .schedule import Segments, segments

# Lane-steps a kernel call does before it looks up: about a tenth of a second.
CHUNK = 100_000_000
BLOCKS_AT_ONCE = 64
KEPT_AT_ONCE = 4_000_000  # numbers, 32 MB a thread
Seed = int | Sequence[int]


@dataclass(frozen=True)
class Stage:
    """One stage of a run: a potential sampled at a temperature for a number of steps.

    Attributes
    ----------
    potential
        All stages of a run have the same dimension.
    sampler
        Its settings; ``step_size`` may be an array with one entry for each step.
    n_beta
        Inverse temperature nβ = 1/T in units of 1/loss, one number or one for each step.
    steps
        How many.
    """

    potential: Potential
    sampler: Sampler
    n_beta: ArrayLike
    steps: int


def sample(
    potential: Potential,
    sampler: Sampler,
    *,
    n_beta: ArrayLike,
    chains: int,
    steps: int,
    thin: int = 1,
    seed: Seed = 0,
    initial: ArrayLike | str | None = None,
    threads: int | None = None,
    advance: Callable[[float], None] | None = None,
) -> xr.Dataset:
    """Sample the tempered posterior ∝ exp(-n_beta L) with parallel chains.

    Parameters
    ----------
    potential, sampler
        What to sample, and how.
    n_beta
        Inverse temperature, one number or one for each step (annealing).
    chains, steps, thin
        Every ``thin``-th of the ``steps`` states of each chain is kept: steps // thin draws.
    seed
        A non-negative integer, or a sequence of them. The same seed gives the same bits on any number of threads.
    initial
        Points (chains, d) or (d,), the name of a phase to start at its minimum, or None: the phases' minima in turn.
    threads
        Defaults to the processors this process may use.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    xarray.Dataset
        Variable ``w`` (chain, draw, coordinate); coordinates ``step`` and ``time`` (the sum of step sizes) along draw.
        Metropolis samplers add ``acceptance`` (chain), the accepted share of the last stage's proposals.

    Raises
    ------
    ValueError
        In one line, for settings that make no sense and for a step so large that a chain diverged.
    """
    _whole("steps", steps)
    if _whole("thin", thin) > steps:
        raise ValueError(f"thin must be at most steps = {steps}, not {thin}")
    return sample_stages(
        [Stage(potential, sampler, n_beta, steps)], chains=chains, record_steps=np.arange(thin, steps + 1, thin),
        seed=seed, initial=initial, threads=threads, advance=advance,
    )  # fmt: skip


def sample_stages(
    stages: Sequence[Stage],
    *,
    chains: int,
    record_steps: ArrayLike | None = None,
    seed: Seed = 0,
    initial: ArrayLike | str | None = None,
    threads: int | None = None,
    advance: Callable[[float], None] | None = None,
) -> xr.Dataset:
    """Run chains through a sequence of stages, keeping the states after given numbers of steps.

    Parameters
    ----------
    stages
        In order; the positions, the random streams and the step count carry over. Momenta are drawn afresh.
    record_steps
        Increasing step counts (over all stages) at which to keep the state; default: the end of each stage.
    chains, seed, initial, threads, advance
        As in :func:`sample`.

    Returns
    -------
    xarray.Dataset
        As :func:`sample`.
    """
    if not stages:
        raise ValueError("stages must hold at least one Stage")
    dimension = stages[0].potential.dimension
    if any(stage.potential.dimension != dimension for stage in stages):
        raise ValueError(f"stages must share one dimension, not {[s.potential.dimension for s in stages]}")
    chains = _whole("chains", chains)
    schedule = [segments(stage.sampler.step_size, stage.n_beta, _whole("steps", stage.steps)) for stage in stages]
    total = sum(part.total for part in schedule)
    records = np.cumsum([part.total for part in schedule]) if record_steps is None else np.asarray(record_steps)
    if records.ndim != 1 or records.size == 0 or (np.diff(records) <= 0).any() or records[0] < 1 or records[-1] > total:
        raise ValueError(f"record_steps must increase from at least 1 to at most {total}, the number of steps")
    start = _initial_points(stages[0].potential, initial, chains)
    draws = np.empty((chains, records.size, dimension))
    acceptance = np.full(chains, np.nan)
    work = _Work(stages, schedule, records.astype(np.int64), start, draws, acceptance, _seed(seed), advance)
    work.run(_threads(threads))
    variables: dict[str, Any] = {"w": (("chain", "draw", "coordinate"), draws)}
    if np.isfinite(acceptance).all():
        variables["acceptance"] = ("chain", acceptance)
    return xr.Dataset(
        variables,
        coords={
            "coordinate": [w.name for w in stages[-1].potential.coordinates],
            "step": ("draw", records),
            "time": ("draw", _time_at(schedule, records)),
        },
        attrs={
            "potential": stages[-1].potential.name,
            "seed": str(seed),
            "sampler": repr(stages[-1].sampler)
            if np.ndim(stages[-1].sampler.step_size) == 0
            else type(stages[-1].sampler).__name__,
        },
    )


@dataclass(frozen=True)
class _Work:
    """Everything the threads share; each block of lanes is written by one thread only."""

    stages: Sequence[Stage]
    schedule: Sequence[Segments]
    records: NDArray[np.int64]
    start: NDArray[np.float64]
    draws: NDArray[np.float64]
    acceptance: NDArray[np.float64]
    seed: tuple[int, ...]
    advance: Callable[[float], None] | None

    def run(self, threads: int) -> None:
        programs = [stage.sampler.program(stage.potential) for stage in self.stages]
        blocks = -(-len(self.start) // LANES)
        size = max(1, min(BLOCKS_AT_ONCE, -(-blocks // (4 * threads))))
        ranges = [range(first, min(first + size, blocks)) for first in range(0, blocks, size)]
        stop, lock = threading.Event(), threading.Lock()

        def report(share: float, fraction: float) -> None:
            if self.advance is not None:
                with lock:
                    self.advance(share * fraction)

        with ThreadPoolExecutor(threads) as pool:
            futures = [
                pool.submit(self._run_blocks, part, programs, stop, partial(report, len(part) / blocks))
                for part in ranges
            ]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            except BaseException:
                stop.set()
                raise
            stop.set()
            for future in done:
                future.result()

    def _run_blocks(
        self,
        blocks: range,
        programs: Sequence[Program],
        stop: threading.Event,
        report: Callable[[float], None],
    ) -> None:
        dimension = self.start.shape[1]
        chains = slice(blocks.start * LANES, min(blocks.stop * LANES, len(self.start)))
        places = np.resize(self.start[chains], (len(blocks) * LANES, dimension))
        places = places.reshape(len(blocks), LANES, dimension).swapaxes(1, 2).reshape(len(blocks), -1)
        bits = np.stack([self._stream(b).generate_state(4 * LANES, np.uint64) for b in blocks])
        total = sum(part.total for part in self.schedule)
        origin, scratch = 0, np.empty((len(blocks), 0))
        for number, (stage, part, program) in enumerate(zip(self.stages, self.schedule, programs, strict=True)):
            first = _starts(self.schedule)[number]
            if number == 0 or type(stage.sampler) is not type(self.stages[number - 1].sampler) or program.prepare:
                # Normals left over from another sampler's step are not this one's.
                origin, scratch = first, np.zeros((len(blocks), LANES * program.scratch_rows))
            state = self._prepared(places, program, stage, part, blocks, number)
            parameters = parameter_values(stage.potential)
            position = 0
            while position < part.total:
                if stop.is_set():
                    return
                at = first + position
                numbers = len(blocks) * LANES * dimension
                size = max(1, CHUNK // numbers)
                # Draws on their way to the result are bounded too: memory grows with them once, not twice.
                last_kept = np.searchsorted(self.records, at + 1) + max(1, KEPT_AT_ONCE // numbers) - 1
                if last_kept < len(self.records):
                    size = min(size, int(self.records[last_kept]) - at)
                steps, step_size, temperature, position_after = part.cut(position, size)
                kept = slice(*np.searchsorted(self.records, [at + 1, first + position_after + 1]))
                out = np.empty((len(blocks), kept.stop - kept.start, dimension, LANES))
                records = self.records[kept] - origin
                program.advance(
                    state, bits, scratch, parameters, steps, step_size, temperature, at - origin, records, out
                )
                kept_draws = out.transpose(0, 3, 1, 2).reshape(len(blocks) * LANES, out.shape[1], dimension)
                self.draws[chains, kept] = kept_draws[: chains.stop - chains.start]
                if not np.isfinite(state).all():
                    raise ValueError(_divergence(stage, part))
                report((position_after - position) / total)
                position = position_after
            places = state[:, : dimension * LANES]
            if program.accepted_row is not None and number == len(self.stages) - 1:
                row = slice(program.accepted_row * LANES, (program.accepted_row + 1) * LANES)
                self.acceptance[chains] = state[:, row].reshape(-1)[: chains.stop - chains.start] / part.total

    def _stream(self, block: int, *more: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(self.seed, spawn_key=(block, *more))

    def _prepared(
        self, places: NDArray[np.float64], program: Program, stage: Stage, part: Segments, blocks: range, number: int
    ) -> NDArray[np.float64]:
        """State of the blocks at the start of a stage: positions, fresh momenta, and what the kernel keeps."""
        state = np.zeros((len(blocks), LANES * program.rows))
        width = places.shape[1]
        state[:, :width] = places
        if program.momenta:
            for row, block in enumerate(blocks):
                random = np.random.default_rng(self._stream(block, 1 + number))
                state[row, width : 2 * width] = np.sqrt(part.temperature[0]) * random.standard_normal(width)
        if program.prepare is not None:
            program.prepare(state, parameter_values(stage.potential))
        return state


def _divergence(stage: Stage, part: Segments) -> str:
    temperature = float(part.temperature.max())
    limit = stage.sampler.largest_stable_step(stage.potential, temperature)
    return (
        f"step_size {part.step_size.max():.3g} is too large for {stage.potential.name} at temperature "
        f"{temperature:.3g}: a chain diverged; the largest stable step is about {limit:.2g}; a quarter is advisable"
    )


def _initial_points(potential: Potential, initial: ArrayLike | str | None, chains: int) -> NDArray[np.float64]:
    d = potential.dimension
    if initial is None:
        minima = np.array([potential.minimum_point(i) for i in range(len(potential.phases))])
        return np.resize(minima, (chains, d))
    points = potential.minimum_point(initial) if isinstance(initial, str) else np.asarray(initial, dtype=float)
    if points.shape not in ((d,), (chains, d)):
        raise ValueError(f"initial must have shape ({d},) or ({chains}, {d}), not {points.shape}")
    low, high = np.array(potential.box).T
    if not np.isfinite(points).all() or (
        potential.boundary == "reflecting" and ((points < low) | (points > high)).any()
    ):
        raise ValueError(f"initial must be finite and lie in the box {potential.box}")
    return np.array(np.broadcast_to(points, (chains, d)))


def _whole(name: str, value: int) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value)


def _seed(seed: Seed) -> tuple[int, ...]:
    values = (seed,) if isinstance(seed, int | np.integer) else tuple(seed)
    if not values or any(not isinstance(v, int | np.integer) or v < 0 for v in values):
        raise ValueError(f"seed must be a non-negative integer or a sequence of them, not {seed!r}")
    return tuple(int(v) for v in values)


def _threads(threads: int | None) -> int:
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return _whole("threads", threads)


def _starts(schedule: Sequence[Segments]) -> list[int]:
    return [0, *np.cumsum([part.total for part in schedule])[:-1].tolist()]


def _time_at(schedule: Sequence[Segments], records: NDArray[np.int64]) -> NDArray[np.float64]:
    return sum(
        (
            part.time_after(np.clip(records - before, 0, part.total))
            for part, before in zip(schedule, _starts(schedule), strict=True)
        ),
        np.zeros(len(records)),
    )
