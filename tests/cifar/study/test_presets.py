"""Presets switch where the published runs did."""

from __future__ import annotations

import pytest

from cifar.study.arms import Run
from cifar.study.presets import ACHILLE, BAKER, LAPTOP, STUDY, Control
from cifar.study.stages import key
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
    trunks = {key(run.recipe, run.stages[:1]) for run in runs if run.arm == "base" and run.switch_epoch == 42}
    assert len(trunks) == 6, "a trunk for each batch size and seed"
    epochs = {arm: sorted({run.switch_epoch for run in runs if run.arm == arm}) for arm in ("fresh", "reset")}
    assert epochs == {"fresh": [9, 22, 36], "reset": [9, 22, 36]}
    assert [run.switch_epoch for run in runs if run.deficit == "vertical_flip"] == [22] * 3
