"""A sweep: planned once, killed at any moment, resumed to the same bits; a results folder that is its own."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cifar.study.presets import LAPTOP, PRESETS, Control, Study
from cifar.study.stages import Recipe, until
from cifar.sweep.plan import plan, trained_images
from cifar.sweep.store import APPLICATION_ID, Store
from cifar.sweep.sweep import do_unit, next_unit, work
from cifar.training.checkpoints import checkpoint_path, read_checkpoint, write_checkpoint
from cifar.training.measurements import Measuring
from cifar.training.training import Trainer

ROOT = Path(__file__).resolve().parent.parent.parent.parent
MEASURING = Measuring(fisher=0, hessian=0)
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
    with Store(folder, create=True) as store:
        store.set_facts(data=data | sizes, study={"name": study.name, "gate": study.gate, "measuring": {}})
        store.add_runs(study.runs(images.checksum))


def results(folder: Path) -> tuple:
    with Store(folder) as store:
        epochs = [row[:5] for row in store.epochs()]
        return store.done(), epochs, store.measurements()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, images) -> Path:
    folder = tmp_path_factory.mktemp("sweeps") / "whole"
    begin(folder, images, tiny_study())
    work(folder, images, MEASURING, "cpu", 1)
    return folder


def test_every_shared_state_is_reached_once():
    study = tiny_study()
    units = plan(study.runs("made"))
    assert len({unit.key for unit in units}) == len(units)
    # per batch size one trunk of 3 epochs in two pieces and three branches; reset shares the trunk; fresh is alone
    assert sum(unit.epochs for unit in units) == 2 * (3 + 3 * 3) + 3 + 3
    assert sum(unit.branch for unit in units) == len(study.runs("made")) == 8
    seen: set[str | None] = {None}
    for unit in units:
        assert unit.parent in seen, "a parent comes after its child"
        seen.add(unit.key)
    by_key = {unit.key: unit for unit in units}
    for unit in units:
        if unit.parent is not None:
            assert by_key[unit.parent].stages == until(unit.stages, unit.begin)
    assert trained_images(units[0], 120) == units[0].epochs * 120


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_planned_without_repeating_work(name):
    units = plan(PRESETS[name].runs("made"))
    assert len({(unit.recipe, unit.stages) for unit in units}) == len(units)
    assert {unit.recipe.batch_size for unit in units} == set(PRESETS[name].batch_sizes)


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


@pytest.mark.parametrize("moments", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_and_resumed_equals_uninterrupted(tmp_path, archive, images, uninterrupted, moments):
    seed = np.random.SeedSequence().generate_state(1)
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


def test_doing_it_again_changes_nothing(images, uninterrupted):
    before = results(uninterrupted)
    with Store(uninterrupted) as store:
        store.add_runs(tiny_study().runs(images.checksum))
    work(uninterrupted, images, MEASURING, "cpu", 1)
    assert results(uninterrupted) == before


def test_two_workers_never_take_the_same_unit(tmp_path, images):
    folder = tmp_path / "shared"
    begin(folder, images, tiny_study())
    with Store(folder) as store:
        units = plan(store.runs())
    first, second = (next_unit(units, set(), folder) for _ in range(2))
    assert first is not None and second is not None and first[0].key != second[0].key


def test_foreign_folders_and_files_are_refused(tmp_path, uninterrupted):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"thesis\.txt"):
        Store(tmp_path, create=True)
    with pytest.raises(FileNotFoundError, match="replicate"):
        Store(tmp_path / "absent")
    other = tmp_path / "other"
    other.mkdir()
    with sqlite3.connect(other / "sweep.sqlite") as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(ValueError, match="another program"):
        Store(other)
    (other / "sweep.sqlite").write_bytes(b"no database at all, and long enough to be looked at" * 20)
    with pytest.raises(ValueError, match="no results file"):
        Store(other)
    assert sqlite3.connect(uninterrupted / "sweep.sqlite").execute("PRAGMA application_id").fetchone() == (
        APPLICATION_ID,
    )


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


def test_a_full_disk_is_said_in_one_line(tmp_path, images):
    folder = tmp_path / "full"
    begin(folder, images, tiny_study())
    with Store(folder) as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count={pages}")  # what a full disk looks like to SQLite
        with pytest.raises(OSError, match="full") as caught:
            store.set_facts(much="x" * 1_000_000)
        assert "\n" not in str(caught.value)
        assert "much" not in store.facts()


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
