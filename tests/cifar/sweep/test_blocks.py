"""Slots: whole blocks that fit a time, and a sweep gone on with from its results file alone."""

from __future__ import annotations

import shutil

import pytest

from cifar.study.presets import Control
from cifar.sweep.blocks import (
    MOST_BYTES,
    Budget,
    blocks_of,
    budget_of,
    epochs_left,
    fits_file,
    left_text,
    to_do_again,
)
from cifar.sweep.plan import plan
from cifar.sweep.store import NAME, Store, written_alone
from cifar.sweep.sweep import run_sweep
from cifar.sweep.workers import Workers
from tests.cifar.sweep.made_sweeps import MEASURING, Here, begin, tiny_study, work


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_budget_learns_its_pace():
    clock = Clock()
    budget = Budget(100, clock)
    assert budget.fits(10**9), "nothing is known yet"
    clock.now = 40.0
    budget.did(10)
    assert budget.fits(15) and not budget.fits(16)
    clock.now = 101.0
    assert not budget.fits(1) and not Budget(0.0, clock).fits(1)
    assert budget_of(None) is None
    for wrong in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="budget_minutes: "):
            budget_of(wrong)


def test_a_results_file_that_would_grow_too_large_gets_no_further_block(tmp_path, images, monkeypatch):
    assert fits_file(MOST_BYTES, 0, 10**9) and not fits_file(MOST_BYTES + 1, 0, 1), "nothing is known yet"
    assert fits_file(MOST_BYTES // 2, 10, 10) and not fits_file(MOST_BYTES // 2, 10, 11)
    begin(tmp_path / "sweep", images, tiny_study(controls=(), seeds=2))
    with written_alone(tmp_path / "sweep") as store:
        monkeypatch.setattr("cifar.sweep.blocks.MOST_BYTES", store.size())  # room for what is to be tried only
        run_sweep(store, images, MEASURING, Workers(), Here, budget=Budget(1e9))
        assert store.size() >= store.path.stat().st_size
        blocks = blocks_of(plan(store.runs()))
        assert [all(unit.key in store.done() for unit in block) for block in blocks] == [True, False, False, False]


def test_no_block_needs_another():
    units = plan(tiny_study(seeds=2).runs("x"))
    blocks = blocks_of(units)
    assert len(blocks) == 4 and sorted(unit.key for block in blocks for unit in block) == sorted(u.key for u in units)
    for block in blocks:
        assert {unit.parent for unit in block} <= {unit.key for unit in block} | {None}
    assert epochs_left(units, set()) == sum(epochs_left(block, set()) for block in blocks)


def test_states_that_are_gone_are_made_again_only_where_they_are_needed():
    units = plan(tiny_study(batch_sizes=(20,), controls=()).runs("x"))
    done = {unit.key for unit in units}
    last = next(unit for unit in units if unit.begin == 3)
    trunk = {unit.key for unit in units if not unit.branch}
    assert to_do_again(units, done, lambda key: False) == set(), "nothing is left to do"
    assert to_do_again(units, done - {last.key}, lambda key: False) == trunk and len(trunk) == 2
    assert to_do_again(units, done - {last.key}, lambda key: key == last.parent) == set()
    first = next(unit for unit in units if unit.parent is None and not unit.branch)
    assert to_do_again(units, done - {last.key}, lambda key: key == first.key) == trunk - {first.key}
    assert to_do_again(units, done - {last.key}, lambda key: key == last.key) == set(), "it has come further itself"


@pytest.mark.slow
def test_slots_end_where_one_run_does_with_the_results_file_alone(tmp_path, images):
    study = tiny_study(controls=(Control("reset", "blur", (40,), (2,)),), seeds=2)
    begin(tmp_path / "whole", images, study)
    work(tmp_path / "whole", images)
    begin(tmp_path / "slot0", images, study)
    for slot in range(4):
        clock = Clock()

        class Ticking(Here):
            def wait(self, seconds, clock=clock):
                clock.now += 1.0
                return super().wait(seconds)

        with written_alone(tmp_path / f"slot{slot}") as store:
            before = len(store.done())
            run_sweep(store, images, MEASURING, Workers(), Ticking, budget=Budget(9.0, clock))
            blocks = blocks_of(plan(store.runs()))
            assert sum(all(unit.key in store.done() for unit in block) for block in blocks) == slot + 1
            assert len(store.done()) > before and store.path.stat().st_size < MOST_BYTES
            said = left_text(store.path, store.path.stat().st_size, plan(store.runs()), store.done())
            assert said.startswith(f"{slot + 1} of 4 blocks")
        (tmp_path / f"slot{slot + 1}").mkdir()
        shutil.copy(tmp_path / f"slot{slot}" / NAME, tmp_path / f"slot{slot + 1}")  # no state comes along
    with Store(tmp_path / "slot4", "read") as after, Store(tmp_path / "whole", "read") as whole:
        assert after.measurements() == whole.measurements() and after.done() == whole.done()
    assert "more than the 16" in left_text(tmp_path, MOST_BYTES + 1, [], set())


def test_arms_that_are_added_later_begin_from_states_made_again(tmp_path, images):
    both = tiny_study(batch_sizes=(40,), controls=(Control("reset", "blur", (40,), (3,)),))
    begin(tmp_path / "whole", images, both)
    work(tmp_path / "whole", images)
    begin(tmp_path / "parts", images, tiny_study(batch_sizes=(40,), controls=()))
    work(tmp_path / "parts", images)
    shutil.rmtree(tmp_path / "parts" / "checkpoints")
    with Store(tmp_path / "parts") as store:
        store.add_runs(both.runs(images.checksum))
    work(tmp_path / "parts", images)
    with Store(tmp_path / "parts", "read") as after, Store(tmp_path / "whole", "read") as whole:
        assert after.measurements() == whole.measurements() and len(after.done()) == len(whole.done())
