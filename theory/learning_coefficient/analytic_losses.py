r"""From a loss that is no polynomial to an ideal of polynomials whose sum of squares bounds it both ways.

Two losses that lie between positive multiples of each other near the point have one value and one multiplicity. Four
exact steps replace an analytic loss K >= 0 by sum g_j^2 with polynomials g_j:

1. *Coordinates.* Where a coordinate b occurs only inside one phi(b) with phi'(b_0) not zero, phi(b) - phi(b_0) is taken
   as the coordinate: an analytic change whose Jacobian does not vanish.
2. *Units.* F(u), an analytic function of one polynomial u that vanishes to order k at u_0, is (u - u_0)^k times a unit;
   factors and denominators that do not vanish are units.
3. *Sums.* Terms that are each non-negative and comparable to sums of squares add up to the sum of them all.
4. *Functions of several polynomials.* If K = F(u_1, ..., u_r), with F zero and stationary at u_0 and its Hessian H
   there positive definite, K lies between multiples of sum (u_j - u_{0j})^2. If H is only semidefinite but F does not
   change along its kernel, the same holds for the entries of H (u - u_0). So it is with Kullback-Leibler divergences:
   they are functions of the parameters of the distributions with a definite Hessian, the Fisher information.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import product

import sympy
from sympy import Dummy, Expr, Integer, Matrix, Poly, Pow, Symbol

from theory.learning_coefficient.algebraic import NotAlgebraicError, is_analytic_at, is_zero, sign, value_at
from theory.learning_coefficient.local_form import NotAMinimumError, semidefinite_hessian, vanishing_order

_MOST_GENERATORS = 12
Point = Mapping[Symbol, Expr]


class NoIdealError(ValueError):
    """None of the steps leads to an ideal of polynomials."""


def ideal_of_loss(
    loss: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]
) -> tuple[list[Expr], tuple[Expr, ...], tuple[str, ...]]:
    """Polynomials g_j with loss - loss(point) between multiples of sum g_j^2, the point in their coordinates, and why.

    Raises
    ------
    NoIdealError
        If the loss is not analytic at the point, not shown to be smallest there, or none of the steps applies.
    """
    place = dict(zip(coordinates, point, strict=True))
    try:
        if not is_analytic_at(loss, coordinates, point):
            raise NoIdealError(f"{loss} is not known to be analytic at the point")
        height = value_at(loss, coordinates, point)
        above = loss if is_zero(height) else loss - height
        above, moved, sentences = _in_plain_coordinates(above, place)
        generators = _comparable(above, moved)
    except (NotAlgebraicError, NotAMinimumError, sympy.PolynomialError, NotImplementedError, TypeError) as error:
        raise NoIdealError(str(error)) from None
    if generators is None:
        raise NoIdealError(f"{loss} is not seen to be comparable to a sum of squares of polynomials")
    shown = ", ".join(map(str, generators))
    said = f"near the point the loss lies between positive multiples of the sum of squares of {shown}: units dropped, "
    said += "functions of polynomials with a definite Hessian replaced by the squares of these"
    return generators, tuple(moved[c] for c in coordinates), (*sentences, said)


def _in_plain_coordinates(loss: Expr, place: Point) -> tuple[Expr, dict[Symbol, Expr], list[str]]:
    """Step 1, for every coordinate that allows it; the new coordinate keeps the name and is zero at the point."""
    moved, sentences = dict(place), []
    for c, at in place.items():
        inner = [f for f in loss.atoms(sympy.Function) if f.free_symbols == {c}]
        if len(inner) != 1 or inner[0].args[0].has(sympy.Function):
            continue
        stand_in = Dummy(c.name, real=True)
        replaced = loss.xreplace({inner[0]: stand_in})
        if replaced.has(c) or is_zero(value_at(sympy.diff(inner[0], c), (c,), (at,))):
            continue
        start = value_at(inner[0], (c,), (at,))
        loss = replaced.xreplace({stand_in: c + start})
        moved[c] = Integer(0)
        shift = "" if start == 0 else f" - ({start})"
        sentences.append(f"{c} occurs only in {inner[0]}, whose slope is not 0: {inner[0]}{shift} is a coordinate")
    return loss, moved, sentences


def _comparable(loss: Expr, place: Point) -> list[Expr] | None:
    """Generators g_j with the loss between multiples of sum g_j^2; None if that is not seen."""
    whole = _up_to_unit(loss, place)
    if whole is not None:
        root = _root(*whole, place)
        if root is not None:
            return [root]
    if isinstance(loss, Pow) and loss.exp.is_Integer and loss.exp > 0 and loss.exp % 2 == 0:
        base = _up_to_unit(loss.base, place)
        return None if base is None else [base[0] ** (loss.exp / 2)]
    if isinstance(loss, sympy.Mul):
        parts = [_comparable_factor(factor, place) for factor in loss.args]
        if all(part is not None for part in parts):
            products = [sympy.Mul(*chosen) for chosen in product(*[part for part in parts if part is not None])]
            return products if len(products) <= _MOST_GENERATORS else None
        return None
    if isinstance(loss, sympy.Add):
        parts = [_comparable(term, place) for term in loss.args]
        if all(part is not None for part in parts):
            return [g for part in parts if part is not None for g in part]
        return _definite_function(loss, place)
    return None


def _comparable_factor(factor: Expr, place: Point) -> list[Expr] | None:
    value = value_at(factor, tuple(place), tuple(place.values()))
    if not is_zero(value):
        return [Integer(1)] if sign(value) > 0 else None
    return _comparable(factor, place)


def _up_to_unit(f: Expr, place: Point) -> tuple[Expr, int] | None:
    """A polynomial and the sign of an analytic unit whose product f is; None if that is not seen."""
    names, point = tuple(place), tuple(place.values())
    value = value_at(f, names, point)
    if not is_zero(value):
        return Integer(1), sign(value)
    if f.is_polynomial(*names):
        return f, 1
    if isinstance(f, sympy.Mul):
        parts = [_up_to_unit(factor, place) for factor in f.args]
        if any(part is None for part in parts):
            return None
        known = [part for part in parts if part is not None]
        return sympy.Mul(*[p for p, _ in known]), reduce(lambda a, b: a * b, (s for _, s in known), 1)
    if isinstance(f, Pow) and f.exp.is_Integer and f.exp > 0:
        base = _up_to_unit(f.base, place)
        return None if base is None else (base[0] ** f.exp, base[1] ** int(f.exp))
    return _function_of_one(f, place) or _quotient(f, place)


def _quotient(f: Expr, place: Point) -> tuple[Expr, int] | None:
    numerator, denominator = sympy.fraction(sympy.together(f))
    if denominator.is_number or numerator == f:
        return None
    below = value_at(denominator, tuple(place), tuple(place.values()))
    above = None if is_zero(below) else _up_to_unit(numerator, place)
    return None if above is None else (above[0], above[1] * sign(below))


def _function_of_one(f: Expr, place: Point) -> tuple[Expr, int] | None:
    """c (u - u_0)^k, where f is a function of one polynomial u that vanishes to order k."""
    split = _as_function(f, place)
    if split is None or len(split[1]) != 1:
        return None
    outer, ((stand_in, polynomial),) = split[0], split[1].items()
    start = value_at(polynomial, tuple(place), tuple(place.values()))
    if not is_analytic_at(outer, (stand_in,), (start,)):
        return None
    order = vanishing_order(outer, stand_in, start)
    leading = sign(value_at(sympy.diff(outer, stand_in, order), (stand_in,), (start,)))
    return (polynomial - start) ** order, leading


def _as_function(f: Expr, place: Point) -> tuple[Expr, dict[Symbol, Expr]] | None:
    """f written as a function of polynomials: those inside functions, and what else the rest needs."""
    names = tuple(place)
    inside = _innermost(f, names)
    if not inside:
        return None
    chosen: dict[Symbol, Expr] = {}
    swaps: dict[Expr, Expr] = {}
    for argument in sorted(inside, key=sympy.default_sort_key):
        start = value_at(argument, names, tuple(place.values()))
        primitive = Poly(argument - start, *names)
        if primitive.is_zero:
            return None
        content, u = _monic(primitive, names)
        known = next((s for s, v in chosen.items() if sympy.expand(v - u) == 0), None)
        stand_in = known or Dummy(f"u{len(chosen)}", real=True)
        chosen[stand_in] = u
        swaps[argument] = start + content * stand_in
    outer = _swapped(f, swaps)
    rest = outer.free_symbols & set(names)
    if rest and len(chosen) == 1:
        ((stand_in, u),) = chosen.items()
        powers = _in_powers(f, outer, u, stand_in, names)
        if powers is not None:
            return powers, chosen
    for c in sorted(rest, key=str):
        known = next((s for s, v in chosen.items() if v == c - place[c]), None)
        stand_in = known or Dummy(c.name, real=True)
        chosen[stand_in] = c - place[c]
        outer = outer.xreplace({c: place[c] + stand_in})
    shifted = {s: s + value_at(u, names, tuple(place.values())) for s, u in chosen.items()}
    assert all(value - s == 0 for s, value in shifted.items()), "every stand-in is zero at the point"
    return outer, chosen


def _innermost(f: Expr, names: Sequence[Symbol]) -> set[Expr]:
    """Polynomials inside functions, non-whole powers and negative powers."""
    found: set[Expr] = set()
    for part in sympy.preorder_traversal(f):
        if not isinstance(part, Expr) or not part.has(*names):
            continue
        whole = isinstance(part, Pow) and part.exp.is_Integer and part.exp > 0
        if isinstance(part, sympy.Function | Pow) and not whole:
            found |= {a for a in part.args if a.has(*names) and a.is_polynomial(*names)}
    return found


def _monic(u: Poly, names: Sequence[Symbol]) -> tuple[Expr, Expr]:
    leading = u.LC()
    return leading, Poly(u / leading if leading != 1 else u, *names).as_expr()


def _swapped(f: Expr, swaps: Mapping[Expr, Expr]) -> Expr:
    """f with the arguments of functions replaced, and polynomials outside of them left alone."""
    if not f.args:
        return f
    if isinstance(f, sympy.Function | Pow) and not (isinstance(f, Pow) and f.exp.is_Integer and f.exp > 0):
        return f.func(*[swaps.get(a, _swapped(a, swaps)) for a in f.args])
    return f.func(*[_swapped(a, swaps) for a in f.args])


def _in_powers(f: Expr, outer: Expr, u: Expr, stand_in: Symbol, names: Sequence[Symbol]) -> Expr | None:
    """A sum of functions of u and one polynomial, the polynomial written in powers of u; None if it is not one."""
    terms = sympy.Add.make_args(outer)
    plain = sympy.Add(*[t for t in terms if not t.has(stand_in)])
    if any(t.has(*names) for t in terms if t.has(stand_in)):
        return None
    written, power, left = Integer(0), 0, Poly(plain, *names)
    divisor = Poly(u, *names)
    while not left.is_zero:
        left, remainder = left.div(divisor)
        if not remainder.is_ground or power > 40:
            return None
        written += remainder.as_expr() * stand_in**power
        power += 1
    return written + sympy.Add(*[t for t in terms if t.has(stand_in)])


def _root(polynomial: Expr, unit_sign: int, place: Point) -> Expr | None:
    """A polynomial whose square is |polynomial| up to a unit; None if unit times polynomial is not seen to be >= 0."""
    names, point = tuple(place), tuple(place.values())
    constant, factors = sympy.factor_list(polynomial, *names)
    overall, root = unit_sign * sign(constant), Integer(1)
    for factor, power in factors:
        there = value_at(factor, names, point)
        if not is_zero(there):
            overall *= sign(there) ** power
        elif power % 2:
            return None
        else:
            root *= factor ** (power // 2)
    return root if overall > 0 else None


def _definite_function(f: Expr, place: Point) -> list[Expr] | None:
    """Step 4."""
    split = _as_function(f, place)
    if split is None:
        return None
    outer, chosen = split
    stand_ins, origin = tuple(chosen), (Integer(0),) * len(chosen)
    if not is_analytic_at(outer, stand_ins, origin) or outer.free_symbols - set(stand_ins):
        return None
    hessian, rank = semidefinite_hessian(outer, stand_ins, origin)
    differences = Matrix(list(chosen.values()))
    if rank == len(stand_ins):
        return list(differences)
    for direction in hessian.nullspace():
        slope = sum((v * sympy.diff(outer, s) for v, s in zip(direction, stand_ins, strict=True)), Integer(0))
        if sympy.simplify(slope) != 0:
            return None
    return [g for g in (sympy.expand(g) for g in hessian * differences) if g != 0]
