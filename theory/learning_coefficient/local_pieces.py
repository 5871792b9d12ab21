"""Expressions with steps, cases, maxima and roundings, as they read near one point."""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy import Abs, Expr, Heaviside, Integer, Max, Min, Piecewise, Symbol
from sympy.core.relational import Equality, Relational, Unequality
from sympy.logic.boolalg import And, Boolean, Not, Or

from theory.learning_coefficient.algebraic import NotAlgebraicError, sign, value_at


def local_piece(name: str, expression: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> Expr:
    """`expression` (the argument called `name`) with every switch replaced by what it is all around `point`.

    Raises
    ------
    ValueError
        If it switches at the point itself, or the side on which the point lies is not known.
    """
    return _Local(name, tuple(coordinates), tuple(point)).expression(expression)


class _Local:
    def __init__(self, name: str, coordinates: tuple[Symbol, ...], point: tuple[Expr, ...]) -> None:
        self.name, self.coordinates, self.point = name, coordinates, point

    def expression(self, e: Expr) -> Expr:
        """The expression near the point."""
        if not e.free_symbols & set(self.coordinates):
            return e
        if isinstance(e, Piecewise):
            return self._cases(e)
        arguments = [self.expression(a) if isinstance(a, Expr) else a for a in e.args]
        if isinstance(e, Heaviside | sympy.sign):
            side = self._side(arguments[0], e)
            return Integer(side) if isinstance(e, sympy.sign) else Integer((1 + side) // 2)
        if isinstance(e, Abs):
            side = self._sign(arguments[0], e)
            return side * arguments[0] if side else Abs(arguments[0])
        if isinstance(e, Max | Min):
            return self._extreme(e, arguments)
        if isinstance(e, sympy.floor | sympy.ceiling | sympy.frac):
            whole = sympy.floor(value_at(arguments[0], self.coordinates, self.point))
            self._side(arguments[0] - whole, e)
            if isinstance(e, sympy.frac):
                return arguments[0] - whole
            return whole if isinstance(e, sympy.floor) else whole + 1
        return e.func(*arguments) if e.args else e

    def _extreme(self, e: Expr, arguments: Sequence[Expr]) -> Expr:
        best, tied = arguments[0], False
        better = 1 if isinstance(e, Max) else -1
        for other in arguments[1:]:
            side = self._sign(other - best, e)
            if side == better:
                best, tied = other, False
            tied = tied or side == 0  # losers may be equal
        if tied:
            raise self._switching(e)
        return best

    def _cases(self, e: Piecewise) -> Expr:
        for value, condition in e.args:
            if self._holds(condition, e):
                return self.expression(value)
        raise ValueError(f"{self.name}: {e} has no value at {self.point}")

    def _holds(self, condition: Boolean, e: Expr) -> bool:
        if condition in (sympy.true, sympy.false):
            return bool(condition)
        if isinstance(condition, And):
            return all([self._holds(part, e) for part in condition.args])
        if isinstance(condition, Or):
            return any([self._holds(part, e) for part in condition.args])
        if isinstance(condition, Not):
            return not self._holds(condition.args[0], e)
        if not isinstance(condition, Relational):
            raise ValueError(f"{self.name}: the condition {condition} is not understood")
        side = self._side(condition.lhs - condition.rhs, e)
        if isinstance(condition, Equality | Unequality):
            return isinstance(condition, Unequality)
        return (side > 0) == (condition.rel_op in (">", ">="))

    def _side(self, difference: Expr, e: Expr) -> int:
        side = self._sign(difference, e)
        if side == 0:
            raise self._switching(e)
        return side

    def _switching(self, e: Expr) -> ValueError:
        return ValueError(f"{self.name}: {e} switches at the point {self.point}; expected one rule all around it")

    def _sign(self, argument: Expr, e: Expr) -> int:
        try:
            return sign(value_at(self.expression(argument), self.coordinates, self.point))
        except (NotAlgebraicError, TypeError):
            raise ValueError(f"{self.name}: the value of {e} at {self.point} is not known") from None
