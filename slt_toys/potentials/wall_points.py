"""Points of walls at which a descent that the walls hold back comes to rest: minima there, and where descents part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product

import numpy as np
import sympy
from numpy.typing import NDArray

from ..inputs.names import BOX, PHASES
from .certified_points import PhaseError, proved_signs, short
from .enclosed_zeros import Undecided, enclosed_zeros
from .intervals import NoIntervalForm, enclosure

__all__ = ["WallMinimum", "WallPoint", "wall_points"]


class WallMinimum(PhaseError):
    """A minimum lies on a wall."""


@dataclass(frozen=True)
class WallPoint:
    """A point of a wall whose loss falls outward, and does not change along the wall.

    Attributes
    ----------
    place
        (d,).
    signs
        Of the curvatures along the wall, ascending; at least one is negative.
    """

    place: NDArray[np.float64]
    signs: tuple[int, ...]


@lru_cache(maxsize=64)
def wall_points(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], box: tuple[tuple[float, float], ...]
) -> tuple[WallPoint, ...]:
    """All such points on faces, edges and corners of a box of two or more coordinates.

    Raises
    ------
    PhaseError
        In one line, for a minimum on a wall, or where one cannot be decided.
    """
    found = []
    d = len(coordinates)
    for count in range(1, d + 1):
        for axes in combinations(range(d), count):
            for sides in product((0, 1), repeat=count):
                found += _on_one(energy, coordinates, box, dict(zip(axes, sides, strict=True)))
    return tuple(found)


def _on_one(
    energy: sympy.Expr,
    coordinates: tuple[sympy.Symbol, ...],
    box: Sequence[tuple[float, float]],
    fixed: dict[int, int],
) -> list[WallPoint]:
    at = {coordinates[axis]: sympy.Rational(float(box[axis][side])) for axis, side in fixed.items()}
    outward = tuple(
        (1 if side else -1) * sympy.diff(energy, coordinates[axis]).subs(at) for axis, side in fixed.items()
    )
    free = tuple(w for w in coordinates if w not in at)
    slopes = tuple(sympy.diff(energy, w).subs(at) for w in free)
    low, high = ([box[i][side] for i, w in enumerate(coordinates) if w in free] for side in (0, 1))
    try:
        falls = enclosure(outward, free)
        if not free:
            zeros, clusters, jacobian = [np.zeros((2, 0))], [], None
        else:
            jacobian = enclosure(tuple(sympy.diff(s, w) for s in slopes for w in free), free)
            proved, clusters = enclosed_zeros(enclosure(slopes, free), jacobian, low, high, falls)
            zeros = [np.array([zero.low, zero.high]) for zero in proved]
    except NoIntervalForm as error:
        raise PhaseError(f"energy {short(energy)}: {error}; declare its phases") from None
    except Undecided as undecided:
        raise _refusal(energy, coordinates, at, undecided.place) from None
    if clusters:
        raise _refusal(energy, coordinates, at, clusters[0].middle)
    points = []
    for zero in zeros:
        place = _placed(coordinates, at, zero.mean(axis=0))
        if any(not a - 1e-12 * (b - a) <= x <= b + 1e-12 * (b - a) for x, (a, b) in zip(place, box, strict=True)):
            continue
        least, most = falls(zero[0][:, None], zero[1][:, None])
        if (least > 0).any():
            continue
        signs = () if jacobian is None else proved_signs(
            *(side.reshape(len(free), len(free)) for side in jacobian(zero[0][:, None], zero[1][:, None]))
        )  # fmt: skip
        if signs is None or not (most < 0).all():
            raise _refusal(energy, coordinates, at, zero.mean(axis=0))
        if all(sign > 0 for sign in signs):
            raise WallMinimum(
                f"energy {short(energy)} has a minimum on the wall of the box, at {_shown(place)}; enlarge {BOX} or "
                f"declare {PHASES}"
            )
        points.append(WallPoint(place, signs))
    return points


def _placed(coordinates: Sequence[sympy.Symbol], at: dict[sympy.Symbol, sympy.Rational], free: NDArray) -> NDArray:
    rest = iter(free)
    return np.array([float(at[w]) if w in at else float(next(rest)) for w in coordinates])


def _refusal(
    energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], at: dict[sympy.Symbol, sympy.Rational], free: NDArray
) -> PhaseError:
    return PhaseError(
        f"whether energy {short(energy)} has a minimum on the wall of the box near "
        f"{_shown(_placed(coordinates, at, free))} cannot be decided; give another {BOX}, or declare {PHASES}"
    )


def _shown(place: NDArray) -> str:
    return "(" + ", ".join(f"{x:.6g}" for x in place) + ")"
