"""The engine's work: ranges of blocks of 64 lanes, advanced chunk by chunk in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.codegen import parameter_values
from ..kernels.frame import LANES
from .checkpoint import Checkpoint
from .program import Program, Summary, potential_of
from .schedule import Segments
from .step_bias import TOLERANCE, advisable_share

Array = NDArray[np.float64]
# Seconds a chunk is meant to take: how long an interruption waits, and with a checkpoint how much it can lose.
CHUNK_SECONDS = 0.1
CHECKPOINT_SECONDS = 2.0
FIRST_CHUNK = 100_000  # numbers
CACHE_LINE = 64  # bytes
# How work is cut up; none of it changes a bit of the result.
CHUNK = 2_000_000_000  # numbers (lanes × steps × coordinates) that a kernel call advances, at most
BLOCKS_AT_ONCE = 64  # in a range, at most
KEPT_AT_ONCE = 4_000_000  # numbers of draws on their way to the result, 32 MB a thread


@dataclass
class _Place:
    """How far a range of blocks has come, and what it goes on from."""

    stage: int
    position: int  # in the stage
    origin: int  # step from which the kernel counts
    state: Array
    bits: NDArray[np.uint64]
    scratch: Array
    kept: int = 0

    def align(self) -> None:
        """Begin the rows at cache lines: vectors that straddle two cost a kernel up to a tenth."""
        self.state, self.bits, self.scratch = _aligned(self.state), _aligned(self.bits), _aligned(self.scratch)


@dataclass(frozen=True)
class Work:
    """Everything the threads share; each range of blocks is written by one thread only."""

    stages: Sequence[Any]
    schedule: Sequence[Segments]  # the stages' runs of equal steps
    records: NDArray[np.int64]  # step counts to keep the state at
    start: Array  # points (chains, d)
    draws: Array  # result (chains, records, d), filled in
    seed: tuple[int, ...]  # entropy of the streams, one for each block of lanes
    advance: Callable[[float], None] | None = None  # called with the fraction of the work done since the last call
    checkpoint: Checkpoint | None = None  # where to keep what was done

    def run(self, threads: int) -> Summary:
        """Do it all; return the last stage's statistics."""
        blocks = -(-len(self.start) // LANES)
        size = self.checkpoint.blocks_at_once if self.checkpoint else self.range_size(threads)
        ranges = [range(first, min(first + size, blocks)) for first in range(0, blocks, size)]
        summaries: list[Summary] = [{}] * len(ranges)
        stop, lock = threading.Event(), threading.Lock()

        def report(share: float, fraction: float) -> None:
            if self.advance is not None:
                with lock:
                    self.advance(share * fraction)

        def job(number: int) -> None:
            part = ranges[number]
            summaries[number] = self._run_range(part, stop, partial(report, len(part) / blocks))

        _ = self.programs  # compiled once, before the threads ask for them
        with self.checkpoint or nullcontext(), ThreadPoolExecutor(threads) as pool:
            futures = [pool.submit(job, number) for number in range(len(ranges))]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise
            stop.set()
            for future in done:
                future.result()
        return {
            name: (dimensions, np.concatenate([summary[name][1] for summary in summaries]))
            for name, (dimensions, _) in summaries[0].items()
        }

    @cached_property
    def programs(self) -> list[Program]:
        """The stages' samplers, compiled."""
        return [stage.sampler.program(stage.potential) for stage in self.stages]

    def range_size(self, threads: int) -> int:
        """Blocks in a range: enough ranges to keep the threads busy."""
        blocks = -(-len(self.start) // LANES)
        return max(1, min(BLOCKS_AT_ONCE, -(-blocks // (4 * threads))))

    def starts(self) -> list[int]:
        """Step count at which each stage begins."""
        return [0, *np.cumsum([part.total for part in self.schedule])[:-1].tolist()]

    # ---- one range of blocks ----------------------------------------------------------------------------------------
    def _run_range(self, blocks: range, stop: threading.Event, report: Callable[[float], None]) -> Summary:
        chains = slice(blocks.start * LANES, min(blocks.stop * LANES, len(self.start)))
        place = self._resumed(blocks, chains, report) or self._begun(blocks, chains)
        total = sum(part.total for part in self.schedule)
        seconds = CHECKPOINT_SECONDS if self.checkpoint else CHUNK_SECONDS
        rate = 0.0  # steps a second
        while True:
            part = self.schedule[place.stage]
            if place.position == part.total:
                if place.stage == len(self.stages) - 1:
                    return self._summary(place, chains)
                self._enter(place, blocks, place.stage + 1)
                continue
            if stop.is_set():
                return {}
            before = time.perf_counter()
            # The first chunk is a short one, to see how long a step takes.
            wanted = rate * seconds if rate else FIRST_CHUNK / place.state.size
            steps = self._run_chunk(place, chains, max(1, int(wanted)))
            rate = steps / max(time.perf_counter() - before, 1e-9)
            report(steps / total)

    def _begun(self, blocks: range, chains: slice) -> _Place:
        dimension = self.start.shape[1]
        places = np.resize(self.start[chains], (len(blocks) * LANES, dimension))
        places = places.reshape(len(blocks), LANES, dimension).swapaxes(1, 2).reshape(len(blocks), -1)
        bits = np.array([self._bits(block) for block in blocks])
        place = _Place(-1, 0, 0, places, bits, np.empty((len(blocks), 0)))
        self._enter(place, blocks, 0)
        return place

    def _enter(self, place: _Place, blocks: range, number: int) -> None:
        """Go on to a stage: positions and streams carry over, the rest is made anew."""
        stage, program = self.stages[number], self.programs[number]
        place.stage, place.position = number, 0
        # The first stream carries over; others are a stage's own.
        more = [[self._bits(b, 1 + number, k) for b in blocks] for k in range(1, program.streams)]
        place.bits = np.concatenate([place.bits[:, : 4 * LANES], *more], axis=1)
        same = (
            number > 0
            and type(stage.sampler) is type(self.stages[number - 1].sampler)
            and program.scratch == self.programs[number - 1].scratch
        )
        fits = (place.state.shape[1], place.scratch.shape[1]) == (LANES * program.rows, LANES * program.scratch_rows)
        if same and program.carries_state and fits:
            return
        if not (same and fits) or program.prepare is not None or program.begin is not None:
            # Normals left over from another sampler's step are not this one's.
            place.origin = self.starts()[number]
            place.scratch = np.zeros((len(blocks), LANES * program.scratch_rows))
        place.state = program.started(
            place.state[:, : self.start.shape[1] * LANES],
            parameter_values(potential_of(stage.potential)),
            float(self.schedule[number].temperature[0]),
            lambda: [np.random.default_rng(self._stream(block, 1 + number)) for block in blocks],
        )

    def _run_chunk(self, place: _Place, chains: slice, wanted: int) -> int:
        """Advance by at most the steps wanted, within this module's limits; return how many it were."""
        stage, part = self.stages[place.stage], self.schedule[place.stage]
        begin = self.starts()[place.stage]
        at = begin + place.position
        dimension = self.start.shape[1]
        blocks = len(place.state)
        numbers = blocks * LANES * dimension
        size = min(wanted, max(1, CHUNK // numbers))
        # Draws on their way to the result are bounded too: memory grows with them once, not twice.
        last_kept = np.searchsorted(self.records, at + 1) + max(1, KEPT_AT_ONCE // numbers) - 1
        if last_kept < len(self.records):
            size = min(size, int(self.records[last_kept]) - at)
        steps, step_size, temperature, after = part.cut(place.position, size)
        kept = slice(*np.searchsorted(self.records, [at + 1, begin + after + 1]))
        out = np.empty((blocks, kept.stop - kept.start, dimension, LANES))
        place.align()
        self.programs[place.stage].advance(
            place.state, place.bits, place.scratch, parameter_values(potential_of(stage.potential)), steps, step_size,
            temperature, at - place.origin, self.records[kept] - place.origin, out,
        )  # fmt: skip
        if not np.isfinite(place.state).all():
            raise ValueError(divergence(stage, part))
        drawn = out.transpose(1, 0, 3, 2).reshape(out.shape[1], blocks * LANES, dimension)
        drawn = drawn[:, : chains.stop - chains.start]
        self.draws[chains, kept] = drawn.swapaxes(0, 1)
        taken, place.position = after - place.position, after
        place.kept = kept.stop
        if self.checkpoint:
            self.checkpoint.save(chains.start // LANES, vars(place), drawn)
        return taken

    def _resumed(self, blocks: range, chains: slice, report: Callable[[float], None]) -> _Place | None:
        count = chains.stop - chains.start
        saved = self.checkpoint.load(blocks.start, count, self.start.shape[1]) if self.checkpoint else None
        if saved is None:
            return None
        state, drawn = saved
        values: dict[str, Any] = {name: value if value.ndim else int(value) for name, value in state.items()}
        place = _Place(**values)
        self.draws[chains, : place.kept] = drawn.swapaxes(0, 1)
        done = self.starts()[place.stage] + place.position
        report(done / sum(part.total for part in self.schedule))
        return place

    def _summary(self, place: _Place, chains: slice) -> Summary:
        program = self.programs[place.stage]
        if program.summary is None:
            return {}
        rows = place.state.reshape(-1, program.rows, LANES).swapaxes(1, 2).reshape(-1, program.rows)
        return program.summary(rows[: chains.stop - chains.start], self.schedule[place.stage].total)

    def _bits(self, block: int, *more: int) -> NDArray[np.uint64]:
        return self._stream(block, *more).generate_state(4 * LANES, np.uint64).astype(np.uint64)

    def _stream(self, block: int, *more: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(self.seed, spawn_key=(block, *more))


def _aligned(values: NDArray[Any]) -> NDArray[Any]:
    if values.ctypes.data % CACHE_LINE == 0:
        return values
    memory = np.empty(values.nbytes + CACHE_LINE, dtype=np.uint8)
    begin = -memory.ctypes.data % CACHE_LINE
    copy = memory[begin : begin + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def divergence(stage: Any, part: Segments) -> str:
    """Say in one line that a step was too large, and which would do [eq:euler-maruyama-variance]."""
    potential = potential_of(stage.potential)
    temperature = float(part.temperature.max())
    limit = stage.sampler.largest_stable_step(potential, temperature)
    where = f"{potential.name} at temperature {temperature:.3g}" if temperature else potential.name
    message = (
        f"step_size {part.step_size.max():.3g} is too large for {where}: a chain diverged; "
        f"the largest stable step is about {limit:.2g}"
    )
    scheme = stage.sampler.stepping(stage.potential, 1 / temperature if temperature else None).scheme
    share = advisable_share(scheme, potential.dimension)
    if share is None or not np.isfinite(limit):
        return message
    unit = "T" if potential.dimension <= 2 else "its standard deviation"
    return f"{message}; at {share * limit:.2g} the energy is off by {TOLERANCE:.0%} of {unit}"
