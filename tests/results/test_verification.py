"""A flipped byte anywhere is found, and so is what is missing, cut short or not named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from slt_toys.results import records
from slt_toys.results.schema import SCHEMA, sealed, text_of
from slt_toys.results.verification import Checked, check_record, extra_files, find_records
from tests.results.made_records import OLD_RECORD, made
from tests.seeds import fresh_generator

FILES = ("means.nc", "means.png", "means.svg", "means.md")
SPACE = b" \t\r\n"


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    return made(tmp_path_factory.mktemp("kept")).parent


@pytest.fixture
def folder(kept, tmp_path) -> Path:
    """A copy of the folder that a test may damage."""
    return Path(shutil.copytree(kept, tmp_path / "copy"))


def kinds(checked: Checked) -> list[tuple[str, str]]:
    return [(fault.path.name, fault.kind) for fault in checked.faults]


def test_a_folder_as_it_was_written_has_no_fault(folder):
    checked = check_record(folder / "means.json")
    assert checked.faults == () and checked.state == "ok" and checked.record is not None
    assert {path.name for path in folder.iterdir()} == {"means.json", *FILES}
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert checked.size == sum(sizes.values())
    assert checked.record["manifest"]["bytes"] == {name: sizes[name] for name in FILES}
    assert checked.record["manifest"]["schema"] == SCHEMA
    assert extra_files([checked], [folder]) == []


@pytest.mark.parametrize("each", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_flip_anywhere_in_the_record_is_found(folder, each):
    path, masks = folder / "means.json", fresh_generator()
    content = path.read_bytes()
    spaces = 0
    for place in range(int(masks.integers(each)), len(content), each):
        byte = content[place]
        # The case of a letter, as in 1e-05, and one space for another change no value.
        swapped = {32: 9, 10: 32}.get(byte, byte ^ 0x20)
        for other in {swapped, byte ^ int(masks.integers(1, 256))}:
            path.write_bytes(content[:place] + bytes([other]) + content[place + 1 :])
            checked = check_record(path)
            assert checked.faults, (place, byte, other)
            if byte in SPACE and other in SPACE and checked.state == "laid out anew":
                spaces += 1
                records.read_record(path)  # its values are whole
    assert spaces > 100 / each


@pytest.mark.parametrize("name", FILES)
def test_a_flip_anywhere_in_a_file_is_found(folder, name):
    path, generator = folder / name, fresh_generator()
    content = path.read_bytes()
    places = {0, len(content) - 1, *generator.integers(0, len(content), 300).tolist()}
    for place in places:
        changed = bytearray(content)
        changed[place] ^= int(generator.integers(1, 256))
        path.write_bytes(changed)
        assert kinds(check_record(folder / "means.json")) == [(name, "changed")]


@pytest.mark.parametrize("name", ["means.json", *FILES])
def test_cut_short_at_any_length_is_found(folder, name):
    path, content = folder / name, (folder / name).read_bytes()
    for length in {0, 1, len(content) - 1, *fresh_generator().integers(0, len(content), 50).tolist()}:
        path.write_bytes(content[:length])
        expected = (name, "changed") if name == "means.json" else (name, "truncated")
        if name == "means.json" and length == len(content) - 1:  # the last line's end
            expected = (name, "laid out anew")
        assert kinds(check_record(folder / "means.json")) == [expected]
    path.write_bytes(content + b"\n")
    expected = (name, "laid out anew" if name == "means.json" else "changed")
    assert kinds(check_record(folder / "means.json")) == [expected]


def test_missing_and_extra_files_are_named(folder):
    (folder / "means.svg").unlink()
    (folder / "left.csv").write_text("a")
    (folder / ".hidden").write_text("a")
    (folder / "sweep.sqlite").write_text("a")
    checked = check_record(folder / "means.json")
    assert kinds(checked) == [("means.svg", "missing")] and checked.state == "missing"
    assert [fault.path.name for fault in extra_files([checked], [folder])] == ["left.csv"]
    (folder / "means.json").unlink()
    assert sorted(fault.path.name for fault in extra_files([], [folder])) == [
        "left.csv", "means.md", "means.nc", "means.png",
    ]  # fmt: skip


def test_other_layouts_of_the_same_values_are_told_apart_from_other_values(folder):
    path = folder / "means.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    layouts: tuple[dict[str, Any], ...] = ({"indent": 1}, {"sort_keys": True}, {"ensure_ascii": True})
    for layout in layouts:
        options: dict[str, Any] = {"ensure_ascii": False, **layout}
        path.write_text(json.dumps(record, **options), encoding="utf-8")
        assert kinds(check_record(path)) == [("means.json", "laid out anew")]
    record["claims"][0]["value"] += 1e-9
    records.write_bytes_atomically(text_of(record).encode(), path)
    assert kinds(check_record(path)) == [("means.json", "changed")]
    with pytest.raises(ValueError, match="cannot be trusted: it is not what was written"):
        records.read_record(path)


def test_an_old_and_a_newer_record_are_named_as_such(folder):
    (folder / "old.json").write_bytes(OLD_RECORD.read_bytes())
    checked = check_record(folder / "old.json")
    assert checked.state == "missing, old schema"
    record = json.loads((folder / "means.json").read_text())
    record["manifest"]["schema"] = SCHEMA + 1
    (folder / "new.json").write_text(json.dumps(record))
    assert check_record(folder / "new.json").state == "newer schema"


@pytest.mark.parametrize("name", ["../means.nc", "a/b.nc", "..", "", "a\\b"])
def test_a_file_elsewhere_is_not_looked_for(folder, name):
    record = json.loads((folder / "means.json").read_text())
    record["manifest"]["files"] = {name: "0"}
    with pytest.raises(ValueError, match="a record's files lie beside it"):
        records.write_record(record, folder / "means.json")
    records.write_bytes_atomically(text_of(sealed(record)).encode(), folder / "means.json")
    checked = check_record(folder / "means.json")
    assert kinds(checked) == [("means.json", "changed")] and "no file beside it" in checked.faults[0].told


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", "null", "[" * 100_000, '{"manifest": 3}', '{"manifest": {"schema": {}}}']
)
def test_what_is_no_record_is_a_fault_and_no_traceback(folder, text):
    (folder / "other.json").write_text(text)
    assert check_record(folder / "other.json").state == "changed"


def test_records_are_found_below_a_folder_once_each(folder):
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    shutil.copy(folder / "means.json", below / "means.json")
    for hidden in (folder / ".hidden", folder / "study.cases"):
        hidden.mkdir()
        (hidden / "x.json").write_text("{}")
    found = [folder / "means.json", below / "means.json"]
    assert find_records([folder]) == find_records([folder, below, below / "means.json"]) == found
    assert find_records([below / "means.json"]) == found[1:]
    (folder / "empty").mkdir()
    for place, message in (
        (folder / "empty", "holds no record"),
        (folder / "means.nc", "is no record"),
        (folder / "x", "no file"),
    ):
        with pytest.raises((ValueError, OSError), match=message) as refusal:
            find_records([place])
        assert "\n" not in str(refusal.value)
