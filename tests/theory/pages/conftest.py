"""Pages and document, rendered once."""

from __future__ import annotations

import pytest

from theory.pages.render import render_latex, render_pages


@pytest.fixture(scope="module")
def pages():
    return render_pages()


@pytest.fixture(scope="module")
def body():
    return render_latex("figures/..")
