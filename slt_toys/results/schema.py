"""What a record is, by number: its schema, its own checksum, and how an older one becomes one of today.

A record is a JSON object whose ``manifest`` says what made it. Since schema 2 the manifest holds ``schema``,
``config_sha256`` (of the configuration, without the folders its files went to), ``bytes`` (of its files) and
``record_sha256``: SHA-256 of the canonical text (`slt_toys.results.canonical`) of all the rest of the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slt_toys.results.canonical import canonical_hash
from slt_toys.results.json_values import json_text, plain_values

SCHEMA = 2
CHECKSUM = "record_sha256"
FOLDERS = ("out", "docs")  # options that say where files go: no number depends on them

Record = dict[str, Any]


class NewerSchemaError(ValueError):
    """A record of a schema that this version does not know."""


def is_plain(name: str) -> bool:
    """Whether a name is that of a file in the same folder, on any system."""
    return name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"}


def configuration_hash(config: Any) -> str:
    """SHA-256 of a configuration's canonical text, its folders left out: runs that ask for the same have the same.

    Raises
    ------
    ValueError
        As `slt_toys.results.canonical.canonical_text`.
    """
    plain = plain_values(config, "config", "never")
    if isinstance(plain, dict):
        plain = {name: value for name, value in plain.items() if name not in FOLDERS}
    return canonical_hash(plain, "config")


def checksum_of(record: Mapping[str, Any]) -> str:
    """SHA-256 of a plain record's canonical text, the field of that checksum left out."""
    rest = {name: value for name, value in record["manifest"].items() if name != CHECKSUM}
    return canonical_hash({**record, "manifest": rest}, "record")


def sealed(record: Mapping[str, Any]) -> Record:
    """The record in plain values, numbers that are not finite as null, with its checksum."""
    plain = plain_values(record, "record", "null")
    return {**plain, "manifest": {**plain["manifest"], CHECKSUM: checksum_of(plain)}}


def text_of(record: Record) -> str:
    """A plain record as it is written: a schema fixes the layout, to the last space."""
    return json_text(record) + "\n"


def schema_of(record: Any) -> int:
    """The number of a record's schema; 1 where it has none.

    Raises
    ------
    ValueError
        If this is no record; `NewerSchemaError` if it is one of a newer schema.
    """
    manifest = record.get("manifest") if isinstance(record, dict) else None
    if not isinstance(manifest, dict):
        raise ValueError("it is no record: it has no manifest")
    number = manifest.get("schema", 1)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"its schema is {number!r}, which is no whole number from 1")
    if number > SCHEMA:
        raise NewerSchemaError(f"its schema is {number}, newer than {SCHEMA}, the newest known; use a newer slt-toys")
    return number


def _to_2(record: Record) -> Record:
    """Of the configuration a hash, of processor time at least that it is unknown; the checksum comes with writing."""
    new = {"schema": 2, **record["manifest"]}
    for name, value in (("config", None), ("cpu_time_seconds", None), ("files", {})):
        new.setdefault(name, value)
    return {**record, "manifest": {**new, "config_sha256": configuration_hash(new["config"]), "bytes": {}}}


MIGRATIONS: dict[int, Callable[[Record], Record]] = {1: _to_2}  # by the schema they start from, to the next


def migrated(record: Record) -> Record:
    """A record of any known schema as one of `SCHEMA`; what it says stays what it was.

    Raises
    ------
    ValueError
        As `schema_of`, or if an old record cannot be brought to the next schema.
    """
    for number in range(schema_of(record), SCHEMA):
        record = MIGRATIONS[number](record)
    return record


def record_fault(record: Mapping[str, Any]) -> str:
    """What is wrong with a record of a known schema; empty if its checksums agree, or if it is too old to have any."""
    manifest, number = record["manifest"], schema_of(record)
    if number < 2:
        marks = [name for name in ("schema", "config_sha256", CHECKSUM) if name in manifest]
        return f"it has {marks[0]} but says it is of schema 1, which has none" if marks else ""
    if CHECKSUM not in manifest:
        return f"it has no {CHECKSUM}, as a record of schema {number} has"
    if manifest[CHECKSUM] != checksum_of(record):
        return f"it is not what was written: its {CHECKSUM} belongs to another content"
    files, sizes = manifest.get("files"), manifest.get("bytes")
    if not (isinstance(files, dict) and isinstance(sizes, dict)):
        return "its manifest lacks files or bytes"
    if manifest.get("config_sha256") != configuration_hash(manifest.get("config")):
        return "its config_sha256 is not that of its configuration"
    return ""
