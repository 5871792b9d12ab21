"""A sweep's results as files that other programs read: NetCDF, and one CSV for each table."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import numpy as np
import xarray as xr

from cifar.sweep.store import Store
from slt_toys.results.records import manifest, write_bytes_atomically, write_groups, write_json, written_together

RUN_COLUMNS = (
    "key", "arm", "deficit", "batch_size", "seed", "switch_epoch", "epochs", "done", "passed",
    "final_train_accuracy", "final_test_accuracy",
)  # fmt: skip
EPOCH_COLUMNS = ("unit", "epoch", "learning_rate", "train_loss", "train_accuracy", "seconds")
MEASUREMENT_COLUMNS = ("unit", "name", "value", "standard_error")


@written_together()
def export(folder: Path) -> list[Path]:
    """Write ``export.nc`` and its record, and ``export.runs.csv``, ``export.epochs.csv``, ``export.measurements.csv``.

    A run's key is that of the unit which ends it, so it joins the three tables.
    """
    begun = time.monotonic()
    with Store(folder) as store:
        facts, done, measured = store.facts(), store.done(), store.measurements()
        runs = [
            (
                run.key,
                run.arm,
                run.deficit,
                run.batch_size,
                run.seed,
                run.switch_epoch,
                run.epochs,
                run.key in done,
                run.key in done and measured[run.key]["train_accuracy"][0] >= facts["study"]["gate"],
                *(
                    measured[run.key][name][0] if run.key in done else None
                    for name in ("train_accuracy", "test_accuracy")
                ),
            )
            for run in store.runs()
        ]
        epochs = store.epochs()
    measurements = [(unit, name, *pair) for unit, found in measured.items() for name, pair in found.items()]
    tables = {"runs": (RUN_COLUMNS, runs), "epochs": (EPOCH_COLUMNS, epochs)}
    tables["measurements"] = (MEASUREMENT_COLUMNS, measurements)
    files, written = {}, []
    for name, (columns, rows) in tables.items():
        path = folder / f"export.{name}.csv"
        files[path.name] = write_bytes_atomically(_csv(columns, rows), path)
        written.append(path)
    groups = {name: _dataset(columns, rows, name) for name, (columns, rows) in tables.items()}
    path = folder / "export.nc"
    files[path.name] = write_groups({"/": xr.Dataset(attrs={"source": facts["data"]["source"]})} | groups, path)
    write_json({"manifest": manifest(facts, None, time.monotonic() - begun, files=files)}, folder / "export.json")
    return [*written, path, folder / "export.json"]


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
