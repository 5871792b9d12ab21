"""What happens exactly in an experimental arm: the Fokker-Planck equation through any schedule with a switch.

In an arm the temperature after the switch may depend on when the switch was (a rate that starts anew does), so each
switch epoch has a :class:`~slt_toys.protocol.arms.Schedule` of its own. All are solved side by side: in every epoch,
runs with the same temperature and duration share one propagator (:mod:`slt_toys.exact.propagator`), counted from epoch
0 or from the switch, whichever way more is shared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..exact.annealing import check_undershoot, start_masses
from ..exact.fokker_planck import FokkerPlanck, fokker_planck, grid_for, phase_weights
from ..exact.propagator import propagator
from ..inputs.arguments import checked_arguments
from ..potentials.potential import PotentialPair
from .arms import Schedule
from .switch_protocol import component_pairs

Array = NDArray[np.float64]

__all__ = ["exact_stuck_in_arm"]


@checked_arguments
def exact_stuck_in_arm(pair: PotentialPair, schedules: Sequence[Schedule], cells: int | None = None) -> Array:
    """Final mass of the stuck phase at the end of each schedule, from the Fokker-Planck equation.

    Parameters
    ----------
    pair
        Of one or two coordinates; or separable into such components, whose mean is taken.
    schedules
        Temperature and time of every epoch, each with its switch; they start in the deficit's equilibrium at their
        first temperature.
    cells
        Grid cells per coordinate, passed to :func:`~slt_toys.exact.fokker_planck.grid_for`; chosen when not given.

    Returns
    -------
    ndarray
        Shape (len(schedules),).

    Raises
    ------
    ValueError
        If there is no schedule, one is run as SGD's own steps, or the pair has more than two coupled coordinates.
    """
    if not schedules:
        raise ValueError("schedules must hold at least one schedule, such as CONTROL.schedule(training, 30, 100)")
    if any(run.steps_per_epoch for run in schedules):
        raise ValueError(
            "schedules: steps_per_epoch must be 0 for the Fokker-Planck equation, which knows no steps and no noise "
            "that sums to zero over an epoch; sample such a run"
        )
    return np.mean([_evolve(part, schedules, cells) for part in component_pairs(pair)], axis=0)


def _evolve(pair: PotentialPair, schedules: Sequence[Schedule], cells: int | None) -> Array:
    temperatures = np.concatenate([run.temperatures for run in schedules])
    grid = grid_for((pair.deficit, pair.clean), temperatures, **({} if cells is None else {"cells": cells}))
    columns = np.stack(
        [start_masses(pair.deficit, grid, float(run.temperatures[0])).ravel() for run in schedules], axis=1
    )
    before = [(run.temperatures[: run.switch_epoch], run.durations[: run.switch_epoch]) for run in schedules]
    after = [(run.temperatures[run.switch_epoch :], run.durations[run.switch_epoch :]) for run in schedules]
    _advance(fokker_planck(pair.deficit, grid), columns, _table(before, [0] * len(schedules)))
    offsets = [run.switch_epoch for run in schedules]
    tables = [_table(after, [0] * len(schedules)), _table(after, offsets)]
    _advance(fokker_planck(pair.clean, grid), columns, min(tables, key=_propagators))
    return phase_weights(pair.clean, pair.stuck_phase, grid).ravel() @ columns


def _table(parts: Sequence[tuple[Array, Array]], offsets: Sequence[int]) -> Array:
    """Temperature and duration by epoch and run, shape (epochs, runs, 2); no duration where a run is not on."""
    last = max(offset + part[0].size for part, offset in zip(parts, offsets, strict=True))
    found = np.zeros((last, len(parts), 2))
    for column, (part, offset) in enumerate(zip(parts, offsets, strict=True)):
        found[offset : offset + part[0].size, column] = np.stack(part, axis=1)
    return found


def _propagators(table: Array) -> int:
    return sum(len(np.unique(row[row[:, 1] > 0], axis=0)) for row in table)


def _advance(process: FokkerPlanck, columns: Array, table: Array) -> None:
    """Move each run's masses (cells, runs) through its epochs, in place."""
    for epoch, row in enumerate(table):
        for temperature, time in np.unique(row[row[:, 1] > 0], axis=0):
            active = (row[:, 0] == temperature) & (row[:, 1] == time)
            columns[:, active] = propagator(process, float(temperature), float(time)).masses(columns[:, active])
        check_undershoot(columns, epoch)
