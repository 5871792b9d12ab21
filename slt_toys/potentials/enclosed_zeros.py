"""All zeros of a system of equations in a box, each proved to be the only one near itself.

The box is bisected. A part is dropped where an enclosure of some equation excludes zero. By Krawczyk (1969),
K(X) = c - Y f(c) + (1 - Y J(X)) (X - c) holds every zero in X, and where K(X) lies inside X there is exactly one. Parts
are tested a little enlarged, so that a zero on a cut is found from both sides and counted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .intervals import Enclosure, Interval, intersection, product, total

__all__ = ["Undecided", "Zero", "enclosed_zeros"]

Array = NDArray[np.float64]
MARGIN = 0.1  # of its width, by which a part is enlarged on every side
CUT = 0.4871  # not in the middle, where symmetric energies have their zeros
SMALLEST = 1e-11  # of the box, below which a part is given up
MOST_PARTS = {1: 2000}  # at once; in more coordinates
MOST_PARTS_BEYOND = 60_000
AT_ONCE = 4000
NEAR = 1e-4  # of the box: rounding leaves this between parts around one degenerate zero
SINGULAR = 1e-9  # determinant of a Jacobian whose rows are scaled to 1
SHARPENED = 60  # times at most that a zero's enclosure is drawn in


class Undecided(ValueError):
    """What cannot be decided; ``place`` is a point near it."""

    def __init__(self, place: Array) -> None:
        super().__init__(", ".join(f"{x:.6g}" for x in place))
        self.place = place


@dataclass(frozen=True)
class Zero:
    """A zero: where it is to rounding, and a box around it that holds no other."""

    low: Array
    high: Array
    alone_low: Array
    alone_high: Array

    @property
    def middle(self) -> Array:
        """Centre of the enclosure."""
        return (self.low + self.high) / 2


def enclosed_zeros(
    equations: Enclosure, jacobian: Enclosure, low: Sequence[float], high: Sequence[float],
    never_positive: Enclosure | None = None,
) -> tuple[list[Zero], list[Zero]]:  # fmt: skip
    """Every zero of d equations in a box of d coordinates.

    Parameters
    ----------
    equations, jacobian
        Of d equations, and of their d x d derivatives row by row.
    low, high
        Corners of the box.
    never_positive
        Zeros at which this is proved to be positive are not looked for.

    Returns
    -------
    zeros, clusters
        The zeros, some of which may lie outside the box by less than its rounding; and parts that hold any number
        of zeros, where the equations are degenerate or flat: for those low and high are the part's.

    Raises
    ------
    Undecided
        When the parts grow too many, in more than one coordinate.
    """
    d = len(low)
    whole = np.array(high, dtype=float) - np.array(low, dtype=float)
    pending = np.array(low, dtype=float)[:, None], np.array(high, dtype=float)[:, None]
    zeros: list[Zero] = []
    given_up: list[Interval] = []
    while pending[0].shape[1]:
        if pending[0].shape[1] > MOST_PARTS.get(d, MOST_PARTS_BEYOND):
            if d > 1:
                raise Undecided(((pending[0] + pending[1]) / 2)[:, pending[0].shape[1] // 2])
            given_up.append(pending)
            break
        following: list[Interval] = []
        for first in range(0, pending[0].shape[1], AT_ONCE):
            part = pending[0][:, first : first + AT_ONCE], pending[1][:, first : first + AT_ONCE]
            part = _without_known(part, zeros)
            found, left = _tested(equations, jacobian, never_positive, part)
            zeros = _joined(zeros, found)
            small = ((left[1] - left[0]) < SMALLEST * whole[:, None]).all(axis=0)
            given_up.append((left[0][:, small], left[1][:, small]))
            following.append(_bisected((left[0][:, ~small], left[1][:, ~small]), whole))
        pending = _together(following)
    zeros = sorted(zeros, key=lambda z: tuple(z.middle))
    return zeros, _clusters(_without_known(_together(given_up), zeros), NEAR * whole[0]) if given_up else []


def _together(parts: Sequence[Interval]) -> Interval:
    return np.concatenate([p[0] for p in parts], axis=1), np.concatenate([p[1] for p in parts], axis=1)


def _without_known(part: Interval, zeros: Sequence[Zero]) -> Interval:
    """Drop the parts that lie where a zero is known to be alone."""
    keep = np.ones(part[0].shape[1], dtype=bool)
    for zero in zeros:
        keep &= ~((part[0] >= zero.alone_low[:, None]) & (part[1] <= zero.alone_high[:, None])).all(axis=0)
    return part[0][:, keep], part[1][:, keep]


def _tested(
    equations: Enclosure, jacobian: Enclosure, never_positive: Enclosure | None, part: Interval
) -> tuple[list[Zero], Interval]:
    """Zeros that are proved, and what of the parts is left undecided."""
    low, high = part
    if not low.shape[1]:
        return [], part
    value = equations(low, high)
    keep = ((value[0] <= 0) & (value[1] >= 0)).all(axis=0)
    if never_positive is not None:
        keep &= ~(never_positive(low, high)[0] > 0).any(axis=0)
    low, high = low[:, keep], high[:, keep]
    if not low.shape[1]:
        return [], (low, high)
    spare = MARGIN * (high - low)
    wide = low - spare, high + spare
    image = _krawczyk(equations, jacobian, wide)
    known = np.isfinite(image[0]).all(axis=0) & np.isfinite(image[1]).all(axis=0)
    empty = known & ((image[0] > wide[1]) | (image[1] < wide[0])).any(axis=0)
    inside = known & ((image[0] > wide[0]) & (image[1] < wide[1])).all(axis=0)
    own = low[:, inside], high[:, inside]
    found = _sharpened(equations, jacobian, (wide[0][:, inside], wide[1][:, inside]), own)
    open_ = ~empty & ~inside
    drawn = intersection((low, high), image)
    usable = known & (drawn[0] <= drawn[1]).all(axis=0)
    # Every zero of the part lies in its image; where the two do not meet there is none.
    gone = known & (drawn[0] > drawn[1]).any(axis=0)
    low, high = np.where(usable, drawn[0], low), np.where(usable, drawn[1], high)
    return found, (low[:, open_ & ~gone], high[:, open_ & ~gone])


def _krawczyk(equations: Enclosure, jacobian: Enclosure, box: Interval) -> Interval:
    d, n = box[0].shape
    centre = (box[0] + box[1]) / 2
    low, high = jacobian(*box)
    slopes = low.reshape(d, d, n), high.reshape(d, d, n)
    y = np.moveaxis(_inverses(slopes, box[1] - box[0]), 0, -1)  # (d, d, n)
    at_centre = equations(centre, centre)
    offset = (np.nextafter(box[0] - centre, -np.inf), np.nextafter(box[1] - centre, np.inf))
    results = []
    with np.errstate(all="ignore"):
        for i in range(d):
            row: Interval = (centre[i], centre[i])
            for k in range(d):
                row = total(row, product((-y[i, k], -y[i, k]), (at_centre[0][k], at_centre[1][k])))
            for j in range(d):
                entry: Interval = (np.full(n, float(i == j)), np.full(n, float(i == j)))
                for k in range(d):
                    entry = total(entry, product((-y[i, k], -y[i, k]), (slopes[0][k, j], slopes[1][k, j])))
                row = total(row, product(entry, (offset[0][j], offset[1][j])))
            row = (np.where(np.isnan(y[i, 0]), -np.inf, row[0]), np.where(np.isnan(y[i, 0]), np.inf, row[1]))
            results.append(row)
    return np.stack([r[0] for r in results]), np.stack([r[1] for r in results])


def _inverses(slopes: Interval, widths: Array) -> Array:
    """Approximate inverses (n, d, d) of the middles; NaN where there is none to speak of."""
    d, _, n = slopes[0].shape
    with np.errstate(all="ignore"):
        middle = np.moveaxis((slopes[0] + slopes[1]) / 2, -1, 0)
        scaled = middle * widths.T[:, None, :]  # columns in units of the part, rows in their own
        rows = np.abs(scaled).max(axis=2, keepdims=True)
        scaled = scaled / rows
        good = np.isfinite(scaled).all(axis=(1, 2)) & np.isfinite(rows).all(axis=(1, 2))
        good[good] = np.abs(np.linalg.det(scaled[good])) > SINGULAR
        inverse = np.full((n, d, d), np.nan)
        inverse[good] = np.linalg.inv(scaled[good]) / np.swapaxes(rows[good], 1, 2) * widths.T[good][:, :, None]
    return inverse


def _sharpened(equations: Enclosure, jacobian: Enclosure, alone: Interval, part: Interval) -> list[Zero]:
    """Draw the enclosures in, and keep those zeros that may lie in their own part."""
    tight = alone
    for _ in range(SHARPENED if alone[0].shape[1] else 0):
        image = intersection(tight, _krawczyk(equations, jacobian, tight))
        better = (image[0] <= image[1]).all(axis=0)
        before = tight[1] - tight[0]
        tight = np.where(better, image[0], tight[0]), np.where(better, image[1], tight[1])
        if not ((tight[1] - tight[0]) < 0.999 * before).any():
            break
    mine = ((tight[0] <= part[1]) & (tight[1] >= part[0])).all(axis=0)
    return [Zero(tight[0][:, i], tight[1][:, i], alone[0][:, i], alone[1][:, i]) for i in np.flatnonzero(mine)]


def _joined(zeros: list[Zero], found: Sequence[Zero]) -> list[Zero]:
    """Add the zeros that are new: one that lies where another is alone is that other."""
    zeros = list(zeros)
    for new in found:
        for number, old in enumerate(zeros):
            if (new.low >= old.alone_low).all() and (new.high <= old.alone_high).all():
                if (new.alone_high - new.alone_low).max() > (old.alone_high - old.alone_low).max():
                    both = intersection((old.low, old.high), (new.low, new.high))
                    zeros[number] = Zero(*both, new.alone_low, new.alone_high)
                break
            if (new.low <= old.high).all() and (new.high >= old.low).all():
                raise Undecided(new.middle)
        else:
            zeros.append(new)
    return zeros


def _bisected(part: Interval, whole: Array) -> Interval:
    low, high = part
    if not low.shape[1]:
        return part
    axis = np.argmax((high - low) / whole[:, None], axis=0)
    rows, columns = axis, np.arange(low.shape[1])
    cut = low[rows, columns] + CUT * (high[rows, columns] - low[rows, columns])
    left, right = high.copy(), low.copy()
    left[rows, columns], right[rows, columns] = cut, cut
    return np.concatenate([low, right], axis=1), np.concatenate([left, high], axis=1)


def _clusters(rest: Interval, near: float) -> list[Zero]:
    """Join the parts that lie near each other, in one coordinate; the first in more, where one is enough to refuse."""
    count = rest[0].shape[1]
    if not count:
        return []
    if len(rest[0]) > 1:
        return [Zero(*(side[:, 0] for side in (*rest, *rest)))]
    order = np.argsort(rest[0][0])
    low, high = rest[0][0][order], np.maximum.accumulate(rest[1][0][order])
    cuts = [0, *(np.flatnonzero(low[1:] > high[:-1] + near) + 1), count]
    ends = [(low[a : a + 1], high[b - 1 : b]) for a, b in pairwise(cuts)]
    return [Zero(a, b, a, b) for a, b in ends]
