"""Exact local facts about a loss at a point: order of vanishing, Hessian, factors, blocks of coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from sympy import Dummy, Expr, Matrix, Poly, Symbol

from theory.learning_coefficient.algebraic import (
    NotAlgebraicError,
    Terms,
    expression_of,
    is_zero,
    shifted_terms,
    sign,
    value_at,
)
from theory.learning_coefficient.number_field import factored_over_field

_HIGHEST_ORDER = 40


class NotAMinimumError(ValueError):
    """The loss is provably not at a local minimum."""


@dataclass(frozen=True)
class Factors:
    """Loss = unit * product of vanishing factors ^ powers; the unit has sign `unit_sign` at the point."""

    unit: Expr
    unit_sign: int
    vanishing: tuple[tuple[Expr, int], ...]


def vanishing_order(expression: Expr, coordinate: Symbol, place: Expr) -> int:
    """Smallest order of a derivative that does not vanish at `place` (polynomials: multiplicity of the root).

    Raises
    ------
    NotAlgebraicError
        If it is not known: no polynomial with algebraic coefficients, and the first derivatives all vanish.
    """
    multiplicity = _root_multiplicity(expression, coordinate, place)
    if multiplicity is not None:
        return multiplicity
    derivative = expression
    for order in range(_HIGHEST_ORDER + 1):
        if not is_zero(value_at(derivative, (coordinate,), (place,))):
            return order
        derivative = sympy.diff(derivative, coordinate)
    raise NotAlgebraicError(
        f"the first {_HIGHEST_ORDER} derivatives of {expression} vanish at {place}: its order there is not known"
    )


def _root_multiplicity(expression: Expr, coordinate: Symbol, place: Expr) -> int | None:
    """Multiplicity of an algebraic root, through square-free factors where all coefficients are rational; None if the
    expression is no polynomial, is zero, or has coefficients that are not algebraic.
    """
    if not expression.is_polynomial(coordinate):
        return None
    polynomial = Poly(expression, coordinate)
    if polynomial.is_zero:
        return None
    if not (polynomial.domain.is_QQ or polynomial.domain.is_ZZ):
        try:
            return min((order for (order,) in shifted_terms(expression, (coordinate,), (place,))), default=None)
        except NotAlgebraicError:
            return None
    for factor, power in polynomial.sqf_list()[1]:
        if is_zero(value_at(factor.as_expr(), (coordinate,), (place,))):
            return power
    return 0


def order_of_vanishing(loss: Expr, coordinate: Symbol, place: Expr) -> tuple[int, str]:
    """Order at which a one-coordinate loss rises from its value at `place`, with a sentence of proof.

    Raises
    ------
    NotAMinimumError
        If the order is odd or the leading coefficient is negative.
    """
    slope = sympy.diff(loss, coordinate)
    order = vanishing_order(slope, coordinate, place) + 1
    if order == 1:
        raise NotAMinimumError(f"the derivative {slope} does not vanish at {place}")
    leading = value_at(sympy.diff(loss, coordinate, order), (coordinate,), (place,))
    direction = sign(leading)
    if order % 2 or direction < 0:
        shown = "negative" if direction < 0 else "positive"
        raise NotAMinimumError(f"the first non-zero derivative at {place} has order {order} and is {shown}")
    return order, (
        f"d loss/d{coordinate} = {sympy.factor(slope)} has {place} as a root of multiplicity {order - 1}, and the "
        f"derivative of order {order} is positive there"
    )


def semidefinite_hessian(loss: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> tuple[Matrix, int]:
    """Hessian at the point and its rank; signs of the characteristic polynomial decide definiteness exactly.

    Raises
    ------
    NotAMinimumError
        If the gradient does not vanish or an eigenvalue is negative.
    """
    for coordinate in coordinates:
        slope = value_at(sympy.diff(loss, coordinate), coordinates, point)
        if not is_zero(slope):
            raise NotAMinimumError(f"the derivative along {coordinate} is {slope}, not 0")
    hessian = Matrix(
        len(coordinates),
        len(coordinates),
        lambda i, j: value_at(sympy.diff(loss, coordinates[i], coordinates[j]), coordinates, point),
    )
    # det(t + H) has only non-negative coefficients exactly when the symmetric H has no negative eigenvalue.
    variable = Dummy("t")
    coefficients = [sign(c) for c in (-hessian).charpoly(variable).all_coeffs()]
    if any(c < 0 for c in coefficients):
        raise NotAMinimumError(f"the Hessian {hessian.tolist()} has a negative eigenvalue")
    return hessian, max(i for i, c in enumerate(coefficients) if c > 0)


def independent_blocks(loss: Expr, coordinates: Sequence[Symbol]) -> tuple[tuple[Expr, tuple[Symbol, ...]], ...]:
    """Write the loss as a sum of terms in disjoint groups of coordinates (constants go to the first group)."""
    terms = sympy.Add.make_args(sympy.expand(loss))
    groups: list[set[Symbol]] = [{c} for c in coordinates]
    for term in terms:
        touched = term.free_symbols & set(coordinates)
        joined = [g for g in groups if g & touched]
        if len(joined) > 1:
            groups = [g for g in groups if not g & touched] + [set().union(*joined)]
    ordered = [tuple(c for c in coordinates if c in group) for group in groups]
    ordered.sort(key=lambda names: coordinates.index(names[0]))
    blocks = []
    for place, names in enumerate(ordered):
        mine = [t for t in terms if t.free_symbols & set(names) or (place == 0 and not t.free_symbols)]
        blocks.append((sympy.Add(*mine), names))
    return tuple(blocks)


def factors_at(loss: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> Factors | None:
    """Factor over the field of the coefficients and sort the factors by whether they vanish; None if that is unknown.

    Irrational coefficients are left to other methods where there are less than three coordinates.
    """
    polynomial = Poly(loss, *coordinates)
    if polynomial.domain.is_QQ or polynomial.domain.is_ZZ:
        constant, known = polynomial.factor_list()
        factors = [(factor.as_expr(), power) for factor, power in known]
    else:
        found = factored_over_field(loss, coordinates) if len(loss.free_symbols) > 2 else None
        if found is None:
            return None
        constant, factors = found
    unit, vanishing = constant, []
    for factor, power in factors:
        if is_zero(value_at(factor, coordinates, point)):
            vanishing.append((factor, power))
        else:
            unit = unit * factor**power
    return Factors(unit, sign(value_at(unit, coordinates, point)), tuple(vanishing))


def gradients_independent(functions: Sequence[Expr], coordinates: Sequence[Symbol], point: Sequence[Expr]) -> bool:
    """Whether the gradients of `functions` at the point are linearly independent (Gram determinant not zero)."""
    if len(functions) > len(coordinates):
        return False
    jacobian = Matrix([[value_at(sympy.diff(f, c), coordinates, point) for c in coordinates] for f in functions])
    return not is_zero((jacobian * jacobian.T).det())


def shares_coordinates(functions: Sequence[Expr]) -> tuple[tuple[int, ...], ...]:
    """Group the indices of functions that are tied together by common symbols."""
    groups: list[tuple[set[Symbol], list[int]]] = []
    for index, function in enumerate(functions):
        symbols, members = set(function.free_symbols), [index]
        for group in [g for g in groups if g[0] & symbols]:
            symbols |= group[0]
            members = group[1] + members
            groups.remove(group)
        groups.append((symbols, members))
    return tuple(tuple(sorted(members)) for _, members in groups)


def diagonalising_change(terms: Terms, coordinates: Sequence[Symbol]) -> tuple[Expr, str] | None:
    """Rewrite a polynomial (point at the origin) in linear coordinates that diagonalise its quadratic part.

    Lagrange's completion of squares: over the rationals and without square roots. None if a coefficient is irrational
    or the quadratic part is diagonal already.
    """
    dimension = len(coordinates)
    if not all(c.is_Rational for c in terms.values()):
        return None
    quadratic = Matrix.zeros(dimension, dimension)
    for exponents, coefficient in terms.items():
        if sum(exponents) == 2:
            i, j = (k for k, e in enumerate(exponents) for _ in range(e))
            quadratic[i, j] += coefficient / 2
            quadratic[j, i] += coefficient / 2
    if quadratic.is_diagonal():
        return None
    change, form = Matrix.eye(dimension), quadratic
    for pivot in range(dimension):
        if form[pivot, pivot] == 0:  # semidefinite: then its whole row is zero
            continue
        step = Matrix.eye(dimension)
        for j in range(pivot + 1, dimension):
            step[pivot, j] = -form[pivot, j] / form[pivot, pivot]
        change, form = change * step, step.T * form * step
    loss = expression_of(terms, list(change * Matrix(coordinates)))
    return sympy.expand(loss), f"linear change of coordinates w = {change.tolist()} u diagonalises the Hessian"
