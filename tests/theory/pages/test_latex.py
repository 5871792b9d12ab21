"""The LaTeX document."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.equations import BY_SUBJECT, EQUATIONS
from theory.pages.blocks import parse
from theory.pages.latex import document, escape, inline


def environments_balance(text: str) -> bool:
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", text):
        if kind == "begin":
            opened.append(name)
        elif not opened or opened.pop() != name:
            return False
    return not opened


def braces_balance(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text.replace("\\\\", "")):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def test_document_is_whole(body):
    text = body
    assert r"\graphicspath{{figures/../}}" in text
    assert text.startswith("%") and text.rstrip().endswith(r"\end{document}")
    assert environments_balance(text) and braces_balance(text)
    assert not environments_balance(text.replace(r"\end{longtable}", "", 1))
    assert not braces_balance(text + "}")
    assert text.count(r"\left") - text.count(r"\leftarrow") == text.count(r"\right") - text.count(r"\rightarrow")
    for paragraph in text.split("\n\n"):
        assert len(re.findall(r"(?<!\\)\$", paragraph)) % 2 == 0, paragraph


def test_every_equation_is_labelled_once_and_every_reference_arrives(body):
    text = body
    labels = Counter(re.findall(r"\\label\{eq:([a-z0-9-]+)\}", text))
    assert labels == Counter(list(EQUATIONS))
    assert set(re.findall(r"\\eqref\{eq:([a-z0-9-]+)\}", text)) <= set(labels)


def test_document_holds_what_the_pages_hold(pages, body):
    for subject, equations in BY_SUBJECT.items():
        page = pages[f"{subject}.md"]
        for display in re.findall(r"\$\$\n(.*?)\n\$\$", page, re.DOTALL):
            assert re.sub(r"\s", "", display) in re.sub(r"\s", "", body)
        for equation in equations:
            assert inline(equation.title) in body


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_escaped_text_has_no_command_of_its_own(text):
    bare = re.sub(r"\\(?:text[a-z]+\{\}|[{}$&#%_])", "", escape(text))
    assert not set(bare) & set("\\{}$&#%_^~<>|")


def test_unknown_characters_are_refused_in_one_line():
    assert escape("λ ≤ é") == r"\ensuremath{\lambda} \ensuremath{\le} é"
    with pytest.raises(ValueError, match="LaTeX has no"):
        escape("\u4e00")


def test_inline():
    assert inline("**a $x_1$** *b* `c_d` [eq:crossover] [e](f.md) 2\\*3_4") == (
        r"\textbf{a $x_1$} \emph{b} \texttt{c\_\allowbreak{}d} \eqref{eq:crossover} e 2*3\_4"
    )


def test_lists_interrupted_by_a_formula_go_on_counting():
    text = document("T", parse("1. one\n2. two\n\n$$\nx\n$$\n\n3. three"))
    assert environments_balance(text)
    assert r"\setcounter{enumi}{2}\item{} three" in text
