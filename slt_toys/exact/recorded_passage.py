"""How long a chain recorded at intervals takes to be seen beyond a level: Langevin dynamics in one dimension.

A path seen only at times 0, Δ, 2Δ, ... is found beyond a level late, and deeper there than a path that is watched all
the time. Seen so it is a Markov chain with the propagator P = exp(QΔ) of the Fokker–Planck equation. The expected
number of draws until the first one beyond the level solves τ = 1 + Pτ this side of it and τ = 0 beyond, whatever Δ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..potentials.periodic import refuse_periodic
from ..potentials.potential import Potential
from .fokker_planck import Grid, check_temperature, fokker_planck, grid_for
from .propagator import propagator

Array = NDArray[np.float64]

__all__ = ["RecordedPassage", "recorded_passage"]

CELLS = 360  # of the whole grid; τ is then right to 1e-3 (tested)
REACH, FINENESS = 5.0, 12  # about the level: standard deviations of a step of Δ on either side, and cells in each
SUBSTEPS = 8  # the propagator is then right to 3e-9


@dataclass(frozen=True, eq=False)
class RecordedPassage:
    """Expected draws until a chain is first seen at or beyond a level."""

    points: Array  # midpoints of the cells this side of the level, increasing, (n,)
    draws: Array  # τ there, (n,)

    def __call__(self, points: ArrayLike) -> Array:
        """τ at points this side of the level, any shape; those beyond the grid take its end."""
        return np.interp(np.asarray(points, dtype=float), self.points, self.draws)


def recorded_passage(
    potential: Potential, temperature: float, interval: float, start: float, target: float, cells: int = CELLS
) -> RecordedPassage:
    """Solve for τ.

    Parameters
    ----------
    potential
        With one coordinate; walls reflect.
    temperature
        In units of loss.
    interval
        Langevin time Δ between draws.
    start, target
        A point this side of the level, and the level.
    cells
        Of the grid, but for those about the level.

    Raises
    ------
    ValueError
        For another dimension, a temperature or an interval that is not positive, or a target at the start or outside
        the box.
    """
    check_temperature(temperature)
    refuse_periodic("a recorded passage of a level", "ask exact.kinetics for mean_exit_time", potential=potential)
    if potential.dimension != 1:
        raise ValueError(f"potential must have one coordinate for recorded passages, not {potential.dimension}")
    if not (np.isfinite(interval) and interval > 0):
        raise ValueError(f"interval must be positive and finite, not {interval}")
    low, high = potential.box[0]
    if not (low < target < high and target != start):
        raise ValueError(f"target must lie inside the box, {low:g} to {high:g}, and off the start, not at {target}")
    grid = Grid((_edges(potential, temperature, interval, start, target, cells),))
    centers = grid.centers[0]
    waits = np.sign(target - start) * (target - centers) > 0
    step = propagator(fokker_planck(potential, grid), temperature, interval, SUBSTEPS)
    columns = np.zeros((centers.size, int(waits.sum())))
    columns[np.flatnonzero(waits), np.arange(columns.shape[1])] = 1.0
    stays = step.observables(columns)[waits]
    draws = np.linalg.solve(np.eye(len(stays)) - stays, np.ones(len(stays)))
    return RecordedPassage(centers[waits], np.asarray(draws, dtype=np.float64))


def _edges(potential: Potential, temperature: float, interval: float, start: float, target: float, cells: int) -> Array:
    """The Fokker–Planck grid with an edge at the level, and fine cells as far about it as a step of Δ reaches."""
    edges = grid_for(potential, [temperature], cells).edges[0]
    low, high = min(edges[0], start, target), max(edges[-1], start, target)
    fine = np.sqrt(2 * temperature * interval) / FINENESS
    near = target + fine * np.arange(-REACH * FINENESS, REACH * FINENESS + 1)
    near = near[(near > low) & (near < high)]
    inside = (edges > near[0]) & (edges < near[-1])
    if inside.sum() >= near.size:  # the grid is the finer one already
        near, inside = np.array([target]), np.zeros(edges.size, dtype=bool)
    kept = edges[~inside]
    kept = kept[np.abs(kept[:, None] - near[[0, -1]]).min(axis=1) > 0.3 * min(fine, np.diff(edges).min())]
    return np.unique(np.concatenate([[low], kept, near, [high]]))
