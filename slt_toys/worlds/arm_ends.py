"""The end of the critical period in each arm three ways: by SGD's exact kernel, by SGD really run, and in its limit.

An arm whose exact curve is another's up to :data:`REDUNDANT` is that arm made twice, and counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..fits.ends import CriticalPeriodEnd, Definition, find_end
from ..fits.resampling import end_with_interval, resample_counts
from ..protocol.arms import Arm
from ..protocol.exact import exact_stuck_in_arm
from ..protocol.schedule import Schedule
from ..protocol.sgd_pair import NoisyPair
from ..protocol.sgd_run import SGDRun
from ..protocol.training import Training

Array = NDArray[np.float64]
REDUNDANT = 0.02  # largest difference of exact stuck shares of two arms that count as one
AROUND = (-3, 3)  # epochs about the exact end at which SGD is run
AROUND_ROUGHLY = (-6, -2, 2, 6)  # about an end that a few runs found
BEYOND = (-10, 0)  # about the last switch epoch, where the exact end is later
FEW = 128  # runs of a search, where there is no kernel

__all__ = ["REDUNDANT", "ArmEnd", "arm_ends"]


@dataclass(frozen=True, eq=False)
class ArmEnd:
    """One arm.

    Attributes
    ----------
    arm
    kernel
        End by the exact kernel; None where there is none.
    sampled
        End of SGD really run, with its interval; None where it cannot be run.
    langevin
        End in the limit of small steps, at the law's temperature; None where it was not asked for.
    shares
        Exact stuck shares at the switch epochs; not numbers without a kernel.
    error
        Bound of what the kernel neglects in them.
    runs
        How often SGD was run at each of ``sampled_at``.
    sampled_at, stuck
        Switch epochs and stuck shares of those runs.
    distance
        Largest difference of sampled and exact shares, in standard errors.
    redundant_with, difference
        An earlier arm with the same exact curve, empty without any, and the largest difference from it.
    refusal
        Why the kernel, or the arm, cannot be had; empty where it can.
    """

    arm: str
    kernel: CriticalPeriodEnd | None
    sampled: CriticalPeriodEnd | None
    langevin: CriticalPeriodEnd | None
    shares: Array
    error: float
    runs: int
    sampled_at: tuple[int, ...]
    stuck: Array
    distance: float
    redundant_with: str
    difference: float
    refusal: str


class _Bench:
    """What all arms of one table share."""

    def __init__(
        self, noisy: NoisyPair, base: Training, switches: list[int], after: int, level: float, runs: int,
        confidence: float,
    ) -> None:  # fmt: skip
        self.noisy, self.base, self.switches, self.after = noisy, base, switches, after
        self.definition, self.runs, self.confidence = Definition("half_stuck_mass", level), runs, confidence
        self.limits: list[tuple[list[Schedule], CriticalPeriodEnd]] = []

    def run(self, arm: Arm, switch: int) -> SGDRun:
        """The arm's settings."""
        return arm.sgd_run(self.base, switch, self.after)

    def limit(self, runs: Sequence[SGDRun]) -> CriticalPeriodEnd:
        """The end in the limit of small steps; solved once for arms of one schedule."""
        own = [
            replace(run.schedule(self.noisy.gradient_variance), order="with replacement", steps_per_epoch=0)
            for run in runs
        ]
        for known, end in self.limits:
            if all(one.same_as(other) for one, other in zip(own, known, strict=True)):
                return end
        end = find_end(self.switches, exact_stuck_in_arm(self.noisy.pair, own), self.definition)
        self.limits.append((own, end))
        return end


class _Curve:
    """Exact stuck shares of one arm by switch epoch, each solved once."""

    def __init__(self, bench: _Bench, arm: Arm) -> None:
        self.bench, self.arm = bench, arm
        self.shares: dict[int, float] = {}
        self.error, self.followed = 0.0, 0

    def at(self, switches: Sequence[int]) -> Array:
        """Shares at switch epochs."""
        new = sorted({*switches} - self.shares.keys())
        if new and (self.bench.run(self.arm, 0).momentum or self.arm.order == "reshuffled"):
            # one sweep gives every switch epoch
            new = list(range(self.bench.switches[0], max(*new, self.bench.switches[-1]) + 1))
        if new:
            solved = self.bench.noisy.kernel_shares([self.bench.run(self.arm, switch) for switch in new])
            self.shares.update(zip(new, solved.shares.tolist(), strict=True))
            self.error, self.followed = max(self.error, solved.error), max(self.followed, int(solved.followed.max()))
        return np.array([self.shares[switch] for switch in switches])

    def end(self) -> CriticalPeriodEnd:
        """From switch epochs one apart, where the coarse curve crosses the level."""
        switches, definition = self.bench.switches, self.bench.definition
        shares = self.at(switches)
        coarse = find_end(switches, shares, definition)
        place = np.flatnonzero((shares[:-1] < definition.level) & (shares[1:] >= definition.level))
        if coarse.epoch is None or not place.size:
            return coarse
        fine = list(range(switches[place[0]], switches[place[0] + 1] + 1))
        return find_end(fine, self.at(fine), definition)


def arm_ends(
    noisy: NoisyPair, base: Training, arms: Sequence[Arm], switch_epochs: Sequence[int], epochs_after: int,
    level: float, *, runs: int, seed: int, confidence: float = 0.95, langevin: bool = True,
    advance: Callable[[], None] | None = None,
) -> tuple[ArmEnd, ...]:  # fmt: skip
    """Solve and run every arm.

    Parameters
    ----------
    noisy
        The pair, whose gradients have a noise of their own.
    base
        The control run.
    arms, switch_epochs, epochs_after, level
        The experiment.
    runs
        Of SGD at each of a few switch epochs about the end.
    seed
        The same seed gives the same result.
    confidence
        Of intervals.
    langevin
        Whether the limit of small steps is solved as well.
    advance
        Called after each arm.
    """
    bench = _Bench(noisy, base, list(switch_epochs), epochs_after, level, runs, confidence)
    found: list[ArmEnd] = []
    for number, arm in enumerate(arms):
        found.append(_arm_end(bench, arm, [seed, number], langevin, found))
        if advance is not None:
            advance()
    return tuple(found)


def _arm_end(bench: _Bench, arm: Arm, seed: list[int], langevin: bool, earlier: Sequence[ArmEnd]) -> ArmEnd:
    noisy, switches = bench.noisy, bench.switches
    own = [bench.run(arm, switch) for switch in switches]
    shares, error, kernel, until = np.full(len(switches), np.nan), np.nan, None, None
    if missing := noisy.lacks(own[0]):
        return ArmEnd(arm.name, None, None, None, shares, error, 0, (), np.empty(0), np.nan, "", np.nan, missing)
    limit, refusal = bench.limit(own) if langevin else None, ""
    curve = _Curve(bench, arm)
    try:
        kernel, shares = curve.end(), curve.at(switches)
        error, until = curve.error, curve.followed
    except ValueError as refused:
        refusal = str(refused)
    at = _places(kernel, switches) if kernel is not None else _searched(bench, own, seed)
    stuck, sampled, distance = np.empty(0), None, np.nan
    try:
        stuck, sampled = _sampled(bench, arm, at, seed, until)
        if kernel is not None:
            there = curve.at(at)
            error_of_share = np.sqrt(np.maximum(there * (1 - there), 1e-3) / bench.runs)
            distance = float((np.abs(stuck - there) / error_of_share).max())
    except ValueError as refused:
        refusal = f"{refusal}; {refused}" if refusal else str(refused)
    same, difference = _redundant(shares, earlier)
    return ArmEnd(
        arm.name, kernel, sampled, limit, shares, error, bench.runs, tuple(at), stuck, distance, same, difference,
        refusal,
    )  # fmt: skip


def _sampled(
    bench: _Bench, arm: Arm, at: Sequence[int], seed: list[int], until: int | None
) -> tuple[Array, CriticalPeriodEnd]:
    """Stuck shares of SGD really run at some switch epochs, as long as anything happens, and their end."""
    counts = []
    for switch in at:
        last = None if until is None else max(until, switch + 1)
        stuck = bench.noisy.stuck(bench.run(arm, switch), chains=bench.runs, seed=[*seed, switch], until=last)
        counts.append(float(stuck.sum()))
    curves = resample_counts(counts, bench.runs, seed=seed)
    shares = np.array(counts) / bench.runs
    return shares, end_with_interval(at, shares, curves, bench.definition, confidence=bench.confidence)


def _places(kernel: CriticalPeriodEnd, switches: list[int], around: Sequence[int] = AROUND) -> list[int]:
    """Switch epochs about the exact end."""
    last = switches[-1]
    if kernel.epoch is None:
        return sorted({max(0, (last if kernel.state == "later" else 10) + by) for by in BEYOND})
    return sorted({int(np.clip(round(kernel.epoch) + by, 0, last)) for by in around})


def _searched(bench: _Bench, runs: Sequence[SGDRun], seed: list[int]) -> list[int]:
    """Switch epochs about the end of a few runs, where there is no kernel."""
    rough = [float(bench.noisy.stuck(run, chains=FEW, seed=[*seed, 10_000 + k]).mean()) for k, run in enumerate(runs)]
    return _places(find_end(bench.switches, rough, bench.definition), bench.switches, AROUND_ROUGHLY)


def _redundant(shares: Array, earlier: Sequence[ArmEnd]) -> tuple[str, float]:
    """The first arm of the same exact curve that is itself no copy, and how far it is at most."""
    for other in earlier:
        difference = float(np.abs(shares - other.shares).max())
        if difference <= REDUNDANT and not other.redundant_with:
            return other.arm, difference
    return "", np.nan
