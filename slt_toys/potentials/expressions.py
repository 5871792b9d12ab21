"""Read an energy typed by a user, without ever evaluating it.

sympy's own string parsers call Python's ``eval``; an energy comes from a command line or a file, so this module
walks the syntax tree instead and builds the sympy expression node by node from a short list of allowed nodes.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy

from ..inputs.arguments import shown
from ..inputs.names import PARAMETERS

LONGEST_TEXT = 4000
LARGEST_DEGREE = 64
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_FUNCTIONS = {
    name: getattr(sympy, name)
    for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "erf")
} | {"abs": sympy.Abs}
_CONSTANTS = {"pi": sympy.pi}
_ALLOWED = "numbers, names, + - * / **, parentheses and " + ", ".join(_FUNCTIONS)


class ExpressionError(ValueError):
    """The text is not an energy this project can read; the message is one line and says what would be."""


def parse_expression(text: str, argument: str = "expression") -> sympy.Expr:
    """Turn text such as ``"(w**2 - 1)**2 - 0.15*w"`` into a sympy expression with exact rational numbers.

    Parameters
    ----------
    text
        Arithmetic in Python's notation. Decimals become exact rationals (``0.15`` is 3/20). Names become real
        symbols.
    argument
        What to call the text in an error message.

    Raises
    ------
    ExpressionError
        In one line, when the text is too long, is not an expression, or holds anything but arithmetic.
    """
    if not isinstance(text, str):
        raise ExpressionError(f"{argument} must be text such as '(w**2-1)**2 - 0.15*w', not {type(text).__name__}")
    shown = text if len(text) <= 60 else text[:57] + "..."
    if not text.strip():
        raise ExpressionError(f"{argument} is empty; give an energy such as '(w**2-1)**2 - 0.15*w'")
    if len(text) > LONGEST_TEXT:
        raise ExpressionError(f"{argument} has {len(text)} characters; at most {LONGEST_TEXT} are read")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        expression = _build(tree.body, text.strip(), argument)
    except SyntaxError:
        raise ExpressionError(f"{argument} {shown!r} cannot be parsed; write it with {_ALLOWED}") from None
    except (RecursionError, MemoryError):
        raise ExpressionError(f"{argument} {shown!r} is nested too deeply to be read") from None
    if expression.has(sympy.zoo, sympy.nan, sympy.oo, sympy.I):
        raise ExpressionError(f"{argument} {shown!r} is not a finite real expression (a division by zero?)")
    return expression


def _build(node: ast.AST, text: str, argument: str) -> sympy.Expr:
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as value):
            if abs(value) > 1e30 or 0 < abs(value) < 1e-30 or not math.isfinite(value):
                raise ExpressionError(f"{argument} holds the number {value}; keep numbers between 1e-30 and 1e30")
            # The literal's own text, so that 0.15 is 3/20 and not the nearest double.
            return sympy.Rational((ast.get_source_segment(text, node) or repr(value)).replace("_", ""))
        case ast.Name(id=name):
            if name in _CONSTANTS:
                return _CONSTANTS[name]
            if not _NAME.match(name):
                raise ExpressionError(f"{argument} holds the name {name!r}; names are letters, digits and _")
            if name in _FUNCTIONS:
                raise ExpressionError(f"{argument} uses the function {name} without an argument")
            return sympy.Symbol(name, real=True)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_build(operand, text, argument)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _build(operand, text, argument)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base, power = _build(left, text, argument), _build(right, text, argument)
            if not power.is_Rational or abs(power) > LARGEST_DEGREE or degree_bound(base) * power > LARGEST_DEGREE:
                raise ExpressionError(
                    f"{argument} holds the power {sympy.sstr(power)}; powers are rational numbers, and the degree "
                    f"they give is at most {LARGEST_DEGREE}"
                )
            return base**power
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _build(left, text, argument), _build(right, text, argument)
            match operator:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    if degree_bound(a) + degree_bound(b) > LARGEST_DEGREE:
                        raise ExpressionError(f"{argument} has a degree above {LARGEST_DEGREE}, the largest supported")
                    return a * b
                case ast.Div():
                    if b.is_zero:
                        raise ExpressionError(f"{argument} divides by zero")
                    return a / b
                case ast.BitXor():
                    raise ExpressionError(f"{argument} uses ^; a power is written **")
        case ast.Call(func=ast.Name(id=name), args=[single], keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](_build(single, text, argument))
    segment = ast.get_source_segment(text, node) or type(node).__name__
    raise ExpressionError(f"{argument} holds {segment[:40]!r}, which is not arithmetic; use {_ALLOWED}")


def natural_key(name: str) -> tuple[str, int]:
    """By which names of coordinates are ordered: w2 before w10."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem):] or -1)  # fmt: skip


def degree_bound(expression: sympy.Expr) -> sympy.Rational:
    """Bound the total degree without expanding, so that a short text cannot ask for an astronomical expansion."""
    if expression.is_number:
        return sympy.S.Zero
    if isinstance(expression, sympy.Pow):
        base, power = expression.args
        return degree_bound(base) * abs(power) if power.is_Rational else sympy.S.One
    if isinstance(expression, sympy.Mul):
        return sum((degree_bound(factor) for factor in expression.args), sympy.S.Zero)
    if isinstance(expression, sympy.Add):
        return max(degree_bound(term) for term in expression.args)
    return sympy.S.One


def parameter_values(parameters: Mapping[str, float | str | sympy.Expr], energy: sympy.Expr) -> dict[str, sympy.Expr]:
    """Exact numbers by name; 0.15 is 3/20.

    Raises
    ------
    ValueError
        In one line, for a name that the energy does not hold, or a value that is no real number.
    """
    names, values = {s.name for s in energy.free_symbols}, {}
    for name, given in parameters.items():
        if name not in names:
            raise ValueError(
                f"{PARAMETERS} names {name!r}, which the energy does not hold; it has {', '.join(sorted(names))}"
            )
        value: Any = given if isinstance(given, sympy.Expr) else None
        if isinstance(given, str | float | int | np.number) and not isinstance(given, bool):
            value = parse_expression(given if isinstance(given, str) else repr(float(given)), f"parameters[{name!r}]")
        if value is None or not value.is_number or not value.is_real:
            raise ValueError(f"parameters[{name!r}] must be a real number, not {shown(given)}")
        values[name] = value
    return values
