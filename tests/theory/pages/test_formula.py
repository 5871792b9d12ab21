"""Rearranged formulas read well and are worth the same."""

from __future__ import annotations

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from theory import symbols as s
from theory.derivation import DerivationError
from theory.pages import formula
from theory.pages.formula import latex, readable


def test_readable_turns_signs_and_takes_numbers_out():
    x = -s.gradient_variance / (2 * s.momentum - 2)
    assert latex(readable(x)) == r"\frac{\sigma^2}{2 \left(1 - \mu\right)}"
    assert latex(readable(1 / ((s.momentum - 1) * (s.decay - 1)))).count("- ") == 2
    assert readable(1 / (s.schedule_power - 1)) == 1 / (s.schedule_power - 1)


@given(
    st.lists(
        st.tuples(st.sampled_from([-3, -1, 1, 2]), st.sampled_from([-2, -1, 1, 4]), st.sampled_from([-3, -2, -1, 1])),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([-2, -1, 1, sympy.Rational(-1, 2)]),
)
def test_readable_changes_no_value(factors, number):
    names = (s.momentum, s.decay, s.schedule_power)
    expression = sympy.Mul(number, *((a + b * x) ** p for (a, b, p), x in zip(factors, names, strict=False)))
    place = {s.momentum: sympy.Rational(3, 7), s.decay: sympy.Rational(5, 11), s.schedule_power: sympy.Rational(17, 13)}
    assert readable(expression).subs(place) == expression.subs(place)


def test_a_rearrangement_that_changes_the_value_is_refused(monkeypatch):
    monkeypatch.setattr(formula, "Mul", type("Wrong", (), {"make_args": sympy.Mul.make_args, "__new__": _doubled}))
    with pytest.raises(DerivationError):
        formula._positive_denominators(-1 / (s.momentum - 1))


def _doubled(_: type, *factors: sympy.Expr) -> sympy.Expr:
    return 2 * sympy.Mul(*factors)
