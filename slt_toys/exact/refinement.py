"""What a grid leaves undone: a number from a grid, followed as all cells are cut in two until it is known well enough.

The discretisation is of second order, so halving the cells leaves a quarter of the error, and a third of the change is
what is left. That is believed where the last two changes show it; where they do not shrink so fast, twice the change
counts; where they shrink much faster, as when they change their sign, nothing is extrapolated. Sets to be reached end
where they end, between cells: the rate into a set is that of a cell as far off as the set is, and in a narrow set cells
are small. A plane is turned to the axes that suit it (:mod:`slt_toys.exact.turned`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments, shown
from ..potentials.periodic import wrapped
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
MOST_CELLS = 500_000
SHRUNK = 0.35  # of the change before: a quarter at second order, a half at first
SMALL = 0.15  # of it, below which a change shows no order
BISECTIONS = 40
LOOKED_AT = 16  # times most_cells, midpoints at which a narrow set is looked for
ACROSS_A_SET = 6  # cells at least, and each further one so many times as wide as the one before
GROWING = 1.4
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
        before = abs(values[-2] - values[-3]) if len(values) > 2 else 0.0
        shrinks, second = change <= SHRUNK * before, SMALL * before <= change <= SHRUNK * before
        error = (1 / 3 if shrinks else 2.0) * change / abs(values[-1]) if values[-1] else np.inf
        if error <= tolerance and len(values) > 2:
            return Refined(values[-1] + second * (values[-1] - values[-2]) / 3, error, grid.volumes.size)
    raise NotRefined(
        f"{grid.volumes.size} cells leave an error of {error:.2g}, more than tolerance {tolerance:g}; allow more cells "
        f"than most_cells={most_cells}, or a higher temperature"
    )


def _on_grids(
    potential: Potential, temperature: float, quantity: Callable[[Potential, FokkerPlanck, Array], float],
    tolerance: float, most_cells: int, **sets: Inside,
) -> Refined:  # fmt: skip
    """A quantity of a potential in its best axes, a process and these axes, through grids that see all sets."""
    check_temperature(temperature)
    if potential.dimension not in COARSEST:
        raise ValueError(f"potential must have one or two coordinates, not {potential.dimension}")
    axes = np.eye(potential.dimension)
    if potential.dimension == 2:
        found = suited((potential,), np.array([temperature]))
        (potential,), axes = found.potentials, found.axes
    grid = grid_for(potential, [temperature], COARSEST[potential.dimension])
    for name, inside in sets.items():
        grid = _seeing(grid, lambda points, own=inside, name=name: _mask(own, points @ axes, name), name, most_cells)
    return refined(lambda own: quantity(potential, fokker_planck(potential, own), axes), grid, tolerance, most_cells)


def _check_point(potential: Potential, start: ArrayLike) -> None:
    point = np.asarray(start, dtype=float)
    if point.shape != (potential.dimension,) or not np.isfinite(point).all():
        told = f"{potential.dimension} finite coordinates of potential {potential.name}"
        raise ValueError(f"start must be a point, the {told}, not {shown(start)}")


def _check_outside(start: ArrayLike, inside: Inside, name: str, told: str) -> None:
    """Refuse a start within a set, where the answer is 0 and has no relative error."""
    found = np.asarray(inside(np.asarray(start, dtype=float)[None, :]))
    if found.dtype == bool and found.any():  # what answers by other than booleans is refused where cells are asked
        raise ValueError(f"start must lie outside the set {name}, where {told} is 0, not {shown(start)}")


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
    _check_outside(start, inside, "inside", "the time")

    def quantity(own: Potential, process: FokkerPlanck, axes: Array) -> float:
        mask, reaching = _reaching(own, process, temperature, inside, axes, "inside")
        factors = eliminate(process, temperature, mask, reaching=reaching)
        return read_between(
            process.grid, substitute(factors, np.ones(mask.size)).reshape(mask.shape), _turned(start, axes)
        )

    return _on_grids(potential, temperature, quantity, tolerance, most_cells, inside=inside)


@checked_arguments
def refined_committor(
    potential: Potential, temperature: float, start: Array | list[float], first: Inside, second: Inside, *,
    tolerance: float = TOLERANCE, most_cells: int = MOST_CELLS,
) -> Refined:  # fmt: skip
    """Chance to reach the second set before the first; see :func:`refined_passage_time`."""
    _check_point(potential, start)
    _check_outside(start, first, "first", "the chance")

    def quantity(own: Potential, process: FokkerPlanck, axes: Array) -> float:
        here, away = _reaching(own, process, temperature, first, axes, "first")
        there, towards = _reaching(own, process, temperature, second, axes, "second")
        if (here & there).any():
            raise ValueError("first and second must be disjoint sets")
        factors = eliminate(process, temperature, here | there, reaching=away + towards)
        chances = substitute(factors, np.where(factors.absorbed, 0.0, towards)).reshape(here.shape)
        chances[there] = 1.0
        return read_between(process.grid, chances, _turned(start, axes))

    return _on_grids(potential, temperature, quantity, tolerance, most_cells, first=first, second=second)


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


def _seeing(grid: Grid, inside: Inside, name: str, most_cells: int) -> Grid:
    """The grid with smaller cells where a set is narrow: a disc between midpoints would not be there."""
    fine = grid
    while not (mask := inside(fine.points)).any():
        if mask.size > LOOKED_AT * most_cells:
            raise NotRefined(f"{name} holds the middle of none of {mask.size} cells; give a larger set")
        fine = fine.halved()
    for _ in range(2):
        if mask.size * 2**grid.dimension <= LOOKED_AT * most_cells:
            fine = fine.halved()
            mask = inside(fine.points)
    if mask.all():
        raise ValueError(f"{name} holds all cells; give a set that leaves some out")
    edges = []
    for axis, (own, places) in enumerate(zip(grid.edges, fine.edges, strict=True)):
        marked = np.concatenate([[0], mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)), [0]])
        ends = places[np.flatnonzero(np.diff(marked))].reshape(-1, 2)
        for low, high in ends:
            own = _closer(own, float(low), float(high))
        edges.append(own)
    found = Grid(tuple(edges), grid.boundary, grid.made_for)
    while not inside(found.points).any() and found.volumes.size < most_cells:
        found = found.halved()
    return found


def _closer(edges: Array, low: float, high: float) -> Array:
    """Cut a set's extent along an axis into some cells, and let cells grow from there to what they were."""
    widest = np.interp((low + high) / 2, (edges[1:] + edges[:-1]) / 2, np.diff(edges))
    step = (high - low) / ACROSS_A_SET
    if step >= widest:
        return edges
    steps = step * GROWING ** np.arange(1, 1 + int(np.ceil(np.log(widest / step) / np.log(GROWING))))
    reach = float(steps.sum())
    outside = edges[(edges < low - reach) | (edges > high + reach)]
    new = np.concatenate([low - np.cumsum(steps), np.linspace(low, high, ACROSS_A_SET + 1), high + np.cumsum(steps)])
    new = new[(new > edges[0]) & (new < edges[-1])]
    return np.unique(np.concatenate([edges[:1], outside, new, edges[-1:]])).astype(np.float64)


def _mask(inside: Inside, points: Array, name: str) -> Mask:
    mask = np.asarray(inside(points))
    if mask.dtype != bool or mask.shape != points.shape[:-1]:
        raise ValueError(f"{name} must say of points (..., d) whether each is in the set, by booleans (...)")
    return mask


def _reaching(
    potential: Potential, process: FokkerPlanck, temperature: float, inside: Inside, axes: Array, name: str
) -> tuple[Mask, Array]:
    """The cells of a set, and the rates into it of all others (cells,): its border may lie anywhere between cells."""
    grid, points = process.grid, process.grid.points
    box, around = [(float(edges[0]), float(edges[-1])) for edges in grid.edges], grid.boundary == "periodic"
    mask = _mask(inside, points @ axes, name)
    energy, cells = potential.energy_function(), np.arange(mask.size).reshape(mask.shape)
    reaching, flat = np.zeros(mask.size), points.reshape(-1, points.shape[-1])
    for axis, edges in enumerate(grid.edges):
        count, turn = cells.shape[axis], np.zeros(grid.dimension)
        turn[axis] = edges[-1] - edges[0]
        # Of a ring the last cell is next to the first, a period on.
        pairs = [(range(count - 1), range(1, count), 0.0), *([([count - 1], [0], 1.0)] if around else [])]
        widths = np.diff(edges)[np.indices(mask.shape)[axis]].ravel()
        for lower, upper, turns in pairs:
            ends = np.take(cells, lower, axis).ravel(), np.take(cells, upper, axis).ravel()
            for (off, on), further in ((ends, turns), (ends[::-1], -turns)):
                border = ~mask.ravel()[off] & mask.ravel()[on]
                off, way = off[border], flat[on[border]] + further * turn - flat[off[border]]
                low, high = np.zeros(off.size), np.ones(off.size)
                for _ in range(BISECTIONS):
                    middle = (low + high) / 2
                    places = flat[off] + middle[:, None] * way
                    met = _mask(inside, (wrapped(places, box) if around else places) @ axes, name)
                    low, high = np.where(met, low, middle), np.where(met, middle, high)
                step = high * np.abs(way[:, axis])
                rise = (energy(flat[off] + high[:, None] * way) - energy(flat[off])) / temperature
                np.add.at(reaching, off, temperature / (step * widths[off]) * bernoulli(rise))
    return mask, reaching


def read_between(grid: Grid, values: Array, point: Array | list[float]) -> float:
    """A function given at the midpoints of cells, at a point between them, linearly."""
    point = np.atleast_1d(np.asarray(point, dtype=float))
    grid.cell(point)  # refuses what is outside
    table, around = np.asarray(values), grid.boundary == "periodic"
    if around:
        point = wrapped(point, [(float(edges[0]), float(edges[-1])) for edges in grid.edges])
    for value, centers, edges in zip(point, grid.centers, grid.edges, strict=True):
        if around:  # the last cell is next to the first as well
            period = edges[-1] - edges[0]
            centers = np.concatenate([[centers[-1] - period], centers, [centers[0] + period]])
            table = np.concatenate([table[-1:], table, table[:1]])
        low = int(np.clip(np.searchsorted(centers, value) - 1, 0, centers.size - 2))
        share = np.clip((value - centers[low]) / (centers[low + 1] - centers[low]), 0.0, 1.0)
        table = (1 - share) * table[low] + share * table[low + 1]
    return float(table)
