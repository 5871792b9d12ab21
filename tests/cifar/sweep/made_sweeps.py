"""Sweeps of a few runs, done in this process or by a driver of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cifar.data.images import LabelledImages
from cifar.study.measuring import Measuring
from cifar.study.presets import LAPTOP, Control, Study
from cifar.study.stages import Recipe
from cifar.sweep.plan import plan
from cifar.sweep.store import Store, written_alone
from cifar.sweep.sweep import run_sweep
from cifar.sweep.workers import Workers
from cifar.training.checkpoints import checkpoint_path, read_checkpoint
from slt_toys.inputs.processors import THREADS
from slt_toys.sweep.tasks import Failed, Pool, Returned, Task, carried_out

ROOT = Path(__file__).resolve().parent.parent.parent.parent
MEASURING = Measuring(fisher=0, hessian=0)
# A driver whose workers are processes, as a command has them; the last argument is done before it begins.
DRIVER = """
import signal
import sys
from pathlib import Path
from cifar.data.images import load_images
from cifar.study.measuring import Measuring
from cifar.sweep.store import written_alone
from cifar.sweep.sweep import run_sweep
from cifar.sweep.workers import Workers
from slt_toys.results.progress import command_line
from dataclasses import dataclass

@dataclass
class Nothing:
    pass

def main(nothing):
    archive, folder, workers, first = sys.argv[1:]
    images = load_images(Path(archive), Path(archive).parent)
    exec(first)
    with written_alone(Path(folder)) as store:
        settled = Workers(workers=int(workers), threads=1, keep_states=True)
        run_sweep(store, images, Measuring(fisher=0, hessian=0), settled)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    sys.exit(command_line(Nothing, main, []))
"""


class Here(Pool):
    """Does tasks in this process, one at a time."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    @property
    def in_flight(self) -> int:
        return len(self.tasks)

    @property
    def room(self) -> int:
        return 1

    def submit(self, task: Task) -> None:
        self.tasks.append(task)

    def wait(self, seconds: float) -> list[Returned | Failed]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(THREADS, "1")
            return [carried_out(self.tasks.pop(0))]

    def close(self, *, at_once: bool) -> None:
        pass


def work(folder: Path, images: LabelledImages, measuring: Measuring = MEASURING) -> None:
    """Do what is left of a sweep, here."""
    with written_alone(folder) as store:
        run_sweep(store, images, measuring, Workers(keep_states=True), Here)


def driver(archive: Path, folder: Path, workers: int = 1, first: str = "") -> subprocess.Popen:
    """Begin to do what is left of a sweep, in processes."""
    script = folder.parent / f"{folder.name}.py"  # workers look at what their driver runs
    script.write_text(DRIVER)
    command = [sys.executable, str(script), str(archive), str(folder), str(workers), first]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def tiny_study(**changes) -> Study:
    study = replace(
        LAPTOP,
        recipe=Recipe("fully_connected", 16, 2),
        batch_sizes=(40, 20),
        switch_epochs=(0, 2, 3),
        further_epochs=3,
        seeds=1,
        gate=0.0,
        controls=(Control("reset", "blur", (40,), (2,)), Control("fresh", "blur", (40,), (3,))),
    )
    return replace(study, **changes)


def begin(folder: Path, images, study: Study) -> None:
    folder.mkdir()
    data = {"checksum": images.checksum, "source": "made", "path": None, "train_limit": None, "test_limit": None}
    sizes = {"train_images": len(images.train_labels), "test_images": len(images.test_labels)}
    with Store(folder, "create") as store:
        store.set_facts(data=data | sizes, study={"name": study.name, "gate": study.gate, "measuring": {}})
        store.add_runs(study.runs(images.checksum))


def results(folder: Path) -> tuple:
    with Store(folder, "read") as store:
        epochs = [row[:5] for row in store.epochs()]
        return store.done(), epochs, store.measurements()


def same_states(ours: Path, theirs: Path) -> bool:
    """Whether all networks and momenta that two sweeps have kept are the same bits."""
    with Store(ours, "read") as store:
        units = plan(store.runs())
    for unit in units:
        pair = [read_checkpoint(checkpoint_path(folder, unit.key), unit.key) for folder in (ours, theirs)]
        networks = [state["network"] for state in pair]
        momenta = [state["momentum"] for state in pair]
        if not all(torch.equal(networks[0][name], value) for name, value in networks[1].items()):
            return False
        if not all(torch.equal(a, b) for a, b in zip(*momenta, strict=True)):
            return False
    return True
