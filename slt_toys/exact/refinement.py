"""What a grid leaves undone: a number from a grid, followed as all cells are cut in two until it is known well enough.

The discretisation is of second order, so halving the cells leaves a quarter of the error, and a third of the change is
what is left. That is believed where the last two changes show it; where they do not shrink so fast, twice the change
counts and nothing is extrapolated. Sets to be reached end where they end, between cells: the rate into a set is that of
a cell as far off as the set is. A plane is turned to the axes that suit it (:mod:`slt_toys.exact.turned`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments, shown
from ..potentials.potential import Potential
from .elimination import eliminate, substitute
from .fokker_planck import FokkerPlanck, bernoulli, check_temperature, fokker_planck, relaxation_time
from .grids import Grid, grid_for
from .turned import suited

__all__ = [
    "NotRefined", "Refined", "refined", "refined_committor", "refined_passage_time", "refined_relaxation_time",
]  # fmt: skip

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Inside = Callable[[Array], Mask]

TOLERANCE = 0.01
MOST_CELLS = 200_000
SHRUNK = 0.35  # of the change before: a quarter at second order, a half at first
BISECTIONS = 40
COARSEST = {1: 120, 2: 40}  # cells along an axis of the first grid


class NotRefined(ValueError):
    """More cells would be needed than are allowed."""


@dataclass(frozen=True)
class Refined:
    """A number from a sequence of grids.

    Attributes
    ----------
    value
        Extrapolated from the last two grids where they are of second order.
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
        second = len(values) > 2 and change <= SHRUNK * abs(values[-2] - values[-3])
        error = (1 / 3 if second else 2.0) * change / abs(values[-1]) if values[-1] else np.inf
        if error <= tolerance and len(values) > 2:
            return Refined(values[-1] + second * (values[-1] - values[-2]) / 3, error, grid.volumes.size)
    raise NotRefined(
        f"{grid.volumes.size} cells leave an error of {error:.2g}, more than tolerance {tolerance:g}; allow more cells "
        f"than most_cells={most_cells}, or a higher temperature"
    )


def _on_grids(
    potential: Potential, temperature: float, quantity: Callable[[Potential, FokkerPlanck, Array], float],
    tolerance: float, most_cells: int,
) -> Refined:  # fmt: skip
    """A quantity of a potential in its best axes, a process and these axes, followed through grids."""
    check_temperature(temperature)
    if potential.dimension not in COARSEST:
        raise ValueError(f"potential must have one or two coordinates, not {potential.dimension}")
    axes = np.eye(potential.dimension)
    if potential.dimension == 2:
        found = suited((potential,), np.array([temperature]))
        (potential,), axes = found.potentials, found.axes
    grid = grid_for(potential, [temperature], COARSEST[potential.dimension])
    return refined(lambda own: quantity(potential, fokker_planck(potential, own), axes), grid, tolerance, most_cells)


def _check_point(potential: Potential, start: ArrayLike) -> None:
    point = np.asarray(start, dtype=float)
    if point.shape != (potential.dimension,) or not np.isfinite(point).all():
        told = f"{potential.dimension} finite coordinates of potential {potential.name}"
        raise ValueError(f"start must be a point, the {told}, not {shown(start)}")


@checked_arguments
def refined_passage_time(
    potential: Potential, temperature: float, start: Array | list[float], inside: Inside, *,
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
    _check_point(potential, start)

    def quantity(own: Potential, process: FokkerPlanck, axes: Array) -> float:
        mask, reaching = _reaching(own, process, temperature, lambda points: inside(points @ axes), "inside")
        factors = eliminate(process, temperature, mask, reaching=reaching)
        return read_between(
            process.grid, substitute(factors, np.ones(mask.size)).reshape(mask.shape), _turned(start, axes)
        )

    return _on_grids(potential, temperature, quantity, tolerance, most_cells)


@checked_arguments
def refined_committor(
    potential: Potential, temperature: float, start: Array | list[float], first: Inside, second: Inside, *,
    tolerance: float = TOLERANCE, most_cells: int = MOST_CELLS,
) -> Refined:  # fmt: skip
    """Chance to reach the second set before the first; see :func:`refined_passage_time`."""
    _check_point(potential, start)

    def quantity(own: Potential, process: FokkerPlanck, axes: Array) -> float:
        here, away = _reaching(own, process, temperature, lambda points: first(points @ axes), "first")
        there, towards = _reaching(own, process, temperature, lambda points: second(points @ axes), "second")
        if (here & there).any():
            raise ValueError("first and second must be disjoint sets")
        factors = eliminate(process, temperature, here | there, reaching=away + towards)
        chances = substitute(factors, np.where(factors.absorbed, 0.0, towards)).reshape(here.shape)
        chances[there] = 1.0
        return read_between(process.grid, chances, _turned(start, axes))

    return _on_grids(potential, temperature, quantity, tolerance, most_cells)


@checked_arguments
def refined_relaxation_time(
    potential: Potential, temperature: float, *, tolerance: float = TOLERANCE, most_cells: int = MOST_CELLS
) -> Refined:
    """Longest relaxation time, 1 / spectral gap, with its error; see :func:`refined_passage_time`."""

    def quantity(_: Potential, process: FokkerPlanck, __: Array) -> float:
        return relaxation_time(process, temperature)

    return _on_grids(potential, temperature, quantity, tolerance, most_cells)


def _turned(point: Array | list[float], axes: Array) -> Array:
    return axes @ np.atleast_1d(np.asarray(point, dtype=float))


def _reaching(
    potential: Potential, process: FokkerPlanck, temperature: float, inside: Inside, name: str
) -> tuple[Mask, Array]:
    """The cells of a set, and the rates into it of all others (cells,): its border may lie anywhere between cells."""
    points = process.grid.points
    mask = np.asarray(inside(points))
    if mask.dtype != bool or mask.shape != process.grid.shape or not mask.any() or mask.all():
        raise ValueError(f"{name} must say of points (..., d) whether each is in the set, and hold some cells, not all")
    energy, cells = potential.energy_function(), np.arange(mask.size).reshape(mask.shape)
    reaching, flat = np.zeros(mask.size), points.reshape(-1, points.shape[-1])
    for axis, edges in enumerate(process.grid.edges):
        lower, upper = (np.take(cells, range(*part), axis).ravel() for part in ((cells.shape[axis] - 1,),
                                                                               (1, cells.shape[axis])))  # fmt: skip
        widths = np.diff(edges)[np.indices(mask.shape)[axis]].ravel()
        for off, on in ((lower, upper), (upper, lower)):
            border = ~mask.ravel()[off] & mask.ravel()[on]
            off, way = off[border], flat[on[border]] - flat[off[border]]
            low, high = np.zeros(off.size), np.ones(off.size)
            for _ in range(BISECTIONS):
                middle = (low + high) / 2
                met = np.asarray(inside(flat[off] + middle[:, None] * way))
                low, high = np.where(met, low, middle), np.where(met, middle, high)
            step = high * np.abs(way[:, axis])
            rise = (energy(flat[off] + high[:, None] * way) - energy(flat[off])) / temperature
            np.add.at(reaching, off, temperature / (step * widths[off]) * bernoulli(rise))
    return mask, reaching


def read_between(grid: Grid, values: Array, point: Array | list[float]) -> float:
    """A function given at the midpoints of cells, at a point between them, linearly."""
    point = np.atleast_1d(np.asarray(point, dtype=float))
    grid.cell(point)  # refuses what is outside
    table = np.asarray(values)
    for value, centers in zip(point, grid.centers, strict=True):
        low = int(np.clip(np.searchsorted(centers, value) - 1, 0, centers.size - 2))
        share = np.clip((value - centers[low]) / (centers[low + 1] - centers[low]), 0.0, 1.0)
        table = (1 - share) * table[low] + share * table[low + 1]
    return float(table)
