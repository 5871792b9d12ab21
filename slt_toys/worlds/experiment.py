"""One experiment in all arms: what was recorded, what it says, and what the confounding arms alone would have said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..fits.ends import CriticalPeriodEnd, Definition, find_end, replicate_epochs
from ..fits.resampling import percentile_interval, resample_counts
from ..inputs.arguments import checked_arguments
from ..protocol.arms import ARMS, Arm, Observation, confounding_arms
from .verdict import Dispersion, Row, Verdict, dispersion_of_repeats, judge, verdict_table
from .world import World, observe

Array = NDArray[np.float64]

__all__ = ["EndShift", "Experiment", "carry_out", "exact_ends", "shares", "shift_of_end"]


@dataclass(frozen=True)
class EndShift:
    """How far an arm moves the end of the critical period, in epochs of the control; ``None`` where that is open.

    Attributes
    ----------
    epochs
        End of the arm minus end of the control.
    low, high
        Ends of the interval.
    """

    epochs: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, eq=False)
class Experiment:
    """What an experiment in a world recorded, and what follows from it.

    Attributes
    ----------
    world
        Where it was carried out.
    observations
        Counts of all arms and switch epochs.
    verdict
        From the unlike arms whose temperature is the law's.
    beyond
        Names of the arms that break a condition of the law.
    everything
        The verdict with those as well; None if there are none.
    copies
        Names of arms that are another's schedule, with that arm's name; in no verdict.
    repeats
        Scatter of the cells that were observed twice, which such arms are; None without any.
    confounding
        Names of the unlike arms in which temperature and flow time left are one function [eq:confound].
    confounded
        The verdict from those alone; None if no arm confounds.
    rows
        Unlike arms, with hypotheses fitted to the first alone: the others are predicted without having been seen.
    shifts
        What happened to the end in each of them, against the first.
    """

    world: World
    observations: tuple[Observation, ...]
    verdict: Verdict
    beyond: tuple[str, ...]
    everything: Verdict | None
    copies: dict[str, str]
    repeats: Dispersion | None
    confounding: tuple[str, ...]
    confounded: Verdict | None
    rows: tuple[Row, ...]
    shifts: tuple[EndShift, ...]

    @property
    def right(self) -> bool:
        """Whether the verdict from the law's arms names what the world was made to be."""
        return self.verdict.outcome == self.world.truth


@checked_arguments
def carry_out(
    world: World,
    arms: Sequence[Arm] | None = None,
    *,
    runs: int,
    seed: int = 0,
    confidence: float = 0.95,
    advance: Callable[[float], None] | None = None,
) -> Experiment:
    """Run all arms in a world and judge: by the law's arms, by all, and by those alone that confound.

    Parameters
    ----------
    world
    arms
        The first is the control; all that the world can run when not given.
    runs
        For each arm and switch epoch.
    seed
        The same seed gives the same experiment.
    confidence
        Of intervals.
    advance
        Called with the fraction of the work done since the last call.
    """
    arms = tuple(arm for arm in ARMS if world.can_run(arm)) if arms is None else tuple(arms)
    seen = observe(world, arms, runs=runs, seed=seed, advance=advance)
    beyond = tuple(arm.name for arm in arms if not arm.within_the_law)
    verdict = judge([each for each in seen if each.arm not in beyond])
    everything = judge(seen) if beyond else None
    copies = (everything or verdict).copies
    unlike = [arm for arm in arms if arm.name not in copies]
    lawful = [arm for arm in unlike if arm.within_the_law]
    names = confounding_arms(lawful, world.training, world.switch_epochs, world.epochs_after)
    alone = tuple(each for each in seen if each.arm in names)
    rows = verdict_table(
        everything or verdict, level=world.level, fitted_to=[arms[0].name], confidence=confidence, seed=seed
    )
    control = _replicates(seen, arms[0].name, world.level, [seed, 0])
    shifts = []
    for number, arm in enumerate(unlike):
        moved = None if number == 0 else _replicates(seen, arm.name, world.level, [seed, number])
        shifts.append(_shift(rows[0].observed, control, rows[number].observed, moved, confidence))
    return Experiment(
        world, seen, verdict, beyond, everything, copies, dispersion_of_repeats(seen), names,
        judge(alone) if names else None, rows, tuple(shifts),
    )  # fmt: skip


def shares(observations: Sequence[Observation], arms: Sequence[str]) -> Array:
    """Recorded stuck shares, shape (arms, switch epochs), switch epochs in the order of recording."""
    return np.array([[each.stuck / each.runs for each in observations if each.arm == arm] for arm in arms])


def shift_of_end(end: CriticalPeriodEnd, control: CriticalPeriodEnd) -> float | None:
    """How much later an end is than the control's, in epochs; None where either is not among the switch epochs."""
    return None if end.epoch is None or control.epoch is None else end.epoch - control.epoch


def _replicates(seen: Sequence[Observation], arm: str, level: float, seed: Sequence[int]) -> Array:
    own = sorted((each for each in seen if each.arm == arm), key=lambda each: each.switch_epoch)
    curves = resample_counts([each.stuck for each in own], own[0].runs, seed=seed)
    return replicate_epochs([each.switch_epoch for each in own], curves, Definition("half_stuck_mass", level))


def _shift(
    control: CriticalPeriodEnd, of_control: Array, end: CriticalPeriodEnd, of_arm: Array | None, confidence: float
) -> EndShift:
    if of_arm is None:
        return EndShift(0.0, 0.0, 0.0) if control.epoch is not None else EndShift(None, None, None)
    with np.errstate(invalid="ignore"):
        low, high = percentile_interval(of_arm - of_control, confidence)
    return EndShift(shift_of_end(end, control), low, high)


@checked_arguments
def exact_ends(switch_epochs: Sequence[int], curves: Array, level: float) -> tuple[CriticalPeriodEnd, ...]:
    """Ends of exact curves (arms, switch epochs)."""
    return tuple(find_end(switch_epochs, curve, Definition("half_stuck_mass", level)) for curve in curves)
