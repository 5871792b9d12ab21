"""Critical points on a line of an energy with kinks, such as |w|: smooth pieces, and the places where they meet.

Every size |g(w)| of a polynomial g is g or -g between the real roots of g. A piece between two roots has the critical
points of any smooth energy. Where pieces meet, the first one-sided derivative that does not vanish says whether the
loss rises on that side, and to which order; a place from which it rises on both sides is a minimum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import scipy
import sympy

from .certified_points import DECLARE, CriticalPoint, PhaseError, short
from .expression_parts import compiled
from .expressions import ExpressionError
from .real_roots import real_roots, real_sign

__all__ = ["Piece", "has_kinks", "kink_places", "points_with_kinks", "smooth_about"]

LARGEST_ORDER = 32
DIGITS = 30
LOOKED_AT = 20_001  # places between two walls where what is no polynomial may change its sign
TOLD_APART = sympy.Float(10) ** -12  # relative distance at which a critical point is surely no kink

Points = Callable[[sympy.Expr, "Piece"], Sequence[CriticalPoint]]


@dataclass(frozen=True)
class Piece:
    """An interval on which an energy is smooth; an end of None lies at infinity."""

    low: sympy.Expr | None
    high: sympy.Expr | None
    energy: sympy.Expr

    def holds(self, place: sympy.Expr) -> bool:
        """Whether a place lies strictly inside."""
        return (self.low is None or _before(self.low, place)) and (self.high is None or _before(place, self.high))


def has_kinks(energy: sympy.Expr) -> bool:
    """Whether an energy holds sizes |...|."""
    return energy.has(sympy.Abs)


def points_with_kinks(energy: sympy.Expr, w: sympy.Symbol, points: Points) -> tuple[CriticalPoint, ...]:
    """All critical points and all kinks that are minima or maxima, from left to right.

    Parameters
    ----------
    energy
        Of ``w`` alone; what stands inside |...| is a polynomial on every piece.
    points
        Critical points of a smooth energy on a piece; those outside it are dropped.

    Raises
    ------
    PhaseError
        In one line, where a piece is flat, or a kink is neither placed nor decided.
    """
    pieces = _pieces(energy, energy, w, None, None)
    found = []
    for piece in pieces:
        if not piece.energy.has(w):
            raise PhaseError(
                f"energy {short(energy)} is flat between {_end(piece.low)} and {_end(piece.high)}; {DECLARE}"
            )
        try:
            own = points(piece.energy, piece)
        except PhaseError as error:
            raise PhaseError(f"energy {short(energy)} between its kinks: {error}") from None
        found += [p for p in own if piece.holds(p.point[0])]
    for left, right in pairwise(pieces):
        assert left.high is not None
        falls, order = _leaving(energy, left.energy, w, left.high, -1)
        rises, other = _leaving(energy, right.energy, w, left.high, 1)
        # A smooth point that only looks like a kink has one order, even or odd, on both sides.
        if falls == rises:
            found.append(CriticalPoint((left.high,), (rises,), max(order, other), kink=True))
    return tuple(sorted(found, key=lambda p: tuple(p.place)))


@lru_cache(maxsize=256)
def kink_places(energy: sympy.Expr, w: sympy.Symbol, low: float, high: float) -> tuple[float, ...]:
    """Where sizes in an energy have corners, from left to right, strictly between two places.

    Those of polynomials are exact; of anything else, sizes of sizes among them, the changes of sign on a fine grid.
    """
    found: set[float] = set()
    for inner in {size.args[0] for size in energy.atoms(sympy.Abs) if size.args[0].has(w)}:
        try:
            if inner.is_polynomial(w):
                found |= {float(sympy.N(root, DIGITS)) for root in real_roots(inner, w)}
                continue
        except ExpressionError:  # coefficients that are not known exactly
            pass
        value, grid = compiled(inner, (w,), ()), np.linspace(low, high, LOOKED_AT)
        signs = np.sign(value(grid[:, None]))
        found |= set(grid[signs == 0].tolist())
        for k in np.flatnonzero(signs[1:] * signs[:-1] < 0):
            ends = grid[k], grid[k + 1]
            found.add(float(scipy.optimize.brentq(lambda u, f=value: float(f(np.array([u]))), *ends, xtol=1e-300)))
    return tuple(sorted(place for place in found if low < place < high))


def smooth_about(energy: sympy.Expr, w: sympy.Symbol, place: sympy.Basic) -> sympy.Expr:
    """The energy about a place, with every size |g| written as g or -g, as it is there.

    Raises
    ------
    PhaseError
        In one line, at a kink.
    """
    own = energy
    while sizes := [a for a in own.atoms(sympy.Abs) if not a.args[0].has(sympy.Abs)]:
        size = min(sizes, key=sympy.default_sort_key)
        inner = size.args[0]
        value, *terms = (sympy.N(part.subs(w, place), DIGITS) for part in (inner, *sympy.Add.make_args(inner)))
        if abs(value) <= TOLD_APART * sum(map(abs, terms)):
            raise PhaseError(
                f"energy {short(energy)} has a kink at {_end(place)}, where no power law holds; ask for mean first "
                "passage times instead"
            )
        own = own.subs(size, inner if value > 0 else -inner)
    return own


def _end(end: sympy.Basic | None) -> str:
    return "infinity" if end is None else f"{float(sympy.N(end, DIGITS)):.6g}"


def _before(one: sympy.Expr, other: sympy.Expr) -> bool:
    if one == other:
        return False
    apart = sympy.N(other - one, DIGITS)
    if abs(apart) <= TOLD_APART * (1 + abs(sympy.N(one, DIGITS)) + abs(sympy.N(other, DIGITS))):
        if apart == 0 or sympy.simplify(other - one) == 0:
            return False
        raise PhaseError(f"a critical point lies too close to the kink at {float(one):.6g} to be told apart; {DECLARE}")
    return bool(apart > 0)


def _pieces(
    whole: sympy.Expr, energy: sympy.Expr, w: sympy.Symbol, low: sympy.Expr | None, high: sympy.Expr | None
) -> list[Piece]:
    """Smooth pieces of an energy between two ends: the innermost sizes are parted first."""
    sizes = [a for a in energy.atoms(sympy.Abs) if not a.args[0].has(sympy.Abs)]
    if not sizes:
        return [Piece(low, high, energy)]
    size = min(sizes, key=sympy.default_sort_key)
    inner = size.args[0]
    if not inner.is_polynomial(w):
        raise PhaseError(
            f"energy {short(whole)} holds {sympy.sstr(size)[:40]}; kinks are placed where a polynomial changes its "
            f"sign; {DECLARE}"
        )
    try:
        roots = list(real_roots(inner, w))
    except ExpressionError:
        raise PhaseError(
            f"energy {short(whole)}: the kinks of {sympy.sstr(size)[:40]} are not found; {DECLARE}"
        ) from None
    cuts = [r for r in roots if Piece(low, high, energy).holds(r)]
    ends = [low, *cuts, high]
    found = []
    for a, b in pairwise(ends):
        sign = real_sign(inner.subs(w, _between(a, b)))
        found += _pieces(whole, energy.subs(size, sign * inner), w, a, b)
    return found


def _between(a: sympy.Expr | None, b: sympy.Expr | None) -> sympy.Rational:
    """A rational place between two ends."""
    if a is None or b is None:
        end = sympy.S.Zero if a is None and b is None else a if b is None else b
        reach = abs(sympy.Rational(str(sympy.N(end, 20)))) + 1
        return sympy.floor(end) - reach if a is None else sympy.ceiling(end) + reach
    return sympy.Rational(str(sympy.N((a + b) / 2, 40)))


def _leaving(whole: sympy.Expr, energy: sympy.Expr, w: sympy.Symbol, place: sympy.Expr, side: int) -> tuple[int, int]:
    """Whether the loss rises (+1) or falls (-1) when a place is left to one side, and to which order."""
    derivative = energy
    for order in range(1, LARGEST_ORDER + 1):
        derivative = sympy.diff(derivative, w)
        value = derivative.subs(w, place)
        if value.is_zero or (exact := sympy.N(value, DIGITS)) == 0:
            continue
        if not value.is_finite:
            break
        if abs(exact) < TOLD_APART and sympy.simplify(value) == 0:
            continue
        return real_sign(value) * side**order, order
    raise PhaseError(f"energy {short(whole)}: the kink at {_end(place)} is not decided; {DECLARE}")
