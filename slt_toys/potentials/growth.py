"""Does an energy grow in every direction? Decided with a certificate either way, or not decided.

What grows has a lower bound in single coordinates (:mod:`slt_toys.potentials.lower_bounds`), found by leaving out
terms that are nowhere negative, by the Newton polytope of the rest (Bajbar & Stein 2015, SIAM J. Optim. 25, 1542), by
definite leading forms, and by squares that hold one coordinate once others are held. What does not grow has a curve
along which it stays bounded or falls (:mod:`slt_toys.potentials.curves`). Neither is a guess; where both fail, nothing
is said about the energy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain, combinations, islice, product
from typing import Literal

import sympy

from .curves import Curve, telling_curve
from .expression_parts import split
from .held_coordinates import held, in_other_coordinates, square_of
from .leading_forms import definite_form, with_square_form
from .lower_bounds import LowerBound, Terms, separable
from .one_sided_bounds import Sides, plus

__all__ = ["Growth", "bound_on_orthant", "growth", "lower_bounds"]

MOST_CHOICES = 18  # of terms that are left out, tried for a bound
MOST_COORDINATES_ON_ORTHANTS = 3


@dataclass(frozen=True)
class Growth:
    """What could be shown of an energy far out.

    Attributes
    ----------
    verdict
        ``"grows"``: L → ∞ in every direction, and a lower bound says how fast. ``"does not"``: along a curve it stays
        bounded or falls. ``"cannot be shown"``: neither.
    reason
        One sentence: the certificate, the curve, or what is missing.
    bound
        Holds everywhere; None unless it grows.
    curve
        None unless it does not.
    """

    verdict: Literal["grows", "does not", "cannot be shown"]
    reason: str
    bound: LowerBound | None = None
    curve: Curve | None = None


@lru_cache(maxsize=512)
def growth(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Growth:
    """Decide whether an energy grows in every direction.

    Parameters
    ----------
    energy
        Of the coordinates alone, with exact numbers.
    coordinates
        d symbols.
    """
    parts = [(tuple(coordinates[i] for i in group), own) for group, own in split(energy, coordinates)]
    if len(parts) == 1:
        return _growth_of_coupled(energy, coordinates)
    found = [_growth_of_coupled(own, names) for names, own in parts]
    for part, (names, _) in zip(found, parts, strict=True):
        if part.curve is not None:
            others = sum(float(own.subs(dict.fromkeys(other, 0))) for other, own in parts if other != names)
            most = None if part.curve.most is None else part.curve.most + others
            still = tuple((w, sympy.S.Zero) for w in coordinates if w not in names)
            curve = Curve((*part.curve.places, *still), most)
            return Growth("does not", curve.words(), None, curve)
    if missing := [part for part in found if part.bound is None]:
        return missing[0]
    reason = "; ".join(dict.fromkeys(part.reason for part in found[:3])) + ("; ..." if len(found) > 3 else "")
    return Growth("grows", reason, _joined([part.bound for part in found if part.bound], parts, coordinates))


def _joined(
    bounds: Sequence[LowerBound], parts: Sequence[tuple[tuple[sympy.Symbol, ...], sympy.Expr]],
    coordinates: Sequence[sympy.Symbol],
) -> LowerBound:  # fmt: skip
    """The bound of a sum of independent parts."""
    logarithmic = any(bound.logarithmic for bound in bounds)
    if logarithmic:  # x^p >= log(1 + x^p)
        bounds = [LowerBound(b.amounts, b.powers, b.constant, True) for b in bounds]
    own = {
        w: (bound.amounts[k], bound.powers[k])
        for bound, (names, _) in zip(bounds, parts, strict=True)
        for k, w in enumerate(names)
    }
    amounts, powers = zip(*(own[w] for w in coordinates), strict=True)
    return LowerBound(amounts, powers, sum(bound.constant for bound in bounds), logarithmic)


def _growth_of_coupled(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Growth:
    names = [w.name for w in coordinates]
    anywhere = _sides(energy, coordinates, (0,) * len(coordinates))
    if not anywhere.is_finite(energy):
        return Growth("cannot be shown", "it cannot be shown to be a finite real number everywhere")
    for bound, how in _bounds(energy, coordinates, anywhere):
        if bound is not None:
            return Growth("grows", f"{how}: it is at least {bound.words(names)}", bound)
    if (curve := telling_curve(energy, coordinates)) is not None:
        return Growth("does not", curve.words(), None, curve)
    return Growth("cannot be shown", "neither a lower bound that grows nor a direction in which it does not was found")


def lower_bounds(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Iterator[LowerBound]:
    """Every lower bound that is found of an expression, sharp or not, for as long as they are asked for."""
    anywhere = _sides(energy, coordinates, (0,) * len(coordinates))
    yield from (bound for bound, _ in _bounds(energy, coordinates, anywhere) if bound is not None)


def bound_on_orthant(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], signs: Sequence[int]
) -> LowerBound | None:
    """A lower bound of an expression where every coordinate has a known sign; None where none is found."""
    return _bound(energy, coordinates, _sides(energy, coordinates, signs))[0]


def _sides(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], signs: Sequence[int]) -> Sides:
    sides = Sides(coordinates, signs)
    sides.highest = int(sympy.ceiling(_outer_degree(energy, coordinates)))
    return sides


def _bounds(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], anywhere: Sides
) -> Iterator[tuple[LowerBound | None, str]]:
    yield _bound(energy, coordinates, anywhere)
    for squared in with_square_form(energy, coordinates):
        yield _bound(squared, coordinates, anywhere)
    if not energy.is_polynomial(*coordinates) and len(coordinates) <= MOST_COORDINATES_ON_ORTHANTS:
        total: LowerBound | None = None
        for signs in product((-1, 1), repeat=len(coordinates)):
            sides = Sides(coordinates, signs)
            sides.highest = anywhere.highest
            own, _ = _bound(energy, coordinates, sides)
            total = own if own is None or total is None else total.weakest(own)
            if total is None:
                break
        yield total, "on every orthant, what grows outweighs the rest"
    yield anywhere.logarithmic(energy), "its logarithms outgrow every bound, and nothing else falls"
    for changed, back in in_other_coordinates(energy, coordinates):
        sides = Sides(coordinates, (0,) * len(coordinates))
        sides.highest = anywhere.highest
        own, how = _bound(changed, coordinates, sides)
        yield None if own is None else back(own), f"in the coordinates of its squares, {how}"


def _bound(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], sides: Sides) -> tuple[LowerBound | None, str]:
    """A bound from the terms of an energy, some of them left out because they are nowhere negative."""
    fixed, optional = [], []
    for term in sympy.Add.make_args(energy):
        low = sides.lower(term)
        helps = low is not None and all(c > 0 for c in low.values()) and low
        (fixed if helps or not term.free_symbols or not sides.is_nonnegative(term) else optional).append(term)
    if len(coordinates) > 12:  # too many to choose from
        fixed, optional = [*fixed, *optional], []
    for kept in _choices(optional):
        dropped = [term for term in optional if term not in kept]
        squares = [s for term in dropped if (s := square_of(term, coordinates)) is not None]
        for terms, how in _sums([*fixed, *kept], coordinates, sides):
            if (bound := separable(terms)) is not None:
                return bound, _words(dropped, how)
            if squares and (bound := held(terms, squares)) is not None:
                return bound, _words(dropped, how) + ", and squares hold the other coordinates to those"
    return None, ""


def _sums(
    terms: Sequence[sympy.Expr], coordinates: tuple[sympy.Symbol, ...], sides: Sides
) -> Iterator[tuple[Terms, str]]:
    """Lower bounds of a sum: term by term, and with the leading form of its polynomial part where that is definite."""
    polynomial = sympy.Add(*(t for t in terms if t.is_polynomial(*coordinates)))
    rest = sides.lower(sympy.Add(*(t for t in terms if not t.is_polynomial(*coordinates))))
    if rest is None:
        return
    zero = {tuple(Fraction(0) for _ in coordinates): 0.0}
    low = sides.lower(polynomial) if polynomial.free_symbols else sides.constant(float(polynomial))
    whole = plus(low, rest)
    if whole is not None:
        yield whole or zero, "what grows outweighs the rest"
    form = definite_form(polynomial, coordinates) if polynomial.free_symbols else None
    if form is not None and (whole := plus(form, rest)) is not None:
        yield whole, "its leading form is positive"


def _choices(optional: Sequence[sympy.Expr]) -> Iterator[tuple[sympy.Expr, ...]]:
    """Which terms are kept: none, all, one, two, ... at most so many choices."""
    between = chain.from_iterable(combinations(optional, n) for n in range(1, len(optional)))
    every = chain([()], [tuple(optional)] if optional else [], between)
    yield from islice(every, MOST_CHOICES)


def _words(dropped: Sequence[sympy.Expr], how: str) -> str:
    if not dropped:
        return how
    shown = ", ".join(sympy.sstr(term)[:40] for term in dropped[:2]) + (", ..." if len(dropped) > 2 else "")
    return f"{shown} {'is' if len(dropped) == 1 else 'are'} nowhere negative, and of what is left {how}"


def _outer_degree(e: sympy.Expr, coordinates: Sequence[sympy.Symbol]) -> sympy.Expr:
    """A power that nothing outside exponentials and bounded functions exceeds."""
    if e.is_polynomial(*coordinates):
        return sympy.Integer(max(sympy.Poly(e, *coordinates).total_degree(), 0)) if e.free_symbols else sympy.S.Zero
    inner = [_outer_degree(a, coordinates) for a in e.args]
    if e.is_Add:
        return max(inner)
    if e.is_Mul:
        return sum(inner, sympy.S.Zero)
    if e.is_Pow and e.exp.is_Rational:
        return inner[0] * max(e.exp, sympy.S.Zero)
    return inner[0] if isinstance(e, sympy.log | sympy.Abs) else sympy.S.Zero
