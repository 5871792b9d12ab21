"""The LaTeX document, the refilled paragraphs and the rearranged formulas."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from theory import symbols as s
from theory.derivation import DerivationError
from theory.equations import BY_SUBJECT, EQUATIONS
from theory.pages import formula
from theory.pages.blocks import WIDTH, fill, markdown, parse
from theory.pages.formula import latex, readable
from theory.pages.latex import document, escape, inline
from theory.pages.render import PAGES_FOLDER, render_latex, render_pages


@pytest.fixture(scope="module")
def pages():
    return render_pages()


@pytest.fixture(scope="module")
def body():
    return render_latex("figures/..")


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


# ---- the document ----


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


def test_every_picture_is_there(pages, body):
    named = {name for text in (*pages.values(), body) for name in re.findall(r"\]?[({](figures/\w+\.png)[)}]", text)}
    assert len(named) >= 5
    for name in named:
        content = (PAGES_FOLDER / name).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) < 120_000


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


# ---- paragraphs ----

PIECES = st.sampled_from(
    ["word", "-", "+", "*", "1.", "2)", "#", "##", "$a + b$", "$$", "> x", "`a b c`", "[t u](v.md)", "=", "---", "| a"]
)


@given(st.lists(PIECES, min_size=1, max_size=60).map(lambda words: " ".join(["So", *words])))
def test_refilling_keeps_words_and_starts_no_block(text):
    filled = fill(text, width=20)
    assert filled.split() == text.split()
    for line in filled.split("\n")[1:]:
        assert not re.match(r"([-+*]|\d+[.)]|#+)(\s|$)|[>|]|-{3,}$|=+$|\$\$", line), filled


@given(st.lists(PIECES, min_size=1, max_size=60).map(lambda words: " ".join(["So", *words])))
def test_refilling_breaks_no_span(text):
    for span in ("$a + b$", "`a b c`", "[t u](v.md)"):
        if "$$" not in text and "`a b c``" not in text:
            assert fill(text, width=20).count(span) == text.count(span)


def test_writing_and_reading_agree(pages):
    for name, text in pages.items():
        if name.endswith(".md"):
            assert parse(text) == parse(markdown(parse(text).copy())) or "![" in text
            prose = [line for line in text.split("\n") if line and not re.match(r"[|$#<\\!]", line)]
            long = [
                line for line in prose if len(line) > WIDTH and " " in re.sub(r"\$[^$]*\$|\[.*?\]\(.*?\)", "", line)
            ]
            assert all("](" in line or "\\" in line or "`" in line for line in long)


# ---- formulas ----


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
