"""What the phase diagram claims: each claim comes out "no" on numbers that deny it, and no number is invented."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys.reports import phase_diagram as report
from slt_toys.results.claims import Claim, Outcome
from slt_toys.results.recipe import dataset_of

RECORD = Path(__file__).parents[2] / "figures" / "phase_diagram.json"
NAMES = [
    "published-halving-hinge", "published-loss-collapse", "crossover", "published-log-law",
    "published-halving-half-depth", "collapse-exponent", "end-at-128", "toy-halving",
]  # fmt: skip


@pytest.fixture
def data() -> xr.Dataset:
    return dataset_of(json.loads(RECORD.read_text(encoding="utf-8"))).copy(deep=True)


def verdicts(data: xr.Dataset) -> dict[str, str]:
    return {claim.name: claim.verdict for claim in report.claims(data)}


def claim_of(data: xr.Dataset, name: str) -> Claim:
    return next(claim for claim in report.claims(data) if claim.name == name)


def test_claims_are_those_of_the_record_and_what_speaks_against_the_law_comes_first(data):
    assert list(verdicts(data)) == NAMES
    assert list(verdicts(data).values()) == ["no"] * 3 + ["cannot tell"] + ["yes"] * 4
    hinge = claim_of(data, "published-halving-hinge")
    assert hinge.value == pytest.approx(35.9, abs=0.05) and hinge.expected == pytest.approx(22.76, abs=0.005)
    assert "35.9 [26.0, 44.4] epochs within one seed each; the law says 22.76." in hinge.sentence
    assert Outcome(report.TITLE, report.introduction(data), report.claims(data), report.tables(data), {}).claims


def set_at(data: xr.Dataset, value: float, *names: str, **place) -> None:
    for name in names:
        data[name].loc[place] = value


WRONG = {
    "published-halving-half-depth": lambda data: set_at(
        data, 22.0, "published_halving_high", published_definition="half_depth"
    ),
    "collapse-exponent": lambda data: data.update({"toy_collapse_best_low": ((), 1.001)}),
    "end-at-128": lambda data: set_at(data, 35.6, "law_end_epoch", batch_size=128),
    "toy-halving": lambda data: set_at(data, 22.76, "sampled_halving_low", definition="half_stuck_mass"),
    "published-log-law": lambda data: set_at(
        data, 0.96, "published_fit_weight", published_definition="hinge", rival_law="power_law"
    ),
}
RIGHT = {
    "published-halving-hinge": lambda data: set_at(data, 22.0, "published_halving_low", published_definition="hinge"),
    "published-loss-collapse": lambda data: set_at(
        data, 0.2, "published_collapse_spread", collapse_variable="deficit_train_loss"
    ),
    "published-log-law": lambda data: set_at(
        data, 0.96, "published_fit_weight", published_definition="hinge", rival_law="log_law"
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


@pytest.mark.parametrize(
    ("exact", "asymptotic", "verdict"),
    [([], [], "yes"), ([3.0], [], "no"), ([3.0], [3.2], "yes"), ([1.0, 3.0], [1.0, 3.5], "no")],
)
def test_crossovers_agree_to_a_tenth_at_the_largest_n_beta(data, exact, asymptotic, verdict):
    data = data.drop_dims(["crossover", "asymptotic_crossover"])
    data["crossover_n_beta"] = ("crossover", np.array(exact, dtype=float))
    data["crossover_asymptotic_n_beta"] = ("asymptotic_crossover", np.array(asymptotic, dtype=float))
    claim = claim_of(data, "crossover")
    assert claim.verdict == verdict
    assert claim.value == (max(exact) if exact else None)


def test_an_open_interval_tells_only_where_it_ends(data):
    place = {"published_definition": "hinge"}
    set_at(data, np.nan, "published_halving_high", **place)
    assert verdicts(data)["published-halving-hinge"] == "no"  # the law lies below the low end all the same
    set_at(data, 20.0, "published_halving_low", **place)
    assert verdicts(data)["published-halving-hinge"] == "cannot tell"
    assert claim_of(data, "published-halving-hinge").interval == (20.0, None)
    assert "[20.0, open]" in claim_of(data, "published-halving-hinge").sentence


def test_every_sentence_is_short_whatever_is_missing(data):
    numbers = {
        name: variable * np.nan
        for name, variable in data.data_vars.items()
        if variable.dtype == float and name != "crossover_range"
    }
    texts = {
        name: xr.full_like(variable, "cannot tell: the curve is flat")
        for name, variable in data.data_vars.items()
        if name.endswith("_statement")
    }
    empty = data.assign(**numbers, **texts)
    assert len(report.claims(empty)) == len(NAMES)
    told = dict(verdicts(empty))
    assert {told[name] for name in NAMES if name != "crossover"} == {"cannot tell"}
    assert all(table.rows for table in report.tables(empty))


def test_tables_hold_the_ends_of_the_record(data):
    ends, halvings, published, collapse, laws = report.tables(data)
    assert ends.rows[0][:4] == ("32", "81.0", "81.3 [80.9, 81.7]", "81.03")
    assert [row[4] for row in halvings.rows] == ["-", "35.9 [26.0, 44.4]", "19.9 [13.1, 26.2]"]
    assert published.rows[-1][0] == "256 to 128"
    assert collapse.rows[-1][1:] == ("1.00 [0.996, 1.01]", "0.857 [0.596, 1.14]")
    assert dict(zip(laws.headings, laws.rows[2], strict=True))["published, hinge: weight"] == "-"
