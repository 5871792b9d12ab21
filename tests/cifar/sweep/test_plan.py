"""Units of work share what runs have in common."""

from __future__ import annotations

import pytest

from cifar.study.presets import PRESETS, Control
from cifar.study.stages import until
from cifar.sweep.plan import name_of, plan, trained_images
from tests.cifar.made_studies import small
from tests.cifar.sweep.made_sweeps import tiny_study


def test_every_shared_state_is_reached_once():
    study = tiny_study()
    units = plan(study.runs("made"))
    assert len({unit.key for unit in units}) == len(units)
    # per batch size one trunk of 3 epochs in two pieces and three branches; reset shares the trunk; fresh is alone
    assert sum(unit.epochs for unit in units) == 2 * (3 + 3 * 3) + 3 + 3
    assert sum(unit.branch for unit in units) == len(study.runs("made")) == 8
    seen: set[str | None] = {None}
    for unit in units:
        assert unit.parent in seen, "a parent comes after its child"
        seen.add(unit.key)
    by_key = {unit.key: unit for unit in units}
    for unit in units:
        if unit.parent is not None:
            assert by_key[unit.parent].stages == until(unit.stages, unit.begin)
    assert trained_images(units[0], 120) == units[0].epochs * 120


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_planned_without_repeating_work(name):
    units = plan(PRESETS[name].runs("made"))
    assert len({(unit.recipe, unit.stages) for unit in units}) == len(units)
    assert {unit.recipe.batch_size for unit in units} == set(PRESETS[name].batch_sizes)


def test_images_are_counted_by_the_share_that_is_trained_on():
    runs = small(batch_sizes=(40,), switch_epochs=(2,), controls=(Control("warm_start", "blur", (40,), (2,)),)).runs(
        "x"
    )
    counted = [trained_images(unit, 100) for unit in plan(runs)]
    assert counted == [2 * 100, 4 * 100, 2 * 50, 4 * 100]


def test_every_unit_has_a_name_of_its_own():
    runs = tiny_study(seeds=2).runs("made")
    names = {name_of(unit, runs): unit for unit in plan(runs)}
    assert len(names) == len(plan(runs))
    assert names["epochs 2 to 5 of reset (blur), batch size 40, switch epoch 2, seed 1"].branch
    assert not names["epochs 0 to 2 of base (blur), batch size 20, switch epoch 2, seed 0"].branch
