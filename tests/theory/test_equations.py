"""Every equation of the registry is complete, and no other label is cited."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import theory.pages
from theory.derivation import Equation
from theory.equations import EQUATIONS, equation
from theory.pages.render import PAGES_FOLDER
from theory.symbols import DEFINITIONS

ROOT = Path(str(theory.pages.__file__)).resolve().parents[2]


@pytest.mark.parametrize("label", list(EQUATIONS))
def test_every_equation_is_complete(label):
    found = equation(label)
    assert isinstance(found, Equation)
    assert found.equation.rhs == found.derived.result
    for name, symbol in found.symbols.items():
        assert DEFINITIONS[name].symbol == symbol
        assert found.meanings[name]
    assert found.motivation and found.source
    for path in found.tested_by:
        assert label in (ROOT / path).read_text(encoding="utf-8"), f"{path} does not test {label}"


def test_no_page_or_module_cites_an_unknown_label():
    cited = re.compile(r"\[eq:([a-z0-9-]+)\]")
    for path in [*(ROOT / "theory").rglob("*.py"), *PAGES_FOLDER.glob("*.md")]:
        for label in cited.findall(path.read_text(encoding="utf-8")):
            assert label in EQUATIONS or label == "label", f"{path.name} cites {label}"


def test_an_unknown_label_gets_one_clear_line():
    with pytest.raises(ValueError, match="no equation is called 'nonsense'"):
        equation("nonsense")
