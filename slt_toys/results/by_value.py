"""Which numbers of an old record a new one still holds: ``python -m slt_toys.results compare OLD NEW --by-value``.

Numbers are looked for by value, whatever their place and sign of zero, so that a record may be laid out anew. A small
whole number is nearly always found and says little.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .records import read_groups

RELATIVE = 1e-6


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a JSON value with its path, such as ``("ends.64[0]", 12.5)``; true and false are none."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from numbers(entry, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from numbers(entry, f"{path}[{index}]")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path, float(value)


def missing(old: Any, known: Sequence[float]) -> list[tuple[str, float]]:
    """The numbers of ``old``, with their paths, that differ from all those known by more than 1e-6 of themselves."""
    ordered = sorted(number for number in known if math.isfinite(number))

    def is_known(number: float) -> bool:
        slack = RELATIVE * abs(number)
        place = bisect_left(ordered, number - slack)
        return place < len(ordered) and ordered[place] <= number + slack

    return [(path, number) for path, number in numbers(old) if not is_known(number)]


def read_numbers(path: Path) -> list[float]:
    """Every number of a JSON record or a NetCDF file."""
    if path.suffix != ".nc":
        return [number for _, number in numbers(json.loads(path.read_text(encoding="utf-8")))]
    dataset = read_groups(path, ["/"])["/"]
    arrays = [*(variable.values for variable in dataset.variables.values()), *map(np.asarray, dataset.attrs.values())]
    return [float(number) for array in arrays if array.dtype.kind in "iuf" for number in array.ravel()]


def report(old: Path, new: Sequence[Path], skip: tuple[str, ...] = ("manifest",)) -> tuple[list[str], int]:
    """Lines that name the numbers of ``old`` that are missing in ``new``, and how many; ``skip`` begins paths left out.

    Raises
    ------
    ValueError, OSError
        In one line, where a file cannot be read.
    """
    content = json.loads(old.read_text(encoding="utf-8"))
    total = sum(1 for path, _ in numbers(content) if not path.startswith(skip))
    known = [number for path in new for number in read_numbers(path)]
    lost = [(path, number) for path, number in missing(content, known) if not path.startswith(skip)]
    lines = [f"{path} = {number:.10g}" for path, number in lost]
    return [*lines, f"{total - len(lost)} of {total} numbers found, {len(lost)} missing"], len(lost)
