"""The results of a sweep: one SQLite file, which an interrupted or killed writer leaves whole.

Everything is keyed by the state it belongs to, so that writing it again writes the same. Only the driver of a sweep
writes; anybody may read meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from cifar.study.arms import RUN_COLUMNS, Run
from cifar.study.recipes import check_one_recipe
from cifar.study.stages import EpochRecord, Recipe, Stage
from cifar.sweep.plan import Unit
from slt_toys.results.database import Database, Layout, only_writer

RESULTS = Path("results/cifar")
CACHE = Path("results/cifar-data")  # for archives that are fetched
NAME = "sweep.sqlite"
APPLICATION_ID = 0x51746F79
IMAGES, RUNNING = "images.pt", "running"
PLACE = "images.path"  # where this machine has the data: the results file, which travels, knows the name only
# What a results folder may hold, by the start of the name; the last are what a report writes. Locks are an older
# version's.
OWN = (
    NAME, ".writer", IMAGES, PLACE, RUNNING, "checkpoints", "locks", "cifar_replication.", ".cifar_replication.",
    "cifar_minutes.", ".cifar_minutes.", "cifar_study", ".cifar_study", "cifar_slots.", ".cifar_slots.",
    "cifar_decays.", ".cifar_decays.", "export.", ".export.",
)  # fmt: skip

NEEDED = {
    "data": ("checksum", "source", "train_images", "test_images", "path"), "study": ("name", "gate", "measuring"),
}  # fmt: skip

Measurements = Mapping[str, tuple[float, float | None]]  # name to value and standard error
TimedEpoch = tuple[EpochRecord, float]  # and the seconds that it took

_FAILURES = """
CREATE TABLE failures (unit TEXT PRIMARY KEY, reason TEXT NOT NULL, trace TEXT NOT NULL, lost INTEGER NOT NULL)
"""
_TABLES = f"""
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
{_FAILURES}
"""


def _add_failures(connection: sqlite3.Connection) -> None:
    """From the first schema, in which workers wrote for themselves, to the one with failures."""
    connection.execute(_FAILURES)


LAYOUT = Layout(APPLICATION_ID, _TABLES, (_add_failures,), "results file", "results")


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


def _check_there(folder: Path, mode: str) -> None:
    check_folder(folder)
    if mode != "create" and not (folder / NAME).is_file():
        raise FileNotFoundError(f"results: there is no sweep in {folder}; start one with replicate")


class Store(Database):
    """An open results file; a context manager. See `slt_toys.results.database.Database`.

    Parameters
    ----------
    folder
        The results folder; it must exist.
    mode
        As for every database.

    Raises
    ------
    ValueError
        If the folder holds what no sweep wrote, or the file is no results file.
    FileNotFoundError
        If there is none and none may be created.
    """

    def __init__(self, folder: Path, mode: Literal["create", "write", "read"] = "write") -> None:
        _check_there(folder, mode)
        self.folder = folder
        super().__init__(folder / NAME, LAYOUT, mode)

    def needed(self, *names: str) -> dict[str, Any]:
        """The facts, of which some are needed.

        Raises
        ------
        ValueError
            In one line, if the file lacks one of these: a command was killed before it had written it.
        """
        facts = self.facts()
        lacking = [name for name in names if not isinstance(facts.get(name), dict)]
        lacking += [f"{name}, {part}" for name in names if name not in lacking for part in NEEDED.get(name, ())
                    if part not in facts[name]]  # fmt: skip
        if lacking:
            raise ValueError(
                f"results: {self.path} does not say what its {lacking[0]} is; give the replicate command that began it "
                "once more, which keeps what is done"
            )
        return facts

    def note_code(self, version: str) -> None:
        """Write which version of the code trains from now on, beside those that did."""
        known = self.facts().get("code", [])
        if version not in known:
            self.set_facts(code=[*known, version])

    def add_runs(self, runs: Iterable[Run]) -> None:
        """Add runs to the sweep, in the order in which they are to be done; those it has are left as they are.

        Raises
        ------
        ValueError
            If they are of another recipe than the runs it has; nothing is added then.
        """
        runs = list(runs)
        check_one_recipe(self.runs(), runs, source=self.folder)
        with self.writing() as connection:
            (position,) = connection.execute("SELECT coalesce(max(position), -1) + 1 FROM runs").fetchone()
            rows = []
            for number, run in enumerate(runs, position):
                parts = run.recipe.told(), [part.told() for part in run.stages]
                rows.append((run.key, *run.columns, *(json.dumps(part, sort_keys=True) for part in parts), number))
            connection.executemany("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def runs(self) -> list[Run]:
        """All runs, in the order in which they are to be done.

        Raises
        ------
        ValueError
            If they are of more than one recipe (`cifar.study.recipes`), as an older version could mix them.
        """
        rows = self.connection.execute(f"SELECT {', '.join(RUN_COLUMNS)}, recipe, stages FROM runs ORDER BY position")
        runs = []
        for arm, deficit, batch_size, seed, switch, recipe, parts in rows:
            made = Recipe(**json.loads(recipe)), tuple(Stage(**part) for part in json.loads(parts))
            runs.append(Run(arm, deficit, batch_size, seed, switch, *made))
        check_one_recipe(runs, source=self.folder)
        return runs

    def done(self) -> set[str]:
        """Keys of the units that are done."""
        return {key for (key,) in self.connection.execute("SELECT key FROM units")}

    def write_epochs(self, unit: Unit, epochs: Iterable[TimedEpoch]) -> None:
        """Write epochs of a unit."""
        with self.writing() as connection:
            _insert_epochs(connection, unit, epochs)

    def finish(self, unit: Unit, measurements: Measurements, *, device: str, epochs: Iterable[TimedEpoch] = ()) -> None:
        """Write the last epochs of a unit, what was measured at its end, and that it is done: all of it, or nothing."""
        with self.writing() as connection:
            _insert_epochs(connection, unit, epochs)
            rows = [(unit.key, name, value, error) for name, (value, error) in measurements.items()]
            connection.executemany("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?)", rows)
            connection.execute(
                "INSERT OR REPLACE INTO units SELECT ?, ?, ?, ?, coalesce(sum(seconds), 0) FROM epochs WHERE unit = ?",
                (unit.key, unit.begin, unit.end, device, unit.key),
            )
            connection.execute("DELETE FROM failures WHERE unit = ?", (unit.key,))

    def fail(self, unit: Unit, reason: str, trace: str, *, lost: bool) -> None:
        """Write why a unit could not be done, and whether its worker was lost with it."""
        with self.writing() as connection:
            row = (unit.key, reason, trace, lost)
            connection.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)", row)

    def failures(self) -> dict[str, str]:
        """Why units could not be done, by unit."""
        return dict(self.connection.execute("SELECT unit, reason FROM failures"))

    def measurements(self) -> dict[str, dict[str, tuple[float, float | None]]]:
        """What was measured, by unit and name: value and standard error."""
        measured: dict[str, dict[str, tuple[float, float | None]]] = {}
        for unit, name, value, error in self.connection.execute("SELECT * FROM measurements ORDER BY unit, name"):
            measured.setdefault(unit, {})[name] = (value, error)
        return measured

    def epochs(self) -> list[tuple[str, int, float, float, float, float]]:
        """Every epoch: unit, epoch, learning rate, train loss, train accuracy, seconds."""
        return list(self.connection.execute("SELECT * FROM epochs ORDER BY unit, epoch"))

    def epochs_done(self) -> dict[str, int]:
        """How many epochs are written, by unit."""
        return dict(self.connection.execute("SELECT unit, count(*) FROM epochs GROUP BY unit"))

    def known(self, unit: Unit) -> int:
        """The epoch before which every epoch of a unit is written."""
        written = self.connection.execute("SELECT epoch FROM epochs WHERE unit = ?", (unit.key,))
        epochs = {epoch for (epoch,) in written}
        return next(epoch for epoch in range(unit.begin, unit.end + 1) if epoch not in epochs or epoch == unit.end)

    def progress(self, units: Iterable[Unit]) -> tuple[int, int]:
        """How many epochs of some units are written, and how many they have."""
        written = self.epochs_done()
        pairs = [(min(written.get(unit.key, 0), unit.epochs), unit.epochs) for unit in units]
        return sum(done for done, _ in pairs), sum(epochs for _, epochs in pairs)

    def seconds(self) -> float:
        """Spent training, by all workers together."""
        return float(self.connection.execute("SELECT coalesce(sum(seconds), 0) FROM epochs").fetchone()[0])

    def size(self) -> int:
        """Bytes of the results file, once all is in it."""
        pages = self.connection.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(pages.fetchone()[0])

    def devices(self) -> tuple[str, ...]:
        """What the units were done on."""
        return tuple(name for (name,) in self.connection.execute("SELECT DISTINCT device FROM units ORDER BY device"))


def _insert_epochs(connection: sqlite3.Connection, unit: Unit, epochs: Iterable[TimedEpoch]) -> None:
    rows = [
        (unit.key, record.epoch, record.learning_rate, record.train_loss, record.train_accuracy, seconds)
        for record, seconds in epochs
    ]
    connection.executemany("INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?, ?)", rows)


def note_place(folder: Path, data: Path) -> None:
    """Write where this machine has the data of the sweep."""
    from slt_toys.results.records import write_bytes_atomically  # loads what status does not need

    write_bytes_atomically(str(data.resolve()).encode(), folder / PLACE)


def place_of(folder: Path, recorded: Mapping[str, Any]) -> Path | None:
    """Where the data of a sweep are, by its facts of them; None for the official archive.

    Raises
    ------
    FileNotFoundError
        If they are not on this machine, or nobody knows where.
    """
    if not recorded["path"]:
        return None
    noted = folder / PLACE
    path = Path(noted.read_text(encoding="utf-8") if noted.is_file() else recorded["path"])
    if not path.exists():
        raise FileNotFoundError(f"data: {recorded['source']} is not where it was ({path}); say where, by --data")
    return path


@contextmanager
def written_alone(folder: Path, mode: Literal["create", "write"] = "write") -> Iterator[Store]:
    """The results file, and nobody else who writes to the folder meanwhile.

    Raises
    ------
    ValueError, FileNotFoundError
        As `Store`, and if another process has the folder; nothing is written then.
    """
    _check_there(folder, mode)  # before a lock is left in a folder that is another's
    with only_writer(folder, argument="results"), Store(folder, mode) as store:
        yield store
