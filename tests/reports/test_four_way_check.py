"""The four-way check's page: its table holds what the code computes, and every claim can come out "no"."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys.learning_coefficient import four_ways
from slt_toys.learning_coefficient.four_ways import check
from slt_toys.learning_coefficient.sampled_energy import SampledEnergy
from slt_toys.potentials.catalogue import catalogue
from slt_toys.reports import four_way_check as report
from slt_toys.results.records import read_dataset, write_dataset

RECORD = Path(__file__).parents[2] / "figures" / "four_way_check.json"
FAST = "regular_double_well"


@pytest.fixture
def unsampled(monkeypatch):
    """The check without its slow part: nothing is sampled."""
    nothing = SampledEnergy(0.5, 1.0, 1e4, 0.0, 1, 1.0)
    monkeypatch.setattr(four_ways, "sample_energy", lambda *_, **__: nothing)


def test_the_record_holds_what_the_code_computes(unsampled):
    """Everything but the sampled column is recomputed; of that the record must hold what it claims."""
    (shown,) = json.loads(RECORD.read_text("utf-8"))["tables"]
    checks = check(catalogue().values())
    (table,) = report.tables(report.dataset(checks))
    assert tuple(shown["headings"]) == table.headings
    column = {heading: number for number, heading in enumerate(table.headings)}
    for line, computed, own in zip(shown["rows"], table.rows, checks, strict=True):
        for heading, cell, expected in zip(table.headings, line, computed, strict=True):
            if heading not in ("sampled energy", "slope by quadrature", "verdict"):
                assert cell == expected, f"{own.potential} {own.phase}: {heading}"
        estimate, error = map(float, line[column["sampled energy"]].split(" ± "))
        assert abs(estimate - own.exact) < 5 * error + 1e-4  # rounding of what is shown
        slope, bound = map(float, line[column["slope by quadrature"]].split(" ± "))
        assert abs(slope - float(own.declared)) <= bound
        assert line[column["verdict"]] == "agree"


@pytest.fixture
def data(unsampled) -> xr.Dataset:
    return report.dataset(check([catalogue()["normal_crossing"], catalogue()[FAST]]))


def test_dataset_and_table_hold_every_row(data, tmp_path):
    (table,) = report.tables(data)
    assert table.rows[0][:5] == ("normal_crossing", "whole", "1/2 (2)", "1/2 (2)", "normal crossing")
    write_dataset(data, tmp_path / "check.nc")
    kept = read_dataset(tmp_path / "check.nc")
    assert list(kept["potential"].values) == ["normal_crossing", FAST, FAST]
    assert list(kept["declared_exact"].values) == ["1/2"] * 3
    assert np.allclose(kept["derived"], kept["declared"])


def verdicts(data: xr.Dataset) -> dict[str, str]:
    return {claim.name: claim.verdict for claim in report.claims(data)}


def test_lambda_is_no_energy_and_each_route_can_disagree(data):
    data["sampled_estimate"][:] = data["exact"].values
    data["sampled_standard_error"][:] = 0.004
    sure = {"energy-equals-lambda": "no", "derived-agrees": "yes", "slope-agrees": "yes", "sampled-agrees": "yes"}
    assert verdicts(data) == sure
    for route in ("derived", "slope", "sampled"):
        wrong = data.copy(deep=True)
        wrong[f"{route}_agrees"][1] = 0
        assert verdicts(wrong) == sure | {f"{route}-agrees": "no"}
    data["sampled_standard_error"][:] = 0.1
    assert verdicts(data) == sure | {"energy-equals-lambda": "yes"}


def test_failures_name_phase_and_routes(data):
    assert report.failures(data) == []
    data["verdict"][2] = "derived, slope disagree"
    assert report.failures(data) == [f"{FAST} right: derived, slope disagree"]


def test_a_refused_derivation_is_a_dash(data):
    data["derived"][0] = np.nan
    assert report.tables(data)[0].rows[0][3] == "—"
