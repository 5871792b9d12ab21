"""Claims and tables of the equi-temperature report, from a dataset made by hand: every claim can come out "no"."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from slt_toys.reports.equi_temperature import INTRODUCTION, TITLE, claims, tables
from slt_toys.results.claims import Outcome, page
from slt_toys.worlds.problem_ends import DEFINITIONS, LAWS, agreements

SIZES = np.array([16.0, 32.0, 64.0, 128.0])
# By problem: kind, expectation, whether its noise is real, theory's slope, exact slope, sampled slope.
PROBLEMS = {
    "regular_wells": ("regular wells", "equal temperature", False, 1.0, 1.0001, 0.99),
    "singular_well": ("singular well", "equal temperature", False, 1.0, 1.0002, 1.01),
    "regression": ("real minibatches", "equal temperature", True, 1.0, np.nan, 1.004),
    "regular_power_law": ("regular, other schedule", "power law", False, 1.25, 1.21, 1.17),
    "singular_power_law": ("singular, other schedule", "power law", False, 1.2, 1.05, 1.06),
    "remembered": ("start remembered", "start remembered", False, 1.0, 0.93, 0.95),
    "pathways": ("no temperature", "flow time spent", False, np.nan, np.nan, -0.04),
}
ERROR = 0.01


def made(slopes: dict[str, float] | None = None, published: tuple[float, float] = (1.58, 0.87)) -> xr.Dataset:
    """The dataset, with other sampled slopes for some problems; those by half depth are the law's."""
    rows = {name: list(row) for name, row in PROBLEMS.items()}
    for name, value in (slopes or {}).items():
        rows[name][5] = value
    kinds, expected, real, theory, exact, sampled = (np.array(column) for column in zip(*rows.values(), strict=True))
    value = np.stack([sampled, sampled, np.where(expected == "power law", theory, sampled)], axis=1)
    fallen = -value[..., None] * np.log2(SIZES)
    by_slope, by_end = ("problem", "definition"), ("problem", "definition", "rank")
    law_shape = (len(rows), len(DEFINITIONS), len(LAWS))
    weight = np.zeros(law_shape)
    weight[..., 0] = 1
    weight[..., -1] = np.nan
    problems = xr.Dataset(
        {
            "kind": ("problem", kinds), "expected": ("problem", expected), "real_noise": ("problem", real),
            "schedule": ("problem", ["exponential, decay 0.95"] * len(rows)), "expected_slope": ("problem", theory),
            "batch_size": (("problem", "rank"), np.tile(SIZES, (len(rows), 1))),
            "slope": (by_slope, value), "slope_error": (by_slope, ERROR + 0 * value),
            "slope_low": (by_slope, value - 2 * ERROR), "slope_high": (by_slope, value + 2 * ERROR),
            "exact_slope": (by_slope, np.tile(exact[:, None], (1, 3))),
            "temperature_ratio": (by_slope, np.ones_like(value)), "left_out": (by_slope, np.full(value.shape, "")),
            "end": (by_end, fallen), "end_halvings": (by_end, fallen),
            "end_error_halvings": (by_end, np.full_like(fallen, ERROR)),
            "weight": ((*by_slope, "law"), weight), "p_value": ((*by_slope, "law"), np.where(weight > 0, 0.5, 1e-9)),
        },
        coords={"problem": list(rows), "definition": [each.name for each in DEFINITIONS], "law": list(LAWS)},
    )  # fmt: skip
    there = [[middle, middle - 0.4, middle + 0.4] for middle in published]
    return problems.merge(agreements(problems)).assign(
        published_definition=("published", ["hinge", "half_depth"]), published_slope=(("published", "bound"), there)
    )


def verdicts(data: xr.Dataset) -> dict[str, str]:
    return {claim.name: claim.verdict for claim in claims(data)}


def test_claims_against_the_law_come_first():
    told = claims(made())
    assert [claim.name for claim in told if claim.verdict == "no"] == [
        "published-hinge", "power-law-half-stuck-mass", "start-remembered"
    ]  # fmt: skip
    assert [claim.verdict for claim in told] == ["no"] * 3 + ["yes"] * 5
    by_name = {claim.name: claim for claim in told}
    hinge = by_name["published-hinge"]
    assert (hinge.value, hinge.interval, hinge.expected) == (1.58, pytest.approx((1.18, 1.98)), 1.0)
    assert hinge.sentence == (
        "Published CIFAR-10 curves, one seed each, have by hinge slope 1.58 [1.18, 1.98]; the law says 1."
    )
    # Of two power laws the one whose exact slope is farther from the law.
    law = by_name["power-law-half-stuck-mass"]
    assert law.expected == 1.2 and "singular well" in law.sentence and "exactly 1.050" in law.sentence
    handed = by_name["handed"]
    assert handed.sentence.startswith("2 problems that are handed") and handed.value == pytest.approx(1.0)
    assert handed.interval == pytest.approx((1 - 1.96 * ERROR / np.sqrt(2), 1 + 1.96 * ERROR / np.sqrt(2)), abs=1e-4)


@pytest.mark.parametrize(
    ("changes", "name", "verdict"),
    [
        ({"published": (1.1, 0.87)}, "published-hinge", "yes"),
        ({"published": (1.58, 0.5)}, "published-half-depth", "no"),
        ({"slopes": {"regression": 1.1}}, "minibatches", "no"),
        ({"slopes": {"regression": np.nan}}, "minibatches", None),
        ({"slopes": {"regular_wells": 1.1}}, "handed", "no"),
        ({"slopes": {"singular_power_law": 1.2}}, "power-law-half-stuck-mass", "yes"),
        ({"slopes": {"remembered": 1.0}}, "start-remembered", "yes"),
        ({"slopes": {"pathways": 1.0}}, "no-temperature", "no"),
    ],
)
def test_every_claim_can_come_out_otherwise(changes, name, verdict):
    assert verdicts(made(**changes)).get(name) == verdict
    assert verdicts(made()).get(name) != verdict


def test_a_half_depth_off_the_power_law_is_told():
    data = made()
    for field in ("slope", "slope_low", "slope_high"):
        data[field].loc[{"problem": "singular_power_law", "definition": "half_depth"}] += 0.3
    assert verdicts(data)["power-law-half-depth"] == "no"


def test_an_open_end_cannot_tell():
    data = made()
    data["slope_high"].loc[{"problem": "regression"}] = np.nan
    (told,) = [claim for claim in claims(data) if claim.name == "minibatches"]
    assert told.verdict == "cannot tell" and told.interval == (pytest.approx(0.984), None)
    assert "[0.984, open]" in told.sentence


def test_problems_that_were_not_run_are_not_told():
    data = made().isel(problem=[0, 3])
    data = data.drop_vars([name for name in data.data_vars if str(name).startswith("agreement_")])
    data = data.merge(agreements(data), compat="override")
    assert set(verdicts(data)) == {
        "handed", "published-hinge", "published-half-depth", "power-law-half-stuck-mass", "power-law-half-depth"
    }  # fmt: skip


def test_tables_hold_what_the_dataset_holds():
    data = made()
    slopes, laws, agreement = tables(data)
    assert len(slopes.rows) == len(PROBLEMS) + 1 and len(laws.rows) == len(PROBLEMS)
    assert slopes.rows[2][:5] == ("regression", "real minibatches", "of minibatches", "1.00", "-")
    assert slopes.rows[0][6] == "0.990 [0.970, 1.010]" and slopes.rows[0][4] == "1.0001"
    assert [row[0] for row in slopes.rows if row[2] == "of minibatches"] == [
        "regression", "published CIFAR-10, within one seed"
    ]  # fmt: skip
    assert slopes.rows[-1][6:9] == ("-", "1.580 [1.180, 1.980]", "0.870 [0.470, 1.270]")
    assert (
        laws.rows[0][2] == "1.000, p 0.5" and laws.rows[0][-1] == "p < 0.001" and laws.rows[0][3] == "0.000, p < 0.001"
    )
    assert [row[1:3] for row in agreement.rows[:3]] == [("equal temperature", "3"), ("handed", "2"), ("all", "7")]
    assert agreement.rows[0][6] == "0.35" and agreement.rows[2][6] == "< 0.001"
    data["left_out"].loc[{"problem": "regression", "definition": "hinge"}] = "x"
    assert tables(data)[3].rows == (("regression", "hinge", "x"),)


def test_the_page_is_written_from_the_record_alone():
    data = made()
    text = page(Outcome(TITLE, INTRODUCTION, claims(data), tables(data), {}).to_dict(), "python -m this")
    assert text.startswith(f"# {TITLE}\n") and "Half stuck mass" in text and "| regression | real minibatches |" in text
