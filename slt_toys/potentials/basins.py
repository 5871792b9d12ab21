"""Basins of attraction in the plane: which minimum steepest descent ends in, for many points at once.

The borders are the paths of steepest ascent from the saddles, and from those points of walls where descent along the
wall parts. They are followed once, as polynomials, and cut where they turn back along the first coordinate. Between
neighbouring ends of such pieces, in a slab, the pieces are heights in a fixed order, and a point's basin is how many of
them lie below it. That the basins of neighbouring pieces agree is checked in every slab.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from .steepest import ARRIVED, Landscape, Lost, ascended, descended

__all__ = ["BasinMap", "Departure", "basin_map", "torus_map"]

Array = NDArray[np.float64]
SHIFTS = 4  # periods, by which a border's images are laid: twice as far as it can reach
TINY = 1e-12  # of the box: pieces that are narrower are upright
ASIDE = 1e-4  # of the distance to the nearest critical point, by which starts lie off a border to see where they end


@dataclass(frozen=True)
class Departure:
    """Where a border starts: a place, the direction it leaves in, and whether that is a point of a wall."""

    place: Array
    heading: Array
    from_wall: bool = False


@dataclass(frozen=True)
class Piece:
    """Part of a border along which the first coordinate rises.

    Attributes
    ----------
    coefficients
        Of the polynomials that make it up, (parts, 6, 2), in order.
    first, last
        Their parameters at the lower and the upper end, (parts,).
    edges
        First coordinate where they meet, (parts + 1,).
    heights
        Second coordinate there.
    slack
        How far the border lies off the straight lines between these, at most.
    above, below
        Numbers of the basins on either side.
    """

    coefficients: Array
    first: Array
    last: Array
    edges: Array
    heights: Array
    slack: float
    above: int
    below: int

    def height(self, x: Array) -> Array:
        """Second coordinate of the border, to rounding."""
        x = np.clip(x, self.edges[0], self.edges[-1])
        part = np.clip(np.searchsorted(self.edges, x, side="right") - 1, 0, len(self.first) - 1)
        own = self.coefficients[part]
        low, high = self.first[part], self.last[part]
        width = self.edges[part + 1] - self.edges[part]
        at = low + (high - low) * np.clip((x - self.edges[part]) / np.where(width > 0, width, 1.0), 0.0, 1.0)
        for _ in range(60):
            off = _value(own[..., 0], at) - x
            high, low = np.where(off >= 0, at, high), np.where(off <= 0, at, low)
            with np.errstate(all="ignore"):
                step = at - off / _slope(own[..., 0], at)
            inside = (step >= np.minimum(low, high)) & (step <= np.maximum(low, high))
            moved = np.where(inside, step, (low + high) / 2)
            done = np.abs(moved - at) <= 4e-16
            at = moved
            if done.all():
                break
        return _value(own[..., 1], at)

    def meets(self, left: float, right: float, bottom: float, top: float) -> bool:
        """Whether it comes between two heights between two first coordinates, as near as the slack."""
        between = (self.edges > left) & (self.edges < right)
        own = np.concatenate([self.height(np.array([left, right])), self.heights[between]])
        return bool(own.min() - self.slack <= top and own.max() + self.slack >= bottom)

    def roughly(self, x: Array) -> Array:
        """The same by straight lines, off by no more than the slack."""
        return np.interp(x, self.edges, self.heights)


@dataclass(frozen=True)
class BasinMap:
    """Basins of a box.

    Attributes
    ----------
    box
        Points beyond it belong where the nearest of its points does.
    knots
        Ends of the slabs, increasing, (slabs + 1,).
    slabs
        For each slab its pieces from the lowest to the highest, and the basins below, between and above them.
    """

    box: tuple[tuple[float, float], ...]
    knots: Array
    slabs: tuple[tuple[tuple[Piece, ...], NDArray[np.int64]], ...]

    def label(self, points: Array) -> NDArray[np.int64]:
        """Number of the basin of each point (..., 2); -1 for what is no number."""
        flat = points.reshape(-1, 2)
        x, y = (np.clip(flat[:, axis], *self.box[axis]) for axis in (0, 1))
        slab = np.clip(np.searchsorted(self.knots, x, side="right") - 1, 0, len(self.slabs) - 1)
        result = np.full(len(flat), -1)
        order = np.argsort(slab, kind="stable")
        starts = np.searchsorted(slab[order], np.arange(len(self.slabs) + 1))
        for number, (first, last) in enumerate(pairwise(starts)):
            if first == last:
                continue
            own, (pieces, basins) = order[first:last], self.slabs[number]
            count = np.zeros(len(own), dtype=np.int64)
            for piece in pieces:
                above = y[own] - piece.roughly(x[own])
                close = np.abs(above) <= piece.slack
                if close.any():
                    above[close] = y[own][close] - piece.height(x[own][close])
                count += above >= 0
            result[own] = basins[count]
        result[np.isnan(flat).any(axis=1)] = -1
        return result.reshape(points.shape[:-1])

    def crossings(self, x: Array) -> tuple[NDArray[np.int64], Array]:
        """Where borders cross the upright lines at ``x`` (lines,): numbers of lines, and heights."""
        slab = np.clip(np.searchsorted(self.knots, x, side="right") - 1, 0, len(self.slabs) - 1)
        lines, heights = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
        for number in np.unique(slab):
            own = np.flatnonzero(slab == number)
            for piece in self.slabs[number][0]:
                lines.append(own)
                heights.append(piece.height(x[own]))
        return np.concatenate(lines), np.concatenate(heights)


def basin_map(land: Landscape, departures: Sequence[Departure]) -> BasinMap:
    """Follow every border.

    Raises
    ------
    Lost
        When a path cannot be followed, or the borders do not agree with each other.
    """
    pieces: list[Piece] = []
    upright: list[float] = []
    for departure in departures:
        border = ascended(land, departure.place, departure.heading, departure.from_wall)
        left, right = _sides(land, border, departure)
        if left != right:
            found, at = _monotone(border, left, right, TINY * (land.box[0][1] - land.box[0][0]))
            pieces += found
            upright += at
    return _arranged(land, pieces, upright)


def torus_map(
    land: Landscape, departures: Sequence[Departure], box: tuple[tuple[float, float], ...], count: int
) -> BasinMap:
    """Follow every border of a torus once, and lay its images over one period.

    Parameters
    ----------
    land
        Of the plane that the torus is wound from, over several periods, with the images of the critical points; minimum
        number i is an image of number i modulo ``count``.
    departures
        From the saddles of one period.
    box
        That period.
    count
        Number of minima on the torus.

    Raises
    ------
    Lost
        When a path leaves the plane of ``land``, cannot be followed, or the borders do not agree with each other.
    """
    pieces: list[Piece] = []
    upright: list[float] = []
    lengths = [high - low for low, high in box]
    for departure in departures:
        border = ascended(land, departure.place, departure.heading)
        end = border[-1].sum(axis=0)
        if np.linalg.norm(land.points - end, axis=1).min() > 2 * ARRIVED * land.unit:
            raise Lost(f"({end[0]:.6g}, {end[1]:.6g})")
        left, right = (number % count for number in _sides(land, border, departure))
        if left == right:
            continue
        found, at = _monotone(border, left, right, TINY * lengths[0])
        for i, j in product(range(-SHIFTS, SHIFTS + 1), repeat=2):
            moved = (_shifted(piece, i * lengths[0], j * lengths[1]) for piece in found)
            pieces += [piece for piece in moved if piece.edges[-1] > box[0][0] and piece.edges[0] < box[0][1]]
            upright += [x + i * lengths[0] for x in at]
    return _arranged(replace(land, box=box), pieces, [x for x in upright if box[0][0] <= x <= box[0][1]], count)


def _shifted(piece: Piece, along: float, up: float) -> Piece:
    coefficients = piece.coefficients.copy()
    coefficients[:, 0] += (along, up)
    return replace(piece, coefficients=coefficients, edges=piece.edges + along, heights=piece.heights + up)


def _sides(land: Landscape, border: Array, departure: Departure) -> tuple[int, int]:
    """Basins to the left and to the right of a border, as seen along it."""
    middles = np.array([own.sum(axis=0) for own in border])  # the ends of its parts
    away = np.linalg.norm(middles - departure.place, axis=1)
    number = int(np.argmin(np.abs(away - 0.05 * min(land.unit, away.max()))))
    place, forward = middles[number], np.array([k * border[number][k] for k in range(1, 6)]).sum(axis=0)
    forward = forward / np.linalg.norm(forward)
    normal = np.array([-forward[1], forward[0]])
    off = ASIDE * float(np.linalg.norm(land.points - place, axis=1).min())
    low, high = np.array(land.box).T
    starts = [np.clip(place + side * off * normal, low, high) if land.walled else place + side * off * normal
              for side in (1, -1)]  # fmt: skip
    return descended(land, starts[0]), descended(land, starts[1])


def _monotone(border: Array, left: int, right: int, tiny: float) -> tuple[list[Piece], list[float]]:
    """Cut a border where it turns along the first coordinate; of what stands upright, where it stands."""
    runs: list[tuple[int, list[tuple[Array, float, float]]]] = []
    for own in border:
        cuts = [0.0, *_turns(own[:, 0]), 1.0]
        for first, last in pairwise(cuts):
            change = _value(own[:, 0], last) - _value(own[:, 0], first)
            direction = int(np.sign(change))
            if direction == 0:
                continue
            if not runs or runs[-1][0] != direction:
                runs.append((direction, []))
            runs[-1][1].append((own, first, last))
    pieces, upright = [], [] if runs else [float(border[0, 0, 0])]
    for direction, parts in runs:
        if direction < 0:
            parts = [(own, last, first) for own, first, last in reversed(parts)]
        coefficients, first, last = (np.array([part[k] for part in parts]) for k in range(3))
        ends = np.array([_value(own[:, 0], a) for own, a, _ in parts] + [_value(parts[-1][0][:, 0], parts[-1][2])])
        heights = np.array([_value(own[:, 1], a) for own, a, _ in parts] + [_value(parts[-1][0][:, 1], parts[-1][2])])
        if ends[-1] - ends[0] <= tiny:
            upright.append(float(ends[0]))
            continue
        ends = np.maximum.accumulate(ends)
        above, below = (left, right) if direction > 0 else (right, left)
        slack = _slack(coefficients, first, last, ends, heights)
        pieces.append(Piece(coefficients, first, last, ends, heights, slack, above, below))
    return pieces, upright


def _turns(polynomial: Array) -> list[float]:
    """Parameters strictly inside (0, 1) at which the slope of a polynomial changes sign once."""
    low, high = 0.0, 1.0
    start, end = _slope(polynomial, low), _slope(polynomial, high)
    if start * end >= 0:
        return []
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _slope(polynomial, middle) * start > 0 else (low, middle)
    return [middle] if 0 < middle < 1 else []


def _slack(coefficients: Array, first: Array, last: Array, edges: Array, heights: Array) -> float:
    worst = 0.0
    for share in np.linspace(0, 1, 9)[1:-1]:
        at = first + share * (last - first)
        x, y = _value(coefficients[..., 0], at), _value(coefficients[..., 1], at)
        worst = max(worst, float(np.abs(y - np.interp(x, edges, heights)).max()))
    return 2 * worst + 1e-12 * float(np.abs(heights).max())


def _value(polynomial: Array, at: Array | float) -> Array:
    total = polynomial[..., 5]
    for power in (4, 3, 2, 1, 0):
        total = total * at + polynomial[..., power]
    return total


def _slope(polynomial: Array, at: Array | float) -> Array:
    total = 5 * polynomial[..., 5]
    for power in (4, 3, 2, 1):
        total = total * at + power * polynomial[..., power]
    return total


def _arranged(land: Landscape, pieces: Sequence[Piece], upright: Sequence[float], count: int | None = None) -> BasinMap:
    """Sort the pieces into slabs, and check that the basins agree wherever two pieces are neighbours."""
    (low, high), (bottom, top) = land.box
    tiny = TINY * (high - low)
    places = [low, high, *upright, *(end for p in pieces for end in p.edges[[0, -1]])]
    ends = np.unique(np.clip(places, low, high))
    knots = ends[np.concatenate([[True], np.diff(ends) > 4 * tiny])]
    knots = np.append(knots[:-1], high) if len(knots) > 1 else np.array([low, high])
    slabs = []
    for a, b in pairwise(knots):
        middle = np.array([(a + b) / 2])
        inside = [(float(p.height(middle)[0]), p) for p in pieces if p.edges[0] < middle[0] < p.edges[-1]]
        # On a torus a piece goes on beyond the box, and may leave or enter it within a slab.
        inside = [pair for pair in sorted(inside, key=lambda pair: pair[0]) if pair[1].meets(a, b, bottom, top)]
        own = tuple(piece for _, piece in inside)
        if not own:
            basins = [descended(land, np.array([middle[0], (bottom + top) / 2])) % (count or len(land.minima))]
        else:
            basins = [own[0].below, *(piece.above for piece in own)]
            if any(one.above != other.below for one, other in pairwise(own)):
                raise Lost(f"({middle[0]:.6g}, ...)")
        slabs.append((own, np.array(basins)))
    return BasinMap(land.box, knots, tuple(slabs))
