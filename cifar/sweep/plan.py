"""Runs cut into units of work that share what they have in common.

A unit leads from one state to another: a piece of a trunk from one switch epoch to the next, or a branch from a switch
to its end. Every state that two runs share is reached once, and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cifar.study.arms import Run
from cifar.study.stages import Recipe, Stage, key, total_epochs, until


@dataclass(frozen=True)
class Unit:
    """Training from one state to another.

    Attributes
    ----------
    key
        Of the state it leads to.
    parent
        Key of the state it starts from; None for initial weights.
    begin, end
        Epochs.
    recipe, stages
        All that leads to the end, from the start of the run.
    branch
        Whether a run ends here.
    """

    key: str
    parent: str | None
    begin: int
    end: int
    recipe: Recipe
    stages: tuple[Stage, ...]
    branch: bool

    @property
    def epochs(self) -> int:
        """That this unit trains."""
        return self.end - self.begin


def plan(runs: Sequence[Run]) -> list[Unit]:
    """The units of some runs, each once, those of earlier runs first and parents before their children."""
    wanted: dict[str, tuple[Recipe, tuple[Stage, ...]]] = {}
    ends = {run.key for run in runs}
    for run in runs:
        for number in range(len(run.stages)):
            parts = run.stages[: number + 1]
            wanted.setdefault(key(run.recipe, parts), (run.recipe, parts))
    lengths = sorted({total_epochs(parts) for _, parts in wanted.values()}, reverse=True)
    placed: dict[str, Unit] = {}

    def place(name: str) -> None:
        if name in placed:
            return
        recipe, parts = wanted[name]
        end = total_epochs(parts)
        parent, begin = None, 0
        for length in lengths:
            if length < end and (shorter := key(recipe, until(parts, length))) in wanted:
                parent, begin = shorter, length
                place(shorter)
                break
        placed[name] = Unit(name, parent, begin, end, recipe, parts, name in ends)

    for name in wanted:
        place(name)
    return list(placed.values())


def name_of(unit: Unit, runs: Sequence[Run]) -> str:
    """What people call a unit: epochs of the first run that it is a part of."""
    of = (run for run in runs if run.recipe == unit.recipe and run.stages[: len(unit.stages)] == unit.stages)
    run = next(of)
    return (
        f"epochs {unit.begin} to {unit.end} of {run.arm} ({run.deficit}), batch size {run.batch_size}, "
        f"switch epoch {run.switch_epoch}, seed {run.seed}"
    )


def image_cost(unit: Unit, *, classes: int, size: int) -> int:
    """Floating-point operations to train on one image: forward once, backward twice, two for a multiply and add."""
    from cifar.training.networks import make_network, multiply_adds  # torch only where a network is made

    network = make_network(
        unit.recipe.network, width=unit.recipe.width, depth=unit.recipe.depth, classes=classes, size=size
    )
    return 6 * multiply_adds(network, size)


def trained_images(unit: Unit, examples: int) -> int:
    """Images that a unit trains on, counted each time."""
    total, begin = 0, 0
    for part in unit.stages:
        inside = max(0, min(unit.end, begin + part.epochs) - max(unit.begin, begin))
        total += inside * int(part.share * examples)
        begin += part.epochs
    return total
