"""Tidy tables hold every claim and number of a record, and other programs open them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from slt_toys.results.export import claim_rows, export, number_rows
from slt_toys.results.records import read_dataset, read_record
from tests.results.made_records import made

ODD = xr.Dataset(
    {"a": (("value", "row"), [[1.0, np.nan], [np.inf, 4.0]]), "flag": True, "told": ("row", ["x,\n\"y\"", "β"])},
    {"value": [0.5, 1.0]},
)  # fmt: skip


@pytest.mark.parametrize("to", ["csv", "json"])
def test_pandas_reads_what_the_record_says(tmp_path, to):
    record = read_record(made(tmp_path / "run"))
    dataset = read_dataset(tmp_path / "run" / "means.nc")
    claims_file, numbers_file = export("means", record, dataset, to, tmp_path)
    assert (claims_file.name, numbers_file.name) == (f"means.claims.{to}", f"means.numbers.{to}")
    read = pd.read_csv if to == "csv" else pd.read_json
    claims, numbers = read(claims_file), read(numbers_file)
    assert claims["name"].tolist() == [claim["name"] for claim in record["claims"]]
    np.testing.assert_allclose(claims["low"], [claim["interval"][0] for claim in record["claims"]], rtol=1e-9)
    assert claims["sentence"].tolist() == [claim["sentence"] for claim in record["claims"]]
    wide = numbers[numbers["name"] != "kind"].pivot(index="size", columns="name", values="value")
    assert set(wide.columns) == {str(name) for name in dataset.data_vars} - {"kind"}
    for name in wide.columns:
        np.testing.assert_allclose(wide[name].loc[dataset["size"].values].astype(float), dataset[name], rtol=1e-9)
    assert numbers[numbers["name"] == "kind"]["text"].tolist() == dataset["kind"].values.tolist()


def test_numbers_in_text_are_the_same_to_the_last_bit(tmp_path):
    record = read_record(made(tmp_path / "run"))
    dataset = read_dataset(tmp_path / "run" / "means.nc")
    rows = json.loads(export("means", record, dataset, "json", tmp_path)[1].read_text())
    assert [row["value"] for row in rows if row["name"] == "bare"] == dataset["bare"].values.tolist()
    lines = export("means", record, dataset, "csv", tmp_path)[1].read_text().splitlines()
    assert [float(line.split(",")[2]) for line in lines if line.startswith("bare,")] == dataset["bare"].values.tolist()


def test_a_dataset_with_both_opens_as_it_was(tmp_path):
    record = read_record(made(tmp_path / "run"))
    dataset = read_dataset(tmp_path / "run" / "means.nc")
    (path,) = export("means", record, dataset, "nc", tmp_path)
    xr.testing.assert_identical(xr.load_dataset(path, engine="h5netcdf"), dataset)
    claims = xr.load_dataset(path, engine="h5netcdf", group="claims")
    assert claims["claim"].values.tolist() == [claim["name"] for claim in record["claims"]]
    assert claims["value"].values.tolist() == [claim["value"] for claim in record["claims"]]


def test_a_place_is_a_label_or_a_row_and_what_is_no_number_is_empty():
    rows = list(number_rows(ODD))
    assert list(rows[0]) == ["name", "at_value", "row", "value", "text"]
    assert [(r["at_value"], r["row"], r["value"]) for r in rows[:4]] == [
        (0.5, 0, 1.0), (0.5, 1, None), (1.0, 0, None), (1.0, 1, 4.0),
    ]  # fmt: skip
    assert [r["value"] for r in rows if r["name"] == "flag"] == [1]
    assert [(r["row"], r["text"], r["value"]) for r in rows if r["name"] == "told"] == [
        (0, "x,\n\"y\"", None), (1, "β", None),
    ]  # fmt: skip


def test_odd_texts_and_empty_records_survive_csv(tmp_path):
    paths = export("odd", {"claims": []}, ODD, "csv", tmp_path)
    claims, numbers = map(pd.read_csv, paths)
    assert len(claims) == 0 and numbers[numbers["name"] == "told"]["text"].tolist() == ['x,\n"y"', "β"]
    (path,) = export("none", {}, xr.Dataset(), "nc", tmp_path)
    assert xr.load_dataset(path, engine="h5netcdf", group="claims").sizes["claim"] == 0
    assert claim_rows({}) == []
    assert json.loads(export("none", {}, xr.Dataset(), "json", tmp_path)[0].read_text()) == []
