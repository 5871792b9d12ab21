"""The command line: a dry run, a small sweep from the archive to the report, and refusals in one line."""

from __future__ import annotations

import pytest

from cifar.__main__ import main
from cifar.replicate import Replicate, plan_text
from cifar.study.arms import ARMS, Protocol, make_run
from cifar.study.presets import PRESETS
from cifar.study.stages import Recipe, Stage, total_epochs
from cifar.sweep.store import Store

SMALL = [
    *("--network", "fully_connected", "--width", "16", "--depth", "1", "--batch-sizes", "20", "40", "--seeds", "1"),
    *("--switch-epochs", "0", "1", "2", "3", "4", "--further-epochs", "1", "--train-images", "80", "--gate", "0"),
    *("--test-images", "40", "--arms", "reset", "--arm-switch-epochs", "2", "--threads", "1"),
]


def test_replicate_status_resume_and_export(tmp_path, archive, capsys):
    results = ["--results", str(tmp_path / "results")]
    assert main(["replicate", "--data", str(archive), *results, *SMALL]) == 0
    assert "# Critical periods on made.tar.gz: 12 of 12 runs" in capsys.readouterr().out
    assert main(["status", *results]) == 0
    assert "12 of 12 runs, 20 of 20 epochs" in capsys.readouterr().out
    with Store(tmp_path / "results") as store:
        assert store.facts()["data"]["checksum"]
    assert main(["export", *results]) == 0
    assert "export.nc" in capsys.readouterr().out


@pytest.mark.parametrize("name", PRESETS)
def test_plan_says_what_a_preset_costs(name):
    text = plan_text(PRESETS[name], rate=1e12)
    assert f"preset {name}" in text and "estimated time" in text and "floating-point operations" in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["replicate", "--data", "/nowhere/at/all"], "data: there is no /nowhere"),
        (["replicate", "--dry-run", "--width", "7"], "width: 7"),
        (["replicate", "--dry-run", "--deficit", "fog"], "deficit: 'fog'"),
        (["replicate", "--dry-run", "--arms", "sideways"], "arms: 'sideways'"),
        (["replicate", "--dry-run", "--batch-sizes", "32", "32"], "batch_sizes:"),
        (["replicate", "--dry-run", "--decay", "1.5"], "decay: 1.5"),
        (["replicate", "--dry-run", "--momentum", "1"], "momentum: 1"),
        (["status", "--results", "/nowhere/at/all"], "there is no sweep"),
        (["report", "--results", "/nowhere/at/all"], "there is no sweep"),
        (["replicate", "--wrong"], "--wrong"),
        (["replicate", "--results", __file__], "results: "),
        (["replicate", "--dry-run", "--width", "wide"], "--width"),
        (["replicate", "--data", "/nowhere", "--devices", "abacus"], "'abacus' is no device"),
        (["benchmark", "--device", "abacus"], "'abacus' is no device"),
        (["benchmark", "--device", "cuda:99"], "cuda:99 is not there"),
        (["benchmark", "--networks", "nothing"], "'nothing'"),
        (["benchmark", "--batch-sizes", "0"], "batch_sizes: (0,)"),
        (["benchmark", "--seconds", "0"], "seconds: 0.0"),
    ],
)
def test_bad_input_is_refused_in_one_line(options, words, capsys):
    assert main(options) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


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


def test_options_change_the_preset_and_nothing_else():
    study = Replicate(preset="baker", width=8, further_epochs=5, arms=("constant",)).study()
    assert study.recipe.width == 8 and study.totals == {} and study.further_epochs == 5
    assert {control.arm for control in study.controls} == {"constant"}
    assert study.stage == PRESETS["baker"].stage
    other = Replicate(preset="laptop", batch_sizes=(256,), switch_epochs=(0, 8), deficit="greyscale").study()
    assert {control.batch_sizes for control in other.controls} == {(256,)}
    assert {control.switch_epochs for control in other.controls} == {(8,)}
    assert {control.deficit for control in other.controls} == {"greyscale", "vertical_flip"}
