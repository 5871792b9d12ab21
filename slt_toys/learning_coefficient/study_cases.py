"""Finished cases of the study on disk, so that an interrupted run goes on where it stopped.

Each has a file, named by a hash of all that its numbers depend on: its options, the code and the libraries. With
another option or changed code it is therefore measured anew. Files are renamed when whole, and hold a checksum.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import slt_toys
import theory
from slt_toys.results.records import write_bytes_atomically


def finished_case(
    folder: Path | None,
    case: Mapping[str, Any],
    measure: Callable[[], Mapping[str, Any]],
    *,
    sources: str | None = None,
) -> dict[str, Any]:
    """The values of a case: read where an earlier run finished it, else measured and written.

    Parameters
    ----------
    folder
        Of finished cases, made if need be; None to keep nothing.
    case
        Plain options that tell it from all others.
    measure
        Gives its values: text, truth values and numbers.
    sources
        Hash of the code that they come from; None for that of the whole package.
    """
    if folder is None:
        return dict(measure())
    identity = {"case": case, "torch": torch.__version__, "numpy": np.__version__, "code": sources or code(),
                "threads": torch.get_num_threads()}  # fmt: skip
    path = folder / f"{_hash(identity)[:24]}.json"
    if path.is_file():
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            if held["checksum"] == _hash(held["values"]):
                return held["values"]
        except (ValueError, KeyError, TypeError):
            pass  # damaged: it is measured again
    values = {name: np.asarray(value).item() for name, value in measure().items()}
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"identity": identity, "values": values, "checksum": _hash(values)}, indent=1)
    write_bytes_atomically(text.encode(), path)
    return values


@lru_cache(maxsize=1)
def code() -> str:
    """SHA-256 of the sources that the numbers come from."""
    digest = hashlib.sha256()
    for package in (slt_toys, theory):
        root = Path(package.__file__ or "").parent
        for path in sorted(root.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _hash(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
