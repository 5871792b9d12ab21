"""The stages of every arm field by field, and what identifies a state."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from cifar.study.arms import ARMS, Protocol, make_run
from cifar.study.stages import Recipe, Stage, key, stage_of, stages, total_epochs, until


def made_recipe(**changes) -> Recipe:
    return replace(Recipe("fully_connected", 16, 2, batch_size=40, data="made"), **changes)


ARM_FIELDS: dict[str, list[dict[str, Any]]] = {
    "base": [{"epochs": 10, "deficit": "blur"}, {"epochs": 20}],
    "reset": [{"epochs": 10, "deficit": "blur"}, {"epochs": 20, "clock": "stage"}],
    "fresh": [{"epochs": 20, "clock_start": 10}],
    "clean": [{"epochs": 30}],
    "constant": [{"epochs": 10, "deficit": "blur", "decay": 1.0}, {"epochs": 20, "decay": 1.0}],
    "cyclic": [{"epochs": 10, "deficit": "blur", "period": 6}, {"epochs": 20, "period": 6}],
    "linear_scaling": [
        {"epochs": 10, "deficit": "blur", "learning_rate": 0.08},
        {"epochs": 20, "learning_rate": 0.08},
    ],
    "flow_time_matched": [{"epochs": 20, "deficit": "blur", "decay": 0.9}, {"epochs": 40, "decay": 0.9}],
    "added_noise": [{"epochs": 10, "deficit": "blur", "added_noise": 1.0}, {"epochs": 20, "added_noise": 1.0}],
    "window": [{"epochs": 10}, {"epochs": 7, "deficit": "blur"}, {"epochs": 20}],
    "warm_start": [{"epochs": 10, "share": 0.5}, {"epochs": 20, "clock": "stage"}],
    "shrink_and_perturb": [
        {"epochs": 10, "share": 0.5},
        {"epochs": 20, "clock": "stage", "shrink": 0.4, "perturb": 0.1},
    ],
    "weight_decay_until": [{"epochs": 10, "weight_decay": 0.002}, {"epochs": 20, "weight_decay": 0.0}],
    "augmentation_until": [{"epochs": 10, "augment": True}, {"epochs": 20, "augment": False}],
}


@pytest.mark.parametrize("augmented", [True, False])
def test_the_stages_of_every_arm_field_by_field(augmented):
    stage = Stage(0, learning_rate=0.04, decay=0.81, weight_decay=0.002, augment=augmented)
    protocol = Protocol(Recipe(batch_size=128, seed=5), stage, further_epochs=20, cycle=6, window=7)
    assert set(ARM_FIELDS) == set(ARMS)
    for arm, changes in ARM_FIELDS.items():
        run = make_run(arm, protocol, 10)
        assert run.stages == tuple(replace(stage, **each) for each in changes), arm
        double = 2 if arm in ("linear_scaling", "flow_time_matched") else 1
        assert run.recipe == Recipe(batch_size=128 * double, seed=5)
        assert (run.arm, run.deficit, run.batch_size, run.seed, run.switch_epoch) == (arm, "blur", 128, 5, 10)
        assert run.epochs == sum(each["epochs"] for each in changes)
    fixed = replace(protocol, total=50)
    tails = {arm: make_run(arm, fixed, 10).stages[-1].epochs for arm in ARMS}
    assert tails == dict.fromkeys(ARMS, 40) | {"clean": 50, "flow_time_matched": 80, "window": 33}


def test_flow_time_is_matched_exactly_in_the_continuous_limit():
    """Twice the batch for twice the epochs at the root of the decay: η · steps between any two moments is the same."""
    protocol = Protocol(Recipe(batch_size=64), Stage(0, decay=0.9), further_epochs=20)
    base, matched = (make_run(arm, protocol, 10) for arm in ("base", "flow_time_matched"))
    for epoch in (0, 9, 10, 29):
        rate, twice = (
            run.stages[place].rate(when, 0) / run.recipe.batch_size
            for run, when, place in ((base, epoch, epoch >= 10), (matched, 2 * epoch, epoch >= 10))
        )
        assert 2 * twice == pytest.approx(rate, rel=1e-12)


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
              "deficit_after_augmentation": True, "data": "x", "seed": 9}  # fmt: skip
    assert set(others) == {field.name for field in fields(Recipe)}
    part = Stage(3, "blur")
    seen = {key(made_recipe(), [part])} | {key(made_recipe(**{name: value}), [part]) for name, value in others.items()}
    assert len(seen) == 1 + len(others)
    changes = {"epochs": 4, "deficit": "none", "learning_rate": 1.0, "decay": 0.5, "clock": "stage", "clock_start": 1,
               "period": 2, "weight_decay": 0.5, "augment": False, "share": 0.5, "added_noise": 1.0, "shrink": 0.4,
               "perturb": 0.1}  # fmt: skip
    assert set(changes) == {field.name for field in fields(Stage)}
    seen |= {key(made_recipe(), [replace(part, **{name: value})]) for name, value in changes.items()}
    assert len(seen) == 1 + len(others) + len(changes)
