"""Enclosures of expressions over boxes: interval arithmetic with every rounding turned outward (Moore 1966).

Many boxes are evaluated at once. The four operations and square roots are right to half a unit in the last place and
are moved by one; other functions are moved by :data:`ULPS`, twice what numpy and the C libraries below it own up to.
What an expression does not define on all of a box is enclosed by the whole line, so it decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import mpmath
import numpy as np
import sympy
from numpy.typing import NDArray
from scipy import special

__all__ = ["Enclosure", "Interval", "NoIntervalForm", "enclosure", "intersection", "product", "total"]

Array = NDArray[np.float64]
Interval = tuple[Array, Array]  # lower and upper ends, of one shape
ULPS = 8
_TINY = 1e-300
_LARGEST_ANGLE = 1e6


class NoIntervalForm(ValueError):
    """An expression holds a function that is not enclosed here."""


def _ends(low: Array, high: Array) -> Interval:
    """One unit outward; what is undefined becomes the whole line."""
    low = np.where(np.isnan(low), -np.inf, low)
    high = np.where(np.isnan(high), np.inf, high)
    return np.nextafter(low, -np.inf), np.nextafter(high, np.inf)


def _wide(low: Array, high: Array) -> Interval:
    unit, largest = ULPS * np.finfo(float).eps, np.finfo(float).max
    low, high = np.where(low == np.inf, largest, low), np.where(high == -np.inf, -largest, high)  # overflow is no value
    return _ends(low - unit * np.abs(low) - _TINY, high + unit * np.abs(high) + _TINY)


def total(a: Interval, b: Interval) -> Interval:
    """Enclosure of a + b."""
    return _ends(a[0] + b[0], a[1] + b[1])


def product(a: Interval, b: Interval) -> Interval:
    """Enclosure of a b."""
    corners = [a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]]
    if any(np.isnan(c).any() for c in corners):  # nothing times the infinite is nothing: the ends are never reached
        corners = [np.where(np.isnan(c), 0.0, c) for c in corners]
    low = np.minimum(np.minimum(corners[0], corners[1]), np.minimum(corners[2], corners[3]))
    high = np.maximum(np.maximum(corners[0], corners[1]), np.maximum(corners[2], corners[3]))
    return _ends(low, high)


def intersection(a: Interval, b: Interval) -> Interval:
    """What both hold; empty where its lower end is the higher."""
    return np.maximum(a[0], b[0]), np.minimum(a[1], b[1])


def _inverse(a: Interval) -> Interval:
    with np.errstate(divide="ignore"):
        crosses = (a[0] <= 0) & (a[1] >= 0)
        return _ends(np.where(crosses, -np.inf, 1 / a[1]), np.where(crosses, np.inf, 1 / a[0]))


def _power(a: Interval, exponent: int) -> Interval:
    if exponent < 0:
        return _inverse(_power(a, -exponent))
    low, high = a[0] ** exponent, a[1] ** exponent
    if exponent % 2:
        return _wide(low, high)
    crosses = (a[0] <= 0) & (a[1] >= 0)
    low, high = np.minimum(low, high), np.maximum(low, high)
    least, most = _wide(low, high)
    return np.where(crosses, 0.0, np.maximum(least, 0.0)), most


def _root(a: Interval, exponent: sympy.Rational) -> Interval:
    """Positive bases to a power that is no whole number."""
    if exponent < 0:
        return _inverse(_root(a, -exponent))
    value = float(exponent)
    least, most = _wide(np.maximum(a[0], 0.0) ** value, np.maximum(a[1], 0.0) ** value)
    if value != exponent:  # the exponent's own rounding, times the logarithm of the base
        slack = 1e-15 * (1 + np.abs(np.log(np.maximum(a[1], 1e-300))) + np.abs(np.log(np.maximum(a[0], 1e-300))))
        least, most = least * (1 - slack), most * (1 + slack)
    undefined = a[0] < 0
    return np.where(undefined, -np.inf, np.maximum(least, 0.0)), np.where(undefined, np.inf, most)


def _monotone(function: Callable[[Array], Array], low: float = -np.inf, high: float = np.inf) -> Callable:
    def enclosed(a: Interval) -> Interval:
        least, most = _wide(function(a[0]), function(a[1]))
        return np.clip(least, low, high), np.clip(most, low, high)

    return enclosed


def _log(a: Interval) -> Interval:
    least, most = _wide(np.log(np.maximum(a[0], 0.0)), np.log(np.maximum(a[1], 0.0)))
    undefined = a[0] <= 0
    return np.where(undefined, -np.inf, least), np.where(undefined, np.inf, most)


def _reaches(a: Interval, phase: float, period: float) -> NDArray[np.bool_]:
    """Whether phase + k period may lie inside, for some whole k."""
    first, last = (a[0] - phase) / period, (a[1] - phase) / period
    slack = 1e-12 * (1 + np.abs(first) + np.abs(last))
    return np.floor(last + slack) >= np.ceil(first - slack)


def _cosine(a: Interval, phase: float = 0.0, function: Callable[[Array], Array] = np.cos) -> Interval:
    with np.errstate(invalid="ignore"):
        here, there = function(a[0]), function(a[1])
        least, most = _wide(np.fmin(here, there), np.fmax(here, there))
        far = ~(np.maximum(np.abs(a[0]), np.abs(a[1])) < _LARGEST_ANGLE)
        most = np.where(far | _reaches(a, phase, 2 * np.pi), 1.0, np.minimum(most, 1.0))
        least = np.where(far | _reaches(a, phase + np.pi, 2 * np.pi), -1.0, np.maximum(least, -1.0))
    return least, most


def _sine(a: Interval) -> Interval:
    return _cosine(a, np.pi / 2, np.sin)


def _tangent(a: Interval) -> Interval:
    far = ~(np.maximum(np.abs(a[0]), np.abs(a[1])) < _LARGEST_ANGLE)
    with np.errstate(invalid="ignore"):
        pole = far | _reaches(a, np.pi / 2, np.pi)
        least, most = _wide(np.tan(a[0]), np.tan(a[1]))
    return np.where(pole, -np.inf, least), np.where(pole, np.inf, most)


def _hyperbolic_cosine(a: Interval) -> Interval:
    here, there = np.cosh(a[0]), np.cosh(a[1])
    least, most = _wide(np.minimum(here, there), np.maximum(here, there))
    return np.where((a[0] <= 0) & (a[1] >= 0), 1.0, np.maximum(least, 1.0)), most


def _absolute(a: Interval) -> Interval:
    crosses = (a[0] <= 0) & (a[1] >= 0)
    here, there = np.abs(a[0]), np.abs(a[1])
    return np.where(crosses, 0.0, np.minimum(here, there)), np.maximum(here, there)


def _sign(a: Interval) -> Interval:
    return np.where(a[0] > 0, 1.0, -1.0), np.where(a[1] < 0, -1.0, 1.0)


def _impulse(a: Interval) -> Interval:
    crosses = (a[0] <= 0) & (a[1] >= 0)
    return np.where(crosses, -np.inf, 0.0), np.where(crosses, np.inf, 0.0)


_FUNCTIONS: dict[type, Callable[[Interval], Interval]] = {
    sympy.exp: _monotone(np.exp, low=0.0),
    sympy.log: _log,
    sympy.sin: _sine,
    sympy.cos: _cosine,
    sympy.tan: _tangent,
    sympy.sinh: _monotone(np.sinh),
    sympy.cosh: _hyperbolic_cosine,
    sympy.tanh: _monotone(np.tanh, -1.0, 1.0),
    sympy.atan: _monotone(np.arctan),
    sympy.erf: _monotone(special.erf, -1.0, 1.0),
    sympy.Abs: _absolute,
    sympy.sign: _sign,
    sympy.DiracDelta: _impulse,
}


def _constant(number: sympy.Expr) -> tuple[float, float]:
    """Doubles on both sides of a real number, or the number where it is a double."""
    if number.is_Rational:
        nearest = float(number)
        if sympy.Rational(nearest) == number:
            return nearest, nearest
    else:
        nearest = float(mpmath.mpf(str(sympy.N(number, 30))))
    return float(np.nextafter(nearest, -np.inf)), float(np.nextafter(nearest, np.inf))


class Enclosure:
    """Enclosures of expressions of some coordinates over many boxes at once.

    Parameters
    ----------
    expressions
        Of the coordinates, with no other symbols.
    coordinates
        d symbols.

    Raises
    ------
    NoIntervalForm
        When an expression holds a function that is not enclosed here.
    """

    def __init__(self, expressions: Sequence[sympy.Expr], coordinates: Sequence[sympy.Symbol]) -> None:
        self._program: list[tuple[Callable, tuple[int, ...]]] = []
        self._known: dict[sympy.Basic, int] = {}
        for axis, w in enumerate(coordinates):
            self._step(w, lambda low, high, axis=axis: (low[axis], high[axis]), ())
        self._results = [self._place(sympy.sympify(e)) for e in expressions]

    def __call__(self, low: Array, high: Array) -> Interval:
        """Lower and upper ends, (expressions, boxes), over boxes with corners (d, boxes)."""
        values: list[Interval] = []
        with np.errstate(all="ignore"):
            for function, arguments in self._program:
                values.append(function(*(values[i] for i in arguments)) if arguments else function(low, high))
        boxes = low.shape[1]
        return tuple(  # type: ignore[return-value]
            np.stack([np.broadcast_to(values[i][side], boxes) for i in self._results]) for side in (0, 1)
        )

    def _step(self, expression: sympy.Basic, function: Callable, arguments: tuple[int, ...]) -> int:
        self._program.append((function, arguments))
        self._known[expression] = len(self._program) - 1
        return self._known[expression]

    def _place(self, e: sympy.Expr) -> int:
        if e in self._known:
            return self._known[e]
        if e.is_number:
            if not e.is_real:
                raise NoIntervalForm(f"{sympy.sstr(e)[:40]!r} is no real number")
            ends = tuple(np.array([end]) for end in _constant(e))
            return self._step(e, lambda low, high: ends, ())
        if isinstance(e, sympy.Add | sympy.Mul):
            join, place = (total if e.is_Add else product), self._place(e.args[0])
            for argument in e.args[1:]:
                place = self._step(sympy.Tuple(place, e, argument), join, (place, self._place(argument)))
            self._known[e] = place
            return place
        if isinstance(e, sympy.Pow) and e.exp.is_Rational:
            base, exponent = self._place(e.base), e.exp
            if exponent.is_Integer:
                return self._step(e, lambda a: _power(a, int(exponent)), (base,))
            return self._step(e, lambda a: _root(a, exponent), (base,))
        if type(e) in _FUNCTIONS and len(e.args) == 1:
            return self._step(e, _FUNCTIONS[type(e)], (self._place(e.args[0]),))
        raise NoIntervalForm(f"{sympy.sstr(e)[:40]!r} has no interval form")


@lru_cache(maxsize=256)
def enclosure(expressions: tuple[sympy.Expr, ...], coordinates: tuple[sympy.Symbol, ...]) -> Enclosure:
    """An :class:`Enclosure`, kept for the last few expressions."""
    return Enclosure(expressions, coordinates)
