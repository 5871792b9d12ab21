"""The arms of the study: what each does to a run, as data.

Temperature and remaining flow time are the same function of learning rate over batch size while the learning rate
decays by a constant factor, so the base arm alone cannot tell them apart; see the table of arms in the theory pages.
Three arms are controls of this study's own: ``reset`` gives the learning rate back at the switch, ``fresh`` begins from
initial weights with the learning rates that a run switched at that epoch has left (what it loses is budget, not a
critical period), and ``clean`` trains as long with no deficit at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cifar.study.stages import Recipe, Stage, deficit_epochs, key, stages, total_epochs


@dataclass(frozen=True)
class Protocol:
    """The base arm's schedule, of which the arms are changes.

    Attributes
    ----------
    recipe
        With batch size and seed.
    stage
        Learning rate, decay, weight decay and augmentation of every stage.
    deficit
        Until the switch.
    further_epochs
        Clean epochs after the switch.
    total
        If given, the run ends at this epoch whatever the switch, and ``further_epochs`` is not read.
    cycle
        Epochs of a cycle of the cyclic arm.
    window
        Epochs of a window.
    through_switch
        Whether the epoch of the switch is the deficit's last (epoch <= e_s, so e_s + 1 epochs of it: Baker 2023) or
        the first clean one (epoch < e_s, so e_s of them: Achille, Rovere & Soatto 2019). What is changed at the switch
        in the other arms changes there too; the onset of a window is the same by both.
    """

    recipe: Recipe
    stage: Stage
    deficit: str = "blur"
    further_epochs: int = 160
    total: int | None = None
    cycle: int = 40
    window: int = 40
    through_switch: bool = False

    def before(self, switch: int) -> int:
        """Epochs before the change that a switch epoch names: those of the deficit, in the base arm."""
        return switch + self.through_switch

    def tail(self, before: int) -> int:
        """Clean epochs after so many."""
        return self.further_epochs if self.total is None else self.total - before


RUN_COLUMNS = ("arm", "deficit", "batch_size", "seed", "switch_epoch")  # what runs of one recipe differ in


@dataclass(frozen=True)
class Run:
    """One training run; two runs with the same key are the same."""

    arm: str
    deficit: str
    batch_size: int
    seed: int
    switch_epoch: int
    recipe: Recipe
    stages: tuple[Stage, ...]

    @property
    def columns(self) -> tuple[str, str, int, int, int]:
        """Its `RUN_COLUMNS`."""
        return self.arm, self.deficit, self.batch_size, self.seed, self.switch_epoch

    @property
    def curve(self) -> tuple[str, str, int]:
        """The curve that it is a point of: arm, deficit and batch size."""
        return self.columns[:3]

    @property
    def late(self) -> int | None:
        """Epochs of deficit beyond the switch epoch; None where there is no deficit to count."""
        return None if self.deficit == "none" else deficit_epochs(self.stages) - self.switch_epoch

    @property
    def key(self) -> str:
        """Of its final state."""
        return key(self.recipe, self.stages)

    @property
    def epochs(self) -> int:
        """From the start."""
        return total_epochs(self.stages)


Parts = tuple[Recipe, tuple[Stage, ...]]
Arm = Callable[[Protocol, int], Parts]


def _two(first: dict[str, Any] | None = None, then: dict[str, Any] | None = None, *, deficit: bool = True) -> Arm:
    """A stage up to the switch, under the deficit unless it says no, and one after it, with what changes in each."""

    def arm(protocol: Protocol, before: int) -> Parts:
        changes = ({"deficit": protocol.deficit} if deficit else {}) | (first or {})
        start = replace(protocol.stage, epochs=before, **changes)
        return protocol.recipe, stages(start, replace(protocol.stage, epochs=protocol.tail(before), **(then or {})))

    return arm


_base = _two()


def _fresh(protocol: Protocol, before: int) -> Parts:
    return protocol.recipe, stages(replace(protocol.stage, epochs=protocol.tail(before), clock_start=before))


def _clean(protocol: Protocol, before: int) -> Parts:
    return protocol.recipe, stages(replace(protocol.stage, epochs=before + protocol.tail(before)))


def _cyclic(protocol: Protocol, before: int) -> Parts:
    return _base(replace(protocol, stage=replace(protocol.stage, period=protocol.cycle)), before)


def _twice_the_batch(protocol: Protocol, **changes: float) -> Protocol:
    recipe = replace(protocol.recipe, batch_size=2 * protocol.recipe.batch_size)
    return replace(protocol, recipe=recipe, stage=replace(protocol.stage, **changes))  # type: ignore[arg-type]


def _linear_scaling(protocol: Protocol, before: int) -> Parts:
    return _base(_twice_the_batch(protocol, learning_rate=2 * protocol.stage.learning_rate), before)


def _flow_time_matched(protocol: Protocol, before: int) -> Parts:
    slower = _twice_the_batch(protocol, decay=protocol.stage.decay**0.5)
    total = None if protocol.total is None else 2 * protocol.total
    return _base(replace(slower, further_epochs=2 * protocol.further_epochs, total=total), 2 * before)


def _window(protocol: Protocol, onset: int) -> Parts:
    first = replace(protocol.stage, epochs=onset)
    middle = replace(protocol.stage, epochs=protocol.window, deficit=protocol.deficit)
    last = replace(protocol.stage, epochs=protocol.tail(onset + protocol.window))
    return protocol.recipe, stages(first, middle, last)


_HALF = {"share": 0.5}
ARMS: dict[str, Arm] = {
    "base": _base,
    "reset": _two(then={"clock": "stage"}),
    "fresh": _fresh,
    "clean": _clean,
    "constant": _two({"decay": 1.0}, {"decay": 1.0}),
    "cyclic": _cyclic,
    "linear_scaling": _linear_scaling,
    "flow_time_matched": _flow_time_matched,
    "added_noise": _two({"added_noise": 1.0}, {"added_noise": 1.0}),
    "window": _window,
    "warm_start": _two(_HALF, {"clock": "stage"}, deficit=False),
    "shrink_and_perturb": _two(_HALF, {"clock": "stage", "shrink": 0.4, "perturb": 0.1}, deficit=False),
    "weight_decay_until": _two(then={"weight_decay": 0.0}, deficit=False),
    "augmentation_until": _two({"augment": True}, {"augment": False}, deficit=False),
}


def make_run(arm: str, protocol: Protocol, switch: int) -> Run:
    """The run of an arm that switches at an epoch.

    Batch size and switch epoch of the run are those of the base arm that it is to be compared with; ``linear_scaling``
    and ``flow_time_matched`` train with twice that batch.

    Raises
    ------
    ValueError
        If there is no such arm, or the switch comes after the end.
    """
    if arm not in ARMS:
        raise ValueError(f"arms: {arm!r} is unknown; use one of {', '.join(ARMS)}")
    before = switch if arm == "window" else protocol.before(switch)
    if switch < 0 or protocol.tail(before + (protocol.window if arm == "window" else 0)) < 0:
        raise ValueError(f"switch_epochs: {switch} is not within the run; give epochs from 0 to its end")
    recipe, parts = ARMS[arm](protocol, before)
    deficit = next((part.deficit for part in parts if part.deficit != "none"), protocol.deficit)
    return Run(arm, deficit, protocol.recipe.batch_size, protocol.recipe.seed, switch, recipe, parts)
