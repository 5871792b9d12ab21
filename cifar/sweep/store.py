"""The results of a sweep: one SQLite file, which an interrupted or killed writer leaves whole.

Everything is keyed by the state it belongs to, so that writing it again writes the same.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cifar.study.arms import RUN_COLUMNS, Run
from cifar.study.recipes import check_one_recipe
from cifar.study.stages import EpochRecord, Recipe, Stage
from cifar.sweep.plan import Unit

RESULTS = Path("results/cifar")
CACHE = Path("results/cifar-data")  # for archives that are fetched
NAME = "sweep.sqlite"
APPLICATION_ID = 0x51746F79
# What a results folder may hold, by the start of the name; the last are what a report writes.
OWN = (NAME, "checkpoints", "locks", "cifar_replication.", ".cifar_replication.", "export.", ".export.")

Measurements = Mapping[str, tuple[float, float | None]]  # name to value and standard error

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
    key TEXT NOT NULL, arm TEXT NOT NULL, deficit TEXT NOT NULL, batch_size INTEGER NOT NULL, seed INTEGER NOT NULL,
    switch_epoch INTEGER NOT NULL, recipe TEXT NOT NULL, stages TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (arm, deficit, batch_size, seed, switch_epoch, key));
CREATE TABLE IF NOT EXISTS units (
    key TEXT PRIMARY KEY, begin_epoch INTEGER NOT NULL, end_epoch INTEGER NOT NULL, device TEXT NOT NULL,
    seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS epochs (
    unit TEXT NOT NULL, epoch INTEGER NOT NULL, learning_rate REAL NOT NULL, train_loss REAL NOT NULL,
    train_accuracy REAL NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (unit, epoch));
CREATE TABLE IF NOT EXISTS measurements (
    unit TEXT NOT NULL, name TEXT NOT NULL, value REAL, standard_error REAL, PRIMARY KEY (unit, name));
"""


def check_folder(folder: Path) -> None:
    """Refuse a results folder that holds anything a sweep did not write.

    Raises
    ------
    ValueError
        In one line that names the file.
    """
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(OWN) and not path.name.endswith(".partial"):
            raise ValueError(f"results: {folder} holds {path.name}, which no sweep wrote; name a folder of its own")


class Store:
    """An open results file; a context manager.

    Parameters
    ----------
    folder
        The results folder; it must exist.
    create
        Whether to begin a new file where there is none.

    Raises
    ------
    ValueError
        If the folder holds what no sweep wrote, or the file is no results file.
    FileNotFoundError
        If there is none and none may be created.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        check_folder(folder)
        self.folder, self.path = folder, folder / NAME
        if not self.path.is_file() and not create:
            raise FileNotFoundError(f"results: there is no sweep in {folder}; start one with replicate")
        try:
            self._connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            written_by = self._connection.execute("PRAGMA application_id").fetchone()[0]
            tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if tables and written_by != APPLICATION_ID:
                raise ValueError(f"results: {self.path} is another program's database; name a folder of its own")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            if not tables:
                self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                self._connection.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            raise ValueError(f"results: {self.path} is no results file ({error}); name a folder of its own") from None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, or nothing.

        Raises
        ------
        OSError
            In one line, if the disk is full or cannot be written to.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if not isinstance(error, sqlite3.OperationalError):
                raise
            raise OSError(f"results: cannot write to {self.path} ({error}); make room or name another folder") from None

    def facts(self) -> dict[str, Any]:
        """What is true of the whole sweep, by name."""
        return {name: json.loads(value) for name, value in self._connection.execute("SELECT name, value FROM facts")}

    def set_facts(self, **facts: Any) -> None:
        """Write facts about the whole sweep."""
        with self._writing() as connection:
            rows = [(name, json.dumps(value)) for name, value in facts.items()]
            connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    def add_runs(self, runs: Iterable[Run]) -> None:
        """Add runs to the sweep, in the order in which they are to be done; those it has are left as they are.

        Raises
        ------
        ValueError
            If they are of another recipe than the runs it has; nothing is added then.
        """
        runs = list(runs)
        check_one_recipe(self.runs(), runs, source=self.folder)
        with self._writing() as connection:
            (position,) = connection.execute("SELECT coalesce(max(position), -1) + 1 FROM runs").fetchone()
            rows = []
            for number, run in enumerate(runs, position):
                parts = asdict(run.recipe), [asdict(part) for part in run.stages]
                rows.append((run.key, *run.columns, *(json.dumps(part, sort_keys=True) for part in parts), number))
            connection.executemany("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def runs(self) -> list[Run]:
        """All runs, in the order in which they are to be done.

        Raises
        ------
        ValueError
            If they are of more than one recipe (`cifar.study.recipes`), as an older version could mix them.
        """
        rows = self._connection.execute(f"SELECT {', '.join(RUN_COLUMNS)}, recipe, stages FROM runs ORDER BY position")
        runs = []
        for arm, deficit, batch_size, seed, switch, recipe, parts in rows:
            made = Recipe(**json.loads(recipe)), tuple(Stage(**part) for part in json.loads(parts))
            runs.append(Run(arm, deficit, batch_size, seed, switch, *made))
        check_one_recipe(runs, source=self.folder)
        return runs

    def done(self) -> set[str]:
        """Keys of the units that are done."""
        return {key for (key,) in self._connection.execute("SELECT key FROM units")}

    def write_epoch(self, unit: Unit, record: EpochRecord, seconds: float) -> None:
        """Write one epoch of a unit."""
        with self._writing() as connection:
            row = (unit.key, record.epoch, record.learning_rate, record.train_loss, record.train_accuracy, seconds)
            connection.execute("INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?, ?)", row)

    def finish(self, unit: Unit, measurements: Measurements, *, device: str) -> None:
        """Write what was measured at a unit's end, and that it is done."""
        with self._writing() as connection:
            rows = [(unit.key, name, value, error) for name, (value, error) in measurements.items()]
            connection.executemany("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?)", rows)
            connection.execute(
                "INSERT OR REPLACE INTO units SELECT ?, ?, ?, ?, coalesce(sum(seconds), 0) FROM epochs WHERE unit = ?",
                (unit.key, unit.begin, unit.end, device, unit.key),
            )

    def measurements(self) -> dict[str, dict[str, tuple[float, float | None]]]:
        """What was measured, by unit and name: value and standard error."""
        measured: dict[str, dict[str, tuple[float, float | None]]] = {}
        for unit, name, value, error in self._connection.execute("SELECT * FROM measurements ORDER BY unit, name"):
            measured.setdefault(unit, {})[name] = (value, error)
        return measured

    def epochs(self) -> list[tuple[str, int, float, float, float, float]]:
        """Every epoch: unit, epoch, learning rate, train loss, train accuracy, seconds."""
        return list(self._connection.execute("SELECT * FROM epochs ORDER BY unit, epoch"))

    def epochs_done(self) -> dict[str, int]:
        """How many epochs are written, by unit."""
        return dict(self._connection.execute("SELECT unit, count(*) FROM epochs GROUP BY unit"))

    def progress(self, units: Iterable[Unit]) -> tuple[int, int]:
        """How many epochs of some units are written, and how many they have."""
        written = self.epochs_done()
        pairs = [(min(written.get(unit.key, 0), unit.epochs), unit.epochs) for unit in units]
        return sum(done for done, _ in pairs), sum(epochs for _, epochs in pairs)

    def seconds(self) -> float:
        """Spent training, by all workers together."""
        return float(self._connection.execute("SELECT coalesce(sum(seconds), 0) FROM epochs").fetchone()[0])

    def devices(self) -> tuple[str, ...]:
        """What the units were done on."""
        return tuple(name for (name,) in self._connection.execute("SELECT DISTINCT device FROM units ORDER BY device"))


def claim(folder: Path, key: str) -> int | None:
    """Take a unit for this process: a file descriptor to close when it is done, or None if another has it.

    The system frees the lock when the process ends, however it ends.
    """
    import fcntl

    locks = folder / "locks"
    locks.mkdir(exist_ok=True)
    descriptor = os.open(locks / key, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
