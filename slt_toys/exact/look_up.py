"""An epoch of any length as one look-up: exact transitions between cells of a line or a circle, drawn in a nanosecond.

The propagator of an epoch (:mod:`slt_toys.exact.propagator`) is a matrix of transition probabilities. Each of its rows
becomes a table of equal columns that hold one or two cells each (Walker 1977; Vose 1991) [eq:alias-table]; a column and
a share of it, both from the bits of one random number, then give the cell at the epoch's end. What is drawn has the law
of the Fokker-Planck equation on the cells, whatever an epoch lasts: no step has a bias. The law of a whole path is off
by at most the sum of the errors of its epochs [eq:path-distance].
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments
from ..inputs.processors import usable_processors
from .fokker_planck import FokkerPlanck
from .propagator import propagator
from .sweeps import alike_epochs

Array = NDArray[np.float64]
Cells = NDArray[np.uint16]

__all__ = ["EpochTable", "cell_draws", "epoch_matrix", "epoch_table", "look_up_sweep", "stream_keys", "uniforms"]

SQUARINGS = 5  # of the propagator of 1/32 of an epoch: rows are then off by less than 1e-8
SHORT_STEPS = {True: 1, False: 2}  # on a line, on a circle: there a short epoch's error is no smaller than a long one's
UNDERSHOOT = 1e-6  # of a row
NOTHING = 1e-25  # a probability
MOST_CELLS = 4096  # of a table: 128 MiB
ALIAS_BITS = 16  # of an entry, the lowest; the others are the share of a column that its own cell has
LOW = np.uint64((1 << (64 - ALIAS_BITS)) - 1)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@checked_arguments
def epoch_matrix(
    process: FokkerPlanck, temperature: float, duration: float, squarings: int = SQUARINGS
) -> Array:  # fmt: skip
    """Probabilities of the cell at an epoch's end, given the cell at its start: shape (cells, cells), rows sum to 1.

    The propagator of a 2^-k-th of the epoch is squared k times, which costs less than as many sub-steps and leaves no
    negative probabilities to speak of; what is left of them, below 1e-8 in a row, is set to 0.

    Parameters
    ----------
    process
        The jump process on a line or a circle.
    temperature, duration
        Of the epoch: T in units of loss, and Langevin time.
    squarings
        k.

    Raises
    ------
    ValueError
        In a plane, for more than 4096 cells, or where so few squarings leave negative probabilities of 1e-6 in a row.
    """
    cells = process.grid.shape
    if len(cells) != 1:
        raise ValueError(
            "process must be of one coordinate: a table of transitions between cells of a plane is too large"
        )
    if cells[0] > MOST_CELLS:
        raise ValueError(f"process has {cells[0]} cells, where tables are made for at most {MOST_CELLS}")
    if not 0 <= squarings <= 30:
        raise ValueError(f"squarings must be a whole number from 0 to 30, not {squarings}")
    steps = SHORT_STEPS[process.grid.is_line]
    short = propagator(process, temperature, duration / 2**squarings, steps).observables(np.eye(cells[0]))
    matrix = _squared(np.ascontiguousarray(short), squarings)
    negative = float(-np.minimum(matrix, 0.0).sum(axis=1).min())
    if not negative < UNDERSHOOT:
        raise ValueError(f"squarings: {squarings} leave negative probabilities, {negative:.2g} in a row; give more")
    np.maximum(matrix, 0.0, out=matrix)
    matrix /= matrix.sum(axis=1, keepdims=True)
    return matrix


@dataclass(frozen=True, eq=False)
class EpochTable:
    """Look-up table of the rows of a matrix of probabilities.

    Attributes
    ----------
    entries
        Shape (rows, columns), the columns a power of two: the cell that shares a column in the lowest 16 bits, above
        them the share of the column's own cell.
    """

    entries: NDArray[np.uint64]

    @classmethod
    @checked_arguments
    def of(cls, probabilities: ArrayLike) -> EpochTable:
        """The table of rows that sum to 1, shape (rows, cells) [eq:alias-table]; shares are kept to 2^-48.

        Raises
        ------
        ValueError
            For rows that are no probabilities, or of more than 65 536 cells.
        """
        rows = np.ascontiguousarray(np.atleast_2d(np.asarray(probabilities, dtype=float)))
        if rows.ndim != 2 or not rows.size or rows.shape[1] > 1 << ALIAS_BITS:
            raise ValueError(f"probabilities must be rows of 1 to {1 << ALIAS_BITS} cells, not of shape {rows.shape}")
        if not (rows >= 0).all() or not (np.abs(rows.sum(axis=1) - 1) < 1e-9).all():
            raise ValueError("probabilities must be at least 0 and sum to 1 in each row")
        columns = 1 << max(1, int(rows.shape[1] - 1).bit_length())
        return cls(_alias_rows(rows, columns))

    @property
    def probabilities(self) -> Array:
        """What is drawn with which probability, (rows, columns): read back from the entries."""
        rows, columns = self.entries.shape
        shares = (self.entries >> np.uint64(ALIAS_BITS)).astype(float) / 2.0 ** (64 - ALIAS_BITS)
        others = (self.entries & np.uint64((1 << ALIAS_BITS) - 1)).astype(np.int64)
        found = shares.copy()
        np.add.at(found, (np.arange(rows)[:, None], others), 1 - shares)
        return found / columns

    def draw(self, cells: Cells, key: int | np.uint64, first: int = 0) -> None:
        """Replace each cell (n,) by one drawn from its row, by the stream of ``key`` from its number ``first`` on."""
        shift = np.uint64(64 - (self.entries.shape[1] - 1).bit_length())
        _look_up(self.entries, shift, cells, np.uint64(key), np.uint64(first))


@checked_arguments
def epoch_table(
    process: FokkerPlanck, temperature: float, duration: float, squarings: int = SQUARINGS
) -> EpochTable:  # fmt: skip
    """The :class:`EpochTable` of :func:`epoch_matrix`, whose parameters these are."""
    return EpochTable.of(epoch_matrix(process, temperature, duration, squarings))


def look_up_sweep(
    process: Callable[[float], FokkerPlanck], cells: Cells, table: Array, seed: Sequence[int],
    threads: int | None = None,
) -> Iterator[int]:  # fmt: skip
    """Move runs through their epochs, in place, one look-up an epoch: :func:`~slt_toys.exact.sweeps.sweep` of draws.

    Parameters
    ----------
    process
        Gives the jump process of a weight.
    cells
        Of the runs of each schedule, shape (schedules, runs).
    table
        Weight, temperature and duration by epoch and schedule, shape (epochs, schedules, 3); no duration where a
        schedule is not on.
    seed
        Entropy of the streams. A run's draws depend on its schedule, its number and the epoch alone.
    threads
        That make tables ahead; default: the processors this process may use.

    Yields
    ------
    int
        After each epoch, how many epochs are done.
    """
    for weight in np.unique(table[..., 0]):
        on = (table[..., 0] == weight) & (table[..., 2] > 0)
        if on.any():
            process(float(weight)).check_walls(float(table[on, 1].max()))
    keys = stream_keys(seed, len(table))
    # Of an epoch in which no time passes for any schedule there is no table.
    ahead: deque[tuple[int, Sequence[int], Future[EpochTable] | None]] = deque()
    count = threads or usable_processors()
    with ThreadPoolExecutor(count) as pool:

        def moved(until: int) -> Iterator[int]:
            while len(ahead) > until:
                epoch, schedules, future = ahead.popleft()
                if future is not None:
                    made = future.result()
                    for schedule in schedules:
                        made.draw(cells[schedule], keys[epoch], schedule << 40)
                if not ahead or ahead[0][0] > epoch:
                    yield epoch + 1

        try:
            for epoch, groups in enumerate(alike_epochs(table)):
                for (weight, temperature, duration), active in groups:
                    schedules = np.arange(table.shape[1])[active].tolist()
                    ahead.append((epoch, schedules, pool.submit(epoch_table, process(weight), temperature, duration)))
                if not groups:
                    ahead.append((epoch, [], None))
                yield from moved(count)
            yield from moved(0)
        finally:
            for *_, future in ahead:
                if future is not None:
                    future.cancel()


def stream_keys(seed: Sequence[int], count: int) -> NDArray[np.uint64]:
    """Keys of independent streams, (count,)."""
    return np.random.SeedSequence(list(seed)).generate_state(count, np.uint64).astype(np.uint64)


def uniforms(shape: tuple[int, int], key: np.uint64) -> Array:
    """Numbers in [0, 1) for runs (schedules, runs), by the stream of a key, of which no two depend on the shape."""
    values = np.empty(shape)
    for schedule, row in enumerate(values):
        _uniforms(row, key, np.uint64(schedule << 40))
    return values


def cell_draws(masses: Array, runs: int, key: np.uint64) -> Cells:
    """Cells drawn for each schedule from its masses (cells, schedules): shape (schedules, runs)."""
    rows = np.maximum(masses.T, 0.0)
    table, drawn = EpochTable.of(rows / rows.sum(axis=1, keepdims=True)), np.empty((len(rows), runs), dtype=np.uint16)
    for schedule, cells in enumerate(drawn):
        cells[:] = schedule
        table.draw(cells, key, schedule << 40)
    return drawn


@njit(nogil=True, cache=True, fastmath={"contract"})
def _squared(matrix: Array, times: int) -> Array:
    """A matrix squared ``times`` times, two rows by four at once, within the band that rows keep.

    Our own, as bits of a library's product may depend on its threads. What is below :data:`NOTHING` is 0: numbers that
    are nearly too small take processors ten times as long.
    """
    size = matrix.shape[0]
    n = size + -size % 4  # rows and columns of zeros make it whole
    now, new, band = np.zeros((n, n)), np.zeros((n, n)), np.empty((n, 2), dtype=np.int64)
    now[:size, :size] = matrix
    one, two = np.empty(n), np.empty(n)
    for _ in range(times):
        for i in range(n):
            band[i, 0], band[i, 1] = n, 0
            for j in range(n):
                if abs(now[i, j]) > NOTHING:
                    band[i, 0] = min(band[i, 0], j)
                    band[i, 1] = j + 1
                else:
                    now[i, j] = 0.0
        for i in range(0, n, 2):
            one[:] = 0.0
            two[:] = 0.0
            first, last = min(band[i, 0], band[i + 1, 0]), max(band[i, 1], band[i + 1, 1])
            for k in range(first - first % 4, last, 4):
                a, b, c, d = now[i, k], now[i, k + 1], now[i, k + 2], now[i, k + 3]
                e, f, g, h = now[i + 1, k], now[i + 1, k + 1], now[i + 1, k + 2], now[i + 1, k + 3]
                r, s, t, u = now[k], now[k + 1], now[k + 2], now[k + 3]
                for j in range(n):
                    one[j] += a * r[j] + b * s[j] + c * t[j] + d * u[j]
                    two[j] += e * r[j] + f * s[j] + g * t[j] + h * u[j]
            new[i] = one
            new[i + 1] = two
        now, new = new, now
    return now[:size, :size].copy()


@njit(nogil=True, cache=True)
def _alias_rows(rows: Array, columns: int) -> NDArray[np.uint64]:
    """Entries of a table. Columns that hold less than their share are filled up from one that holds more."""
    entries = np.empty((rows.shape[0], columns), dtype=np.uint64)
    whole = 2.0 ** (64 - ALIAS_BITS)
    held, less, more = np.empty(columns), np.empty(columns, dtype=np.int64), np.empty(columns, dtype=np.int64)
    for row in range(rows.shape[0]):
        few = many = 0
        for j in range(columns):
            held[j] = rows[row, j] * columns if j < rows.shape[1] else 0.0
            entries[row, j] = (LOW << np.uint64(ALIAS_BITS)) | np.uint64(j)  # its own cell, whatever the share
            if held[j] < 1.0:
                less[few] = j
                few += 1
            else:
                more[many] = j
                many += 1
        while few and many:
            few -= 1
            small, large = less[few], more[many - 1]
            share = np.uint64(min(np.floor(held[small] * whole + 0.5), whole - 1.0))
            entries[row, small] = (share << np.uint64(ALIAS_BITS)) | np.uint64(large)
            held[large] -= 1.0 - held[small]
            if held[large] < 1.0:
                many -= 1
                less[few] = large
                few += 1
    return entries


@njit(nogil=True, cache=True)
def _mixed(number: np.uint64) -> np.uint64:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014, Stafford's variant 13): numbers in a row become bits."""
    number = (number ^ (number >> np.uint64(30))) * MIX[0]
    number = (number ^ (number >> np.uint64(27))) * MIX[1]
    return number ^ (number >> np.uint64(31))


@njit(nogil=True, cache=True, boundscheck=False)
def _look_up(entries: NDArray[np.uint64], shift: np.uint64, cells: Cells, key: np.uint64, first: np.uint64) -> None:
    for i in range(cells.size):
        bits = _mixed(key + (first + np.uint64(i) + np.uint64(1)) * GOLDEN)
        column = bits >> shift
        entry = entries[cells[i], column]
        own = (bits & LOW) < (entry >> np.uint64(ALIAS_BITS))
        cells[i] = np.uint16(column) if own else np.uint16(entry & np.uint64(0xFFFF))


@njit(nogil=True, cache=True, boundscheck=False)
def _uniforms(values: Array, key: np.uint64, first: np.uint64) -> None:
    for i in range(values.size):
        bits = _mixed(key + (first + np.uint64(i) + np.uint64(1)) * GOLDEN)
        values[i] = (bits >> np.uint64(11)) * 2.0**-53
