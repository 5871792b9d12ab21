from __future__ import annotations

import os
import sqlite3

import numpy as np
import pytest

from slt_toys.results.ledger import LAYOUT, NAME, Kept, Ledger, checksum_of, key_of
from slt_toys.sweep.values import decode, encode, labelled

CODE = {"sources": "a"}


def kept(seed: int, **files: bytes) -> Kept:
    key, text = key_of("made", {"seed": seed})
    return Kept(key, text, encode(labelled({"value": seed / 3})), files, 0.5, "here:1")


@pytest.fixture
def folder(tmp_path):
    with Ledger(tmp_path, "create") as ledger:
        ledger.set_facts(experiment="made")
        ledger.keep(
            CODE, [kept(seed, record=b"text") for seed in range(3)], [(*key_of("made", {"seed": 9}), "no", "", 0)]
        )
        ledger.settle()
    return tmp_path


def test_what_is_kept_comes_back(folder):
    with Ledger(folder, "read") as ledger:
        assert (
            ledger.count() == 3
            and key_of("made", {"seed": 1})[0] in ledger
            and key_of("made", {"seed": 9})[0] not in ledger
        )
        found = ledger.payload(key_of("made", {"seed": 2})[0])
        assert found is not None and decode(found[0]).variables["value"][1] == 2 / 3 and found[1] == 0.5
        assert ledger.payload(key_of("made", {"seed": 9})[0]) is None
        assert ledger.file(key_of("made", {"seed": 2})[0], "record") == b"text"
        assert [failure[1:] for failure in ledger.failures()] == [({"seed": 9}, "no", False)]
        assert ledger.codes() == [CODE] and list(ledger.faults()) == []
        assert sorted(arguments["seed"] for _, arguments in ledger.arguments()) == [0, 1, 2]
    assert sorted(path.name for path in folder.iterdir()) == [NAME]  # settled: nothing beside it


def test_a_success_takes_the_place_of_a_failure(folder):
    with Ledger(folder) as ledger:
        ledger.keep(CODE, [kept(9)])
        assert ledger.failures() == [] and ledger.count() == 4


def test_a_result_is_written_once(folder):
    with Ledger(folder) as ledger, pytest.raises(sqlite3.IntegrityError):
        ledger.keep(CODE, [kept(5), kept(1)])
    with Ledger(folder) as ledger:
        assert ledger.count() == 3  # nor is anything of the batch


@pytest.mark.parametrize("table", ["results", "files"])
@pytest.mark.parametrize("column", ["payload", "arguments", "checksum", "content", "name", "key"])
def test_a_flipped_bit_in_a_row_is_found(folder, table, column):
    connection = sqlite3.connect(folder / NAME)
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    if column not in columns:
        return
    key, value = connection.execute(f"SELECT key, {column} FROM {table} ORDER BY key LIMIT 1").fetchone()
    raw = value if isinstance(value, bytes) else value.encode()
    changed = bytes([raw[0] ^ 1]) + raw[1:]
    where = (changed if isinstance(value, bytes) else changed.decode(), key)
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE key = ?", where)
    connection.commit()
    connection.close()
    with Ledger(folder, "read") as ledger:
        assert len(list(ledger.faults())) == 1
        if table == "results" and column != "key":
            with pytest.raises(ValueError, match="is not what was written"):
                ledger.payload(key)


def test_results_cannot_change_places(folder):
    connection = sqlite3.connect(folder / NAME)
    (a, _, one, *_), (b, _, two, *_), _ = connection.execute("SELECT * FROM results").fetchall()
    connection.execute("UPDATE results SET payload = ? WHERE key = ?", (two, a))
    connection.execute("UPDATE results SET payload = ? WHERE key = ?", (one, b))
    connection.commit()
    connection.close()
    with Ledger(folder, "read") as ledger:
        assert len(list(ledger.faults())) == 2


def test_a_row_with_a_checksum_of_its_own_but_another_key_is_found(folder):
    """Arguments and payload were exchanged together with a checksum that fits: the key is their hash, and does not."""
    connection = sqlite3.connect(folder / NAME)
    key, payload = connection.execute("SELECT key, payload FROM results LIMIT 1").fetchone()
    text = '{"seed":77}'
    connection.execute(
        "UPDATE results SET arguments = ?, checksum = ? WHERE key = ?", (text, checksum_of(key, text, payload), key)
    )
    connection.commit()
    connection.close()
    with Ledger(folder, "read") as ledger:
        assert [fault.split(": ")[1] for fault in ledger.faults()] == [f"the result at {text} is kept as another's"]


def test_keys_follow_from_what_is_computed_alone():
    assert key_of("made", {"a": 1, "b": (2, 3)}) == key_of("made", {"b": [2, 3.0], "a": np.int64(1)})
    texts = {key_of(*each)[0] for each in [("made", {"a": 1}), ("made", {"a": 2}), ("other", {"a": 1}), ("made", {})]}
    assert len(texts) == 4


def test_there_must_be_a_sweep(tmp_path):
    with pytest.raises(FileNotFoundError, match="--out: there is no sweep in"):
        Ledger(tmp_path)
    (tmp_path / NAME).write_bytes(os.urandom(5000))
    with pytest.raises(ValueError, match="is no sweep"):
        Ledger(tmp_path)
    assert LAYOUT.schema == 0
