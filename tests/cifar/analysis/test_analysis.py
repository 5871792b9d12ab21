"""Known curves, made into sweeps, give back the ends and verdicts that they were made with."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from cifar.analysis import tables
from cifar.analysis.analysis import Findings, analyse
from cifar.analysis.claims import claims
from cifar.analysis.curves import Row, curve, rows, scatter
from cifar.analysis.export import export
from cifar.analysis.report import write_report
from cifar.study.presets import LAPTOP, Control, Study
from cifar.sweep.store import Store
from slt_toys.results.records import read_dataset

DECAY = 0.93
SHIFT = np.log(2) / -np.log(DECAY)


def made_study() -> Study:
    return replace(
        LAPTOP,
        batch_sizes=(32, 64, 128),
        switch_epochs=(0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60),
        seeds=3,
        controls=(
            Control("reset", "blur", (64,), (48,)),
            Control("fresh", "blur", (64,), (48,)),
            Control("base", "vertical_flip", (64,), (48,)),
        ),
    )


def true_accuracy(batch_size: int, switch: int) -> float:
    """A hinge that ends at epoch 30 for a batch of 64 and follows the theorem."""
    end = 30 - SHIFT * np.log2(batch_size / 64)
    return 0.9 - 0.2 * min(switch / end, 1)


def made_rows(
    noise: float, *, even: bool = True, gate_fails: tuple[int, ...] = (), flat_controls: bool = False
) -> list[Row]:
    """Runs with normal noise, or without a random number with the same three deviations in every cell."""
    random = np.random.default_rng(np.random.SeedSequence().generate_state(1))
    found = []
    for run in made_study().runs("made"):
        accuracy = true_accuracy(run.batch_size, run.switch_epoch)
        if (run.arm, run.deficit) != ("base", "blur") and not flat_controls:
            accuracy = 0.9
        accuracy += noise * ((run.seed - 1) if even else random.standard_normal())
        passed = run.switch_epoch not in gate_fails
        at_switch = {"deficit_train_loss": 1.5 * DECAY**run.switch_epoch, "fisher_trace": 100.0}
        final = {"test_accuracy": accuracy if passed else 0.1, "train_accuracy": 1.0 if passed else 0.5}
        found.append(Row(run, final, at_switch if run.switch_epoch else {}, passed))
    return found


def findings(found: list[Row]) -> Findings:
    return analyse(found, deficit="blur", decay=DECAY, learning_rate=0.05, momentum=0.9, examples=3000)


def test_the_theorem_is_found_where_it_was_put_in():
    found = findings(made_rows(0.002, even=False))
    assert found.freedom == 2 * (3 * 16 + 3)
    assert abs(found.scatter - 0.2) < 5 * 0.2 / np.sqrt(2 * found.freedom)
    assert findings(made_rows(0.002)).scatter == pytest.approx(0.2, rel=1e-9)  # deviations of -.2, 0 and .2 points
    for size, end in found.ends["hinge"].items():
        assert end.epoch is not None and end.standard_error
        assert abs(end.epoch - (30 - SHIFT * np.log2(size / 64))) < 5 * end.standard_error
    for name in ("hinge", "half_stuck_mass"):
        slope = found.epochs_per_halving[name]
        assert slope.low is not None and slope.high is not None
        assert abs(slope.slope - (SHIFT if name == "hinge" else SHIFT / 2)) < 5 * (slope.high - slope.low) / 4
    fits = found.comparisons["hinge"].fits
    assert (fits["scaling_law"].p_value or 0) > 1e-6
    assert (fits["constant"].p_value or 0) < 1e-12  # the control: a constant end is not what was put in


def test_runs_below_the_gate_are_marked_and_not_averaged_in():
    found = made_rows(0.0, gate_fails=(60,))
    one = curve(found, "base", "blur", 64)
    assert 60 not in one.switch_epochs and one.failed == {60: 3}
    assert one.values.min() > 60  # percent: what failed had 10
    assert one.counts.tolist() == [3] * 15
    assert scatter(found)[0] == pytest.approx(0, abs=1e-9)


def verdicts(found: Findings, theorem: float = SHIFT) -> dict[str, str]:
    return {claim.name: claim.verdict for claim in claims(found, theorem, None)}


def test_controls_are_told_apart_from_the_base_arm():
    told = findings(made_rows(0.002))
    said = verdicts(told)
    assert (said["budget"], said["reset"], said["negative-control"]) == ("yes", "yes", "yes")
    assert [row[-1] for row in tables.controls(told)[0].rows] == ["gain", "gain", "gain"]
    same = findings(made_rows(0.002, flat_controls=True))
    said = verdicts(same)
    assert (said["budget"], said["reset"], said["negative-control"]) == ("cannot tell", "cannot tell", "no")
    assert [row[-1] for row in tables.controls(same)[0].rows] == ["loss", "loss", "loss"]


def test_a_decline_is_shown_where_there_is_one_and_not_where_there_is_none():
    told = findings(made_rows(0.002))
    (decline,) = (claim for claim in claims(told, SHIFT, None) if claim.name == "decline")
    assert decline.verdict == "yes" and decline.value == pytest.approx(20)
    assert all(row[-1].startswith("20.0 [") for row in tables.accuracies(told).rows)
    flat = [replace(row, final={**row.final, "test_accuracy": 0.5 + 0.01 * row.run.seed}) for row in made_rows(0)]
    assert verdicts(findings(flat))["decline"] == "cannot tell"
    assert all(row[-1].startswith("0.0 [-") for row in tables.accuracies(findings(flat)).rows)


def test_the_law_is_held_against_its_interval():
    found = findings(made_rows(0.002))
    assert verdicts(found)["shift-hinge"] == "yes" and verdicts(found, 3 * SHIFT)["shift-hinge"] == "no"
    assert claims(found, 3 * SHIFT, None)[0].verdict == "no"  # what speaks against the law comes first
    # lines that fall from epoch 0 to an end that moves have their half-way points move by half as much
    assert verdicts(found)["batch-size-exponent"] == "no"
    spreads = {name: one.spread for name, one in found.collapse.items() if one.spread is not None}
    assert min(spreads, key=spreads.__getitem__) == "learning_rate/batch_size^0.5"


def test_too_few_runs_are_said_and_not_fitted():
    few = [row for row in made_rows(0.002) if row.run.switch_epoch < 8]
    found = findings(few)
    assert not found.epochs_per_halving and any("Too few runs" in note for note in found.notes)


def made_sweep(folder, found: list[Row]) -> None:
    """The rows as a results file."""
    folder.mkdir()
    from cifar.sweep.plan import plan

    with Store(folder, create=True) as store:
        data = {"checksum": "made", "source": "made images", "path": None, "train_images": 3000, "test_images": 500}
        store.set_facts(data=data, study={"name": "laptop", "gate": 0.9, "measuring": {}})
        store.add_runs([row.run for row in found])
        known = {row.run.key: row.final for row in found}
        for unit in plan(store.runs()):
            values = known.get(unit.key, {"test_accuracy": 0.5, "train_accuracy": 0.9, "deficit_train_loss": 1.0})
            measured = {**values, "fisher_trace": 10.0 + unit.end, "test_loss": 1.0}
            store.finish(unit, {name: (value, None) for name, value in measured.items()}, device="made")


def test_report_export_and_figure_of_a_sweep(tmp_path):
    folder = tmp_path / "sweep"
    made_sweep(folder, made_rows(0.002, gate_fails=(60,)))
    with Store(folder) as store:
        assert len(rows(store)) == 3 * (3 * 16 + 3)
    docs = tmp_path / "docs"
    page = write_report(folder, docs)
    assert "| 64 | 90" in page and "gate" in page and "made images" in page and "not averaged in: base (blur)" in page
    assert (folder / "cifar_replication.md").read_text() == page
    assert (docs / "cifar_replication.md").read_text() == page.replace("(cifar_repl", "(../../figures/cifar_repl")
    (reset,) = (line for line in page.split("\n") if line.startswith("| reset (blur) | 64 | 48 |"))
    assert reset.startswith("| reset (blur) | 64 | 48 | 90.0 | 70.0 | 90.0 | 20.0 [") and " | 0.0 [" in reset
    dataset = read_dataset(folder / "cifar_replication.nc")  # checked against the checksum in its record
    assert dataset["curve"].shape == (3, 15) and dataset.sizes["run"] == 153
    # the collapse is drawn from curves that run from 1 to about 0, over the learning rates of the switches
    assert dataset["curve_normalised"].values[:, 0] == pytest.approx(1) and dataset["curve_learning_rate"][0] == 0.05
    assert dataset.sizes["toy_batch_size"] == 4 and "(made).\n" in page, "toy ends beside, and the device is named"
    record = json.loads((folder / "cifar_replication.json").read_text())
    assert record["epochs_per_halving"]["hinge"]["slope"] == pytest.approx(SHIFT, rel=1e-6)
    assert record["claims"] and record["tables"] and record["numbers"]["curve"]["dims"]
    assert {path.name for path in export(folder)} == {
        "export.nc", "export.json", "export.runs.csv", "export.epochs.csv", "export.measurements.csv"
    }  # fmt: skip
    runs = xr.load_dataset(folder / "export.nc", engine="h5netcdf", group="runs")
    assert runs.sizes["runs_row"] == 153 and runs["passed"].values.sum() == 153 - 9
    assert (folder / "export.runs.csv").read_text().count("\n") == 154
    Store(folder).__exit__()  # what a report wrote is no foreign file
