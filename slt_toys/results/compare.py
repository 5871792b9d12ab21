"""Which numbers of an old record a new one still holds: ``python -m slt_toys.results.compare OLD.json NEW.json``.

Numbers are looked for by value, whatever their place and sign of zero, so that a record may be laid out anew. A small
whole number is nearly always found and says little.
"""

from __future__ import annotations

import json
import math
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tyro.conf import Positional

from .progress import command_line
from .records import read_groups

RELATIVE = 1e-6


@dataclass(frozen=True)
class Compare:
    """List the numbers of an old record that a new one does not hold.

    Attributes
    ----------
    old
        JSON record.
    new
        JSON records and NetCDF files.
    skip
        Parts of the old record to leave out, by the beginning of their paths.
    """

    old: Positional[Path]
    new: Positional[tuple[Path, ...]]
    skip: tuple[str, ...] = ("manifest",)


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


def main(chosen: Compare) -> None:
    """Print the paths that are missing, and how many."""
    old = json.loads(chosen.old.read_text(encoding="utf-8"))
    total = sum(1 for path, _ in numbers(old) if not path.startswith(chosen.skip))
    known = [number for path in chosen.new for number in read_numbers(path)]
    lost = [(path, number) for path, number in missing(old, known) if not path.startswith(chosen.skip)]
    for path, number in lost:
        print(f"{path} = {number:.10g}")
    print(f"{total - len(lost)} of {total} numbers found, {len(lost)} missing")


if __name__ == "__main__":
    sys.exit(command_line(Compare, main))
