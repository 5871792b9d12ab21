"""A sweep: planned once, killed at any moment, resumed to the same bits; a results folder that is its own."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cifar.__main__ import main
from cifar.data.images import LabelledImages
from cifar.study.presets import Study
from cifar.study.stages import EpochRecord
from cifar.sweep import sweep
from cifar.sweep.plan import plan
from cifar.sweep.store import IMAGES, RUNNING, Store, written_alone
from cifar.sweep.sweep import run_sweep
from cifar.sweep.units import progress_path, read_progress
from cifar.sweep.workers import Workers
from cifar.training.checkpoints import checkpoint_path, read_checkpoint
from slt_toys.results.progress import EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_TERMINATED
from tests.cifar.sweep.made_sweeps import MEASURING, Here, begin, driver, results, same_states, tiny_study, work
from tests.seeds import fresh_seed

LONG = {"batch_sizes": (20,), "switch_epochs": (0, 30), "further_epochs": 30, "controls": ()}  # epochs of some 10 ms
needs_proc = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="asks the system for processes")


@pytest.fixture(scope="module")
def long(tmp_path_factory, images) -> Path:
    """A sweep of units that take a while, which nothing interrupted."""
    folder = tmp_path_factory.mktemp("long") / "whole"
    begin(folder, images, tiny_study(**LONG))
    work(folder, images)
    return folder


def written(folder: Path) -> int:
    """Epochs in the store."""
    with Store(folder, "read") as store:
        return sum(store.epochs_done().values())


def workers_of(process: subprocess.Popen) -> set[int]:
    """Processes that were begun by a driver to work."""
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return {int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}
    except OSError:
        return set()


def wait_until_gone(pids: set[int]) -> None:
    while any(Path(f"/proc/{pid}").exists() and "Z" not in _state(pid) for pid in pids):
        time.sleep(0.01)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def wait_until_running(folder: Path, process: subprocess.Popen, epochs: int = 1) -> None:
    """Until a worker has told of so many epochs of a unit."""
    while process.poll() is None:
        if any(len(read_progress(path)) >= epochs for path in (folder / RUNNING).glob("*.json")):
            return
        time.sleep(0.002)
    raise AssertionError(process.communicate())


def check_what_is_left(folder: Path) -> None:
    """What the store has of a unit, its checkpoint has; and the file is whole."""
    with Store(folder, "read") as store:
        units, told, done = plan(store.runs()), store.epochs_done(), store.done()
    for unit in units:
        path = checkpoint_path(folder, unit.key)
        reached = read_checkpoint(path, unit.key)["epoch"] if path.is_file() else unit.begin
        assert unit.begin + told.get(unit.key, 0) <= reached
        assert unit.key not in done or reached == unit.end
    with sqlite3.connect(folder / "sweep.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@needs_proc
@pytest.mark.parametrize(("moments", "workers"), [(1, 1), pytest.param(20, 2, marks=pytest.mark.long)])
def test_a_driver_killed_and_resumed_equals_uninterrupted(tmp_path, archive, images, long, moments, workers):
    """Whenever it is killed, its workers end with it, and no epoch that was told of is lost."""
    random = np.random.default_rng(fresh_seed())
    folder = tmp_path / "killed"
    begin(folder, images, tiny_study(**LONG))
    for _ in range(moments):
        process = driver(archive, folder, workers)
        wait_until_running(folder, process, int(random.integers(1, 6)))
        time.sleep(float(random.uniform(0, 0.03)))
        running = workers_of(process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert running
        wait_until_gone(running)
        check_what_is_left(folder)
    assert len(results(folder)[0]) < len(results(long)[0]), "the control: it was killed before its end"
    work(folder, images)
    assert results(folder) == results(long) and same_states(folder, long)
    assert not (folder / IMAGES).exists() and not (folder / RUNNING).exists()


@pytest.mark.slow
@needs_proc
def test_a_killed_worker_is_replaced_and_nothing_is_lost(tmp_path, archive, images, long):
    folder = tmp_path / "killed"
    begin(folder, images, tiny_study(**LONG))
    process = driver(archive, folder, workers=2)
    wait_until_running(folder, process, 2)
    first = workers_of(process)
    assert first
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    seen: set[int] = set()
    while process.poll() is None:
        seen |= workers_of(process)
        time.sleep(0.01)
    assert process.returncode == 0, process.communicate()
    assert seen - first, "others took their place"
    assert results(folder) == results(long) and same_states(folder, long)


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize(
    ("number", "status", "words"),
    [
        (signal.SIGINT, EXIT_INTERRUPTED, "interrupted"),
        (signal.SIGTERM, EXIT_TERMINATED, "interrupted: asked to end"),
    ],
    ids=["interrupt", "end"],
)
def test_an_interrupted_driver_says_so_and_takes_its_workers_along(
    tmp_path, archive, images, long, number, status, words
):
    folder = tmp_path / "interrupted"
    begin(folder, images, tiny_study(**LONG))
    process = driver(archive, folder)
    wait_until_running(folder, process, 2)
    workers = workers_of(process)
    process.send_signal(number)
    said = process.communicate()[1]
    assert process.returncode == status and said.splitlines()[-1] == words, said
    assert "leaked" not in said
    wait_until_gone(workers)
    check_what_is_left(folder)
    assert len(results(folder)[0]) < len(results(long)[0])
    work(folder, images)
    assert results(folder) == results(long) and same_states(folder, long)


def test_a_unit_that_fails_is_named_and_the_rest_is_finished(tmp_path, images, uninterrupted, capsys):
    folder = tmp_path / "failing"
    begin(folder, images, tiny_study())
    units = plan(tiny_study().runs(images.checksum))
    trunk = next(unit for unit in units if unit.parent is None and unit.epochs == 2)
    path = checkpoint_path(folder, trunk.key)
    path.parent.mkdir()
    path.write_bytes(b"no state")
    with pytest.raises(ValueError, match="sweep: ") as caught:
        work(folder, images)
    said = str(caught.value)
    assert "\n" not in said and said.startswith(f"sweep: 1 of {len(units)} units failed; ")
    assert "epochs 0 to 2 of base (blur), batch size 40, switch epoch 2, seed 0: ValueError: checkpoint: " in said
    needing = {trunk.key}
    for unit in units:
        needing |= {unit.key} if unit.parent in needing else set()
    assert f"; {len(needing) - 1} wait for them" in said
    with Store(folder, "read") as store:
        assert store.done() == {unit.key for unit in units} - needing
        assert set(store.failures()) == {trunk.key}
    assert main(["status", "--results", str(folder)]) == 0
    assert "failed: epochs 0 to 2 of base (blur), batch size 40" in capsys.readouterr().out
    path.unlink()
    work(folder, images)
    assert results(folder) == results(uninterrupted) and same_states(folder, uninterrupted)
    with Store(folder, "read") as store:
        assert store.failures() == {}


def test_a_checkpoint_that_does_not_fit_is_said_in_one_line_and_resumed(tmp_path, archive, images):
    """A limit on the size of files stops the writing of a checkpoint half-way, as a full disk does."""
    study = tiny_study(batch_sizes=(40,), switch_epochs=(0, 1), controls=())
    study = sweep_of_width(study, 32)  # a checkpoint is larger than the images then
    for name in ("whole", "limited"):
        begin(tmp_path / name, images, study)
    work(tmp_path / "whole", images)
    folder = tmp_path / "limited"
    process = driver(
        archive, folder, 1, "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))"
    )
    said = process.communicate()[1]
    assert process.returncode == EXIT_REFUSED and said.count("\n") == 1, said
    assert said.startswith("error: results: a worker cannot write (") and str(folder / "checkpoints") in said
    assert not list((folder / "checkpoints").iterdir()), "nothing half-written is left"
    work(folder, images)
    assert results(folder) == results(tmp_path / "whole") and same_states(folder, tmp_path / "whole")


def sweep_of_width(study: Study, width: int) -> Study:
    return replace(study, recipe=replace(study.recipe, width=width))


def test_a_result_that_does_not_fit_is_said_in_one_line_and_resumed(tmp_path, images, uninterrupted):
    folder = tmp_path / "full"
    begin(folder, images, tiny_study())
    with written_alone(folder) as store:
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count={pages}")  # what a full disk looks like to SQLite
        with pytest.raises(OSError, match="full") as caught:
            run_sweep(store, images, MEASURING, Workers(), Here)
        assert "\n" not in str(caught.value) and "results: " in str(caught.value)
    assert results(folder)[0] < results(uninterrupted)[0]
    work(folder, images)
    assert results(folder) == results(uninterrupted)


def test_a_second_driver_refuses(tmp_path, images, uninterrupted, capsys):
    folder = tmp_path / "shared"
    begin(folder, images, tiny_study())
    with written_alone(folder):
        assert main(["resume", "--results", str(folder), "--threads", "1"]) == EXIT_REFUSED
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and f"{folder} is being written to by process {os.getpid()}" in said
        assert results(folder)[0] == set(), "anybody may read meanwhile"
    work(folder, images)  # the control: nothing stays locked
    assert results(folder) == results(uninterrupted)


class Told(Here):
    """While its first task runs, its worker tells of an epoch."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.seen = folder, []

    def wait(self, seconds):
        if len(self.seen) < 3:
            self.seen.append(written(self.folder))
        if len(self.seen) == 1:
            progress_path(self.folder, self.tasks[0].key).write_bytes(b"[[0, 0.25, 3.0, 0.5, 7.0]]")
        return super().wait(seconds) if len(self.seen) >= 3 else []


def test_epochs_are_shown_while_a_unit_runs(tmp_path, images, uninterrupted, monkeypatch):
    monkeypatch.setattr(sweep, "LOOK", 0.0)
    folder = tmp_path / "shown"
    begin(folder, images, tiny_study())
    pool = Told(folder)
    with written_alone(folder) as store:
        run_sweep(store, images, MEASURING, Workers(), lambda: pool)
    assert pool.seen == [0, 1, 1]
    assert results(folder) == results(uninterrupted), "what a unit gives in the end counts"


def test_an_unfinished_unit_leaves_its_epochs(tmp_path, images):
    """What a unit that fails has told of is kept."""
    folder = tmp_path / "unfinished"
    begin(folder, images, tiny_study())
    with written_alone(folder) as store:
        unit = plan(store.runs())[0]
        (folder / RUNNING).mkdir()
        progress_path(folder, unit.key).write_bytes(b"[[0, 0.25, 3.0, 0.5, 7.0]]")
        driving = sweep._Driver(store, [unit])
        driving.keep([sweep.Failed(unit.key, "made", "")])
        assert store.epochs() == [(unit.key, 0, 0.25, 3.0, 0.5, 7.0)] and store.failures() == {unit.key: "made"}
        assert store.known(unit) == 1
        store.write_epochs(unit, [(EpochRecord(epoch, 0.1, 1.0, 0.5), 1.0) for epoch in range(unit.begin, unit.end)])
        assert store.known(unit) == unit.end


def test_other_images_are_refused(tmp_path, images: LabelledImages):
    folder = tmp_path / "other"
    begin(folder, images, tiny_study())
    with written_alone(folder) as store, pytest.raises(ValueError, match="other images"):
        run_sweep(store, images.first_of_each_class(50), MEASURING, Workers(), Here)


@pytest.mark.cluster
def test_ray_gives_the_same_bits(tmp_path, images, uninterrupted):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'slt-toys[cluster]'")
    folder = tmp_path / "ray"
    begin(folder, images, tiny_study())
    with written_alone(folder) as store:
        run_sweep(store, images, MEASURING, Workers(ray="local", workers=2, threads=1, keep_states=True))
    assert results(folder) == results(uninterrupted) and same_states(folder, uninterrupted)


def test_another_kind_of_device_is_an_explicit_choice_and_the_code_is_recorded(tmp_path, images):
    begin(tmp_path / "sweep", images, tiny_study(batch_sizes=(40,), controls=()))
    with written_alone(tmp_path / "sweep") as store:
        unit = next(unit for unit in plan(store.runs()) if unit.branch and unit.parent is None)
        measured = {"train_accuracy": (0.5, None), "test_accuracy": (0.5, None)}
        store.finish(unit, measured, device="Made GPU, torch 9", epochs=[])
        with pytest.raises(ValueError, match=r"was done on Made GPU, and CPU gives other bits; give --other-device"):
            run_sweep(store, images, MEASURING, Workers(), Here)
        assert "code" not in store.facts()
        run_sweep(store, images, MEASURING, Workers(), Here, other_device=True)
        assert set(store.devices()) == {"Made GPU, torch 9", f"CPU, torch {torch.__version__}"}
        (code,) = store.facts()["code"]
        assert code.startswith("slt-toys ")
        store.note_code(code)
        store.note_code("slt-toys other")
        assert store.facts()["code"] == [code, "slt-toys other"]


def test_images_of_a_stopped_sweep_are_kept_for_the_next_command(tmp_path, images, capsys):
    class Stopped(Here):
        def wait(self, seconds):
            raise KeyboardInterrupt

    folder = tmp_path / "sweep"
    begin(folder, images, tiny_study(batch_sizes=(40,), switch_epochs=(0, 1), controls=()))
    with Store(folder) as store:
        store.set_facts(data=store.facts()["data"] | {"path": "/nowhere/at/all.tar"})
    with written_alone(folder) as store, pytest.raises(KeyboardInterrupt):
        run_sweep(store, images, MEASURING, Workers(), Stopped)
    kept = sweep.kept_images(folder, images.checksum)
    assert kept is not None and torch.equal(kept.train_images, images.train_images)
    assert sweep.kept_images(folder, "0" * 64) is None and sweep.kept_images(tmp_path, images.checksum) is None
    whole = (folder / IMAGES).read_bytes()
    (folder / IMAGES).write_bytes(whole[:1000])
    assert main(["resume", "--results", str(folder), "--threads", "1"]) == EXIT_REFUSED, (
        "damaged: the data are asked for"
    )
    assert "(/nowhere/at/all.tar); say where, by --data" in capsys.readouterr().err
    (folder / IMAGES).write_bytes(whole)
    work(folder, kept)
    assert not (folder / IMAGES).exists()
