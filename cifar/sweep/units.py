"""What a worker does: a unit, from where it stands to its end.

After each epoch it writes a checkpoint, which holds the epochs so far, and then a small file for the driver to look at.
A kill costs the epoch in flight and nothing else; on a GPU, where an epoch takes less than a checkpoint, what a quarter
of a minute did.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch

from cifar.data.device_data import DeviceData
from cifar.data.images import read_images
from cifar.study.measuring import Measuring
from cifar.study.stages import EpochRecord
from cifar.sweep.plan import Unit
from cifar.sweep.store import IMAGES, RUNNING, Measurements, TimedEpoch
from cifar.sweep.workers import DEVICE, available_devices
from cifar.training.checkpoints import CheckpointWriter, checkpoint_path, read_checkpoint
from cifar.training.measurements import measure
from cifar.training.training import Trainer, drained
from slt_toys.inputs.processors import usable_processors
from slt_toys.results.records import write_bytes_atomically

INTERVAL = 15.0  # seconds between checkpoints on a GPU
NO_MEMORY = "out of memory", "not enough memory", "can't allocate memory"  # as torch says it

Row = list[float]  # epoch, learning rate, train loss, train accuracy, seconds


@dataclass(frozen=True)
class Order:
    """What a worker is told.

    Attributes
    ----------
    folder
        The results folder, which every worker must see at the same place.
    unit
        To do.
    checksum
        Of the images.
    measuring
        What is measured at the end.
    known
        The epoch before which the driver has every epoch of the unit.
    device
        Such as cuda:0; None for the one that the process has been given.
    deterministic
        Whether a GPU is to use only convolutions that give the same bits each time.
    compiled
        Whether training steps are compiled.
    """

    folder: Path
    unit: Unit
    checksum: str
    measuring: Measuring
    known: int
    device: str | None = None
    deterministic: bool = False
    compiled: bool = False


@dataclass(frozen=True)
class Finished:
    """What a unit gives: its epochs, but for those the driver has; what was measured; and on what."""

    epochs: tuple[TimedEpoch, ...]
    measurements: Measurements
    device: str


@dataclass(frozen=True)
class Unwritable:
    """Why a state could not be kept: the disk is full, say, and no unit is better off."""

    reason: str


def do_unit(order: Order) -> Finished | Unwritable:
    """Do a unit."""
    device = device_of(order)
    with settings(device, order.deterministic), memory_told(order.unit, device):
        return train_unit(order, data_of(order, device))


def device_of(order: Order) -> torch.device:
    """Where a unit is to be done in this process."""
    return torch.device(order.device or os.environ.get(DEVICE) or available_devices()[0])


def data_of(order: Order, device: torch.device) -> DeviceData:
    """The images of a unit on its device."""
    return _data(order.folder, order.checksum, device, order.unit.recipe.normalisation)


@contextmanager
def memory_told(unit: Unit, device: torch.device) -> Iterator[None]:
    """In one line, where memory did not suffice; what the unit held is given back for the next."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        words = str(error).lower()
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not any(said in words for said in NO_MEMORY):
            raise
        if device.type == "cuda":
            torch.cuda.empty_cache()
        raise MemoryError(
            f"memory: {device_kind(device)} has too little for {unit.recipe.network}, width "
            f"{unit.recipe.width or 'published'}, batch size {unit.recipe.batch_size}; give fewer workers, a smaller "
            "network or measure less"
        ) from None


def train_unit(order: Order, data: DeviceData) -> Finished | Unwritable:
    """Train from where the unit stands, or from its parent, to its end, and measure there."""
    _TRAINERS[:] = [reused(_TRAINERS[0] if _TRAINERS else None, order, data)]
    return drained(unit_in_steps(order, _TRAINERS[0]))


def unit_in_steps(
    order: Order, trainer: Trainer, sharing: Callable[[], int] = lambda: 1
) -> Generator[None, None, Finished | Unwritable]:
    """As `train_unit`, handing back after each step; ``sharing`` says how many share the time meanwhile."""
    unit, data = order.unit, trainer.data
    rows = _begin(trainer, order)
    writer = CheckpointWriter(
        unit.key, checkpoint_path(order.folder, unit.key), interval=INTERVAL if data.device.type == "cuda" else 0.0
    )
    while trainer.epoch < unit.end:
        begun = time.monotonic()
        record = yield from trainer.epoch_in_steps(unit.stages)
        seconds = (time.monotonic() - begun) / sharing()
        rows.append([record.epoch, record.learning_rate, record.train_loss, record.train_accuracy, seconds])
        try:
            writer.offer(lambda: {**trainer.state(), "epochs": list(rows)}, last=trainer.epoch == unit.end)
            write_bytes_atomically(json.dumps(rows).encode(), progress_path(order.folder, unit.key))
        except OSError as error:
            return Unwritable(" ".join(str(error).split()))
    return Finished(
        _epochs(rows), measure(trainer, unit.stages, order.measuring), _device_name(data.device, trainer.compiled)
    )


_TRAINERS: list[Trainer] = []  # the last one of this process


def reused(trainer: Trainer | None, order: Order, data: DeviceData) -> Trainer:
    """A trainer at initial weights: an earlier one begun again where it can be, so that its graphs serve again."""
    recipe = order.unit.recipe
    same = trainer is not None and trainer.data is data and trainer.compiled == order.compiled
    if trainer is not None and same and replace(trainer.recipe, seed=recipe.seed) == recipe:
        trainer.restart(recipe)
        return trainer
    return Trainer(recipe, data, compiled=order.compiled)


def _begin(trainer: Trainer, order: Order) -> list[Row]:
    """Bring a trainer to where the unit stands; the epochs of the unit that its checkpoint tells of."""
    unit, path = order.unit, checkpoint_path(order.folder, order.unit.key)
    if path.is_file():
        state = read_checkpoint(path, unit.key)
        rows: list[Row] = list(state.get("epochs", ()))  # an older version's has none: it wrote them into the store
        if (rows[0][0] if rows else state["epoch"]) <= order.known:
            trainer.load_state(state)
            return rows
        # Nobody has the epochs before: they are trained again, to the same state.
    if unit.parent is not None:
        trainer.load_state(read_checkpoint(checkpoint_path(order.folder, unit.parent), unit.parent))
    return []


def progress_path(folder: Path, key: str) -> Path:
    """Where a worker says how far it has come with a unit."""
    return folder / RUNNING / f"{key}.json"


def read_progress(path: Path) -> tuple[TimedEpoch, ...]:
    """The epochs that a worker has told of; none where it has not, or nobody can read it."""
    try:
        return _epochs(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return ()


def _epochs(rows: Sequence[Row]) -> tuple[TimedEpoch, ...]:
    return tuple((EpochRecord(int(epoch), *numbers), seconds) for epoch, *numbers, seconds in rows)


@lru_cache(maxsize=1)
def _data(folder: Path, checksum: str, device: torch.device, normalisation: str) -> DeviceData:
    """The images on the device, once in a process."""
    return DeviceData(read_images(folder / IMAGES, checksum), device, normalisation)


@contextmanager
def settings(device: torch.device, deterministic: bool = False) -> Iterator[None]:
    """Of torch, while units are done on a device."""
    threads = torch.get_num_threads()
    torch.set_num_threads(usable_processors())
    torch.set_flush_denormal(True)  # a network that has memorised its data computes with them otherwise
    if device.type == "cuda":
        torch.cuda.set_device(device)  # a graph is captured on the current device
        # what is fastest may differ from one process to the next, and with it the order of sums
        torch.backends.cudnn.benchmark = not deterministic
        torch.backends.cudnn.deterministic = deterministic
        torch.backends.cudnn.allow_tf32 = False  # float32 is to be float32, in training and in what is measured
    try:
        yield
    finally:
        torch.set_flush_denormal(False)  # others in this process may count on them
        torch.set_num_threads(threads)


def _device_name(device: torch.device, compiled: bool = False) -> str:
    """What a unit was done on, and with: equal recipes have equal bits only where all of it is the same."""
    return f"{device_kind(device)}, torch {torch.__version__}{', compiled' if compiled else ''}"


def device_kind(device: torch.device) -> str:
    """The name of a GPU, or "CPU"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
