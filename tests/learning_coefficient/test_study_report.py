"""The study's record: its claims and tables follow from its numbers, and would say otherwise of other numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys.learning_coefficient.study_report import DEFAULT, claims, tables
from slt_toys.results.claims import page

ROOT = Path(__file__).resolve().parents[2]
RECORD = json.loads((ROOT / "figures" / "learning_coefficient.json").read_text(encoding="utf-8"))


def plain(value):
    return json.loads(json.dumps(value, default=vars))


@pytest.fixture
def dataset() -> xr.Dataset:
    """The numbers of the record; what JSON cannot say is nan."""
    return xr.Dataset({
        name: (kept["dims"], np.array([np.nan if value is None else value for value in kept["values"]]))
        for name, kept in RECORD["numbers"].items()
        if name != "attributes"
    })  # fmt: skip


def verdicts(dataset: xr.Dataset) -> dict[str, str]:
    return {claim.name: claim.verdict for claim in claims(dataset)}


def test_the_record_says_what_its_numbers_say(dataset):
    assert plain(claims(dataset)) == RECORD["claims"]
    assert plain(tables(dataset)) == RECORD["tables"]
    shown = (ROOT / "docs" / "results" / "learning_coefficient.md").read_text(encoding="utf-8")
    assert shown == page(RECORD, "python -m slt_toys.learning_coefficient", "../../")


def test_other_numbers_get_other_verdicts(dataset):
    right = verdicts(dataset.assign(crossing_energy=dataset["crossing_estimate"]))
    assert right["coverage"] == right["default-error"] == right["trusted"] == right["crossing-energy"] == "yes"
    default = dataset["setting"] == DEFAULT
    worse = dataset.assign(
        estimate=dataset["estimate"].where(~default, 1.1 * dataset["exact"]),
        covered=dataset["covered"].where(~default, False),
        verdict=dataset["verdict"].where(~default, "doubt: made"),
        crossing_energy=2 * dataset["crossing_energy"],
    )
    changed = verdicts(worse)
    assert changed["coverage"] == changed["default-error"] == changed["trusted"] == changed["crossing-energy"] == "no"


def test_a_bias_is_told_of_the_network_that_is_farthest_off(dataset):
    far = dataset.assign(estimate=dataset["estimate"] - 2 * dataset["standard_error"])
    assert verdicts(dataset)["bias"] == "yes" and verdicts(far)["bias"] == "no"
    even = dataset.assign(estimate=dataset["exact"] + dataset["standard_error"] * (-1.0) ** dataset["seed"])
    assert verdicts(even)["bias"] == "yes"
    low = even.assign(estimate=even["estimate"].where(dataset["network"] != "(5,4,4,5;2)", dataset["exact"] * 0.99))
    (told,) = (claim for claim in claims(low) if claim.name == "bias")
    assert told.verdict == "no" and "(5,4,4,5;2)" in told.sentence and claims(low)[0].verdict == "no"


def test_doubted_estimates_are_listed(dataset):
    table = {table.name: table for table in tables(dataset)}["doubted"]
    doubted = (dataset["setting"] == DEFAULT) & dataset["verdict"].str.startswith("doubt")
    rows = dataset.isel(row=np.flatnonzero(doubted))
    off = (rows["estimate"] - rows["exact"]) / rows["standard_error"]
    told = zip(rows["network"].values, rows["seed"].values, off.values, strict=True)
    assert [row[:3] for row in table.rows] == [(name, f"{seed:.0f}", f"{each:+.1f}") for name, seed, each in told]
    assert len(table.rows) == 2


def test_few_seeds_cannot_tell_coverage(dataset):
    few = dataset.isel(row=dataset["seed"].values == dataset["seed"].values.min())
    assert verdicts(few)["coverage"] == "cannot tell"
    assert [table.name for table in tables(few)] == ["estimates", "crossing"]


def test_settings_that_all_diverge_are_told(dataset):
    by_hand = dataset["setting"].str.startswith("no burn-in")
    claim = {c.name: c for c in claims(dataset.assign(estimate=dataset["estimate"].where(~by_hand)))}["without-burn-in"]
    assert claim.value is None and claim.verdict == "no" and "12 of 12 runs diverge." in claim.sentence
