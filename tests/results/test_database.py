"""Files of SQLite: whole, ours, of a known schema, and one writer's."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from slt_toys.results import database
from slt_toys.results.database import Database, Layout, Taken, only_writer

FACTS = "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT);"
OLD = Layout(77, f"{FACTS} CREATE TABLE runs (k INTEGER)", (), "trial", "--out")


def _add_column(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE runs ADD COLUMN seconds REAL")


def _rename(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE runs RENAME COLUMN k TO seed")


def _break(connection: sqlite3.Connection) -> None:
    connection.execute("nonsense")


NEW_TABLES = f"{FACTS} CREATE TABLE runs (seed INTEGER, seconds REAL)"
NEW = Layout(77, NEW_TABLES, (_add_column, _rename), "trial", "--out")


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "trial.sqlite"
    with Database(path, OLD, "create") as made, made.writing() as connection:
        connection.executemany("INSERT INTO runs VALUES (?)", [(1,), (2,)])
    return path


def test_an_older_schema_is_read_as_the_new_one_and_left_as_it_is(old):
    before = old.read_bytes()
    with Database(old, NEW, "read") as read:
        assert read.connection.execute("SELECT seed, seconds FROM runs").fetchall() == [(1, None), (2, None)]
    assert old.read_bytes() == before


def test_an_older_schema_is_brought_up_to_date_in_one_step(old):
    broken = Layout(77, NEW_TABLES, (_add_column, _break), "trial", "--out")
    with pytest.raises((ValueError, OSError)):
        Database(old, broken)
    with Database(old, OLD) as unchanged:  # all migrations or none
        assert [row[1] for row in unchanged.connection.execute("PRAGMA table_info(runs)")] == ["k"]
    with Database(old, NEW) as written:
        assert written.connection.execute("SELECT seed, seconds FROM runs").fetchall() == [(1, None), (2, None)]
    with Database(old, NEW) as again:
        assert again.connection.execute("PRAGMA user_version").fetchone() == (2,)
    with pytest.raises(ValueError, match="has schema 2, and this version knows 0 at most"):
        Database(old, OLD)
    with pytest.raises(ValueError, match="has schema 2, and this version knows 0 at most"):
        Database(old, OLD, "read")


@pytest.mark.parametrize("content", [b"", b"no database at all, but a text", os.urandom(4096)])
def test_what_is_no_database_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "trial.sqlite"
    path.write_bytes(content)
    for mode in ("write", "read"):
        with pytest.raises(ValueError, match="is no trial") as refused:
            Database(path, OLD, mode)
        assert "\n" not in str(refused.value) and path.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "trial.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    for mode in ("create", "write", "read"):
        with pytest.raises(ValueError, match="another program's database"):
            Database(path, OLD, mode)
    assert path.read_bytes() == before


def test_a_folder_without_leave_to_write_can_be_read(old, monkeypatch):
    with Database(old, OLD) as settled:
        settled.settle()
    monkeypatch.setattr(database.os, "access", lambda *_: False)  # who may do everything is never refused by the system
    names = sorted(os.listdir(old.parent))
    with Database(old, OLD, "read") as read:
        assert read.connection.execute("SELECT count(*) FROM runs").fetchone() == (2,)
        with pytest.raises(sqlite3.OperationalError):
            read.connection.execute("DELETE FROM runs")
    assert sorted(os.listdir(old.parent)) == names


def test_what_a_killed_writer_left_beside_the_file_is_read_without_leave_to_write(old, monkeypatch):
    """Rows that are in the log alone: a reader that took the file for all there is would miss them."""
    code = (
        "import os, sys; from pathlib import Path; from tests.results.test_database import OLD, Database\n"
        "with Database(Path(sys.argv[1]), OLD) as written:\n"
        "    with written.writing() as connection: connection.execute('INSERT INTO runs VALUES (3)')\n"
        "    os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(old)], check=False)
    assert Path(f"{old}-wal").stat().st_size > 0
    monkeypatch.setattr(database.os, "access", lambda *_: False)
    with Database(old, OLD, "read") as read:
        assert read.connection.execute("SELECT count(*) FROM runs").fetchone() == (3,)


def test_a_transaction_is_whole_or_absent(old):
    with Database(old, OLD) as written:
        with pytest.raises(RuntimeError), written.writing() as connection:
            connection.execute("DELETE FROM runs")
            raise RuntimeError
        assert written.connection.execute("SELECT count(*) FROM runs").fetchone() == (2,)


def test_a_full_disk_is_said_in_one_line_and_changes_nothing(old):
    """The system refuses every byte beyond a limit, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    usual = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Database(old, OLD) as written:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
            with pytest.raises(OSError, match=r"--out: cannot write to .*; make room") as refused:
                written.set_facts(large="x" * 1_000_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, usual)
        assert "\n" not in str(refused.value) and written.facts() == {}
        written.set_facts(large="x" * 1_000_000)  # once there is room
        assert list(written.facts()) == ["large"]


def test_a_second_writer_is_refused_and_a_killed_one_frees_the_folder(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from slt_toys.results.database import only_writer\n"
        "with only_writer(Path(sys.argv[1]), argument='--out'): print('mine', flush=True); time.sleep(600)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline() == "mine\n"
        with (
            pytest.raises(Taken, match=f"is being written to by process {other.pid}; wait for it"),
            only_writer(tmp_path, argument="--out"),
        ):
            pass
    finally:
        other.kill()
        other.wait()
    with only_writer(tmp_path, argument="--out"):
        pass
