"""Files are complete or absent, say what made them, and are refused when they are not what was recorded."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st

from slt_toys.results import manifest as manifests
from slt_toys.results import records


@dataclass(frozen=True)
class Settings:
    decay: float = 0.97
    batch_sizes: tuple[int, ...] = (32, 64)


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


class Ending(Enum):
    FIXED_TOTAL = "fixed_total"


def test_json_of_numpy_dataclasses_and_numeric_keys(tmp_path):
    value = {
        32: np.float64(81.07),
        np.int64(64): np.arange(3),
        0.5: Settings(),
        "flag": np.bool_(True),
        "none": None,
        "path": Path("a") / "b",
        "set": {3, 1, 2},
        "scalar": np.array(2.5),
        "ending": Ending.FIXED_TOTAL,
    }
    checksum = records.write_json(value, tmp_path / "value.json")
    assert checksum == records.sha256(tmp_path / "value.json")
    assert json.loads((tmp_path / "value.json").read_text()) == {
        "32": 81.07,
        "64": [0, 1, 2],
        "0.5": {"decay": 0.97, "batch_sizes": [32, 64]},
        "flag": True,
        "none": None,
        "path": os.path.join("a", "b"),
        "set": [1, 2, 3],
        "scalar": 2.5,
        "ending": "fixed_total",
    }


@pytest.mark.parametrize("bad", [math.nan, math.inf, np.float32("-inf"), np.array([1.0, np.nan])])
def test_not_finite_numbers_need_an_explicit_choice(tmp_path, bad):
    path = tmp_path / "value.json"
    with pytest.raises(ValueError, match=r"value\.end\.64(\[1\])? is -?(nan|inf)"):
        records.write_json({"end": {64: bad}}, path)
    assert not path.exists()
    records.write_json({"end": {64: bad}}, path, not_finite="null")
    assert "null" in path.read_text()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"a": object()}, r"value\.a is of type object"),
        ({"a": 1j}, r"value\.a is of type complex"),
        ({(1, 2): 3}, "key of type tuple"),
        ({1: 2, "1": 3}, "two keys that read '1'"),
    ],
)
def test_what_json_cannot_hold_is_refused(tmp_path, bad, message):
    with pytest.raises(ValueError, match=message):
        records.write_json(bad, tmp_path / "value.json")
    with pytest.raises(ValueError, match="not_finite"):
        records.write_json({}, tmp_path / "value.json", not_finite="drop")  # type: ignore[arg-type]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=JSON)
def test_json_round_trip(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("json") / "value.json"
    records.write_json(value, path)
    assert json.loads(path.read_text(encoding="utf-8")) == value


def test_numbers_of_a_list_share_a_line(tmp_path):
    path = tmp_path / "value.json"
    records.write_json({"a": [1, 2.5, "x [y]"], "b": [[1, 2], [3, 4]], "c": {}, "d": [{"e": None}], "f": []}, path)
    assert path.read_text().splitlines() == [
        "{", '  "a": [1, 2.5, "x [y]"],', '  "b": [', "    [1, 2],", "    [3, 4]", "  ],", '  "c": {},', '  "d": [',
        "    {", '      "e": null', "    }", "  ],", '  "f": []', "}",
    ]  # fmt: skip


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


def test_manifest_says_what_made_the_result(tmp_path):
    record = records.manifest(Settings(), 7, 1.5, files={"a.nc": "00"})
    assert record["config"] == {"decay": 0.97, "batch_sizes": [32, 64]}
    assert record["seed"] == 7 and record["wall_time_seconds"] == 1.5
    assert record["files"] == {"a.nc": "00"}
    assert record["libraries"]["numpy"] == np.__version__
    assert record["date_utc"].endswith("+00:00")
    assert record["git_commit"] is None or len(record["git_commit"]) == 40
    records.write_json(record, tmp_path / "manifest.json")
    for wrong in (-1.0, math.nan):
        with pytest.raises(ValueError, match="wall_time"):
            records.manifest(None, None, wrong)


def test_manifest_ignores_a_repository_that_does_not_hold_the_code(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert manifests._git_state(tmp_path) == (None, None)
    monkeypatch.setenv("PATH", "")
    assert manifests._git_state(Path(manifests.__file__).parent) == (None, None), "git may be missing"
