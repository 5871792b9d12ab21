"""The dataset that a committed record holds, where it holds all of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

FIGURES = Path(__file__).resolve().parents[2] / "figures"


def record_of(name: str) -> dict[str, Any]:
    return json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))


def dataset_of(record: dict[str, Any]) -> xr.Dataset:
    """Variables of at most 400 values, null as not a number; the rest stands in the NetCDF file alone."""
    cells = dict(record["numbers"])
    attributes = cells.pop("attributes")
    variables = {}
    for name, cell in cells.items():
        values = np.array(cell["values"])
        if values.dtype.kind == "O":
            values = np.array(cell["values"], dtype=float)
        variables[name] = (cell["dims"], values)
    return xr.Dataset(variables, attrs=attributes)
