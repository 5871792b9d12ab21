"""Mean first passage times in a plane by biquadratic finite elements: another mesh, another form, fourth order.

T ∫ ∇u·∇v e^{-L/T} = ∫ v e^{-L/T} with u = 0 on the set to be reached. Nothing of the package is used. A disc is met
exactly in polar coordinates (log r, φ) about it: they are conformal, so that only the right-hand side gets a factor r².
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

Array = np.ndarray
GAUSS, WEIGHTS = np.polynomial.legendre.leggauss(4)
HIGHEST = 60.0  # temperatures above the lowest loss, where nothing goes any more


def _shapes(t: Array) -> tuple[Array, Array]:
    """Quadratic shape functions on [-1, 1] with nodes at -1, 0 and 1, and their slopes: (3, points)."""
    return np.array([t * (t - 1) / 2, 1 - t**2, t * (t + 1) / 2]), np.array([t - 0.5, -2 * t, t + 0.5])


def solved(
    edges: tuple[Array, Array], density: Callable[[Array, Array], tuple[Array, Array]], temperature: float,
    fixed: Callable[[Array, Array], Array], around: tuple[bool, bool] = (False, False),
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Times at the nodes (n, m) of elements between edges, and the nodes' two coordinates.

    ``density`` gives e^{-L/T} and its product with the area factor, ``fixed`` the nodes that are reached; an axis
    ``around`` closes upon itself.
    """
    nodes = [np.sort(np.concatenate([own, (own[1:] + own[:-1]) / 2])) for own in edges]
    sizes = [axis.size - closed for axis, closed in zip(nodes, around, strict=True)]
    halves = [np.diff(own) / 2 for own in edges]
    i, j = (2 * np.arange(half.size)[:, None] + np.arange(3) for half in halves)
    numbers = (i[:, None, :, None] % sizes[0]) * sizes[1] + j[None, :, None, :] % sizes[1]
    numbers = numbers.reshape(-1, 9)
    values, slopes = _shapes(GAUSS)
    places = [
        (own[:-1] + own[1:])[:, None] / 2 + half[:, None] * GAUSS for own, half in zip(edges, halves, strict=True)
    ]
    x, y = places[0][:, None, :, None], places[1][None, :, None, :]
    weight, mass = (own * WEIGHTS[:, None] * WEIGHTS for own in density(*np.broadcast_arrays(x, y)))
    across = (halves[1][None, :] / halves[0][:, None])[..., None, None]
    area = (halves[0][:, None] * halves[1][None, :])[..., None, None]
    stiff = np.einsum("efpq,ap,bq,cp,dq->efabcd", weight * across, slopes, values, slopes, values, optimize=True)
    stiff += np.einsum("efpq,ap,bq,cp,dq->efabcd", weight / across, values, slopes, values, slopes, optimize=True)
    load = np.einsum("efpq,ap,bq->efab", mass * area, values, values, optimize=True)
    size = sizes[0] * sizes[1]
    rows, columns = np.repeat(numbers, 9, axis=1).ravel(), np.tile(numbers, 9).ravel()
    matrix = temperature * sparse.csc_array((stiff.ravel(), (rows, columns)), shape=(size, size))
    right = np.bincount(numbers.ravel(), load.ravel(), size)
    grid = np.meshgrid(*(axis[:n] for axis, n in zip(nodes, sizes, strict=True)), indexing="ij")
    free = ~fixed(*grid).ravel()
    result = np.zeros(size)
    result[free] = splu(matrix[free][:, free].tocsc()).solve(right[free])
    return result.reshape(sizes), grid[0], grid[1]


def times_to_a_disc(
    loss: Callable[[Array], Array], temperature: float, centre: Array, radius: float, furthest: float,
    starts: Array, elements: tuple[int, int] = (90, 120),
) -> Array:  # fmt: skip
    """Mean times from ``starts`` (n, 2) to a disc in a plane that ends so far from its centre, where no mass is."""
    lowest = min(float(loss(own)) for own in (*starts, centre))

    def density(s: Array, angle: Array) -> tuple[Array, Array]:
        r = np.exp(s)
        points = centre + np.stack([r * np.cos(angle), r * np.sin(angle)], axis=-1)
        weight = np.exp(-np.clip((loss(points) - lowest) / temperature, -HIGHEST, HIGHEST))
        return weight, weight * r**2

    # Even steps of r far off, of log r next to the disc.
    reach = np.linspace(0, 1, elements[0] + 1)
    even = np.log(radius + (furthest - radius) * reach)
    graded = even[0] + 0.4 * (even[-1] - even[0]) * reach + 0.6 * (even - even[0])
    edges = (graded, np.linspace(-np.pi, np.pi, elements[1] + 1))
    times = solved(edges, density, temperature, lambda s, _: s <= graded[0], (False, True))[0]
    away = starts - centre
    return read(edges, times, np.stack([np.log(np.linalg.norm(away, axis=1)), np.arctan2(away[:, 1], away[:, 0])], -1))


def read(edges: tuple[Array, Array], times: Array, places: Array) -> Array:
    """The biquadratic function itself, at places (n, 2)."""
    result = []
    for place in places:
        shapes, numbers = [], []
        for own, at, size in zip(edges, place, times.shape, strict=True):
            k = int(np.clip(np.searchsorted(own, at) - 1, 0, own.size - 2))
            shapes.append(_shapes(np.array(2 * (at - own[k]) / (own[k + 1] - own[k]) - 1))[0])
            numbers.append((2 * k + np.arange(3)) % size)
        result.append(shapes[0] @ times[np.ix_(*numbers)] @ shapes[1])
    return np.array(result)
