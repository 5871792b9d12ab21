"""Archives of the tests of their readers."""

from __future__ import annotations


def one_line(caught) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text
