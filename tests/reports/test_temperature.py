"""What the temperature experiment claims: each claim comes out otherwise on other numbers, and none is invented."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys.reports import temperature as report
from slt_toys.results.claims import Claim, Outcome
from slt_toys.results.recipe import dataset_of

RECORD = Path(__file__).parents[2] / "figures" / "temperature.json"
NAMES = [
    "noise-regression", "noise-loss", "reshuffled-one-temperature", "beyond-the-laws", "reshuffled-factor",
    "one-temperature-without-momentum", "one-temperature-with-momentum", "noise-additive",
]  # fmt: skip


@pytest.fixture
def data() -> xr.Dataset:
    return dataset_of(json.loads(RECORD.read_text(encoding="utf-8"))).copy(deep=True)


def verdicts(data: xr.Dataset) -> dict[str, str]:
    return {claim.name: claim.verdict for claim in report.claims(data)}


def claim_of(data: xr.Dataset, name: str) -> Claim:
    return next(claim for claim in report.claims(data) if claim.name == name)


def set_noise(data: xr.Dataset, noise: str, spread: float, error: float = 0.01) -> None:
    chosen = np.flatnonzero((data["sweep"].values == "noise") & (data["noise"].values == noise))
    data["disagreement_spread"].values[chosen] = spread
    data["disagreement_spread_error"].values[chosen] = error


def set_reshuffled(data: xr.Dataset, variable: str, factor: float) -> None:
    data[variable].values[data["sweep"].values == "reshuffling"] *= factor


def test_what_speaks_against_one_temperature_comes_first(data):
    assert list(verdicts(data)) == NAMES
    assert list(verdicts(data).values()) == ["no"] * 3 + ["cannot tell"] + ["yes"] * 4
    regression = claim_of(data, "noise-regression")
    assert regression.value == pytest.approx(275.3, abs=0.1) and regression.expected == pytest.approx(10.25)
    assert claim_of(data, "one-temperature-without-momentum").expected == pytest.approx(0.1119, abs=1e-4)
    assert "3 of 5 settings have too few readings to tell" in claim_of(data, "reshuffled-one-temperature").sentence
    assert Outcome(report.TITLE, report.INTRODUCTION, report.claims(data), report.tables(data), {}).claims


WRONG = {
    "beyond-the-laws": lambda data: data.update({"departure": ((), 0.12), "departure_error": ((), 0.02)}),
    "reshuffled-factor": lambda data: data["reshuffled_factor"].values.__setitem__(0, 0.25),
    "one-temperature-without-momentum": lambda data: data["held_relaxation"].values.__setitem__(0, 0.12),
    "one-temperature-with-momentum": lambda data: data["failed_relaxation"].values.__setitem__(1, 0.034),
    "noise-additive": lambda data: set_noise(data, "additive", 0.2),
}
RIGHT = {
    "beyond-the-laws": lambda data: data.update({"departure": ((), 0.01), "departure_error": ((), 0.02)}),
    "noise-regression": lambda data: set_noise(data, "regression", 0.05),
    "noise-loss": lambda data: set_noise(data, "loss", 0.05),
    "reshuffled-one-temperature": lambda data: (
        set_reshuffled(data, "disagreement_spread", 0.01) or set_reshuffled(data, "disagreement_spread_error", 0.01)
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_claim_that_the_numbers_deny_does_not_hold(data, name):
    before = verdicts(data)
    WRONG[name](data)
    assert verdicts(data) == before | {name: "no"}


@pytest.mark.parametrize("name", RIGHT)
def test_a_claim_that_the_numbers_bear_out_holds(data, name):
    before = verdicts(data)
    RIGHT[name](data)
    assert verdicts(data) == before | {name: "yes"}


def test_differences_within_their_error_of_the_limit_cannot_be_told(data):
    set_noise(data, "additive", 0.09, 0.02)
    assert verdicts(data)["noise-additive"] == "cannot tell"


def test_what_cannot_be_read_or_compared_cannot_be_told(data):
    gone = {
        name: variable * np.nan
        for name, variable in data.data_vars.items()
        if name.startswith(("reading_inv", "dis")) and variable.dtype == float
    }
    unread = data.assign(
        **gone, held_relaxation=data["held_relaxation"] * np.nan, failed_relaxation=data["failed_relaxation"] * np.nan,
        departure=0.0, departure_error=0.0,
    )  # fmt: skip
    assert set(verdicts(unread).values()) == {"cannot tell"}
    assert "0 of 4 thermometers can be read" in claim_of(unread, "noise-loss").sentence
    assert report.tables(unread)[1].rows[0][-1] == "-"


def test_tables_hold_the_readings_of_the_record(data):
    ranges, readings = report.tables(data)
    assert [row[1:] for row in ranges.rows] == [("0.112", "0.0844", "0.169"), ("0.0353", "0.0338", "0.0844")]
    energy = readings.headings.index("energy")
    assert readings.rows[0][energy] == "1.018 ± 0.003"
    assert len(readings.rows) == data.sizes["setting"]
