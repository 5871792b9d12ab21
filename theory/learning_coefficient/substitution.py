"""A coordinate of a polynomial replaced by a quotient, with denominators cleared."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from sympy import QQ
from sympy.polys.rings import PolyRing

Polynomial = Any  # sympy's PolyElement, untyped there
Place = tuple[tuple[Polynomial, Polynomial], ...]


def linear_parts(f: Polynomial, t: int, ring: PolyRing) -> tuple[Polynomial, Polynomial]:
    """slope, rest with f = slope w_t + rest."""
    slope = {tuple(0 if i == t else e for i, e in enumerate(m)): c for m, c in f.items() if m[t]}
    return ring.from_dict(slope), ring.from_dict({m: c for m, c in f.items() if not m[t]})


def substituted(f: Polynomial, t: int, numerator: Polynomial, denominator: Polynomial, ring: PolyRing) -> Polynomial:
    """denominator^degree f(w_t = numerator/denominator)."""
    degree = max((m[t] for m in f), default=0)
    result = ring.zero
    by_power: dict[int, dict] = {}
    for m, c in f.items():
        by_power.setdefault(m[t], {})[tuple(0 if i == t else e for i, e in enumerate(m))] = c
    for power, part in by_power.items():
        raised = numerator**power if power else ring.one  # sympy has no zero polynomial to the power of zero
        result += ring.from_dict(part) * raised * denominator ** (degree - power)
    return result


def in_powers(f: Polynomial, factor: Polynomial, t: int, ring: PolyRing) -> Polynomial | None:
    """f as a polynomial in `factor`, written w_t, with coefficients that are free of w_t; None if it is none."""
    degree = factor.degree(t)
    leading = {m: c for m, c in factor.items() if m[t] == degree}
    if len(leading) > 1 or any(e for m in leading for i, e in enumerate(m) if i != t):
        return None
    result, power, rest = ring.zero, 0, f
    while rest:
        quotient = ring.zero
        while rest and rest.degree(t) >= degree:
            top = rest.degree(t)
            step = {
                tuple(top - degree if i == t else e for i, e in enumerate(m)): c / leading[next(iter(leading))]
                for m, c in rest.items()
                if m[t] == top
            }
            quotient += ring.from_dict(step)
            rest -= ring.from_dict(step) * factor
        if rest and rest.degree(t) > 0:
            return None
        result += rest * ring.gens[t] ** power
        power, rest = power + 1, quotient
    return result


def place_at(base: Place | None, t: int, numerator: Polynomial, slope: Polynomial, ring: PolyRing) -> Place | None:
    """The place of a picture once its parameter w_t is numerator/slope."""
    if base is None:
        return None
    moved = []
    for above, below in base:
        degrees = [max((m[t] for m in f), default=0) for f in (above, below)]
        both = [substituted(f, t, numerator, slope, ring) for f in (above, below)]
        lift = [slope ** max(0, degrees[1] - degrees[0]), slope ** max(0, degrees[0] - degrees[1])]
        moved.append((both[0] * lift[0], both[1] * lift[1]))
    return tuple(moved)


def without_powers(f: Polynomial, variable: Polynomial) -> Polynomial:
    """f without powers of a variable."""
    while f and not f.rem([variable]):
        f = f.exquo(variable)
    return f


def value_at_place(f: Polynomial, place: Mapping[int, Any]) -> Any:
    """f at a point given by the coordinates that occur in it."""
    return sum((c * prod(place[i] ** e for i, e in enumerate(m) if e) for m, c in f.items()), QQ(0))
