"""Squares that hold a coordinate once others are held, as 100 (w2 - w1**2)**2 holds w2 beside (1 - w1)**2."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import sympy

from .leading_forms import middle_of
from .lower_bounds import LowerBound, Powers, Terms, separable, weights_of
from .one_sided_bounds import plus

__all__ = ["Square", "held", "in_other_coordinates", "square_of"]

SHARE = 0.5  # of a term that is spent on what a square takes


@dataclass(frozen=True)
class Square:
    """strength |u|^power with a polynomial u, given by its coefficients."""

    strength: float
    power: Fraction
    inner: tuple[tuple[tuple[int, ...], sympy.Expr], ...]  # powers of coordinates and exact coefficient


def square_of(term: sympy.Expr, coordinates: Sequence[sympy.Symbol]) -> Square | None:
    """The term as a positive power of the size of a polynomial, or None."""
    number, rest = term.as_coeff_Mul()
    if rest.is_Pow and rest.exp.is_Rational and rest.exp > 0:
        base, power = rest.base, Fraction(int(rest.exp.p), int(rest.exp.q))
        if isinstance(base, sympy.Abs):
            base = base.args[0]
        elif power.denominator != 1 or power % 2:
            return None
    elif isinstance(rest, sympy.Abs):
        base, power = rest.args[0], Fraction(1)
    elif rest.is_Symbol or not rest.is_polynomial(*coordinates):
        return None
    else:
        return None
    if not number > 0 or not base.is_polynomial(*coordinates):
        return None
    return Square(float(number), power, tuple(sympy.Poly(base, *coordinates).terms()))


def held(terms: Terms, squares: Sequence[Square]) -> LowerBound | None:
    """A bound by Σ terms and squares, each square holding one more coordinate; None where they do not."""
    for own in (list(squares), _with_differences(squares)):
        total, left = dict(terms), list(own)
        while True:
            if (bound := separable(total)) is not None:
                return bound
            step = next((s for square in left if (s := _holding(total, square))), None)
            if step is None:
                break
            total = plus(total, step[0]) or {}
            left.remove(step[1])
    return None


def _holding(terms: Terms, square: Square) -> tuple[Terms, Square] | None:
    """Terms below a square that give a coordinate its first power, and the square that is used up.

    With u = a x_i^r + Σ h_m x^m of n terms, |u|^q >= n^-max(q-1, 0) |a|^q x_i^rq - Σ |h_m|^q x^mq, and K |u|^k >=
    c |u|^q - constant. q is so small that the terms outweigh what is taken.
    """
    by = [p for p, c in terms.items() if c > 0 and any(p)]
    with_power = {p.index(next(x for x in p if x)) for p in by if sum(x > 0 for x in p) == 1}
    for powers, coefficient in square.inner:
        alone = [i for i, p in enumerate(powers) if p]
        if len(alone) != 1 or alone[0] in with_power or any(p[alone[0]] for p, _ in square.inner if p != powers):
            continue
        others = {tuple(map(Fraction, p)): abs(float(h)) for p, h in square.inner if p != powers}
        weights = {p: weights_of(p, by) for p in others if any(p)}
        sums = [math.inf if w is None else float(w.sum()) for w in weights.values()]
        if any(s == math.inf for s in sums):
            continue
        most = max(sums, default=0.0)
        q = square.power
        if most * float(q) > 1:
            q = Fraction(1) / Fraction(most).limit_denominator(1000)
            q = q if abs(float(q) * most - 1) < 1e-9 else Fraction(int(1000 / most), 1000)
        if not q:
            continue
        return _reduced(terms, square, tuple(map(Fraction, powers)), abs(float(coefficient)), others, q, by), square
    return None


def _reduced(
    terms: Terms, square: Square, own: Powers, coefficient: float, others: dict[Powers, float], q: Fraction,
    by: Sequence[Powers],
) -> Terms:  # fmt: skip
    small, k = float(q), float(square.power)
    taken = {tuple(x * q for x in p): h**small for p, h in others.items()}
    coefficient *= (1 + len(others)) ** -max(1 - 1 / small, 0.0)
    factor = square.strength / (2 if taken else 1)
    if small < k:
        alone = [-c for p, c in terms.items() if c < 0 and [bool(x) for x in p] == [bool(x) for x in own]]
        factor = max(square.strength, 2 * sum(alone) / coefficient**small)
    used = dict.fromkeys(by, 0.0)
    for p, h in taken.items():
        weights = weights_of(p, by) if any(p) else None
        if weights is not None and weights.sum() > 1 - 1e-6:
            size = math.exp(sum(w * math.log(terms[v]) for v, w in zip(by, weights, strict=True) if w))
            for v, w in zip(by, weights, strict=True):
                used[v] += h / size * w
    if max(used.values()) if used else 0.0:
        factor = min(factor, SHARE / max(used.values()))
    zero = tuple(Fraction(0) for _ in own)
    constant = 0.0
    if small < k:
        at = (factor * small / (square.strength * k)) ** (1 / (k - small))
        constant = factor * at**small * (1 - small / k)
    return plus(
        {tuple(x * q for x in own): factor * coefficient**small},
        {p: -factor * h for p, h in taken.items()},
        {zero: -constant},
    ) or {}  # fmt: skip


def _with_differences(squares: Sequence[Square]) -> list[Square]:
    """The squares at half their strength, and what pairs of them say together.

    K u² + M v² >= S (b u - a v)² with 2 S = min(K/b², M/a²).
    """
    result = [Square(s.strength / 2, s.power, s.inner) for s in squares]
    for first, second in combinations([s for s in squares if s.power == 2], 2):
        u, v = dict(first.inner), dict(second.inner)
        for shared in (p for p in u if p in v and any(p)):
            a, b = u[shared], v[shared]
            inner = {p: b * u.get(p, sympy.S.Zero) - a * v.get(p, sympy.S.Zero) for p in {*u, *v}}
            inner = {p: sympy.expand(h) for p, h in inner.items()}
            strength = min(first.strength / float(b) ** 2, second.strength / float(a) ** 2) / (4 * len(squares))
            result.append(Square(strength, Fraction(2), tuple((p, h) for p, h in inner.items() if h != 0)))
    return result


def in_other_coordinates(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]
) -> Iterator[tuple[sympy.Expr, Callable[[LowerBound], LowerBound]]]:
    """The energy in coordinates y = A w + c that it suggests, and the way back for a bound.

    First those in which its squares of affine forms are squares of coordinates, then those about the place where the
    terms next to the leading form vanish.
    """
    d = len(coordinates)
    rows, shifts = [], []
    for term in _affine_forms(energy, coordinates):
        form = sympy.Poly(term, *coordinates)
        row = [form.coeff_monomial(w) for w in coordinates]
        if sympy.Matrix([*rows, row]).rank() > len(rows):
            rows.append(row)
            shifts.append(form.coeff_monomial(1))
    if any(sum(x != 0 for x in row) > 1 for row in rows) or any(shifts):
        for i in range(d):
            row = [sympy.Integer(i == k) for k in range(d)]
            if len(rows) < d and sympy.Matrix([*rows, row]).rank() > len(rows):
                rows.append(row)
                shifts.append(sympy.S.Zero)
        yield _changed(energy, coordinates, sympy.Matrix(rows), shifts)
    middle = middle_of(energy, coordinates)
    if middle is not None and any(middle):
        yield _changed(energy, coordinates, sympy.eye(d), [-x for x in middle])


def _changed(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], rows: sympy.Matrix, shifts: Sequence[sympy.Expr]
) -> tuple[sympy.Expr, Callable[[LowerBound], LowerBound]]:
    """The energy in y = A w + c; back, |w_i| <= Σ_j |A^-1_ij| (|y_j| + |c_j|) is held by max_j (a_j |y_j|^p)."""
    d = len(coordinates)
    inverse = rows.inv()
    places = inverse * (sympy.Matrix(coordinates) - sympy.Matrix(shifts))
    changed = energy.subs(dict(zip(coordinates, [sympy.expand(x) for x in places], strict=True)), simultaneous=True)

    def back(bound: LowerBound) -> LowerBound:
        p = min(bound.powers)
        lost = sum(a for a, own in zip(bound.amounts, bound.powers, strict=True) if own != p)
        sizes = [[abs(float(inverse[i, j])) for j in range(d)] for i in range(d)]
        reach = [sum(sizes[i][j] * bound.amounts[j] ** (-1 / p) for j in range(d)) for i in range(d)]
        away = [sum(sizes[i][j] * abs(float(shifts[j])) for j in range(d)) for i in range(d)]
        amounts = tuple(min(1.0, 2 ** (1 - p)) / (d * r**p) for r in reach)
        constant = bound.constant + lost + sum((e / r) ** p / d for e, r in zip(away, reach, strict=True))
        return LowerBound(amounts, (p,) * d, constant)

    return changed, back


def _affine_forms(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> list[sympy.Expr]:
    """Affine forms whose even powers or sizes are terms of an energy."""
    forms = []
    for term in sympy.Add.make_args(energy):
        _, rest = term.as_coeff_Mul()
        base = rest.base if rest.is_Pow else rest
        base = base.args[0] if isinstance(base, sympy.Abs) else base
        if (
            base.is_polynomial(*coordinates)
            and base.free_symbols
            and sympy.Poly(base, *coordinates).total_degree() == 1
        ):
            forms.append(base)
    return forms
