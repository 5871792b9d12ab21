"""Demands hold exactly or are refused by what they say."""

from __future__ import annotations

import pytest
from sympy import cos, sin, symbols

from theory.derivation import DerivationError, demand, demand_zero

x = symbols("x", real=True)


def test_what_is_zero_passes_and_what_is_not_is_named():
    demand_zero(sin(x) ** 2 + cos(x) ** 2 - 1, "the circle")
    demand(x**2 >= 0, "a square")
    with pytest.raises(DerivationError, match="the circle"):
        demand_zero(sin(x) ** 2 + cos(x) ** 2 - 2, "the circle")
    with pytest.raises(DerivationError, match="a square"):
        demand(x**2 < -1, "a square")
