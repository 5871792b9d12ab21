"""A study from its preset and options, and what it costs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cifar.replicate import Replicate, curves_text, plan_text
from cifar.study.presets import ACHILLE, BAKER, PRESETS
from cifar.sweep.plan import plan, trained_images
from cifar.sweep.workers import Workers
from tests.cifar.made_studies import small, training_cost


@pytest.mark.parametrize("name", [name for name, study in PRESETS.items() if not study.generated])
def test_plan_says_what_a_preset_costs(name):
    text = plan_text(PRESETS[name], Workers(), lambda study, size: 1000.0)
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


ROOT = Path(__file__).resolve().parent.parent.parent


def test_what_a_preset_costs_is_what_the_manual_says():
    text = (ROOT / "docs" / "cifar.md").read_text(encoding="utf-8")
    arms: dict[str, Any] = {"arms": ("linear_scaling", "flow_time_matched", "added_noise")}
    arms["arm_switch_epochs"] = (40, 80, 120)
    more = Replicate(preset="achille", seeds=1, batch_sizes=(128,), precision="float32", **arms).study()
    one = replace(ACHILLE, seeds=1)
    already = {unit.key for unit in plan(one.runs("x"))}
    for words, study, known in (
        ("`achille`, one seed", one, set()),
        ("`achille`, three seeds", ACHILLE, set()),
        ("`baker`, one seed", BAKER, set()),
        ("three more arms", more, already),
    ):
        cells = next(line for line in text.split("\n") if line.startswith(f"| {words}")).split(" | ")
        units = [unit for unit in plan(study.runs("x")) if unit.key not in known]
        runs = [run for run in study.runs("x") if run.key not in known]
        assert int(cells[1]) == len(runs) and int(cells[2].replace(" ", "")) == sum(unit.epochs for unit in units)
        operations = sum(trained_images(unit, 50_000) * training_cost(study.recipe.network) for unit in units)
        factor, power = re.match(r"([\d.]+) · 10(.*?) \|", cells[3]).groups()  # type: ignore[union-attr]
        exponent = int(power.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")))
        assert float(factor) * 10.0**exponent == pytest.approx(operations, rel=0.51 / (10 * float(factor)))


def test_protocols_are_options():
    options: dict[str, Any] = {"normalisation": "half", "padding": "black", "initialisation": "fan_out"}
    study = Replicate(
        preset="achille", partial_batch=True, running_statistics=True, precision="float32", **options
    ).study()
    assert options.items() <= study.recipe.told().items() and study.recipe.partial_batch
    assert study.measuring.running_statistics
    baker = Replicate(preset="baker", normalisation="images", partial_batch=False, precision="float32").study()
    assert baker.recipe.normalisation == "images" and not baker.recipe.partial_batch
    assert baker.recipe.padding == "black"


def test_a_plan_text_counts_what_is_done():
    said = plan_text(small(train_images=1000), Workers(), lambda study, size: 1.0)
    # two trunks of 3 epochs and six branches of 4; a multiplication and an addition, forward and twice backward
    assert "runs: 6 (6 base)" in said and "units: 10, epochs: 30, images trained on: 0.0 million" in said
    operations = 30 * 1000 * 6 * 30720
    assert f"{operations:.2e} floating-point operations" in said and "float32, 1000 training images" in said


def test_a_study_on_curves_is_planned_and_its_options_are_checked():
    study = Replicate(preset="minutes", seeds=2, batch_sizes=(64,), switch_epochs=(0, 18)).study()
    assert study.recipe.precision == "float32" and {control.batch_sizes for control in study.controls} == {(64,)}
    # a trunk of 18 epochs, and the flip's; two branches, fresh, reset, flip; twice the batch with twice the epochs
    said = curves_text(study, 2, 100.0)
    assert "2 seeds of a perceptron" in said and f"epochs: {2 * (2 * 18 + 5 * 30 + 36 + 60)}" in said
    assert "estimated time: 2 min with 2 workers" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"network": "all_cnn"}, "network: all_cnn cannot read"),
        ({"deficit": "greyscale"}, "deficit: 'greyscale' is none of curves"),
        ({"arms": ("warm_start",)}, "arms: warm_start needs a set of images"),
        ({"batch_sizes": (1024,)}, "batch_sizes: 1024 is more than half"),
        ({"train_images": 1}, "train_images: curves are drawn"),
        ({"augment": True}, "preset: curves have neither"),
        ({"precision": "bfloat16"}, "preset: curves have neither"),
        ({"learning_coefficient": 8}, "preset: curves have neither"),
        ({"padding": "black"}, "preset: curves have none of normalisation"),
        ({"running_statistics": True}, "preset: curves have none of normalisation"),
    ],
)
def test_what_curves_cannot_have_is_refused(options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        Replicate(preset="minutes", **options).study()
    with pytest.raises(ValueError, match="network: perceptron cannot read the data of preset laptop"):
        Replicate(preset="laptop", network="perceptron", precision="float32").study()
