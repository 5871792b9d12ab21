"""Definite leading forms of polynomials: what the highest weighted degree says where the powers alone do not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import permutations, product

import numpy as np
import sympy

from .lower_bounds import Terms
from .one_sided_bounds import plus

__all__ = ["definite_form", "middle_of", "with_square_form"]

MOST_CELLS = 50_000
MOST_COORDINATES = 3  # of forms that are no quadratic ones


def definite_form(polynomial: sympy.Expr, coordinates: Sequence[sympy.Symbol]) -> Terms | None:
    """Terms below a polynomial whose leading form is at least m Σ |w_i|^d_i with m > 0; None where that is not shown.

    d_i is the highest power of w_i alone; the form holds the terms with Σ powers/d_i = 1, and none may exceed 1. A
    quadratic form is judged by exact elimination, others by dividing the surface of a box in which each |w_i| <= 1.
    """
    poly = sympy.Poly(polynomial, *coordinates)
    d = len(coordinates)
    highest = [max((m[i] for m, _ in poly.terms() if m[i] == sum(m)), default=0) for i in range(d)]
    if not all(highest):
        return None
    weight = {m: sum(Fraction(a, b) for a, b in zip(m, highest, strict=True)) for m, _ in poly.terms()}
    if max(weight.values()) > 1:
        return None
    form = {m: c for m, c in poly.terms() if weight[m] == 1}
    alone = [form[tuple(h if i == k else 0 for k in range(d))] for i, h in enumerate(highest)]
    if not all(c > 0 for c in alone) or len(form) == d:
        return None
    # In units where every pure power has coefficient 1.
    units = [float(c) ** (-1 / h) for c, h in zip(alone, highest, strict=True)]
    scaled = {m: float(c) * math.prod(u**k for u, k in zip(units, m, strict=True)) for m, c in form.items()}
    least = _least_quadratic(form, alone, d) if max(highest) == 2 else _least_on_surface(scaled, d)
    if not least > 0:
        return None
    pure = {
        tuple(Fraction(h if i == k else 0) for k in range(d)): least * float(c)
        for i, (h, c) in enumerate(zip(highest, alone, strict=True))
    }
    rest = {}
    for m, c in poly.terms():
        if weight[m] < 1:
            even = all(k % 2 == 0 for k in m)
            rest[tuple(map(Fraction, m))] = float(c) if even else -abs(float(c))
    return plus(pure, rest)


def with_square_form(energy: sympy.Expr, coordinates: Sequence[sympy.Symbol]) -> Iterator[sympy.Expr]:
    """A polynomial with its leading form written as even powers, where it is such; a single square is completed.

    c f² + Q f + R = c (f + Q/2c)² + R - Q²/4c, with Q and R from division by f.
    """
    if not energy.is_polynomial(*coordinates) or not 2 <= len(coordinates) <= MOST_COORDINATES:
        return
    poly = sympy.Poly(energy, *coordinates)
    d = len(coordinates)
    highest = [max((m[i] for m, _ in poly.terms() if m[i] == sum(m)), default=0) for i in range(d)]
    if not all(highest):
        return
    weight = {m: sum(Fraction(a, b) for a, b in zip(m, highest, strict=True)) for m, _ in poly.terms()}
    if max(weight.values()) > 1:
        return
    top = [(m, c) for m, c in poly.terms() if weight[m] == 1]
    form = sympy.Poly(dict(top), *coordinates).as_expr()
    number, factors = sympy.factor_list(form, *coordinates)
    if not number > 0 or any(n % 2 for _, n in factors):
        return
    rest = sympy.expand(energy - form)
    square = sympy.Mul(number, *(sympy.Pow(f, n, evaluate=False) for f, n in factors))
    yield sympy.Add(square, rest, evaluate=False)
    if rest != 0 and len(factors) == 1 and factors[0][1] == 2:
        f = factors[0][0]
        for order in permutations(coordinates):
            (quotient,), left = sympy.reduced(rest, [f], *order, order="lex")
            if quotient != 0:
                square = number * sympy.Pow(sympy.expand(f + quotient / (2 * number)), 2, evaluate=False)
                yield sympy.Add(square, sympy.expand(left - quotient**2 / (4 * number)), evaluate=False)


def middle_of(energy: sympy.Expr, coordinates: Sequence[sympy.Symbol]) -> list[sympy.Expr] | None:
    """Where the terms of the degree below the highest vanish as far as they can, by least squares."""
    if not energy.is_polynomial(*coordinates) or len(coordinates) > 4:
        return None
    poly = sympy.Poly(energy, *coordinates)
    degree = poly.total_degree()
    top = sympy.Poly(dict([(m, c) for m, c in poly.terms() if sum(m) == degree]), *coordinates)
    next_powers = dict((m, c) for m, c in poly.terms() if sum(m) == degree - 1)
    slopes = [dict(top.diff(w).terms()) for w in coordinates]
    rows = sorted({*next_powers, *(m for slope in slopes for m in slope)})
    matrix = sympy.Matrix([[slope.get(m, sympy.S.Zero) for slope in slopes] for m in rows])
    target = sympy.Matrix([-next_powers.get(m, sympy.S.Zero) for m in rows])
    normal = matrix.T * matrix
    if not all(x.is_Rational for x in [*normal, *target]) or normal.det() == 0:
        return None
    return list(normal.LUsolve(matrix.T * target))


def _least_quadratic(form: dict, alone: Sequence[sympy.Expr], d: int) -> float:
    """A share m such that form - m Σ (its squares) is positive definite, by exact elimination; 0 if there is none."""
    matrix = sympy.zeros(d)
    for m, c in form.items():
        used = [i for i in range(d) for _ in range(m[i])]
        matrix[used[0], used[1]] += c / 2
        matrix[used[1], used[0]] += c / 2
    size = np.sqrt(np.array([float(c) for c in alone]))
    least = float(np.linalg.eigvalsh(np.array(matrix.tolist(), dtype=float) / np.outer(size, size))[0])
    if not least > 1e-9:
        return 0.0
    share = sympy.Rational(least / 2).limit_denominator(10**12)
    rest = matrix - share * sympy.diag(*alone)
    if not all(x.is_Rational for x in rest):
        return least / 2 if least > 1e-6 else 0.0
    return float(share) if rest.is_positive_definite else 0.0


def _least_on_surface(form: dict[tuple[int, ...], float], d: int) -> float:
    """A lower bound above 0 of form / Σ |w_i|^d_i, from boxes that cover the surface of the unit box; 0 if none.

    Every box's value is its middle's less what each term can change in it, so the bound is one of all its points.
    """
    if d > MOST_COORDINATES:
        return 0.0
    powers = np.array(list(form), dtype=float)
    amounts = np.array(list(form.values()))
    least = math.inf
    for axis, sign in product(range(d), (-1.0, 1.0)):
        others = [i for i in range(d) if i != axis]
        low = np.full((1, d), -1.0)
        high = np.ones((1, d))
        low[:, axis] = high[:, axis] = sign
        for _ in range(40):
            values = _enclosed(amounts, powers, low, high)
            # Σ |w_i|^d_i is between 1 and d on the surface.
            good = values > 0
            middle = (amounts * np.prod(((low + high) / 2)[:, None, :] ** powers, axis=-1)).sum(axis=-1)
            if (middle <= 1e-9).any():
                return 0.0
            # Keep what is within a factor of the lowest found, so that the bound is no worse than that.
            wanted = good & (values >= 0.25 * middle)
            least = min(least, float(values[wanted].min(initial=math.inf)))
            low, high = low[~wanted], high[~wanted]
            if not len(low):
                break
            if len(low) * 2 ** len(others) > MOST_CELLS:
                return 0.0
            for i in others:
                cut = (low[:, i] + high[:, i]) / 2
                upper, lower = low.copy(), high.copy()
                upper[:, i], lower[:, i] = cut, cut
                low, high = np.concatenate([low, upper]), np.concatenate([lower, high])
        else:
            return 0.0
    return least / d * (1 - 1e-9)


def _enclosed(amounts: np.ndarray, powers: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A lower bound of a form over each box."""
    a, b = low[:, None, :] ** powers, high[:, None, :] ** powers
    crosses = (low < 0) & (high > 0)
    even = (powers % 2 == 0) & (powers > 0)
    least = np.where(crosses[:, None, :] & even, 0.0, np.minimum(a, b))
    most = np.maximum(a, b)
    one, two = least[..., 0], most[..., 0]
    for i in range(1, powers.shape[1]):
        corners = np.stack([x * y for x in (one, two) for y in (least[..., i], most[..., i])])
        one, two = corners.min(axis=0), corners.max(axis=0)
    return np.where(amounts > 0, amounts * one, amounts * two).sum(axis=-1)
