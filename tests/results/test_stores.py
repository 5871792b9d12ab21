"""Stores of zarr are complete or absent, have one checksum, and are refused when damaged."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys.results import records, stores
from slt_toys.results.verification import check_record, extra_files, find_records
from slt_toys.samplers.draws_file import read_draws, write_draws
from tests.seeds import fresh_generator

pytest.importorskip("zarr")


def made(scale: float = 1.0) -> xr.Dataset:
    values = fresh_generator().standard_normal((2, 50, 1)) * scale
    return xr.Dataset({"w": (("chain", "draw", "coordinate"), values)}, {"coordinate": ["w"]}, {"seed": "3"})


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_store_is_replaced_as_a_whole_and_its_record_verifies(tmp_path):
    path = tmp_path / "draws.zarr"
    first = made()
    write_draws(first, path)
    xr.testing.assert_identical(read_draws(path), first)
    second = made(2.0).isel(draw=slice(10))
    checksum = write_draws(second, path)
    xr.testing.assert_identical(read_draws(path), second)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["draws.json", "draws.zarr"]
    (record,) = find_records([tmp_path])
    checked = check_record(record)
    assert checked.faults == () and extra_files([checked], [tmp_path]) == []
    listed = sorted((each.relative_to(path).as_posix(), each) for each in path.rglob("*") if each.is_file())
    text = "".join(f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {name}\n" for name, each in listed)
    assert checksum == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("damage", ["changed", "taken away", "added"])
def test_a_damaged_store_is_refused_and_found(tmp_path, damage):
    path = tmp_path / "draws.zarr"
    write_draws(made(), path)
    files = sorted(each for each in path.rglob("*") if each.is_file())
    chosen = files[int(fresh_generator().integers(len(files)))]
    if damage == "changed":
        kept = bytearray(chosen.read_bytes())
        kept[int(fresh_generator().integers(len(kept)))] ^= 1
        chosen.write_bytes(kept)
    elif damage == "taken away":
        chosen.unlink()
    else:
        (path / "more").write_text("more")
    with pytest.raises(ValueError, match=r"^path: .* is not the store that draws\.json records"):
        read_draws(path)
    assert [fault.kind for fault in check_record(tmp_path / "draws.json").faults] == ["changed"]


def test_a_missing_store_and_one_without_record(tmp_path):
    path = tmp_path / "draws.zarr"
    with pytest.raises(FileNotFoundError, match="there is no zarr store"):
        read_draws(path)
    first = made()
    write_draws(first, path)
    (tmp_path / "draws.json").unlink()
    xr.testing.assert_identical(read_draws(path), first)
    (path / ".zgroup").unlink()
    (path / ".zmetadata").unlink()
    with pytest.raises(ValueError, match=r"no readable zarr store|holds no draws"):
        read_draws(path)


@pytest.mark.parametrize("moment", ["rename", "fsync", "record"])
def test_an_interrupted_write_leaves_the_old_store(tmp_path, monkeypatch, moment):
    path = tmp_path / "draws.zarr"
    first = made()
    write_draws(first, path)
    before = content(tmp_path)

    def fail(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if moment == "record":
            patched.setattr("slt_toys.samplers.draws_file.write_record", fail)
        elif moment == "fsync":
            patched.setattr(stores.os, "fsync", fail)
        else:
            calls = []
            rename = stores.os.rename

            def second_fails(*arguments):
                calls.append(arguments)
                return fail() if len(calls) == 2 else rename(*arguments)

            patched.setattr(stores.os, "rename", second_fails)
        with pytest.raises(KeyboardInterrupt):
            write_draws(made(3.0), path)
    assert content(tmp_path) == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["draws.json", "draws.zarr"]


def test_what_is_no_store_is_never_replaced(tmp_path):
    path = tmp_path / "draws.zarr"
    path.mkdir()
    (path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="is no zarr store and is left as it is"):
        write_draws(made(), path)
    assert (path / "mine.txt").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write_draws(made(), tmp_path / "nowhere" / "draws.zarr")


def test_without_zarr_it_is_refused_in_one_line(tmp_path, monkeypatch):
    write_draws(made(), tmp_path / "draws.zarr")
    before = content(tmp_path)
    monkeypatch.setitem(sys.modules, "zarr", None)
    for ask in (lambda: write_draws(made(), tmp_path / "draws.zarr"), lambda: read_draws(tmp_path / "draws.zarr")):
        with pytest.raises(ValueError, match=r"^path: draws\.zarr needs the extra zarr: pip install") as told:
            ask()
        assert "\n" not in str(told.value)
    assert content(tmp_path) == before


def test_a_folder_has_the_checksum_of_its_files(tmp_path):
    (tmp_path / "one" / "below").mkdir(parents=True)
    (tmp_path / "one" / "below" / "a").write_bytes(b"a")
    before = records.sha256(tmp_path / "one")
    (tmp_path / "one" / "below" / "a").rename(tmp_path / "one" / "a")
    assert records.sha256(tmp_path / "one") != before


def test_the_control_numbers_are_not_all_alike():
    assert not np.array_equal(made()["w"], made(2.0)["w"])
