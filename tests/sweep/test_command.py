"""The command, as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest
import xarray as xr

from slt_toys.results.progress import command_line
from slt_toys.results.records import sha256
from slt_toys.sweep.command import Sweep, carry_out, write
from slt_toys.sweep.driver import Work, run
from slt_toys.sweep.grid import Grid
from slt_toys.sweep.local_pool import LocalPool
from tests.sweep import made_functions as made


def refused(capsys, *arguments: str) -> str:
    assert command_line(Sweep, carry_out, arguments) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: ") and "\n" not in said
    return said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing", "--over", "seed=1"], "EXPERIMENT must be one of phase_diagram"),
        (["phase_diagram"], "--over must be given at least once, such as --over seed=0:20"),
        (["phase_diagram", "--over", "sed=1"], "must be NAME=VALUES with one of"),
        (["phase_diagram", "--over", "seed=1,1"], "seed has the value 1 2 times; give each once"),
        (["phase_diagram", "--over", "seed=1", "--workers", "0"], "--workers must be at least 1, not 0"),
        (["phase_diagram", "--over", "seed=1", "--num-gpus", "-1"], "--num-gpus must be at least 0, not -1"),
        (["phase_diagram", "--over", "seed=1", "--docs", "docs"], "--docs: only a study has a page"),
        (["phase_diagram", "--over", "seed=-1"], "--over: at seed=-1: --seed must be at least 0"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_nothing_is_made(capsys, tmp_path, arguments, said):
    out = tmp_path / "out"
    assert said in refused(capsys, *arguments, "--out", str(out)) and not out.exists()


def test_a_dry_run_says_what_would_be_done_and_makes_nothing(capsys, tmp_path):
    arguments = ["insight", "--over", "seed=0:6", "--out", str(tmp_path / "out"), "--dry-run"]
    assert command_line(Sweep, carry_out, arguments) == 0
    said = capsys.readouterr().out
    assert said.startswith("6 points (6 of seed); 0 are done in") and "known after the first" in said
    assert not (tmp_path / "out").exists()


def test_files_hold_the_dataset_and_the_checksums(tmp_path):
    work = Work.of(made.drawn)
    dataset, tally = run(work, Grid.of({"seed": range(5)}), tmp_path, lambda: LocalPool(1))
    files = write(dataset, tmp_path, {"made": 1}, 1.0, 0.5)
    assert tally.done == 5 and files == ["sweep.sqlite", "sweep.nc", "sweep.csv", "sweep.json"]
    record = json.loads((tmp_path / "sweep.json").read_text())
    assert {name: sha256(tmp_path / name) for name in files[:-1]} == record["manifest"]["files"]
    table = pd.read_csv(tmp_path / "sweep.csv")
    assert table.columns.tolist()[:2] == ["seed", "draw"] and len(table) == 15
    read = xr.load_dataset(tmp_path / "sweep.nc", engine="h5netcdf")
    for seed in range(5):
        rows = table[table["seed"] == seed]
        assert rows["values"].tolist() == read["values"].sel(seed=seed).values.tolist()
        assert rows["told"].tolist() == [f"seed {seed}"] * 3


def test_what_is_done_is_gathered_and_nothing_is_run(tmp_path):
    work = Work.of(made.drawn, {"log": str(tmp_path / "log")})
    run(work, Grid.of({"seed": [1, 2]}), tmp_path / "out", lambda: LocalPool(1))
    dataset, tally = run(work, Grid.of({"seed": range(4)}), tmp_path / "out", None)
    assert dataset["unit_done"].values.tolist() == [False, True, True, False] and (tally.done, tally.before) == (0, 2)
    assert sorted(made.noted(tmp_path / "log")) == ["1", "2"]


def test_there_must_be_something_to_gather(capsys, tmp_path):
    said = refused(capsys, "insight", "--over", "seed=1", "--gather", "--out", str(tmp_path / "none"))
    assert "--gather: there is no sweep in" in said and not (tmp_path / "none").exists()


@pytest.mark.slow
def test_a_model_is_swept_from_the_command_line(tmp_path):
    """Twice: the second time with one more seed, which alone is run; each record is kept."""
    for seeds, told in (
        ("0:2", "2 points done now, 0 before, 0 failed."),
        ("0:3", "1 points done now, 2 before, 0 failed."),
    ):
        command = [sys.executable, "-m", "slt_toys.sweep", "insight", "--over", f"seed={seeds}", "--out", str(tmp_path)]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        assert said.stdout.startswith(told) and not said.stderr
        assert "gate-time: " in said.stdout
    data = xr.load_dataset(tmp_path / "sweep.nc", engine="h5netcdf")
    assert data["verdict"].dims == ("seed", "claim") and data.sizes["seed"] == 3
    assert set(data["verdict"].values.ravel()) <= {"yes", "no", "cannot tell"}
