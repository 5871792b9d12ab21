"""Evaluate a labelled equation at numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sympy

from theory.equations import equation


def _evaluate(label: str, **values: float) -> float:
    found = equation(label)
    symbols = found.symbols
    right = found.equation.rhs.xreplace({symbols[name]: sympy.sympify(value) for name, value in values.items()})
    number = complex(sympy.N(right.doit(), 30))
    assert abs(number.imag) < 1e-12 * max(1.0, abs(number.real))
    return number.real


@pytest.fixture(scope="session")
def evaluate() -> Callable[..., float]:
    """Right-hand side of the equation with this label at the given values, by sympy at 30 digits."""
    return _evaluate
