"""Sweeps of a few runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cifar.study.presets import LAPTOP, Control, Study
from cifar.study.stages import Recipe
from cifar.sweep.store import Store
from cifar.training.measurements import Measuring

MEASURING = Measuring(fisher=0, hessian=0)


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
