"""Losses typed as text: exact numbers, nothing evaluated, one line for what is no arithmetic."""

from __future__ import annotations

import pytest
import sympy
from sympy import Rational, Symbol, symbols

from theory.learning_coefficient.text import read_expression

x, y = symbols("x y", real=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x**2*y**4", x**2 * y**4),
        (" -x + 0.15*y ", Rational(3, 20) * y - x),
        ("(tanh(x) - 1/3)**2", (sympy.tanh(x) - Rational(1, 3)) ** 2),
        ("abs(x)**(1/2)", sympy.sqrt(sympy.Abs(x))),
        ("1e-3*x + pi", x / 1000 + sympy.pi),
        ("+x - -y", x + y),
    ],
)
def test_arithmetic_is_read_exactly(text, expected):
    assert read_expression("loss", text, {}) == expected


def test_names_already_in_use_are_meant():
    plain = Symbol("x")
    assert read_expression("loss", "x + y", {"x": plain}) == plain + y


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "between 1 and 4000 characters"),
        ("x" * 5000, "between 1 and 4000 characters"),
        ("x^2", "a power is written"),
        ("x +", "cannot read"),
        ("__import__('os').getcwd()", "not arithmetic"),
        ("x.free_symbols", "not arithmetic"),
        ("[x][0]", "not arithmetic"),
        ("(lambda: x)()", "not arithmetic"),
        ("f(x)", "not arithmetic"),
        ("exp", "not arithmetic"),
        ("True", "not arithmetic"),
        ("'x'", "not arithmetic"),
        ("x if y else 1", "not arithmetic"),
        ("1j*x", "not arithmetic"),
        ("1/0", "not a finite real"),
        ("sqrt(-1)*x", "not a finite real"),
        ("x**9999", "holds the power"),
        ("9**9**9**9", "(holds the power|digits)"),
        ("1e999*x", "holds the number"),
        ("(" * 3000 + "x" + ")" * 900, "cannot read"),
        ("\0", "(cannot read|between)"),
    ],
)
def test_the_rest_is_refused_by_one_line(text, message):
    with pytest.raises(ValueError, match=f"^loss: .*{message}") as error:
        read_expression("loss", text, {})
    assert "\n" not in str(error.value)
