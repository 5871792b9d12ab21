"""Finished runs whose curves are hinges that follow the theorem, and a results file of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cifar.analysis.analysis import Findings, analyse
from cifar.analysis.claims import claims
from cifar.analysis.curves import Row
from cifar.study.presets import LAPTOP, Control, Study
from cifar.sweep.plan import plan
from cifar.sweep.store import Store
from tests.seeds import fresh_generator

DECAY = 0.93


SHIFT = np.log(2) / -np.log(DECAY)


def made_study() -> Study:
    return replace(
        LAPTOP,
        batch_sizes=(32, 64, 128),
        switch_epochs=(0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60),
        seeds=3,
        controls=(
            Control("reset", "blur", (64,), (48,)),
            Control("fresh", "blur", (64,), (48,)),
            Control("base", "vertical_flip", (64,), (48,)),
        ),
    )


def true_accuracy(batch_size: int, switch: int) -> float:
    """A hinge that ends at epoch 30 for a batch of 64 and follows the theorem."""
    end = 30 - SHIFT * np.log2(batch_size / 64)
    return 0.9 - 0.2 * min(switch / end, 1)


def made_rows(
    noise: float, *, even: bool = True, gate_fails: tuple[int, ...] = (), flat_controls: bool = False
) -> list[Row]:
    """Runs with normal noise, or without a random number with the same three deviations in every cell."""
    random = fresh_generator()
    found = []
    for run in made_study().runs("made"):
        accuracy = true_accuracy(run.batch_size, run.switch_epoch)
        if (run.arm, run.deficit) != ("base", "blur") and not flat_controls:
            accuracy = 0.9
        accuracy += noise * ((run.seed - 1) if even else random.standard_normal())
        passed = run.switch_epoch not in gate_fails
        at_switch = {"deficit_train_loss": 1.5 * DECAY**run.switch_epoch, "fisher_trace": 100.0}
        final = {"test_accuracy": accuracy if passed else 0.1, "train_accuracy": 1.0 if passed else 0.5}
        found.append(Row(run, final, at_switch if run.switch_epoch else {}, passed))
    return found


def fitted(found: list[Row]) -> Findings:
    return analyse(found, deficit="blur", decay=DECAY, learning_rate=0.05, momentum=0.9, examples=3000)


def verdicts(found: Findings, theorem: float = SHIFT) -> dict[str, str]:
    return {claim.name: claim.verdict for claim in claims(found, theorem, None)}


def made_sweep(folder, found: list[Row]) -> None:
    """The rows as a results file."""
    folder.mkdir()

    with Store(folder, "create") as store:
        data = {"checksum": "made", "source": "made images", "path": None, "train_images": 3000, "test_images": 500}
        store.set_facts(data=data, study={"name": "laptop", "gate": 0.9, "measuring": {}})
        store.add_runs([row.run for row in found])
        known = {row.run.key: row.final for row in found}
        for unit in plan(store.runs()):
            values = known.get(unit.key, {"test_accuracy": 0.5, "train_accuracy": 0.9, "deficit_train_loss": 1.0})
            measured = {**values, "fisher_trace": 10.0 + unit.end, "test_loss": 1.0}
            store.finish(unit, {name: (value, None) for name, value in measured.items()}, device="made")
