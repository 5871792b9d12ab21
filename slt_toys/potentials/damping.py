"""Powers of coordinates that fall off: upper bounds of Σ c ∏ |w_i|^m_i times exp(-q), with q a quadratic or more.

A bump times a polynomial is bounded. Of a quadratic q = (w - c)ᵀ A (w - c) + k, definite in its coordinates, with Q the
first term, |w_i - c_i| <= (Q (A⁻¹)_ii)^½ by the inequality of Cauchy and Schwarz: one search along Q bounds them all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import sympy
from numpy.typing import NDArray

from .lower_bounds import Terms

__all__ = ["by_bump", "by_growth", "exponent_of", "least_quadratic"]

Array = NDArray[np.float64]
OUTWARD = 1 + 1e-9  # for rounding
FURTHEST = 1e4  # of Q, beyond which exp(-Q) outweighs whatever power a program reads


def exponent_of(factor: sympy.Expr) -> tuple[sympy.Expr, float] | None:
    """u and a front with factor <= front exp(-u): of exponentials and negative powers of hyperbolic cosines."""
    if isinstance(factor, sympy.exp):
        return -factor.args[0], 1.0
    if factor.is_Pow and isinstance(factor.base, sympy.cosh) and factor.exp.is_Rational and factor.exp < 0:
        return -factor.exp * sympy.Abs(factor.base.args[0]), 2.0 ** -float(factor.exp)
    return None


def by_bump(sizes: Terms, exponent: sympy.Expr, coordinates: Sequence[sympy.Symbol]) -> Terms | None:
    """Above Σ sizes times exp(-exponent); None unless the exponent is quadratic and definite in its coordinates."""
    found = _quadratic(exponent, coordinates)
    if found is None:
        return None
    used, matrix, slope, constant = found
    inverse = np.linalg.inv(matrix)
    centre, spread = np.abs(inverse @ slope / 2), np.sqrt(np.diag(inverse)) * OUTWARD
    least = constant - float(slope @ inverse @ slope) / 4
    least -= 1e-9 * (abs(least) + abs(constant))
    if not least > -600:
        return None
    edges = np.concatenate([[0.0], np.geomspace(1e-6, FURTHEST, 400)])
    powers = {p: np.array([float(p[i]) for i in used]) for p in sizes}
    if any((m < 0).any() or m.sum() > FURTHEST / 2 for m in powers.values()):
        return None
    total: dict = {}
    for own, size in sizes.items():
        # On each piece the powers are largest at its end, the exponential at its start.
        reach = (OUTWARD * centre + spread * np.sqrt(edges[1:, None])) ** powers[own]
        most = float((reach.prod(axis=1) * np.exp(-edges[:-1])).max()) * math.exp(-least) * OUTWARD
        key = tuple(Fraction(0) if i in used else p for i, p in enumerate(own))
        total[key] = total.get(key, 0.0) + size * most
    return total


def by_growth(sizes: Terms, growing: Terms) -> Terms:
    """Above Σ sizes times exp(-Σ growing), as x^m exp(-c x^p) <= (m / (c p e))^(m/p) in a coordinate that has such a c.

    Both sums have positive coefficients; powers of the other coordinates stay.
    """
    pure: dict[int, tuple[Fraction, float]] = {}
    for powers, c in growing.items():
        alone = [i for i, p in enumerate(powers) if p]
        if len(alone) == 1 and (alone[0] not in pure or powers[alone[0]] > pure[alone[0]][0]):
            pure[alone[0]] = (powers[alone[0]], c)
    total: dict = {}
    for powers, size in sizes.items():
        left = list(powers)
        for i, (p, c) in pure.items():
            if (m := powers[i]) > 0:
                size *= (float(m) / (c * float(p) * math.e)) ** float(m / p)
                left[i] = Fraction(0)
        total[tuple(left)] = total.get(tuple(left), 0.0) + size
    return total


def least_quadratic(expression: sympy.Expr, coordinates: Sequence[sympy.Symbol]) -> float:
    """The minimum of a positive definite quadratic polynomial, a hair lower; -inf for anything else."""
    found = _quadratic(expression, coordinates)
    if found is None:
        return -math.inf
    _, matrix, slope, constant = found
    fall = float(slope @ np.linalg.solve(matrix, slope)) / 4
    return constant - fall - 1e-9 * (abs(constant) + fall)


def _quadratic(
    expression: sympy.Expr, coordinates: Sequence[sympy.Symbol]
) -> tuple[list[int], Array, Array, float] | None:
    """Coordinates, matrix A, slope b and constant of wᵀAw + b·w + k that is definite in the coordinates it holds."""
    if not expression.free_symbols or not expression.is_polynomial(*coordinates):
        return None
    poly = sympy.Poly(expression, *coordinates)
    used = [i for i, w in enumerate(coordinates) if poly.degree(w) > 0]
    if poly.total_degree() != 2:
        return None
    matrix, slope, constant = np.zeros((len(used), len(used))), np.zeros(len(used)), 0.0
    for m, c in poly.terms():
        own = [k for k, i in enumerate(used) for _ in range(m[i])]
        if not own:
            constant = float(c)
        elif len(own) == 1:
            slope[own[0]] = float(c)
        else:
            matrix[own[0], own[1]] += float(c) / 2
            matrix[own[1], own[0]] += float(c) / 2
    unit = np.sqrt(np.abs(np.diag(matrix)))
    if not (unit > 0).all() or np.linalg.eigvalsh(matrix / np.outer(unit, unit))[0] < 1e-9:
        return None
    return used, matrix, slope, constant
