"""Results on disk: complete or absent, never half written, and with a record of what made them.

Everything is first written to a temporary name in the same folder, flushed to the disk and then renamed, so
that an interrupted run leaves the old file as it was; files that belong together are renamed together
(`written_together`). Datasets are NetCDF; beside each stands a JSON file, its record (`write_record`), whose
``manifest`` says what made it and, under ``files``, the SHA-256 of each file written with it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, Protocol

import xarray

from slt_toys.results.json_values import json_text, plain_values
from slt_toys.results.manifest import manifest
from slt_toys.results.schema import is_plain, migrated, record_fault, schema_of, sealed, text_of

__all__ = [
    "manifest", "read_dataset", "read_groups", "read_record", "recorded_checksum", "sha256", "writable_folder",
    "write_bytes_atomically", "write_dataset", "write_figure", "write_groups", "write_json", "write_record",
    "written_together",
]  # fmt: skip


_WAITING: ContextVar[list[tuple[Path, Path]] | None] = ContextVar("waiting", default=None)  # see written_together

LOST = "coordinates"  # an attribute that has a meaning of its own in NetCDF


class _Figure(Protocol):
    """What `write_figure` needs of a figure: matplotlib itself is not imported here."""

    @property
    def savefig(self) -> Callable[..., Any]: ...


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; rename it to ``path`` if, and only if, the block succeeds."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.partial")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # else a power cut may leave the new name on an empty file
        if (waiting := _WAITING.get()) is None:
            os.replace(temporary, path)
        else:
            waiting.append((temporary, path))
    except BaseException as error:  # an interrupt from the keyboard too: nothing may be left behind
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            # a full disk does not say what it had no place for
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


@contextmanager
def written_together() -> Iterator[None]:
    """Hold back the renaming of all that is written inside until the block has succeeded.

    If the block fails, or one of the renamings does, every file is as it was before. Within the block nothing that is
    written there can be read back by its name.
    """
    if _WAITING.get() is not None:  # a larger block renames
        yield
        return
    waiting: list[tuple[Path, Path]] = []
    token = _WAITING.set(waiting)
    try:
        yield
        _rename_all(waiting)
    finally:
        _WAITING.reset(token)
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True)


def _rename_all(waiting: list[tuple[Path, Path]]) -> None:
    kept: list[tuple[Path, Path | None]] = []  # names already changed, and where their old content is
    try:
        for temporary, path in waiting:
            old = _kept_copy(path)
            kept.append((path, old))
            os.replace(temporary, path)
    except BaseException:
        for path, old in reversed(kept):
            if old is None:
                path.unlink(missing_ok=True)
            elif path.is_file() and os.path.samefile(old, path):
                old.unlink()
            else:
                os.replace(old, path)
        raise
    for _, old in kept:
        if old is not None:
            old.unlink(missing_ok=True)


def _kept_copy(path: Path) -> Path | None:
    """A second name for a file about to be replaced, a copy where the system has no links; None where there is none."""
    if not path.is_file():
        return None
    second = path.with_name(f".{path.name}.{secrets.token_hex(6)}.previous")
    try:
        os.link(path, second)
    except OSError:
        shutil.copy2(path, second)
    return second


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content, in hexadecimal; of a folder, that of the list of its files with theirs."""
    path = Path(path)
    if path.is_dir():  # a store, see slt_toys.results.stores; in the layout that sha256sum has
        inside = sorted((each.relative_to(path).as_posix(), each) for each in path.rglob("*") if each.is_file())
        listed = "".join(f"{sha256(each)}  {name}\n" for name, each in inside)
        return hashlib.sha256(listed.encode("utf-8")).hexdigest()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes_atomically(content: bytes, path: str | os.PathLike[str]) -> str:
    """Write ``content`` to ``path`` in one step.

    Returns
    -------
    str
        SHA-256 of the content, in hexadecimal.

    Raises
    ------
    OSError
        If the folder is missing or cannot be written to; ``path`` is then as it was.
    """
    with _replacing(Path(path)) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def write_json(value: Any, path: str | os.PathLike[str], *, not_finite: Literal["refuse", "null"] = "refuse") -> str:
    """Write ``value`` as JSON in one step.

    Dataclasses become objects, tuples and sets become lists (sets sorted), numpy scalars and arrays become
    numbers and nested lists, paths and dates become strings, and keys that are numbers become strings.

    Parameters
    ----------
    value
        What to write.
    path
        The file; its folder must exist.
    not_finite
        JSON has no NaN and no infinity: ``"refuse"`` them, or write ``"null"``.

    Returns
    -------
    str
        SHA-256 of the file, in hexadecimal.

    Raises
    ------
    ValueError
        If something cannot be written as JSON; the message says where it sits in ``value``.
    OSError
        If the folder is missing or cannot be written to.
    """
    if not_finite not in ("refuse", "null"):
        raise ValueError(f"not_finite is {not_finite!r}; it must be 'refuse' or 'null'")
    plain = plain_values(value, "value", not_finite)
    return write_bytes_atomically((json_text(plain) + "\n").encode("utf-8"), path)


def write_record(record: Mapping[str, Any], path: str | os.PathLike[str]) -> str:
    """Write the record of a result in one step, with a checksum of itself and the sizes of its files.

    Parameters
    ----------
    record
        As for `write_json`, numbers that are not finite as null; its ``manifest`` is made by `manifest`.
    path
        The file, by custom of the name of its dataset, ending in ``.json``; its files lie beside it.

    Returns
    -------
    str
        SHA-256 of the file, in hexadecimal.

    Raises
    ------
    ValueError
        If something cannot be written as JSON, the message says where it sits; or if a file is named elsewhere.
    OSError
        If the folder is missing or cannot be written to.
    """
    path, kept = Path(path), record["manifest"]
    sizes = dict(kept.get("bytes", {}))
    for name, checksum in kept["files"].items():
        if not is_plain(name):
            raise ValueError(f"record names the file {name!r}; a record's files lie beside it")
        if (size := _size(path.with_name(name), checksum)) is not None:
            sizes[name] = size
    sizes = {name: sizes[name] for name in kept["files"] if name in sizes}
    whole = sealed({**record, "manifest": {**kept, "bytes": sizes}})
    return write_bytes_atomically(text_of(whole).encode("utf-8"), path)


def _size(path: Path, checksum: str) -> int | None:
    """Bytes of the file with this checksum, which may wait for its name; None where there is no such file."""
    for temporary, name in reversed(_WAITING.get() or []):
        if name == path:
            return temporary.stat().st_size
    return path.stat().st_size if path.is_file() and sha256(path) == checksum else None


def read_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a record, check it against its own checksum, and bring it to the present schema.

    A record of schema 1 has no checksum of its own: nothing vouches for it.

    Raises
    ------
    ValueError
        In one line, if the file is no record, one of a newer schema, or not what was written.
    OSError
        If the file is missing or cannot be read.
    """
    path = Path(path)
    try:
        record = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"path: {path} is no valid JSON ({_one_line(error)}); run what wrote it again") from None
    try:
        schema_of(record)
        fault = record_fault(record)
        record = migrated(record)
    except ValueError as error:
        raise ValueError(f"path: {path} cannot be read: {error}") from None
    if fault:
        raise ValueError(f"path: {path} cannot be trusted: {fault}; run what wrote it again")
    return record


def write_dataset(dataset: xarray.Dataset, path: str | os.PathLike[str]) -> str:
    """Write a dataset as NetCDF in one step.

    Parameters
    ----------
    dataset
        Dimensions, coordinates and attributes are kept; attributes must be text, numbers or arrays of them.
    path
        The file, by custom ``*.nc``; its folder must exist.

    Returns
    -------
    str
        SHA-256 of the file, in hexadecimal: it belongs in the manifest, see `manifest`.

    Raises
    ------
    ValueError
        If NetCDF cannot hold something in the dataset.
    OSError
        If the folder is missing or cannot be written to; ``path`` is then as it was.
    """
    return write_groups({"/": dataset}, path)


def write_groups(groups: Mapping[str, xarray.Dataset], path: str | os.PathLike[str]) -> str:
    """Write datasets as the groups of one NetCDF file in one step.

    Parameters
    ----------
    groups
        Datasets by group name; ``"/"`` is the file itself.
    path
        As for `write_dataset`.

    Returns
    -------
    str
        SHA-256 of the file, in hexadecimal.

    Raises
    ------
    ValueError
        If NetCDF cannot hold something in a dataset.
    OSError
        If the folder is missing or cannot be written to; ``path`` is then as it was.
    """
    path = Path(path)
    for dataset in groups.values():
        if LOST in dataset.attrs:
            raise ValueError(
                f"dataset cannot be written to {path.name}: its attribute {LOST!r} would be lost in reading"
            )
    with _replacing(path) as temporary:
        try:
            for number, (name, dataset) in enumerate(groups.items()):
                dataset.to_netcdf(temporary, engine="h5netcdf", group=name, mode="a" if number else "w")
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"dataset cannot be written to {path.name}: {_one_line(error)}") from error
        checksum = sha256(temporary)
    return checksum


def read_dataset(path: str | os.PathLike[str]) -> xarray.Dataset:
    """Read a dataset wholly into memory, after checking it against the JSON file beside it, if there is one.

    Parameters
    ----------
    path
        A NetCDF file. Its record is the file of the same name ending in ``.json``.

    Raises
    ------
    ValueError
        If the file is not the one that the record describes, or is no NetCDF file.
    OSError
        If the file is missing or cannot be read.
    """
    return read_groups(path, ["/"])["/"]


def read_groups(path: str | os.PathLike[str], names: Iterable[str]) -> dict[str, xarray.Dataset]:
    """Read groups of a NetCDF file wholly into memory, after the same check as `read_dataset`.

    Parameters
    ----------
    path
        A NetCDF file.
    names
        The groups; ``"/"`` is the file itself.

    Returns
    -------
    dict
        Datasets by group name.

    Raises
    ------
    ValueError
        If the file is not the one that its record describes, is no NetCDF file, or has no such group.
    OSError
        If the file is missing or cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {path}; run the experiment that writes it")
    expected = recorded_checksum(path)
    if expected is not None and sha256(path) != expected:
        raise ValueError(f"path: {path} is not the file that {path.stem}.json records; run the experiment again")
    try:
        return {name: xarray.load_dataset(path, engine="h5netcdf", group=name) for name in names}
    except PermissionError:
        raise
    except Exception as error:  # what h5py raises on a damaged file varies with the damage
        raise ValueError(f"path: {path} is no readable NetCDF file ({_one_line(error)})") from error


def recorded_checksum(path: Path) -> str | None:
    """The checksum of ``path`` in the JSON file beside it; None where there is none."""
    record_path = path.with_suffix(".json")
    if not record_path.is_file():
        return None
    try:
        record = json.loads(record_path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"path: {record_path}, the record of {path.name}, is not valid JSON") from error
    if isinstance(record, dict) and isinstance(record.get("manifest"), dict):
        try:
            schema_of(record)
        except ValueError as error:
            raise ValueError(f"path: {record_path}, the record of {path.name}, cannot be read: {error}") from None
    for holder in ("manifest", None):
        part = record.get(holder, {}) if holder and isinstance(record, dict) else record
        files = part.get("files") if isinstance(part, dict) else None
        if isinstance(files, dict) and path.name in files:
            return str(files[path.name])
    return None


def write_figure(
    figure: _Figure, stem: str | os.PathLike[str], formats: Iterable[str] = ("png", "svg")
) -> dict[str, str]:
    """Write a figure in several formats, each in one step.

    Parameters
    ----------
    figure
        Anything with matplotlib's ``savefig``.
    stem
        Path without ending: ``results/phase_diagram`` gives ``results/phase_diagram.png`` and so on.
    formats
        File endings that ``savefig`` knows.

    Returns
    -------
    dict
        File name to SHA-256 in hexadecimal.

    Raises
    ------
    ValueError
        If a format is unknown.
    OSError
        If the folder is missing or cannot be written to.
    """
    stem = Path(stem)
    checksums = {}
    for name in formats:
        path = stem.with_name(f"{stem.name}.{name}")
        checksums[path.name] = write_bytes_atomically(rendered(figure, [name])[name], path)
    return checksums


def rendered(figure: _Figure, formats: Iterable[str]) -> dict[str, bytes]:
    """A figure's files by format; the same figure gives the same bytes."""
    files = {}
    for name in formats:
        content = io.BytesIO()
        figure.savefig(content, format=name, **({"metadata": {"Date": None}} if name == "svg" else {}))
        files[name] = content.getvalue()
    return files


def writable_folder(path: str | os.PathLike[str], *, argument: str = "out") -> Path:
    """Make a folder if need be and make sure that files can be written there: call it before any long work.

    Parameters
    ----------
    path
        The folder; missing parents are made.
    argument
        Name to use in the message.

    Raises
    ------
    OSError
        One line that names the argument, what is in the way and what would be right.
    """
    folder = Path(path).expanduser()
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise NotADirectoryError(f"{argument}: {place} is a file; name a folder that can be written to")
    probe = folder / f".{secrets.token_hex(6)}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"{argument}: cannot write to {folder} ({reason}); name a folder that can be written to"
        raise type(error)(message) from error
    return folder


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
