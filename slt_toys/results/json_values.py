"""Any result in terms of what JSON knows (objects, lists, text, finite numbers, true, false, null), and its layout."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Any

import numpy as np


def plain_values(value: Any, where: str, not_finite: str) -> Any:
    """``value`` in terms of dict, list, str, int, float, bool and None alone.

    Parameters
    ----------
    value
        What `slt_toys.results.records.write_json` takes.
    where
        What to call ``value`` in a message.
    not_finite
        ``"refuse"`` NaN and infinity, or turn them to ``"null"``; ``"never"`` refuses them where null is no choice.

    Raises
    ------
    ValueError
        If something has no counterpart; the message says where it sits.
    """
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        if not_finite == "null":
            return None
        advice = "give a finite number" if not_finite == "never" else "pass not_finite='null' to write null"
        raise ValueError(f"{where} is {value}, which JSON cannot hold; {advice}")
    if isinstance(value, (os.PathLike, date)):
        return os.fspath(value) if isinstance(value, os.PathLike) else value.isoformat()
    if isinstance(value, np.ndarray):
        return plain_values(value.tolist(), where, not_finite)  # of a 0-d array: a scalar
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return _plain_mapping(value, where, not_finite)
    if isinstance(value, (set, frozenset)):
        try:
            value = sorted(value)
        except TypeError:
            raise ValueError(f"{where} is a set of things that cannot be ordered; make it a list first") from None
    if isinstance(value, (list, tuple)):
        return [plain_values(entry, f"{where}[{index}]", not_finite) for index, entry in enumerate(value)]
    raise ValueError(f"{where} is of type {type(value).__name__}, which JSON cannot hold; convert it first")


def _plain_mapping(mapping: Mapping[Any, Any], where: str, not_finite: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, entry in mapping.items():
        plain_key = key.item() if isinstance(key, np.generic) else key
        if not isinstance(plain_key, (str, int, float)) or isinstance(plain_key, bool):
            raise ValueError(f"{where} has a key of type {type(key).__name__}; keys must be text or numbers")
        name = str(plain_key)
        if name in result:
            raise ValueError(f"{where} has two keys that read {name!r} in JSON; rename one")
        result[name] = plain_values(entry, f"{where}.{name}", not_finite)
    return result


def json_text(value: Any, indent: str = "") -> str:
    """Plain values as JSON, a line for each entry but for lists of numbers and texts, which take one line whole."""
    inner = f"{indent}  "
    if isinstance(value, dict) and value:
        entries = [f"{json.dumps(key, ensure_ascii=False)}: {json_text(entry, inner)}" for key, entry in value.items()]
        opened, closed = "{", "}"
    elif isinstance(value, list) and any(isinstance(entry, (dict, list)) for entry in value):
        entries = [json_text(entry, inner) for entry in value]
        opened, closed = "[", "]"
    else:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return opened + ",".join(f"\n{inner}{entry}" for entry in entries) + f"\n{indent}{closed}"
