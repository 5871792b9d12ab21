"""Coordinates of critical points that have no closed form: numbers known to any precision, and proved to exist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import mpmath
import sympy

from .expressions import ExpressionError

__all__ = ["CriticalNumber"]

_STEPS = 80


class CriticalNumber(sympy.Expr):
    """Coordinate number ``axis`` of the only critical point of an energy in a small box; a number.

    The energy's own coordinates are bound: they are renamed to symbols that no user's energy can hold.
    """

    is_number = True
    is_real = is_extended_real = is_finite = is_complex = is_commutative = True

    def __new__(  # noqa: D102
        cls, energy: sympy.Expr, coordinates: Any, low: Any, high: Any, axis: sympy.Integer | int
    ) -> CriticalNumber:
        return super().__new__(
            cls, sympy.sympify(energy), sympy.Tuple(*coordinates), sympy.Tuple(*low), sympy.Tuple(*high),
            sympy.Integer(axis),
        )  # fmt: skip

    @classmethod
    def point(
        cls, energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], low: Iterable[float], high: Iterable[float]
    ) -> tuple[CriticalNumber, ...]:
        """All coordinates of the critical point between two corners."""
        bound = sympy.symbols(f"_at:{len(coordinates)}", real=True)
        renamed = energy.xreplace(dict(zip(coordinates, bound, strict=True)))
        corners = [[sympy.Rational(float(x)) for x in corner] for corner in (low, high)]
        return tuple(cls(renamed, bound, corners[0], corners[1], axis) for axis in range(len(coordinates)))

    @property
    def free_symbols(self) -> set[sympy.Basic]:
        """None: the coordinates are bound."""
        return set()

    def _eval_subs(self, old: sympy.Basic, new: sympy.Basic) -> CriticalNumber:
        return self  # the coordinates are bound

    def _eval_evalf(self, prec: int) -> sympy.Float:
        energy, coordinates, low, high, axis = (*self.args,)  # type: ignore[misc]
        digits = int(prec * 0.30103) + 15
        value = _refined(energy, tuple(coordinates), tuple(low), tuple(high), 40 if digits <= 40 else digits)[int(axis)]
        return sympy.Float._new(value._mpf_, prec)

    def _sympystr(self, printer: Any) -> str:
        return str(self.evalf(15))

    def _latex(self, printer: Any) -> str:
        return rf"\approx {printer._print(self.evalf(6))}"


@lru_cache(maxsize=4096)
def _refined(
    energy: sympy.Expr,
    coordinates: tuple[sympy.Symbol, ...],
    low: tuple[sympy.Rational, ...],
    high: tuple[sympy.Rational, ...],
    digits: int,
) -> tuple[mpmath.mpf, ...]:
    """Newton's method from the middle of the box, in which the zero of the slope is known to lie."""
    slopes, curvatures = _derivatives(energy, coordinates)
    with mpmath.workdps(digits + 10):
        corners = [[mpmath.mpf(int(x.p)) / int(x.q) for x in corner] for corner in (low, high)]
        here = mpmath.matrix([(a + b) / 2 for a, b in zip(*corners, strict=True)])
        unit = [max(b - a, (abs(a) + abs(b)) * mpmath.mpf("1e-18")) for a, b in zip(*corners, strict=True)]
        for _ in range(_STEPS):
            step = mpmath.lu_solve(mpmath.matrix(curvatures(*here)), mpmath.matrix(slopes(*here)))
            here = here - step
            if all(abs(s) <= abs(x) * mpmath.mpf(10) ** -digits + u * mpmath.mpf(10) ** -digits
                   for s, x, u in zip(step, here, unit, strict=True)):  # fmt: skip
                break
        slack = [4 * u for u in unit]
        if all(a - s <= x <= b + s for x, a, b, s in zip(here, *corners, slack, strict=True)):
            return tuple(here)
    raise ExpressionError("energy: a critical point cannot be refined; its terms cancel too far")


@lru_cache(maxsize=256)
def _derivatives(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> tuple[Any, Any]:
    slopes = [sympy.diff(energy, w) for w in coordinates]
    second = [[sympy.diff(slope, w) for w in coordinates] for slope in slopes]
    return sympy.lambdify(coordinates, slopes, "mpmath"), sympy.lambdify(coordinates, second, "mpmath")
