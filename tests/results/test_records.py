"""Files are complete or absent, say what made them, and are refused when they are not what was recorded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray

from slt_toys.results import records
from tests.results.made_records import Settings


def example_dataset() -> xarray.Dataset:
    values = np.arange(6.0).reshape(2, 3)
    values[1, 2] = np.nan
    coordinates = {"batch_size": [32, 64], "phase": ["left", "right", "both"]}
    return xarray.Dataset({"mass": (("batch_size", "phase"), values)}, coordinates, {"title": "masses", "seed": 3})


def write_something(writer: str, path: Path, generation: int) -> None:
    if writer == "bytes":
        records.write_bytes_atomically(b"%d" % generation * 5000, path)
    elif writer == "json":
        records.write_json({"generation": generation}, path)
    else:
        records.write_dataset(example_dataset().assign(generation=generation), path)


@pytest.mark.parametrize("writer", ["bytes", "json", "dataset"])
@pytest.mark.parametrize("moment", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError("no space left"), KeyboardInterrupt()])
def test_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch, writer, moment, failure):
    path = tmp_path / "result"
    write_something(writer, path, 1)
    before = path.read_bytes()

    def fail(*arguments):
        raise failure

    with monkeypatch.context() as patched:
        patched.setattr(records.os, moment, fail)
        with pytest.raises(type(failure)):
            write_something(writer, path, 2)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path], "nothing half written may be left behind"
    write_something(writer, path, 2)
    assert path.read_bytes() != before


def test_killed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result"
    records.write_bytes_atomically(b"old", path)
    program = (
        "import os, signal, sys; from slt_toys import records;"
        "records.os.replace = lambda *a: os.kill(os.getpid(), signal.SIGKILL);"
        "records.write_bytes_atomically(b'new', sys.argv[1])"
    )
    finished = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert finished.returncode != 0
    assert path.read_bytes() == b"old"


def test_dataset_round_trip(tmp_path):
    path = tmp_path / "result.nc"
    checksum = records.write_dataset(example_dataset(), path)
    assert checksum == records.sha256(path)
    xarray.testing.assert_identical(records.read_dataset(path), example_dataset())


@pytest.mark.parametrize("in_manifest", [True, False])
def test_checksum_mismatch_is_refused(tmp_path, in_manifest):
    path = tmp_path / "result.nc"
    checksum = records.write_dataset(example_dataset(), path)
    files = {path.name: checksum}
    record = {"manifest": records.manifest(Settings(), 0, 1.0, files=files)} if in_manifest else {"files": files}
    records.write_json(record, tmp_path / "result.json")
    xarray.testing.assert_identical(records.read_dataset(path), example_dataset())
    records.write_dataset(example_dataset() * 2, path)
    with pytest.raises(ValueError, match=r"not the file that result\.json records") as refusal:
        records.read_dataset(path)
    assert "\n" not in str(refusal.value)


def test_unreadable_datasets_are_refused_in_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        records.read_dataset(tmp_path / "missing.nc")
    damaged = tmp_path / "damaged.nc"
    records.write_dataset(example_dataset(), damaged)
    damaged.write_bytes(damaged.read_bytes()[:1000])
    with pytest.raises(ValueError, match="no readable NetCDF") as refusal:
        records.read_dataset(damaged)
    assert "\n" not in str(refusal.value)
    records.write_dataset(example_dataset(), damaged)
    (tmp_path / "damaged.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        records.read_dataset(damaged)


def test_dataset_that_netcdf_cannot_hold_is_refused(tmp_path):
    path = tmp_path / "result.nc"
    bad = example_dataset().assign_attrs(config={"a": 1})
    with pytest.raises(ValueError, match=r"dataset cannot be written to result\.nc"):
        records.write_dataset(bad, path)
    assert list(tmp_path.iterdir()) == []


class FakeFigure:
    def savefig(self, fname, *, format, metadata=None):
        if format == "jpx":
            raise ValueError("Format 'jpx' is not supported")
        fname.write(format.encode())


def test_figures_keep_dots_in_their_name_and_fail_whole(tmp_path):
    checksums = records.write_figure(FakeFigure(), tmp_path / "decay_0.97")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["decay_0.97.png", "decay_0.97.svg"]
    assert checksums == {path.name: records.sha256(path) for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="jpx"):
        records.write_figure(FakeFigure(), tmp_path / "other", ["jpx"])
    assert len(list(tmp_path.iterdir())) == 2


def test_folder_is_made_and_left_empty(tmp_path):
    folder = records.writable_folder(tmp_path / "a" / "b")
    assert folder.is_dir() and list(folder.iterdir()) == []
    assert records.writable_folder(folder) == folder


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_file_in_place_of_a_folder_is_refused(tmp_path, below):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError, match=r"^out: .*taken is a file; name a folder that can be written to$"):
        records.writable_folder(tmp_path / "taken" / below)


def test_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    if os.geteuid() == 0:  # root may write everywhere, so the system's refusal is imitated
        monkeypatch.setattr(Path, "touch", lambda path: os.open("missing", os.O_RDONLY, dir_fd=-1))
        expected = "cannot write to"
    else:
        tmp_path.chmod(0o500)
        expected = "cannot write to .*Permission denied"
    with pytest.raises(OSError, match=expected) as refusal:
        records.writable_folder(tmp_path, argument="data")
    assert str(refusal.value).startswith("data: ") and "\n" not in str(refusal.value)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that even root cannot write to")
def test_folder_that_root_cannot_write_is_refused():
    with pytest.raises(OSError, match=r"^out: cannot write to .*name a folder"):
        records.writable_folder("/proc/slt_toys/results")


def test_an_attribute_that_reading_loses_is_refused(tmp_path):
    data = xarray.Dataset({"x": ("y", [1.0])}, attrs={"coordinates": ["w"]})
    data.to_netcdf(tmp_path / "lost.nc", engine="h5netcdf")
    assert "coordinates" not in xarray.load_dataset(tmp_path / "lost.nc", engine="h5netcdf").attrs
    with pytest.raises(ValueError, match="attribute 'coordinates' would be lost in reading"):
        records.write_dataset(data, tmp_path / "data.nc")
    assert not (tmp_path / "data.nc").exists()
