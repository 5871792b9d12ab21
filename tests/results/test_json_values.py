"""Results in terms of JSON: arrays, dataclasses, numeric keys, and what has no counterpart."""

from __future__ import annotations

import json
import math
import os
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt_toys.results import records
from tests.results.made_records import Settings


class Ending(Enum):
    FIXED_TOTAL = "fixed_total"


def test_json_of_numpy_dataclasses_and_numeric_keys(tmp_path):
    value = {
        32: np.float64(81.07),
        np.int64(64): np.arange(3),
        0.5: Settings(),
        "flag": np.bool_(True),
        "none": None,
        "path": Path("a") / "b",
        "set": {3, 1, 2},
        "scalar": np.array(2.5),
        "ending": Ending.FIXED_TOTAL,
    }
    checksum = records.write_json(value, tmp_path / "value.json")
    assert checksum == records.sha256(tmp_path / "value.json")
    assert json.loads((tmp_path / "value.json").read_text()) == {
        "32": 81.07,
        "64": [0, 1, 2],
        "0.5": {"decay": 0.97, "batch_sizes": [32, 64]},
        "flag": True,
        "none": None,
        "path": os.path.join("a", "b"),
        "set": [1, 2, 3],
        "scalar": 2.5,
        "ending": "fixed_total",
    }


@pytest.mark.parametrize("bad", [math.nan, math.inf, np.float32("-inf"), np.array([1.0, np.nan])])
def test_not_finite_numbers_need_an_explicit_choice(tmp_path, bad):
    path = tmp_path / "value.json"
    with pytest.raises(ValueError, match=r"value\.end\.64(\[1\])? is -?(nan|inf)"):
        records.write_json({"end": {64: bad}}, path)
    assert not path.exists()
    records.write_json({"end": {64: bad}}, path, not_finite="null")
    assert "null" in path.read_text()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"a": object()}, r"value\.a is of type object"),
        ({"a": 1j}, r"value\.a is of type complex"),
        ({(1, 2): 3}, "key of type tuple"),
        ({1: 2, "1": 3}, "two keys that read '1'"),
    ],
)
def test_what_json_cannot_hold_is_refused(tmp_path, bad, message):
    with pytest.raises(ValueError, match=message):
        records.write_json(bad, tmp_path / "value.json")
    with pytest.raises(ValueError, match="not_finite"):
        records.write_json({}, tmp_path / "value.json", not_finite="drop")  # type: ignore[arg-type]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=JSON)
def test_json_round_trip(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("json") / "value.json"
    records.write_json(value, path)
    assert json.loads(path.read_text(encoding="utf-8")) == value


def test_numbers_of_a_list_share_a_line(tmp_path):
    path = tmp_path / "value.json"
    records.write_json({"a": [1, 2.5, "x [y]"], "b": [[1, 2], [3, 4]], "c": {}, "d": [{"e": None}], "f": []}, path)
    assert path.read_text().splitlines() == [
        "{", '  "a": [1, 2.5, "x [y]"],', '  "b": [', "    [1, 2],", "    [3, 4]", "  ],", '  "c": {},', '  "d": [',
        "    {", '      "e": null', "    }", "  ],", '  "f": []', "}",
    ]  # fmt: skip
