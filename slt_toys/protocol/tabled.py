"""Runs of one coordinate by look-up tables: one random number an epoch, and no step (:mod:`slt_toys.exact.look_up`).

Chains of :mod:`slt_toys.protocol.sampled` are an independent check of what is exact. These are not: they are draws from
the exact law, for who wants many runs, or their paths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..exact.look_up import MOST_CELLS, cell_draws, look_up_sweep, stream_keys, uniforms
from ..inputs.arguments import checked_arguments
from ..potentials.potential import PotentialPair
from .components import component_pairs
from .exact import Advance, Runs, schedule_table
from .schedule import Ending, Schedule, Start, switch_schedules
from .training import Training

Array = NDArray[np.float64]

SHORTCUTS = 1e-9  # share of runs that epochs left out may put into another phase
START, PLACE, STUCK, EPOCHS = range(4)  # streams

__all__ = ["tabled_paths", "tabled_runs", "tabled_stuck"]


@checked_arguments
def tabled_stuck(
    pair: PotentialPair, training: Training, switch_epochs: Sequence[int] | NDArray[np.int64], ending: Ending, *,
    runs: int, seed: int | Sequence[int] = 0, start: Start = "equilibrium", cells: int | None = None,
    shortcuts: float = SHORTCUTS, threads: int | None = None, advance: Advance | None = None,
) -> Array:  # fmt: skip
    """Whether each of many runs ends stuck, for each switch epoch: one look-up of where it switches, then one an epoch.

    All entries are independent. Their law is that of :func:`~slt_toys.protocol.exact.exact_stuck_probability` on the
    same cells, so that they do not check it: :func:`~slt_toys.protocol.sampled.sampled_stuck` does.

    Parameters
    ----------
    pair
        Of one coordinate, or separable into such components.
    training, switch_epochs, ending, start
        As in :func:`slt_toys.protocol.exact.exact_stuck_probability`.
    runs
        For each switch epoch.
    seed
        The same seed gives the same result on any number of threads; more runs begin with those of fewer.
    cells
        Of the grid; default 240.
    shortcuts
        Cold epochs at the end are left out where by the exact law at most this share of the runs still changes its
        phase. 0 looks all epochs up.
    threads
        That make tables; default: the processors this process may use.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    ndarray
        Shape (runs, len(switch_epochs)): 1 for stuck, 0 for not; for separable pairs the components' stuck share.

    Raises
    ------
    ValueError
        In one line, for coupled coordinates and as :func:`~slt_toys.protocol.exact.exact_stuck_probability`.

    Examples
    --------
    >>> from slt_toys import Ending, ExponentialDecay, Training, find_pair, tabled_stuck
    >>> training = Training(256, 50_000, ExponentialDecay(0.05, 0.9), 3072.0)
    >>> stuck = tabled_stuck(find_pair("regular_double_well"), training, [0, 10], Ending("further", 30), runs=1000)
    >>> stuck.shape
    (1000, 2)
    """
    _check(runs, cells, threads, shortcuts)
    parts = _lines(pair)
    last = ending.last_epoch(int(ending.checked(switch_epochs)[-1]))
    schedules = switch_schedules(training.temperatures(last), training.durations(last), switch_epochs, ending)
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    stuck = np.zeros((len(schedules), runs))
    for number, part in enumerate(parts):
        solver = Runs(part, schedules, start, cells)
        drawn = cell_draws(solver.masses_at_switches(), runs, stream_keys([*seeds, START, number], 1)[0])
        frozen = solver.frozen_epoch(shortcuts) if shortcuts else None
        after = [each.epochs[each.switch_epoch : frozen] for each in schedules]
        table = schedule_table(after, solver.switches)
        for _ in look_up_sweep(solver.process, drawn, table, [*seeds, EPOCHS, number], threads):
            if advance is not None:
                advance(1 / (len(table) * len(parts)))
        weights = solver.stuck.ravel()[drawn]
        stuck += uniforms(drawn.shape, stream_keys([*seeds, STUCK, number], 1)[0]) < weights
    return stuck.T / len(parts)


@checked_arguments
def tabled_runs(
    pair: PotentialPair, training: Training, switch_epochs: Sequence[int] | NDArray[np.int64], ending: Ending, *,
    runs: int, record_epochs: Sequence[int] | NDArray[np.int64] | None = None, seed: int | Sequence[int] = 0,
    start: Start = "equilibrium", cells: int | None = None, threads: int | None = None,
) -> xr.Dataset:  # fmt: skip
    """Paths of many runs, seen at the ends of epochs: one look-up an epoch.

    Parameters
    ----------
    pair
        Of one coordinate.
    training, switch_epochs, ending, start
        As in :func:`slt_toys.protocol.exact.exact_stuck_probability`.
    runs
        For each switch epoch; all are independent.
    record_epochs
        Increasing numbers of epochs done, from 0; default: all, 0 and the last run's end among them.
    seed, cells, threads
        As in :func:`tabled_stuck`.

    Returns
    -------
    xarray.Dataset
        ``w`` (switch_epoch, run, epoch), a place drawn evenly in the run's cell, and ``phase``, the index of the clean
        phase that it lies in; ``epoch`` says how many are done. A run that has ended stays where it did. Attributes:
        ``phases`` and ``stuck_phase``, by name.

    Raises
    ------
    ValueError
        In one line, for pairs of several coordinates and epochs that are none.

    Examples
    --------
    >>> from slt_toys import Ending, ExponentialDecay, Training, find_pair, tabled_runs
    >>> training = Training(256, 50_000, ExponentialDecay(0.05, 0.9), 3072.0)
    >>> paths = tabled_runs(find_pair("regular_double_well"), training, [10], Ending("further", 30), runs=1000)
    >>> dict(paths.sizes)
    {'switch_epoch': 1, 'run': 1000, 'epoch': 41}
    """
    last = ending.last_epoch(int(ending.checked(switch_epochs)[-1]))
    schedules = switch_schedules(training.temperatures(last), training.durations(last), switch_epochs, ending)
    options = {"record_epochs": record_epochs, "seed": seed, "start": start, "cells": cells, "threads": threads}
    paths = tabled_paths(pair, schedules, runs=runs, **options)
    return paths.rename(schedule="switch_epoch").assign_coords(switch_epoch=[run.switch_epoch for run in schedules])


@checked_arguments
def tabled_paths(
    pair: PotentialPair, schedules: Sequence[Schedule], *, runs: int,
    record_epochs: Sequence[int] | NDArray[np.int64] | None = None, seed: int | Sequence[int] = 0,
    start: Start = "equilibrium", cells: int | None = None, threads: int | None = None,
) -> xr.Dataset:  # fmt: skip
    """:func:`tabled_runs` of schedules of any kind without steps of SGD: arms, switches, shifts.

    Other parameters are those of :func:`tabled_runs`; the dataset has the dimension ``schedule`` for its first one.
    """
    _check(runs, cells, threads, 0.0)
    if pair.clean.dimension != 1:
        raise ValueError(f"pair {pair.name} has {pair.clean.dimension} coordinates; paths by tables are of one")
    if not schedules or any(each.steps_per_epoch for each in schedules):
        raise ValueError("schedules must hold at least one, each with steps_per_epoch 0: tables know no steps of SGD")
    table = schedule_table([each.epochs for each in schedules], np.zeros(len(schedules), dtype=np.int64))
    records = np.arange(len(table) + 1) if record_epochs is None else np.asarray(record_epochs)
    whole = records.ndim == 1 and records.size > 0 and records.dtype.kind in "iu"
    if not whole or records[0] < 0 or records[-1] > len(table) or (np.diff(records) <= 0).any():
        raise ValueError(f"record_epochs must increase from at least 0 to at most {len(table)}, not {records.tolist()}")
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    solver = Runs(pair, schedules, start, cells)
    drawn = cell_draws(solver.columns, runs, stream_keys([*seeds, START, 0], 1)[0])
    at = {int(epoch): number for number, epoch in enumerate(records)}
    keys = stream_keys([*seeds, PLACE, 0], len(table) + 1)
    places = np.empty((len(schedules), runs, len(at)))
    edges = solver.grid.edges[0]

    def record(epoch: int) -> None:
        if epoch in at:
            share = uniforms(drawn.shape, keys[epoch])
            places[:, :, at[epoch]] = edges[drawn] + share * (edges[drawn + np.uint16(1)] - edges[drawn])

    record(0)
    for done in look_up_sweep(solver.process, drawn, table, [*seeds, EPOCHS, 0], threads):
        record(done)
    phases = pair.clean.phase_index(places[..., None])
    return xr.Dataset(
        {"w": (("schedule", "run", "epoch"), places), "phase": (("schedule", "run", "epoch"), phases.astype(np.int8))},
        {"epoch": records.astype(np.int64)},
        {"phases": [phase.name for phase in pair.clean.phases], "stuck_phase": pair.stuck_phase},
    )


def _lines(pair: PotentialPair) -> tuple[PotentialPair, ...]:
    """Components with two phases, which must have one coordinate each."""
    parts = component_pairs(pair)
    if any(part.clean.dimension != 1 for part in parts):
        raise ValueError(
            f"pair {pair.name} has coupled coordinates, whose tables would be too large; take sampled_stuck, or "
            "exact_stuck_probability"
        )
    return parts


def _check(runs: int, cells: int | None, threads: int | None, shortcuts: float) -> None:
    if not 1 <= runs <= 1 << 32:
        raise ValueError(f"runs must be a whole number from 1 to {1 << 32}, not {runs}")
    if not 0 <= shortcuts < 0.01:
        raise ValueError(f"shortcuts must be at least 0 and below 0.01, not {shortcuts}")
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    if cells is not None and cells > MOST_CELLS:
        raise ValueError(f"cells must be at most {MOST_CELLS}, not {cells}: tables grow with their square")
