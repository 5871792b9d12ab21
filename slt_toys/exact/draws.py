"""Independent exact draws from a tempered posterior in one or two coordinates, for starts and for controls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments
from ..potentials.boxes import widened
from ..potentials.potential import Potential
from .grids import Grid
from .mass_cells import NEGLIGIBLE, mass_cells

CELLS = {1: 400_000, 2: 1_500}
FEWEST_CELLS = {1: 2_000, 2: 5_000}  # that must hold the mass; with fewer, cells are halved where it is


@checked_arguments
def draw_exact(
    potential: Potential, n_beta: float, size: int, seed: int | Sequence[int] = 0, phase: str | int | None = None
) -> NDArray[np.float64]:
    """Draw independent points of exp(-n_beta L), optionally within one phase.

    A cell of a fine uniform grid is drawn by its weight, then a point in the cell: the density is exact up to the
    square of the cell's size, 1e-5 of the box in one coordinate and 1e-3 in two. The box holds all the mass at the
    temperature asked for. Where few cells hold it, or a well is narrower than a cell, cells are halved instead until
    none holds more than 1/5000 of the mass.

    Parameters
    ----------
    potential
        Its independent components have one or two coordinates each.
    n_beta
        Inverse temperature, positive.
    size
        Number of points.
    seed
        Of numpy's generator.
    phase
        Draw from this phase only; ``None`` for the whole posterior.

    Returns
    -------
    ndarray
        Points, shape (size, d).

    Raises
    ------
    ValueError
        For a component of more than two coordinates, a temperature that is not positive, or a phase that holds no mass.
    """
    if not (np.isfinite(n_beta) and n_beta > 0):
        raise ValueError(f"n_beta must be positive and finite, not {n_beta}")
    random = np.random.default_rng(seed)
    point = None if phase is None else potential.minimum_point(phase)
    if size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    points = np.empty((size, potential.dimension))
    for number, group in enumerate(potential.components()):
        part = potential.component(number)
        within = None if point is None else phase_at(part, point[list(group)])
        points[:, list(group)] = _draw(part, n_beta, size, random, within)
    return points


@checked_arguments
def phase_at(potential: Potential, point: NDArray[np.float64]) -> int:
    """Index of the phase that holds a point.

    Raises
    ------
    ValueError
        When none does.
    """
    index = int(potential.phase_index(point))
    if index < 0:
        raise ValueError(f"point {point} lies in no phase of {potential.name}")
    return index


def _draw(
    part: Potential, n_beta: float, size: int, random: np.random.Generator, phase: int | None
) -> NDArray[np.float64]:
    points, widths, sums = _cells(part, float(n_beta), phase)
    cells = np.minimum(np.searchsorted(sums, sums[-1] * random.random(size), side="right"), len(points) - 1)
    own = widths[cells] if widths.ndim == 2 else widths
    return points[cells] + own * (random.random((size, part.dimension)) - 0.5)


@lru_cache(maxsize=2)  # an experiment starts run after run from one posterior
def _cells(
    part: Potential, n_beta: float, phase: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Centres (cells, d), widths (d,) or (cells, d) and cumulative weights (cells,) of the grid's cells."""
    d = part.dimension
    if d not in CELLS:
        raise ValueError(f"exact draws need components of one or two coordinates; {part.name} has {d}")
    part = widened(part, 1 / n_beta)
    grid = Grid.uniform(part.box, CELLS[d])
    widths = np.array([edge[1] - edge[0] for edge in grid.edges])
    points = grid.points.reshape(-1, d)
    losses = part.energy_function()(points)
    inside = np.ones(len(points), dtype=bool) if phase is None else part.phase_index(points) == phase
    if inside.any():
        lowest = losses[inside].min()
        weights = np.where(inside, np.exp(-n_beta * np.maximum(losses - lowest, 0.0)), 0.0)
        if _resolved(part, n_beta, phase, weights, lowest, widths):
            return points, widths, np.cumsum(weights)
    points, widths, losses, volumes = mass_cells(part, 1 / n_beta, phase)
    if not len(points):
        raise ValueError(f"phase {part.phases[phase or 0].name!r} of {part.name} holds no mass at n_beta {n_beta:g}")
    return points, widths, np.cumsum(volumes * np.exp(-n_beta * (losses - losses.min())))


def _resolved(
    part: Potential,
    n_beta: float,
    phase: int | None,
    weights: NDArray[np.float64],
    lowest: float,
    widths: NDArray[np.float64],
) -> bool:
    """Whether a uniform grid has cells enough where the mass is, and none of its wells is narrower than a cell."""
    if weights.sum() ** 2 < FEWEST_CELLS[part.dimension] * (weights**2).sum():
        return False
    energy = part.energy_function()
    for number in range(len(part.phases)) if phase is None else [phase]:
        point = part.minimum_point(number)
        steps = np.concatenate([np.diag(widths), -np.diag(widths)])
        rise = energy(point + steps).max() - energy(point)
        if n_beta * (energy(point) - lowest) < NEGLIGIBLE and n_beta * rise > 1:
            return False
    return True
