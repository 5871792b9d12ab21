"""Checkpoints: whole or absent, and read without unpickling anything but tensors and plain values."""

from __future__ import annotations

import io
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
