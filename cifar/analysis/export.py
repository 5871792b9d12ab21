"""A sweep's results as files that other programs read: NetCDF, and one CSV for each table."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import numpy as np
import xarray as xr

from cifar.study.arms import RUN_COLUMNS
from cifar.sweep.store import Store
from slt_toys.results.records import manifest, write_bytes_atomically, write_groups, write_record, written_together

COLUMNS = ("key", *RUN_COLUMNS, "epochs", "done", "passed", "final_train_accuracy", "final_test_accuracy")
EPOCH_COLUMNS = ("unit", "epoch", "learning_rate", "train_loss", "train_accuracy", "seconds")
MEASUREMENT_COLUMNS = ("unit", "name", "value", "standard_error")


@written_together()
def export(folder: Path) -> list[Path]:
    """Write ``export.nc`` and its record, and ``export.runs.csv``, ``export.epochs.csv``, ``export.measurements.csv``.

    A run's key is that of the unit which ends it, so it joins the three tables.
    """
    begun = time.monotonic()
    with Store(folder, "read") as store:
        facts, done, measured = store.needed("data", "study"), store.done(), store.measurements()
        runs = []
        for run in store.runs():
            final = measured[run.key] if run.key in done else {}
            train, test = (final[name][0] if final else None for name in ("train_accuracy", "test_accuracy"))
            passed = train is not None and train >= facts["study"]["gate"]
            runs.append((run.key, *run.columns, run.epochs, run.key in done, passed, train, test))
        epochs = store.epochs()
    measurements = [(unit, name, *pair) for unit, values in measured.items() for name, pair in values.items()]
    tables: dict[str, tuple[tuple[str, ...], list[tuple]]] = {
        "runs": (COLUMNS, runs), "epochs": (EPOCH_COLUMNS, epochs), "measurements": (MEASUREMENT_COLUMNS, measurements)
    }  # fmt: skip
    files = {
        f"export.{name}.csv": write_bytes_atomically(_csv(*table), folder / f"export.{name}.csv")
        for name, table in tables.items()
    }
    groups = {name: _dataset(columns, rows, name) for name, (columns, rows) in tables.items()}
    groups = {"/": xr.Dataset(attrs={"source": facts["data"]["source"]})} | groups
    files["export.nc"] = write_groups(groups, folder / "export.nc")
    write_record({"manifest": manifest(facts, None, time.monotonic() - begun, files=files)}, folder / "export.json")
    return [folder / name for name in (*files, "export.json")]


def _csv(columns: tuple[str, ...], rows: list[tuple]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def _dataset(columns: tuple[str, ...], rows: list[tuple], name: str) -> xr.Dataset:
    values = {}
    for number, column in enumerate(columns):
        cells = [row[number] for row in rows]
        if any(cell is None for cell in cells):
            cells = [np.nan if cell is None else float(cell) for cell in cells]
        values[column] = (f"{name}_row", cells if cells else np.zeros(0))
    return xr.Dataset(values)
