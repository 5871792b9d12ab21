"""What a grid leaves undone: any number from a grid, followed as all cells are cut in two until it is known well enough.

The discretisation is of second order, so halving the cells leaves a quarter of the error, and a third of the change is
what is left. The estimate is never better than what the last two changes show: where they do not shrink as they should,
the whole change counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential
from .fokker_planck import FokkerPlanck, check_temperature, fokker_planck, relaxation_time
from .grids import Grid, grid_for
from .kinetics import Mask, committor, mean_first_passage_times

__all__ = [
    "NotRefined", "Refined", "refined", "refined_committor", "refined_passage_time", "refined_relaxation_time",
]  # fmt: skip

Inside = Callable[[np.ndarray], Mask]

TOLERANCE = 0.01
MOST_CELLS = 200_000
COARSEST = {1: 120, 2: 40}  # cells along an axis of the first grid


class NotRefined(ValueError):
    """More cells would be needed than are allowed."""


@dataclass(frozen=True)
class Refined:
    """A number from a sequence of grids.

    Attributes
    ----------
    value
        Extrapolated from the last two grids.
    error
        Estimate of what is still wrong with it, relative.
    cells
        Of the finest grid.
    """

    value: float
    error: float
    cells: int


@checked_arguments
def refined(
    quantity: Callable[[Grid], float], grid: Grid, tolerance: float = TOLERANCE, most_cells: int = MOST_CELLS
) -> Refined:
    """Follow a positive number through halved grids until its estimated error is below a tolerance.

    Parameters
    ----------
    quantity
        Of a grid.
    grid
        The first one.
    tolerance
        Relative.
    most_cells
        No grid of more cells is made.

    Raises
    ------
    NotRefined
        When the tolerance is not reached; the message says what was.
    """
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must lie between 0 and 1, not at {tolerance}")
    values, error = [float(quantity(grid))], np.inf
    while grid.volumes.size * 2**grid.dimension <= most_cells:
        grid = grid.halved()
        values.append(float(quantity(grid)))
        change = abs(values[-1] - values[-2])
        share = 1.0
        if len(values) > 2 and change <= 0.5 * abs(values[-2] - values[-3]):
            share = 1 / 3  # it shrinks: what is left is a geometric series of quarters
        error = share * change / abs(values[-1]) if values[-1] else np.inf
        if error <= tolerance and (len(values) > 2 or error <= tolerance / 10):
            extrapolated = values[-1] + (values[-1] - values[-2]) / 3
            return Refined(extrapolated, error, grid.volumes.size)
    raise NotRefined(
        f"{grid.volumes.size} cells leave an error of {error:.2g}, more than tolerance {tolerance:g}; allow more cells "
        "or a higher temperature"
    )


def _on_grids(
    potential: Potential, temperature: float, quantity: Callable[[FokkerPlanck], float], tolerance: float,
    most_cells: int,
) -> Refined:  # fmt: skip
    check_temperature(temperature)
    if potential.dimension not in COARSEST:
        raise ValueError(f"potential must have one or two coordinates, not {potential.dimension}")
    grid = grid_for(potential, [temperature], COARSEST[potential.dimension])
    return refined(lambda own: quantity(fokker_planck(potential, own)), grid, tolerance, most_cells)


@checked_arguments
def refined_passage_time(
    potential: Potential, temperature: float, start: np.ndarray | list[float], inside: Inside, *,
    tolerance: float = TOLERANCE, most_cells: int = MOST_CELLS,
) -> Refined:  # fmt: skip
    """Mean time from a point into a set, in one or two coordinates, with its error.

    Parameters
    ----------
    potential, temperature
        Of one or two coordinates; in units of loss.
    start
        A point, (d,); the time is read between cells, linearly.
    inside
        Whether points (..., d) belong to the set: a boolean array (...).
    tolerance, most_cells
        As for :func:`refined`.
    """

    def quantity(process: FokkerPlanck) -> float:
        times = mean_first_passage_times(process, temperature, inside(process.grid.points))
        return read_between(process.grid, times, start)

    return _on_grids(potential, temperature, quantity, tolerance, most_cells)


@checked_arguments
def refined_committor(
    potential: Potential, temperature: float, start: np.ndarray | list[float], first: Inside, second: Inside, *,
    tolerance: float = TOLERANCE, most_cells: int = MOST_CELLS,
) -> Refined:  # fmt: skip
    """Chance to reach the second set before the first; see :func:`refined_passage_time`."""

    def quantity(process: FokkerPlanck) -> float:
        points = process.grid.points
        return read_between(process.grid, committor(process, temperature, first(points), second(points)), start)

    return _on_grids(potential, temperature, quantity, tolerance, most_cells)


@checked_arguments
def refined_relaxation_time(
    potential: Potential, temperature: float, *, tolerance: float = TOLERANCE, most_cells: int = MOST_CELLS
) -> Refined:
    """Longest relaxation time, 1 / spectral gap, with its error; see :func:`refined_passage_time`."""
    return _on_grids(potential, temperature, lambda p: relaxation_time(p, temperature), tolerance, most_cells)


def read_between(grid: Grid, values: np.ndarray, point: np.ndarray | list[float]) -> float:
    """A function given at the midpoints of cells, at a point between them, linearly."""
    point = np.atleast_1d(np.asarray(point, dtype=float))
    grid.cell(point)  # refuses what is outside
    table = np.asarray(values)
    for value, centers in zip(point, grid.centers, strict=True):
        low = int(np.clip(np.searchsorted(centers, value) - 1, 0, centers.size - 2))
        share = np.clip((value - centers[low]) / (centers[low + 1] - centers[low]), 0.0, 1.0)
        table = (1 - share) * table[low] + share * table[low + 1]
    return float(table)
