"""Records of older schemas rewritten in the present one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from .records import read_record, write_record, written_together
from .schema import SCHEMA, schema_of
from .verification import find_records


def migrate(places: Iterable[Path]) -> tuple[int, list[Path]]:
    """Rewrite every older record in places, all of them or none; those of the present schema are left as they are.

    Returns
    -------
    int
        How many records there are.
    list of Path
        Those rewritten.

    Raises
    ------
    ValueError
        In one line, if a file is no record, cannot be trusted or is of a newer schema.
    OSError
        If a file cannot be read or written.
    """
    paths, changed = find_records(places), []
    with written_together():
        for path in paths:
            record = read_record(path)
            if schema_of(json.loads(path.read_text(encoding="utf-8"))) < SCHEMA:
                write_record(record, path)
                changed.append(path)
    return len(paths), changed
