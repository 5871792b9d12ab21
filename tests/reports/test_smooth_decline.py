"""The report of the smooth-decline experiment: it is the committed record's, and every claim may come out no."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.stats import lognorm

from slt_toys.reports.smooth_decline import claims, tables
from slt_toys.reports.smooth_decline_tables import recording_interval
from slt_toys.results.claims import Claim
from slt_toys.results.json_values import plain_values
from slt_toys.results.recipe import dataset_of

RECORD = json.loads((Path(__file__).parents[2] / "figures" / "smooth_decline.json").read_text(encoding="utf-8"))


@pytest.fixture
def data() -> xr.Dataset:
    return dataset_of(RECORD)


@pytest.fixture
def measured(data) -> xr.Dataset:
    """The first decline as if its spectrum were not known."""
    known = [name for name in data.data_vars if str(name).startswith(("true_", "published_", "exact", "smooth"))]
    return data.drop_vars(known).isel(decline=[0]).assign_attrs(measured=1, errors_estimated=0, best_given=1)


def by_name(data: xr.Dataset) -> dict[str, Claim]:
    return {claim.name: claim for claim in claims(data)}


def test_claims_and_tables_are_those_of_the_committed_record(data):
    assert plain_values(list(claims(data)), "claims", "refuse") == RECORD["claims"]
    assert plain_values(list(tables(data)), "tables", "refuse") == RECORD["tables"]


def changed(name: str, value, **where):
    def change(data: xr.Dataset) -> None:
        cells = data[name].astype(object) if data[name].dtype.kind == "U" else data[name].copy()
        cells[where or {}] = value
        data[name] = cells

    return change


def both(*changes):
    def change(data: xr.Dataset) -> None:
        for each in changes:
            each(data)

    return change


MIDDLE = {"factor": 1}


@pytest.mark.parametrize(
    ("name", "change", "verdict"),
    [
        ("smooth-told-from-separate", changed("enough", 0, decline=1), "yes"),
        ("smooth-told-from-separate", changed("doubt_separate", "4 barriers do not explain", decline=1), "yes"),
        ("separate-barriers-recovered", changed("number", 2, decline=0), "no"),
        ("separate-barriers-recovered", changed("barrier_interval", 9.0, decline=0, end=0), "no"),
        ("separate-barriers-recovered", changed("doubt_separate", "doubted", decline=0), "cannot tell"),
        ("window-intervals-hold", changed("window_interval", 0.99, decline=1), "no"),
        ("window-intervals-hold", changed("doubt_windows", "doubted"), "cannot tell"),
        ("barriers-recovered-by-noise", changed("recovery_from", np.nan, noise=-1), "no"),
        ("barriers-recovered-by-noise", changed("recovery_from", np.nan), "no"),
        ("transitions-resolved", changed("transitions_detected", 0.5), "no"),
        ("transitions-resolved", changed("transitions_detected", 2.4), "cannot tell"),
        ("published-smooth-spectrum", changed("published_p_value", 1e-4, batch_size=0, factor=1), "no"),
        ("published-exponent", changed("published_exponent_high", -0.1, **MIDDLE), "no"),
        ("published-exponent", changed("published_exponent_low", -1.1, **MIDDLE), "cannot tell"),
        ("published-rows-resolve", changed("published_row_ratio", 1.5), "yes"),
    ],
)
def test_every_claim_can_come_out_otherwise(data, name, change, verdict):
    assert by_name(data)[name].verdict != verdict
    change(data)
    assert by_name(data)[name].verdict == verdict


def test_claims_that_come_out_no_come_first(data):
    verdicts = [claim.verdict for claim in claims(data)]
    assert len(verdicts) == 8 and verdicts == sorted(verdicts, key=lambda verdict: verdict != "no")


def test_claims_tell_the_numbers(data):
    """Each number is computed by another way than the one that wrote it."""
    told, config = by_name(data), RECORD["manifest"]["config"]
    first = data.isel(decline=0)
    inside = sum(
        low <= truth <= high
        for kind in ("barrier", "weight")
        for truth, (low, high) in zip(config[f"{kind}s"], first[f"{kind}_interval"].values[:3], strict=True)
    )
    assert f"{inside} of 6 intervals" in told["separate-barriers-recovered"].sentence
    edges = data["edge"].values
    smooth = np.diff(lognorm.cdf(edges, config["spread"], scale=config["median"]))
    separate = np.histogram(config["barriers"], edges, weights=config["weights"])[0]
    held = 0
    for k, truth in enumerate((separate, smooth)):
        low, high = data["window_interval"].values[k].T
        held += int(((low <= truth + 1e-9) & (truth <= high + 1e-9)).sum())
    assert told["window-intervals-hold"].value == held and told["window-intervals-hold"].expected == 2 * (
        edges.size - 1
    )
    counts = (data["recovery_found"] == 3).sum("run").values
    good = (counts >= 0.75 * config["runs"])[::-1].cumprod(axis=0)[::-1].any(axis=0)
    assert told["barriers-recovered-by-noise"].value == np.array(config["noises"])[good].max()
    at = list(data["every"].values).index(data.attrs["steps_per_epoch"])
    assert told["transitions-resolved"].value == float(data["transitions_detected"][at])
    sizes, medians = data["batch_size"].values, data["published_median"].sel(factor=1).values
    slope = np.polyfit(np.log(sizes), np.log(medians), 1)[0]
    assert told["published-exponent"].value == pytest.approx(slope, abs=1e-9)


def test_tables_have_their_rows(data):
    shown = {table.name: table for table in tables(data)}
    assert len(shown["separate_barriers"].rows) == int(data["number"].sum())
    assert len(shown["windows"].rows) == data["window_weight"].size
    assert (
        len(shown["recovery"].rows) == data.sizes["noise"] and len(shown["recordings"].rows) == data.sizes["interval"]
    )
    assert len(shown["published_curves"].rows) == data["published_median"].size
    for row, low, high in zip(
        shown["published_exponents"].rows, data["published_exponent_low"], data["published_exponent_high"], strict=True
    ):
        assert row[2:] == tuple("yes" if low <= power <= high else "no" for power in (0, -1))


def test_what_was_measured_elsewhere_is_told_with_its_limits(measured):
    limits = next(table for table in tables(measured) if table.name == "limits")
    assert [row[0] for row in limits.rows] == ["first temperature, in the units of the gradient variance", "kernel"]
    careless = measured.assign_attrs(errors_estimated=1, best_given=0, published=1)
    text = " ".join(" ".join(row) for row in next(table for table in tables(careless) if table.name == "limits").rows)
    assert "estimated from the scatter" in text and "the first row" in text and "one" in text


@pytest.mark.parametrize(
    ("name", "change", "verdict"),
    [
        ("barriers-asked-for", changed("doubt_separate", "doubted"), "cannot tell"),
        ("windows-have-weights", both(changed("doubt_windows", "doubted"), changed("window_interval", np.nan)), "no"),
    ],
)
def test_claims_of_a_measured_decline_can_come_out_otherwise(measured, name, change, verdict):
    assert by_name(measured)[name].verdict == "yes"
    change(measured)
    assert by_name(measured)[name].verdict == verdict


@pytest.mark.parametrize(
    ("every", "told"), [(1, "minibatch"), (64, "64 minibatches"), (1024, "epoch"), (4096, "4 epochs")]
)
def test_recording_intervals(every, told):
    assert recording_interval(every, 1024) == told
