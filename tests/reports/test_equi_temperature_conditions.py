"""Conditions and measured noise in words, from datasets made by hand: every verdict can come out otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from slt_toys.reports.equi_temperature_conditions import condition_claims, condition_tables, verdicts

MET = {
    "variance_over_run": 1.1, "variance_over_batch": 1.1, "start_shift": 0.1, "start_shift_low": -0.5,
    "start_shift_high": 0.6, "step_curvature": 0.02, "barrier": 0.3, "noise_slope": 1.0, "noise_slope_low": 0.9,
    "noise_slope_high": 1.1, "noise_p_value": 0.5, "closed_p_value": 0.5, "noise_anchor": 4.0, "slope": 1.0,
    "slope_low": 0.9, "slope_high": 1.1,
}  # fmt: skip
LEARNED = MET | {"variance_over_batch": 4.0, "slope": 0.2, "slope_low": 0.1, "slope_high": 0.3, "noise_slope": 0.25,
                 "closed_p_value": 1e-9}  # fmt: skip
FLOW = MET | {"barrier": 0.0, "slope": 0.2, "slope_low": 0.1, "slope_high": 0.3, "noise_p_value": 1e-9}


# A problem with one moving weight is known by its escapes; at one batch size the count is off by an e-fold.
ESCAPES = np.array([1.0, 0.0, 0.0, np.nan])


def made(**problems: dict[str, float]) -> xr.Dataset:
    names = list(problems)
    data = {}
    for field in MET:
        values = [problems[name][field] for name in names]
        by_definition = field.startswith("slope")
        data[field] = (("problem", "definition"), np.array(values)[:, None]) if by_definition else ("problem", values)
    ends = np.tile([20.0, 16.0, 12.0, 8.0], (len(names), 1))
    data |= {
        "end": (("problem", "definition", "rank"), ends[:, None]),
        "end_halvings": (("problem", "definition", "rank"), ends[:, None] / 4),
        "noise_end": (("problem", "rank"), ends),
        "escapes_end": (("problem", "rank"), ends + ESCAPES),
        "escapes_left": (("problem", "rank"), 0.7 * np.exp(ends * 0 + ESCAPES)),
        "batch_size": (("problem", "rank"), np.tile([1.0, 2.0, 4.0, 8.0], (len(names), 1))),
        "noise_doubts": ("problem", [""] * len(names)),
    }  # fmt: skip
    return xr.Dataset(data, coords={"problem": names, "definition": ["half_stuck_mass"]})


def test_claims_say_what_holds_and_what_does_not():
    told = {claim.name: claim for claim in condition_claims(made(memorising=LEARNED, deep_linear=FLOW, logistic=MET))}
    assert told["minibatches"].value == 1 and told["minibatches"].verdict == "no"
    assert told["measured-noise-memorising"].verdict == "yes" and told["measured-noise-deep-linear"].verdict == "no"
    assert told["measured-noise"].value == 2 and told["measured-noise"].verdict == "no"
    assert told["conditions"].verdict == "yes" and told["conditions"].expected == 1
    every = {claim.name: claim.verdict for claim in condition_claims(made(logistic=MET))}
    assert every["minibatches"] == every["measured-noise"] == "yes"
    off = MET | {"slope": 1.3, "slope_low": 1.2, "slope_high": 1.4}
    assert {c.name: c.verdict for c in condition_claims(made(logistic=off))}["conditions"] == "no"


@pytest.mark.parametrize(
    ("changes", "name", "verdict"),
    [
        ({"variance_over_run": 2.0}, "one variance over the run", "no"),
        ({"variance_over_batch": 2.0}, "one variance over B", "no"),
        ({"start_shift_low": 1.5, "start_shift_high": 2.5}, "start forgotten", "no"),
        ({"start_shift_high": 2.5}, "start forgotten", "cannot tell"),
        ({"start_shift": np.nan}, "start forgotten", "cannot tell"),
        ({"step_curvature": 0.4}, "small steps", "no"),
        ({"barrier": 0.0}, "barrier", "no"),
    ],
)
def test_every_condition_can_fail(changes, name, verdict):
    def of(problem):
        return verdicts(made(logistic=problem).isel(problem=0).sel(definition="half_stuck_mass"))[name]

    assert of(MET | changes) == verdict and of(MET) == "yes"


def test_tables_name_problems_and_refusals():
    conditions, noise, escapes = condition_tables(made(memorising=LEARNED, logistic=MET | {"noise_p_value": np.nan}))
    assert conditions.rows[0][2] == "no: 4.00" and conditions.rows[1][2] == "yes: 1.10"
    assert (
        noise.rows[0][1].startswith("B 1: 20.0 (20.0)")
        and noise.rows[1][6] == "refused"
        and noise.rows[0][4:6] == ("0.0", "0.0")
    )
    assert escapes.rows[:2] == (
        ("memorising", "1", "20.0", "21.0", "1.90"),
        ("memorising", "2", "16.0", "16.0", "0.70"),
    )
    assert len(escapes.rows) == 6  # none for the batch size at which nothing is known
    several = made(logistic=MET)
    none = several.assign({name: np.nan * several[name] for name in ("escapes_end", "escapes_left")})
    assert [table.name for table in condition_tables(none)] == ["conditions", "measured_noise"]
    assert condition_tables(made(memorising=MET | {"barrier": np.nan})) == ()
