"""Dataclasses in a grid become variables: numbers, texts, gaps, ragged lists, and what is neither is left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from slt_toys.results.records import read_dataset, write_dataset
from slt_toys.results.variables import variables


@dataclass(frozen=True)
class Cell:
    epoch: float | None
    state: str | None = "found"
    count: int = 3
    sure: bool = True
    nested: tuple[int, ...] = (1, 2)

    @property
    def double(self) -> float:
        return 2 * (self.epoch or 0.0)

    def statement(self) -> str:
        return f"{self.epoch}"


def test_fields_properties_and_gaps():
    cells = [[Cell(1.0), Cell(None, None)], [None]]
    found = variables(Cell, cells, ("row", "column"), "end_", also=("double", "statement"), skip=("count",))
    assert set(found) == {"end_epoch", "end_state", "end_sure", "end_double", "end_statement"}
    assert all(dims == ("row", "column") and values.shape == (2, 2) for dims, values in found.values())
    np.testing.assert_equal(found["end_epoch"][1], [[1.0, np.nan], [np.nan, np.nan]])
    assert found["end_state"][1].tolist() == [["found", ""], ["", ""]]
    assert found["end_statement"][1].tolist() == [["1.0", "None"], ["", ""]]
    assert found["end_double"][1][0].tolist() == [2.0, 0.0]
    assert found["end_sure"][1][0, 0] == 1.0


def test_one_alone_and_none_at_all(tmp_path):
    single = variables(Cell, Cell(2.5), ())
    assert single["epoch"][0] == () and float(single["epoch"][1]) == 2.5
    nothing = variables(Cell, [None, None], ["row"])
    assert np.isnan(nothing["epoch"][1]).all() and np.isnan(nothing["state"][1]).all()
    assert variables(Cell, [], ["row"])["epoch"][1].shape == (0,)
    dataset = xr.Dataset({**single, **variables(Cell, [Cell(1.0)], ["row"], "own_")})
    write_dataset(dataset, tmp_path / "x.nc")
    assert read_dataset(tmp_path / "x.nc")["own_state"].values.tolist() == ["found"]
    assert str(read_dataset(tmp_path / "x.nc")["state"].values) == "found"
