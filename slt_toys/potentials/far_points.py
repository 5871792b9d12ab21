"""A box that holds every critical point of an energy on the whole line, plane or space, with a proof.

At a critical point the slope along the ray from any centre vanishes: E(w) = (w - c)·∇L = 0. Where a lower bound of E,
or of E times something positive, is above zero beyond some length, no critical point lies out there. Bounds are those
that decide growth (:mod:`slt_toys.potentials.growth`), so every constant is explicit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import sympy

from ..inputs.names import BOX
from .certified_points import DECLARE, PhaseError, short
from .growth import bound_on_orthant, lower_bounds
from .one_sided_bounds import Sides

__all__ = ["critical_box", "critical_reach"]

Box = tuple[tuple[float, float], ...]
MOST_CENTRES = 6
MOST_OPERATIONS = 100  # in a slope that is written in exponentials
FURTHEST = 1e12  # beyond it nothing is sought
WIDER = 1.01
HINTS = {"power_exp": False, "power_base": False, "log": False, "basic": False}


@lru_cache(maxsize=64)
def critical_box(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Box:
    """A box outside of which the slope of an energy vanishes nowhere.

    Parameters
    ----------
    energy
        Smooth, of the coordinates alone.
    coordinates
        d symbols.

    Raises
    ------
    PhaseError
        In one line, where that cannot be shown of any box.
    """
    best: Box | None = None
    sides = Sides(coordinates, (0,) * len(coordinates))
    for form in (_plain, _cleared, _cleared_in_exponentials):
        for centre in _centres(energy, coordinates):
            slope = form(_outward_slope(energy, coordinates, centre), sides)
            box = None if slope is None else _without_slope_beyond(slope, coordinates, centre)
            if box is not None and (best is None or _width(box) < _width(best)):
                best = box
        if best is not None:
            return best
    raise _not_shown(energy)


def _not_shown(energy: sympy.Expr) -> PhaseError:
    return PhaseError(
        f"energy {short(energy)}: it cannot be shown where its critical points end, so {BOX} must say where its minima "
        f"are sought; or {DECLARE}"
    )


def critical_reach(energy: sympy.Expr, w: sympy.Symbol, start: sympy.Rational, side: int) -> float:
    """How far the critical points on one side of a place may lie from it, on a line.

    Parameters
    ----------
    energy
        Smooth, of ``w`` alone.
    start
        The place.
    side
        +1 for what lies to the right of it, -1 to the left.

    Raises
    ------
    PhaseError
        In one line, where no such length can be shown.
    """
    for form in (_plain, _cleared, _cleared_in_exponentials):
        slope = form(_outward_slope(energy, (w,), (start,)), Sides((w,), (side,)))
        bound = None if slope is None else bound_on_orthant(slope, (w,), (side,))
        if bound is not None and math.isfinite(bound.constant) and (reach := WIDER * bound.reach(0.0)[0]) < FURTHEST:
            return float(reach) or 1.0
    raise _not_shown(energy)


def _without_slope_beyond(
    slope: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], centre: Sequence[sympy.Expr]
) -> Box | None:
    """The box about a centre beyond which a lower bound of the outward slope is positive."""
    for bound in lower_bounds(slope, coordinates):
        if not math.isfinite(bound.constant):
            continue
        reach = WIDER * bound.reach(0.0)
        if (reach < FURTHEST).all():
            middle = np.array([float(c) for c in centre])
            half = np.maximum(reach, 1e-3 * (float(reach.max()) or 1.0))  # of no length: the centre alone
            return tuple(zip((middle - half).tolist(), (middle + half).tolist(), strict=True))
    return None


def _width(box: Box) -> float:
    return math.prod(high - low for low, high in box)


def _centres(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Iterator[tuple[sympy.Expr, ...]]:
    """The origin, where quadratic pieces of the energy have their middles, and the mean of those."""
    found: dict[tuple[sympy.Expr, ...], None] = {}
    pieces = [a.args[0] for a in energy.atoms(sympy.Function)]
    pieces += [p.base for p in energy.atoms(sympy.Pow) if not p.is_polynomial(*coordinates)]
    pieces.append(sympy.Add(*(t for t in sympy.Add.make_args(energy) if t.is_polynomial(*coordinates))))
    for piece in sorted(pieces, key=sympy.default_sort_key):
        middle = _middle(piece, coordinates)
        if middle is not None:
            found[middle] = None
    origin = tuple(sympy.S.Zero for _ in coordinates)
    own = list(found)
    mean = tuple(sympy.Add(*column) / len(own) for column in zip(*own, strict=True)) if own else origin
    yield from list(dict.fromkeys([origin, mean, *own]))[:MOST_CENTRES]


def _middle(piece: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> tuple[sympy.Expr, ...] | None:
    """Where a quadratic in all coordinates is stationary."""
    if not piece.is_polynomial(*coordinates) or sympy.Poly(piece, *coordinates).total_degree() != 2:
        return None
    solution = sympy.solve([sympy.diff(piece, w) for w in coordinates], coordinates, dict=True)
    if len(solution) != 1 or set(solution[0]) != set(coordinates):
        return None
    middle = tuple(solution[0][w] for w in coordinates)
    return middle if all(x.is_Rational for x in middle) else None


def _outward_slope(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], centre: Sequence[sympy.Expr]
) -> sympy.Expr:
    """(w - c)·∇L with c moved to the origin."""
    moved = energy
    if any(centre):
        moved = energy.subs({w: w + c for w, c in zip(coordinates, centre, strict=True)}, simultaneous=True)
    moved = moved.replace(sympy.tanh, _Tanh)
    slope = sympy.Add(*(w * sympy.diff(moved, w) for w in coordinates)).replace(_Tanh, sympy.tanh)
    return sympy.expand(slope, **HINTS)


class _Tanh(sympy.Function):
    """The hyperbolic tangent, whose slope is written 1/cosh², which shows that it falls off."""

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sympy.cosh(self.args[0]) ** -2


def _plain(slope: sympy.Expr, sides: Sides) -> sympy.Expr | None:
    """Terms with one exponential gathered where what stands before it is nowhere negative, as in 2 Q exp(Q)."""
    gathered: dict[sympy.Expr, list[sympy.Expr]] = {}
    for term in sympy.Add.make_args(slope):
        before, after = term.as_independent(sympy.exp, as_Add=False)
        gathered.setdefault(after, []).append(before)
    kept = []
    for after, own in gathered.items():
        before = sympy.Add(*own)
        whole = after != 1 and before.is_polynomial(*sides.coordinates) and sides.is_nonnegative(before)
        kept += [before * after] if whole else [part * after for part in own]
    return sympy.Add(*kept)


def _cleared(slope: sympy.Expr, sides: Sides) -> sympy.Expr | None:
    """The slope times the positive powers that clear its denominators; None where there are none to clear."""
    powers: dict[sympy.Expr, sympy.Rational] = {}
    for term in sympy.Add.make_args(slope):
        for factor in sympy.Mul.make_args(term):
            if factor.is_Pow and factor.exp.is_Rational and factor.exp < 0 and factor.base.free_symbols:
                if not sides.is_positive(factor.base):
                    return None
                powers[factor.base] = max(powers.get(factor.base, sympy.S.Zero), -factor.exp)
    if not powers:
        return None
    whole = sympy.Mul(*(base**power for base, power in powers.items()))
    return sympy.expand(sympy.Add(*(term * whole for term in sympy.Add.make_args(slope))), **HINTS)


def _cleared_in_exponentials(slope: sympy.Expr, sides: Sides) -> sympy.Expr | None:
    kinds = (sympy.tanh, sympy.cosh, sympy.sinh)
    if not slope.has(*kinds) or slope.count_ops() > MOST_OPERATIONS:
        return None
    written = slope.replace(lambda e: isinstance(e, kinds), lambda e: e.rewrite(sympy.exp))
    return _cleared(sympy.expand(written, **HINTS), sides)
