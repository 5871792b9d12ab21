"""Small studies, and a results file of one with measurements by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cifar.study.presets import LAPTOP, Study
from cifar.study.stages import EpochRecord, Recipe
from cifar.sweep.plan import plan
from cifar.sweep.store import Store


def small(**changes) -> Study:
    recipe = Recipe("logistic_regression")
    study = replace(
        LAPTOP, recipe=recipe, batch_sizes=(40, 20), switch_epochs=(0, 2, 3), further_epochs=4, seeds=1, controls=()
    )
    return replace(study, **changes)


def accuracy(unit) -> float:
    """Made up, and another for every unit."""
    return int(unit.key[:6], 16) / 16**6


def make_sweep(folder: Path, study: Study, *, missing: int = 0, gate: float = 0.5, seconds: float = 2.0) -> Store:
    folder.mkdir()
    store = Store(folder, "create")
    data = {"checksum": "x", "source": "made images", "path": None, "train_images": 640, "test_images": 50}
    store.set_facts(data=data, study={"name": "laptop", "gate": gate, "measuring": {}})
    store.add_runs(study.runs("x"))
    units = plan(store.runs())
    for unit in units[: len(units) - missing]:
        epochs = [(EpochRecord(epoch, 0.1, 1.0, 0.5), seconds) for epoch in range(unit.begin, unit.end)]
        passed = 0.25 if unit.stages[0].deficit == "blur" and unit.recipe.batch_size == 20 else 0.75
        measured = {"train_accuracy": (passed, 0.01), "test_accuracy": (accuracy(unit), None), "noise": (None, None)}
        measured |= {"gradient_noise_trace": (unit.end * 1.0, None)}
        store.finish(unit, measured, device=f"made {unit.end % 2}", epochs=epochs)
    return store


def training_cost(network: str) -> int:
    """Operations to train on one image; of networks as published."""
    return {"all_cnn": 6 * 344_875_008, "resnet18_imagenet": 6 * 37_523_456}[network]
