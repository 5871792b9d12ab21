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


@lru_cache(maxsize=4096)
def decimal(number: sympy.Expr) -> float:
    """The double next to an exact number; kept, since an algebraic one takes milliseconds."""
    return float(sympy.N(number, 30))


@lru_cache(maxsize=256)
def compiled(expression: sympy.Basic, coordinates: tuple[sympy.Symbol, ...], shape: tuple[int, ...]) -> Function:
    """Numpy function of points (..., d) with values (..., *shape)."""
    entries = list(expression) if isinstance(expression, sympy.Tuple) else [expression]
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
