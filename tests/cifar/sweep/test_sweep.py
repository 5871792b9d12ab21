"""A sweep: planned once, killed at any moment, resumed to the same bits; a results folder that is its own."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from cifar.sweep.plan import plan
from cifar.sweep.store import Store, claim
from cifar.sweep.sweep import do_unit, next_unit, work
from cifar.training.checkpoints import checkpoint_path, read_checkpoint, write_checkpoint
from cifar.training.training import Trainer
from tests.cifar.made_studies import small
from tests.cifar.sweep.made_sweeps import MEASURING, begin, results, tiny_study
from tests.seeds import fresh_seed

ROOT = Path(__file__).resolve().parent.parent.parent.parent
WORKER = """
import sys
from pathlib import Path
from cifar.data.images import load_images
from cifar.training.measurements import Measuring
from cifar.sweep.sweep import work
archive, folder = map(Path, sys.argv[1:])
work(folder, load_images(archive, archive.parent), Measuring(fisher=0, hessian=0), "cpu", 1)
"""
LIMITED = """
import resource, sys
from dataclasses import dataclass
from pathlib import Path
from cifar.data.images import load_images
from cifar.training.measurements import Measuring
from cifar.sweep.sweep import Workers, run_sweep
from slt_toys.results.progress import command_line
archive, folder = Path({archive!r}), Path({folder!r})

@dataclass
class Nothing:
    pass

def main(nothing):
    images = load_images(archive, archive.parent)
    resource.setrlimit(resource.RLIMIT_FSIZE, (380_000, 380_000))  # the images fit, a checkpoint does not
    run_sweep(folder, images, Measuring(fisher=0, hessian=0), Workers(threads=1))

sys.exit(command_line(Nothing, main, []))
"""


def killed_at_random(folder: Path, archive: Path, moments: int, random: np.random.Generator) -> None:
    """Kill a worker that many times; after each kill at most one epoch that was written is not in a checkpoint."""
    for _ in range(moments):
        with Store(folder) as store:
            already = sum(store.epochs_done().values())
            wanted = already + int(random.integers(1, 5))
        worker = subprocess.Popen([sys.executable, "-c", WORKER, str(archive), str(folder)], cwd=ROOT)
        while worker.poll() is None:
            with Store(folder) as store:
                if sum(store.epochs_done().values()) >= wanted:
                    break
            time.sleep(0.002)
        time.sleep(float(random.uniform(0, 0.03)))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        with Store(folder) as store:
            units, written, done = plan(store.runs()), store.epochs_done(), store.done()
            assert sqlite3.connect(store.path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
        lost = 0
        for unit in units:
            path = checkpoint_path(folder, unit.key)
            reached = read_checkpoint(path, unit.key)["epoch"] if path.is_file() else unit.begin
            lost += max(0, unit.begin + written.get(unit.key, 0) - reached)
            assert unit.key not in done or reached == unit.end
        assert lost <= 1


@pytest.mark.parametrize("moments", [2, pytest.param(20, marks=pytest.mark.long)])
def test_killed_and_resumed_equals_uninterrupted(tmp_path, archive, images, uninterrupted, moments):
    seed = fresh_seed()
    folder = tmp_path / "killed"
    begin(folder, images, tiny_study())
    killed_at_random(folder, archive, moments, np.random.default_rng(seed))
    work(folder, images, MEASURING, "cpu", 1)
    assert results(folder) == results(uninterrupted)
    for unit in plan(tiny_study().runs(images.checksum)):
        ours, theirs = (read_checkpoint(checkpoint_path(f, unit.key), unit.key) for f in (folder, uninterrupted))
        assert all(torch.equal(ours["network"][name], value) for name, value in theirs["network"].items())
        assert all(torch.equal(a, b) for a, b in zip(ours["momentum"], theirs["momentum"], strict=True))


def test_a_unit_goes_on_from_its_checkpoint_or_its_parents(tmp_path, images, device_data, monkeypatch):
    folder = tmp_path / "half"
    begin(folder, images, tiny_study())
    run_epoch, trained = Trainer.run_epoch, []

    def counted(trainer, parts):
        record = run_epoch(trainer, parts)
        trained.append(record.epoch)
        return record

    monkeypatch.setattr(Trainer, "run_epoch", counted)
    with Store(folder) as store:
        units = plan(store.runs())
        trunk = next(unit for unit in units if unit.parent is None and unit.epochs == 2)
        child = next(unit for unit in units if unit.parent == trunk.key and unit.branch)
        trainer = Trainer(trunk.recipe, device_data)
        trainer.run_epoch(trunk.stages)
        write_checkpoint(trainer.state(), trunk.key, checkpoint_path(folder, trunk.key))
        do_unit(trunk, store, device_data, MEASURING)
        do_unit(child, store, device_data, MEASURING)
    assert trained == [0, 1, *range(2, child.end)], "no epoch is trained twice"


def test_two_workers_never_take_the_same_unit(tmp_path, images):
    folder = tmp_path / "shared"
    begin(folder, images, tiny_study())
    with Store(folder) as store:
        units = plan(store.runs())
    first, second = (next_unit(units, set(), folder) for _ in range(2))
    assert first is not None and second is not None and first[0].key != second[0].key


def test_a_checkpoint_that_does_not_fit_is_said_in_one_line_and_resumed(tmp_path, archive, images, uninterrupted):
    """A limit on the size of files stops the writing of a checkpoint half-way, as a full disk does."""
    folder = tmp_path / "limited"
    begin(folder, images, tiny_study())
    script = LIMITED.format(archive=str(archive), folder=str(folder))
    tried = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert tried.returncode == 2, tried.stderr
    assert tried.stderr.count("\n") == 1 and tried.stderr.startswith("error: sweep: a worker failed ([Errno")
    assert str(folder / "checkpoints") in tried.stderr, "what did not fit is named"
    assert not list((folder / "checkpoints").iterdir()), "nothing half-written is left"
    work(folder, images, MEASURING, "cpu", 1)
    assert results(folder) == results(uninterrupted)


def test_a_unit_waits_for_its_parent_and_for_who_has_it(tmp_path):
    units = plan(small(batch_sizes=(40,)).runs("x"))
    by_parent = {unit.key: unit.parent for unit in units}
    first = next_unit(units, set(), tmp_path)
    second = next_unit(units, set(), tmp_path)
    assert first is not None and second is not None and {first[0].parent, second[0].parent} == {None}
    assert next_unit(units, set(), tmp_path) is None, "all others wait for the trunk"
    trunk = next(unit for unit in units if unit.parent is None and not unit.branch)
    third = next_unit(units, {trunk.key}, tmp_path)
    assert third is not None and by_parent[third[0].key] == trunk.key
    assert claim(tmp_path, third[0].key) is None
