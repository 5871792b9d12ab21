"""Exported columns hold what they are named after."""

from __future__ import annotations

import csv

from cifar.analysis.export import export
from tests.cifar.made_studies import make_sweep, small


def test_exported_columns_hold_what_they_are_named_after(tmp_path):
    folder = tmp_path / "sweep"
    with make_sweep(folder, small(), missing=1) as store:
        runs, done, measured, epochs = store.runs(), store.done(), store.measurements(), store.epochs()
    export(folder)
    with open(folder / "export.runs.csv", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    for row, run in zip(table, runs, strict=True):
        assert (row["key"], row["arm"], row["deficit"]) == (run.key, run.arm, run.deficit)
        numbers = [int(row[name]) for name in ("batch_size", "seed", "switch_epoch", "epochs")]
        assert numbers == [run.batch_size, run.seed, run.switch_epoch, run.epochs]
        assert row["done"] == str(run.key in done)
        if run.key in done:
            found = measured[run.key]
            assert float(row["final_train_accuracy"]) == found["train_accuracy"][0]
            assert float(row["final_test_accuracy"]) == found["test_accuracy"][0]
            assert row["passed"] == str(found["train_accuracy"][0] >= 0.5)
        else:
            assert (row["passed"], row["final_train_accuracy"], row["final_test_accuracy"]) == ("False", "", "")
    with open(folder / "export.epochs.csv", encoding="utf-8") as file:
        assert [row["unit"] for row in csv.DictReader(file)] == [row[0] for row in epochs]
    with open(folder / "export.measurements.csv", encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["name"] == "train_accuracy")
    assert (float(row["value"]), float(row["standard_error"])) == measured[row["unit"]]["train_accuracy"]
