"""One text for one configuration, and its SHA-256: what is equal has the same, what differs has not.

The text is JSON without spaces, keys in the order of their characters' numbers. Things that a record cannot tell apart
have one text: a tuple and a list, a dataclass and the mapping of its fields, a path and its name, a numpy number and
Python's. Numbers have one text if they are equal, as in Python: ``1`` and ``1.0``, ``0.0`` and ``-0.0``; a number that
is not whole is written with the fewest digits that give it back. ``True`` is not ``1``, and ``"1"`` is not either. NaN
and infinity are refused.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from slt_toys.results.json_values import plain_values


def canonical_text(value: Any, where: str = "value") -> str:
    """The one text of a value; ``canonical_text(json.loads(text)) == text``.

    Parameters
    ----------
    value
        What `slt_toys.results.records.write_json` takes: dataclasses, mappings, lists, tuples, sets, arrays, numbers,
        text, paths, dates, None.
    where
        What to call ``value`` in a message.

    Raises
    ------
    ValueError
        If something is not finite, is no text of Unicode or has no counterpart in JSON; the message says where it sits.

    Examples
    --------
    >>> canonical_text({"sizes": (64, 128.0), "decay": 0.97})
    '{"decay":0.97,"sizes":[64,128]}'
    """
    plain = _whole(plain_values(value, where, "never"))
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        broken = text[error.start : error.end]
        raise ValueError(f"{where} holds {broken!r}, which is half a character; give text of Unicode") from None
    return text


def canonical_hash(value: Any, where: str = "value") -> str:
    """SHA-256, in hexadecimal, of a value's `canonical_text`.

    Raises
    ------
    ValueError
        As `canonical_text`.
    """
    return hashlib.sha256(canonical_text(value, where).encode("utf-8")).hexdigest()


def _whole(value: Any) -> Any:
    """Plain values with whole numbers as int, and no minus before a zero."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, list):
        return [_whole(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _whole(entry) for name, entry in value.items()}
    return value
