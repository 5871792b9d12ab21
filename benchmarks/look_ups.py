"""What runs by look-up tables cost: ``python -m benchmarks.look_ups``.

A look-up of an epoch beside inverting the cumulative sums of each row by numpy, and beside a bound: a load from a table
of the same size at a random place, with the same random bits. Then whole curves of stuck shares, with all that they
need, beside Langevin chains. One coordinate, the default grid, one thread.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from numba import njit

from benchmarks.measure import Contender, compare, machine
from slt_toys.exact.fokker_planck import FokkerPlanck, fokker_planck, grid_for
from slt_toys.exact.look_up import EpochTable, epoch_matrix
from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.sampled import sampled_stuck
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.tabled import tabled_stuck
from slt_toys.protocol.training import ExponentialDecay, Training

RUNS = 1 << 18
TEMPERATURE, DURATION = 0.2, 0.5
TRAINING = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
SWITCHES = np.arange(0, 101, 5)
ENDING = Ending("further", 100)
REPETITIONS = 5


def line() -> FokkerPlanck:
    """The double well of the critical period, on its default grid."""
    pair = find_pair("regular_double_well")
    return fokker_planck(pair.clean, grid_for((pair.deficit, pair.clean), TRAINING.temperatures(200)))


def table() -> Contender:
    """One epoch of many runs by our table; returns the cells."""
    made, start = EpochTable.of(epoch_matrix(line(), TEMPERATURE, DURATION)), starts()

    def run() -> np.ndarray:
        cells = start.copy()
        made.draw(cells, 1)
        return cells

    return Contender("a look-up", run, RUNS)


def inverted() -> Contender:
    """The same by numpy: a uniform number searched in one sorted array, the rows' cumulative sums one after another."""
    matrix, start, random = epoch_matrix(line(), TEMPERATURE, DURATION), starts(), np.random.default_rng(1)
    n = len(matrix)
    sums = (np.cumsum(matrix, axis=1) + np.arange(n)[:, None]).ravel()

    def run() -> np.ndarray:
        found = np.searchsorted(sums, start + random.random(RUNS), side="right") - start.astype(np.int64) * n
        return np.minimum(found, n - 1).astype(np.uint16)

    return Contender("numpy, by cumulative sums", run, RUNS)


def loads() -> Contender:
    """The bound: the bits and one dependent load of eight bytes; returns what was loaded."""
    made, start = EpochTable.of(epoch_matrix(line(), TEMPERATURE, DURATION)).entries, starts()
    shift = np.uint64(64 - (made.shape[1] - 1).bit_length())

    def run() -> np.ndarray:
        cells = start.copy()
        _load(made, shift, cells, np.uint64(1))
        return cells

    return Contender("bits and a load", run, RUNS)


def starts() -> np.ndarray:
    """Cells spread as after some epochs."""
    cells = np.full(RUNS, len(line().grid.centers[0]) // 2, dtype=np.uint16)
    made = EpochTable.of(epoch_matrix(line(), TEMPERATURE, DURATION))
    for key in (11, 12, 13):
        made.draw(cells, key)
    return cells


@njit(nogil=True, boundscheck=False)
def _load(entries: np.ndarray, shift: np.uint64, cells: np.ndarray, key: np.uint64) -> None:
    for i in range(cells.size):
        bits = key + (np.uint64(i) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits = bits ^ (bits >> np.uint64(31))
        cells[i] = np.uint16(entries[cells[i], bits >> shift] & np.uint64(0xFFFF))


def curve(runs: int, threads: int | None) -> tuple[float, float]:
    """Median clock and CPU seconds of a stuck curve of so many runs in all."""
    pair, taken = find_pair("regular_double_well"), []
    for seed in range(REPETITIONS):
        begin, cpu = time.perf_counter(), time.process_time()
        tabled_stuck(pair, TRAINING, SWITCHES, ENDING, runs=runs // SWITCHES.size, seed=seed, threads=threads)
        taken.append((time.perf_counter() - begin, time.process_time() - cpu))
    return float(np.median([one for one, _ in taken])), float(np.median([cpu for _, cpu in taken]))


def chains(runs: int) -> float:
    """CPU seconds of Langevin chains for the same curve."""
    pair, own = find_pair("regular_double_well"), {"shortcuts": 1e-9, "threads": 1}
    sampled_stuck(pair, TRAINING, SWITCHES[:2], ENDING, chains=64, **own)  # compiles
    begin = time.process_time()
    sampled_stuck(pair, TRAINING, SWITCHES, ENDING, chains=runs // SWITCHES.size, **own)
    return time.process_time() - begin


def main() -> int:
    """Print what was measured."""
    print(machine())
    for other in (inverted(), loads()):
        found = compare(table(), other)
        print(
            f"{found.ours}: {1e9 * found.our_cost.cpu:.2f} ns; {found.other}: {1e9 * found.other_cost.cpu:.2f} ns; "
            f"{found.spread()}", flush=True,
        )  # fmt: skip
    curve(SWITCHES.size, 1)
    for runs in (100_000, 1_000_000, 10_000_000):
        one, cpu = curve(runs, 1)
        print(f"a curve of {runs:.0e} runs: {one:.2f} s on one thread ({cpu:.2f} CPU s), {curve(runs, None)[0]:.2f} s "
              "on all", flush=True)  # fmt: skip
    for runs in (100_000, 1_000_000):
        print(f"a curve of {runs:.0e} runs by Langevin chains of one trunk: {chains(runs):.1f} CPU s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
