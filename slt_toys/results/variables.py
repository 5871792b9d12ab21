"""Dataclasses that fill a grid as the variables of a dataset, one for each field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

Variables = dict[str, tuple[tuple[str, ...], np.ndarray]]


def variables(
    kind: type, cells: Any, dims: Sequence[str], prefix: str = "", *, also: Iterable[str] = (), skip: Iterable[str] = ()
) -> Variables:
    """One variable for each field that is a number or a text.

    Parameters
    ----------
    kind
        The dataclass.
    cells
        Its instances, in lists nested as deep as there are dimensions. Where a cell, or a field of it, is None, a
        number is NaN and a text empty; lists that are too short are filled up in the same way.
    dims
        Names of the dimensions.
    prefix
        Of the variables' names.
    also
        Properties, or methods without arguments, to be kept as well.
    skip
        Fields to be left out.

    Examples
    --------
    >>> from slt_toys.fits.collapse import Collapse
    >>> cells = variables(Collapse, [Collapse("epoch", 0.2, 15), None], ["variable"], "collapse_")
    >>> cells["collapse_spread"][1].tolist()
    [0.2, nan]
    """
    dims = tuple(dims)
    shape = _shape(cells, len(dims))
    objects = np.full(shape, None, dtype=object)
    for place in np.ndindex(shape):
        objects[place] = _cell(cells, place)
    names = [field.name for field in fields(kind) if field.name not in set(skip)] + list(also)
    filled = {f"{prefix}{name}": _values(objects, name) for name in names}
    return {name: (dims, values) for name, values in filled.items() if values is not None}


def _shape(cells: Any, depth: int) -> tuple[int, ...]:
    if not depth:
        return ()
    below = [_shape(cell, depth - 1) for cell in cells]
    return len(cells), *(max((shape[k] for shape in below), default=0) for k in range(depth - 1))


def _cell(cells: Any, place: Sequence[int]) -> Any:
    for index in place:
        if index >= len(cells):
            return None
        cells = cells[index]
    return cells


def _values(objects: np.ndarray, name: str) -> np.ndarray | None:
    """The field of every object; None where it is neither number nor text."""
    flat = [None if cell is None else getattr(cell, name) for cell in objects.ravel()]
    flat = [value() if callable(value) else value for value in flat]
    known = [value for value in flat if value is not None]
    if known and all(isinstance(value, str) for value in known):
        return np.array(["" if value is None else value for value in flat], dtype=object).reshape(objects.shape)
    if not all(isinstance(value, (int, float, np.number)) for value in known):
        return None
    return np.array([np.nan if value is None else value for value in flat], dtype=float).reshape(objects.shape)
