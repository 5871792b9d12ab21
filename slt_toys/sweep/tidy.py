"""One dataset of a sweep: the axes that were swept, and whatever axes the results have of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .grid import Grid, axis_labels
from .values import Labelled

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SECONDS, DONE = "unit_seconds", "unit_done"


class Gathering:
    """What results have in common, found in a first pass, and the arrays that they fill in a second.

    Parameters
    ----------
    grid
        The axes that were swept.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.dims: dict[str, tuple[str, ...]] = {}  # of each variable
        self.kinds: dict[str, np.dtype[Any]] = {}
        self.labels: dict[str, dict[Any, int]] = {}  # of labelled dimensions: label to place
        self.sizes: dict[str, int] = {}  # of dimensions without labels

    def look(self, result: Labelled) -> None:
        """Learn what a result has.

        Raises
        ------
        ValueError
            If two results differ in a way that no array can hold; the message names the variable.
        """
        for name, (dims, array) in result.variables.items():
            if name in self.grid.axes or name in (SECONDS, DONE):
                raise ValueError(f"result: {name} is the name of an axis of the sweep; give it another")
            if set(dims) & set(self.grid.axes):
                raise ValueError(f"result: {name} has an axis called as one of the sweep: {', '.join(dims)}")
            if self.dims.setdefault(name, dims) != dims:
                raise ValueError(f"result: {name} has axes {dims} at one point and {self.dims[name]} at another")
            kind = self.kinds.get(name, array.dtype)
            if (kind.kind == "U") != (array.dtype.kind == "U"):
                raise ValueError(f"result: {name} is text at one point and a number at another")
            self.kinds[name] = np.promote_types(kind, array.dtype)
            for dim, size in zip(dims, array.shape, strict=True):
                self._look_at_dimension(name, dim, size, result)

    def _look_at_dimension(self, name: str, dim: str, size: int, result: Labelled) -> None:
        if dim in result.coordinates:
            known = self.labels.setdefault(dim, {})
            for label in result.coordinates[dim][1].tolist():
                known.setdefault(label, len(known))
        elif dim in self.labels:
            raise ValueError(f"result: {dim}, an axis of {name}, has labels at one point and none at another")
        elif self.sizes.setdefault(dim, size) != size:
            raise ValueError(
                f"result: {name} has {size} entries along {dim} at one point and {self.sizes[dim]} at another; "
                "label the axis, or export the results one by one"
            )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays of all variables, and by a name that ends in ``?`` where those of whole numbers are filled."""
        made: dict[str, NDArray[Any]] = {}
        for name, dims in self.dims.items():
            shape = self.grid.shape + tuple(self._size(dim) for dim in dims)
            kind = self.kinds[name]
            # A place may stay empty: NaN says so of numbers, and an empty text of texts.
            made[name] = np.full(shape, np.nan, kind) if kind.kind == "f" else np.zeros(shape, kind)
            if kind.kind in "biu":
                made[f"{name}?"] = np.zeros(shape, bool)
        return made

    def _size(self, dim: str) -> int:
        return len(self.labels[dim]) if dim in self.labels else self.sizes[dim]

    def fill(self, arrays: Mapping[str, NDArray[Any]], place: tuple[int, ...], result: Labelled) -> None:
        """Put a result where it belongs."""
        for name, (dims, array) in result.variables.items():
            places = (self._places(dim, size, result) for dim, size in zip(dims, array.shape, strict=True))
            where = (*place, *np.ix_(*places))
            arrays[name][where] = array
            if f"{name}?" in arrays:
                arrays[f"{name}?"][where] = True

    def _places(self, dim: str, size: int, result: Labelled) -> list[int]:
        if dim not in self.labels:
            return list(range(size))
        return [self.labels[dim][label] for label in result.coordinates[dim][1].tolist()]

    def dataset(self, arrays: Mapping[str, NDArray[Any]]) -> xr.Dataset:
        """The whole, with labels.

        Raises
        ------
        ValueError
            If a whole number beyond 2**53 would be rounded, because others of its variable are missing.
        """
        import xarray as xr

        axes = tuple(self.grid.axes)
        variables = {}
        for name, dims in self.dims.items():
            array, filled = arrays[name], arrays.get(f"{name}?")
            if filled is not None and not filled.all():
                if array.dtype.kind != "b" and np.abs(array.astype(float)).max(initial=0) > 2.0**53:
                    raise ValueError(f"result: {name} is beyond 2**53 and missing at some points; give it as text")
                array = np.where(filled, array.astype(float), np.nan)
            variables[name] = (axes + dims, array)
        coords: dict[str, Any] = {name: axis_labels(values) for name, values in self.grid.axes.items()}
        coords |= {dim: list(known) for dim, known in self.labels.items()}
        return xr.Dataset(variables, coords)


def frames(dataset: xr.Dataset) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tidy tables: a row for each combination of axes at points that have a result.

    Variables whose axes are among another's stand in its table.

    Yields
    ------
    tuple
        What is added to the file's name, empty for the first table, and the table.
    """
    parts = {name: part for name, part in dataset.data_vars.items() if name != DONE}
    kinds = sorted(dict.fromkeys(tuple(map(str, part.dims)) for part in parts.values()), key=len, reverse=True)
    largest: list[tuple[str, ...]] = []
    for dims in kinds:
        if not any(set(dims) <= set(other) for other in largest):
            largest.append(dims)
    common = set.intersection(*map(set, largest)) if largest else set()
    for dims in largest:
        own = [
            name
            for name, part in parts.items()
            if next(other for other in largest if set(map(str, part.dims)) <= set(other)) == dims
        ]
        table = dataset[[*own, DONE]].to_dataframe(dim_order=list(dims)).reset_index()
        table = table[table[DONE].astype(bool)].drop(columns=DONE)
        told = "_".join(dim for dim in dims if dim not in common)
        yield ("" if len(largest) == 1 else f".{told}"), table
