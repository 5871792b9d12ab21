"""Cells that resolve the mass of a tempered posterior in one or two coordinates, however narrow its wells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..potentials.potential import Potential
from .grids import Grid
from .quadrature import QuadratureError

Array = NDArray[np.float64]
NEGLIGIBLE = 40.0  # temperatures above the lowest loss at which a component's weight is dropped
CELLS = {1: 4000, 2: 300}  # along each axis, to begin with
LEAST_CELLS = {1: 5000, 2: 40_000}  # halved until none holds more of the mass than the inverse of this
LARGEST_ERROR = {1: 1e-9, 2: 1e-8}  # of the mass in one cell, of all the mass
HALVINGS = 40  # at most
MOST_CELLS = 10_000_000  # a gigabyte; a bent valley as narrow as a thousandth of the box takes four million


def mass_cells(part: Potential, temperature: float, phase: int | None = None) -> tuple[Array, Array, Array, Array]:
    """Cells, halved until each holds little of the mass and knows it well.

    Parameters
    ----------
    part
        Of one or two coordinates; its box holds the mass.
    temperature
        Positive.
    phase
        Look at the mass of this phase alone; a cell belongs to the phase that holds its centre.

    Returns
    -------
    points, widths, losses, volumes
        Centres (cells, d), widths (cells, d), losses at the centres and volumes (cells,).

    Raises
    ------
    QuadratureError
        If the mass lies in too narrow a valley for cells along the axes.
    """
    energy, gradient, d = part.energy_function(), part.gradient_function(), part.dimension
    wanted = range(len(part.phases)) if phase is None else [phase]
    minima = np.array([part.minimum_point(i) for i in wanted])
    bottoms = energy(minima)

    def loss(places: Array) -> Array:
        losses = energy(places)
        return losses if phase is None else np.where(part.phase_index(places) == phase, losses, np.inf)

    grid = Grid.uniform(part.box, CELLS[d])
    width = np.array([edge[1] - edge[0] for edge in grid.edges])
    points = grid.points.reshape(-1, d)
    corners = np.stack(np.meshgrid(*[[-0.25, 0.25]] * d, indexing="ij"), axis=-1).reshape(-1, d) * width
    size = np.ones(len(points))  # in units of the width
    losses, change = loss(points), _sum_of_sizes(gradient(points), width / 2)
    for _ in range(HALVINGS):
        lowest = min(losses.min(), bottoms.min())
        # Where the loss is convex it is nowhere in the cell below this.
        least = np.maximum(losses - change * size, lowest) - lowest
        most = size**d * np.exp(-least / temperature)
        total = max((size**d * np.exp(-(losses - lowest) / temperature)).sum(), most.max())
        # A midpoint's error is a sixth of the square of how much the logarithm of the density changes up to the edge.
        error = most * np.minimum(change * size / temperature, 1.0) ** 2 / 6
        split = (most > total / LEAST_CELLS[d]) | (error > total * LARGEST_ERROR[d])
        # A well narrower than a cell may not show at its centre, or at its neighbours'.
        for minimum, bottom in zip(minima, bottoms, strict=True):
            if bottom - lowest < NEGLIGIBLE * temperature:
                near = losses > bottom + temperature
                for k in range(d):
                    near &= np.abs(points[:, k] - minimum[k]) < width[k] * size
                split |= near
        if not split.any():
            break
        if len(points) + split.sum() * (2**d - 1) > MOST_CELLS:
            raise QuadratureError(
                f"potential: the mass of {part.name} at temperature {temperature:g} lies in too narrow a valley for "
                f"{MOST_CELLS} cells along the axes; a sampler finds it where these cells do not"
            )
        halves = (points[split, None] + corners * size[split, None, None]).reshape(-1, d)
        keep = ~split & (least < NEGLIGIBLE * temperature)
        points = np.concatenate([points[keep], halves])
        size = np.concatenate([size[keep], np.repeat(size[split] / 2, 2**d)])
        losses = np.concatenate([losses[keep], loss(halves)])
        change = np.concatenate([change[keep], _sum_of_sizes(gradient(halves), width / 2)])
    held = losses <= losses.min() + NEGLIGIBLE * temperature
    return points[held], width * size[held, None], losses[held], width.prod() * size[held] ** d


def _sum_of_sizes(slopes: Array, width: Array) -> Array:
    return sum((np.abs(slopes[:, k]) * width[k] for k in range(len(width))), np.zeros(len(slopes)))
