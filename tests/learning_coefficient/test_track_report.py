"""Claims and table of the tracks, from made rows."""

from __future__ import annotations

import numpy as np
import xarray as xr

from slt_toys.learning_coefficient.track_report import first_at, outcome
from slt_toys.learning_coefficient.track_settings import ADDITION
from slt_toys.learning_coefficient.track_study import CheckpointTracks


def rows(**changes) -> xr.Dataset:
    """Two checkpoints of a staircase and three of addition, as they should be."""
    nan = np.nan
    columns = {
        "run": ["a", "a", ADDITION, ADDITION, ADDITION],
        "step": [0, 50, 0, 10, 100],
        "loss": [0.5, 0.03, 1.0, 0.1, 0.01],
        "estimate": [6.4, 7.0, 30.0, 50.0, 70.0],
        "standard_error": [0.1] * 5,
        "quadratic": [6.5, 7.0, 30.0, 50.0, 70.0],
        "tilt": [1e4, 0.0, 10.0, 10.0, 10.0],
        "falling": [2.0, 0.0, 0.0, 0.0, 0.0],
        "outcome": ["track", "trust", "track", "track", "track"],
        "reason": ["saddle: two", "a minimum: both", "slope: a", "slope: b", "slope: c"],
        "learning_coefficient": [nan, 7.1, nan, nan, nan],
        "learning_coefficient_error": [nan, 0.1, nan, nan, nan],
        "exact": [nan, 7.0, nan, nan, nan],
        "held_out_loss": [nan, nan, 1.0, 2.0, 0.5],
        "held_out_right": [nan, nan, 0.1, 0.6, 1.0],
    }
    return xr.Dataset({name: ("row", np.array(values)) for name, values in (columns | changes).items()})


def verdicts(dataset: xr.Dataset) -> dict[str, str]:
    return {claim.name: claim.verdict for claim in outcome(dataset).claims}


def test_claims_hold_where_they_should():
    assert set(verdicts(rows()).values()) == {"yes", "no"}
    found = {claim.name: claim for claim in outcome(rows()).claims}
    assert found["addition-order"].value == 0.5 and found["addition-order"].verdict == "no"
    assert outcome(rows()).claims[0].verdict == "no", "what speaks against comes first"
    assert {name for name, verdict in verdicts(rows()).items() if verdict == "yes"} == {
        "polygons-exact", "no-slope-trusted", "tracked-quadratic", "addition-no-minimum",
    }  # fmt: skip


def test_each_claim_can_fail():
    assert verdicts(rows(learning_coefficient=[np.nan, 7.6, np.nan, np.nan, np.nan]))["polygons-exact"] == "no"
    assert verdicts(rows(outcome=["trust", "trust", "track", "track", "track"]))["no-slope-trusted"] == "no"
    assert verdicts(rows(estimate=[8.0, 7.0, 30.0, 50.0, 70.0]))["tracked-quadratic"] == "no"
    assert verdicts(rows(outcome=["track", "trust", "track", "track", "trust"]))["addition-no-minimum"] == "no"
    assert verdicts(rows(estimate=[6.4, 7.0, 30.0, 60.0, 70.0]))["addition-order"] == "yes"


def test_the_table_has_a_line_for_each_checkpoint():
    (table,) = outcome(rows()).tables
    assert [line[1] for line in table.rows] == ["0", "50", "0", "10", "100"]
    assert table.rows[1][-1] == "7" and table.rows[0][-1] == "" and table.rows[0][-3] == "saddle"


def test_the_first_step_at_which_something_holds():
    steps = np.array([1.0, 5.0, 9.0])
    assert first_at(steps, np.array([False, True, True])) == 5
    assert np.isnan(first_at(steps, np.zeros(3, dtype=bool)))


def test_parts_of_a_run_are_reported_too():
    only = rows().isel(row=[0, 1])
    assert {claim.name for claim in CheckpointTracks().outcome(only).claims} == {
        "polygons-exact", "no-slope-trusted", "tracked-quadratic",
    }  # fmt: skip
