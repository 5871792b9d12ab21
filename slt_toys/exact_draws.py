"""Independent exact draws from a tempered posterior in one or two coordinates, for starts and for controls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .potentials import Potential

CELLS = {1: 400_000, 2: 1_500}


def draw_exact(
    potential: Potential, n_beta: float, size: int, seed: int | Sequence[int] = 0, phase: str | int | None = None
) -> NDArray[np.float64]:
    """Draw independent points of exp(-n_beta L), optionally within one phase.

    A cell of a fine uniform grid is drawn by its weight, then a point in the cell: the density is exact up to the
    square of the cell's size, 1e-5 of the box in one coordinate and 1e-3 in two.

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
    found = np.empty((size, potential.dimension))
    for number, group in enumerate(potential.components()):
        part = potential.component(number)
        within = None if point is None else phase_at(part, point[list(group)])
        found[:, list(group)] = _draw(part, n_beta, size, random, within)
    return found


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
    cells = np.searchsorted(sums, sums[-1] * random.random(size), side="right")
    return points[np.minimum(cells, len(points) - 1)] + widths * (random.random((size, part.dimension)) - 0.5)


@lru_cache(maxsize=2)  # an experiment starts run after run from one posterior
def _cells(
    part: Potential, n_beta: float, phase: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Centres (cells, d), widths (d,) and cumulative weights (cells,) of the grid's cells."""
    d = part.dimension
    if d not in CELLS:
        raise ValueError(f"exact draws need components of one or two coordinates; {part.name} has {d}")
    edges = [np.linspace(low, high, CELLS[d] + 1) for low, high in part.box]
    centers = [(edge[1:] + edge[:-1]) / 2 for edge in edges]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*centers, indexing="ij")], axis=-1)
    losses = part.energy_function()(points)
    weights = np.exp(-n_beta * (losses - losses.min()))
    if phase is not None:
        weights = np.where(part.phase_index(points) == phase, weights, 0.0)
    if not weights.sum() > 0:
        raise ValueError(f"phase {part.phases[phase or 0].name!r} of {part.name} holds no mass at n_beta {n_beta:g}")
    return points, np.array([edge[1] - edge[0] for edge in edges]), np.cumsum(weights)
