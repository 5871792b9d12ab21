"""One SQLite file that keeps what is done: what is killed while it writes leaves it whole.

A file says in its header which program it belongs to and which schema it has. An older schema is brought up to date
when it is opened for writing; a newer one is refused. One process writes; any number may read meanwhile.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

Migration = Callable[[sqlite3.Connection], None]
Self = TypeVar("Self", bound="Database")


@dataclass(frozen=True)
class Layout:
    """What a kind of file looks like.

    Attributes
    ----------
    application
        Number in the file's header by which its kind is known.
    tables
        SQL that makes them, of the newest schema.
    migrations
        Each leads from the schema of its place in the list to the next, in a transaction.
    what
        What a message calls such a file, such as "sweep".
    argument
        What a message calls the folder it is in, such as ``--out``.
    """

    application: int
    tables: str
    migrations: Sequence[Migration]
    what: str
    argument: str

    @property
    def schema(self) -> int:
        """The newest."""
        return len(self.migrations)


class Database:
    """An open file; a context manager.

    Parameters
    ----------
    path
        The file; its folder must exist.
    layout
        Of its kind.
    mode
        ``"create"`` begins a file where there is none, ``"write"`` asks for one that is there, ``"read"`` changes
        nothing. A folder without leave to write can be read.

    Raises
    ------
    ValueError
        If the file is damaged, of another program, or of a newer version of this one.
    FileNotFoundError
        If there is none and none may be begun.
    OSError
        If it cannot be opened.
    """

    def __init__(self, path: Path, layout: Layout, mode: Literal["create", "write", "read"] = "write") -> None:
        self.path, self.layout, self.mode = path, layout, mode
        self._copied: tempfile.TemporaryDirectory[str] | None = None
        if not path.is_file() and mode != "create":
            raise FileNotFoundError(f"{layout.argument}: there is no {layout.what} in {path.parent}")
        self.connection = self._connected()
        try:
            self._check()
        except sqlite3.DatabaseError as error:
            self.connection.close()
            raise self._not_ours(str(error)) from None
        except BaseException:
            self.connection.close()
            raise

    def _connected(self) -> sqlite3.Connection:
        if self.mode != "read":
            return sqlite3.connect(self.path, timeout=60, isolation_level=None)
        # Readers of a file that is being written must write beside it. Where they may not, they read a copy, together
        # with what a writer that was killed, or another user's, has left beside it.
        path = self.path
        if not os.access(path.parent, os.W_OK):
            self._copied = tempfile.TemporaryDirectory()
            path = Path(self._copied.name) / path.name
            for ending in ("", "-wal"):
                with suppress(FileNotFoundError):
                    shutil.copyfile(f"{self.path}{ending}", f"{path}{ending}")
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60, isolation_level=None)

    def _check(self) -> None:
        application, schema = (self._pragma(name) for name in ("application_id", "user_version"))
        tables = self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and application != self.layout.application:
            raise ValueError(
                f"{self.layout.argument}: {self.path} is another program's database; name a folder of its own"
            )
        if tables and schema > self.layout.schema:
            raise ValueError(
                f"{self.layout.argument}: {self.path} has schema {schema}, and this version knows {self.layout.schema} "
                "at most; use the version that wrote it"
            )
        if not tables and self.mode != "create":
            raise self._not_ours("it is empty")
        if self.mode == "read":
            if schema < self.layout.schema:
                self._read_as_new()
            return
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        if tables and schema == self.layout.schema:
            return
        with self.writing() as connection:
            if not tables:
                for statement in _statements(self.layout.tables):
                    connection.execute(statement)
            else:
                self._migrate(connection, schema)
            connection.execute(f"PRAGMA application_id={self.layout.application}")
            connection.execute(f"PRAGMA user_version={self.layout.schema}")

    def _migrate(self, connection: sqlite3.Connection, schema: int) -> None:
        for migration in self.layout.migrations[schema:]:
            migration(connection)

    def _read_as_new(self) -> None:
        """Read an older file through a copy in memory that is brought up to date."""
        copy = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.backup(copy)
        schema = self._pragma("user_version")
        self.connection.close()
        self.connection = copy
        self._migrate(copy, schema)

    def _pragma(self, name: str) -> int:
        return int(self.connection.execute(f"PRAGMA {name}").fetchone()[0])

    def _not_ours(self, reason: str) -> ValueError:
        return ValueError(
            f"{self.layout.argument}: {self.path} is no {self.layout.what} ({reason}); name a folder of its own"
        )

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        if self._copied is not None:
            self._copied.cleanup()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, or nothing.

        Raises
        ------
        OSError
            In one line, if the disk is full or cannot be written to.
        """
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException as error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            if not isinstance(error, sqlite3.OperationalError):
                raise
            raise OSError(
                f"{self.layout.argument}: cannot write to {self.path} ({error}); make room or name another folder"
            ) from None

    def facts(self) -> dict[str, Any]:
        """What is true of the whole file, by name; its table is called facts."""
        return {name: json.loads(value) for name, value in self.connection.execute("SELECT name, value FROM facts")}

    def set_facts(self, **facts: Any) -> None:
        """Write facts about the whole."""
        with self.writing() as connection:
            rows = [(name, json.dumps(value)) for name, value in facts.items()]
            connection.executemany("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", rows)

    def settle(self) -> None:
        """Bring everything into the one file, which changes no more until it is written to; leaves no other beside.

        While somebody reads, the files beside it stay, but hold nothing that it does not.
        """
        try:
            self.connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError:
            self.connection.execute("PRAGMA wal_checkpoint(FULL)")


def _statements(script: str) -> list[str]:
    return [statement for part in script.split(";") if (statement := part.strip())]


class Taken(ValueError):
    """Another process writes to the folder."""


@contextmanager
def only_writer(folder: Path, *, argument: str) -> Iterator[None]:
    """Be the only process that writes to a folder while the block runs.

    The system frees the lock when the process ends, however it ends.

    Raises
    ------
    Taken
        In one line, if another process has the folder.
    """
    import fcntl

    descriptor = os.open(folder / ".writer", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.pread(descriptor, 100, 0).decode(errors="replace").strip()
            raise Taken(
                f"{argument}: {folder} is being written to by {who or 'another process'}; wait for it, or stop it"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
