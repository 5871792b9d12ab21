"""Runs of two recipes are never averaged: every field that changes the training is refused by name."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from cifar.__main__ import main
from cifar.study.arms import ARMS, Protocol, Run, make_run
from cifar.study.presets import BAKER, LAPTOP, OF_A_FIXED_SET, PRESETS, Control, Study
from cifar.study.recipes import check_one_recipe, recipe_differences
from cifar.study.stages import Recipe, Stage
from cifar.sweep.store import Store

# Another value of every field, so that a field that is added must be thought of here.
OTHER_RECIPE: dict[str, Any] = {
    "network": "all_cnn",
    "width": 16,
    "depth": 1,
    "momentum": 0.5,
    "precision": "bfloat16",
    "deficit_after_augmentation": True,
    "data": "f" * 64,
    "normalisation": "half",
    "padding": "black",
    "partial_batch": True,
    "initialisation": "fan_out",
}
OTHER_STAGE: dict[str, Any] = {
    "learning_rate": 0.1,
    "decay": 0.9,
    "weight_decay": 0.01,
    "augment": True,
    "period": 3,
    "share": 0.5,
    "added_noise": 1.0,
    "shrink": 0.4,
    "perturb": 0.1,
    "clock_start": 2,
    "cooling": 3,
}


def study(**changes) -> Study:
    controls = (Control("reset", "blur", (64,), (8,)), Control("base", "vertical_flip", (64,), (8,)))
    small = replace(LAPTOP, batch_sizes=(32, 64), switch_epochs=(0, 4, 8), seeds=1, controls=controls)
    return replace(small, **changes)


def with_recipe(**changes) -> Study:
    return study(recipe=replace(LAPTOP.recipe, **changes))


def with_stage(**changes) -> Study:
    return study(stage=replace(LAPTOP.stage, **changes))


def test_every_field_is_either_compared_or_a_column_of_the_run():
    assert {field.name for field in fields(Recipe)} == set(OTHER_RECIPE) | {"batch_size", "seed"}
    assert {field.name for field in fields(Stage)} == set(OTHER_STAGE) | {"epochs", "deficit", "clock"}


@pytest.mark.parametrize(
    ("name", "other"),
    [(name, with_recipe(**{name: value})) for name, value in OTHER_RECIPE.items() if name != "data"]
    + [(name, with_stage(**{name: value})) for name, value in OTHER_STAGE.items()]
    + [("epochs after the switch", study(further_epochs=21)), ("beyond the switch epoch", study(through_switch=True))]
    + [("epochs after the switch", study(totals={32: 90}))],
)
def test_another_recipe_is_refused_by_its_name(name, other):
    known = study().runs("made")
    later = [replace(run, seed=1, recipe=replace(run.recipe, seed=1)) for run in other.runs("made")]
    for asked in (later, later[::-1], [run for run in later if run.arm == "base"][1:3]):
        with pytest.raises(ValueError, match=name) as caught:
            check_one_recipe(known, asked, source="here")
        assert "another recipe than the sweep in here" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="mixes runs of more than one recipe") as mixed:
        check_one_recipe([*later, *known], source="here")
    assert name in str(mixed.value)


def test_other_images_are_another_recipe():
    with pytest.raises(ValueError, match=r"data a{12}\.\.\. in 7 runs, b{12}\.\.\. in 7 runs"):
        check_one_recipe(study().runs("a" * 64), study(seeds=1).runs("b" * 64), source="here")


@pytest.mark.parametrize("field", ["learning_rate", "weight_decay", "augment", "share"])
def test_a_control_of_another_recipe_is_refused_although_no_other_run_is_like_it(field):
    known = study(controls=()).runs("made")
    asked = [run for run in with_stage(**{field: OTHER_STAGE[field]}).runs("made") if run.arm == "reset"]
    with pytest.raises(ValueError, match=f"reset: {field}"):
        check_one_recipe(known, asked, source="here")
    shorter = [run for run in study(further_epochs=19).runs("made") if run.arm == "reset"]
    with pytest.raises(ValueError, match="reset: epochs 19, 20 by the base arm"):
        check_one_recipe(known, shorter, source="here")


@pytest.mark.parametrize("name", ["cycle", "window"])
def test_cycles_and_windows_of_two_lengths_are_refused(name):
    arm = {"cycle": "cyclic", "window": "window"}[name]
    one, other = (
        study(controls=(Control(arm, "blur", (64,), (8,)),), **{name: length}).runs("made") for length in (5, 6)
    )
    assert not recipe_differences(one) and not recipe_differences(other)
    with pytest.raises(ValueError, match=f"{name} 5 in 1 run, 6 in 1 run"):
        check_one_recipe(one, [run for run in other if run.arm == arm], source="here")


@pytest.mark.parametrize("preset", PRESETS)
def test_one_recipe_is_not_refused(preset):
    """Every arm, with any seeds, batch sizes and switch epochs added later, in any order."""
    arms, other = (set(ARMS) - set(OF_A_FIXED_SET), "vertical_flip") if preset == "minutes" else (ARMS, "greyscale")
    controls = tuple(Control(arm, deficit, (128,), (40,)) for arm in arms for deficit in ("blur", other))
    whole = replace(PRESETS[preset], controls=controls)
    more = replace(whole, seeds=2, batch_sizes=(32, 64, 128), switch_epochs=(0, 1, 40), totals=whole.totals)
    for runs in (whole.runs("x"), whole.runs("x")[::-1], [*whole.runs("x"), *more.runs("x")]):
        if preset != "baker" or runs[0].batch_size != 32:
            assert recipe_differences([run for run in runs if run.batch_size != 32 or preset != "baker"]) == []
    assert recipe_differences([]) == []
    assert recipe_differences(whole.runs("x")[:1]) == []


def make_folder(folder: Path, runs: list[Run]) -> None:
    folder.mkdir()
    with Store(folder, "create") as store:
        store.set_facts(
            data={"checksum": "made", "source": "made", "path": None, "train_limit": None, "test_limit": None,
                  "train_images": 100, "test_images": 50},
            study={"name": "laptop", "gate": 0.5, "measuring": {}},
        )  # fmt: skip
        store.add_runs(runs)


def mix(folder: Path, *, width: int) -> None:
    """What an older version let happen: the runs again, of another width."""
    with sqlite3.connect(folder / "sweep.sqlite") as connection:
        rows = connection.execute("SELECT * FROM runs").fetchall()
        for row in rows:
            recipe = json.loads(row[6]) | {"width": width}
            changed = (f"x{row[0][1:]}", *row[1:6], json.dumps(recipe), row[7], row[8] + 1000)
            connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", changed)


def test_the_store_adds_nothing_of_another_recipe(tmp_path):
    make_folder(tmp_path / "sweep", study().runs("made"))
    with Store(tmp_path / "sweep") as store:
        with pytest.raises(ValueError, match="width 8 in 7 runs, 16 in 7 runs"):
            store.add_runs(with_recipe(width=16).runs("made"))
        assert len(store.runs()) == 8
        store.add_runs(study(seeds=2).runs("made"))  # a seed more is the same recipe
        assert len(store.runs()) == 16


@pytest.mark.parametrize("command", ["resume", "status", "report", "export"])
def test_a_folder_that_is_mixed_already_is_refused(tmp_path, capsys, command):
    folder = tmp_path / "sweep"
    make_folder(folder, study().runs("made"))
    mix(folder, width=16)
    assert main([command, "--results", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "width 8 in 7 runs, 16 in 7 runs" in said and "cannot be averaged" in said and said.count("\n") == 1
    assert {path.name for path in folder.iterdir()} <= {"sweep.sqlite", "sweep.sqlite-wal", "sweep.sqlite-shm"}


SMALL = {
    "--network": "fully_connected", "--width": "16", "--depth": "1", "--batch-sizes": "20", "--seeds": "1",
    "--switch-epochs": "0 1", "--further-epochs": "1", "--train-images": "80", "--test-images": "40",
    "--gate": "0", "--precision": "float32",
}  # fmt: skip


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--width", "8", "width 16 in 3 runs, 8 in 6 runs"),
        ("--learning-rate", "0.1", "learning_rate 0.05 in 3 runs, 0.1 in 6 runs"),
        ("--further-epochs", "2", "epochs after the switch"),
        ("--precision", "bfloat16", "precision float32 in 3 runs, bfloat16 in 6 runs"),  # as on another device
        ("--learning-coefficient", "10", "learning_coefficient 0 there, 10 here"),
        ("--train-images", "70", "other images (made.tar.gz, checksum"),
    ],
)
def test_replicate_refuses_to_add_another_recipe(tmp_path, archive, capsys, monkeypatch, option, value, words):
    monkeypatch.setattr("cifar.sweep.sweep.run_sweep", lambda *_, **__: None)
    monkeypatch.setattr("cifar.analysis.report.write_report", lambda _: "a page")

    def replicate(changes: dict[str, str]) -> int:
        given = [word for name, values in (SMALL | changes).items() for word in (name, *values.split())]
        return main(["replicate", "--data", str(archive), "--results", str(tmp_path / "sweep"), *given])

    assert replicate({}) == 0
    with Store(tmp_path / "sweep") as store:
        facts, runs = store.facts(), store.runs()
    capsys.readouterr()
    assert replicate({option: value, "--data-name": "another", "--seeds": "2"}) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
    with Store(tmp_path / "sweep") as store:
        assert (store.facts(), store.runs()) == (facts, runs), "what is refused writes nothing"
    assert replicate({"--seeds": "2", "--workers": "2"}) == 0  # a seed more, another machine: the same recipe
    with Store(tmp_path / "sweep") as store:
        assert len(store.runs()) == 2 * len(runs)


# ---- the convention of a switch, and baker's grid ----


@pytest.mark.parametrize("late", [False, True])
def test_the_change_of_every_arm_comes_with_the_deficits_end(late):
    base = Protocol(Recipe(batch_size=64), Stage(0, decay=0.9), further_epochs=7, through_switch=late)
    first = {arm: make_run(arm, base, 3).stages[0].epochs for arm in ARMS}
    usual = 3 + late
    other = {"fresh": 7, "clean": usual + 7, "flow_time_matched": 2 * usual, "window": 3}
    assert first == dict.fromkeys(ARMS, usual) | other
    assert make_run("fresh", base, 3).stages[0].clock_start == usual
    assert make_run("base", replace(base, total=20), 3).stages[-1].epochs == 20 - usual
    with pytest.raises(ValueError, match="switch_epochs: 21"):
        make_run("base", replace(base, total=20), 21)


def test_a_switch_grid_of_its_own_is_replaced_by_the_option():
    from cifar.replicate import Replicate

    changed = Replicate(preset="baker", switch_epochs=(0, 5), precision="float32").study()
    assert {(run.batch_size, run.switch_epoch) for run in changed.runs("x") if run.deficit == "blur"} == {
        (size, epoch) for size in (64, 128, 256) for epoch in (0, 5)
    }
    one = Replicate(preset="baker", batch_sizes=(256,), precision="float32").study()
    known = {run.switch_epoch for run in one.runs("x") if run.arm == "base" and run.deficit == "blur"}
    assert {epoch for control in one.controls for epoch in control.switch_epochs} <= known
    arms = Replicate(preset="baker", arms=("clean",), precision="float32").study().controls
    assert {control.batch_sizes: control.switch_epochs for control in arms} == {
        (size,): BAKER.grid(size) for size in (128, 64, 256)
    }
