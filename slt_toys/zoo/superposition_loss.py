"""Toy models of superposition: the population loss and its slope, exactly, and the regular polygons of columns.

Weights are c columns of two numbers and c biases, kept as (x_1 .. x_c, y_1 .. y_c, b_1 .. b_c). An input is u times a
unit vector, all c alike likely, u uniform on [0, 1]; output j is max(u W_i·W_j + b_j, 0) for input i. The loss is the
mean of the squared error, a sum over pairs [eq:active-square], [eq:active-moment]; it has one continuous derivative.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from ..reference.laws import law
from .model import Array

FEATURES = 6
LONG, RAISED = 0.5, 0.02  # length from which a column counts, and bias from which a dead one carries its +
WHOLE = 4  # a polygon of so many columns or fewer has no overlap and no loss


@njit(cache=True)
def _loss(w: Array) -> float:
    size = w.shape[0] // 3
    total = size / 3.0
    for j in range(size):
        bias = w[2 * size + j]
        start = max(bias, 0.0)
        for i in range(size):
            slope = w[i] * w[j] + w[size + i] * w[size + j]
            end = max(slope + bias, 0.0)
            if start == 0.0 and end == 0.0:
                continue
            length = 1.0 if start > 0.0 and end > 0.0 else (end - start) / slope
            total += length * (end * end + end * start + start * start) / 3.0
            if i == j:
                total -= length * ((3.0 - length) * end + start) / 3.0
    return total / size


@njit(cache=True)
def _gradient(w: Array, out: Array, inputs: int) -> None:
    """Slope of the loss on the first so many features, from error times input where an output is active."""
    size = w.shape[0] // 3
    out[:] = 0.0
    for j in range(size):
        bias = w[2 * size + j]
        for i in range(inputs):
            slope = w[i] * w[j] + w[size + i] * w[size + j]
            low, high = 0.0, 1.0
            if bias <= 0.0 and slope + bias <= 0.0:
                continue
            if bias <= 0.0:
                low = -bias / slope
            elif slope + bias <= 0.0:
                high = -bias / slope
            rise = slope - (1.0 if i == j else 0.0)  # the error is rise u + bias
            by_bias = rise * (high**2 - low**2) / 2.0 + bias * (high - low)
            by_slope = rise * (high**3 - low**3) / 3.0 + bias * (high**2 - low**2) / 2.0
            out[2 * size + j] += 2.0 * by_bias / inputs
            for axis in (0, size):
                out[axis + j] += 2.0 * by_slope * w[axis + i] / inputs
                out[axis + i] += 2.0 * by_slope * w[axis + j] / inputs


@njit(cache=True)
def _losses(points: Array) -> Array:
    found = np.empty(len(points))
    for k in range(len(points)):
        found[k] = _loss(points[k])
    return found


def losses(weights: ArrayLike) -> Array:
    """Population loss of weights, shape (..., 3 c) to (...)."""
    points = np.ascontiguousarray(weights, dtype=float)
    return _losses(points.reshape(-1, points.shape[-1])).reshape(points.shape[:-1])


def gradient(weights: ArrayLike) -> Array:
    """Its slope at one place, shape (3 c,)."""
    point = np.ascontiguousarray(weights, dtype=float)
    found = np.empty_like(point)
    _gradient(point, found, point.size // 3)
    return found


def hessian(weights: ArrayLike, step: float = 1e-5) -> Array:
    """Its second derivatives, by central differences of the exact slope, symmetric, shape (3 c, 3 c)."""
    point = np.array(weights, dtype=float)
    moves = step * np.eye(point.size)
    columns = [(gradient(point + move) - gradient(point - move)) / (2 * step) for move in moves]
    return (np.array(columns) + np.array(columns).T) / 2


def lengths(weights: ArrayLike) -> Array:
    """Length of every column, shape (..., c)."""
    points = np.asarray(weights, dtype=float)
    size = points.shape[-1] // 3
    return np.hypot(points[..., :size], points[..., size : 2 * size])


def sides(weights: ArrayLike) -> np.ndarray:
    """How many columns are longer than :data:`LONG`, shape (...); -1 where weights are not finite."""
    found = (lengths(weights) > LONG).sum(axis=-1)
    return np.where(np.isfinite(np.asarray(weights, dtype=float)).all(axis=-1), found, -1)


def raised(weights: ArrayLike) -> np.ndarray:
    """How many shorter columns have a bias above :data:`RAISED`: the pluses, shape (...)."""
    points = np.asarray(weights, dtype=float)
    biases = points[..., 2 * points.shape[-1] // 3 :]
    return ((lengths(points) <= LONG) & (biases > RAISED)).sum(axis=-1)


# ---- polygons ------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=64)
def _best(columns: int, features: int) -> tuple[float, float, float]:
    """Squared length, bias and loss of a regular polygon [eq:polygon-loss]."""
    if columns <= WHOLE:
        return 1.0, 0.0, 0.0
    near, far = np.cos(2 * np.pi / columns), np.cos(4 * np.pi / columns)

    def cost(p: Array) -> float:
        if p[0] <= 0 or p[0] * near + p[1] <= 0 or p[1] >= 0:
            return np.inf
        return law("polygon-loss")(
            column_square=p[0], feature_bias=p[1], neighbour_cosine=near, polygon_sides=columns, features=features
        )

    start = [1.5, -0.6 * near]
    found = minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-11, "fatol": 1e-15, "maxiter": 4000})
    square, bias = (float(x) for x in found.x)
    if square * far + bias >= 0:
        raise ValueError(f"columns must be few enough that only neighbours overlap, not {columns}")
    return square, bias, float(found.fun)


def polygon_loss(columns: int, pluses: int = 0, features: int = FEATURES) -> float:
    """Exact loss of a polygon with so many dead features at their best bias, the others at none.

    Raises
    ------
    ValueError
        If the numbers do not fit, or columns overlap with others than their neighbours.
    """
    if not 3 <= columns <= features or not 0 <= pluses <= features - columns:
        raise ValueError(
            f"columns must be 3 to features = {features}, and pluses 0 to {max(features - columns, 0)}, not {columns} "
            f"and {pluses}"
        )
    dead = features - columns
    plus = law("dead-feature-loss")(features=features)
    return _best(columns, features)[2] + pluses * plus + (dead - pluses) / (3 * features)


def polygon(columns: int, pluses: int = 0, features: int = FEATURES, low: float = -0.3) -> Array:
    """Weights of a polygon, its first column along x, shape (3 c,); dead features without a + have the bias ``low``."""
    polygon_loss(columns, pluses, features)
    square, bias, _ = _best(columns, features)
    weights = np.zeros(3 * features)
    angles = 2 * np.pi * np.arange(columns) / columns
    weights[:columns], weights[features : features + columns] = np.sqrt(square) * np.array(
        [np.cos(angles), np.sin(angles)]
    )
    weights[2 * features :] = low
    weights[2 * features : 2 * features + columns] = bias
    weights[2 * features + columns : 2 * features + columns + pluses] = 1 / (2 * features)
    return weights
