"""Every symbol is defined once."""

from __future__ import annotations

import pytest

from theory.equations import BY_SUBJECT
from theory.symbols import DEFINITIONS


def test_symbols_are_defined_once():
    assert len({definition.symbol for definition in DEFINITIONS.values()}) == len(DEFINITIONS)


@pytest.mark.parametrize("subject", list(BY_SUBJECT))
def test_a_page_writes_no_two_symbols_alike(subject):
    """Each page has a table of its symbols; letters recur on other pages, as they do in books."""
    names = {name for each in BY_SUBJECT[subject] for name in each.symbols if name in DEFINITIONS}
    latex = [DEFINITIONS[name].latex for name in sorted(names)]
    assert len(set(latex)) == len(latex), sorted(t for t in latex if latex.count(t) > 1)
