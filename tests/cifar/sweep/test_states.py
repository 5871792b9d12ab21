"""States that nothing begins from any more are deleted, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from cifar.commands import Resume
from cifar.replicate import Replicate
from cifar.sweep.plan import plan
from cifar.sweep.store import Store, written_alone
from cifar.sweep.sweep import run_sweep
from cifar.sweep.workers import Workers
from cifar.training.checkpoints import checkpoint_path
from tests.cifar.sweep.made_sweeps import MEASURING, Here, begin, results, tiny_study, work


class Stopped(Here):
    """A pool that is interrupted after some units."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.left = units

    def wait(self, seconds: float):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return super().wait(seconds)


def states(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "checkpoints").glob("*")}


def wanted(folder: Path) -> set[str]:
    """Keys of done units that units which are not done begin from."""
    with Store(folder, "read") as store:
        done, units = store.done(), plan(store.runs())
    return {unit.parent for unit in units if unit.key not in done and unit.parent in done and unit.parent}


def test_only_states_that_something_begins_from_are_kept(tmp_path, images):
    begin(tmp_path / "kept", images, tiny_study())
    work(tmp_path / "kept", images)
    with Store(tmp_path / "kept", "read") as store:
        units = plan(store.runs())
    assert states(tmp_path / "kept") == {unit.key for unit in units}

    folder = tmp_path / "deleted"
    begin(folder, images, tiny_study())
    some = 0
    for stop in range(1, len(units) + 1):
        with written_alone(folder) as store, pytest.raises(KeyboardInterrupt):
            run_sweep(store, images, MEASURING, Workers(), lambda: Stopped(1))
        assert states(folder) == wanted(folder), f"after {stop} units"
        some += bool(states(folder))
        if stop == len(units) - 1:
            break
    assert some > 2, "the control: there were states to keep"
    with written_alone(folder) as store:
        run_sweep(store, images, MEASURING, Workers(), Here)
    assert not states(folder)
    assert results(folder) == results(tmp_path / "kept")


def test_states_that_were_kept_before_stay(tmp_path, images):
    """A finished folder that is only asked for its report again loses nothing."""
    begin(tmp_path / "sweep", images, tiny_study())
    work(tmp_path / "sweep", images)
    before, there = results(tmp_path / "sweep"), states(tmp_path / "sweep")
    with written_alone(tmp_path / "sweep") as store:
        run_sweep(store, images, MEASURING, Workers(), Here)
    assert there and states(tmp_path / "sweep") == there and results(tmp_path / "sweep") == before


def test_a_state_of_a_failed_units_parent_stays(tmp_path, images):
    begin(tmp_path / "sweep", images, tiny_study(batch_sizes=(40,), controls=()))
    work(tmp_path / "sweep", images)
    with Store(tmp_path / "sweep", "read") as store:
        units = plan(store.runs())
    child = next(unit for unit in units if unit.branch and unit.parent is not None)
    with written_alone(tmp_path / "sweep") as store:
        store.fail(child, "made to fail", "", lost=False)
        assert child.key in store.done(), "the control: what is done stays done"
        store.connection.execute("DELETE FROM units WHERE key = ?", (child.key,))
        with pytest.raises(KeyboardInterrupt):
            run_sweep(store, images, MEASURING, Workers(), lambda: Stopped(0))
    assert child.parent is not None and checkpoint_path(tmp_path / "sweep", child.parent).is_file()
    assert wanted(tmp_path / "sweep") <= states(tmp_path / "sweep")


@pytest.mark.parametrize("keep", [False, True])
def test_the_option_is_taken_along(keep):
    assert Workers.of(Replicate(keep_states=keep, devices=("cpu",))).keep_states == keep
    assert Workers.of(Resume(Path("x"), keep_states=keep, devices=("cpu",))).keep_states == keep
