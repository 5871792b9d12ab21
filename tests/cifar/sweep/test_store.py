"""The results file: an older version's is gone on with; foreign folders are refused; a full disk is one line."""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from cifar.__main__ import main
from cifar.analysis.curves import rows
from cifar.analysis.export import export
from cifar.study.presets import PRESETS
from cifar.study.stages import EpochRecord
from cifar.sweep.plan import plan
from cifar.sweep.store import APPLICATION_ID, LAYOUT, Store, check_folder, note_place, place_of, written_alone
from cifar.training.checkpoints import checkpoint_path, read_checkpoint, write_checkpoint
from tests.cifar.made_studies import make_sweep, small
from tests.cifar.sweep.made_sweeps import ROOT, begin, results, tiny_study, work

# As the first version made it, whose user_version is 0.
FIRST = """
PRAGMA journal_mode=WAL;
PRAGMA application_id=1366585209;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE runs (
    key TEXT NOT NULL, arm TEXT NOT NULL, deficit TEXT NOT NULL, batch_size INTEGER NOT NULL, seed INTEGER NOT NULL,
    switch_epoch INTEGER NOT NULL, recipe TEXT NOT NULL, stages TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (arm, deficit, batch_size, seed, switch_epoch, key));
CREATE TABLE units (
    key TEXT PRIMARY KEY, begin_epoch INTEGER NOT NULL, end_epoch INTEGER NOT NULL, device TEXT NOT NULL,
    seconds REAL NOT NULL);
CREATE TABLE epochs (
    unit TEXT NOT NULL, epoch INTEGER NOT NULL, learning_rate REAL NOT NULL, train_loss REAL NOT NULL,
    train_accuracy REAL NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (unit, epoch));
CREATE TABLE measurements (
    unit TEXT NOT NULL, name TEXT NOT NULL, value REAL, standard_error REAL, PRIMARY KEY (unit, name));
"""


def make_first(folder: Path, whole: Path, epochs: int) -> None:
    """A folder as the first version left it: one unit done, another killed after so many epochs, without its epochs.

    That version wrote an epoch into the file, and then a checkpoint that had no epochs in it.
    """
    (folder / "locks").mkdir(parents=True)
    with Store(whole, "read") as store:
        first, second = (unit for unit in plan(store.runs()) if unit.epochs == 2 and unit.parent is None)
    for unit in (first, second):
        state = read_checkpoint(checkpoint_path(whole, unit.key), unit.key)
        del state["epochs"]
        write_checkpoint(state, unit.key, checkpoint_path(folder, unit.key))
        (folder / "locks" / unit.key).touch()
    with sqlite3.connect(folder / "sweep.sqlite", isolation_level=None) as connection:
        connection.executescript(FIRST)
        connection.execute("ATTACH ? AS whole", (str(whole / "sweep.sqlite"),))
        for table in ("facts", "runs"):
            connection.execute(f"INSERT INTO {table} SELECT * FROM whole.{table}")
        connection.execute("INSERT INTO units SELECT * FROM whole.units WHERE key = ?", (first.key,))
        connection.execute("INSERT INTO measurements SELECT * FROM whole.measurements WHERE unit = ?", (first.key,))
        connection.execute("INSERT INTO epochs SELECT * FROM whole.epochs WHERE unit = ?", (first.key,))
        told = second.key, second.begin + epochs
        connection.execute("INSERT INTO epochs SELECT * FROM whole.epochs WHERE unit = ? AND epoch < ?", told)
    connection.close()


def schema(folder: Path) -> tuple[int, set[str]]:
    with sqlite3.connect(folder / "sweep.sqlite") as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        found = connection.execute("PRAGMA user_version").fetchone()[0], tables
    connection.close()
    return found


@pytest.mark.parametrize("epochs", [2, 1, 0])
def test_an_older_versions_folder_is_read_and_gone_on_with(tmp_path, images, uninterrupted, epochs):
    """Also where the epochs of a state are in the file no more: they are trained again."""
    folder = tmp_path / "first"
    make_first(folder, uninterrupted, epochs)
    before = schema(folder)
    assert before[0] == 0 and "failures" not in before[1]
    with Store(folder, "read") as store:
        assert len(store.done()) == 1 and len(store.epochs()) == 2 + epochs and store.failures() == {}
        assert store.runs() == tiny_study().runs(images.checksum)
    assert schema(folder) == before, "reading changes nothing"
    work(folder, images)
    assert results(folder) == results(uninterrupted)
    assert schema(folder) == schema(uninterrupted) == (LAYOUT.schema, before[1] | {"failures"})


def test_a_newer_versions_file_is_refused(tmp_path):
    with Store(tmp_path, "create") as store:
        store.connection.execute(f"PRAGMA user_version={LAYOUT.schema + 1}")
    for mode in ("create", "write", "read"):
        with pytest.raises(ValueError, match=r"results: .* has schema 2, and this version knows 1"):
            Store(tmp_path, mode)


def test_doing_it_again_changes_nothing(images, uninterrupted):
    before = results(uninterrupted)
    with Store(uninterrupted) as store:
        store.add_runs(tiny_study().runs(images.checksum))
    work(uninterrupted, images)
    assert results(uninterrupted) == before


def test_foreign_folders_and_files_are_refused(tmp_path, uninterrupted):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"thesis\.txt"):
        Store(tmp_path, "create")
    with pytest.raises(ValueError, match=r"thesis\.txt"), written_alone(tmp_path, "create"):
        pass
    with pytest.raises(FileNotFoundError, match="replicate"):
        Store(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="replicate"), written_alone(tmp_path / "empty"):
        pass
    assert {path.name for path in tmp_path.rglob("*")} == {"thesis.txt", "empty"}, "nothing is left where it refuses"
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


def test_a_folder_that_nobody_may_write_to_can_be_read(tmp_path, monkeypatch):
    folder = tmp_path / "sweep"
    with make_sweep(folder, small()) as store:
        store.settle()
        done = store.done()
    before = sorted(path.name for path in folder.iterdir())
    folder.chmod(0o555)
    try:
        monkeypatch.setattr(os, "access", lambda *_: False)  # who may do everything asks in vain
        with Store(folder, "read") as store:
            assert store.done() == done
            with pytest.raises(OSError, match="results: cannot write"):
                store.set_facts(more=1)
        assert sorted(path.name for path in folder.iterdir()) == before
    finally:
        folder.chmod(0o755)
    monkeypatch.undo()
    export(folder)  # the control
    assert sorted(path.name for path in folder.iterdir()) != before


def test_a_sweep_ends_well_while_somebody_reads(tmp_path, images):
    """Otherwise it leaves one file, which no reader writes beside."""
    folder = tmp_path / "read"
    begin(folder, images, tiny_study(batch_sizes=(40,), switch_epochs=(0, 1), controls=()))
    with Store(folder, "read") as reader:
        work(folder, images)
        assert len(reader.done()) == 3
    work(folder, images)
    with written_alone(folder) as store:
        store.settle()
    with Store(folder, "read") as reader:
        assert len(reader.done()) == 3
        assert {path.name for path in folder.iterdir()} == {"sweep.sqlite", ".writer", "checkpoints"}


def test_a_full_disk_is_said_in_one_line(tmp_path, images):
    folder = tmp_path / "full"
    begin(folder, images, tiny_study())
    with Store(folder) as store:
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count={pages}")  # what a full disk looks like to SQLite
        with pytest.raises(OSError, match="full") as caught:
            store.set_facts(much="x" * 1_000_000)
        assert "\n" not in str(caught.value)
        assert "much" not in store.facts()


def test_what_is_written_twice_is_there_once(tmp_path):
    with make_sweep(tmp_path / "sweep", small()) as store:
        before = store.runs(), store.done(), store.epochs(), store.measurements(), store.seconds()
        store.add_runs(small().runs("x"))
        unit = plan(store.runs())[0]
        store.write_epochs(unit, [(EpochRecord(0, 0.1, 1.0, 0.5), 2.0)])
        measured = store.measurements()[unit.key]
        store.finish(unit, measured, device="made 1")
        assert (store.runs(), store.done(), store.epochs(), store.measurements(), store.seconds()) == before
        assert store.runs() == small().runs("x")
        assert store.connection.execute("SELECT seconds FROM units WHERE key = ?", (unit.key,)).fetchone() == (
            2.0 * unit.epochs,
        )
        again = EpochRecord(unit.begin, 0.2, 3.0, 0.25)
        store.fail(unit, "made", "", lost=True)
        assert store.failures() == {unit.key: "made"}
        store.finish(unit, measured, device="made 1", epochs=[(again, 7.0)])  # done again after a kill: the last counts
        assert next(row for row in store.epochs() if row[:2] == (unit.key, unit.begin))[2:] == (0.2, 3.0, 0.25, 7.0)
        assert [row[1] for row in store.epochs() if row[0] == unit.key] == list(range(unit.begin, unit.end))
        assert store.failures() == {}


def test_where_the_data_are_is_kept_beside_the_file_that_travels(tmp_path):
    here, data = tmp_path / "results", tmp_path / "images.tar"
    here.mkdir()
    data.touch()
    recorded = {"path": data.name, "source": "made"}
    with pytest.raises(FileNotFoundError, match=r"data: made is not where it was \(images.tar\); say where, by --data"):
        place_of(here, recorded)
    note_place(here, data)
    check_folder(here)
    assert place_of(here, recorded) == data.resolve()
    assert place_of(tmp_path, recorded | {"path": str(data)}) == data, "as an older version wrote it"
    assert place_of(here, recorded | {"path": None}) is None, "the official archive"
    data.unlink()
    with pytest.raises(FileNotFoundError, match=f"was .{data.resolve()}"):
        place_of(here, recorded)


@pytest.mark.parametrize(("facts", "words"), [
    ({}, "data"), ({"data": 3}, "data"), ({"data": {"checksum": "x"}}, "study"),
    ({"data": {"checksum": "x"}, "study": {"name": "x", "gate": 0, "measuring": {}}}, "data, source"),
])  # fmt: skip
def test_a_file_that_lacks_facts_is_refused_in_one_line(tmp_path, facts, words, capsys):
    with Store(tmp_path, "create") as store:
        store.set_facts(**facts)
        store.add_runs(small().runs("x"))
        with pytest.raises(
            ValueError, match=f"results: .*does not say what its {words} is; give the replicate command"
        ) as refused:
            store.needed("data", "study")
        assert "\n" not in str(refused.value)
    for command in ("resume", "report", "export"):
        assert main([command, "--results", str(tmp_path)]) == 2
        said = capsys.readouterr().err
        assert "does not say what its" in said and said.count("\n") == 1


def test_the_committed_pilot_is_read(tmp_path):
    """Its design has changed since: no cooling, the same switch epochs at both batch sizes."""
    shutil.copy(ROOT / "figures" / "cifar_study_pilot.sqlite", tmp_path / "sweep.sqlite")
    with Store(tmp_path, "read") as store:
        found = {row.run.columns: row.accuracy for row in rows(store)}
    late = {size: found["base", "blur", size, 0, 42] - found["base", "blur", size, 0, 0] for size in (32, 128)}
    assert late[128] < -4 and late[32] > 1, "what the docs say of it"


def test_the_committed_study_is_its_presets_and_can_be_gone_on_with(tmp_path):
    """Its runs are those that the preset plans today, so that resume and replicate add to it."""
    shutil.copy(ROOT / "figures" / "cifar_study.sqlite", tmp_path / "sweep.sqlite")
    with Store(tmp_path, "read") as store:
        facts, runs, done = store.needed("data", "study"), store.runs(), store.done()
        trained, total = store.progress(plan(runs))
    study = PRESETS[facts["study"]["name"]]
    study = replace(study, recipe=replace(study.recipe, precision=runs[0].recipe.precision))
    assert [run.key for run in runs] == [run.key for run in study.runs(facts["data"]["checksum"])]
    assert facts["study"]["measuring"] == asdict(study.measuring) and facts["study"]["gate"] == study.gate
    assert len(done) <= len(plan(runs)) and 0 < trained <= total and (tmp_path / "sweep.sqlite").stat().st_size < 2**21
