"""Curves to infinity along which an energy stays bounded or falls: the proof that it does not grow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import sympy

from .expressions import ExpressionError
from .leading_forms import middle_of
from .lower_bounds import outweighed
from .one_sided_bounds import Sides
from .real_roots import real_roots

__all__ = ["Curve", "telling_curve"]

T = sympy.Symbol("t", real=True)
FAMILY = {1: (1,), 2: (1, 2, 3), 3: (1, 2, 3), 4: (1, 2)}  # powers of t that are tried, by the number of coordinates
LOOKS_FURTHER = 12  # curves beyond one where an energy stays bounded, for one where it falls
STARTS = 64  # random directions from which a leading form is followed down


@dataclass(frozen=True)
class Curve:
    """Where an energy does not grow.

    Attributes
    ----------
    places
        ``(coordinate, expression in t)`` for each coordinate; t runs from 0 to infinity.
    most
        What the loss stays below all along it; None where it falls without bound.
    """

    places: tuple[tuple[sympy.Symbol, sympy.Expr], ...]
    most: float | None

    def words(self) -> str:
        """Where, and what it does there."""
        moving = [(w, x) for w, x in self.places if x != 0]
        still = [w.name for w, x in self.places if x == 0]
        where = ", ".join(f"{w.name} = {sympy.sstr(x)}" for w, x in moving[:6])
        if 0 < len(still) <= 6:
            where += f", {' = '.join(still)} = 0"
        elif still:
            where += ", all others 0"
        what = "falls without bound" if self.most is None else f"stays at or below {self.most + 0.0:.6g}"
        return f"along {where} it {what} as t grows"


def telling_curve(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Curve | None:
    """A curve along which the energy provably stays bounded or falls, or None where none is found.

    Tried are straight lines along axes, diagonals and where affine forms of the energy are constant, curves
    w_i = ± t^k, for polynomials also the real zeros and the negative values of forms on the edges of the Newton polygon
    and of the leading form; then the same about the place where the terms next to the leading form vanish.
    """
    found = _curve_about_zero(energy, coordinates)
    if found is not None:
        return found
    middle = middle_of(energy, coordinates)
    if middle is None or not any(middle):
        return None
    moved = {w: w + x for w, x in zip(coordinates, middle, strict=True)}
    found = _curve_about_zero(sympy.expand(energy.subs(moved, simultaneous=True)), coordinates)
    if found is None:
        return None
    return Curve(tuple((w, x + c) for (w, x), c in zip(found.places, middle, strict=True)), found.most)


def _curve_about_zero(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Curve | None:
    polynomial = energy.is_polynomial(*coordinates)
    terms = _rational_terms(energy, coordinates) if polynomial else None
    kept: Curve | None = None
    more = LOOKS_FURTHER
    for places in _candidates(energy, coordinates, polynomial):
        found = _along(energy, coordinates, places, terms)
        if found is not None and found.most is None:
            return found
        kept = kept or found
        if kept is not None and not polynomial and not (more := more - 1):
            break
    return kept


def _rational_terms(energy: sympy.Expr, coordinates: Sequence[sympy.Symbol]) -> list[tuple[tuple[int, ...], Fraction]]:
    terms = sympy.Poly(energy, *coordinates).terms()
    return (
        [(m, Fraction(int(c.p), int(c.q))) for m, c in terms if c.is_Rational]
        if all(c.is_Rational for _, c in terms)
        else []
    )


def _along(
    energy: sympy.Expr,
    coordinates: tuple[sympy.Symbol, ...],
    places: Sequence[sympy.Expr],
    terms: list[tuple[tuple[int, ...], Fraction]] | None,
) -> Curve | None:
    """The curve if the energy provably stays bounded or falls along it."""
    curve = tuple(zip(coordinates, places, strict=True))
    if not any(place.has(T) for place in places):
        return None  # a point, not a way to infinity
    if terms and all(_monomial(x) is not None for x in places):
        amounts = _powers_along(terms, [_monomial(x) for x in places])
        if amounts and max(amounts) > 0:
            return Curve(curve, None) if amounts[max(amounts)] < 0 else None
        return Curve(curve, float(amounts.get(0, Fraction(0))))
    try:
        along = energy.xreplace(dict(curve))
        if energy.is_polynomial(*coordinates):
            along = sympy.Poly(sympy.radsimp(sympy.expand(along)), T).as_expr()
    except (sympy.PolynomialError, ZeroDivisionError):
        return None
    if along.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        return None
    sides = Sides((T,), (1,))
    if not sides.is_finite(along):
        return None
    high = sides.upper(along)
    found = None if high is None else outweighed({p: -c for p, c in high.items()})
    if found is None:
        return None
    return Curve(curve, None if any(any(p) for p, c in found[0].items() if c > 0) else found[1])


def _monomial(place: sympy.Expr) -> tuple[Fraction, int] | None:
    """Rational c and k of c t^k; c = 0 for 0."""
    c, rest = place.as_coeff_Mul()
    if place == 0:
        return Fraction(0), 0
    power = 0 if rest == 1 else 1 if rest == T else rest.exp if rest.is_Pow and rest.base == T else None
    return None if power is None or not c.is_Rational else (Fraction(int(c.p), int(c.q)), int(power))


def _powers_along(
    terms: Sequence[tuple[tuple[int, ...], Fraction]], places: Sequence[tuple[Fraction, int] | None]
) -> dict[int, Fraction]:
    """Coefficients of the powers of t that do not vanish, constant included."""
    result: dict[int, Fraction] = {}
    for m, c in terms:
        power = 0
        for e, place in zip(m, places, strict=True):
            if e and place:
                c *= place[0] ** e
                power += e * place[1]
        result[power] = result.get(power, Fraction(0)) + c
    return {power: c for power, c in result.items() if c or not power}


def _candidates(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], polynomial: bool
) -> Iterator[tuple[sympy.Expr, ...]]:
    d = len(coordinates)
    for i, sign in product(range(d), (1, -1)):
        yield tuple(sign * T if k == i else sympy.S.Zero for k in range(d))
    if d > 1:
        yield from _lines_of_constancy(energy, coordinates)
    if d in FAMILY and d > 1:
        powers = FAMILY[d] if polynomial else (1,)
        steps = [sympy.S.Zero, *(sign * T**k for k in powers for sign in (1, -1))]
        for places in product(steps, repeat=d):
            if sum(x != 0 for x in places) > 1 and not all(x.is_Pow or x == 0 for x in places if x):
                yield places
    if polynomial and d == 2:
        yield from _edge_curves(energy, coordinates)
    if polynomial and d > 1:
        yield from _lines_down(energy, coordinates)


def _lines_of_constancy(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Iterator[tuple[sympy.Expr, ...]]:
    """Straight lines along which all affine forms that the energy is made of stay constant, or one of them."""
    forms = []
    for part in sympy.preorder_traversal(energy):
        if isinstance(part, sympy.Add) and part.is_polynomial(*coordinates):
            poly = sympy.Poly(part, *coordinates)
            row = [poly.coeff_monomial(w) for w in coordinates]
            if poly.total_degree() == 1 and sum(x != 0 for x in row) > 1 and row not in forms:
                forms.append(row)
    for rows in [forms, *([row] for row in forms[:6])] if forms else []:
        for direction in sympy.Matrix(rows).nullspace():
            for sign in (1, -1):
                yield tuple(sign * x * T for x in direction)


def _edge_curves(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Iterator[tuple[sympy.Expr, ...]]:
    """Curves (c t^a, s t^b) where a form on an outer edge of the Newton polygon vanishes or is negative."""
    x, y = coordinates
    terms = dict(sympy.Poly(energy, x, y).terms())
    seen = set()
    for one, two in product(terms, repeat=2):
        a, b = two[1] - one[1], one[0] - two[0]
        shared = math.gcd(a, b)
        if not shared or a < 0 or b < 0 or (a // shared, b // shared) in seen:
            continue
        a, b = a // shared, b // shared
        top = a * one[0] + b * one[1]
        if any(a * m[0] + b * m[1] > top for m in terms):
            continue
        seen.add((a, b))
        form = sympy.Add(*(c * x ** m[0] * y ** m[1] for m, c in terms.items() if a * m[0] + b * m[1] == top))
        for sign in (1, -1):
            along = form.subs(x, sign)
            if not along.has(y):
                continue
            try:
                roots = list(real_roots(along, y))
            except ExpressionError:
                continue
            values = [sympy.Rational(str(sympy.N(root, 12))) for root in roots]
            between = [_simple_between(p, q) for p, q in pairwise(values)]
            outside = [sympy.floor(values[0]) - 1, sympy.ceiling(values[-1]) + 1] if values else []
            for c in [*(root for root in roots if root.is_Rational or root.is_algebraic), *between, *outside]:
                if not c.has(sympy.CRootOf):
                    yield sign * T**a, c * T**b


def _simple_between(low: sympy.Rational, high: sympy.Rational) -> sympy.Rational:
    """A rational number with a small denominator between two."""
    for n in range(1, 1000):
        if (inside := sympy.floor(low * n) + 1) < high * n:
            return sympy.Rational(inside, n)
    return (low + high) / 2


def _lines_down(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Iterator[tuple[sympy.Expr, ...]]:
    """Straight lines to where the leading form is lowest on the sphere, with rational directions."""
    poly = sympy.Poly(energy, *coordinates)
    degree, d = poly.total_degree(), len(coordinates)
    top = [(m, float(c)) for m, c in poly.terms() if sum(m) == degree]
    powers, amounts = np.array([m for m, _ in top], dtype=float), np.array([c for _, c in top])
    if d > 12:
        return
    points = np.random.default_rng(0).standard_normal((STARTS, d))
    step = 0.5
    for _ in range(300):  # a plain search downhill: only what it finds is judged, exactly
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        trial = points + step * np.random.default_rng(1).standard_normal(points.shape)
        trial /= np.linalg.norm(trial, axis=1, keepdims=True)
        values, tried = ((amounts * np.prod(p[:, None, :] ** powers, axis=-1)).sum(axis=-1) for p in (points, trial))
        points = np.where((tried < values)[:, None], trial, points)
        step *= 0.97
    values = (amounts * np.prod(points[:, None, :] ** powers, axis=-1)).sum(axis=-1)
    best = points[int(np.argmin(values))]
    best = best / np.abs(best).max()
    for largest in (1, 2, 4, 12, 1000):
        yield tuple(sympy.Rational(Fraction(float(x)).limit_denominator(largest)) * T for x in best)
