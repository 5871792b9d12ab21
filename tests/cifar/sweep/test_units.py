"""A unit goes on from where it stands, keeps its epochs with its state, and has its images once in a process."""

from __future__ import annotations

import errno

import pytest
import torch

from cifar.sweep import units
from cifar.sweep.plan import Unit, plan
from cifar.sweep.store import IMAGES, RUNNING
from cifar.sweep.units import Finished, Order, Unwritable, do_unit, progress_path, read_progress, train_unit
from cifar.training import checkpoints
from cifar.training.checkpoints import checkpoint_path, read_checkpoint, write_checkpoint
from cifar.training.training import Trainer
from tests.cifar.sweep.made_sweeps import MEASURING, tiny_study


@pytest.fixture
def folder(tmp_path):
    (tmp_path / RUNNING).mkdir()
    return tmp_path


@pytest.fixture
def trunk_and_child(images) -> tuple[Unit, Unit]:
    planned = plan(tiny_study().runs(images.checksum))
    trunk = next(unit for unit in planned if unit.parent is None and unit.epochs == 2)
    return trunk, next(unit for unit in planned if unit.parent == trunk.key and unit.branch)


@pytest.fixture
def trained(monkeypatch) -> list[int]:
    """Epochs that are trained."""
    in_steps, epochs = Trainer.epoch_in_steps, []

    def counted(trainer, parts):
        record = yield from in_steps(trainer, parts)
        epochs.append(record.epoch)
        return record

    monkeypatch.setattr(Trainer, "epoch_in_steps", counted)
    return epochs


def ordered(folder, unit: Unit, known: int | None = None) -> Order:
    return Order(folder, unit, "", MEASURING, unit.begin if known is None else known)


def half_done(folder, unit: Unit, data, **more) -> None:
    """A checkpoint after one epoch."""
    trainer = Trainer(unit.recipe, data)
    record = trainer.run_epoch(unit.stages)
    row = [record.epoch, record.learning_rate, record.train_loss, record.train_accuracy, 7.0]
    state = trainer.state() | ({"epochs": [row]} if more.get("epochs", True) else {})
    write_checkpoint(state, unit.key, checkpoint_path(folder, unit.key))


def test_a_unit_goes_on_from_its_checkpoint_or_its_parents(folder, device_data, trunk_and_child, trained):
    trunk, child = trunk_and_child
    half_done(folder, trunk, device_data)
    first = train_unit(ordered(folder, trunk), device_data)
    second = train_unit(ordered(folder, child), device_data)
    assert trained == [0, 1, *range(2, child.end)], "no epoch is trained twice"
    assert isinstance(first, Finished) and isinstance(second, Finished)
    assert [(record.epoch, seconds == 7.0) for record, seconds in first.epochs] == [(0, True), (1, False)]
    assert [record.epoch for record, _ in second.epochs] == list(range(2, child.end))
    assert read_progress(progress_path(folder, child.key)) == second.epochs
    again = train_unit(ordered(folder, child), device_data)  # killed before its driver had kept the result
    assert again == second and len(trained) == child.end


@pytest.mark.parametrize(("known", "begins"), [(1, 1), (0, 0)])
def test_a_checkpoint_of_an_older_version(folder, device_data, trunk_and_child, trained, known, begins):
    """It has no epochs: it is gone on from if the driver has them, else nobody would, and they are trained again."""
    trunk, _ = trunk_and_child
    half_done(folder, trunk, device_data, epochs=False)
    trained.clear()
    done = train_unit(ordered(folder, trunk, known), device_data)
    assert isinstance(done, Finished) and [record.epoch for record, _ in done.epochs] == list(range(begins, 2))
    assert trained == list(range(begins, 2))


def test_what_cannot_be_written_is_told(folder, device_data, trunk_and_child, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "a file")

    monkeypatch.setattr(checkpoints, "write_checkpoint", full)
    done = train_unit(ordered(folder, trunk_and_child[0]), device_data)
    assert isinstance(done, Unwritable) and "No space left" in done.reason and "a file" in done.reason
    with pytest.raises(FileNotFoundError):  # the state of its parent is missing: that is this unit's own trouble
        train_unit(ordered(folder, trunk_and_child[1]), device_data)


def test_images_are_loaded_once_and_the_process_stays_as_it_was(folder, images, trunk_and_child, monkeypatch):
    from cifar.data.images import read_images, write_images

    loaded, threads = [], torch.get_num_threads()

    def counted(path, checksum):
        loaded.append(path)
        return read_images(path, checksum)

    write_images(images, folder / IMAGES)
    monkeypatch.setattr(units, "read_images", counted)
    monkeypatch.setenv(units.DEVICE, "cpu")
    units._data.cache_clear()
    for unit in trunk_and_child:
        done = do_unit(Order(folder, unit, images.checksum, MEASURING, unit.begin))
        assert isinstance(done, Finished) and done.device == f"CPU, torch {torch.__version__}"
    assert loaded == [folder / IMAGES]
    tiny = torch.tensor([1e-40]) * 0.5
    assert torch.get_num_threads() == threads and tiny.item() > 0, "others may count on denormal numbers"


def test_progress_that_cannot_be_read_is_none(tmp_path):
    path = tmp_path / "key.json"
    assert read_progress(path) == ()
    for content in (b"", b"[[0, 0.1", b"3", b"[3]", b'{"epoch": 1}', b"[[0, 1]]", b"\xff"):
        path.write_bytes(content)
        assert read_progress(path) == ()
    path.write_bytes(b"[[3, 0.1, 2.5, 0.5, 7.0]]")
    (told,) = read_progress(path)
    assert (told[0].epoch, told[0].train_loss, told[1]) == (3, 2.5, 7.0)


def test_states_hold_no_more_than_they_are_read_for(folder, device_data, trunk_and_child):
    trunk, _ = trunk_and_child
    train_unit(ordered(folder, trunk), device_data)
    state = read_checkpoint(checkpoint_path(folder, trunk.key), trunk.key)
    assert set(state) == {"key", "epoch", "random", "network", "momentum", "epochs"}


@pytest.mark.parametrize("error", [
    MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"),
])  # fmt: skip
def test_too_little_memory_is_said_in_one_line(folder, trunk_and_child, monkeypatch, error):
    def fails(*arguments):
        raise error

    monkeypatch.setattr(units, "_data", fails)
    with pytest.raises(
        MemoryError, match="memory: CPU has too little for fully_connected, width 16, batch size 40; give"
    ):
        do_unit(ordered(folder, trunk_and_child[0]))
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="mat1"):
        do_unit(ordered(folder, trunk_and_child[0]))
