"""Damaged and foreign checkpoints are refused."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from cifar.training import checkpoints
from cifar.training.checkpoints import CheckpointWriter, read_checkpoint, write_checkpoint


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


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_thread_writes_some_states_and_the_last_is_written_in_any_case(tmp_path):
    path, clock = tmp_path / "state.pt", Clock()
    writer = CheckpointWriter("one", path, interval=15, clock=clock)
    asked = []

    def offer(epoch: int, last: bool = False) -> None:
        def state():
            asked.append(epoch)
            return {"epoch": epoch}

        writer.offer(state, last=last)

    for clock.now in (0.0, 14.9, 15.0, 29.0, 31.0):
        offer(int(clock.now))
        writer.settle()
    assert asked == [15, 31] and read_checkpoint(path, "one")["epoch"] == 31
    offer(32, last=True)
    assert read_checkpoint(path, "one")["epoch"] == 32
    always = CheckpointWriter("one", path)
    for epoch in range(3):
        always.offer(lambda epoch=epoch: {"epoch": epoch}, last=False)
        assert read_checkpoint(path, "one")["epoch"] == epoch


def test_a_state_that_is_being_written_is_not_waited_for(tmp_path, monkeypatch):
    go_on, written = threading.Event(), []

    def slow(state, key, path):
        go_on.wait(60)
        written.append(state)

    monkeypatch.setattr(checkpoints, "write_checkpoint", slow)
    clock = Clock()
    writer = CheckpointWriter("one", tmp_path / "state.pt", interval=1, clock=clock)
    for clock.now in (1.0, 2.0, 3.0):
        writer.offer(lambda: {"at": clock.now}, last=False)
    assert not written, "the first is not done, and nobody waits for it"
    go_on.set()
    writer.offer(lambda: {"at": "end"}, last=True)
    assert written == [{"at": 1.0}, {"at": "end"}], "in their order"


def test_what_a_thread_could_not_write_is_said_at_the_next_state(tmp_path, monkeypatch):
    def full(state, key, path):
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoints, "write_checkpoint", full)
    clock = Clock()
    writer = CheckpointWriter("one", tmp_path / "state.pt", interval=1, clock=clock)
    clock.now = 1.0
    writer.offer(dict, last=False)
    with pytest.raises(OSError, match="No space left"):
        writer.offer(dict, last=True)
