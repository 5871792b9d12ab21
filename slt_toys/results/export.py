"""Claims and numbers of a record as tidy tables, a row for each claim and for each number, for any other program."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from .records import write_bytes_atomically, write_groups, written_together

To = Literal["csv", "json", "nc"]
CLAIM_COLUMNS = ("name", "verdict", "value", "low", "high", "expected", "sentence")
NUMBER_COLUMNS = ("name", "value", "text")

Row = dict[str, Any]


def claim_rows(record: Mapping[str, Any]) -> list[Row]:
    """A row for each claim; None where it has no such number."""
    rows = []
    for claim in record.get("claims", []):
        low, high = claim["interval"] or (None, None)
        rows.append({name: claim.get(name) for name in CLAIM_COLUMNS} | {"low": low, "high": high})
    return rows


def column_of(dim: object) -> str:
    """What the column of a dimension's places is called."""
    return f"at_{dim}" if dim in NUMBER_COLUMNS else str(dim)


def number_rows(dataset: xr.Dataset, names: Iterable[str] | None = None) -> Iterator[Row]:
    """A row for each number or text: its name, its place along every dimension of the dataset, None where it has none.

    Along a dimension with labels the place is the label, else the number of the row from 0. By default labels have no
    rows of their own.
    """
    if names is None:
        names = [str(name) for name in dataset.variables if name not in dataset.indexes]
    nowhere = {column_of(dim): None for dim in dataset.dims}
    for name in names:
        data = dataset[name]
        labels = [data.indexes[dim] if dim in data.indexes else range(size) for dim, size in data.sizes.items()]
        for place, value in np.ndenumerate(data.values):
            at = {column_of(dim): _plain(labels[k][place[k]]) for k, dim in enumerate(data.dims)}
            plain = _plain(value)
            is_text = isinstance(plain, str)
            yield {
                "name": name,
                **nowhere,
                **at,
                "value": None if is_text else plain,
                "text": plain if is_text else None,
            }


def _plain(value: Any) -> Any:
    """A number, a text or None; NaN and infinity are None, as JSON and empty cells have them."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (int, float, str)) else str(value)


@written_together()
def export(name: str, record: Mapping[str, Any], dataset: xr.Dataset, to: To, folder: Path) -> list[Path]:
    """Write ``name.claims`` and ``name.numbers``, ending in ``.csv`` or ``.json``, or both into ``name.export.nc``.

    Parameters
    ----------
    name
        Begins the files' names.
    record, dataset
        What to write.
    to
        ``"csv"``, ``"json"`` (a list of rows, which ``pandas.read_json`` opens) or ``"nc"`` (the dataset, and claims in
        a group of that name).
    folder
        It must exist.

    Returns
    -------
    list of Path
        The files.
    """
    claims = claim_rows(record)
    if to == "nc":
        path = folder / f"{name}.export.nc"
        write_groups({"/": dataset, "claims": _claims_dataset(claims)}, path)
        return [path]
    columns = ("name", *map(column_of, dataset.dims), "value", "text")
    tables = {"claims": (CLAIM_COLUMNS, claims), "numbers": (columns, list(number_rows(dataset)))}
    written = []
    for part, (headings, rows) in tables.items():
        path = folder / f"{name}.{part}.{to}"
        text = _csv_text(headings, rows) if to == "csv" else _json_text(headings, rows)
        write_bytes_atomically(text.encode("utf-8"), path)
        written.append(path)
    return written


def _csv_text(columns: Iterable[str], rows: Iterable[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _json_text(columns: Iterable[str], rows: Iterable[Row]) -> str:
    columns = list(columns)
    lines = [json.dumps({name: row[name] for name in columns}, ensure_ascii=False, allow_nan=False) for row in rows]
    return "[" + ",".join(f"\n{line}" for line in lines) + "\n]\n"


def _claims_dataset(rows: list[Row]) -> xr.Dataset:
    numbers = {name: ("claim", np.array([math.nan if row[name] is None else row[name] for row in rows], dtype=float))
               for name in ("value", "low", "high", "expected")}  # fmt: skip
    texts = {name: ("claim", np.array([row[name] for row in rows], dtype=object)) for name in ("verdict", "sentence")}
    return xr.Dataset({**texts, **numbers}, coords={"claim": [row["name"] for row in rows]})
