"""The commands on records: what they print, and the exit status: 0, 1 for something wrong, 2 for refused input."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from slt_toys.results.__main__ import main
from tests.results.made_records import OLD_RECORD, made


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    for seed in (0, 1):
        made(folder / str(seed), seed=seed)
    return folder


@pytest.fixture
def folder(kept, tmp_path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "copy"))


def test_list_names_every_record(folder, capsys):
    assert main(["list", str(folder)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["list", str(folder), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["seed"], row["state"]) for row in rows] == [("means", 0, "ok"), ("means", 1, "ok")]


def test_verify_tells_what_is_wrong_by_its_exit_status(folder, capsys):
    assert main(["verify", str(folder)]) == 0
    assert capsys.readouterr().out == "2 records, 8 files of theirs: all as written\n"
    (folder / "0" / "means.svg").unlink()
    (folder / "1" / "note.txt").write_text("")
    assert main(["verify", str(folder)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[:2] for line in told[:2]] == [
        [str(folder / "0" / "means.svg"), "missing"], [str(folder / "1" / "note.txt"), "extra"],
    ]  # fmt: skip
    assert told[2] == "2 records, 8 files of theirs, 1 of them missing: 2 faults"
    assert main(["verify", str(folder), "--allow-missing"]) == 1
    assert main(["verify", str(folder), "--allow-extra"]) == 1
    assert main(["verify", str(folder), "--allow-missing", "--allow-extra"]) == 0
    assert main(["verify", str(folder / "1" / "means.json")]) == 0
    capsys.readouterr()
    # A record whose manifest is none any more is no extra file.
    path = folder / "1" / "means.json"
    path.write_text(path.read_text().replace('"manifest"', '"manifesu"'))
    assert main(["verify", str(folder), "--allow-missing", "--allow-extra"]) == 1
    assert "it is no record" in capsys.readouterr().out


def test_show_shows_what_is_asked_for(folder, capsys):
    record = str(folder / "0" / "means.json")
    assert main(["show", record]) == 0
    whole = capsys.readouterr().out
    assert "end-at-32" in whole and "numbers: all, from means.nc" in whole and "bare" in whole
    assert main(["show", record, "--claims"]) == 0
    claims = capsys.readouterr().out
    assert claims in whole and "bare" not in claims
    assert main(["show", record, "--config"]) == 0
    assert "sizes = [32, 64, 128]" in capsys.readouterr().out
    assert main(["show", record, "--numbers", "bare", "law"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["size", "32", "64", "128"] * 2


def test_compare_tells_a_change_by_its_exit_status(folder, capsys):
    old, new = (str(folder / seed / "means.json") for seed in "01")
    assert main(["compare", old, old]) == 0
    assert re.search(r"(\d\d) of \1 numbers are equal to the last bit", capsys.readouterr().out)
    assert main(["compare", old, new, "--most", "2"]) in (0, 1)
    assert capsys.readouterr().out.splitlines()[1] == "numbers: all, from both datasets"
    moved = made(folder / "2", seed=1, shift=30.0)
    assert main(["compare", new, str(moved)]) == 1
    assert "config.shift" in capsys.readouterr().out


@pytest.mark.parametrize("to", ["csv", "json", "nc"])
def test_export_writes_where_it_is_told(folder, tmp_path, capsys, to):
    assert main(["export", str(folder / "0" / "means.json"), "--to", to, "--out", str(tmp_path / "out")]) == 0
    *paths, source = capsys.readouterr().out.splitlines()
    assert {Path(path) for path in paths} == set((tmp_path / "out").iterdir()) and source.startswith("numbers: all")
    if to == "csv":
        assert len(pd.read_csv(tmp_path / "out" / "means.claims.csv")) == 3
    assert main(["verify", str(folder)]) == 0


def test_migrate_says_what_it_rewrote(folder, capsys):
    shutil.copy(OLD_RECORD, folder / "old.json")
    assert main(["migrate", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(folder / "old.json"), "1 of 3 records brought to the present schema",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "nowhere"], "there is no file or folder nowhere"),
        (["verify", "0/means.nc"], "0/means.nc is no record; name the file beside it that ends in .json"),
        (["verify", "empty"], "empty holds no record"),
        (["show", "new.json"], "its schema is 99, newer than 2"),
        (["show", "0/means.json", "--numbers", "x"], "--numbers must be one of the record's"),
        (["show"], "RECORD must be given"),
        (["export", "--to", "nc"], "RECORD must be given"),
        (["compare"], "OLD must be given"),
        (["compare", "0/means.json"], "NEW must be one record, not 0"),
        (["compare", "0/means.json", "1/means.json", "1/means.json"], "NEW must be one record, not 2"),
        (["compare", "0/means.json", "1/means.json", "--most", "0"], "--most must be at least 1, not 0"),
        (["compare", "0/means.json", "old.json"], "share no claim and no number"),
        (["export", "0/means.json", "--to", "xls"], "--to"),
        (["export", "0/means.json", "--out", "0/means.nc"], "--out: 0/means.nc is a file"),
        (["migrate"], "FOLDER|RECORD must be given"),
        (["nothing"], "nothing"),
    ],
)
def test_bad_input_is_refused_in_one_line(folder, monkeypatch, capfd, arguments, message):
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    (folder / "new.json").write_text('{"manifest": {"schema": 99}}')
    shutil.copy(OLD_RECORD, folder / "old.json")
    assert main(arguments) == 2
    told = capfd.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and message in told.err, told.err
