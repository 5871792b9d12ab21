"""A file is replaced whole or not at all."""

from __future__ import annotations

import os

import pytest

from theory.files import write_in_one_go


def test_the_old_content_stays_when_the_new_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "page.md"
    write_in_one_go(b"old", path)

    def fails(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="disk full"):
        write_in_one_go(b"new", path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
