"""Figures are there, each in a section of its page."""

from __future__ import annotations

import re

from theory.equations import BY_SUBJECT
from theory.pages.page_figures import PAGE_FIGURES
from theory.pages.prose import PAGES
from theory.pages.render import PAGES_FOLDER


def test_figures_stand_in_a_section_of_their_page():
    for figure in PAGE_FIGURES:
        assert figure.subject in PAGES
        assert not figure.label or figure.label in [e.label for e in BY_SUBJECT[figure.subject]]


def test_every_picture_is_there(pages, body):
    named = {name for text in (*pages.values(), body) for name in re.findall(r"\]?[({](figures/\w+\.png)[)}]", text)}
    assert len(named) >= 5
    for name in named:
        content = (PAGES_FOLDER / name).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) < 120_000
