"""The official CIFAR-10 archives (Krizhevsky 2009): fetched, checked and read.

Both versions hold 32 x 32 colour images, planes in the order red, green, blue. The binary version is records of one
label byte and 3072 image bytes; the python version is pickled batches, which are parsed and never unpickled
(`cifar.data.pickled_arrays`).
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import re
import secrets
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cifar.data.pickled_arrays import read_batch
from slt_toys.results.progress import progress

PIXELS = 3 * 32 * 32
CHUNK = 1 << 20
BATCH = re.compile(r"(data_batch_\d+|test_batch)(\.bin)?")
COMPRESSIONS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open
}  # fmt: skip
LARGEST_MEMBER = 200_000_000  # bytes: no batch of the official archives is anywhere near

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]  # images (n, 3, 32, 32), labels (n,)


@dataclass(frozen=True)
class Archive:
    """An official archive: where it is, and the checksums that its content must have."""

    url: str
    md5: str
    sha256: str

    @property
    def name(self) -> str:
        """File name."""
        return self.url.rsplit("/", 1)[-1]


PYTHON = Archive(
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "c58f30108f718f92721af3b95e74349a",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
BINARY = Archive(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c32a1d4ab5d03f1284b67883e8d87530",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
ARCHIVES = {archive.name: archive for archive in (PYTHON, BINARY)}


def check_archive(path: Path, archive: Archive) -> None:
    """Refuse a file that is not the archive.

    Raises
    ------
    ValueError
        If its MD5 or SHA-256 is another.
    """
    for algorithm, expected in (("md5", archive.md5), ("sha256", archive.sha256)):
        with open(path, "rb") as file:
            actual = hashlib.file_digest(file, algorithm).hexdigest()
        if actual != expected:
            raise ValueError(
                f"data: {path} has {algorithm} {actual[:12]}..., the official {archive.name} has {expected[:12]}...; "
                "fetch it again (an archive of your own needs another name)"
            )


def fetch(archive: Archive, folder: Path) -> Path:
    """The archive in ``folder``, fetched if it is not there, and checked.

    Raises
    ------
    ValueError
        If what was fetched, or what is there, is not the archive.
    OSError
        If it cannot be fetched or written.
    """
    path = folder / archive.name
    if path.is_file():
        check_archive(path, archive)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{archive.name}.{secrets.token_hex(6)}.partial"
    try:
        with urllib.request.urlopen(archive.url, timeout=60) as answer, open(temporary, "wb") as file:
            length = int(answer.headers.get("Content-Length") or 0)
            with progress(f"fetching {archive.name} (MiB)", length / CHUNK or None) as advance:
                while chunk := answer.read(CHUNK):
                    file.write(chunk)
                    advance(len(chunk) / CHUNK)
            file.flush()
            os.fsync(file.fileno())
        check_archive(temporary, archive)
        os.replace(temporary, path)
    except urllib.error.URLError as error:
        raise OSError(
            f"data: cannot fetch {archive.url} ({error.reason}); give --data a local archive or image folder"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def check_compression(path: Path) -> None:
    """Refuse a compressed file whose content is not what was compressed: its checksum stands at its end.

    Nothing else of a tar archive has one, and its end is not reached where its files are read.

    Raises
    ------
    ValueError
        In one line.
    """
    with open(path, "rb") as file:
        begins = file.read(6)
    opened = next((each for magic, each in COMPRESSIONS.items() if begins.startswith(magic)), None)
    if opened is None:
        return
    try:
        with opened(path, "rb") as content:
            while content.read(CHUNK):
                pass
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"data: {path} is truncated or damaged ({reason}); fetch it again") from None


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Refuse, in one line, an archive that turns out to be damaged."""
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"data: {path} is truncated or no tar archive ({reason}); fetch it again") from None


def is_strange(name: str) -> bool:
    """Whether a file is one that macOS leaves beside those that it packs or copies."""
    return "__MACOSX" in name.split("/") or name.rpartition("/")[2].startswith("._")


def members(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Names of the files of a tar archive, each with a function that reads it before the next is asked for.

    Raises
    ------
    ValueError
        If the archive is truncated, damaged or no tar archive; the functions raise it too.
    """
    with _whole(path), tarfile.open(path, "r|*") as archive:
        for member in archive:
            if member.isfile() and not is_strange(member.name):
                if member.size > LARGEST_MEMBER:
                    raise ValueError(f"data: {path} holds {member.name} of {member.size} bytes, far too large")
                yield member.name, partial(_read, archive, member, path)


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> bytes:
    with _whole(path):
        file = archive.extractfile(member)
        return b"" if file is None else file.read()


def read_archive(path: Path) -> tuple[Batch, Batch]:
    """Training and test images of either version of the archive, batches in the order of their numbers.

    Returns
    -------
    tuple
        ``(images, labels)`` of the training set and of the test set.

    Raises
    ------
    ValueError
        In one line, if the archive is damaged, lacks a batch or has one twice.
    """
    check_compression(path)
    return read_batches(members(path), path)


def read_batches(files: Iterator[tuple[str, Callable[[], bytes]]], source: Path) -> tuple[Batch, Batch]:
    """The same from named files, such as those of an archive that was extracted."""
    found: dict[str, Batch] = {}
    for name, read in files:
        leaf = name.rsplit("/", 1)[-1]
        if not BATCH.fullmatch(leaf):
            continue
        batch = leaf.removesuffix(".bin")
        if batch in found:
            raise ValueError(f"data: {source} holds {batch} twice; give one copy of CIFAR-10")
        read_as = _binary if leaf.endswith(".bin") else _pickled
        found[batch] = read_as(read(), f"data: {source}, {leaf}")
    train = sorted((name for name in found if name != "test_batch"), key=lambda name: int(re.sub(r"\D", "", name)))
    if not train or "test_batch" not in found:
        kind = "data_batch_1" if not train else "test_batch"
        raise ValueError(f"data: {source} holds no {kind}; give the python or the binary version of CIFAR-10")
    images, labels = (np.concatenate(parts) for parts in zip(*(found[name] for name in train), strict=True))
    return (images, labels), found["test_batch"]


def _binary(content: bytes, source: str) -> Batch:
    if not content or len(content) % (PIXELS + 1):
        raise ValueError(f"{source}: {len(content)} bytes are no whole number of {PIXELS + 1}-byte records")
    records = np.frombuffer(content, np.uint8).reshape(-1, PIXELS + 1)
    return _checked(records[:, 1:], records[:, 0].astype(np.int64), source)


def _pickled(content: bytes, source: str) -> Batch:
    batch = read_batch(content, source)
    return _checked(batch["data"], np.asarray(batch["labels"]), source)


def _checked(flat: NDArray[np.uint8], labels: NDArray[np.int64], source: str) -> Batch:
    if flat.ndim != 2 or flat.shape != (len(labels), PIXELS) or labels.ndim != 1:
        raise ValueError(
            f"{source}: data of shape {flat.shape} and {labels.shape} labels do not fit; {PIXELS} bytes each"
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"{source}: labels must be whole numbers from 0 to 9")
    return flat.reshape(-1, 3, 32, 32), labels.astype(np.int64)
