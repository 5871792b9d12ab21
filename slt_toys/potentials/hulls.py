"""The box that holds all points where an energy is below a level, from enclosures over many boxes at once.

A box whose enclosure lies above the level holds no point below it, so what is cut away is empty, however narrow or
crooked a valley is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy
from numpy.typing import NDArray

from .intervals import enclosure

__all__ = ["hull_below", "most_over"]

Array = NDArray[np.float64]

FINENESS = {1: 256, 2: 48, 3: 12}  # parts of the result that its walls are known to, by the number of coordinates
CUTS = {1: 8, 2: 4, 3: 2}  # parts that a box is cut into along an axis
MOST_BOXES = 60_000
MOST_ROUNDS = 400


def most_over(energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], low: Array, high: Array) -> Array:
    """A number that the energy exceeds nowhere in each box, shape (boxes,), of corners (boxes, d)."""
    return enclosure((energy,), tuple(coordinates))(low.T, high.T)[1][0]


def hull_below(
    energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], low: Array, high: Array, level: float, points: Array
) -> tuple[Array, Array]:
    """A box with every point of another one where the energy is at most a level, hardly wider than need be.

    Parameters
    ----------
    energy, coordinates
        At most three coordinates.
    low, high
        Finite walls, shape (d,).
    level
        In units of loss.
    points
        That must lie inside the result, shape (points, d).
    """
    d, enclosed = len(coordinates), enclosure((energy,), tuple(coordinates))
    inner_low, inner_high = points.min(axis=0), points.max(axis=0)
    lows, highs = low[None].astype(float), high[None].astype(float)
    for _ in range(MOST_ROUNDS):
        below = ~(enclosed(lows.T, highs.T)[0][0] > level)
        lows, highs = lows[below], highs[below]
        if not len(lows):
            return inner_low, inner_high
        hull = np.minimum(lows.min(axis=0), inner_low), np.maximum(highs.max(axis=0), inner_high)
        width = np.maximum(hull[1] - hull[0], np.finfo(float).tiny)
        # Boxes that touch no wall of the hull cannot move it, and are not cut any further.
        edge = ((lows <= hull[0] + width / FINENESS[d]) | (highs >= hull[1] - width / FINENESS[d])).any(axis=1)
        coarse = (highs - lows > width / FINENESS[d]) & edge[:, None]
        if not coarse.any() or len(lows) > MOST_BOXES:
            return hull
        for i in range(d):
            lows, highs, coarse = _cut(lows, highs, coarse, i, CUTS[d])
    return hull


def _cut(lows: Array, highs: Array, which: NDArray[np.bool_], i: int, parts: int) -> tuple[Array, Array, NDArray]:
    own = which[:, i]
    ends = np.linspace(lows[own, i], highs[own, i], parts + 1, axis=1)
    below, above = (np.repeat(x[own], parts, axis=0) for x in (lows, highs))
    below[:, i], above[:, i] = ends[:, :-1].ravel(), ends[:, 1:].ravel()
    flags = np.repeat(which[own], parts, axis=0)
    return (
        np.concatenate([lows[~own], below]), np.concatenate([highs[~own], above]), np.concatenate([which[~own], flags])
    )  # fmt: skip
