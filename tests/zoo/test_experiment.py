"""A model as an experiment: found by name, told in tables, its influences kept in a file and read again."""

from __future__ import annotations

import pytest

from slt_toys.zoo import NAMES, ZOO
from slt_toys.zoo.experiment import (
    STUDIED,
    answer_table,
    claims_of_controls,
    experiment_of,
    find_model,
    influence_dataset,
    influences_in,
    listing,
    shown,
)
from tests.zoo.test_study import influence

BY_MODEL = {"one": [influence(0, 0.9), influence(0, 0.02)], "two": [influence(0, 0.01)]}


def test_models_are_found_by_name():
    assert [find_model(name) for name in NAMES] == list(ZOO)
    with pytest.raises(ValueError, match=r"^NAME must be one of .*, not 'lion'$"):
        find_model("lion")
    with pytest.raises(ValueError, match=r"^NAME must be a model with an experiment of its own .*critical_period$"):
        experiment_of("bottleneck")


def test_influences_are_kept_in_a_dataset():
    assert influences_in(influence_dataset(BY_MODEL)) == BY_MODEL


def test_answers_stand_side_by_side():
    table = answer_table(BY_MODEL)
    assert table.headings == ("model", "temperature", "batch size", "time", "other")
    assert table.rows == (
        ("one", "not in it", "not in it", "yes: 0.9; no: 0.02", "not in it"),
        ("two", "not in it", "not in it", "no: 0.01", "not in it"),
    )


def test_a_control_counts_where_it_was_asked():
    (claim,) = claims_of_controls(BY_MODEL)
    assert (claim.name, claim.value, claim.expected, claim.verdict) == ("time-controls", 1, 2, "no")
    (claim,) = claims_of_controls({"one": BY_MODEL["one"]})
    assert claim.verdict == "yes"
    unsure = [influence(0, 0.1, 0.1)]
    (claim,) = claims_of_controls({"one": BY_MODEL["one"], "three": unsure})
    assert unsure[0].verdict == claim.verdict == "cannot tell"
    (claim,) = claims_of_controls(BY_MODEL | {"three": unsure})
    assert claim.verdict == "no"


def test_every_model_is_listed_and_shown():
    text = listing()
    for model in ZOO:
        assert f"| {model.name} |" in text
        told = shown(model)
        assert all(f"[eq:{label}]" in told for label in model.labels) and "Source:" in told
    assert all(f"run {model.name}" in shown(model) for model in STUDIED)
