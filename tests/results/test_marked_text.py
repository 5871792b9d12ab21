"""Tables between markers: only the text between them changes, and a text without markers is refused."""

from __future__ import annotations

import pytest

from slt_toys.results.marked_text import markdown, replaced_table, write_tables

TEXT = "before\n<!-- table: one -->\nold\n<!-- /table: one -->\nbetween\n<!-- table: two -->\n<!-- /table: two -->\n"


def test_a_table_stands_between_its_own_markers(tmp_path):
    table = markdown(["a", "b"], [["1", "2"]])
    assert table == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    path = tmp_path / "page.md"
    path.write_text(TEXT, encoding="utf-8")
    write_tables(path, {"one": table, "two": "new"})
    expected = TEXT.replace("old", table).replace("two -->\n<", "two -->\nnew\n<")
    assert path.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("text", ["", "<!-- table: one -->", "<!-- /table: one --><!-- table: one -->"])
def test_a_text_without_markers_is_refused(text):
    with pytest.raises(ValueError, match="needs <!-- table: one --> and below it <!-- /table: one -->"):
        replaced_table(text, "new", "one")
