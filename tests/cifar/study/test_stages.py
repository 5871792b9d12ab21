"""Stages: an epoch belongs to one, and a state is identified by all it depends on."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, cast

import pytest

from cifar.study.presets import STUDY
from cifar.study.stages import COOLING, LATER, Recipe, Stage, key, stage_of, stages, total_epochs, until


def made_recipe(**changes) -> Recipe:
    return replace(Recipe("fully_connected", 16, 2, batch_size=40, data="made"), **changes)


def test_an_epoch_belongs_to_one_stage():
    parts = stages(Stage(2, "blur"), Stage(0), Stage(3))
    assert len(parts) == 2 and total_epochs(parts) == 5
    assert [stage_of(parts, epoch) for epoch in range(5)] == [(parts[0], 0)] * 2 + [(parts[1], 2)] * 3
    with pytest.raises(ValueError, match="epoch: 5 is not below the 5"):
        stage_of(parts, 5)
    assert [total_epochs(until(parts, epoch)) for epoch in (0, 1, 2, 3, 5, 9)] == [0, 1, 2, 3, 5, 5]
    assert until(parts, 2) == (parts[0],) and until(parts, 3)[1] == replace(parts[1], epochs=1)


def test_a_state_is_identified_by_every_field_it_depends_on():
    others = {"network": "all_cnn", "width": 8, "depth": 1, "batch_size": 3, "momentum": 0.5, "precision": "bfloat16",
              "deficit_after_augmentation": True, "data": "x", "seed": 9,
              "normalisation": "half", "padding": "black", "partial_batch": True,
              "initialisation": "fan_out"}  # fmt: skip
    assert set(others) == {field.name for field in fields(Recipe)}
    part = Stage(3, "blur")
    seen = {key(made_recipe(), [part])} | {key(made_recipe(**{name: value}), [part]) for name, value in others.items()}
    assert len(seen) == 1 + len(others)
    changes = {"epochs": 4, "deficit": "none", "learning_rate": 1.0, "decay": 0.5, "clock": "stage", "clock_start": 1,
               "period": 2, "weight_decay": 0.5, "augment": False, "share": 0.5, "added_noise": 1.0, "shrink": 0.4,
               "perturb": 0.1, "cooling": 1}  # fmt: skip
    assert set(changes) == {field.name for field in fields(Stage)}
    seen |= {key(made_recipe(), [replace(part, **{name: value})]) for name, value in changes.items()}
    assert len(seen) == 1 + len(others) + len(changes)


def test_what_came_later_changes_no_key_and_no_file_of_what_was_done_before():
    """A sweep that was begun before these fields were there goes on: its states are found by these keys."""
    assert key(Recipe(), (Stage(1),)) == "2ab1dabefd8963e20cb1e30e"
    older = replace(STUDY.stage, cooling=0)
    parts = stages(replace(older, epochs=42, deficit="blur"), replace(older, epochs=30))
    assert key(STUDY.runs("x")[1].recipe, parts) == "27b3fb03ef19a6016ba9a67d"
    assert Stage(**STUDY.stage.told()) == STUDY.stage and "cooling" not in older.told()
    assert not set(LATER) & set(Recipe().told()) and Recipe(**Recipe().told()) == Recipe()
    changes: tuple[dict[str, Any], ...] = (
        {"normalisation": "half"}, {"padding": "black"}, {"partial_batch": True}, {"initialisation": "fan_out"},
    )  # fmt: skip
    for change in changes:
        other = Recipe(**change)
        assert key(other, (Stage(1),)) != key(Recipe(), (Stage(1),)) and Recipe(**other.told()) == other
    for name in ("normalisation", "padding", "initialisation"):
        with pytest.raises(ValueError, match=f"{name}: 'other' is unknown; use"):
            Recipe(**cast(dict[str, Any], {name: "other"}))


def test_the_last_epochs_are_cooled_and_no_others():
    parts = stages(Stage(3, "blur", decay=1.0, cooling=2), Stage(4, decay=1.0, cooling=2))
    assert [part.cooling for part in parts] == [0, 2]
    rates = [stage.rate(epoch, begin) / 0.05 for epoch in range(7) for stage, begin in [stage_of(parts, epoch)]]
    assert rates == pytest.approx([1, 1, 1, 1, 1, COOLING, COOLING**2])
    short = Stage(2, decay=1.0, cooling=5)
    assert [short.rate(epoch, 0) / 0.05 for epoch in range(2)] == pytest.approx([COOLING, COOLING**2])
    with pytest.raises(ValueError, match="cooling -1; none below 0"):
        Stage(1, cooling=-1)


def test_a_run_that_is_cut_is_what_it_was_until_then():
    """A state within a cooled stage is on the way of a longer run: the same key, the same learning rates."""
    parts = stages(Stage(2, "blur", cooling=3), Stage(6, cooling=3))
    for length in range(1, 9):
        cut = until(parts, length)
        assert until(until(parts, 8), length) == cut and total_epochs(cut) == length
        for epoch in range(length):
            (one, begin), (two, same) = stage_of(parts, epoch), stage_of(cut, epoch)
            assert one.rate(epoch, begin) == two.rate(epoch, same)
