"""The reader of user energies: exact arithmetic in, nothing else."""

from __future__ import annotations

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from slt_toys.potentials.expressions import ExpressionError, degree_bound, parse_expression

w = sympy.Symbol("w", real=True)


def test_decimals_are_exact_and_names_are_real():
    expression = parse_expression("(w**2 - 1)**2 - 0.15*w")
    assert expression == (w**2 - 1) ** 2 - sympy.Rational(3, 20) * w
    assert parse_expression("1e-3*w + 1_000*w") == (sympy.Rational(1, 1000) + 1000) * w
    assert parse_expression("exp(w)/cosh(w) + pi") == sympy.exp(w) / sympy.cosh(w) + sympy.pi


coefficients = st.integers(-9, 9)


@given(st.lists(coefficients, min_size=1, max_size=6), st.floats(-2, 2))
def test_reads_polynomials_as_python_does(values, point):
    text = " + ".join(f"({c})*w**{k}" for k, c in enumerate(values))
    assert float(parse_expression(text).subs(w, point)) == pytest.approx(
        eval(text, {"__builtins__": {}}, {"w": point}), rel=1e-12, abs=1e-12
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("w**", "cannot be parsed"),
        ("w^2", "a power is written \\*\\*"),
        ("__import__('os').system('true')", "not arithmetic"),
        ("(lambda: w)()", "not arithmetic"),
        ("w.__class__", "not arithmetic"),
        ("[w for w in (1,)]", "not arithmetic"),
        ("f(w)", "not arithmetic"),
        ("exp(w, w)", "not arithmetic"),
        ("w if w else w", "not arithmetic"),
        ("w > 1", "not arithmetic"),
        ("True*w", "not arithmetic"),
        ("'w'", "not arithmetic"),
        ("1j*w", "not arithmetic"),
        ("w @ w", "not arithmetic"),
        ("_w**2", "names are letters"),
        ("exp + w", "without an argument"),
        ("w**w", "powers are rational numbers"),
        ("9**9**9**9", "powers are rational numbers"),
        ("((w**60)**60)**60", "at most 64"),
        ("w**40*w**40", "degree above 64"),
        ("1e400*w", "between 1e-30 and 1e30"),
        ("w/0", "divides by zero"),
        ("sqrt(-1)*w", "not a finite real"),
        ("+".join(["w"] * 3000), "characters; at most"),
        ("(" * 1500 + "w" + ")" * 1500, "nested too deeply|cannot be parsed"),
    ],
)
def test_refuses_in_one_line(text, message):
    with pytest.raises(ExpressionError, match=message) as caught:
        parse_expression(text, "--potential")
    assert str(caught.value).startswith("--potential")
    assert "\n" not in str(caught.value)


def test_refuses_what_is_not_text():
    with pytest.raises(ExpressionError, match="must be text"):
        parse_expression(3)  # type: ignore[arg-type]


def test_sizes_are_read_and_have_slopes():
    expression = parse_expression("abs(w - 1)**3 + abs(w)")
    assert expression == sympy.Abs(w - 1) ** 3 + sympy.Abs(w)
    assert sympy.diff(expression, w).subs(w, -2) == -28
    with pytest.raises(ExpressionError, match="abs without an argument"):
        parse_expression("abs + w")


@given(st.integers(1, 6), st.integers(1, 6))
def test_degree_bound_is_a_bound(a, b):
    x = sympy.Symbol("x", real=True)
    expression = (w**a + x) ** b * (w - 1)
    assert sympy.Poly(expression, w, x).total_degree() <= degree_bound(expression) == a * b + 1
