"""Numbers of an old record are looked for in a new one: those there are found, those changed or gone are listed."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from slt_toys.results.__main__ import main
from slt_toys.results.by_value import missing, numbers
from slt_toys.results.records import write_dataset

OLD = {"end": {"64": [81.02787882870565, -3.5]}, "held": True, "note": "7", "none": None, "manifest": {"seconds": 8.75}}


def test_numbers_have_paths_and_truth_is_no_number():
    assert dict(numbers(OLD)) == {"end.64[0]": 81.02787882870565, "end.64[1]": -3.5, "manifest.seconds": 8.75}


def test_a_number_counts_as_found_to_a_millionth():
    assert missing({"a": 81.0}, [81.0 * (1 + 9e-7)]) == []
    assert missing({"a": 81.0}, [81.0 * (1 + 2e-6), np.nan]) == [("a", 81.0)]
    assert missing({"a": -1.0, "b": 0.0}, [1.0]) == [("a", -1.0), ("b", 0.0)]
    assert missing({"a": 0.0}, [-0.0]) == []


def test_the_command_looks_in_records_and_datasets(tmp_path, capsys):
    (tmp_path / "old.json").write_text(json.dumps(OLD))
    (tmp_path / "new.json").write_text(json.dumps({"numbers": [-3.5]}))
    write_dataset(xr.Dataset({"end": ("row", [81.02787882870565]), "text": ("row", ["x"])}), tmp_path / "new.nc")
    files = [str(tmp_path / name) for name in ("old.json", "new.json", "new.nc")]
    assert main(["compare", *files, "--by-value"]) == 0
    assert capsys.readouterr().out == "2 of 2 numbers found, 0 missing\n"
    assert main(["compare", *files[:2], "--by-value"]) == 1
    assert capsys.readouterr().out == "end.64[0] = 81.02787883\n1 of 2 numbers found, 1 missing\n"
    assert main(["compare", str(tmp_path / "none.json"), files[1], "--by-value"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
