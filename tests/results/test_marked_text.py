"""A table is put between the markers of its name, and nowhere else."""

from __future__ import annotations

import pytest

from slt_toys.results.marked_text import replaced_table


def test_a_table_replaces_the_one_between_its_markers_only():
    text = "a\n<!-- table: one -->\nold\n<!-- /table: one -->\nb <!-- table: two -->"
    once = replaced_table(text, "new", "one")
    assert once == "a\n<!-- table: one -->\nnew\n<!-- /table: one -->\nb <!-- table: two -->"
    assert replaced_table(once, "new", "one") == once
    with pytest.raises(ValueError, match="no place for the table"):
        replaced_table(text, "new", "two")
