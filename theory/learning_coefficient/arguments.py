"""Checks of the arguments shared by the exact learning coefficients: one clear line for each mistake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from numbers import Integral
from typing import Any

import sympy
from sympy import Expr, Symbol
from sympy.core.sympify import SympifyError


def shown(value: Any) -> str:
    """A value as a message shows it: on one line, and short."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def ordered(name: str, values: Iterable[Any]) -> tuple[Any, ...]:
    """Everything in `values`, read once: lists, tuples, arrays, generators and `map` alike.

    Raises
    ------
    ValueError
        If the values have no order (sets, dictionaries), are text, or cannot be iterated over.
    """
    if isinstance(values, Set | Mapping):
        raise ValueError(
            f"{name}: a {type(values).__name__} has no order; expected a list or tuple, got {shown(values)}"
        )
    if isinstance(values, str | bytes | Expr) or not isinstance(values, Iterable):
        raise ValueError(f"{name}: expected a list or tuple, got {shown(values)}")
    try:
        return tuple(values)
    except TypeError:  # an array without dimensions calls itself iterable
        raise ValueError(f"{name}: expected a list or tuple, got {shown(values)}") from None


def exact_expression(name: str, value: Any) -> Expr:
    """`value` as a finite real sympy expression without inexact numbers.

    Raises
    ------
    ValueError
        If it is text, a condition, a matrix, no expression at all, or holds inexact, infinite or complex numbers.
    """
    exact = _sympified(value)
    if not isinstance(exact, Expr) or getattr(exact, "is_Matrix", False):
        raise ValueError(f"{name}: expected a sympy expression or an exact number, got {shown(value)}")
    if exact.atoms(sympy.Float):
        inexact = sorted(exact.atoms(sympy.Float))[0]
        raise ValueError(f"{name}: holds the inexact number {inexact}; write an exact Rational such as 3/20")
    if exact.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan, sympy.I):
        raise ValueError(f"{name}: expected finite real coefficients, got {exact}")
    return exact


def _sympified(value: Any) -> Any:
    """`value` as sympy reads it, None where it does not."""
    if isinstance(value, str | bytes):  # sympify would evaluate it
        return None
    try:
        exact = sympy.sympify(value)
    except (SympifyError, TypeError, ValueError, AttributeError):
        return None
    return exact.as_expr() if isinstance(exact, sympy.Poly) else exact


def whole_number(name: str, value: Any, least: int, expected: str = "an integer >= {}") -> int:
    """`value`, refused unless it is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}: expected {expected.format(least)}, got {shown(value)}")
    return int(value)


def check_symbols(name: str, expression: Expr, coordinates: Sequence[Symbol]) -> None:
    """Refuse symbols that are no coordinates."""
    unknown = expression.free_symbols - set(coordinates)
    if not unknown:
        return
    shown = ", ".join(sorted(map(str, unknown)))
    if {str(u) for u in unknown} & {c.name for c in coordinates}:
        raise ValueError(f"{name}: its {shown} is another Symbol than the coordinate of that name (other assumptions)")
    raise ValueError(f"{name}: depends on {shown}, which are no coordinates; substitute values")


def check_arguments(
    name: str, expressions: Iterable[Expr], coordinates: Iterable[Symbol], point: Iterable[Expr]
) -> tuple[tuple[Expr, ...], tuple[Symbol, ...], tuple[Expr, ...]]:
    """`expressions` (the argument called `name`), coordinates and point as exact sympy objects.

    Raises
    ------
    ValueError
        Repeated, missing, unordered or restricted coordinates, a point of the wrong length, inexact, infinite or
        complex numbers, unknown symbols, text.
    """
    coordinates, place = ordered("coordinates", coordinates), ordered("point", point)
    if not coordinates or not all(isinstance(c, Symbol) for c in coordinates):
        raise ValueError(f"coordinates: expected at least one sympy Symbol, got {shown(coordinates)}")
    if len(set(coordinates)) != len(coordinates):
        raise ValueError(f"coordinates: every Symbol must be different, got {shown(coordinates)}")
    if len({c.name for c in coordinates}) != len(coordinates):
        raise ValueError(f"coordinates: two Symbols share a name in {coordinates!r}; give them different names")
    if len(place) != len(coordinates):
        raise ValueError(f"point: has length {len(place)}, expected {len(coordinates)} (one per coordinate)")
    exact = tuple(exact_expression(name, e) for e in expressions)
    place = tuple(_exact_real(p) for p in place)
    for coordinate, value in zip(coordinates, place, strict=True):
        _check_range(coordinate, value)
    for expression in exact:
        check_symbols(name, expression, coordinates)
    return exact, coordinates, place


def _exact_real(value: Any) -> Expr:
    try:
        exact = exact_expression("point", value)
    except ValueError as error:
        if "finite real" in str(error):
            raise ValueError(f"point: expected exact real numbers, got {value}") from None
        raise
    if exact.free_symbols or exact.is_real is not True:
        raise ValueError(f"point: expected exact real numbers, got {value}")
    return exact


def _check_range(coordinate: Symbol, value: Expr) -> None:
    """A coordinate must be able to take every real value near the point: sympy simplifies by its assumptions."""
    one_sided = (coordinate.is_nonnegative and not value.is_positive) or (
        coordinate.is_nonpositive and not value.is_negative
    )
    if (
        one_sided
        or coordinate.is_real is False
        or coordinate.is_integer
        or coordinate.is_irrational
        or coordinate.is_commutative is False
    ):
        raise ValueError(
            f"coordinates: {coordinate} is assumed to be {_assumption(coordinate)}, so it cannot move freely about "
            f"{value}; expected Symbol({coordinate.name!r}, real=True)"
        )


def _assumption(coordinate: Symbol) -> str:
    assumed = [key for key, value in coordinate.assumptions0.items() if value and key != "commutative"]
    telling = ("integer", "irrational", "positive", "negative", "nonnegative", "nonpositive", "zero", "imaginary")
    return next((key for key in telling if key in assumed), "something else than a real number")
