"""Losses, points and priors typed as text, read without ever evaluating them.

sympy's own reader of strings calls `eval`. Here the syntax tree is walked instead, and the expression is built node by
node from a short list of what is allowed. Decimals are exact as they are written: 0.15 is 3/20.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

import sympy
from sympy import Abs, Expr, Integer, Rational, Symbol
from sympy.logic.boolalg import Boolean

_LONGEST, _LARGEST_POWER, _MOST_DIGITS = 4000, 200, 60
_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,2})?\Z")
_FUNCTIONS = {
    name: getattr(sympy, name)
    for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "erf")
} | {"abs": Abs, "Abs": Abs, "Heaviside": sympy.Heaviside}
_LINKS = {"<=": sympy.Le, ">=": sympy.Ge, "<": sympy.Lt, ">": sympy.Gt}
_ALLOWED = f"numbers, names, + - * / **, parentheses, pi and {', '.join(_FUNCTIONS)}"


def read_expression(name: str, text: str, known: Mapping[str, Symbol]) -> Expr:
    """The expression that `text` (the argument called `name`) says; names not in `known` become real symbols.

    Raises
    ------
    ValueError
        In one line: if the text is empty, too long, no arithmetic, or asks for a power above 200.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        raise ValueError(f"{name}: expected between 1 and {_LONGEST} characters of arithmetic, got {len(text)}")
    try:
        read = _Reader(name, text, known).build(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ValueError) and str(error).startswith(f"{name}: "):
            raise
        raise ValueError(f"{name}: cannot read {_short(text)!r}; expected {_ALLOWED}") from None
    if read.has(sympy.zoo, sympy.nan, sympy.oo, sympy.I):
        raise ValueError(f"{name}: {_short(text)!r} is not a finite real expression")
    return read


def read_relation(name: str, text: str, known: Mapping[str, Symbol]) -> Boolean:
    """The inequality, or chain of them such as 0 <= x <= 1, that `text` says.

    Raises
    ------
    ValueError
        In one line: if the text is no comparison of two arithmetic expressions by <, <=, > or >=.
    """
    parts = re.split(r"(<=|>=|<|>)", text)
    if len(parts) < 3 or "=" in "".join(parts[::2]):
        raise ValueError(f"{name}: cannot read {_short(text)!r}; expected an inequality such as 'x >= 0'")
    sides = [read_expression(name, side, known) for side in parts[::2]]
    links = [_LINKS[link](a, b) for a, link, b in zip(sides, parts[1::2], sides[1:], strict=False)]
    return sympy.And(*links) if len(links) > 1 else links[0]


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else f"{flat[:57]}..."


class _Reader:
    def __init__(self, name: str, text: str, known: Mapping[str, Symbol]) -> None:
        self.name, self.text, self.known = name, text, known

    def build(self, node: ast.AST) -> Expr:
        """The expression of one node of the syntax tree."""
        match node:
            case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
                return self._number(node)
            case ast.Name(id="pi"):
                return sympy.pi
            case ast.Name(id=name) if name not in _FUNCTIONS and name.isascii():
                return self.known.get(name, Symbol(name, real=True))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.build(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.build(operand)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self._power(self.build(left), self.build(right))
            case ast.BinOp(op=ast.BitXor()):
                raise ValueError(f"{self.name}: uses ^; a power is written **")
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self.build(left) + self.build(right)
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return self.build(left) - self.build(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self.build(left) * self.build(right)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self.build(left) / self.build(right)
            case ast.Call(func=ast.Name(id=name), args=[single], keywords=[]) if name in _FUNCTIONS:
                return _FUNCTIONS[name](self.build(single))
        segment = ast.get_source_segment(self.text, node) or type(node).__name__
        raise ValueError(f"{self.name}: holds {_short(segment)!r}, which is not arithmetic; expected {_ALLOWED}")

    def _number(self, node: ast.Constant) -> Rational:
        written = (ast.get_source_segment(self.text, node) or "").replace("_", "")
        if not _NUMBER.match(written) or len(written) > _MOST_DIGITS:
            raise ValueError(f"{self.name}: holds the number {_short(written)}; expected a decimal of usual size")
        return Rational(written)

    def _power(self, base: Expr, power: Expr) -> Expr:
        if power.is_number and (not power.is_Rational or abs(power.p) > _LARGEST_POWER or power.q > _LARGEST_POWER):
            raise ValueError(f"{self.name}: holds the power {power}; expected a rational of at most {_LARGEST_POWER}")
        if base.is_Rational and power.is_Integer:
            digits = max(len(str(base.p)), len(str(base.q))) * abs(power)
            if digits > _LONGEST:
                raise ValueError(f"{self.name}: holds a number of about {digits} digits; expected smaller ones")
        return base**power if power != Integer(1) else base
