"""The studies that can be run as they are: two published ones, and one for a laptop."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace

from cifar.study.arms import Protocol, Run, make_run
from cifar.study.measuring import Measuring
from cifar.study.stages import Recipe, Stage


@dataclass(frozen=True)
class Control:
    """An arm, or another deficit, at some batch sizes and switch epochs."""

    arm: str
    deficit: str
    batch_sizes: tuple[int, ...]
    switch_epochs: tuple[int, ...]


@dataclass(frozen=True)
class Study:
    """What is run, and how it is judged.

    Attributes
    ----------
    name
        Of the preset that it began as.
    recipe
        Without batch size, seed and data, which the runs fill in.
    stage
        What every stage starts from.
    deficit, batch_sizes, switch_epochs
        Of the base arm.
    grids
        Batch size to switch epochs of its own, in place of ``switch_epochs``.
    through_switch
        Whether the switch epoch is the deficit's last or the first clean one; see `cifar.study.arms.Protocol`.
    seeds
        How many.
    controls
        Other arms and deficits, done after the base arm of each seed.
    further_epochs
        Clean epochs after the switch, where ``totals`` has no entry for the batch size.
    totals
        Batch size to total epochs.
    cycle, window
        See `cifar.study.arms.Protocol`.
    train_images, test_images
        The first of each class, so many in all; None for all.
    gate
        Final clean train accuracy (0 to 1) below which a run is marked and not averaged in.
    measuring
        How much is measured at switches and ends.
    """

    name: str
    recipe: Recipe
    stage: Stage
    deficit: str
    batch_sizes: tuple[int, ...]
    switch_epochs: tuple[int, ...]
    seeds: int
    controls: tuple[Control, ...]
    further_epochs: int
    gate: float
    totals: dict[int, int] = field(default_factory=dict)
    grids: dict[int, tuple[int, ...]] = field(default_factory=dict)
    through_switch: bool = False
    cycle: int = 40
    window: int = 40
    train_images: int | None = None
    test_images: int | None = None
    measuring: Measuring = Measuring()  # noqa: RUF009  frozen

    def __post_init__(self) -> None:
        grids = [("switch_epochs", self.grid(size)) for size in self.batch_sizes]
        for name, several in (("batch_sizes", self.batch_sizes), *grids):
            if not several or len(set(several)) < len(several):
                raise ValueError(f"{name}: {several} is empty or repeats; give distinct whole numbers")
        if self.seeds < 1:
            raise ValueError(f"seeds: {self.seeds} runs nothing; give at least 1")
        if not (0 <= self.gate <= 1 and math.isfinite(self.gate)):
            raise ValueError(f"gate: {self.gate} is no share of the training images; give 0 to 1")

    def runs(self, data: str) -> list[Run]:
        """All runs on the data with this checksum: seed after seed, in each the base arm and then the controls."""
        base = [Control("base", self.deficit, (size,), self.grid(size)) for size in self.batch_sizes]
        runs = []
        for seed, control in itertools.product(range(self.seeds), (*base, *self.controls)):
            for batch_size in control.batch_sizes:
                recipe = replace(self.recipe, batch_size=batch_size, seed=seed, data=data)
                lengths = self.further_epochs, self.totals.get(batch_size), self.cycle, self.window
                protocol = Protocol(recipe, self.stage, control.deficit, *lengths, self.through_switch)
                runs += [make_run(control.arm, protocol, switch) for switch in control.switch_epochs]
        return runs

    def grid(self, batch_size: int) -> tuple[int, ...]:
        """Switch epochs of the base arm at a batch size."""
        return self.grids.get(batch_size, self.switch_epochs)


def _controls(deficit: str, size: int, *switches: int) -> tuple[Control, ...]:
    kinds = (("base", "vertical_flip"), ("reset", deficit), ("fresh", deficit))
    return tuple(Control(arm, kind, (size,), switches) for arm, kind in kinds)


_DENSE = (0, 10, 20, 30, 40, 50, 60, 70, 80, 100, 120, 140, 160)

ACHILLE = Study(
    name="achille",
    recipe=Recipe(network="all_cnn"),
    stage=Stage(0, learning_rate=0.05, decay=0.97, weight_decay=0.001),
    deficit="blur_antialiased",
    batch_sizes=(128, 64, 256),
    switch_epochs=_DENSE,
    seeds=3,
    controls=_controls("blur_antialiased", 128, 40, 80, 120),
    further_epochs=160,
    gate=0.99,
)

BAKER = Study(
    name="baker",
    recipe=Recipe(network="resnet18_imagenet", deficit_after_augmentation=True),
    stage=Stage(0, learning_rate=0.05, decay=0.97, weight_decay=0.001),
    deficit="blur",
    batch_sizes=(128, 64, 256),
    switch_epochs=tuple(range(0, 240, 20)),
    # As published: up to the end of training, in steps of 40, 20 and 17 epochs (there is no 170 in the table).
    grids={64: tuple(range(0, 480, 40)), 256: tuple(epoch for epoch in range(0, 240, 17) if epoch != 170)},
    through_switch=True,
    seeds=1,
    controls=_controls("blur", 128, 40, 80, 120),
    further_epochs=160,
    totals={64: 480, 128: 240, 256: 240},
    gate=0.98,
)

# Chosen in trials on one seed. Without augmentation the network learns its images by heart within the tail, whatever
# the switch, so that the gate is passed and a loss is not for want of training; `fresh` shows what the learning rates
# left at the switch can still do. With 3000 images and the stem that halves the resolution twice, no decline was seen.
LAPTOP = Study(
    name="laptop",
    recipe=Recipe(network="resnet18", width=8),
    stage=Stage(0, learning_rate=0.05, decay=0.93, weight_decay=0.001, augment=False),
    deficit="blur",
    batch_sizes=(64, 32, 128),
    switch_epochs=(0, 4, 8, 14, 20, 30),
    seeds=2,
    controls=_controls("blur", 64, 20)[::-1],  # the order in which they are done
    further_epochs=20,
    train_images=6000,
    test_images=5000,
    gate=0.95,
    measuring=Measuring(statistics=2000, fisher=128, hessian=128, lanczos_steps=8),
)

PRESETS = {study.name: study for study in (ACHILLE, BAKER, LAPTOP)}
