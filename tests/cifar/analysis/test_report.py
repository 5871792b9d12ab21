"""The page of a sweep, its files, and the committed study."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr

from cifar.analysis.curves import rows
from cifar.analysis.export import export
from cifar.analysis.report import COMMAND, Summary, summarise, sweep_outcome, write_report
from cifar.sweep.store import Store
from slt_toys.results.claims import page as page_text
from slt_toys.results.records import read_dataset
from tests.cifar.analysis.made_rows import SHIFT, made_rows, made_sweep
from tests.cifar.made_studies import make_sweep, small

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def page_of(summary: Summary) -> str:
    return page_text(sweep_outcome(summary, {}).to_dict(), COMMAND)


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
    Store(folder, "read").__exit__()  # what a report wrote is no foreign file


@pytest.mark.parametrize("late", [False, True])
def test_a_page_says_its_convention_and_both_temperatures(tmp_path, late):
    study = small(switch_epochs=(0, 1, 2, 3, 4, 5, 6), seeds=2, through_switch=late)
    with make_sweep(tmp_path / "sweep", study, gate=0.0) as store:
        summary = summarise(store)
    page = page_of(summary)
    assert ("The deficit lasts through epoch e_s, e_s + 1 epochs" in page) == late
    assert ("The deficit lasts until epoch e_s, e_s epochs" in page) == (not late)
    assert "made 0; made 1). They are of 2 devices or versions: of one recipe, but not to the same bits." in page
    strict = summary.facts | {"study": summary.facts["study"] | {"gate": 0.95}}
    assert "final clean train accuracy is at least 95 %" in page_of(replace(summary, facts=strict))
    one_device = page_of(replace(summary, devices=("CPU",)))
    assert "(CPU).\n" in one_device and "to the same bits" not in one_device
    assert "| half depth | 9.55 |" in page and page.count("goes as B to the power") == 1
    # the trace of a state is its epoch
    ends = {epoch: float(epoch + late) for epoch in range(1 - late, 7)}
    assert summary.noise == {20: ends, 40: ends} and summary.late == late
    assert summary.theorem == pytest.approx(math.log(2) / -math.log(0.93))


def test_the_committed_study_speaks_against_the_law():
    record = json.loads((ROOT / "figures" / "cifar_replication.json").read_text(encoding="utf-8"))
    files = {"md": page_text(record, COMMAND).encode()}
    files["png"] = (ROOT / "figures" / "cifar_replication.png").read_bytes()
    for ending, content in files.items():
        assert hashlib.sha256(content).hexdigest() == record["manifest"]["files"][f"cifar_replication.{ending}"]
    verdicts = {claim["name"]: claim["verdict"] for claim in record["claims"]}
    against = ("shift-half-stuck-mass", "shift-half-depth", "batch-size-exponent")
    assert [verdicts[name] for name in against] == ["no"] * 3
    temperature = next(table for table in record["tables"] if table["name"] == "measured_temperature")
    assert temperature["rows"][0] == ["4", "yes", "0.198", "0.188", "0.206", "+0.03"]
