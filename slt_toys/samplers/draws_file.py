"""Draws on disk, in a file that ArviZ reads as it is.

``arviz.from_netcdf(path)`` finds the groups of its InferenceData layout: ``posterior`` with the draws ``w`` (chain,
draw, coordinate) and the ``step`` and ``time`` of each, and ``sample_stats`` with all else that a run tells.
:func:`read_draws` puts the two together again, to the last bit. Beside the file stands a JSON record with its checksum,
as beside every result (:mod:`slt_toys.results.records`).
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

LAYOUT = "slt-toys draws 1"
COUNTED = ("chain", "draw")  # ArviZ wants these numbered; draws as sampled have no need of it


@checked_arguments(finite=False)
def write_draws(dataset: xr.Dataset, path: str | os.PathLike[str], *, wall_time: float | None = None) -> str:
    """Write draws as NetCDF in the InferenceData layout, in one step, and their record beside it.

    Parameters
    ----------
    dataset
        As :func:`slt_toys.samplers.sample` returns it: ``w`` (chain, draw, coordinate) and what comes with it.
        Attributes must be text or finite numbers.
    path
        A file name that ends in ``.nc``; its folder must exist. The record is the same name ending in ``.json``: it
        holds versions, commit and date, the attributes, and the file's SHA-256.
    wall_time
        Seconds that the sampling took, for the record.

    Returns
    -------
    str
        SHA-256 of the NetCDF file, in hexadecimal.

    Raises
    ------
    ValueError
        If ``dataset`` does not hold draws, if NetCDF or JSON cannot hold something in it, or if the name ends
        otherwise.
    OSError
        If the folder is missing or cannot be written to.

    Whatever is raised, both files are then as they were.
    """
    path = Path(path)
    if path.suffix != ".nc":
        raise ValueError(f"path must end in .nc, not {path.suffix!r}; its record is the same name ending in .json")
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
    if wall_time is not None and not (np.isfinite(wall_time) and wall_time >= 0):
        raise ValueError(f"wall_time must be a finite number of seconds, zero or more, not {wall_time}")
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
    groups = {"/": xr.Dataset(attrs=origin), "posterior": posterior, "sample_stats": statistics.drop_vars(repeated)}
    seed = str(dataset.attrs.get("seed", ""))
    with written_together():
        checksum = write_groups(groups, path)
        record = manifest(
            dict(dataset.attrs), int(seed) if seed.isdecimal() else None, wall_time or 0.0, files={path.name: checksum}
        )
        if wall_time is None:
            record["wall_time_seconds"] = None
        write_record({"manifest": record}, path.with_suffix(".json"))
    return checksum


@checked_arguments
def read_draws(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read what :func:`write_draws` wrote: the same arrays to the last bit, the same coordinates and attributes.

    Parameters
    ----------
    path
        The NetCDF file; it is checked against the record beside it, if there is one.

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
    origin = read_groups(path, ["/"])["/"].attrs
    if origin.get("layout") != LAYOUT:
        raise ValueError(f"path: {path} holds no draws in the layout {LAYOUT!r}; write_draws makes such files")
    groups = read_groups(path, ["posterior", "sample_stats"])
    posterior, statistics = groups["posterior"], groups["sample_stats"]
    whole = posterior.assign(statistics.variables).drop_vars(str(origin["added_coordinates"]).split())
    # Text of fixed width again: NetCDF keeps it as strings of any length.
    texts = {name: v.astype(str) for name, v in whole.variables.items() if v.dtype.kind == "O"}
    whole = whole.assign(texts).drop_encoding()
    whole.attrs = {k: v.item() if isinstance(v, np.generic) else v for k, v in posterior.attrs.items()}
    return whole
