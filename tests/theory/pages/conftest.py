"""Pages and document, rendered once."""

from __future__ import annotations

import pytest

from theory.pages import render
from theory.pages.render import render_latex, render_pages


@pytest.fixture(scope="session")
def pages():
    return render_pages()


@pytest.fixture(scope="session")
def body():
    return render_latex("figures/..")


@pytest.fixture
def rendered(pages, monkeypatch):
    """What compares or writes pages takes those rendered once: to render them again takes ten seconds."""
    monkeypatch.setattr(render, "render_pages", lambda: dict(pages))
