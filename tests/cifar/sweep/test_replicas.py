"""Units done by turns are those done alone, bit for bit; what breaks stops no other; what is stopped goes on."""

from __future__ import annotations

import errno
import os

import pytest
import torch

from cifar.replicate import Replicate
from cifar.sweep import replicas
from cifar.sweep.plan import plan
from cifar.sweep.replicas import Block, Broken, Replica, outcomes
from cifar.sweep.store import RUNNING, Store, written_alone
from cifar.sweep.sweep import run_sweep
from cifar.sweep.units import Finished, Order, Unwritable, unit_in_steps
from cifar.sweep.workers import Workers
from cifar.training import checkpoints
from cifar.training.training import Trainer
from tests.cifar.sweep.made_sweeps import MEASURING, Here, begin, results, same_states, tiny_study, work


def together(folder, images, count: int = 3, **more) -> None:
    with written_alone(folder) as store:
        run_sweep(store, images, MEASURING, Workers(keep_states=True, replicas=count), Here, **more)


def block_of(folder, images, study, count: int) -> Block:
    (folder / RUNNING).mkdir(exist_ok=True)
    units = plan(study.runs(images.checksum))
    return Block(tuple(Order(folder, unit, "", MEASURING, unit.begin) for unit in units), count)


@pytest.fixture
def one_size():
    return tiny_study(batch_sizes=(40,))


@pytest.mark.parametrize("count", [2, 5])
def test_units_done_by_turns_have_the_bits_of_units_done_alone(tmp_path, images, uninterrupted, count):
    begin(tmp_path / "sweep", images, tiny_study())
    together(tmp_path / "sweep", images, count)
    assert results(tmp_path / "sweep") == results(uninterrupted) and same_states(tmp_path / "sweep", uninterrupted)


def test_steps_are_begun_by_turns_and_trunks_first(tmp_path, images, device_data, one_size, monkeypatch):
    steps, first = [], []

    def told(order, trainer, sharing):
        first.append(order.unit)
        for _ in unit_in_steps(order, trainer, sharing):
            steps.append((order.unit.key, sharing()))
            yield
        return Finished((), {}, "made")

    monkeypatch.setattr(replicas, "in_steps", told)
    block = block_of(tmp_path, images, one_size, 3)
    done = dict(outcomes(block, device_data, [Replica(device_data) for _ in range(3)]))
    assert len(done) == len(block.orders) and all(isinstance(each, Finished) for each in done.values())
    names = [name for name, _ in steps]
    assert len(set(names[:3])) == 3 and names[:3] == names[3:6], "each has its turn"
    assert steps[0][1] == 3 and {sharing for _, sharing in steps} <= {1, 2, 3}
    ready = [unit for unit in first if unit.parent is None]
    assert [unit.branch for unit in ready] == sorted(unit.branch for unit in ready), "what others wait for comes first"
    assert all(
        unit.parent is None or unit.parent in [each.key for each in first[:place]] for place, unit in enumerate(first)
    )


def test_no_more_than_so_many_at_a_time(tmp_path, images, device_data, one_size):
    block = block_of(tmp_path, images, one_size, 2)
    places, most = [Replica(device_data) for _ in range(2)], 0
    for _ in outcomes(block, device_data, places):
        most = max(most, sum(place.busy for place in places))
    assert most <= 2


def test_a_unit_that_breaks_stops_only_those_that_need_it(tmp_path, images, device_data, monkeypatch):
    begin(tmp_path / "sweep", images, tiny_study())
    units = plan(tiny_study().runs(images.checksum))
    bad = next(unit for unit in units if unit.parent is None and not unit.branch and unit.recipe.batch_size == 40)
    in_steps = Trainer.epoch_in_steps

    def broken(trainer, parts):
        record = yield from in_steps(trainer, parts)
        if trainer.recipe == bad.recipe and tuple(parts) == bad.stages:
            raise ValueError("learning_rate: made to break")
        return record

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "epoch_in_steps", broken)
        with pytest.raises(ValueError, match=r"1 of \d+ units failed; \d+ wait for them .*made to break"):
            together(tmp_path / "sweep", images)
    with Store(tmp_path / "sweep", "read") as store:
        done, failures = store.done(), store.failures()
    needs = {bad.key}
    for unit in units:
        needs |= {unit.key} if unit.parent in needs else set()
    assert done == {unit.key for unit in units} - needs and set(failures) == {bad.key} and 1 < len(needs) < len(units)
    together(tmp_path / "sweep", images)
    work(tmp_path / "sweep", images)  # nothing is left
    with Store(tmp_path / "sweep", "read") as store:
        assert store.done() == {unit.key for unit in units} and not store.failures()


@pytest.mark.parametrize("stop", [1, 7, 20])
def test_a_stopped_block_is_gone_on_with_to_the_same_bits(tmp_path, images, uninterrupted, monkeypatch, stop):
    begin(tmp_path / "sweep", images, tiny_study())
    in_steps, count = Trainer.epoch_in_steps, 0

    def stopped(trainer, parts):
        nonlocal count
        count += 1
        if count > stop:
            raise KeyboardInterrupt
        return (yield from in_steps(trainer, parts))

    with monkeypatch.context() as patch, pytest.raises(ValueError, match="units failed"):
        patch.setattr(Trainer, "epoch_in_steps", stopped)
        together(tmp_path / "sweep", images)
    assert not any(place.busy for place in replicas._KEPT)
    together(tmp_path / "sweep", images)
    assert results(tmp_path / "sweep") == results(uninterrupted) and same_states(tmp_path / "sweep", uninterrupted)


def test_a_full_disk_stops_the_sweep_in_one_line(tmp_path, images, monkeypatch):
    def full(state, key, path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    begin(tmp_path / "sweep", images, tiny_study())
    with monkeypatch.context() as patch, pytest.raises(OSError, match="a worker cannot write"):
        patch.setattr(checkpoints, "write_checkpoint", full)
        together(tmp_path / "sweep", images)
    assert not any(place.busy for place in replicas._KEPT)


def test_memory_that_does_not_suffice_is_that_units_alone(tmp_path, images, device_data, one_size, monkeypatch):
    in_steps, seen = Trainer.epoch_in_steps, []

    def too_large(trainer, parts):
        if not seen:
            seen.append(True)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
        return (yield from in_steps(trainer, parts))

    monkeypatch.setattr(Trainer, "epoch_in_steps", too_large)
    block = block_of(tmp_path, images, one_size, 3)
    done = dict(outcomes(block, device_data, [Replica(device_data) for _ in range(3)]))
    broken = [each for each in done.values() if isinstance(each, Broken)]
    assert len(broken) == 1 and "give fewer workers" in broken[0].reason and "Traceback" in broken[0].trace
    assert any(isinstance(each, Finished) for each in done.values())
    assert not any(isinstance(each, Unwritable) for each in done.values())


def test_a_budget_takes_whole_blocks(tmp_path, images):
    from cifar.sweep.blocks import Budget, blocks_of

    begin(tmp_path / "sweep", images, tiny_study())
    clock = iter([0.0, 0.0, *[1e9] * 1000])
    together(tmp_path / "sweep", images, budget=Budget(1.0, lambda: next(clock)))
    with Store(tmp_path / "sweep", "read") as store:
        whole = [all(unit.key in store.done() for unit in block) for block in blocks_of(plan(store.runs()))]
    assert whole == [True, False]


def test_options_are_taken_along_and_refused_where_they_mean_nothing():
    taken = Workers.of(Replicate(devices=("cpu",), replicas=4, compiled=True))
    assert (taken.replicas, taken.compiled) == (4, True)
    with pytest.raises(ValueError, match="replicas: 0 must be at least 1"):
        Workers(replicas=0)
    for name, asked in {
        "replicas": Replicate(preset="minutes", dry_run=True, replicas=2),
        "compiled": Replicate(preset="minutes", dry_run=True, compiled=True),
    }.items():
        with pytest.raises(ValueError, match=f"{name}: preset minutes draws its data"):
            asked.run()
