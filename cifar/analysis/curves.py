"""The runs of a sweep as a table, and the curves over switch epochs that they make.

Runs whose final clean train accuracy is below the gate have not finished learning: they are kept in the table, marked,
and left out of every average.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cifar.study.arms import Run
from cifar.study.stages import key
from cifar.sweep.store import Store

FloatArray = NDArray[np.float64]
REACH = 0.5  # epochs that a curve may be read beyond its last switch
MANY = 8  # seeds from which on their own scatter is the yardstick of a point


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

    @property
    def name(self) -> tuple[str, str, int]:
        """Arm, deficit and batch size."""
        return self.arm, self.deficit, self.batch_size


def rows(store: Store) -> list[Row]:
    """Every run that is done."""
    measured = {
        unit: {name: value for name, (value, _) in values.items() if value is not None}
        for unit, values in store.measurements().items()
    }
    done, gate = store.done(), float(store.needed("study")["study"]["gate"])
    finished = []
    for run in store.runs():
        if run.key in done:
            final = measured[run.key]
            at_switch = key(run.recipe, run.stages[:1]) if len(run.stages) > 1 else ""
            finished.append(Row(run, final, measured.get(at_switch, {}), final["train_accuracy"] >= gate))
    return finished


def scatter(finished: Sequence[Row]) -> tuple[float, int]:
    """Standard deviation of the final test accuracy (percent) between seeds, and its degrees of freedom.

    Pooled over all cells of equal arm, deficit, batch size and switch epoch; nan where no cell has two seeds.
    """
    squares, freedom = 0.0, 0
    for values in _cells(finished).values():
        squares += float(np.sum((values - values.mean()) ** 2))
        freedom += len(values) - 1
    return (math.sqrt(squares / freedom) if freedom else math.nan), freedom


def _cells(finished: Sequence[Row]) -> dict[tuple[str, str, int, int], FloatArray]:
    """Accuracies of the runs that passed, by arm, deficit, batch size and switch epoch."""
    cells: dict[tuple[str, str, int, int], list[float]] = {}
    for row in finished:
        if row.passed:
            cells.setdefault((*row.run.curve, row.run.switch_epoch), []).append(row.accuracy)
    return {name: np.array(values) for name, values in cells.items()}


def curve(finished: Sequence[Row], arm: str, deficit: str, batch_size: int) -> Curve:
    """The curve of one arm; without rows if nothing passed."""
    own = [row for row in finished if row.run.curve == (arm, deficit, batch_size)]
    cells = {name[3]: values for name, values in _cells(own).items()}
    epochs = sorted(cells)
    tried = Counter(row.run.switch_epoch for row in own)
    return Curve(
        arm, deficit, batch_size, np.array(epochs, dtype=float), np.array([cells[epoch].mean() for epoch in epochs]),
        np.array([len(cells[epoch]) for epoch in epochs], dtype=np.int64),
        {epoch: count for epoch, count in sorted(tried.items()) if epoch not in cells},
    )  # fmt: skip


def standard_errors(finished: Sequence[Row], curve_: Curve, pooled: float) -> FloatArray:
    """Standard errors of a curve's points: by the scatter of its own runs where each point has many, else pooled.

    Where some runs recover and others do not, seeds scatter far more than elsewhere.
    """
    cells = {name[3]: each for name, each in _cells([r for r in finished if r.run.curve == curve_.name]).items()}
    if cells and min(map(len, cells.values())) >= MANY:
        own = [float(np.std(cells[int(epoch)], ddof=1)) for epoch in curve_.switch_epochs]
        return np.array(own) / np.sqrt(curve_.counts)
    return pooled / np.sqrt(curve_.counts)


def paired(finished: Sequence[Row], first: tuple[Curve, int], second: tuple[Curve, int]) -> FloatArray | None:
    """Differences (percentage points), seed by seed, of two points; None unless both have the same many seeds."""
    sides = []
    for curve_, epoch in (first, second):
        own = [row for row in finished if row.run.curve == curve_.name and row.run.switch_epoch == epoch]
        sides.append({row.run.seed: row.accuracy for row in own if row.passed})
    if set(sides[0]) != set(sides[1]) or len(sides[0]) < MANY:
        return None
    return np.array([sides[0][seed] - sides[1][seed] for seed in sorted(sides[0])])


def seed_curves(finished: Sequence[Row], curve_: Curve) -> FloatArray | None:
    """Curves of the seeds that have every point, shape (seeds, switch epochs): percent.

    A seed of which runs are still to come is left out. None where no seed is whole, and where one lacks a point because
    a run of it failed the gate: the others are no fair choice of seeds.
    """
    own: dict[int, dict[int, list[float]]] = {}
    failed = set()
    for row in finished:
        if row.run.curve == curve_.name:
            if row.passed:
                own.setdefault(row.run.seed, {}).setdefault(row.run.switch_epoch, []).append(row.accuracy)
            else:
                failed.add((row.run.seed, row.run.switch_epoch))
    epochs = [int(epoch) for epoch in curve_.switch_epochs]
    whole = []
    for seed in sorted(own):
        missing = set(epochs) - set(own[seed])
        if any((seed, epoch) in failed for epoch in missing):
            return None
        if not missing:
            whole.append([float(np.mean(own[seed][epoch])) for epoch in epochs])
    return np.array(whole) if whole else None


def reader(epochs: FloatArray, at: FloatArray) -> FloatArray:
    """Matrix (n, m) that reads curves over epochs, as rows, at other epochs; by lines, and level beyond the ends."""
    return np.array([np.interp(at, epochs, unit) for unit in np.eye(len(epochs))])


def loss_at_switch(finished: Sequence[Row], curve_: Curve) -> FloatArray:
    """Mean loss under the deficit (nats) at each switch epoch; nan where it was not measured.

    Before any training it is that of guessing among ten classes.
    """
    loss = mean_at_switch(finished, curve_, "deficit_train_loss")
    if len(loss) and curve_.switch_epochs[0] == 0 and math.isnan(loss[0]):
        loss[0] = math.log(10)
    return loss


def mean_at_switch(finished: Sequence[Row], curve_: Curve, name: str) -> FloatArray:
    """Mean of what was measured at the switch, over the runs that the curve is of; nan where it was not."""
    own = [row for row in finished if row.run.curve == curve_.name and row.passed and name in row.at_switch]
    values = ([row.at_switch[name] for row in own if row.run.switch_epoch == epoch] for epoch in curve_.switch_epochs)
    return np.array([float(np.mean(each)) if each else math.nan for each in values])


def relative_error_at_switch(finished: Sequence[Row], curve_: Curve, name: str) -> tuple[float, int] | None:
    """Relative standard error of such a mean, by the scatter between seeds pooled over switch epochs, and its freedom.

    None where no switch epoch has two seeds, or a value is not positive.
    """
    cells: dict[int, list[float]] = {}
    for row in finished:
        if row.run.curve == curve_.name and row.passed and name in row.at_switch:
            cells.setdefault(row.run.switch_epoch, []).append(row.at_switch[name])
    freedom = sum(len(each) - 1 for each in cells.values())
    if not freedom or min(min(each) for each in cells.values()) <= 0:
        return None
    squares = sum(float(np.sum((np.array(each) / np.mean(each) - 1) ** 2)) for each in cells.values())
    return math.sqrt(squares / freedom * float(np.mean([1 / len(each) for each in cells.values()]))), freedom
