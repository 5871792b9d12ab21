"""The report of the critical-period experiment: it is the committed record's, and every claim may come out no."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys.reports.critical_period import claims, introduction, tables
from slt_toys.results.claims import Claim
from slt_toys.results.json_values import plain_values
from slt_toys.results.recipe import dataset_of

RECORD = json.loads((Path(__file__).parents[2] / "figures" / "critical_period.json").read_text(encoding="utf-8"))
Change = Callable[[xr.Dataset], None]


@pytest.fixture
def data() -> xr.Dataset:
    return dataset_of(RECORD)


def by_name(data: xr.Dataset) -> dict[str, Claim]:
    return {claim.name: claim for claim in claims(data)}


def test_claims_and_tables_are_those_of_the_committed_record(data):
    assert plain_values(list(claims(data)), "claims", "refuse") == RECORD["claims"]
    assert plain_values(list(tables(data)), "tables", "refuse") == RECORD["tables"]


def test_without_worlds_and_shifts_the_rest_is_told_as_it_is(data):
    """As of a pair of one's own: what was run on the pair, in the same words."""
    others = ("world", "pair_shift", "three_shift", "first_temperature", "onset", "run_epoch", "published_batch_size",
              "pathway_onset")  # fmt: skip
    own = data.drop_dims([name for name in others if name in data.dims]).drop_vars("law_shift")
    kept = {claim.name for claim in claims(own)}
    assert kept == {claim.name for claim in claims(data)} - {
        "worlds-judged-rightly", "first-window-worst-and-law", "estimates-rise-in-the-period-alone",
    }  # fmt: skip
    assert [claim for claim in claims(data) if claim.name in kept] == list(claims(own))
    known = {table.name: table for table in tables(data)}
    told = {table.name: table for table in tables(own)}
    assert {"arms", "shares", "verdicts", "mixtures", "checks_and_limits"} <= set(told)
    assert not {"worlds", "shifts", "windows_by_ingredient", "published_estimates"} & set(told)
    assert all(table == known[name] for name, table in told.items() if name != "checks_and_limits")
    assert introduction(data) == RECORD["introduction"]
    assert not re.search("[Ww]orld|[Ww]indow|[Pp]ublished", introduction(own))
    assert re.search("[Ww]orld|[Ww]indow", introduction(data))


def test_claims_against_the_law_come_first(data):
    verdicts = [claim.verdict for claim in claims(data)]
    assert len(verdicts) == 8
    assert verdicts == sorted(verdicts, key=lambda verdict: verdict != "no")
    assert claims(data)[0].name == "end-when-reshuffled"


def set_to(name: str, value, **where) -> Change:
    """A change of one variable of a dataset, at a place or everywhere."""

    def change(data: xr.Dataset) -> None:
        if where:
            cells = data[name].astype(object) if data[name].dtype.kind == "U" else data[name]
            cells.loc[where] = value
            data[name] = cells
        else:
            data[name] = xr.full_like(data[name], value)

    return change


def without_reshuffled(data: xr.Dataset) -> None:
    data["arm"] = [str(name).replace("reshuffled", "other") for name in data["arm"].values]


def law_holds_at_the_first_window(data: xr.Dataset) -> None:
    set_to("by_temperature_end_slope", float(data["law_shift"]))(data)


def all_worlds_right(data: xr.Dataset) -> None:
    set_to("world_verdict_outcome", data["world_truth"].values, judged="the law's arms")(data)


LAW = {"judged": "the law's arms"}
KNOWN, ALONE = {"shares_by": "exact shares"}, {"shares_by": "exact shares, confounding arms"}
TEMPERATURE = {**KNOWN, "mechanism": "temperature"}


@pytest.mark.parametrize(
    ("name", "change", "verdict"),
    [
        ("end-when-reshuffled", set_to("end_sampled_low", 30.0, arm="reshuffled"), "no"),
        ("end-when-reshuffled", set_to("end_sampled_high", 36.0, arm="reshuffled"), "yes"),
        ("end-when-reshuffled", set_to("end_sampled_high", np.nan, arm="reshuffled"), "cannot tell"),
        ("end-when-reshuffled", without_reshuffled, "cannot tell"),
        ("first-window-worst-and-law", law_holds_at_the_first_window, "yes"),
        ("estimates-rise-in-the-period-alone", set_to("published_share_at_switch", 0.99), "yes"),
        ("worlds-judged-rightly", all_worlds_right, "yes"),
        ("power-at-10-per-cent", set_to("power_refuted", 3), "yes"),
        ("power-at-10-per-cent", set_to("power_refuted", 1), "no"),
        ("temperature-survives", set_to("share_refused", True, **KNOWN), "no"),
        ("temperature-survives", set_to("share_outcome", "none of these", **KNOWN), "no"),
        ("temperature-survives", set_to("share_high", 0.9, **TEMPERATURE), "no"),
        ("others-decide-none", set_to("share_refused", True, **KNOWN), "no"),
        ("others-decide-none", set_to("share_low", 0.1, **KNOWN, mechanism="none"), "no"),
        ("others-decide-none", set_to("share_estimate", 0.2, **KNOWN, mechanism="loss threshold"), "no"),
        ("others-decide-none", set_to("share_high", 0.5, **KNOWN, mechanism="none"), "cannot tell"),
        ("confounding-arms-decide", set_to("share_outcome", "temperature", **ALONE), "yes"),
        ("confounding-arms-decide", set_to("share_outcome", "flow time left", **ALONE), "no"),
    ],
)
def test_every_claim_can_come_out_otherwise(data, name, change, verdict):
    change(data)
    assert by_name(data)[name].verdict == verdict


def test_claims_tell_the_numbers(data):
    told = by_name(data)
    low, high = (float(data[f"end_sampled_{end}"].sel(arm="reshuffled")) for end in ("low", "high"))
    claim = told["end-when-reshuffled"]
    assert claim.interval == (low, high) and f"[{low:.1f}, {high:.1f}] sampled" in claim.sentence
    assert claim.expected == float(data["end_predicted_epoch"].sel(arm="reshuffled", hypothesis="temperature"))
    own = data.sel(TEMPERATURE)
    claim = told["temperature-survives"]
    assert claim.value == float(own["share_estimate"])
    assert claim.interval == (float(own["share_low"]), float(own["share_high"]))
    most = data.sel({**KNOWN, "mechanism": "loss threshold"})
    assert told["others-decide-none"].value == float(most["share_estimate"])
    # Wider than the interval of one mechanism alone, since it holds for all of them.
    low, high = told["others-decide-none"].interval or (None, None)
    assert low is not None and high is not None
    assert low <= float(most["share_low"]) and high > float(most["share_high"])
    right = int((data["world_truth"] == data["world_verdict_outcome"].sel(**LAW)).sum())
    assert told["worlds-judged-rightly"].value == right
    names = [str(name) for name in data["power_world"].values]
    ten = [" 10 % " in name for name in names]
    hits, sets = (float(data[f"power_{what}"].values[ten].sum()) for what in ("refuted", "seeds"))
    assert told["power-at-10-per-cent"].value == hits / sets


def test_tables_have_a_row_for_each_arm_mixture_world_and_shift(data):
    shown = {table.name: table for table in tables(data)}
    assert len(shown["arms"].rows) == data.sizes["arm"] + len(str(data.attrs["copies"]).split("; "))
    rows = {row[0]: row for row in shown["arms"].rows}
    assert rows["fixed order +"][1] == "-" and rows["control *"][1] == f"{float(data['end_exact_epoch'][0]):.1f}"
    assert rows["linear scaling is control"][1:3] == ("not counted", "not counted")
    assert len(shown["mixtures"].rows) == data.sizes["mixture"] and len(shown["worlds"].rows) == data.sizes["world"]
    assert len(shown["shifts"].rows) == data.sizes["pair_shift"]
    assert [row[2] for row in shown["verdicts"].rows] == [str(value) for value in data["verdict_outcome"].values]
    predictions = {row[0]: row for row in shown["predictions_of_unseen_arms"].rows}
    worst = data["prediction_deviance"].sel(hypothesis="temperature")
    assert predictions["temperature"][4] == str(data["arm"].values[int(np.argmax(worst.values))])


def test_without_mixtures_or_reshuffled_arms_the_rest_is_told(data):
    less = data.drop_dims("mixture").drop_sel(arm="reshuffled")
    assert not {"power-at-10-per-cent", "power-at-20-per-cent"} & set(by_name(less))
    shown = {table.name: table for table in tables(less)}
    assert "mixtures" not in shown and len(shown["arms"].rows) == less.sizes["arm"] + len(
        str(data.attrs["copies"]).split("; ")
    )
