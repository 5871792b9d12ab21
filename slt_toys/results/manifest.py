"""What made a result: configuration, versions, commit, seed, date and wall time."""

from __future__ import annotations

import math
import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from slt_toys import __version__
from slt_toys.results.json_values import plain_values
from slt_toys.results.schema import SCHEMA, configuration_hash

LIBRARIES = ("numpy", "scipy", "numba", "sympy", "xarray", "h5netcdf", "h5py", "matplotlib", "torch")


def manifest(
    config: Any,
    seed: int | None,
    wall_time: float,
    *,
    cpu_time: float | None = None,
    files: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What made a result: enough to make it again.

    Parameters
    ----------
    config
        The experiment's configuration (a dataclass, a mapping or None).
    seed
        The seed all randomness came from; None where there was none.
    wall_time
        Seconds the work took.
    cpu_time
        Seconds of processor time, of all threads, that it took; None where it was not counted.
    files
        File name to SHA-256 of the files written with this record, which
        `slt_toys.results.records.read_dataset` checks.

    Returns
    -------
    dict
        A record's ``manifest``, for `slt_toys.results.records.write_record`.

    Raises
    ------
    ValueError
        If a time is negative or not finite, or if the configuration has no canonical text.
    """
    for name, seconds in (("wall_time", wall_time), ("cpu_time", cpu_time or 0.0)):
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"{name} is {seconds}; it must be a finite number of seconds, zero or more")
    commit, modified = _git_state(Path(__file__).parent)
    return {
        "schema": SCHEMA,
        "package": "slt-toys",
        "version": __version__,
        "git_commit": commit,
        "git_modified": modified,
        "config": plain_values(config, "config", "never"),
        "config_sha256": configuration_hash(config),
        "seed": seed,
        "wall_time_seconds": float(wall_time),
        "cpu_time_seconds": None if cpu_time is None else float(cpu_time),
        "date_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "libraries": _library_versions(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "files": dict(files or {}),
    }


def code_version() -> str:
    """The version of the running code, with its commit where it is known and whether it was changed since."""
    commit, modified = _git_state(Path(__file__).parent)
    told = f"slt-toys {__version__}"
    if commit is None:
        return told
    return f"{told}, commit {commit}{', changed since' if modified else ''}"


def _library_versions() -> dict[str, str]:
    versions = {}
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):  # an extra that is not installed
            versions[name] = metadata.version(name)
    return versions


def _git_state(folder: Path) -> tuple[str | None, bool | None]:
    """Commit of the running code and whether it was changed since; (None, None) outside a repository."""
    # An installed copy may lie inside some repository that does not track it: that one's commit says nothing.
    if _git(folder, "ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None, None
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None, None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def _git(folder: Path, *arguments: str) -> str | None:
    """Output of a git command; None where git or the repository is missing or the command fails."""
    try:
        command = ["git", "-C", str(folder), *arguments]
        finished = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return finished.stdout.strip()
