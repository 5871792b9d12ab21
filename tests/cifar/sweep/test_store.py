"""The results file refuses foreign folders and says a full disk in one line."""

from __future__ import annotations

import sqlite3

import pytest

from cifar.study.stages import EpochRecord
from cifar.sweep.plan import plan
from cifar.sweep.store import APPLICATION_ID, Store
from cifar.sweep.sweep import work
from tests.cifar.made_studies import make_sweep, small
from tests.cifar.sweep.made_sweeps import MEASURING, begin, results, tiny_study


def test_doing_it_again_changes_nothing(images, uninterrupted):
    before = results(uninterrupted)
    with Store(uninterrupted) as store:
        store.add_runs(tiny_study().runs(images.checksum))
    work(uninterrupted, images, MEASURING, "cpu", 1)
    assert results(uninterrupted) == before


def test_foreign_folders_and_files_are_refused(tmp_path, uninterrupted):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"thesis\.txt"):
        Store(tmp_path, create=True)
    with pytest.raises(FileNotFoundError, match="replicate"):
        Store(tmp_path / "absent")
    other = tmp_path / "other"
    other.mkdir()
    with sqlite3.connect(other / "sweep.sqlite") as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(ValueError, match="another program"):
        Store(other)
    (other / "sweep.sqlite").write_bytes(b"no database at all, and long enough to be looked at" * 20)
    with pytest.raises(ValueError, match="no results file"):
        Store(other)
    assert sqlite3.connect(uninterrupted / "sweep.sqlite").execute("PRAGMA application_id").fetchone() == (
        APPLICATION_ID,
    )


def test_a_full_disk_is_said_in_one_line(tmp_path, images):
    folder = tmp_path / "full"
    begin(folder, images, tiny_study())
    with Store(folder) as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count={pages}")  # what a full disk looks like to SQLite
        with pytest.raises(OSError, match="full") as caught:
            store.set_facts(much="x" * 1_000_000)
        assert "\n" not in str(caught.value)
        assert "much" not in store.facts()


def test_what_is_written_twice_is_there_once(tmp_path):
    with make_sweep(tmp_path / "sweep", small()) as store:
        before = store.runs(), store.done(), store.epochs(), store.measurements(), store.seconds()
        store.add_runs(small().runs("x"))
        unit = plan(store.runs())[0]
        store.write_epoch(unit, EpochRecord(0, 0.1, 1.0, 0.5), 2.0)
        measured = store.measurements()[unit.key]
        store.finish(unit, measured, device="made 1")
        assert (store.runs(), store.done(), store.epochs(), store.measurements(), store.seconds()) == before
        assert store.runs() == small().runs("x")
        assert store._connection.execute("SELECT seconds FROM units WHERE key = ?", (unit.key,)).fetchone() == (
            2.0 * unit.epochs,
        )
        again = EpochRecord(unit.begin, 0.2, 3.0, 0.25)
        store.write_epoch(unit, again, 7.0)  # done again after a kill: the last counts
        assert next(row for row in store.epochs() if row[:2] == (unit.key, unit.begin))[2:] == (0.2, 3.0, 0.25, 7.0)
        assert [row[1] for row in store.epochs() if row[0] == unit.key] == list(range(unit.begin, unit.end))
