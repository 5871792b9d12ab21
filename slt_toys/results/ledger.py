"""The ledger of a sweep: one SQLite file that holds every result with a checksum. Only the driver writes to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from .canonical import canonical_hash, canonical_text
from .database import Database, Layout

NAME = "sweep.sqlite"
_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE codes (id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE);
CREATE TABLE results (
    key TEXT PRIMARY KEY, arguments TEXT NOT NULL, payload BLOB NOT NULL, checksum TEXT NOT NULL, seconds REAL NOT NULL,
    worker TEXT NOT NULL, code INTEGER NOT NULL REFERENCES codes (id), finished TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (
    key TEXT NOT NULL, name TEXT NOT NULL, content BLOB NOT NULL, checksum TEXT NOT NULL,
    PRIMARY KEY (key, name)) WITHOUT ROWID;
CREATE TABLE failures (
    key TEXT PRIMARY KEY, arguments TEXT NOT NULL, reason TEXT NOT NULL, trace TEXT NOT NULL, lost INTEGER NOT NULL,
    code INTEGER NOT NULL REFERENCES codes (id), finished TEXT NOT NULL) WITHOUT ROWID
"""
LAYOUT = Layout(0x53574550, _TABLES, (), "sweep", "--out")


@dataclass(frozen=True)
class Kept:
    """One result as it is kept.

    Attributes
    ----------
    key
        Hash of what was computed.
    arguments
        Canonical text of all that the function was called with.
    payload
        As `slt_toys.sweep.values.encode` makes it.
    files
        Content by name.
    seconds
        The unit took.
    worker
        Host and process.
    """

    key: str
    arguments: str
    payload: bytes
    files: Mapping[str, bytes]
    seconds: float
    worker: str


def key_of(experiment: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
    """The key of a unit, and the canonical text of its arguments."""
    return canonical_hash({"experiment": experiment, "arguments": arguments}, "grid"), canonical_text(arguments, "grid")


def checksum_of(key: str, arguments: str, payload: bytes) -> str:
    """SHA-256 of a result together with what it is the result of, so that results cannot change places."""
    return hashlib.sha256(b"\0".join((key.encode(), arguments.encode(), payload))).hexdigest()


class Ledger(Database):
    """The file of a sweep; see `slt_toys.results.database.Database`.

    Parameters
    ----------
    folder
        In which it is.
    mode
        As for every database.
    """

    def __init__(self, folder: Path, mode: Literal["create", "write", "read"] = "write") -> None:
        super().__init__(folder / NAME, LAYOUT, mode)
        self._codes: dict[str, int] = {}

    def __contains__(self, key: object) -> bool:
        return self.connection.execute("SELECT 1 FROM results WHERE key = ?", (key,)).fetchone() is not None

    def keep(self, code: Mapping[str, Any], kept: Sequence[Kept], failures: Sequence[tuple[Any, ...]] = ()) -> None:
        """Write results and failures in one transaction; a unit that succeeds is no failure any more.

        Parameters
        ----------
        code
            What computed them.
        kept
            Results.
        failures
            Key, arguments, reason, trace, and whether the worker was lost.
        """
        # For people to read: nothing is decided by it, for clocks go back.
        now = datetime.now(UTC).isoformat(timespec="seconds")
        text = canonical_text(code)
        with self.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO codes (value) VALUES (?)", (text,))
            (number,) = connection.execute("SELECT id FROM codes WHERE value = ?", (text,)).fetchone()
            for each in kept:
                checksum = checksum_of(each.key, each.arguments, each.payload)
                connection.execute(
                    "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (each.key, each.arguments, each.payload, checksum, each.seconds, each.worker, number, now),
                )
                for name, content in each.files.items():
                    row = (each.key, name, content, checksum_of(each.key, name, content))
                    connection.execute("INSERT INTO files VALUES (?, ?, ?, ?)", row)
                connection.execute("DELETE FROM failures WHERE key = ?", (each.key,))
            connection.executemany(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(*failure, number, now) for failure in failures],
            )

    def payload(self, key: str) -> tuple[bytes, float] | None:
        """A result after it was checked, and its seconds; None where it is not done.

        Raises
        ------
        ValueError
            If it is not what was written.
        """
        row = self.connection.execute(
            "SELECT arguments, payload, checksum, seconds FROM results WHERE key = ?", (key,)
        ).fetchone()
        if row is None:
            return None
        arguments, payload, checksum, seconds = row
        if checksum_of(key, arguments, payload) != checksum:
            raise ValueError(
                f"{LAYOUT.argument}: the result at {arguments} in {self.path} is not what was written; "
                "--repair (repair=True) does it again"
            )
        return payload, seconds

    def file(self, key: str, name: str) -> bytes:
        """Content of a result's file after it was checked.

        Raises
        ------
        ValueError
            If there is none, or it is not what was written.
        """
        row = self.connection.execute(
            "SELECT content, checksum FROM files WHERE key = ? AND name = ?", (key, name)
        ).fetchone()
        if row is None or checksum_of(key, name, row[0]) != row[1]:
            raise ValueError(f"{LAYOUT.argument}: file {name} of {key[:12]} in {self.path} is missing or changed")
        return row[0]

    def arguments(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Key and values of every result."""
        for key, arguments in self.connection.execute("SELECT key, arguments FROM results"):
            yield key, json.loads(arguments)

    def failures(self) -> list[tuple[str, dict[str, Any], str, bool]]:
        """Key, values, reason and whether its worker was lost, of every unit that failed."""
        rows = self.connection.execute("SELECT key, arguments, reason, lost FROM failures ORDER BY arguments")
        return [(key, json.loads(arguments), reason, bool(lost)) for key, arguments, reason, lost in rows]

    def count(self) -> int:
        """Results."""
        return int(self.connection.execute("SELECT count(*) FROM results").fetchone()[0])

    def codes(self) -> list[dict[str, Any]]:
        """What computed the results, by the order of their first result."""
        return [json.loads(value) for (value,) in self.connection.execute("SELECT value FROM codes ORDER BY id")]

    def drop_changed(self) -> int:
        """Forget results that are not what was written, and those of changed files; how many."""
        changed = {key for key, _ in self._changed()}
        with self.writing() as connection:
            for table in ("results", "files"):
                connection.executemany(f"DELETE FROM {table} WHERE key = ?", [(key,) for key in changed])
        return len(changed)

    def faults(self) -> Iterator[str]:
        """What is wrong with the file, a line each: structure, then every result and file against its checksum."""
        for (said,) in self.connection.execute("PRAGMA integrity_check"):
            if said != "ok":
                yield f"{self.path.name}: {said}"
        for _, said in self._changed():
            yield f"{self.path.name}: {said}"

    def _changed(self) -> Iterator[tuple[str, str]]:
        experiment = self.facts().get("experiment")
        rows = self.connection.execute("SELECT key, arguments, payload, checksum FROM results")
        for key, arguments, payload, checksum in rows:
            if checksum_of(key, arguments, payload) != checksum:
                yield key, f"the result at {arguments} is not what was written"
            elif experiment is not None and key_of(experiment, json.loads(arguments))[0] != key:
                yield key, f"the result at {arguments} is kept as another's"
        for key, name, content, checksum in self.connection.execute("SELECT * FROM files"):
            if checksum_of(key, name, content) != checksum:
                yield key, f"file {name} of {key[:12]} is not what was written"
