"""Sweeps on curves: every unit, the same whatever is beside it, gone on with, and the critical period they show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cifar.study.arms import Protocol, make_run
from cifar.study.presets import MINUTES, Control
from cifar.sweep.plan import plan
from cifar.sweep.stacks import do_stack, examples_of, run_stacks, stack_seconds, stack_workers, stacks_of
from cifar.sweep.store import Store, written_alone
from cifar.sweep.workers import Workers
from slt_toys.sweep.tasks import Pool
from tests.cifar.sweep.made_sweeps import Here
from tests.seeds import fresh_seed

TINY = replace(
    MINUTES, batch_sizes=(16, 32), switch_epochs=(0, 2, 3), further_epochs=2, seeds=3, train_images=64, test_images=50,
    recipe=replace(MINUTES.recipe, width=8),
    controls=(
        Control("fresh", "blur", (16,), (2,)), Control("reset", "blur", (16,), (3,)),
        Control("base", "vertical_flip", (16,), (2,)), Control("flow_time_matched", "blur", (16,), (2,)),
        Control("added_noise", "blur", (16,), (2,)),
    ),
)  # fmt: skip
EXAMPLES = examples_of(TINY)


def begin(folder, study=TINY):
    folder.mkdir()
    data = {"checksum": EXAMPLES.checksum, "source": "curves", "train_images": 64, "test_images": 50, "path": None}
    with Store(folder, "create") as store:
        store.set_facts(data=data, study={"name": "minutes", "gate": 0.0, "measuring": {}})
        store.add_runs(study.runs(EXAMPLES.checksum))


def work(folder, pool: type[Pool] | None = Here):
    with written_alone(folder) as store:
        run_stacks(store, EXAMPLES, Workers(), pool)


def told(folder):
    with Store(folder, "read") as store:
        return store.measurements(), [row[:5] for row in store.epochs()], store.done()


def test_every_unit_is_done_with_its_rates_and_its_measurements(tmp_path):
    begin(tmp_path / "sweep")
    work(tmp_path / "sweep")
    measured, epochs, done = told(tmp_path / "sweep")
    units = plan(TINY.runs(EXAMPLES.checksum))
    assert done == {unit.key for unit in units} == set(measured)
    rates = {(key, epoch): rate for key, epoch, rate, *_ in epochs}
    assert len(rates) == sum(unit.epochs for unit in units)
    for run in TINY.runs(EXAMPLES.checksum):
        last = run.stages[-1]
        assert rates[run.key, run.epochs - 1] == last.rate(run.epochs - 1, run.epochs - last.epochs)
        assert {"test_accuracy", "train_accuracy", "gradient_noise_trace", "weight_norm"} <= set(measured[run.key])
        assert ("deficit_test_loss" in measured[run.key]) == any(part.deficit != "none" for part in run.stages)
    work(tmp_path / "sweep", pool=None)  # nothing is left: no pool is asked for


def test_no_unit_depends_on_what_is_beside_it():
    units = plan(TINY.runs(EXAMPLES.checksum))
    whole = {each.key: each for own in stacks_of(units).values() for each in do_stack(own, EXAMPLES)}
    own = [unit for unit in units if unit.recipe.seed == 1 and unit.recipe.batch_size == 16]
    for each in do_stack(own, EXAMPLES):
        assert each.measurements == whole[each.key].measurements
        assert [record for record, _ in each.epochs] == [record for record, _ in whole[each.key].epochs]
    flip, blur = (
        next(run for run in TINY.runs(EXAMPLES.checksum) if run.columns == ("base", kind, 16, 1, 2))
        for kind in ("vertical_flip", "blur")
    )
    assert whole[flip.key].measurements["test_loss"] != whole[blur.key].measurements["test_loss"]


def test_what_is_interrupted_is_gone_on_with_to_the_same_numbers(tmp_path):
    class Interrupted(Here):
        def wait(self, seconds):
            if not self.room_left:
                raise KeyboardInterrupt
            type(self).room_left -= 1
            return super().wait(seconds)

        room_left = 1

    for name in ("whole", "parts"):
        begin(tmp_path / name)
    work(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        work(tmp_path / "parts", Interrupted)
    assert 0 < len(told(tmp_path / "parts")[2]) < len(told(tmp_path / "whole")[2]), "the control: it was stopped"
    work(tmp_path / "parts")
    assert told(tmp_path / "parts") == told(tmp_path / "whole")


def test_a_loss_that_is_not_finite_fails_its_stack_by_name(tmp_path):
    begin(tmp_path / "sweep", replace(TINY, stage=replace(TINY.stage, learning_rate=1e6), controls=()))
    with pytest.raises(ValueError, match=r"stacks failed .*learning_rate: the loss is no longer finite"):
        work(tmp_path / "sweep")


def test_workers_and_the_time_they_take(monkeypatch):
    monkeypatch.setenv("SLT_TOYS_THREADS", "3")
    assert stack_workers(Workers()).workers == 3 and stack_workers(Workers(workers=2)).workers == 2
    assert stack_seconds(replace(TINY, controls=()), 2) > 0


@pytest.mark.slow
def test_a_late_switch_never_recovers_and_fresh_weights_do():
    """The preset at one batch size, with other seeds each time; a flip as late costs nothing, the negative control."""
    protocol = Protocol(replace(MINUTES.recipe, batch_size=32), MINUTES.stage, "blur", MINUTES.further_epochs)
    first = fresh_seed() % 2**31
    arms = (("base", "blur", 0), ("base", "blur", 42), ("fresh", "blur", 42), ("base", "vertical_flip", 42))
    runs = [
        make_run(arm, replace(protocol, recipe=replace(protocol.recipe, seed=seed), deficit=deficit), switch)
        for seed in range(first, first + 3)
        for arm, deficit, switch in arms
    ]
    done = {each.key: each.measurements["test_accuracy"][0] for each in do_stack(plan(runs), examples_of(MINUTES))}
    early, late, fresh, flip = (np.mean([done[run.key] for run in runs[k::4]]) for k in range(4))
    assert early > 0.95 and fresh > 0.9 and flip > 0.9 and 0.4 < late < 0.7
