"""Old records are rewritten in the present schema, all of them or none, and say what they said."""

from __future__ import annotations

import json
import shutil

import pytest

from slt_toys.results import migration, records
from slt_toys.results.migration import migrate
from slt_toys.results.schema import SCHEMA
from slt_toys.results.verification import check_record
from tests.results.made_records import OLD_RECORD, made


def test_old_records_are_brought_up_and_others_left_alone(tmp_path):
    present = made(tmp_path / "a")
    old = tmp_path / "a" / "old.json"
    shutil.copy(OLD_RECORD, old)
    before, content = records.read_record(old), present.read_bytes()
    assert migrate([tmp_path]) == (2, [old])
    after = json.loads(old.read_text(encoding="utf-8"))
    assert after["manifest"].pop("record_sha256") and after == before
    assert check_record(old).state == "missing" and present.read_bytes() == content
    assert migrate([tmp_path]) == (2, [])


def test_sizes_of_files_that_are_there_and_unchanged_are_kept(tmp_path):
    path = made(tmp_path)
    record = json.loads(path.read_text(encoding="utf-8"))
    files = record["manifest"]["files"]
    for name in ("schema", "config_sha256", "bytes", "record_sha256"):
        del record["manifest"][name]
    records.write_json(record, path)
    (tmp_path / "means.svg").unlink()
    (tmp_path / "means.md").write_text("other")
    migrate([path])
    sizes = {name: (tmp_path / name).stat().st_size for name in ("means.nc", "means.png")}
    assert (
        records.read_record(path)["manifest"] | {"files": files, "bytes": sizes}
        == records.read_record(path)["manifest"]
    )


def test_one_that_cannot_be_read_leaves_all_as_they_were(tmp_path):
    for name, text in (("a.json", OLD_RECORD.read_text()), ("b.json", '{"manifest": {"schema": 99}}')):
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=r"b\.json cannot be read: its schema is 99"):
        migrate([tmp_path])
    assert (tmp_path / "a.json").read_bytes() == OLD_RECORD.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_a_full_disk_leaves_all_as_they_were(tmp_path, monkeypatch):
    for name in ("a.json", "b.json"):
        shutil.copy(OLD_RECORD, tmp_path / name)
    written = []

    def fail_at_the_second(record, path):
        written.append(path)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        return records.write_record(record, path)

    monkeypatch.setattr(migration, "write_record", fail_at_the_second)
    with pytest.raises(OSError, match="No space left"):
        migrate([tmp_path])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("a.json", "b.json"), OLD_RECORD.read_bytes()
    )


def test_the_present_schema_is_that_of_new_records(tmp_path):
    assert records.read_record(made(tmp_path))["manifest"]["schema"] == SCHEMA
