"""Quasi-potentials as fields over a plane: what it costs noise of any kind to come from an attractor to every place.

Ordered line integrals (Dahiya & Cameron 2018): nodes of a grid are settled from the cheapest on, as in Dijkstra's
method. What a node costs is the least over settled nodes near it, and over the lines between neighbouring ones, of
what they cost and the action of the straight way from there, by Simpson's rule [eq:geometric-action]. About the
attractor it is the quadratic form of the linear drift [eq:quasi-potential-quadratic]. The first node settled on the
edge of the box ends it: dearer places might be reached more cheaply by ways outside. Costs between two nodes are taken
as linear, which makes an error of first order in the spacing; a solution on twice as many cells extrapolates it away.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numba import njit
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments, shown

Array = NDArray[np.float64]
Field = Callable[[Array], Array]

__all__ = ["QuasiPotential", "quasi_potential"]

CELLS = 100
FINER = 2  # nodes of the fields' tables between two of the grid
NEAR = 2.0  # nodes from the attractor, within which the drift is taken as linear
DIFFERENCE = 1e-5  # of the box, for the slope of the drift at the attractor
FAR, CONSIDERED, FRONT, SETTLED = range(4)
SEARCH = 14  # golden sections of a line between two nodes
GOLDEN = (math.sqrt(5) - 1) / 2
LINE_PIECES = 32  # of straight ways from an attractor whose drift is not linear


@dataclass(frozen=True, eq=False)
class QuasiPotential:
    """What it costs to come to the nodes of a grid.

    Attributes
    ----------
    axes
        Coordinates of the nodes along each axis, (n₁,) and (n₂,).
    values
        At the nodes, (n₁, n₂), dimensionless: the stationary density falls off as exp(-values). nan where the box is
        too small to tell.
    limit
        The least value on the edge of the box; dearer nodes are nan.
    error
        The largest difference to the same from grids of half as many cells, over the nodes of both: more than the
        error where that falls with the square of the spacing, and what to go by where it does not.
    """

    axes: tuple[Array, Array]
    values: Array
    limit: float
    error: float

    def at(self, place: ArrayLike) -> float:
        """The value at a place (2,), between nodes linear in both coordinates.

        Raises
        ------
        ValueError
            Outside the box, and where the box was too small to tell.
        """
        point = np.asarray(place, dtype=float)
        inside = point.shape == (2,) and all(
            axis[0] <= value <= axis[-1] for value, axis in zip(point, self.axes, strict=True)
        )
        if not inside:
            raise ValueError(f"place must be two numbers in the box, not {shown(place)}")
        found = float(scipy.interpolate.RegularGridInterpolator(self.axes, self.values)(point)[0])
        if not np.isfinite(found):
            raise ValueError(
                f"place {point.tolist()} costs more than the edge of the box, {self.limit:.4g}; give a larger box"
            )
        return found


@checked_arguments
def quasi_potential(
    drift: Field, diffusion: Field, attractor: ArrayLike, box: Sequence[tuple[float, float]], *, cells: int = CELLS
) -> QuasiPotential:
    """Solve for the least action from an attractor to every node of a grid in a plane.

    Parameters
    ----------
    drift
        b at points (n, 2), shape (n, 2); of SGD minus the gradient.
    diffusion
        D at points (n, 2), shape (n, 2, 2), of dw = b dt + √(2D) dW: symmetric and positive definite.
    attractor
        A place (2,) inside the box where the drift vanishes.
    box
        Its ends along both axes.
    cells
        Along each axis, a multiple of four from 40 to 1000. Grids of twice and of half as many are solved too. The
        error falls with their square where the quasi-potential has no kinks.

    Raises
    ------
    ValueError
        In one line, for an attractor that is none, a box that does not hold it, and fields that are not finite.

    Examples
    --------
    The drift of Maier and Stein (1993), which has no potential.

    >>> import numpy as np
    >>> from slt_toys import quasi_potential
    >>> def drift(w):
    ...     u, v = w.T
    ...     return np.stack([u - u**3 - 5 * u * v**2, -(1 + u**2) * v], axis=1)
    >>> def diffusion(w):
    ...     return np.broadcast_to(np.eye(2) / 2, (len(w), 2, 2))
    >>> found = quasi_potential(drift, diffusion, [-1, 0], [(-1.5, 1.5), (-1, 1)])
    >>> abs(found.at([0, 0]) - 0.4831) < 0.0002
    True
    """
    ends = np.asarray(box, dtype=float)
    if ends.shape != (2, 2) or not np.isfinite(ends).all() or not (ends[:, 0] < ends[:, 1]).all():
        raise ValueError(f"box must be two pairs of increasing ends, not {shown(box)}")
    if not 40 <= cells <= 1000 or cells % 4:
        raise ValueError(f"cells must be a multiple of four from 40 to 1000, not {cells}")
    rest = np.asarray(attractor, dtype=float)
    if rest.shape != (2,) or not ((rest > ends[:, 0]) & (rest < ends[:, 1])).all():
        raise ValueError(f"attractor must be a place inside the box, not {shown(attractor)}")
    (fine, limit), (same, _), (coarse, _) = (
        _solved(drift, diffusion, rest, ends, n) for n in (2 * cells, cells, cells // 2)
    )
    values = np.maximum(2 * fine[::2, ::2] - same, 0.0)
    apart = np.abs(values[::2, ::2] - np.maximum(2 * same[::2, ::2] - coarse, 0.0))
    axes = tuple(np.linspace(low, high, cells + 1) for low, high in ends)
    return QuasiPotential((axes[0], axes[1]), values, limit, float(np.nanmax(apart)))


def _solved(drift: Field, diffusion: Field, rest: Array, ends: Array, cells: int) -> tuple[Array, float]:
    """Values at the nodes, and the least of those on the edge."""
    table = _table(drift, diffusion, ends, FINER * cells)
    spacing = np.diff(ends, axis=1)[:, 0] / cells
    place = (rest - ends[:, 0]) / spacing
    values = np.full((cells + 1, cells + 1), np.inf)
    low, high = np.floor(place - NEAR).astype(int), np.ceil(place + NEAR).astype(int) + 1
    window = [slice(max(1, a), min(cells, b)) for a, b in zip(low, high, strict=True)]  # never the edge
    nodes = np.stack(np.meshgrid(*[np.arange(own.start, own.stop) for own in window], indexing="ij"), axis=-1)
    off = (nodes - place) * spacing
    values[window[0], window[1]] = _about(drift, diffusion, rest, ends, off)
    reach = max(5, min(32, round(math.sqrt(cells))))
    limit = _settle(table, spacing, values, reach)
    if not np.isfinite(limit):
        raise ValueError("drift: no way leads from the attractor to the edge of the box")
    return values, float(limit)


def _table(drift: Field, diffusion: Field, ends: Array, cells: int) -> Array:
    """The drift and the inverse diffusion at the nodes of a finer grid: b₁, b₂ and three entries, (n, n, 5)."""
    axes = [np.linspace(low, high, cells + 1) for low, high in ends]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    push, noise = np.asarray(drift(points), dtype=float), np.asarray(diffusion(points), dtype=float)
    if push.shape != points.shape or not np.isfinite(push).all():
        raise ValueError(f"drift must give finite values of shape {points.shape} in the box, not of shape {push.shape}")
    if noise.shape != (len(points), 2, 2) or not np.isfinite(noise).all():
        raise ValueError(f"diffusion must give finite matrices, shape {(len(points), 2, 2)}, not {noise.shape}")
    trace, determinant = noise[:, 0, 0] + noise[:, 1, 1], np.linalg.det(noise)
    even = np.abs(noise[:, 0, 1] - noise[:, 1, 0]) <= 1e-9 * trace
    if not (even & (determinant > 0) & (trace > 0)).all():
        raise ValueError("diffusion must be symmetric and positive definite everywhere in the box")
    inverse = np.linalg.inv(noise)
    columns = [push, inverse[:, 0, :1], inverse[:, 0, 1:], inverse[:, 1, 1:]]
    return np.concatenate(columns, axis=1).reshape(cells + 1, cells + 1, 5)


def _about(drift: Field, diffusion: Field, rest: Array, ends: Array, off: Array) -> Array:
    """Values at places ``off`` the attractor, shape (..., 2): by its linear drift, or straight ways where it has none.

    With Σ the covariance of the linear drift A, AΣ + ΣAᵀ + 2D = 0, it is ½ offᵀ Σ⁻¹ off.
    """
    size = np.diff(ends, axis=1)[:, 0]
    steps = np.diag(DIFFERENCE * size)
    around = np.asarray(drift(np.concatenate([rest + steps, rest - steps, rest[None]])), dtype=float)
    slope = ((around[:2] - around[2:4]) / (2 * DIFFERENCE * size)[:, None]).T
    fastest = float(np.abs(slope).max())
    if not np.linalg.norm(around[4] / size) <= 1e-6 * max(fastest, 1e-300):
        raise ValueError(f"attractor must be a place where the drift vanishes; there it is {around[4].tolist()}")
    decays = np.linalg.eigvals(slope).real
    if (decays > 1e-6 * fastest).any():
        raise ValueError(f"attractor must attract; at {rest.tolist()} the drift leads away")
    noise = np.asarray(diffusion(rest[None]), dtype=float)[0]
    if (decays < -1e-6 * fastest).all():
        covariance = scipy.linalg.solve_continuous_lyapunov(slope, -2 * noise)
        return 0.5 * np.einsum("...i,ij,...j->...", off, np.linalg.inv(covariance), off)
    nodes, weights = np.polynomial.legendre.leggauss(LINE_PIECES)
    total = np.zeros(off.shape[:-1])
    for share, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        points = (rest + share * off).reshape(-1, 2)
        inverse = np.linalg.inv(np.asarray(diffusion(points), dtype=float)).reshape(*off.shape[:-1], 2, 2)
        push = np.asarray(drift(points), dtype=float).reshape(off.shape)
        way, drifted, both = (
            np.einsum("...i,...ij,...j->...", one, inverse, other)
            for one, other in ((off, off), (push, push), (off, push))
        )
        total += weight * (np.sqrt(way * drifted) - both) / 2
    return total


@njit(cache=True, nogil=True)
def _field(table: Array, x: float, y: float) -> tuple[float, float, float, float, float]:
    """Drift and inverse diffusion at a place in nodes of the grid, linear between nodes of the table."""
    x, y = x * FINER, y * FINER
    i = min(max(int(x), 0), table.shape[0] - 2)
    j = min(max(int(y), 0), table.shape[1] - 2)
    p, q = x - i, y - j
    a, b, c, d = (1 - p) * (1 - q), p * (1 - q), (1 - p) * q, p * q
    one, two, three, four = table[i, j], table[i + 1, j], table[i, j + 1], table[i + 1, j + 1]
    return (
        a * one[0] + b * two[0] + c * three[0] + d * four[0],
        a * one[1] + b * two[1] + c * three[1] + d * four[1],
        a * one[2] + b * two[2] + c * three[2] + d * four[2],
        a * one[3] + b * two[3] + c * three[3] + d * four[3],
        a * one[4] + b * two[4] + c * three[4] + d * four[4],
    )


@njit(cache=True, nogil=True)
def _density(table: Array, x: float, y: float, v: float, w: float) -> float:
    """(‖way‖ ‖b‖ - ⟨way, b⟩)/2 in the metric of D⁻¹."""
    b, c, m, n, o = _field(table, x, y)
    way = max(m * v * v + 2 * n * v * w + o * w * w, 0.0)
    drift = max(m * b * b + 2 * n * b * c + o * c * c, 0.0)
    return (math.sqrt(way * drift) - (m * v * b + n * (v * c + w * b) + o * w * c)) / 2


@njit(cache=True, nogil=True)
def _action(table: Array, spacing: Array, x: float, y: float, to_x: float, to_y: float) -> float:
    """Action of a straight way between two places in nodes, by Simpson's rule."""
    v, w = (to_x - x) * spacing[0], (to_y - y) * spacing[1]
    middle = _density(table, (x + to_x) / 2, (y + to_y) / 2, v, w)
    return (_density(table, x, y, v, w) + 4 * middle + _density(table, to_x, to_y, v, w)) / 6


@njit(cache=True, nogil=True)
def _from_line(
    table: Array, spacing: Array, values: Array, i: int, j: int, k: int, m: int, x: int, y: int
) -> float:  # fmt: skip
    """Least cost of a node (x, y) by the line between the settled neighbours (i, j) and (k, m)."""
    first, rise = values[i, j], values[k, m] - values[i, j]
    low, high = 0.0, 1.0
    one, two = 1 - GOLDEN, GOLDEN
    at_one = first + one * rise + _action(table, spacing, i + one * (k - i), j + one * (m - j), x, y)
    at_two = first + two * rise + _action(table, spacing, i + two * (k - i), j + two * (m - j), x, y)
    for _ in range(SEARCH):
        if at_one < at_two:
            high, two, at_two = two, one, at_one
            one = high - GOLDEN * (high - low)
            at_one = first + one * rise + _action(table, spacing, i + one * (k - i), j + one * (m - j), x, y)
        else:
            low, one, at_one = one, two, at_two
            two = low + GOLDEN * (high - low)
            at_two = first + two * rise + _action(table, spacing, i + two * (k - i), j + two * (m - j), x, y)
    return min(at_one, at_two)


@njit(cache=True, nogil=True)
def _from_neighbours(
    table: Array, spacing: Array, values: Array, status: NDArray[np.int8], i: int, j: int, x: int, y: int
) -> float:  # fmt: skip
    """Least cost of a node by the lines from a settled one to its settled neighbours."""
    best = np.inf
    for k in range(max(0, i - 1), min(values.shape[0], i + 2)):
        for m in range(max(0, j - 1), min(values.shape[1], j + 2)):
            if (k != i or m != j) and status[k, m] >= FRONT:
                best = min(best, _from_line(table, spacing, values, i, j, k, m, x, y))
    return best


@njit(cache=True, nogil=True)
def _settle(table: Array, spacing: Array, values: Array, reach: int) -> float:
    """Settle nodes from the cheapest on, in place, up to the first on the edge; its value."""
    rows, columns = values.shape
    status = np.zeros(values.shape, dtype=np.int8)
    best = np.full(values.shape, np.inf)  # by one settled node, and which
    source = np.full((rows, columns, 2), -9, dtype=np.int64)
    heap = [(np.inf, 0, 0)]
    for x in range(rows):
        for y in range(columns):
            if np.isfinite(values[x, y]):
                status[x, y] = CONSIDERED
                heapq.heappush(heap, (values[x, y], x, y))
    limit = np.inf
    while heap:
        value, i, j = heapq.heappop(heap)
        if not np.isfinite(value):
            break
        if status[i, j] != CONSIDERED or value > values[i, j]:
            continue
        status[i, j] = FRONT
        if i == 0 or j == 0 or i == rows - 1 or j == columns - 1:
            limit = value
            break
        for x in range(i - 1, i + 2):  # nodes that are surrounded lead nowhere new
            for y in range(j - 1, j + 2):
                if status[x, y] == FRONT:
                    open_side = False
                    for k in range(max(0, x - 1), min(rows, x + 2)):
                        for m in range(max(0, y - 1), min(columns, y + 2)):
                            open_side = open_side or status[k, m] < FRONT
                    if not open_side:
                        status[x, y] = SETTLED
        for x in range(max(0, i - reach), min(rows, i + reach + 1)):
            for y in range(max(0, j - reach), min(columns, j + reach + 1)):
                if status[x, y] != CONSIDERED:
                    continue
                found = value + _action(table, spacing, i, j, x, y)
                if found < best[x, y]:
                    best[x, y] = found
                    source[x, y, 0], source[x, y, 1] = i, j
                    found = min(found, _from_neighbours(table, spacing, values, status, i, j, x, y))
                elif abs(source[x, y, 0] - i) <= 1 and abs(source[x, y, 1] - j) <= 1:
                    found = _from_line(table, spacing, values, source[x, y, 0], source[x, y, 1], i, j, x, y)
                if found < values[x, y]:
                    values[x, y] = found
                    heapq.heappush(heap, (found, x, y))
        for x in range(i - 1, i + 2):
            for y in range(j - 1, j + 2):
                if status[x, y] != FAR:
                    continue
                status[x, y] = CONSIDERED
                for k in range(max(0, x - reach), min(rows, x + reach + 1)):
                    for m in range(max(0, y - reach), min(columns, y + reach + 1)):
                        if status[k, m] == FRONT:
                            found = values[k, m] + _action(table, spacing, k, m, x, y)
                            if found < best[x, y]:
                                best[x, y] = found
                                source[x, y, 0], source[x, y, 1] = k, m
                k, m = source[x, y, 0], source[x, y, 1]
                found = min(best[x, y], _from_neighbours(table, spacing, values, status, k, m, x, y))
                values[x, y] = found
                heapq.heappush(heap, (found, x, y))
    for x in range(rows):
        for y in range(columns):
            if status[x, y] < FRONT:
                values[x, y] = np.nan
    return limit
