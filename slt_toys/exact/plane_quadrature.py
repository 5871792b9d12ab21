"""Integrals of exp(-n_beta L) over a rectangle cut into regions, over nine decades of n_beta with one set of nodes.

Along each line of constant first coordinate the panels are those of :mod:`slt_toys.exact.quadrature`, cut at the edges
of regions. Across the lines, panels are halved by the same measure of the lowest loss on each line, and until a
Gauss-Kronrod pair agrees on every region's integral at every n_beta of a control grid: that finds folds of curves of
minima, crossings, and valleys leaving through a wall, wherever they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from . import quadrature
from .quadrature import LINES_AT_ONCE, Nodes, Panels, QuadratureError, Range, gauss_kronrod, refine, varies_little

__all__ = ["Borders", "plane_nodes"]

Array = NDArray[np.float64]
Loss = Callable[[Array], Array]
Label = Callable[[Array], NDArray[np.int64]]


class Borders(Protocol):
    """Edges of regions that are known beforehand."""

    @property
    def knots(self) -> Array:
        """First coordinates where an edge begins, ends or turns back."""
        ...

    def crossings(self, x: Array, /) -> tuple[NDArray[np.int64], Array]:
        """Where edges cross the lines at x (lines,): numbers of lines, and second coordinates."""
        ...


@dataclass(frozen=True)
class _Strip:
    """One outer panel with all its nodes, its integrals at the control temperatures and their disagreement."""

    low: float
    high: float
    integral: Array  # (labels, controls), relative to the reference below
    gap: Array
    reference: Array
    resolved: bool
    panels: Panels
    outer: Array  # outer weight and coarse outer weight of each panel's line: (panels, 2)


def plane_nodes(
    loss: Loss, label: Label | None, box: Sequence[tuple[float, float]], reference: Sequence[float], wanted: Range,
    borders: Borders | None = None,
) -> tuple[list[Nodes], Array]:  # fmt: skip
    """Nodes on a rectangle cut into regions.

    The edges of regions are found along every line, exactly, unless a region's stretch of a line is shorter than the
    distance of neighbouring nodes, as at the tip of a disc; a disc of the size of the box loses less than 1e-6 so.
    Nothing is lost where the edges are known.

    Parameters
    ----------
    loss
        Loss at points (..., 2).
    label
        Region of points (..., 2): 0 to regions - 1, or -1 outside all; ``None`` if region 0 is the whole box.
    box
        ``(low, high)`` of the two coordinates.
    reference
        Lowest loss of each region, shape (regions,).
    wanted
        Inverse temperatures and fineness.
    borders
        All the edges of the regions, where they are known.

    Returns
    -------
    nodes, lowest
        One set for each region and a last one for what lies outside all regions; the losses each one's excess is
        measured from, shape (regions + 1,).

    Raises
    ------
    ValueError
        When the loss is not finite somewhere.
    QuadratureError
        When the nodes grow too many.
    """
    lowest = np.append(np.asarray(reference, dtype=float), np.min(reference))
    decades = np.log10(wanted.n_beta_high / wanted.n_beta_low)
    controls = np.geomspace(wanted.n_beta_low, wanted.n_beta_high, 3 + int(1.5 * decades))
    kept: list[_Strip] = []
    edges = np.linspace(*box[0], 9)
    if borders is not None:
        inside = (borders.knots > box[0][0]) & (borders.knots < box[0][1])
        edges = np.unique(np.concatenate([edges, borders.knots[inside]]))
    pending = np.array(list(pairwise(edges)))
    smallest = max(1e-14 * (box[0][1] - box[0][0]), 4 * np.finfo(float).eps * float(np.abs(box[0]).max()))
    at_once = LINES_AT_ONCE // (2 * wanted.order + 1)
    while len(pending):
        for first in range(0, len(pending), at_once):
            kept += _strips(pending[first : first + at_once], loss, label, box[1], lowest, wanted, controls, borders)
        if sum(strip.panels.losses.size for strip in kept) > quadrature.LARGEST_NODE_COUNT:
            raise QuadratureError(
                f"more than {quadrature.LARGEST_NODE_COUNT} nodes needed; the loss is too rough for this rule"
            )
        # References may have sunk since a strip was made: bring every strip's integrals to the present ones.
        scale = [np.exp(np.minimum(controls * (lowest - strip.reference)[:, None], 0.0)) for strip in kept]
        total = np.zeros((lowest.size, controls.size))
        for strip, factor in zip(kept, scale, strict=True):
            total += strip.integral * factor
        total[-1] = np.maximum(total[-1], total[int(np.argmin(lowest[:-1]))])  # outside matters beside the rest only
        fine = [
            strip.high - strip.low <= smallest
            or (strip.resolved and bool((strip.gap * factor <= wanted.tolerance * total).all()))
            for strip, factor in zip(kept, scale, strict=True)
        ]
        coarse = [strip for strip, good in zip(kept, fine, strict=True) if not good]
        kept = [strip for strip, good in zip(kept, fine, strict=True) if good]
        pending = np.array([half for s in coarse for half in pairwise((s.low, (s.low + s.high) / 2, s.high))])
    return _collect(kept, lowest, wanted), lowest


def _strips(
    edges: Array,
    loss: Loss,
    label: Label | None,
    across: tuple[float, float],
    lowest: Array,
    wanted: Range,
    controls: Array,
    borders: Borders | None,
) -> list[_Strip]:
    """Outer panels (strips, 2) with their inner panels; lowers ``lowest`` where a node lies deeper."""
    nodes, weights, coarse = gauss_kronrod(wanted.order)
    half = (edges[:, 1] - edges[:, 0]) / 2
    x = (edges.mean(axis=1)[:, None] + half[:, None] * nodes).ravel()
    panels = refine(
        lambda line, y: loss(_points(x[line], y)), _labelled(label, x, borders), *_first_panels(x, across, borders),
        lowest, wanted,
    )  # fmt: skip
    panels = panels.taken(np.argsort(panels.line, kind="stable"))
    shape = (len(edges), nodes.size, lowest.size)
    size = x.size * lowest.size
    cells = panels.line * lowest.size + panels.label % lowest.size
    excess = panels.losses - lowest[panels.label][:, None]
    profile = np.full(size, np.inf)
    np.minimum.at(profile, cells, excess.min(axis=1))
    profile = profile.reshape(shape)
    present = np.all(np.isfinite(profile), axis=1)  # a region that some line misses is left to the Gauss-Kronrod pair
    inner = np.stack(
        [np.bincount(cells, panels.half * (np.exp(-value * excess) @ weights), size) for value in controls], axis=-1
    ).reshape(*shape, controls.size)
    fine = np.einsum("p,i,pilk->plk", half, weights, inner)
    rough = np.einsum("p,i,pilk->plk", half, coarse, inner)
    result = []
    for i, (first, last) in enumerate(pairwise(np.searchsorted(panels.line, np.arange(len(edges) + 1) * nodes.size))):
        own = panels.taken(slice(int(first), int(last)))
        position = own.line - i * nodes.size
        outer = half[i] * np.stack([weights[position], coarse[position]], axis=1)
        resolved = bool(varies_little(profile[i].T[present[i]], wanted).all())
        gap = np.abs(fine[i] - rough[i])
        result.append(_Strip(float(edges[i, 0]), float(edges[i, 1]), fine[i], gap, lowest.copy(), resolved, own, outer))
    return result


def _labelled(label: Label | None, x: Array, borders: Borders | None) -> Callable | None:
    if label is None:
        return None
    if borders is None:
        return lambda line, y: label(_points(x[line], y))
    # No panel is cut by an edge, so that its middle says where all of it lies.
    return lambda line, y: label(_points(x[line], y[:, y.shape[1] // 2, None]))


def _first_panels(
    x: Array, across: tuple[float, float], borders: Borders | None
) -> tuple[NDArray[np.int64], Array, Array]:
    """Lines, lower and upper ends of the panels to begin with: halves, or what lies between known edges."""
    line, place = np.repeat(np.arange(x.size), 3), np.tile([across[0], sum(across) / 2, across[1]], x.size)
    if borders is not None:
        more, where = borders.crossings(x)
        inside = (where > across[0]) & (where < across[1])
        line, place = np.append(line, more[inside]), np.append(place, where[inside])
        order = np.lexsort((place, line))
        line, place = line[order], place[order]
    own = (line[1:] == line[:-1]) & (place[1:] > place[:-1])
    return line[:-1][own], place[:-1][own], place[1:][own]


def _points(x: Array, y: Array) -> Array:
    points = np.empty((*y.shape, 2))
    points[..., 0], points[..., 1] = x, y
    return points


def _collect(strips: Sequence[_Strip], lowest: Array, wanted: Range) -> list[Nodes]:
    _, weights, coarse = gauss_kronrod(wanted.order)
    joined = Panels.join([strip.panels for strip in strips])
    outer = np.concatenate([strip.outer for strip in strips])
    result = []
    for number in [*range(lowest.size - 1), -1]:
        chosen = joined.label == number
        half = joined.half[chosen, None]
        fine, rough = (half * outer[chosen, :1] * weights).ravel(), (half * outer[chosen, 1:] * coarse).ravel()
        result.append(Nodes.sorted((joined.losses[chosen] - lowest[number]).ravel(), fine, rough))
    return result
