"""Is everything in a folder of results as it was written? Every byte of records and of their files is looked at."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .json_values import plain_values
from .records import sha256
from .schema import SCHEMA, NewerSchemaError, is_plain, migrated, record_fault, schema_of, text_of

Kind = Literal["changed", "laid out anew", "old schema", "newer schema", "missing", "truncated", "extra"]
# The gravest first.
STATES: tuple[Kind, ...] = ("changed", "newer schema", "truncated", "laid out anew", "missing", "old schema")
OWN_CHECKS = (".sqlite", ".sqlite-wal", ".sqlite-shm")  # a sweep's, which its own commands open
STORE = ".zarr"  # ends the name of a folder that is one result, with one checksum
PARTS = ".cases"  # ends the name of a folder that keeps a study's parts, which are checked as they are read


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it was written.

    Attributes
    ----------
    path
        The file.
    kind
        What is wrong in a word or two.
    told
        The same in a sentence.
    """

    path: Path
    kind: Kind
    told: str


@dataclass(frozen=True)
class Checked:
    """A record as it was found.

    Attributes
    ----------
    path
        Its JSON file.
    record
        In the present schema; None where it cannot be read.
    faults
        Of the record and of its files.
    size
        Bytes of the record and of those of its files that are there.
    """

    path: Path
    record: dict[str, Any] | None
    faults: tuple[Fault, ...]
    size: int

    @property
    def state(self) -> str:
        """Kinds of its faults, the gravest first, or that it is ok."""
        kinds = {fault.kind for fault in self.faults}
        return ", ".join(kind for kind in STATES if kind in kinds) or "ok"


def find_records(places: Iterable[Path], *, or_else: bool = False) -> list[Path]:
    """The JSON files of places, each once: those named, and those in and below folders.

    Hidden files and folders are left out, and so are parts of a study. A folder without one is refused unless there is
    something else in it to look at (``or_else``).

    Raises
    ------
    ValueError, OSError
        In one line, where a place is missing, is no JSON file, or is a folder without one.
    """
    found: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            inside = [path for folder in _folders(place) for path in _files(folder) if path.suffix == ".json"]
            if not inside and not or_else:
                raise ValueError(f"{place} holds no record; name a folder with NAME.json in it or below it")
            found |= dict.fromkeys(inside)
        elif not place.exists():
            raise FileNotFoundError(
                f"there is no file or folder {place}; name a record, NAME.json, or a folder of them"
            )
        elif place.suffix == OWN_CHECKS[0] and or_else:
            continue
        elif place.suffix != ".json":
            raise ValueError(f"{place} is no record; name the file beside it that ends in .json")
        else:
            found[place] = None
    return list(found)


def check_record(path: Path) -> Checked:
    """Look at every byte of a record and of its files."""
    content = path.read_bytes()
    try:
        plain = json.loads(content.decode("utf-8"))
        fault, record = _record_fault(path, content, plain), migrated(plain)
    except NewerSchemaError as error:
        return Checked(path, None, (Fault(path, "newer schema", str(error)),), len(content))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        told = f"it cannot be read: {' '.join(str(error).split())}"
        return Checked(path, None, (Fault(path, "changed", told),), len(content))
    faults, size = [fault] if fault else [], len(content)
    for name, checksum in _part(record, "files").items():
        if not is_plain(name):
            faults.append(Fault(path, "changed", f"it names {name!r}, which is no file beside it"))
            continue
        beside = path.with_name(name)
        fault = _file_fault(beside, checksum, _part(record, "bytes").get(name))
        faults += [fault] if fault else []
        size += beside.stat().st_size if beside.is_file() else 0
    return Checked(path, record, tuple(faults), size)


def _record_fault(path: Path, content: bytes, plain: Any) -> Fault | None:
    """What is wrong with a record's own text."""
    number = schema_of(plain)
    if told := record_fault(plain):
        return Fault(path, "changed", told)
    if number < SCHEMA:
        told = f"schema {number} has no checksum of its own: nothing vouches for its text; migrate it"
        return Fault(path, "old schema", told)
    if content != text_of(plain_values(plain, "record", "null")).encode("utf-8"):
        told = "its values are what was written, its spaces or the way its values are spelt are not"
        return Fault(path, "laid out anew", told)
    return None


def extra_files(checked: Sequence[Checked], folders: Iterable[Path]) -> list[Fault]:
    """Files in and below folders that no record there names; a sweep's database has checks of its own."""
    named: set[Path] = set()
    for each in checked:
        files = _part(each.record, "files") if each.record else {}
        named |= {each.path, *(each.path.with_name(name) for name in files if is_plain(name))}
    told = "no record beside it names it"
    return [
        Fault(path, "extra", told)
        for place in folders
        for folder in _folders(place)
        for path in _files(folder)
        if path not in named and not path.name.endswith(OWN_CHECKS)
    ]


def _part(record: dict[str, Any], name: str) -> dict[str, Any]:
    """A part of the manifest that is a mapping; empty where it is none, of a record that has changed."""
    part = record["manifest"].get(name)
    return part if isinstance(part, dict) else {}


def _file_fault(path: Path, checksum: str, size: Any) -> Fault | None:
    if not path.exists():
        return Fault(path, "missing", "its record names it, and it is not there")
    if sha256(path) == checksum:
        return None
    now = path.stat().st_size
    if isinstance(size, int) and now < size:
        return Fault(path, "truncated", f"it has {now} bytes of {size}")
    return Fault(path, "changed", "it is not the file that its record names: its SHA-256 is another")


def _folders(place: Path) -> list[Path]:
    """A folder and all below it that are not hidden, are no store and keep no parts of a study."""

    def refuse(error: OSError) -> None:
        raise error

    found = []
    for folder, below, _ in os.walk(place, onerror=refuse):
        below[:] = sorted(name for name in below if not name.startswith(".") and not name.endswith((PARTS, STORE)))
        found.append(Path(folder))
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
