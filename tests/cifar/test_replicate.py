"""A study from its preset and options, and what it costs."""

from __future__ import annotations

import pytest

from cifar.replicate import Replicate, plan_text
from cifar.study.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_plan_says_what_a_preset_costs(name):
    text = plan_text(PRESETS[name], rate=1e12)
    assert f"preset {name}" in text and "estimated time" in text and "floating-point operations" in text


def test_options_change_the_preset_and_nothing_else():
    study = Replicate(preset="baker", width=8, further_epochs=5, arms=("constant",)).study()
    assert study.recipe.width == 8 and study.totals == {} and study.further_epochs == 5
    assert {control.arm for control in study.controls} == {"constant"}
    assert study.stage == PRESETS["baker"].stage
    other = Replicate(preset="laptop", batch_sizes=(256,), switch_epochs=(0, 8), deficit="greyscale").study()
    assert {control.batch_sizes for control in other.controls} == {(256,)}
    assert {control.switch_epochs for control in other.controls} == {(8,)}
    assert {control.deficit for control in other.controls} == {"greyscale", "vertical_flip"}
