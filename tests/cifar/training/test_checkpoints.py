"""Damaged and foreign checkpoints are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cifar.training.checkpoints import read_checkpoint, write_checkpoint


def test_damaged_and_foreign_checkpoints_are_refused(tmp_path):
    path = tmp_path / "state.pt"
    write_checkpoint({"epoch": 1, "network": {}, "momentum": []}, "one", path)
    assert read_checkpoint(path, "one")["epoch"] == 1
    with pytest.raises(ValueError, match="another run"):
        read_checkpoint(path, "two")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="damaged"):
        read_checkpoint(path, "one")
    trap = tmp_path / "trap"
    torch.save({"key": "one", "epoch": _Hostile(trap)}, path)
    with pytest.raises(ValueError, match="checkpoint: ") as caught:
        read_checkpoint(path, "one")
    assert "\n" not in str(caught.value) and not trap.exists()


class _Hostile:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.mkdir, (self.path,)
