"""Draws on disk, in a file that ArviZ and xarray read as it is, and as a tree in memory.

``xarray.open_datatree(path)`` gives the DataTree that ArviZ from version 1 on takes, with the groups of its layout:
``posterior`` with the draws ``w`` (chain, draw, coordinate) and the ``step`` and ``time`` of each, and ``sample_stats``
with all else that a run tells. :func:`read_draws` puts the two together again, to the last bit. Beside the file stands
a JSON record with its checksum, as beside every result (:mod:`slt_toys.results.records`).
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import xarray as xr

from .. import __version__
from ..inputs.arguments import checked_arguments, shown
from ..results.records import manifest, read_groups, write_groups, write_record, written_together
from ..results.stores import read_store, replacing_store, write_store
from ..results.verification import STORE

LAYOUT = "slt-toys draws 1"
COUNTED = ("chain", "draw")  # ArviZ wants these numbered; draws as sampled have no need of it


@checked_arguments(finite=False)
def write_draws(dataset: xr.Dataset, path: str | os.PathLike[str], *, wall_time: float | None = None) -> str:
    """Write draws as NetCDF or zarr in ArviZ's layout, in one step, and their record beside it.

    Parameters
    ----------
    dataset
        As :func:`slt_toys.samplers.sample` returns it: ``w`` (chain, draw, coordinate) and what comes with it.
        Attributes must be text or finite numbers.
    path
        A name that ends in ``.nc``, or in ``.zarr`` for a folder that zarr reads (extra ``zarr``); where it lies must
        exist. The record is the same name ending in ``.json``: it holds versions, commit and date, the
        attributes, and the SHA-256.
    wall_time
        Seconds that the sampling took, for the record.

    Returns
    -------
    str
        SHA-256 of the NetCDF file, in hexadecimal; of a store that of the list of its files with theirs.

    Raises
    ------
    ValueError
        If ``dataset`` does not hold draws, if NetCDF, zarr or JSON cannot hold something in it, if the name ends
        otherwise or is that of a folder that is no store, or if zarr is missing.
    OSError
        If the folder is missing or cannot be written to.

    Whatever is raised, both files are then as they were.
    """
    path = Path(path)
    if path.suffix not in (".nc", STORE):
        raise ValueError(
            f"path must end in .nc or .zarr, not {path.suffix!r}; its record is the same name ending in .json"
        )
    if wall_time is not None and not (np.isfinite(wall_time) and wall_time >= 0):
        raise ValueError(f"wall_time must be a finite number of seconds, zero or more, not {wall_time}")
    groups = _groups(dataset)
    if path.suffix == STORE:
        with replacing_store(path) as new:
            checksum = write_store(groups, new.folder)
            new.swap()
            _write_record(dataset, path, checksum, wall_time)
        return checksum
    with written_together():
        checksum = write_groups(groups, path)
        _write_record(dataset, path, checksum, wall_time)
    return checksum


def _write_record(dataset: xr.Dataset, path: Path, checksum: str, wall_time: float | None) -> None:
    seed = str(dataset.attrs.get("seed", ""))
    record = manifest(
        dict(dataset.attrs), int(seed) if seed.isdecimal() else None, wall_time or 0.0, files={path.name: checksum}
    )
    if wall_time is None:
        record["wall_time_seconds"] = None
    write_record({"manifest": record}, path.with_suffix(".json"))


@checked_arguments(finite=False)
def draws_to_tree(dataset: xr.Dataset) -> xr.DataTree:
    """Draws in memory as ArviZ and its plots take them: what :func:`write_draws` writes, without a file.

    Parameters
    ----------
    dataset
        As for :func:`write_draws`.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior`` and ``sample_stats``.

    Raises
    ------
    ValueError
        If ``dataset`` does not hold draws.
    """
    return xr.DataTree.from_dict(_groups(dataset))


def _groups(dataset: xr.Dataset) -> dict[str, xr.Dataset]:
    """Draws in parts by ArviZ's names; what is no draws is refused."""
    if not isinstance(dataset, xr.Dataset):
        raise ValueError(f"dataset must be what sample returns, not {type(dataset).__name__}")
    dims = dataset["w"].dims if "w" in dataset.data_vars else None
    if dims != ("chain", "draw", "coordinate"):
        given = "no w" if dims is None else f"w {dims}"
        raise ValueError(f"dataset must hold w (chain, draw, coordinate) as sample returns it, not {given}")
    for name, value in dataset.attrs.items():
        number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        if not isinstance(value, str) and not number:
            raise ValueError(f"dataset attribute {name!r} must be text or a number, not {shown(value)}")
        if isinstance(value, float | np.floating) and not np.isfinite(value):
            raise ValueError(f"dataset attribute {name!r} must be a finite number, not {value}")
    added = [name for name in COUNTED if name not in dataset.coords]
    numbered = dataset.assign_coords({name: np.arange(dataset.sizes[name]) for name in added})
    posterior = numbered[["w"]]
    statistics = numbered.drop_vars("w")
    statistics.attrs = {}
    repeated = [name for name in posterior.coords if name not in statistics.dims]
    origin = {
        "layout": LAYOUT,
        "added_coordinates": " ".join(added),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "creation_library": "slt-toys",
        "inference_library": "slt-toys",
        "inference_library_version": __version__,
    }
    return {"/": xr.Dataset(attrs=origin), "posterior": posterior, "sample_stats": statistics.drop_vars(repeated)}


@checked_arguments
def read_draws(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read what :func:`write_draws` wrote: the same arrays to the last bit, the same coordinates and attributes.

    Parameters
    ----------
    path
        The NetCDF file or zarr store; it is checked against the record beside it, if there is one.

    Returns
    -------
    xarray.Dataset
        Wholly in memory.

    Raises
    ------
    ValueError
        In one line, if the file is not the one that the record describes, is damaged, or is no file of draws.
    OSError
        If the file is missing or cannot be read.
    """
    path = Path(path)
    read = read_store if path.suffix == STORE else read_groups
    origin = read(path, ["/"])["/"].attrs
    if origin.get("layout") != LAYOUT:
        raise ValueError(f"path: {path} holds no draws in the layout {LAYOUT!r}; write_draws makes such files")
    groups = read(path, ["posterior", "sample_stats"])
    posterior, statistics = groups["posterior"], groups["sample_stats"]
    whole = posterior.assign(statistics.variables).drop_vars(str(origin["added_coordinates"]).split())
    # Text of fixed width again: NetCDF keeps it as strings of any length.
    texts = {name: v.astype(str) for name, v in whole.variables.items() if v.dtype.kind == "O"}
    whole = whole.assign(texts).drop_encoding()
    whole.attrs = {k: v.item() if isinstance(v, np.generic) else v for k, v in posterior.attrs.items()}
    return whole
