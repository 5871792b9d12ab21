"""Files that are whole or as they were: flushed before they are renamed, and renamed together where they belong so."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys.kernels import codegen
from slt_toys.results import records
from slt_toys.results.records import (
    read_dataset,
    write_bytes_atomically,
    write_dataset,
    write_figure,
    write_json,
    written_together,
)
from slt_toys.samplers.checkpoint import Checkpoint
from slt_toys.samplers.draws_file import read_draws, write_draws
from theory.files import write_in_one_go

DRAWS = xr.Dataset({"w": (("chain", "draw", "coordinate"), np.arange(12.0).reshape(2, 3, 2))}, attrs={"seed": "1"})
NUMBERS = xr.Dataset({"x": ("n", np.arange(3.0))})


class Drawing:
    """What write_figure needs of a figure."""

    def savefig(self, file, format, **options):
        file.write(format.encode())


def _checkpoint(folder: Path) -> None:
    with Checkpoint(folder, "run", 1) as kept:
        kept.save(0, {"position": np.array(3)}, np.ones((2, 3, 1)))


WRITERS = {
    "bytes": lambda folder: write_bytes_atomically(b"content", folder / "x"),
    "json": lambda folder: write_json({"a": 1}, folder / "x.json"),
    "dataset": lambda folder: write_dataset(NUMBERS, folder / "x.nc"),
    "figure": lambda folder: write_figure(Drawing(), folder / "x"),
    "draws": lambda folder: write_draws(DRAWS, folder / "x.nc"),
    "checkpoint": _checkpoint,
    "theory page": lambda folder: write_in_one_go(b"content", folder / "x"),
    "kernel": lambda folder: codegen._store("slt_toys_test", "x = 1\n"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_file_is_flushed_whole_before_it_gets_its_name(name, tmp_path, monkeypatch):
    monkeypatch.setenv(codegen.CACHE_VARIABLE, str(tmp_path / "cache"))
    flushed: dict[int, int] = {}
    renamed: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        fsync(descriptor)
        flushed[status.st_ino] = status.st_size

    def noted_replace(source, target) -> None:
        status = os.stat(source)
        assert flushed.get(status.st_ino) == status.st_size > 0, f"{target} is renamed before it is on the disk"
        if str(target).endswith(".npz"):
            draws = os.stat(str(target).removesuffix(".npz") + ".draws")
            assert flushed.get(draws.st_ino) == draws.st_size > 0, "a state is kept before its draws are on the disk"
        renamed.append(str(target))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    WRITERS[name](tmp_path)
    assert renamed


def test_no_writer_goes_past_the_two_that_flush():
    # Whoever writes a file in another way must be looked at: what is listed here flushes, or says why it need not.
    known = {
        "slt_toys/results/records.py", "slt_toys/kernels/codegen.py", "slt_toys/samplers/checkpoint.py",
        "theory/files.py", "cifar/data/archives.py", "cifar/sweep/store.py",
        "slt_toys/results/stores.py",  # flushes every file of a new folder, which is then renamed
        "slt_toys/results/drawing.py",  # a pipe to its parent
        "slt_toys/worlds/gibbs_rates.py", "slt_toys/worlds/share_power.py",  # appends lines to a log, and flushes each
    }  # fmt: skip
    root = Path(__file__).parents[2]
    pattern = re.compile(r"write_text\(|write_bytes\(|os\.replace\(|\bopen\([^)]*[\"'](?:w|a|x|r\+|rb\+|wb|ab)[\"'b]")
    found = {
        path.relative_to(root).as_posix()
        for folder in ("slt_toys", "theory", "figures", "cifar")
        for path in (root / folder).rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert found <= known


@pytest.mark.parametrize(
    "bad",
    [np.nan, np.inf, 1j, np.complex128(1), None, [1.0], {"a": 1}, True, 2**70, np.array([1.0]), b"x", "a\0b", "\ud800"],
    ids=repr,
)
def test_draws_that_cannot_be_written_leave_the_good_ones(tmp_path, bad):
    path = tmp_path / "draws.nc"
    write_draws(DRAWS, path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ValueError) as caught:
        write_draws(DRAWS.assign_attrs(extra=bad), path)
    assert "\n" not in str(caught.value)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert read_draws(path)["w"].identical(read_draws(path)["w"])


@pytest.mark.parametrize("bad", ["x", np.array([1.0, 2.0]), np.nan, np.inf, -1.0, True, 1j])
def test_a_wall_time_that_is_none_is_refused(tmp_path, bad):
    with pytest.raises(ValueError, match="wall_time must be"):
        write_draws(DRAWS, tmp_path / "draws.nc", wall_time=bad)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_files_that_belong_together_change_together_or_not_at_all(tmp_path, monkeypatch, failing, present, failure):
    path = tmp_path / "draws.nc"
    if present:
        write_draws(DRAWS, path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    replace, calls = os.replace, []

    def fails(source, target) -> None:
        if str(source).endswith(".partial"):
            calls.append(target)
            if len(calls) == failing:
                raise failure
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(type(failure)):
        write_draws(DRAWS + 1.0, path)
    monkeypatch.undo()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    if present:
        xr.testing.assert_equal(read_draws(path)["w"], DRAWS["w"])


def test_an_exception_between_two_files_leaves_both(tmp_path):
    def result(value: float, fails: bool) -> None:
        with written_together():
            checksum = write_dataset(NUMBERS + value, tmp_path / "x.nc")
            write_figure(Drawing(), tmp_path / "x")
            if fails:
                raise RuntimeError
            write_json({"files": {"x.nc": checksum}}, tmp_path / "x.json")

    result(0.0, False)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(RuntimeError):
        result(1.0, True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    result(2.0, False)
    assert float(read_dataset(tmp_path / "x.nc")["x"][0]) == 2.0
    assert {file.name for file in tmp_path.iterdir()} == set(before)


def test_a_file_system_without_links_keeps_a_copy(tmp_path, monkeypatch):
    def no_links(*_: object) -> None:
        raise OSError("not here")

    monkeypatch.setattr(os, "link", no_links)
    test_an_exception_between_two_files_leaves_both(tmp_path)


@pytest.mark.parametrize(
    "bad",
    [{1, "a"}, {"x": {1j}}, object(), 1j, b"x", {None: 1}],
    ids=["a set", "a set in a dict", "an object", "a complex number", "bytes", "a key that is None"],
)
def test_json_names_what_it_cannot_hold(tmp_path, bad):
    path = tmp_path / "x.json"
    records.write_json({"good": 1}, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"^value") as caught:
        records.write_json(bad, path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
