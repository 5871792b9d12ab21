"""Does the units of a sweep: any number of workers, stopped and resumed at any time.

A worker takes the first unit whose parent is done and that no other worker has. After each epoch it writes a row and
then a checkpoint, so that a kill costs the epoch in flight and nothing else.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import torch

from cifar.data.device_data import DeviceData
from cifar.data.images import LabelledImages, load_images
from cifar.study.measuring import Measuring
from cifar.sweep.plan import Unit, plan
from cifar.sweep.store import Store, claim
from cifar.training.checkpoints import checkpoint_path, read_checkpoint, write_checkpoint
from cifar.training.measurements import measure
from cifar.training.training import Trainer
from slt_toys.results.progress import EXIT_INTERRUPTED, EXIT_REFUSED, progress

WAIT = 1.0  # seconds between two looks for work
# As GNU's and as Intel's OpenMP call it.
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


@dataclass(frozen=True)
class Workers:
    """Where and how a sweep runs; none of it changes what is computed, but for rounding.

    Attributes
    ----------
    devices
        For example ``("cpu",)`` or ``("cuda:0", "cuda:1")``; workers are dealt out to them in turn.
    workers
        Processes.
    threads
        Of each process; 0 shares the processors out.
    """

    devices: tuple[str, ...] = ("cpu",)
    workers: int = 1
    threads: int = 0

    def __post_init__(self) -> None:
        if self.workers < 1 or self.threads < 0 or not self.devices:
            raise ValueError(f"workers: {self.workers} workers with {self.threads} threads; give at least one worker")

    @property
    def threads_each(self) -> int:
        """Threads of one process: those given, or its share of the processors that this process may use."""
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.threads or max(1, usable // self.workers)


@contextmanager
def waiting_passively() -> Iterator[None]:
    """Processes started meanwhile have OpenMP threads that sleep while they wait; a policy already set is kept.

    By default they spin for a while, and two threads on processors that others use mostly spin for each other: a tenth
    of an epoch of the laptop network took 29.5 s where sleeping threads take 1.2 and one thread 1.0. On idle processors
    spinning is a little faster. OpenMP reads the policy when it is loaded, so it must be set before a process starts.
    """
    given = {name: os.environ.get(name) for name in WAITING}
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)
    try:
        yield
    finally:
        for name, value in given.items():
            if value is None:
                os.environ.pop(name, None)


def available_devices() -> tuple[str, ...]:
    """Every GPU, or the processor where there is none."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return tuple(f"cuda:{number}" for number in range(count)) or ("cpu",)


def usable_devices(asked: tuple[str, ...] | None) -> tuple[str, ...]:
    """The devices asked for, or all there are.

    Raises
    ------
    ValueError
        In one line, where there is no such device.
    """
    for name in asked or ():
        try:
            device = torch.device(name)
        except RuntimeError:
            raise ValueError(f"devices: {name!r} is no device; name one such as cpu or cuda:0") from None
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            raise ValueError(f"devices: {name} is not there; this machine has {', '.join(available_devices())}")
    return asked or available_devices()


def chosen_images(data: Path | None, cache: Path, train: int | None, test: int | None) -> LabelledImages:
    """The images of a sweep."""
    return load_images(data, cache).first_of_each_class(train, test)


def next_unit(units: Sequence[Unit], done: set[str], folder: Path) -> tuple[Unit, int] | None:
    """The first unit that can be done and that nobody has, claimed for this process."""
    for unit in units:
        if unit.key in done or (unit.parent is not None and unit.parent not in done):
            continue
        descriptor = claim(folder, unit.key)
        if descriptor is not None:
            return unit, descriptor
    return None


def do_unit(unit: Unit, store: Store, data: DeviceData, measuring: Measuring) -> None:
    """Train from where the unit stands, or from its parent, to its end, and measure there."""
    path = checkpoint_path(store.folder, unit.key)
    trainer = Trainer(unit.recipe, data)
    if path.is_file():
        trainer.load_state(read_checkpoint(path, unit.key))
    elif unit.parent is not None:
        trainer.load_state(read_checkpoint(checkpoint_path(store.folder, unit.parent), unit.parent))
    parent = multiprocessing.parent_process()
    while trainer.epoch < unit.end:
        if parent is not None and not parent.is_alive():  # killed: nobody would stop this worker any more
            raise KeyboardInterrupt
        begun = time.monotonic()
        record = trainer.run_epoch(unit.stages)
        store.write_epoch(unit, record, time.monotonic() - begun)
        write_checkpoint(trainer.state(), unit.key, path)
    store.finish(unit, measure(trainer, unit.stages, measuring), device=_device_name(data.device))


def work(folder: Path, images: LabelledImages, measuring: Measuring, device: str, threads: int) -> None:
    """One worker: do units until none is left."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # a network that has memorised its data computes with them otherwise
    try:
        _work(folder, images, measuring, device)
    finally:
        torch.set_flush_denormal(False)  # others in this process may count on them


def _work(folder: Path, images: LabelledImages, measuring: Measuring, device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.set_device(device)  # a graph is captured on the current device
        torch.backends.cudnn.benchmark = True
    data = DeviceData(images, torch.device(device))
    with Store(folder) as store:
        units = plan(store.runs())
        while True:
            done = store.done()
            if all(unit.key in done for unit in units):
                return
            claimed = next_unit(units, done, folder)
            if claimed is None:
                time.sleep(WAIT)
                continue
            unit, descriptor = claimed
            try:
                if unit.key not in store.done():  # another worker may have finished it in between
                    do_unit(unit, store, data, measuring)
            finally:
                os.close(descriptor)


def run_sweep(folder: Path, images: LabelledImages, measuring: Measuring, workers: Workers) -> None:
    """Do all that is left of a sweep.

    Raises
    ------
    ValueError
        If the sweep belongs to other images, or a worker failed, with the worker's reason.
    """
    with Store(folder) as store:
        recorded = store.facts().get("data")
        if recorded is not None and recorded["checksum"] != images.checksum:
            raise ValueError(f"data: the sweep in {folder} has other images; give the data it was started with")
        runs = store.runs()
        units = plan(runs)
        finished, total = store.progress(units)
    context = multiprocessing.get_context("spawn")
    reasons = context.SimpleQueue()
    devices = itertools.islice(itertools.cycle(workers.devices), workers.workers)
    processes = [
        context.Process(target=_worker, args=(reasons, folder, images, measuring, device, workers.threads_each))
        for device in devices
    ]
    with progress(f"{len(runs)} runs (epochs)", total) as advance:
        advance(finished)
        try:
            with waiting_passively():
                for process in processes:
                    process.start()
            with Store(folder) as store:
                while any(process.is_alive() for process in processes):
                    for process in processes:
                        process.join(WAIT / len(processes))
                    now = store.progress(units)[0]
                    advance(now - finished)
                    finished = now
        except BaseException:
            for process in processes:
                if process.is_alive():
                    process.terminate()
            raise
        finally:
            for process in processes:
                if process.pid is not None:
                    process.join()
    failed = [process.exitcode for process in processes if process.exitcode]
    if failed:
        said = f"exit status {failed[0]}" if reasons.empty() else reasons.get()
        raise ValueError(f"sweep: a worker failed ({said}); what is done is kept, and resume goes on from there")


def _worker(
    reasons: SimpleQueue[str], folder: Path, images: LabelledImages, measuring: Measuring, device: str, threads: int
) -> None:
    try:
        work(folder, images, measuring, device, threads)
    except (ValueError, OSError) as error:
        reasons.put(" ".join(str(error).split())[:300])  # short enough never to wait for a reader
        sys.exit(EXIT_REFUSED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _device_name(device: torch.device) -> str:
    """What a unit was done on, and with: equal recipes have equal bits only where both are the same."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return f"{name}, torch {torch.__version__}"
