"""Folders in the layout of zarr: complete or absent, with one checksum, as files are (`slt_toys.results.records`).

A store is written in version 2 of that layout, which every reader of zarr has, under a temporary name, and takes the
place of an older one in a renaming. zarr itself is an extra, imported where a store is written or read.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import xarray

from .records import recorded_checksum, sha256

MARKS = (".zgroup", "zarr.json")  # one of them is in every store, of either version


def ask_for_zarr(path: Path) -> None:
    """Refuse in one line where the extra is not installed."""
    try:
        import zarr  # noqa: F401
    except ImportError:
        raise ValueError(f"path: {path.name} needs the extra zarr: pip install 'slt-toys[zarr]'") from None


class Replacement:
    """A new store beside the place it is for; `swap` puts it there.

    Attributes
    ----------
    folder
        Where the new one is written.
    """

    def __init__(self, path: Path) -> None:
        mark = secrets.token_hex(6)
        self.folder = path.with_name(f".{path.name}.{mark}.partial")
        self._path, self._previous = path, path.with_name(f".{path.name}.{mark}.previous")
        self._swapped = False

    def swap(self) -> None:
        """Put the new store in its place; the old one is kept until all has succeeded."""
        if self._path.exists():
            os.rename(self._path, self._previous)
        os.rename(self.folder, self._path)
        self._swapped = True

    def undo(self) -> None:
        """Leave all as it was."""
        if self._swapped:
            shutil.rmtree(self._path)
        if self._previous.exists():
            os.rename(self._previous, self._path)
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self) -> None:
        """Forget the old store."""
        shutil.rmtree(self._previous, ignore_errors=True)


@contextmanager
def replacing_store(path: Path) -> Iterator[Replacement]:
    """A replacement that is undone if the block fails, an interrupt from the keyboard included.

    Raises
    ------
    ValueError
        If something else than a store has that name, which is not replaced; or if zarr is missing.
    OSError
        If the folder is missing or cannot be written to.
    """
    ask_for_zarr(path)
    if path.exists() and not is_store(path):
        raise ValueError(f"path: {path} is no zarr store and is left as it is; name another")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path: there is no folder {path.parent}; make it first")
    replacement = Replacement(path)
    try:
        yield replacement
    except BaseException:
        replacement.undo()
        raise
    replacement.keep()


def is_store(path: Path) -> bool:
    """Whether a path is a folder that zarr wrote."""
    return path.is_dir() and any((path / mark).is_file() for mark in MARKS)


def write_store(groups: Mapping[str, xarray.Dataset], folder: Path) -> str:
    """Write datasets as the groups of a new store, down to the disk.

    Returns
    -------
    str
        The store's checksum, as `slt_toys.results.records.sha256` has it.

    Raises
    ------
    ValueError
        If zarr cannot hold something in a dataset.
    """
    tree = xarray.DataTree.from_dict({name: dataset for name, dataset in groups.items()})
    try:
        tree.to_zarr(folder, mode="w-", zarr_format=2)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"dataset cannot be written as zarr: {' '.join(str(error).split())}") from error
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
    return sha256(folder)


def read_store(path: Path, names: Iterable[str]) -> dict[str, xarray.Dataset]:
    """Read groups of a store wholly into memory, after checking all of it against its record, if there is one.

    Raises
    ------
    ValueError
        In one line, if it is not the store that its record describes, or is no readable one, or if zarr is missing.
    OSError
        If it is missing or cannot be read.
    """
    if not path.exists():
        raise FileNotFoundError(f"path: there is no zarr store {path}; write_draws makes one")
    expected = recorded_checksum(path)
    if expected is not None and sha256(path) != expected:
        raise ValueError(f"path: {path} is not the store that {path.stem}.json records; run what wrote it again")
    ask_for_zarr(path)
    try:
        return {name: xarray.load_dataset(path, engine="zarr", group=name) for name in names}
    except PermissionError:
        raise
    except Exception as error:  # what zarr raises on a damaged store varies with the damage
        raise ValueError(f"path: {path} is no readable zarr store ({' '.join(str(error).split())})") from error
