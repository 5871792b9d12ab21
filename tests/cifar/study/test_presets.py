"""Presets switch where the published runs did."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from cifar.study.arms import Run
from cifar.study.presets import ACHILLE, BAKER, LAPTOP, PRESETS, SLOTS, STUDY, STUDY_DECAY, Control
from cifar.study.stages import key
from cifar.sweep.blocks import blocks_of
from cifar.sweep.plan import plan
from slt_toys.reference.published import published_curves
from tests.cifar.made_studies import small


def deficit_epochs(run: Run) -> list[int]:
    """The epochs in which the images have the deficit, counted one by one."""
    each = [part.deficit for part in run.stages for _ in range(part.epochs)]
    return [epoch for epoch, deficit in enumerate(each) if deficit != "none"]


def test_baker_blurs_through_the_switch_epoch_and_achille_until_it():
    for preset, late in ((BAKER, 1), (ACHILLE, 0), (LAPTOP, 0)):
        for run in preset.runs("x"):
            if run.arm in ("base", "reset"):
                epochs = [epoch for epoch in range(run.epochs) if epoch < run.switch_epoch + late]
                assert deficit_epochs(run) == epochs
            elif run.arm == "fresh":  # the learning rates that the switched run has left
                assert run.stages[0].rate(0, 0) == pytest.approx(0.05 * preset.stage.decay ** (run.switch_epoch + late))
    for run in BAKER.runs("x"):
        if run.arm != "fresh":
            assert run.epochs == {64: 480, 128: 240, 256: 240}[run.batch_size]
            assert run.stages[-1].rate(run.epochs - 1, 0) <= 0.05


def test_baker_switches_where_the_published_runs_did():
    runs = [run for run in BAKER.runs("x") if run.arm == "base" and run.deficit == "blur"]
    for size, published in published_curves().items():
        assert [run.switch_epoch for run in runs if run.batch_size == size] == published.switch_epochs.tolist()
        assert {run.epochs for run in runs if run.batch_size == size} == {published.total_epochs}
    assert {run.batch_size for run in runs} == set(published_curves())


def test_seeds_batch_sizes_and_data_are_those_of_the_study():
    study = small(seeds=3, controls=(Control("reset", "blur", (20,), (2,)),))
    runs = study.runs("checksum")
    assert len(runs) == 3 * 7 and {run.recipe.data for run in runs} == {"checksum"}
    assert [run.seed for run in runs] == [0] * 7 + [1] * 7 + [2] * 7
    assert all((run.recipe.seed, run.recipe.batch_size) == (run.seed, run.batch_size) for run in runs)
    assert len({run.key for run in runs}) == len(runs)
    assert (ACHILLE.recipe.momentum, ACHILLE.stage.weight_decay, ACHILLE.further_epochs) == (0.9, 0.001, 160)
    for preset in (ACHILLE, BAKER):
        assert (preset.stage.learning_rate, preset.stage.decay, preset.stage.augment) == (0.05, 0.97, True)
    published = BAKER.recipe.normalisation, BAKER.recipe.padding, BAKER.recipe.initialisation
    assert published == ("half", "black", "fan_out") and BAKER.recipe.partial_batch
    assert BAKER.measuring.running_statistics and not ACHILLE.measuring.running_statistics
    assert BAKER.recipe.deficit_after_augmentation and not ACHILLE.recipe.deficit_after_augmentation
    assert (ACHILLE.deficit, BAKER.deficit) == ("blur_antialiased", "blur")
    with pytest.raises(ValueError, match="gate: "):
        small(gate=1.5)
    with pytest.raises(ValueError, match="switch_epochs: "):
        small(grids={20: (1, 1)})
    with pytest.raises(ValueError, match="seeds: 0"):
        small(seeds=0)


def test_a_study_with_augmentation_has_trunks_of_its_own_and_its_controls():
    runs = STUDY.runs("x")
    assert {run.batch_size for run in runs} == {32, 128} and STUDY.train_images == 10_000 and STUDY.stage.augment
    last = {128: 42, 32: 61}
    ends = [run for run in runs if run.arm == "base" and run.switch_epoch == last[run.batch_size]]
    assert len({key(run.recipe, run.stages[:1]) for run in ends}) == 6, "a trunk for each batch size and seed"
    for arm in ("fresh", "reset"):
        epochs = {size: sorted({run.switch_epoch for run in runs if run.columns[:3:2] == (arm, size)}) for size in last}
        assert epochs == {128: [12, 24, 42], 32: [30, 44, 61]}
    assert [run.switch_epoch for run in runs if run.deficit == "vertical_flip"] == [24] * 3
    order = [run.switch_epoch for run in runs if run.arm == "base" and run.deficit == "blur"][:3]
    assert order[:2] == [0, 42], "what tells whether there is a decline comes first"
    law = math.log(4) / -math.log(STUDY.stage.decay)
    assert max(STUDY.grid(32)) - max(STUDY.grid(128)) == round(law), "switches go on as far as the law asks for"
    rates = {run.stages[-1].rate(run.epochs - 1, run.epochs - run.stages[-1].epochs) for run in runs}
    assert max(rates) < 1e-4, "every run ends cold"


def test_a_faster_decay_has_its_epochs_at_nearly_the_same_learning_rates():
    def logs(study, size):
        return [epoch * math.log(study.stage.decay) for epoch in sorted(study.grid(size))]

    for size in (32, 64, 128):
        for slow, fast in zip(logs(STUDY, size), logs(STUDY_DECAY, size), strict=True):
            assert fast == pytest.approx(slow, abs=0.06), "half an epoch"
    cooling = STUDY.stage.cooling
    tails = [(study.further_epochs - cooling) * math.log(study.stage.decay) for study in (STUDY, STUDY_DECAY)]
    assert tails[1] == pytest.approx(tails[0], abs=0.06) and STUDY_DECAY.stage.cooling == cooling
    same = [replace(study, name="", stage=STUDY.stage, switch_epochs=(0,), grids={}, controls=(), further_epochs=1)
            for study in (STUDY, STUDY_DECAY)]  # fmt: skip
    assert same[0] == same[1]


def test_slots_are_whole_blocks_of_some_minutes():
    blocks = blocks_of(plan(SLOTS.runs("x")))
    assert len(blocks) == 9
    epochs = {block[0].recipe.batch_size: sum(unit.epochs for unit in block) for block in blocks}
    assert sorted(SLOTS.switch_epochs) == [0, 6, 12, 18, 24, 30, 36, 44, 52, 60] and SLOTS.further_epochs == 60
    assert all(660 <= each <= 1300 for each in epochs.values())
    arms = {run.arm for run in SLOTS.runs("x")}
    assert arms == {"base", "reset", "fresh", "flow_time_matched"}


@pytest.mark.parametrize("name", PRESETS)
def test_every_control_has_its_base_run(name):
    """A control is judged against the base arm at its batch size and switch epoch."""
    study = PRESETS[name]
    for control in study.controls:
        for size in control.batch_sizes:
            assert size in study.batch_sizes and set(control.switch_epochs) <= set(study.grid(size)), control
