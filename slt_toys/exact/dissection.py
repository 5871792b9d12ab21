"""Elimination on a plane or a ring of cells in the order of nested dissection, without a single subtraction.

Cells between which a line of others lies are taken out first, the lines last (George 1973): n cells take n^1.5
operations and n log n numbers, where a band takes n² and n^1.5. Every front of cells is dense, and the arithmetic is
that of :mod:`slt_toys.exact.elimination`: rates to other cells and each cell's excess only, so all components are right
to high relative accuracy. The order depends on the grid's shape alone and is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Places = NDArray[np.int64]
Box = tuple[tuple[int, int], tuple[int, int]]

__all__ = ["Dissection", "SparseFactors", "dissection", "factor", "solve", "solve_transposed"]

LEAF = 12  # cells that are no longer cut
TOGETHER = 4  # cells that are eliminated at once


@dataclass(frozen=True, eq=False)
class Dissection:
    """Which cells are eliminated together, and beside which others.

    Attributes
    ----------
    order
        The cell at each place of the elimination, (cells,).
    own
        Cells of each front that are eliminated in it: places ``first[f]`` to ``first[f + 1]``, (fronts + 1,).
    begin, places
        Front f holds ``places[begin[f] : begin[f + 1]]``: its own, then those beside them that come later, ascending.
    parent, into
        The front in which those beside are next, -1 for the last, and where in it each of ``places`` is (-1 for own).
    cells, ahead
        Lower and upper cell of each edge between neighbours, in the order of a process's rates, and whether the lower
        one is eliminated first, (2, edges) and (edges,).
    edge_begin, edges, edge_rows, edge_columns
        The edges by the front where the first of the two is eliminated, and their entry in it.
    """

    order: Places
    first: Places
    begin: Places
    places: Places
    parent: Places
    into: Places
    cells: Places
    ahead: NDArray[np.bool_]
    edge_begin: Places
    edges: Places
    edge_rows: Places
    edge_columns: Places


@dataclass(frozen=True, eq=False)
class SparseFactors:
    """Factors of (excess - Q): for every front its own rows and columns, and the pivots at their places."""

    shape: Dissection
    upper: Array  # rates from own cells to the front's, rows of the length of the front
    lower: Array  # shares of own pivots that the others' rates into them are, likewise
    start: Places  # of each front in both, (fronts + 1,)
    pivot: Array  # (cells,)


@lru_cache(maxsize=16)
def dissection(shape: tuple[int, ...], ring: bool = False) -> Dissection:
    """Order the cells of a grid of one or two axes; on a ring the last cell of each axis is next to the first."""
    rows, columns = (shape[0], 1) if len(shape) == 1 else shape
    rings = ring, ring and len(shape) == 2
    fronts: list[tuple[list[int], list[int]]] = []  # own cells, cells beside the part that is then gone
    below: list[list[int]] = []

    def beside(box: Box) -> list[int]:
        cells = set()
        (top, bottom), (left, right) = box
        for axis, (low, high), across, size in ((0, box[0], range(left, right), rows),
                                                (1, box[1], range(top, bottom), columns)):  # fmt: skip
            for line in (low - 1, high):
                if high - low == size or not (rings[axis] or 0 <= line < size):
                    continue
                line %= size
                cells.update(line * columns + c for c in across) if axis == 0 else cells.update(
                    r * columns + line for r in across
                )
        return sorted(cells)

    def cells_of(box: Box) -> list[int]:
        (top, bottom), (left, right) = box
        return [r * columns + c for r in range(top, bottom) for c in range(left, right)]

    def cut(box: Box) -> int:
        (top, bottom), (left, right) = box
        around = [rings[0] and bottom - top == rows, rings[1] and right - left == columns]
        if (bottom - top) * (right - left) <= LEAF and not any(around):
            fronts.append((cells_of(box), beside(box)))
            below.append([])
            return len(fronts) - 1
        axis = around.index(True) if any(around) else int(bottom - top < right - left)
        low, high = box[axis]
        line = low if around[axis] else (low + high) // 2
        halves = [(low, line), (line + 1, high)]
        parts = [((a, b), box[1]) if axis == 0 else (box[0], (a, b)) for a, b in halves if a < b]
        children = [cut(part) for part in parts]
        at = ((line, line + 1), box[1]) if axis == 0 else (box[0], (line, line + 1))
        fronts.append((cells_of(at), beside(box)))
        below.append(children)
        return len(fronts) - 1

    cut(((0, rows), (0, columns)))
    return _numbered(fronts, below, (rows, columns), rings)


def _numbered(
    fronts: list[tuple[list[int], list[int]]], below: list[list[int]], shape: tuple[int, int], rings: tuple[bool, bool]
) -> Dissection:
    order = np.array([cell for own, _ in fronts for cell in own])
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    first = np.cumsum([0, *(len(own) for own, _ in fronts)])
    held = [np.concatenate([place[own], np.sort(place[np.array(others, dtype=int)])]) for own, others in fronts]
    begin = np.cumsum([0, *map(len, held)])
    parent, into = np.full(len(fronts), -1), np.full(begin[-1], -1)
    where = np.empty(order.size, dtype=int)
    for number, children in enumerate(below):
        where[held[number]] = np.arange(held[number].size)
        for child in children:
            parent[child] = number
            others = slice(begin[child] + len(fronts[child][0]), begin[child + 1])
            into[others] = where[held[child][len(fronts[child][0]) :]]
    cells = _neighbours(shape, rings)
    pairs = np.sort(place[cells], axis=0)
    at = np.searchsorted(first, pairs[0], side="right") - 1
    edges = np.argsort(at, kind="stable")
    columns = np.empty(edges.size, dtype=int)
    edge_begin = np.searchsorted(at[edges], np.arange(len(fronts) + 1))
    for number in range(len(fronts)):
        mine = slice(edge_begin[number], edge_begin[number + 1])
        where[held[number]] = np.arange(held[number].size)
        columns[mine] = where[pairs[1, edges[mine]]]
    rows = pairs[0, edges] - first[at[edges]]
    ahead = place[cells[0]] < place[cells[1]]
    return Dissection(
        order, first, begin, np.concatenate(held), parent, into, cells, ahead, edge_begin, edges, rows, columns
    )


def _neighbours(shape: tuple[int, int], rings: tuple[bool, bool]) -> Places:
    """Lower and upper of neighbouring cells, first axis first: (2, edges)."""
    cells = np.arange(shape[0] * shape[1]).reshape(shape)
    pairs = []
    for axis in range(2):
        upper = np.roll(cells, -1, axis)
        kept = np.arange(shape[axis] if rings[axis] else shape[axis] - 1)
        pairs.append(np.stack([np.take(c, kept, axis).ravel() for c in (cells, upper)]))
    return np.concatenate(pairs, axis=1)


def factor(shape: Dissection, up: Array, down: Array, excess: Array) -> SparseFactors:
    """Eliminate.

    Parameters
    ----------
    shape
        From :func:`dissection`.
    up, down
        Rates from the lower to the upper cell of each edge and back, (edges,), ≥ 0.
    excess
        Each cell's rate out of the system, (cells,), ≥ 0.
    """
    forward, backward = np.where(shape.ahead, up, down), np.where(shape.ahead, down, up)
    sizes, own = np.diff(shape.begin), np.diff(shape.first)
    start = np.concatenate([[0], np.cumsum(own * sizes)])
    upper, lower, pivot = np.empty(start[-1]), np.empty(start[-1]), np.empty(shape.order.size)
    _factor(
        shape.first, shape.begin, shape.places, shape.parent, shape.into, shape.edge_begin, shape.edge_rows,
        shape.edge_columns, forward[shape.edges], backward[shape.edges], excess[shape.order], start, upper, lower,
        pivot,
    )  # fmt: skip
    return SparseFactors(shape, upper, lower, start, pivot)


@njit(cache=True, fastmath={"reassoc", "contract"})
def _eliminate(front: Array, own: int, places: Places, excess: Array, pivot: Array, rows: Array) -> None:
    """Take the own cells of a front out of it, so many at once: what lies behind them is then gone through once."""
    size = front.shape[0]
    for begun in range(0, own, TOGETHER):
        end = min(begun + TOGETHER, own)
        for k in range(begun, end):
            for p in range(begun, k):
                share = front[k, p]
                for j in range(k + 1, size):
                    front[k, j] += share * front[p, j]
            total = excess[places[k]]
            for j in range(k + 1, size):
                total += front[k, j]
            total = max(total, 1e-300)  # a cell that nothing leaves at double precision
            pivot[k] = total
            for i in range(k + 1, size):
                flow = front[i, k]
                for p in range(begun, k):
                    flow += front[i, p] * front[p, k]
                share = flow / total
                front[i, k] = share
                excess[places[i]] += share * excess[places[k]]
        rows[: end - begun, end:size] = front[begun:end, end:]
        if end - begun == TOGETHER:
            for i in range(end, size):
                a, b, c, d = front[i, begun], front[i, begun + 1], front[i, begun + 2], front[i, begun + 3]
                if a > 0.0 or b > 0.0 or c > 0.0 or d > 0.0:
                    for j in range(end, size):
                        front[i, j] = front[i, j] + a * rows[0, j] + b * rows[1, j] + c * rows[2, j] + d * rows[3, j]
        else:
            for p in range(begun, end):
                for i in range(end, size):
                    share = front[i, p]
                    if share > 0.0:
                        for j in range(end, size):
                            front[i, j] += share * rows[p - begun, j]


@njit(cache=True)
def _factor(
    first: Places, begin: Places, places: Places, parent: Places, into: Places, edge_begin: Places, edge_rows: Places,
    edge_columns: Places, forward: Array, backward: Array, excess: Array, start: Places, upper: Array, lower: Array,
    pivot: Array,
) -> None:  # fmt: skip
    fronts = parent.size
    children = np.full((fronts, 2), -1)
    # What a front leaves to its parent stands on a stack: children come right before their parent, and are then gone.
    kept, top, most, largest = np.empty(fronts, np.int64), 0, 0, 0
    for f in range(fronts):
        largest = max(largest, begin[f + 1] - begin[f])
        if parent[f] >= 0:
            children[parent[f], 0 if children[parent[f], 0] < 0 else 1] = f
        kept[f] = kept[children[f, 0]] if children[f, 0] >= 0 else top
        top = kept[f] + (begin[f + 1] - begin[f] - first[f + 1] + first[f]) ** 2
        most = max(most, top)
    left = np.empty(most)
    whole, rows = np.empty((largest, largest)), np.empty((TOGETHER, largest))
    for f in range(fronts):
        size, own = begin[f + 1] - begin[f], first[f + 1] - first[f]
        front = whole[:size, :size]
        front[:] = 0.0
        for e in range(edge_begin[f], edge_begin[f + 1]):
            front[edge_rows[e], edge_columns[e]] += forward[e]
            front[edge_columns[e], edge_rows[e]] += backward[e]
        for c in children[f]:
            if c >= 0:
                where = into[begin[c] + first[c + 1] - first[c] : begin[c + 1]]
                for i in range(where.size):
                    row, given = front[where[i]], left[kept[c] + i * where.size : kept[c] + (i + 1) * where.size]
                    for j in range(where.size):
                        row[where[j]] += given[j]
        _eliminate(front, own, places[begin[f] : begin[f + 1]], excess, pivot[first[f] : first[f + 1]], rows)
        for k in range(own):
            for j in range(k + 1, size):
                at = start[f] + k * size + j
                upper[at] = front[k, j]
                lower[at] = front[j, k]
        left[kept[f] : kept[f] + (size - own) ** 2] = front[own:, own:].copy().ravel()


def solve(factors: SparseFactors, value: Array) -> None:
    """Solve (excess - Q) u = value in place; columns (cells, columns) in the order of elimination."""
    _solve(factors, factors.upper, factors.lower, False, value)


def solve_transposed(factors: SparseFactors, value: Array) -> None:
    """Solve (excess - Q)ᵀ u = value in place; columns (cells, columns) in the order of elimination."""
    _solve(factors, factors.lower, factors.upper, True, value)


def _solve(factors: SparseFactors, upper: Array, lower: Array, transposed: bool, value: Array) -> None:
    shape = factors.shape
    given = shape.first, shape.begin, shape.places, factors.start, upper, lower, factors.pivot
    if value.shape[1] == 1:
        _down(*given, transposed, value[:, 0])
        _back(*given, transposed, value[:, 0])
    else:
        _down_columns(*given, transposed, value)
        _back_columns(*given, transposed, value)


# The pivots divide on the way back, and transposed on the way down. One column has loops of its own: they are dot
# products and sums of rows, which compilers vectorise along the front instead of along the columns.
@njit(cache=True)
def _down(
    first: Places, begin: Places, places: Places, start: Places, upper: Array, lower: Array, pivot: Array,
    divided: bool, value: Array,
) -> None:  # fmt: skip
    front = np.empty(np.diff(begin).max())
    for f in range(first.size - 1):
        base, size, own = begin[f], begin[f + 1] - begin[f], first[f + 1] - first[f]
        for i in range(size):
            front[i] = value[places[base + i]]
        for k in range(own):
            if divided:
                front[k] /= pivot[first[f] + k]
            at, given = start[f] + k * size, front[k]
            for i in range(k + 1, size):
                front[i] += lower[at + i] * given
        for i in range(size):
            value[places[base + i]] = front[i]


@njit(cache=True, fastmath={"reassoc", "contract"})
def _back(
    first: Places, begin: Places, places: Places, start: Places, upper: Array, lower: Array, pivot: Array,
    divided: bool, value: Array,
) -> None:  # fmt: skip
    front = np.empty(np.diff(begin).max())
    for f in range(first.size - 2, -1, -1):
        base, size, own = begin[f], begin[f + 1] - begin[f], first[f + 1] - first[f]
        for i in range(size):
            front[i] = value[places[base + i]]
        for k in range(own - 1, -1, -1):
            at, total = start[f] + k * size, front[k]
            for j in range(k + 1, size):
                total += upper[at + j] * front[j]
            if not divided:
                total /= pivot[first[f] + k]
            front[k] = total
            value[first[f] + k] = total


@njit(cache=True)
def _down_columns(
    first: Places, begin: Places, places: Places, start: Places, upper: Array, lower: Array, pivot: Array,
    divided: bool, value: Array,
) -> None:  # fmt: skip
    columns = value.shape[1]
    for f in range(first.size - 1):
        base, size = begin[f], begin[f + 1] - begin[f]
        for k in range(first[f + 1] - first[f]):
            at, place = start[f] + k * size, first[f] + k
            if divided:
                for c in range(columns):
                    value[place, c] /= pivot[place]
            for i in range(k + 1, size):
                share, row = lower[at + i], places[base + i]
                for c in range(columns):
                    value[row, c] += share * value[place, c]


@njit(cache=True)
def _back_columns(
    first: Places, begin: Places, places: Places, start: Places, upper: Array, lower: Array, pivot: Array,
    divided: bool, value: Array,
) -> None:  # fmt: skip
    columns = value.shape[1]
    for f in range(first.size - 2, -1, -1):
        base, size = begin[f], begin[f + 1] - begin[f]
        for k in range(first[f + 1] - first[f] - 1, -1, -1):
            at, place = start[f] + k * size, first[f] + k
            for j in range(k + 1, size):
                rate, row = upper[at + j], places[base + j]
                for c in range(columns):
                    value[place, c] += rate * value[row, c]
            if not divided:
                for c in range(columns):
                    value[place, c] /= pivot[place]
