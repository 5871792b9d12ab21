"""Presets switch where the published runs did."""

from __future__ import annotations

import pytest

from cifar.study.arms import Run
from cifar.study.presets import ACHILLE, BAKER, LAPTOP
from slt_toys.reference.published import published_curves


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
