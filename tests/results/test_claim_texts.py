"""How numbers become claims and cells: NaN is none, an open interval tells only where it ends."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import xarray as xr

from slt_toys.results.claims import Claim, Table, chance_text, estimate_text, inside, texts
from slt_toys.results.recipe import dataset_of, numbers
from slt_toys.results.records import write_json

NAN = math.nan


@pytest.mark.parametrize(
    ("expected", "low", "high", "verdict"),
    [
        (1.0, 0.9, 1.1, "yes"),
        (1.2, 0.9, 1.1, "no"),
        (0.8, 0.9, 1.1, "no"),
        (1.0, NAN, 1.1, "cannot tell"),
        (1.2, NAN, 1.1, "no"),
        (1.0, 0.9, math.inf, "cannot tell"),
        (0.8, 0.9, NAN, "no"),
        (NAN, 0.9, 1.1, "cannot tell"),
    ],
)
def test_inside(expected, low, high, verdict):
    assert inside(expected, low, high) == verdict
    claim = Claim.of("it", "It is so.", 1.0, (low, high), expected)
    assert claim.verdict == verdict


def test_a_claim_holds_none_for_what_there_is_not():
    assert Claim.of("it", "It is so.", NAN, verdict="no") == Claim("it", "It is so.", None, None, None, "no")
    assert Claim.of("it", "It is so.", 2.0, (1.0, NAN), 3.0).interval == (1.0, None)


def test_cells():
    assert estimate_text(35.909, 26.0191, 44.378) == "35.9 [26.0, 44.4]"
    assert estimate_text(200.0, NAN, 210.0) == "200 [open, 210]"
    assert estimate_text(NAN, NAN, NAN) == "-"
    assert texts(["half_depth", 2048, 2048.0, 0.15, NAN, -1.0], 2) == ["half depth", "2048", "2048", "0.15", "-", "-1"]
    assert [chance_text(p) for p in (0.0, 0.000999, 0.0312, 1.0, NAN)] == ["< 0.001", "< 0.001", "0.031", "1", "-"]
    assert Table.of_columns("t", "c", {"a": ["1", "2"], "b": ["3", "4"]}).rows == (("1", "3"), ("2", "4"))
    with pytest.raises(ValueError):
        Table.of_columns("t", "c", {"a": ["1", "2"], "b": ["3"]})


def test_a_dataset_comes_back_from_its_record(tmp_path):
    dataset = xr.Dataset(
        {"end": (("way", "size"), [[1.5, np.nan], [2.5, 3.5]]), "told": ("way", ["a", ""]), "alone": ((), 4)},
        coords={"way": ["exact", "sampled"], "size": [32, 64]},
        attrs={"potential": "w**2"},
    )
    large = dataset.assign(map=("place", np.zeros(401)))
    write_json({"numbers": numbers(large)}, tmp_path / "x.json", not_finite="null")
    again = dataset_of(json.loads((tmp_path / "x.json").read_text()))
    xr.testing.assert_equal(again, dataset)
    assert again.attrs == dataset.attrs
    assert again["end"].sel(way="sampled", size=64).item() == 3.5
