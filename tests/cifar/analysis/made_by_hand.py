"""Finished runs by hand, cell by cell."""

from __future__ import annotations

from cifar.analysis.analysis import Findings, analyse
from cifar.analysis.curves import Row
from cifar.study.arms import Protocol, make_run
from cifar.study.stages import Recipe, Stage

STAGE = Stage(0, learning_rate=0.05, decay=0.5)


def row(accuracy: float, *, arm="base", deficit="blur", size=64, seed=0, switch=0, passed=True, **at_switch) -> Row:
    """A run with this final test accuracy, in percent."""
    protocol = Protocol(Recipe(batch_size=size, seed=seed), STAGE, deficit, further_epochs=10, window=2)
    final = {"test_accuracy": accuracy / 100, "train_accuracy": 1.0 if passed else 0.0}
    return Row(make_run(arm, protocol, switch), final, at_switch, passed)


def cell(*accuracies: float, **settings) -> list[Row]:
    """One run for each accuracy, of the seeds 0, 1, ..."""
    return [row(accuracy, seed=seed, **settings) for seed, accuracy in enumerate(accuracies)]


def findings(found: list[Row]) -> Findings:
    return analyse(found, deficit="blur", decay=0.5, learning_rate=0.05, momentum=0.9, examples=640)


def base(size: int = 64) -> list[Row]:
    """Means 80, 78, 74, 70, 70, 70 at 0, 1, ..., 5, of two seeds that are 1 above and below."""
    means = (80, 78, 74, 70, 70, 70)
    return [one for switch, mean in enumerate(means) for one in cell(mean - 1, mean + 1, size=size, switch=switch)]


def falling(size: int, end: float, depth: float = 10.0) -> list[Row]:
    """A straight fall until an end, then level; two seeds a tenth of a point and a fifth of an epoch apart."""
    epochs = range(0, 24, 2)
    return [
        one
        for switch in epochs
        for one in cell(
            *(80 - depth * min(switch / (end + 2 * off), 1) + off for off in (-0.05, 0.05)), size=size, switch=switch,
        )
    ]  # fmt: skip
