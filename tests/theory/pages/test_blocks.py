"""Refilled paragraphs keep their words and start no block of another kind."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from theory.pages.blocks import WIDTH, fill, markdown, parse

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
