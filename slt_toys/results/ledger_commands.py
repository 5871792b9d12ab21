"""Ledgers of sweeps, for the commands that look at results."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .canonical import canonical_text
from .ledger import LAYOUT, NAME, Ledger
from .records import write_bytes_atomically
from .verification import Fault

LISTED = 20  # failures


def find_ledgers(places: Iterable[Path]) -> list[Path]:
    """The ledgers of sweeps among places and below folders; other databases of that name are left out."""
    found: dict[Path, None] = {}
    for place in places:
        inside = sorted(place.rglob(NAME)) if place.is_dir() else [place] if place.name == NAME else []
        found |= dict.fromkeys(path for path in inside if path.is_file() and _is_ledger(path))
    return list(found)


def _is_ledger(path: Path) -> bool:
    """Whether its header says so; one that cannot be read may have been one, and is looked at."""
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            return connection.execute("PRAGMA application_id").fetchone()[0] == LAYOUT.application
        finally:
            connection.close()
    except sqlite3.DatabaseError:
        return True


def ledger_faults(path: Path) -> Iterator[Fault]:
    """What is wrong with a ledger: every result and file against its checksum."""
    try:
        with Ledger(path.parent, "read") as ledger:
            for told in ledger.faults():
                yield Fault(path, "changed", told)
    except (ValueError, sqlite3.DatabaseError) as error:
        yield Fault(path, "changed", f"it cannot be read: {' '.join(str(error).split())}")


def ledger_lines(path: Path) -> list[str]:
    """A ledger in words: what of, how many results, by which code, what failed."""
    with _opened(path) as ledger:
        seconds, first, last, workers = ledger.connection.execute(
            "SELECT coalesce(sum(seconds), 0), min(finished), max(finished), count(DISTINCT worker) FROM results"
        ).fetchone()
        failures = ledger.failures()
        lines = [
            f"sweep of {ledger.facts().get('experiment')}",
            f"{ledger.count()} results, {seconds:.6g} s of {workers} workers, from {first} to {last}",
            f"{len(failures)} failures",
        ]
        lines += [f"  {canonical_text(point)}: {reason}" for _, point, reason, _ in failures[:LISTED]]
        for code in ledger.codes():
            libraries = ", ".join(f"{name} {version}" for name, version in code.get("libraries", {}).items())
            lines.append(f"code {str(code.get('sources'))[:12]}, Python {code.get('python')}, {libraries}")
        return lines


def export_points(path: Path, points: Sequence[str], folder: Path) -> list[Path]:
    """Write the files of each point that is asked for, into a folder of its own; returns their paths.

    Raises
    ------
    ValueError
        If a choice is none, or no point has it.
    """
    wanted = {name: _value(text) for name, _, text in (each.partition("=") for each in points)}
    written: list[Path] = []
    with _opened(path) as ledger:
        chosen = [
            (key, arguments)
            for key, arguments in ledger.arguments()
            if all(name in arguments and _same(arguments[name], value) for name, value in wanted.items())
        ]
        if not chosen:
            known = sorted(next(ledger.arguments(), ("", {}))[1])
            raise ValueError(
                f"--points: no result has {' '.join(points) or 'any'}; give NAME=VALUE with one of {', '.join(known)}"
            )
        for key, arguments in chosen:
            own = folder / key[:16]
            own.mkdir(exist_ok=True)
            names = [name for (name,) in ledger.connection.execute("SELECT name FROM files WHERE key = ?", (key,))]
            contents = {name: ledger.file(key, name) for name in names}
            contents["point.json"] = canonical_text(arguments).encode()
            for name, content in contents.items():
                write_bytes_atomically(content, own / name)
                written.append(own / name)
    return written


def _opened(path: Path) -> Ledger:
    if path.name != NAME:
        raise ValueError(f"RECORD: {path} is no ledger; it is called {NAME}")
    return Ledger(path.parent, "read")


def _value(text: str) -> Any:
    """A value as JSON, or else as the text it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _same(one: Any, other: Any) -> bool:
    return canonical_text(one) == canonical_text(other) or str(one) == str(other)
