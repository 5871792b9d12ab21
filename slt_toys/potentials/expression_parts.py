"""What a potential makes of its expressions: independent groups of terms, doubles, numpy functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

Function = Callable[[ArrayLike], NDArray[np.float64]]


@lru_cache(maxsize=256)
def split(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> tuple[tuple[tuple[int, ...], sympy.Expr], ...]:
    """Groups of coordinates that no term couples, each with its terms; constants go with the first."""

    def group(terms: Sequence[sympy.Expr]) -> list[set[int]]:
        position = {w: i for i, w in enumerate(coordinates)}
        groups: list[set[int]] = [{i} for i in range(len(coordinates))]
        for term in terms:
            used = {position[s] for s in term.free_symbols if s in position}
            merged = set().union(used, *(g for g in groups if g & used))
            groups = [g for g in groups if not g & used] + ([merged] if merged else [])
        return sorted(groups, key=min)

    terms = sympy.Add.make_args(energy)
    groups = group(terms)
    if len(groups) == 1 and energy.is_polynomial(*coordinates):
        expanded = sympy.Add.make_args(sympy.expand(energy))
        if len(group(expanded)) > 1:
            terms, groups = expanded, group(expanded)
    if len(groups) == 1:
        return ((tuple(range(len(coordinates))), energy),)
    parts = []
    for number, members in enumerate(groups):
        symbols = {coordinates[i] for i in members}
        own = [t for t in terms if t.free_symbols & symbols or (number == 0 and not t.free_symbols & set(coordinates))]
        parts.append((tuple(sorted(members)), sympy.Add(*own)))
    return tuple(parts)


def without_overflow(expression: sympy.Basic) -> sympy.Basic:
    """Logarithms of sums of exponentials, as of cosh(w) or 1 + exp(w), written so that no exponential overflows.

    log Σ A exp(u) = M + log Σ A exp(u - M) with M the largest u.
    """

    def safe(logarithm: sympy.Expr) -> sympy.Expr:
        argument = logarithm.args[0].rewrite(sympy.exp)
        parts = [term.as_coeff_Mul() for term in sympy.Add.make_args(sympy.expand(argument))]
        if not all(rest == 1 or isinstance(rest, sympy.exp) for _, rest in parts):
            return logarithm
        powers = [sympy.S.Zero if rest == 1 else rest.args[0] for _, rest in parts]
        most = powers[0]
        for power in powers[1:]:
            most = (most + power + sympy.Abs(most - power)) / 2
        numbers = [number for number, _ in parts]
        return most + sympy.log(sympy.Add(*(a * sympy.exp(u - most) for a, u in zip(numbers, powers, strict=True))))

    if not expression.has(sympy.log):
        return expression
    return expression.replace(lambda e: isinstance(e, sympy.log) and e.has(sympy.exp, sympy.cosh, sympy.sinh), safe)


@lru_cache(maxsize=4096)
def decimal(number: sympy.Expr) -> float:
    """The double next to an exact number; kept, since an algebraic one takes milliseconds."""
    return float(sympy.N(number, 30))


@lru_cache(maxsize=256)
def compiled(expression: sympy.Basic, coordinates: tuple[sympy.Symbol, ...], shape: tuple[int, ...]) -> Function:
    """Numpy function of points (..., d) with values (..., *shape)."""
    entries = list(expression) if isinstance(expression, sympy.Tuple) else [without_overflow(expression)]
    raw = sympy.lambdify(coordinates, entries, modules=["scipy", "numpy"], cse=True)

    def function(points: ArrayLike) -> NDArray[np.float64]:
        points = np.asarray(points, dtype=float)
        if points.shape[-1:] != (len(coordinates),):
            raise ValueError(
                f"points must have a last axis of {len(coordinates)} coordinates, not shape {points.shape}"
            )
        values = raw(*np.moveaxis(points, -1, 0))
        result = np.empty((*points.shape[:-1], len(entries)))
        for i, value in enumerate(values):
            result[..., i] = value
        return result.reshape(points.shape[:-1] + shape)

    return function
