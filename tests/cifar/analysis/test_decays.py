"""Two decays as one experiment: page, record and figure from two results folders."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from cifar.__main__ import main
from cifar.analysis.clocks import LEFT, Reading
from cifar.analysis.decays import clock_claims
from slt_toys.results.records import read_dataset
from tests.cifar.analysis.made_decays import pair
from tests.cifar.analysis.made_rows import made_sweep
from tests.seeds import fresh_generator


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A study of three seeds and one of faster decay, of one seed, in which the flow time left decides."""
    root = tmp_path_factory.mktemp("decays")
    first, second = pair(LEFT, noise=0.15, seeds=(3, 1), generator=fresh_generator())
    for name, sweep in (("slow", first), ("fast", second)):
        rows = [
            replace(row, final={**row.final, "test_accuracy": float(row.final["test_accuracy"])}) for row in sweep.rows
        ]
        made_sweep(root / name, rows)
    (root / "docs").mkdir()
    return root


def report(root, *names, docs=False) -> int:
    beside = [str(root / name) for name in names[1:]]
    page = ["--docs", str(root / "docs")] if docs else []
    return main(["report", "--results", str(root / names[0]), "--beside", *beside, *page])


def test_page_record_and_figure_say_by_which_clock(folders, capsys):
    assert report(folders, "slow", "fast", docs=True) == 0
    said = capsys.readouterr().out
    assert said.startswith("|  | ") and "# By which clock a critical period ends on made images" in said
    page = (folders / "docs" / "cifar_decays.md").read_text()
    (told,) = (line for line in page.split("\n") if line.startswith("| The end keeps to flow time left: at γ=0.9 it"))
    assert told.endswith("| 0 | yes |")
    assert "whose learning rate falls by γ = 0.93 and by γ = 0.9 an epoch" in page and "60 of 60 runs and 20 of" in page
    assert "[eq:end-at-another-decay-time-left](../../theory/pages/scaling.md#end-at-another-decay-time-left)" in page
    record = json.loads((folders / "slow" / "cifar_decays.json").read_text())
    verdicts = {claim["name"]: claim["verdict"] for claim in record["claims"]}
    assert verdicts.pop("clock-flow-time-left") == "yes" and set(verdicts.values()) == {"no"} and len(verdicts) == 3
    assert [claim["verdict"] for claim in record["claims"]] == ["no"] * 3 + ["yes"]
    dataset = read_dataset(folders / "slow" / "cifar_decays.nc")
    assert dataset["decay"].values.tolist() == [0.93, 0.9]
    rates = dataset["learning_rate"].sel(decay=0.9, batch_size=128, epoch=29.0).item()
    assert rates == pytest.approx(0.05 * 0.9**29)
    assert dataset["flow_time_spent"].sel(decay=0.9, batch_size=128, epoch=4.0).item() == pytest.approx(
        0.05 * (1 + 0.9 + 0.81 + 0.729)
    )
    # both sweeps are told of, though they are of one preset
    assert {"laptop, decay 0.93", "laptop, decay 0.9"} <= set(record["manifest"]["config"])
    assert (folders / "slow" / "cifar_decays.png").read_bytes()[:4] == b"\x89PNG"


def test_the_order_of_folders_changes_no_number(folders, capsys):
    numbers = []
    for names in (("slow", "fast"), ("fast", "slow")):
        assert report(folders, *names) == 0
        record = json.loads((folders / names[0] / "cifar_decays.json").read_text())
        numbers.append((record["claims"], record["tables"], record["numbers"]))
    assert numbers[0] == numbers[1]
    capsys.readouterr()


def test_there_is_no_page_of_anything_else(folders, tmp_path, capsys):
    first, _ = pair(LEFT, noise=0.15, seeds=(1, 1), generator=np.random.default_rng(0))
    made_sweep(tmp_path / "other", [
        replace(row, run=replace(row.run, stages=tuple(replace(s, weight_decay=0.1) for s in row.run.stages)))
        for row in first.rows
    ])  # fmt: skip
    assert main(["report", "--results", str(folders / "slow"), "--beside", str(tmp_path / "other")]) == 0
    assert not list(tmp_path.rglob("cifar_decays*")) and "| weight decay |" in capsys.readouterr().out
    for names in (("slow", str(tmp_path / "other")), ("slow", "fast", str(tmp_path / "other"))):
        assert report(folders, *names, docs=True) == 2
        said = capsys.readouterr().err
        assert "docs: there is a page of two folders that differ in decay alone and share a batch size" in said
        assert "weight decay" in said and said.count("\n") == 1


def test_sweeps_without_a_common_batch_size_have_a_table_alone(tmp_path, capsys):
    first, second = pair(LEFT, noise=0.15, seeds=(1, 1), generator=fresh_generator())
    for name, sweep, size in (("slow", first, 128), ("fast", second, 32)):
        made_sweep(tmp_path / name, [row for row in sweep.rows if row.run.batch_size == size])
    assert report(tmp_path, "slow", "fast") == 0
    assert "| decay | 0.93 | 0.9 |" in capsys.readouterr().out and not list(tmp_path.rglob("cifar_decays*"))
    (tmp_path / "docs").mkdir()
    assert report(tmp_path, "slow", "fast", docs=True) == 2
    assert "which differ in decay; leave it out" in capsys.readouterr().err


def test_sweeps_that_have_hardly_begun_say_what_is_needed(tmp_path, capsys):
    first, second = pair(LEFT, noise=0.15, seeds=(1, 1), generator=fresh_generator())
    made_sweep(tmp_path / "slow", list(first.rows))
    made_sweep(tmp_path / "fast", [row for row in second.rows if row.run.switch_epoch in (0, 29, 42)])
    assert report(tmp_path, "slow", "fast") == 0
    said = capsys.readouterr().out
    assert said.count("6 switch epochs of each sweep are needed") == 10 and "The end keeps to" not in said


def test_the_table_is_told_before_anything_is_written(folders, monkeypatch, capsys):
    def nobody(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", "cifar_decays.nc")

    monkeypatch.setattr("cifar.analysis.side_by_side.write_decays", nobody)
    assert report(folders, "slow", "fast") == 2
    told = capsys.readouterr()
    assert "| decay | 0.93 | 0.9 |" in told.out and told.err == "error: Permission denied: cifar_decays.nc\n"


def test_a_claim_is_of_the_batch_size_that_refuses_where_the_mean_does_not():
    kept, off = (0.5, -1.0, 2.0), (-4.0, -7.0, -1.0)
    readings = [Reading(LEFT, 32, off=kept), Reading(LEFT, 128, off=off), Reading(LEFT, None, off=kept)]
    (claim,) = clock_claims(readings, (0.93, 0.9))
    assert (claim.verdict, claim.value, claim.interval) == ("no", -4.0, (-7.0, -1.0))
    assert "at γ=0.9, B=128, it comes 4.0 [1, 7] epochs earlier than γ=0.93 predicts." in claim.sentence
    (claim,) = clock_claims([Reading(LEFT, 32, off=(0.5, None, 2.0))], (0.93, 0.9))
    assert claim.verdict == "cannot tell" and "0.5 [open, 2] epochs later" in claim.sentence
    assert clock_claims([Reading(LEFT, 32, why="nothing")], (0.93, 0.9)) == []
