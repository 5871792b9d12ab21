"""Demands hold exactly or are refused by what they say."""

from __future__ import annotations

import pytest
import sympy
from sympy import cos, sin, symbols

from theory.derivation import Derivation, DerivationError, Step, demand, demand_zero

x = symbols("x", real=True)


def test_what_is_zero_passes_and_what_is_not_is_named():
    demand_zero(sin(x) ** 2 + cos(x) ** 2 - 1, "the circle")
    demand(x**2 >= 0, "a square")
    with pytest.raises(DerivationError, match="the circle"):
        demand_zero(sin(x) ** 2 + cos(x) ** 2 - 2, "the circle")
    with pytest.raises(DerivationError, match="a square"):
        demand(x**2 < -1, "a square")


def test_demands_see_through_identities_and_refuse_the_undecided():
    x = sympy.Symbol("x", positive=True)
    demand_zero(sympy.sin(x) ** 2 + sympy.cos(x) ** 2 - 1, "identity")
    with pytest.raises(DerivationError, match="identity"):
        demand_zero(x - 1, "identity")
    with pytest.raises(DerivationError):
        demand(sympy.Eq(x, 1), "undecided")


def test_a_story_is_sentences_each_with_the_formula_that_follows_it():
    told = Derivation.of(x, "first", x**2, "second", "third", x**3)
    assert told.steps == (Step("first", x**2), Step("second"), Step("third", x**3))
    for story in ((x,), ("first", x, x**2)):
        with pytest.raises(DerivationError, match="no sentence leads"):
            Derivation.of(x, *story)
