"""Every arm as stages, field by field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cifar.study.arms import ARMS, Protocol, make_run
from cifar.study.stages import Recipe, Stage, total_epochs

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


def protocol(**changes) -> Protocol:
    return Protocol(Recipe(batch_size=128), Stage(0, learning_rate=0.04, decay=0.9), further_epochs=20, **changes)


def test_every_arm_is_what_the_table_says():
    runs = {arm: make_run(arm, protocol(), 10) for arm in ARMS}
    base = runs["base"]
    assert [(part.epochs, part.deficit) for part in base.stages] == [(10, "blur"), (20, "none")]
    assert base.stages[1].rate(10, 10) == pytest.approx(0.04 * 0.9**10)
    assert runs["reset"].stages[1].rate(10, 10) == 0.04
    assert runs["constant"].stages[1].rate(29, 10) == 0.04
    assert runs["linear_scaling"].recipe.batch_size == 256
    assert runs["linear_scaling"].stages[0].rate(3, 0) == pytest.approx(0.08 * 0.9**3)
    matched = runs["flow_time_matched"]
    assert matched.recipe.batch_size == 256 and total_epochs(matched.stages) == 60
    assert {part.added_noise for part in runs["added_noise"].stages} == {1.0}
    fresh = runs["fresh"]
    assert fresh.stages[0].rate(0, 0) == base.stages[1].rate(10, 10) and fresh.epochs == 20
    assert runs["clean"].epochs == base.epochs and {part.deficit for part in runs["clean"].stages} == {"none"}
    assert [part.share for part in runs["warm_start"].stages] == [0.5, 1.0]
    window = make_run("window", protocol(total=100), 10)
    assert [(part.epochs, part.deficit) for part in window.stages] == [(10, "none"), (40, "blur"), (50, "none")]
    cyclic = make_run("cyclic", protocol(cycle=5), 10)
    assert cyclic.stages[1].rate(15, 10) == 0.04


def test_a_switch_after_the_end_is_refused():
    with pytest.raises(ValueError, match="switch_epochs: 120"):
        make_run("base", protocol(total=100), 120)
