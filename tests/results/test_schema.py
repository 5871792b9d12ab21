"""Records have a schema and a checksum of themselves; older ones are read, newer ones refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from slt_toys.results import records
from slt_toys.results.canonical import canonical_hash
from slt_toys.results.schema import (
    CHECKSUM,
    MIGRATIONS,
    SCHEMA,
    checksum_of,
    configuration_hash,
    migrated,
    record_fault,
    schema_of,
    sealed,
)
from tests.results.made_records import OLD_RECORD, Settings


def old_record() -> dict[str, Any]:
    return json.loads(OLD_RECORD.read_text(encoding="utf-8"))


def whole_record() -> dict[str, Any]:
    return sealed(migrated(old_record()))


def holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of nested lists and objects: what holds it, and the key."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from holders(value[key])


def test_an_old_record_says_the_same_in_the_present_schema():
    old, new = old_record(), migrated(old_record())
    assert schema_of(old) == 1 and "schema" not in old["manifest"]
    assert schema_of(new) == new["manifest"]["schema"] == SCHEMA == 2
    assert {name: new[name] for name in old if name != "manifest"} == {k: v for k, v in old.items() if k != "manifest"}
    assert {name: new["manifest"][name] for name in old["manifest"]} == old["manifest"]
    assert new["manifest"]["cpu_time_seconds"] is None
    assert new["manifest"]["config_sha256"] == canonical_hash({"seed": 0})
    assert old == old_record(), "a migration leaves alone what it is given"
    assert migrated(new) == new
    assert records.read_record(OLD_RECORD) == new


def test_every_older_schema_has_a_way_to_the_present_one():
    assert set(MIGRATIONS) == set(range(1, SCHEMA))


def test_any_change_anywhere_is_seen():
    whole = whole_record()
    assert record_fault(whole) == "" and whole["manifest"][CHECKSUM] == checksum_of(whole)
    places = len(list(holders(whole)))
    assert places > 80
    for number in range(places):
        for change in ("other", "gone", "renamed"):
            changed = copy.deepcopy(whole)
            holder, key = list(holders(changed))[number]
            if change == "other":
                holder[key] = [holder[key]]
            elif change == "gone" or isinstance(holder, list):
                del holder[key]
            else:
                holder[f"{key}_"] = holder.pop(key)
            with pytest.raises((ValueError, AssertionError)):
                assert schema_of(changed) == SCHEMA and record_fault(changed) == ""


def test_a_checksum_without_a_schema_is_no_old_record():
    whole = whole_record()
    del whole["manifest"]["schema"]
    assert "says it is of schema 1" in record_fault(whole)


def test_folders_alone_are_no_part_of_a_configuration():
    config = {"seed": 0, "chains": 10, "out": "a", "docs": None}
    assert configuration_hash(config) == configuration_hash({"chains": 10.0, "seed": 0, "out": "b"})
    assert configuration_hash(config) != configuration_hash(config | {"chains": 11})
    assert configuration_hash(config) != configuration_hash(config | {"seed": 1})
    assert configuration_hash(Settings()) == canonical_hash(Settings())
    assert configuration_hash({"inner": {"out": 1}}) != configuration_hash({"inner": {"out": 2}})


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({"schema": 3}, "its schema is 3, newer than 2, the newest known; use a newer slt-toys"),
        ({"schema": "2"}, "its schema is '2', which is no whole number"),
        ({"schema": True}, "its schema is True"),
        ({"schema": 0}, "its schema is 0"),
        (None, "it is no record: it has no manifest"),
        ({"schema": 2}, "cannot be trusted: it has no record_sha256"),
    ],
)
def test_what_is_no_record_of_a_known_schema_is_refused_in_one_line(tmp_path, manifest, message):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"claims": [], **({} if manifest is None else {"manifest": manifest})}))
    with pytest.raises(ValueError, match=message) as refusal:
        records.read_record(path)
    assert str(refusal.value).startswith(f"path: {path} ") and "\n" not in str(refusal.value)


def test_a_dataset_beside_a_record_of_a_newer_schema_is_refused(tmp_path):
    from tests.results.test_records import example_dataset

    records.write_dataset(example_dataset(), tmp_path / "x.nc")
    (tmp_path / "x.json").write_text(json.dumps({"manifest": {"schema": 99, "checksums": {}}}))
    with pytest.raises(ValueError, match="its schema is 99, newer than 2"):
        records.read_dataset(tmp_path / "x.nc")
