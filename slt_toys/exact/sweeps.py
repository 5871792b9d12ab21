"""Annealed Langevin dynamics: densities forwards and observables backwards through any temperatures and durations.

In epoch e the temperature is ``temperatures[e]`` for a Langevin time ``durations[e]``. Within an epoch the generator is
constant and :mod:`slt_toys.exact.propagator` applies its exponential. Forward and backward sweeps are adjoint to
rounding, so ⟨masses, observable⟩ may be taken at any epoch. One loop, :func:`sweep`, does all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments
from .fokker_planck import FokkerPlanck, Grid
from .propagator import propagator

Array = NDArray[np.float64]

__all__ = [
    "FrozenSweep", "alike_epochs", "backward_sweep", "cell_masses", "check_schedule", "check_undershoot",
    "forward_sweep", "frozen_epoch", "frozen_sweep", "sweep",
]  # fmt: skip

WORST_UNDERSHOOT = 1e-3
FROZEN_CROSSING = 1e-10  # mass that may still cross when a cooling run is called finished
HELD_SUBSTEPS = {True: 16, False: 2}  # on a line, elsewhere: the propagator's error is below 1e-9
HELD_ERROR = 1e-9
CHECK_EVERY = 4  # epochs between two looks ahead


def check_schedule(temperatures: ArrayLike, durations: ArrayLike) -> tuple[Array, Array]:
    """Both arrays as floats, shape (epochs,); temperatures must be positive, durations not negative."""
    temperatures, durations = np.asarray(temperatures, dtype=float), np.asarray(durations, dtype=float)
    if temperatures.ndim != 1 or temperatures.shape != durations.shape or not temperatures.size:
        raise ValueError(
            "temperatures and durations must hold one number per epoch each, "
            f"not shapes {temperatures.shape} and {durations.shape}"
        )
    for name, values, wrong, sign in (
        ("temperatures", temperatures, temperatures <= 0, "positive"),
        ("durations", durations, durations < 0, "not negative"),
    ):
        bad = np.flatnonzero(wrong | ~np.isfinite(values))
        if bad.size:
            raise ValueError(f"{name} must be finite and {sign}; epoch {bad[0]} has {values[bad[0]]}")
    return temperatures, durations


def sweep(
    process: Callable[[float], FokkerPlanck], columns: Array, table: Array, *, backward: bool = False,
    substeps: int | None = None, stop: tuple[int, Array] | None = None,
) -> Iterator[int]:  # fmt: skip
    """Move the masses of runs side by side through their epochs, in place; runs with the same epoch share a propagator.

    Parameters
    ----------
    process
        Gives the jump process of a weight.
    columns
        Masses (cells, runs); backwards, observables.
    table
        Weight, temperature and duration by epoch and run, shape (epochs, runs, 3); no duration where a run is not on.
    backward
        From the last epoch to the first (Kolmogorov's backward equation).
    substeps
        Per epoch; see :func:`~slt_toys.exact.propagator.propagator_error`.
    stop
        An epoch, and a phase's weights: from this epoch on the sweep ends when less than :data:`FROZEN_CROSSING` may
        still cross the phase's border.

    Yields
    ------
    int
        After each epoch, the epoch at whose start the columns are now.
    """
    for weight in np.unique(table[..., 0]):  # hottest first: whoever holds then holds below
        on = (table[..., 0] == weight) & (table[..., 2] > 0)
        if on.any():
            process(float(weight)).check_walls(float(table[on, 1].max()))
    left = table[::-1, :, 2].cumsum(axis=0)[::-1].max(axis=1) if stop is not None else np.empty(0)
    lasting: dict[int, float] = {}
    for done, groups in enumerate(alike_epochs(table[::-1] if backward else table)):
        epoch = len(table) - 1 - done if backward else done
        for (weight, temperature, duration), active in groups:
            own, now = process(weight), columns[:, active]
            if (
                stop is not None
                and epoch >= stop[0]
                and (epoch - stop[0]) % CHECK_EVERY == 0
                and _frozen(own, temperature, float(left[epoch]), stop[1].ravel(), now, FROZEN_CROSSING, lasting)
            ):
                return
            step = propagator(own, temperature, duration, substeps)
            if backward:
                columns[:, active] = step.observables(now)
            else:
                columns[:, active] = moved = step.masses(now)
                check_undershoot(moved, epoch)
        yield epoch + (not backward)


@dataclass(frozen=True, eq=False)
class FrozenSweep:
    """Runs that change energy at epoch 0, 1, ..., f, from where on crossings are over.

    Attributes
    ----------
    stuck
        Stuck mass in the end for each switch epoch, (f + 1,); the last holds for all later ones too.
    forgotten
        Whether a run that has not switched is in the equilibrium of the epoch before, at each epoch's start, (f + 1,);
        True at 0. All False but there unless asked for.
    until
        First epoch looked at from which less than was asked for crosses; f unless asked for.
    """

    stuck: Array
    forgotten: NDArray[np.bool_]
    until: int


def frozen_sweep(
    before: FokkerPlanck, after: FokkerPlanck, temperatures: Array, durations: Array, start: Array, stuck: Array,
    advance: Callable[[float], None], allowed: float | None = None,
) -> FrozenSweep | None:  # fmt: skip
    """Stuck mass of runs that change energy at epoch 0, 1, ..., once none of them crosses the phase's border any more.

    One forward sweep before the switch, one of the sum of all runs after it, and one backward sweep from the epoch f at
    which less than :data:`FROZEN_CROSSING` of that sum may still cross: three columns, however many switch epochs.

    Parameters
    ----------
    before, after
        The jump processes before and after the switch.
    temperatures, durations
        Of the epochs, (epochs,), cooling.
    start, stuck
        Masses at epoch 0 and the phase's weights, (cells,).
    advance
        Called with shares of the work, 1 in all.
    allowed
        Share of mass up to which the past counts as forgotten, and crossings as over; None asks for neither.

    Returns
    -------
    FrozenSweep or None
        None where crossings never freeze.
    """
    record, told, until = [], 0.0, None
    levels = (FROZEN_CROSSING,) if allowed is None else (allowed, FROZEN_CROSSING)
    for epoch, masses, frozen in _until_frozen(before, after, temperatures, durations, start, stuck, levels):
        record.append(masses)
        if frozen and until is None:
            until = epoch
        if frozen == len(levels):
            break
        advance(0.6 / temperatures.size)
        told += 0.6 / temperatures.size
    else:
        return None
    advance(0.6 - told)
    epoch = len(record) - 1
    forgotten = np.arange(epoch + 1) == 0
    if allowed is not None:
        for later in range(1, epoch + 1):
            law = before.stationary(float(temperatures[later - 1])).ravel()
            forgotten[later] = np.abs(record[later] - law).sum() < 2 * allowed
    found, value = np.empty(epoch + 1), stuck[:, None]
    found[epoch] = stuck @ record[epoch]
    for earlier in range(epoch - 1, -1, -1):
        value = propagator(after, float(temperatures[earlier]), float(durations[earlier])).observables(value)
        found[earlier] = record[earlier] @ value[:, 0]
        advance(0.4 / epoch)
    return FrozenSweep(found, forgotten, epoch if until is None else until)


def frozen_epoch(
    before: FokkerPlanck, after: FokkerPlanck, temperatures: Array, durations: Array, start: Array, stuck: Array,
    allowed: float,
) -> int | None:  # fmt: skip
    """First epoch from which on less than ``allowed`` of all mass, whenever it switches, crosses the phase's border.

    Other parameters are those of :func:`frozen_sweep`; None where that is at no epoch.
    """
    every = _until_frozen(before, after, temperatures, durations, start, stuck, (allowed,))
    return next((epoch for epoch, _, frozen in every if frozen), None)


def _until_frozen(
    before: FokkerPlanck, after: FokkerPlanck, temperatures: Array, durations: Array, start: Array, stuck: Array,
    levels: Sequence[float],
) -> Iterator[tuple[int, Array, int]]:  # fmt: skip
    """Each epoch, the masses at its start of runs that have not switched, and below how many levels crossings are."""
    before.check_walls(float(temperatures.max()))
    after.check_walls(float(temperatures.max()))
    left = durations[::-1].cumsum()[::-1].tolist()
    masses, runs, below = start[:, None].copy(), np.zeros((start.size, 1)), 0
    lasting: dict[int, float] = {}
    for epoch, (temperature, duration) in enumerate(zip(temperatures.tolist(), durations.tolist(), strict=True)):
        runs += masses
        while epoch % CHECK_EVERY == 0 and below < len(levels):
            level = levels[below]
            if not (
                _frozen(after, temperature, left[epoch], stuck, np.hstack([runs, masses]), level, lasting)
                and _frozen(before, temperature, left[epoch], stuck, masses, level, lasting)
            ):
                break
            below += 1
        yield epoch, masses[:, 0].copy(), below
        masses = propagator(before, temperature, duration).masses(masses)
        runs = propagator(after, temperature, duration).masses(runs)
        check_undershoot(masses, epoch)
        check_undershoot(runs, epoch)


def _frozen(
    process: FokkerPlanck, temperature: float, left: float, stuck: Array, columns: Array, allowed: float,
    lasting: dict[int, float],
) -> bool:  # fmt: skip
    """Whether less than ``allowed`` of every column crosses the phase's border in the time left of a cooling run.

    The flow across the border now says when to look ahead. It does not see mass that is still on its way there, so the
    share that would end on the other side is computed for this temperature held to the end. In a plane, where most of
    the flow comes straight back, ``lasting`` keeps the share that does not, by process, once it was seen.
    """
    flow = _crossing_rate(process, temperature, stuck, columns) * left
    first = 1.0 if process.grid.is_line else allowed  # in a plane a first look is worth its solves at a flow of 1
    if not lasting.get(id(process), first) * flow < allowed:
        return False
    ahead = propagator(process, temperature, left, HELD_SUBSTEPS[process.grid.is_line])
    changed = np.abs(ahead.observables(stuck[:, None])[:, 0] - stuck)
    crossed, error = float((changed @ np.abs(columns)).max()), HELD_ERROR * np.abs(columns).sum(axis=0).max()
    if not process.grid.is_line and flow > 0:
        lasting[id(process)] = min(max(crossed, error) / flow, 1.0)
    return bool(crossed < allowed + error)


@checked_arguments
def forward_sweep(
    process: FokkerPlanck, temperatures: ArrayLike, durations: ArrayLike, start: Array, substeps: int | None = None
) -> Array:
    """Masses of the cells at the start of every epoch and, last, at the end: shape (epochs + 1, *grid.shape).

    Raises
    ------
    ValueError
        In one line, for a schedule or a start that is none; or where a state far from equilibrium would have left
        negative masses, which more sub-steps cure.
    """
    return _recorded(process, temperatures, durations, cell_masses(start, process.grid), substeps, backward=False)


@checked_arguments
def backward_sweep(
    process: FokkerPlanck, temperatures: ArrayLike, durations: ArrayLike, terminal: Array, substeps: int | None = None
) -> Array:
    """Expected final value of an observable, given the cell at the start of every epoch and, last, at the end.

    The observable ``terminal``, such as a phase's :func:`~slt_toys.exact.fokker_planck.phase_weights`, has the shape of
    the grid; the result has shape (epochs + 1, *grid.shape).
    """
    terminal = np.asarray(terminal, dtype=float)
    if terminal.shape != process.grid.shape or not np.isfinite(terminal).all():
        raise ValueError(
            f"terminal must be finite with one value per cell, shape {process.grid.shape}, not {terminal.shape}"
        )
    return _recorded(process, temperatures, durations, terminal, substeps, backward=True)


def _recorded(
    process: FokkerPlanck, temperatures: ArrayLike, durations: ArrayLike, first: Array, substeps: int | None,
    backward: bool,
) -> Array:  # fmt: skip
    temperatures, durations = check_schedule(temperatures, durations)
    table = np.stack([np.zeros_like(temperatures), temperatures, durations], axis=1)[:, None]
    column = first.reshape(-1, 1).copy()
    record = np.empty((temperatures.size + 1, *first.shape))
    record[-1 if backward else 0] = first
    for epoch in sweep(lambda _: process, column, table, backward=backward, substeps=substeps):
        record[epoch] = column.reshape(first.shape)
    return record


def alike_epochs(table: Array) -> Iterator[list[tuple[list[float], slice | list[int]]]]:
    """Weight, temperature and duration in force in each epoch of a table, each with the runs that have it."""
    on = table[..., 2] > 0
    first, last = on.argmax(axis=1), on.shape[1] - on[:, ::-1].argmax(axis=1)
    kinds = table[np.arange(len(table)), first]
    uniform = (on == (table == kinds[:, None]).all(axis=2)).all(axis=1) & (on.sum(axis=1) == last - first)
    runs = zip(kinds.tolist(), uniform.tolist(), first.tolist(), last.tolist(), strict=True)
    for epoch, (kind, alone, begin, end) in enumerate(runs):
        if alone or not kind[2]:
            yield [(kind, slice(begin, end))] if kind[2] else []
            continue
        groups: dict[tuple[float, ...], list[int]] = {}
        for column in np.flatnonzero(on[epoch]).tolist():
            groups.setdefault(tuple(table[epoch, column].tolist()), []).append(column)
        yield [(list(kind), columns) for kind, columns in groups.items()]


def _crossing_rate(process: FokkerPlanck, temperature: float, stuck: Array, columns: Array) -> float:
    """Largest rate, over the columns, at which mass crosses the border of the stuck phase in either direction."""
    shape = process.grid.shape
    weights, masses = stuck.reshape(*shape, 1), columns.reshape(*shape, -1)
    total = np.zeros(masses.shape[-1])
    for axis, (up, down) in enumerate(process.rates(temperature)):
        here = np.arange(up.shape[axis])  # on a circle the last cell's next one is the first
        (first, inside), (second, beyond) = (
            tuple(np.take(own, cells % shape[axis], axis) for own in (masses, weights)) for cells in (here, here + 1)
        )
        flow = np.abs(beyond - inside) * (up[..., None] * first + down[..., None] * second)
        total += np.abs(flow).sum(axis=tuple(range(len(shape))))
    return float(total.max())


def cell_masses(masses: ArrayLike, grid: Grid) -> Array:
    """Masses or weights of the cells, normalised."""
    masses = np.asarray(masses, dtype=float)
    if masses.shape != grid.shape:
        raise ValueError(f"start must have one mass per cell, shape {grid.shape}, not {masses.shape}")
    if not np.isfinite(masses).all() or (masses < 0).any() or not masses.sum() > 0:
        raise ValueError("start must hold finite masses of at least 0, not all of them 0")
    return masses / masses.sum()


def check_undershoot(masses: Array, epoch: int) -> None:
    """Refuse masses (cells, ...) that sub-steps have left negative by more than :data:`WORST_UNDERSHOOT`."""
    lost = -np.minimum(masses, 0.0).sum(axis=0).min()
    if not lost < WORST_UNDERSHOOT:
        raise ValueError(f"masses of {-lost:.2g} appeared in epoch {epoch}; give more substeps")
