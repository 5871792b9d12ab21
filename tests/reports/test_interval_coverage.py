"""The page on intervals: its record is what the code tells of its numbers, and claims follow the counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xarray as xr

from slt_toys.reports.interval_coverage import claims, tables
from slt_toys.results.json_values import plain_values
from slt_toys.results.recipe import dataset_of

RECORD = json.loads((Path(__file__).parents[2] / "figures" / "interval_coverage.json").read_text(encoding="utf-8"))


@pytest.fixture
def data() -> xr.Dataset:
    return dataset_of(RECORD)


def verdicts(data: xr.Dataset) -> dict[str, str]:
    return {claim.name: claim.verdict for claim in claims(data)}


def test_claims_and_tables_are_those_of_the_committed_record(data):
    data["seeds"] = data["seeds"].astype(int)
    assert plain_values(list(claims(data)), "claims", "refuse") == RECORD["claims"]
    assert plain_values(list(tables(data)), "tables", "refuse") == RECORD["tables"]


def test_what_the_issue_asks_for_is_what_the_record_holds(data):
    """Windows and ends of several seeds hold; the usual profile, smooth windows and one seed do not."""
    assert verdicts(data) == {
        "windows-by-the-usual-profile": "no",
        "windows-supposed-smooth": "no",
        "ends-of-one-seed": "no",
        "windows-of-separate-barriers": "yes",
        "windows-of-other-spectra": "yes",
        "windows-least-favourable": "yes",
        "ends-of-several-seeds": "yes",
        "ends-pooled": "yes",
    }


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("windows-of-separate-barriers", "window_full_held"),
        ("windows-of-other-spectra", "window_full_held"),
        ("windows-least-favourable", "window_full_held"),
        ("ends-of-several-seeds", "end_held"),
        ("ends-pooled", "end_pooled_held"),
    ],
)
def test_every_claim_can_come_out_no(data, name, held):
    data[held] = (0.85 * data[held]).round()
    assert verdicts(data)[name] == "no"


def test_the_others_can_hold_and_nothing_counted_cannot_tell(data):
    for held, count in (
        ("window_full_held_profile", "window_full"),
        ("window_smooth_held", "window_smooth_windows"),
        ("end_held", "end_closed"),
    ):
        data[held] = data[count]
    assert set(verdicts(data).values()) == {"yes"}
    assert verdicts(data.assign(end_closed=0 * data["end_closed"]))["ends-of-several-seeds"] == "cannot tell"
    assert "ends-of-one-seed" not in verdicts(data.isel(seeds=[1, 2]))
    assert "ends-pooled" not in verdicts(data.isel(seeds=[0]))
