"""Every symbol is defined once."""

from __future__ import annotations

from theory.symbols import DEFINITIONS


def test_symbols_are_defined_once():
    latex = [definition.latex for definition in DEFINITIONS.values()]
    assert len({definition.symbol for definition in DEFINITIONS.values()}) == len(latex)
    assert len(set(latex)) == len(latex), sorted(t for t in latex if latex.count(t) > 1)
