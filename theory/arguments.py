"""Checks of the arguments shared by the exact learning coefficients: one clear line for each mistake."""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy import Expr, Symbol


def check_arguments(
    name: str, expressions: Sequence[Expr], coordinates: Sequence[Symbol], point: Sequence[Expr]
) -> tuple[tuple[Expr, ...], tuple[Symbol, ...], tuple[Expr, ...]]:
    """`expressions` (the argument called `name`), coordinates and point as exact sympy objects.

    Raises
    ------
    ValueError
        Repeated or missing coordinates, a point of the wrong length, inexact or complex numbers, unknown symbols.
    """
    coordinates = tuple(coordinates)
    if not coordinates or not all(isinstance(c, Symbol) for c in coordinates):
        raise ValueError(f"coordinates: expected at least one sympy Symbol, got {coordinates!r}")
    if len(set(coordinates)) != len(coordinates):
        raise ValueError(f"coordinates: every Symbol must be different, got {coordinates!r}")
    if len(point) != len(coordinates):
        raise ValueError(f"point: has length {len(point)}, expected {len(coordinates)} (one per coordinate)")
    exact = tuple(sympy.sympify(e) for e in expressions)
    place = tuple(sympy.sympify(p) for p in point)
    for argument, value in (*((name, e) for e in exact), *(("point", p) for p in place)):
        if value.atoms(sympy.Float):
            inexact = sorted(value.atoms(sympy.Float))[0]
            raise ValueError(f"{argument}: holds the inexact number {inexact}; write an exact Rational such as 3/20")
    if any(p.free_symbols or p.is_real is False or p.is_finite is False for p in place):
        raise ValueError(f"point: expected exact real numbers, got {place}")
    for expression in exact:
        if expression.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan) or expression.has(sympy.I):
            raise ValueError(f"{name}: expected finite real coefficients, got {expression}")
        unknown = sorted(map(str, expression.free_symbols - set(coordinates)))
        if unknown:
            raise ValueError(f"{name}: depends on {', '.join(unknown)}, which are no coordinates; substitute values")
    return exact, coordinates, place
