"""Checkpoints: whole or absent, and read without unpickling anything but tensors and plain values."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from slt_toys.results.records import write_bytes_atomically

FOLDER = "checkpoints"


def checkpoint_path(results: Path, key: str) -> Path:
    """Where the state with this key is, or would be."""
    return results / FOLDER / f"{key}.pt"


def write_checkpoint(state: dict[str, Any], key: str, path: Path) -> None:
    """Write a state in one step: to a temporary name, flushed to the disk, then renamed."""
    content = io.BytesIO()
    torch.save({**state, "key": key}, content)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes_atomically(content.getvalue(), path)


class CheckpointWriter:
    """Writes the states of a unit: each at once, or where that would take longer than training, some by a thread.

    Parameters
    ----------
    key, path
        As `write_checkpoint`.
    interval
        Seconds between two states that a thread writes; 0 writes each state at once.
    clock
        Seconds that never go back.
    """

    def __init__(
        self, key: str, path: Path, *, interval: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._key, self._path, self._interval, self._clock = key, path, interval, clock
        self._begun = clock()
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None

    def offer(self, state: Callable[[], dict[str, Any]], *, last: bool) -> None:
        """Write a state, or leave it; the last is always written before this returns.

        Parameters
        ----------
        state
            Called if it is written; nothing may change what it gives.
        last
            Whether no other follows.

        Raises
        ------
        OSError
            If this state or an earlier one could not be written.
        """
        if last or not self._interval:
            self.settle()
            write_checkpoint(state(), self._key, self._path)
            return
        if (self._thread and self._thread.is_alive()) or self._clock() - self._begun < self._interval:
            return
        self.settle()
        self._begun = self._clock()
        self._thread = threading.Thread(target=self._write, args=(state(),))
        self._thread.start()

    def settle(self) -> None:
        """Wait until nothing is being written; raises what went wrong."""
        if self._thread:
            self._thread.join()
            self._thread = None
        if self._error:
            raise self._error

    def _write(self, state: dict[str, Any]) -> None:
        try:
            write_checkpoint(state, self._key, self._path)
        except OSError as error:
            self._error = error


def read_checkpoint(path: Path, key: str) -> dict[str, Any]:
    """Read the state with this key.

    Raises
    ------
    ValueError
        In one line, if the file is damaged, holds anything but tensors and plain values, or is another state's.
    OSError
        If it cannot be read.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # what a damaged file raises varies with the damage
        reason = " ".join(str(error).split())[:80]
        raise ValueError(f"checkpoint: {path} is damaged or no checkpoint ({reason}); remove it and resume") from None
    if not isinstance(state, dict) or state.get("key") != key:
        raise ValueError(f"checkpoint: {path} is the state of another run; remove it and resume")
    return state
