"""Every symbol is said before it is shown."""

from __future__ import annotations

import pytest
import sympy

from theory.equations import BY_SUBJECT
from theory.pages.prose import PAGES
from theory.symbols import SYMBOL_LATEX


@pytest.mark.parametrize("subject", list(BY_SUBJECT))
def test_every_symbol_is_in_the_table_of_its_page_or_in_the_text_before_its_formula(subject):
    unsaid, said = [], PAGES[subject][1]
    for found in BY_SUBJECT[subject]:
        said += found.motivation
        for step in found.derived.steps:
            said += step.text
            symbols = step.formula.free_symbols if step.formula is not None else set()
            for symbol in sorted(symbols - set(SYMBOL_LATEX), key=str):
                name = sympy.latex(symbol).replace("{", "").replace("}", "")
                words = name.startswith(r"\text")  # plain words in a formula
                if not words and name not in said.replace("{", "").replace("}", ""):
                    unsaid.append(f"[eq:{found.label}] does not say what {name} is before {step.formula}")
    assert unsaid == []
