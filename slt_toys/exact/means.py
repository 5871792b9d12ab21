"""Exact means to hold draws against: energy, coordinates and phase shares on grids of one and two coordinates.

Grids shrink to where the posterior lives, and every mean is taken on two of them, so that what they cannot resolve is
told from what they can. Everything scales with the energy and with the coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..potentials.potential import Potential

Array = NDArray[np.float64]
# Cells along an axis, of one coordinate and of two: to find the place, and for the means on two grids.
SEARCHED = {1: 4_001, 2: 401}
SUMMED = {1: (40_001, 27_773), 2: (801, 557)}
NEGLIGIBLE = 40.0  # temperatures above the lowest loss: exp(-40) is 4e-18
# Largest disagreement of the two grids, in standard deviations: far below what draws resolve.
RESOLVED = 1e-3
OUTSIDE = 1e-7  # density at the edge of a box without walls, over the largest


@dataclass(frozen=True)
class ExactMeans:
    """Means and standard deviations under the tempered posterior."""

    energy: float
    energy_deviation: float
    coordinates: Array  # (d,)
    coordinate_deviations: Array
    shares: Array  # of the potential's phases


@lru_cache(maxsize=64)
def exact_means(potential: Potential, n_beta: float) -> ExactMeans | None:
    """Means of a potential in one or two coordinates; None for more, and where a grid cannot resolve them.

    Parameters
    ----------
    potential
        With ``"natural"`` boundary its box must hold all but a negligible part of the posterior.
    n_beta
        Inverse temperature, 1/loss.
    """
    if potential.dimension not in SEARCHED:
        return None
    with np.errstate(all="ignore"):
        box = _where_it_lives(potential, n_beta)
        if box is None:
            return None
        first, second = (_means(potential, n_beta, box, size) for size in SUMMED[potential.dimension])
    if first is None or second is None:
        return None
    scale = np.concatenate([[first.energy_deviation], first.coordinate_deviations, np.ones(len(first.shares))])
    fine, coarse = (np.concatenate([[means.energy], means.coordinates, means.shares]) for means in (first, second))
    return first if (np.abs(fine - coarse) <= RESOLVED * scale).all() else None


def _grid(box: Array, size: int) -> tuple[Array, list[Array]]:
    axes = [low + (high - low) * (np.arange(size) + 0.5) / size for low, high in box]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1), axes


def _where_it_lives(potential: Potential, n_beta: float) -> Array | None:
    """The smallest box around all cells that may hold weight."""
    energy = potential.energy_function()
    minima = np.array([potential.minimum_point(k) for k in range(len(potential.phases))])
    lowest = float(energy(minima).min())
    held = minima[n_beta * (energy(minima) - lowest) < NEGLIGIBLE]
    box = np.array(potential.box, dtype=float)
    for _ in range(12):
        points, axes = _grid(box, SEARCHED[potential.dimension])
        losses = energy(points)
        if not np.isfinite(losses).all():
            return None
        lowest = min(lowest, float(losses.min()))
        # A minimum between two cells lies lower than both by no more than they differ from their neighbours.
        steep = sum(np.abs(np.gradient(losses, axis=axis)) for axis in range(losses.ndim))
        live = n_beta * (losses - 2 * steep - lowest) < NEGLIGIBLE
        fresh = []
        for axis, places in enumerate(axes):
            own = places[live.any(axis=tuple(k for k in range(losses.ndim) if k != axis))]
            cell = places[1] - places[0]
            low = min(own.min(), held[:, axis].min()) - 1.5 * cell
            high = max(own.max(), held[:, axis].max()) + 1.5 * cell
            fresh.append((max(low, box[axis, 0]), min(high, box[axis, 1])))
        smaller = np.array(fresh)
        shrunk = float(np.prod(np.diff(smaller)) / np.prod(np.diff(box)))
        box = smaller
        if shrunk > 0.7:
            break
    return box


def _means(potential: Potential, n_beta: float, box: Array, size: int) -> ExactMeans | None:
    points, _ = _grid(box, size)
    losses = potential.energy_function()(points)
    lowest = losses.min()
    weights = np.exp(-n_beta * (losses - lowest))
    if potential.boundary == "natural" and _at_the_edge(potential, box, weights) > OUTSIDE:
        return None
    weights /= weights.sum()
    energy = float((weights * losses).sum())
    axes = tuple(range(losses.ndim))
    centre = (weights[..., None] * points).sum(axes)
    index = potential.phase_index(points)
    return ExactMeans(
        energy,
        float(np.sqrt((weights * (losses - energy) ** 2).sum())),
        centre,
        np.sqrt((weights[..., None] * (points - centre) ** 2).sum(axes)),
        np.array([weights[index == k].sum() for k in range(len(potential.phases))]),
    )


def _at_the_edge(potential: Potential, box: Array, weights: Array) -> float:
    """Largest weight on those faces of the grid that are the box's own."""
    worst = 0.0
    for axis in range(weights.ndim):
        for side in (0, 1):
            if box[axis, side] == potential.box[axis][side]:
                worst = max(worst, float(np.take(weights, -side, axis=axis).max()))
    return worst
