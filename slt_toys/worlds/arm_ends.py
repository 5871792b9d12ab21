"""The end of the critical period in each arm three ways: by SGD's exact kernel, by SGD really run, and in its limit.

An arm whose exact curve is another's up to :data:`REDUNDANT` is that arm made twice, and counts once. Anisotropic noise
takes two coordinates: of a pair with one it is run where a second is coupled to it, beside a control of its own there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..fits.ends import CriticalPeriodEnd, Definition, find_end
from ..fits.resampling import end_with_interval, resample_counts
from ..protocol.arms import CONTROL, Arm
from ..protocol.coupled_pair import coupled_pair
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
FEWER_EXAMPLES = 16  # times, and as many times more runs, where a second coordinate is coupled: a kernel pays by step
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
    pair
        On which other pair it was run, in words; empty for the experiment's own.
    control
        The control's end there, by the kernel.
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
    pair: str = ""
    control: CriticalPeriodEnd | None = None


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
        if new and self.bench.noisy.one_sweep(self.bench.run(self.arm, 0)):
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
    first = bench.run(arm, switches[0])
    if missing := noisy.lacks(first):
        if first.anisotropy == 1:
            return _refused(arm, switches, missing)
        return _in_two_coordinates(bench, arm, seed)
    own = [bench.run(arm, switch) for switch in switches]
    limit = bench.limit(own) if langevin and arm.anisotropy == 1 else None
    if noisy.coupled:
        told = "two coupled coordinates: the kernel takes minutes, NoisyPair.kernel_shares has it"
        return _solved(bench, arm, seed, limit, None, told)
    found = _solved(bench, arm, seed, limit, _Curve(bench, arm))
    same, difference = _redundant(found.shares, [other for other in earlier if not other.pair])
    return replace(found, redundant_with=same, difference=difference)


def _refused(arm: Arm, switches: list[int], why: str) -> ArmEnd:
    shares = np.full(len(switches), np.nan)
    return ArmEnd(arm.name, None, None, None, shares, np.nan, 0, (), np.empty(0), np.nan, "", np.nan, why)


def _in_two_coordinates(bench: _Bench, arm: Arm, seed: list[int]) -> ArmEnd:
    """The arm, and the control by the kernel, where a second coordinate is coupled to the pair."""
    fewer = replace(bench.base, dataset_size=bench.base.dataset_size / FEWER_EXAMPLES)
    try:
        pair = coupled_pair(bench.noisy.pair)
        noisy = replace(bench.noisy, pair=pair)
        more, level = FEWER_EXAMPLES * bench.runs, bench.definition.level
        other = _Bench(noisy, fewer, bench.switches, bench.after, level, more, bench.confidence)
        control = _Curve(other, CONTROL).end()
        found = _solved(other, arm, seed, None, _Curve(other, arm))
    except ValueError as refused:
        return _refused(arm, bench.switches, str(refused))
    told = f"{pair.name}, {FEWER_EXAMPLES} times fewer examples and more runs"
    return replace(found, pair=told, control=control)


def _solved(
    bench: _Bench, arm: Arm, seed: list[int], limit: CriticalPeriodEnd | None, curve: _Curve | None, refusal: str = ""
) -> ArmEnd:
    """By the kernel, unless it is refused, and by SGD about the end."""
    switches = bench.switches
    shares, error, kernel, until = np.full(len(switches), np.nan), np.nan, None, None
    if curve is not None:
        try:
            kernel, shares = curve.end(), curve.at(switches)
            error, until = curve.error, curve.followed
        except ValueError as refused:
            refusal = str(refused)
    if kernel is not None:
        at = _places(kernel, switches)
    else:
        at = _searched(bench, [bench.run(arm, switch) for switch in switches], seed)
    stuck, sampled, distance = np.empty(0), None, np.nan
    try:
        stuck, sampled = _sampled(bench, arm, at, seed, until)
        if kernel is not None and curve is not None:
            there = curve.at(at)
            error_of_share = np.sqrt(np.maximum(there * (1 - there), 1e-3) / bench.runs)
            distance = float((np.abs(stuck - there) / error_of_share).max())
    except ValueError as refused:
        refusal = f"{refusal}; {refused}" if refusal else str(refused)
    return ArmEnd(
        arm.name, kernel, sampled, limit, shares, error, bench.runs, tuple(at), stuck, distance, "", np.nan, refusal
    )


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
