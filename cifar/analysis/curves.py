"""The runs of a sweep as a table, and the curves over switch epochs that they make.

Runs whose final clean train accuracy is below the gate have not finished learning: they are kept in the table, marked,
and left out of every average.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cifar.study.arms import Run
from cifar.study.stages import key, until
from cifar.sweep.store import Store

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """A finished run: what was measured at its end and at its switch, by name; accuracies from 0 to 1."""

    run: Run
    final: Mapping[str, float]
    at_switch: Mapping[str, float]
    passed: bool

    @property
    def accuracy(self) -> float:
        """Final test accuracy, in percent."""
        return 100 * self.final["test_accuracy"]


@dataclass(frozen=True)
class Curve:
    """Final test accuracy (percent) over switch epochs, of the runs that passed the gate.

    ``values`` are means over seeds, ``counts`` how many runs each is of; ``failed`` are the switch epochs at which no
    run passed, with how many were tried.
    """

    arm: str
    deficit: str
    batch_size: int
    switch_epochs: FloatArray
    values: FloatArray
    counts: NDArray[np.int64]
    failed: dict[int, int]


def rows(store: Store) -> list[Row]:
    """Every run that is done."""
    measured = {
        unit: {name: value for name, (value, _) in found.items() if value is not None}
        for unit, found in store.measurements().items()
    }
    done, gate = store.done(), float(store.facts()["study"]["gate"])
    found = []
    for run in store.runs():
        if run.key not in done:
            continue
        final = measured[run.key]
        at_switch = key(run.recipe, until(run.stages, run.stages[0].epochs)) if len(run.stages) > 1 else ""
        found.append(Row(run, final, measured.get(at_switch, {}), final["train_accuracy"] >= gate))
    return found


def scatter(found: Sequence[Row]) -> tuple[float, int]:
    """Standard deviation of the final test accuracy (percent) between seeds, and its degrees of freedom.

    Pooled over all cells of equal arm, deficit, batch size and switch epoch; nan where no cell has two seeds.
    """
    squares, freedom = 0.0, 0
    for values in _cells(found).values():
        squares += float(np.sum((values - values.mean()) ** 2))
        freedom += len(values) - 1
    return (math.sqrt(squares / freedom) if freedom else math.nan), freedom


def _cells(found: Sequence[Row]) -> dict[tuple[str, str, int, int], FloatArray]:
    cells: dict[tuple[str, str, int, int], list[float]] = {}
    for row in found:
        if row.passed:
            run = row.run
            cells.setdefault((run.arm, run.deficit, run.batch_size, run.switch_epoch), []).append(row.accuracy)
    return {name: np.array(values) for name, values in cells.items()}


def curve(found: Sequence[Row], arm: str, deficit: str, batch_size: int) -> Curve:
    """The curve of one arm; without rows if nothing passed."""
    these = [row for row in found if (row.run.arm, row.run.deficit, row.run.batch_size) == (arm, deficit, batch_size)]
    cells = {name[3]: values for name, values in _cells(these).items()}
    epochs = sorted(cells)
    tried: dict[int, int] = {}
    for row in these:
        tried[row.run.switch_epoch] = tried.get(row.run.switch_epoch, 0) + 1
    return Curve(
        arm,
        deficit,
        batch_size,
        np.array(epochs, dtype=float),
        np.array([cells[epoch].mean() for epoch in epochs]),
        np.array([len(cells[epoch]) for epoch in epochs], dtype=np.int64),
        {epoch: count for epoch, count in sorted(tried.items()) if epoch not in cells},
    )


def mean_at_switch(found: Sequence[Row], curve_: Curve, name: str) -> FloatArray:
    """Mean of what was measured at the switch, over the runs that the curve is of; nan where it was not."""
    means = []
    for epoch in curve_.switch_epochs:
        values = [
            row.at_switch[name]
            for row in found
            if (row.run.arm, row.run.deficit, row.run.batch_size) == (curve_.arm, curve_.deficit, curve_.batch_size)
            and row.run.switch_epoch == epoch
            and row.passed
            and name in row.at_switch
        ]
        means.append(float(np.mean(values)) if values else math.nan)
    return np.array(means)
