"""Circles and tori: boxes whose ends are one place, and energies that repeat themselves over them.

What lives there may be looked at on the line, where every place has images a period apart: an energy that repeats
itself exactly is the same at all of them. So the energy must do so by its formula, not only at the two ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from .certified_points import CriticalPoint, PhaseError, certified_points, short
from .expression_parts import compiled
from .expressions import ExpressionError

if TYPE_CHECKING:
    from .potential import Potential

__all__ = [
    "check_periods",
    "critical_points_around",
    "images",
    "in_period",
    "period_scale",
    "refuse_periodic",
    "wrapped",
]

Box = tuple[tuple[float, float], ...]
Array = NDArray[np.float64]
SAME_LENGTH = 1e-12  # relative: a box is given in doubles, a period is an exact number
SAME_PLACE = 1e-9  # of a period
BEYOND = 1e-6  # of a period, by which the search for critical points goes past the cut
PLACES = 513  # along a period, where the unit of loss is read off


@lru_cache(maxsize=256)
def check_periods(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], box: Box, argument: str = "energy"
) -> tuple[sympy.Expr, ...]:
    """Exact periods of an energy, one along each coordinate: the lengths of its box.

    Parameters
    ----------
    energy
        Of the coordinates alone.
    coordinates
        d symbols.
    box
        One period, or a whole number of them, along each.
    argument
        What to call the energy in a message.

    Raises
    ------
    ExpressionError
        In one line, where the energy is not shown to repeat itself; a force that repeats itself under an energy that
        does not is a driven system, and is called so.
    """
    periods = []
    for w, (low, high) in zip(coordinates, box, strict=True):
        what = f"{argument} {short(energy)}"
        length = high - low
        for period in _candidates(energy, w, length):
            change = energy.subs(w, w + period) - energy
            if change == 0 or sympy.simplify(change) == 0:
                periods.append(period)
                break
            if change.is_number or sympy.simplify(sympy.diff(change, w)) == 0:
                raise ExpressionError(_driven(what, w, change))
        else:
            slope = sympy.diff(energy, w)
            if not slope.has(w) and slope != 0 and not slope.free_symbols:
                raise ExpressionError(_driven(what, w, slope * sympy.Float(length, 6)))
            raise ExpressionError(
                f"{what} is not shown to repeat itself after {length:.6g} along {w}, from {low:.6g} to {high:.6g}, as "
                "boundary='periodic' needs; give a box of one period of its sines and cosines, or walls: "
                "boundary='reflecting'"
            )
    return tuple(periods)


def _driven(what: str, w: sympy.Symbol, change: sympy.Expr) -> str:
    amount = sympy.N(change, 4)
    by = f" by {float(amount):.4g}" if amount.is_number else ""
    return (
        f"{what} changes{by} over a period along {w}, but its force repeats itself: a driven system without an "
        f"equilibrium, no potential on a circle; tilt it by a harmonic such as 0.3*cos(2*{w}+1), or give walls: "
        "boundary='reflecting'"
    )


def _candidates(energy: sympy.Expr, w: sympy.Symbol, length: float) -> list[sympy.Expr]:
    """Exact numbers next to a length that are whole multiples of half a turn of some sine's argument."""
    found: list[sympy.Expr] = []
    for function in energy.atoms(sympy.Function):
        for argument in function.args:
            rate = sympy.diff(argument, w)
            if not isinstance(function, sympy.sin | sympy.cos | sympy.tan) or not rate.is_number or rate == 0:
                continue
            halves = round(abs(float(rate)) * length / np.pi)
            exact = sympy.pi * halves / sympy.Abs(rate)
            if halves and abs(float(exact) - length) <= SAME_LENGTH * length and exact not in found:
                found.append(exact)
    return sorted(found, key=sympy.count_ops)


def in_period(point: Sequence[sympy.Expr], box: Box) -> bool:
    """Whether a point lies in a box, whose ends are doubles."""
    return all(
        low - SAME_LENGTH * (high - low) <= float(sympy.N(x, 30)) <= high + SAME_LENGTH * (high - low)
        for x, (low, high) in zip(point, box, strict=True)
    )


def refuse_periodic(what: str, instead: str, **potentials: Potential) -> None:
    """Refuse potentials on a circle or a torus, by the names of the arguments that hold them.

    Raises
    ------
    ValueError
        In one line: what knows no circle, and what to do ``instead``.
    """
    for name, potential in potentials.items():
        if potential.boundary == "periodic":
            raise ValueError(f"{name} {potential.name} is periodic; {what} takes no circle or torus: {instead}")


def wrapped(points: ArrayLike, box: Sequence[tuple[float, float]]) -> Array:
    """Points (..., d) brought into a box by whole periods; what lies in it stays as it is, its upper ends too."""
    points = np.asarray(points, dtype=float)
    low, high = np.array(box, dtype=float).T
    inside = (points >= low) & (points <= high)
    with np.errstate(invalid="ignore"):
        moved = low + np.mod(points - low, high - low)
    return np.where(inside | ~np.isfinite(points), points, np.minimum(moved, high))


def images(points: ArrayLike, box: Sequence[tuple[float, float]], reach: int = 1) -> Array:
    """Points (n, d) and their images up to so many periods off along every axis, ((2 reach + 1)^d, n, d)."""
    lengths = np.array([high - low for low, high in box])
    shifts = np.array(list(product(range(-reach, reach + 1), repeat=len(box))), dtype=float)
    return np.asarray(points, dtype=float)[None] + (shifts * lengths)[:, None]


def critical_points_around(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], box: Box
) -> tuple[CriticalPoint, ...]:
    """All critical points of a circle or a torus, each once, from left to right.

    They are looked for a little beyond the box, since its ends are doubles and a point may lie exactly at a cut.

    Raises
    ------
    PhaseError
        In one line, where some cannot be decided.
    """
    lengths = np.array([high - low for low, high in box])
    wider = tuple((low - BEYOND * (high - low), high + BEYOND * (high - low)) for low, high in box)
    low, high = np.array(box).T
    found = []
    for point in certified_points(energy, coordinates, wider):
        off = float((np.maximum(low - point.place, point.place - high) / lengths).max())
        if off <= SAME_LENGTH:
            found.append((max(off, 0.0), tuple(point.place), point))
    kept: list[CriticalPoint] = []
    for _, _, point in sorted(found, key=lambda own: own[:2]):
        if not any(_same(point, other, lengths) for other in kept):
            kept.append(point)
    return tuple(sorted(kept, key=lambda point: tuple(point.place)))


def _same(one: CriticalPoint, other: CriticalPoint, lengths: Array) -> bool:
    turns = np.round((one.place - other.place) / lengths)
    if (np.abs(one.place - other.place - turns * lengths) > SAME_PLACE * lengths).any():
        return False
    if (one.signs, one.order) != (other.signs, other.order) or not turns.any():
        raise PhaseError(f"critical points next to {one.place.tolist()} are too close to be told apart; move the box")
    return True


def period_scale(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], minima: Sequence[Sequence[sympy.Expr]], box: Box
) -> float:
    """The unit of loss of an energy on a circle or a torus: the most by which it varies once around from a minimum.

    The same wherever the circle is cut, but for rounding.
    """
    function, scale = compiled(energy, coordinates, ()), 0.0
    points = np.array([[float(sympy.N(x, 30)) for x in minimum] for minimum in minima])
    around = np.linspace(0.0, 1.0, PLACES)
    for i, (low, high) in enumerate(box):
        for point in points:
            line = np.repeat(point[None], PLACES, axis=0)
            line[:, i] += around * (high - low)
            losses = function(line)
            spread = float(np.ptp(losses))
            scale = max(scale, spread if spread > 256 * np.finfo(float).eps * float(np.abs(losses).max()) else 0.0)
    return scale or 1.0
