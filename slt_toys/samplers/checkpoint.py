"""Runs on disk: what blocks of lanes have done so far, so that an interrupted run goes on where it stopped.

A folder holds ``run.json``, which says what is run, and for each range of blocks a file of the draws kept so far (raw
numbers, only ever appended to) and a file of the state that goes on from there, written to a temporary name and
renamed. A state says how many draws belong to it and their SHA-256: what an interruption left behind them is cut off.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..results.records import write_bytes_atomically, write_json

try:
    import fcntl
except ImportError:  # not on this system: two runs in one folder are not told apart
    fcntl = None

FORMAT = 1


class Checkpoint:
    """A folder that keeps one run; a context manager that holds it against other processes.

    Parameters
    ----------
    folder
        Made if it is missing.
    run
        Digest of everything that decides the run's bits, by :func:`fingerprint`.
    blocks_at_once
        Blocks of lanes in a range, kept by a resumed run whatever its number of threads.

    Raises
    ------
    ValueError
        When the folder keeps another run, or another process is at work in it.
    """

    def __init__(self, folder: str | os.PathLike[str], run: str, blocks_at_once: int) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as reason:
            raise ValueError(f"checkpoint must be a folder that can be made, not {folder} ({reason})") from None
        self.run = run
        self._digests: dict[int, Any] = {}  # of the ranges' draws so far
        self._lock = open(self.folder / "lock", "a")  # noqa: SIM115 - held until __exit__
        try:
            self._hold()
            self.blocks_at_once = self._declared(blocks_at_once)
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock.close()

    def _hold(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"checkpoint {self.folder} is in use by another process; give each run its own") from None

    def _declared(self, blocks_at_once: int) -> int:
        path = self.folder / "run.json"
        wanted = {"format": FORMAT, "run": self.run, "blocks_at_once": blocks_at_once}
        if not path.exists():
            write_json(wanted, path)
            return blocks_at_once
        try:
            declared = json.loads(path.read_text(encoding="utf-8"))
            same = declared["format"] == FORMAT and declared["run"] == self.run
            kept = int(declared["blocks_at_once"])
        except (ValueError, KeyError, TypeError, OSError):
            raise ValueError(f"checkpoint {self.folder} holds an unreadable run.json; give an empty folder") from None
        if not same:
            raise ValueError(
                f"checkpoint {self.folder} keeps a run with other settings or versions; give an empty folder"
            )
        return kept

    def save(self, first_block: int, state: dict[str, NDArray], kept: NDArray[np.float64]) -> None:
        """Append newly kept draws of a range, then replace its state.

        Parameters
        ----------
        first_block
            Names the range.
        state
            Arrays and numbers to go on from.
        kept
            Draws (draw, chain, coordinate) since the last call.
        """
        content = np.ascontiguousarray(kept).tobytes()
        with open(self._draws(first_block), "ab") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        digest = self._digests.setdefault(first_block, hashlib.sha256())
        digest.update(content)
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {**state, "draws_size": size, "draws_sha256": np.frombuffer(digest.digest(), np.uint8)}
        np.savez(buffer, **arrays)
        write_bytes_atomically(buffer.getvalue(), self._state(first_block))

    def load(self, first_block: int, chains: int, dimension: int) -> tuple[dict[str, NDArray], NDArray] | None:
        """State of a range and its draws so far (draw, chain, coordinate), or None when it has not begun.

        Raises
        ------
        ValueError
            When the files are damaged.
        """
        path = self._state(first_block)
        draws = self._draws(first_block)
        if not path.exists():
            draws.unlink(missing_ok=True)  # kept before the first state was: of no use
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                state = {name: file[name] for name in file.files}
            size = int(state.pop("draws_size"))
            with open(draws, "r+b") as file:
                if file.seek(0, os.SEEK_END) < size:
                    raise ValueError("draws are missing")
                file.truncate(size)
            with open(draws, "rb") as file:
                digest = hashlib.file_digest(file, hashlib.sha256)
            if digest.digest() != state.pop("draws_sha256").tobytes():
                raise ValueError("the draws' SHA-256 differs")
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as reason:
            raise ValueError(f"checkpoint {self.folder} is damaged at {path.name} ({reason}); delete it") from None
        self._digests[first_block] = digest
        return state, np.fromfile(draws).reshape(-1, chains, dimension)

    def _state(self, first_block: int) -> Path:
        return self.folder / f"blocks_{first_block:09d}.npz"

    def _draws(self, first_block: int) -> Path:
        return self.folder / f"blocks_{first_block:09d}.draws"


def fingerprint(*settings: Any) -> str:
    """SHA-256 of settings (numbers, strings, arrays, dataclasses, sequences, else by repr) and versions."""
    digest = hashlib.sha256(f"{__version__} {np.__version__} {numba.__version__}".encode())
    for setting in settings:
        _feed(digest, setting)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        digest.update(f"<{type(value).__qualname__}".encode())
        for field in dataclasses.fields(value):
            digest.update(f" {field.name}=".encode())
            _feed(digest, getattr(value, field.name))
        digest.update(b">")
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, list | tuple):
        digest.update(b"(")
        for element in value:
            _feed(digest, element)
            digest.update(b",")
        digest.update(b")")
    else:
        digest.update(repr(value).encode())
