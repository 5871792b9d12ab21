"""By which clock the end of the critical period comes: two sweeps whose learning rates fall unequally fast.

Sweeps of several batch sizes cannot tell a temperature at the switch from the flow time left after it [eq:confound].
At one batch size and two decays they differ, [eq:end-at-another-decay] and [eq:end-at-another-decay-time-left], and
both differ from the flow time spent [eq:end-at-another-decay-time-spent] and from a clock that counts epochs.

A clock that decides makes the second sweep's curve the first one's, read where its clock shows the same, up to level
and depth. How far it lies off is fitted: `displacement`. Half depth uses one crossing, and loses sight of a clock by
which nothing would fall; the fit uses all rows. Switch epochs at which the first sweep's clock never comes so far are
left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import stdtrit

from cifar.analysis.analysis import CONFIDENCE, ENOUGH, Findings, resampled
from cifar.analysis.curves import REACH, Curve, FloatArray, Row, loss_at_switch, reader, scatter, seed_curves
from cifar.analysis.dataset import base_run
from cifar.study.arms import Run
from slt_toys.fits.ends import HALF_DEPTH, find_end, minimum_rows
from slt_toys.fits.resampling import percentile_interval
from slt_toys.results.claims import Verdict

LEARNING_RATE, EPOCH, LEFT, SPENT, LOSS = "learning_rate", "epoch", "flow_time_left", "flow_time_spent", "deficit_loss"
BY_SCHEDULE = (EPOCH, LEARNING_RATE, LEFT, SPENT)  # one of which may be said to decide
FAR = "off by more than half of the curve, or no curve falls"
FEWEST = minimum_rows(HALF_DEPTH) + 2  # switch epochs that both curves need: a place, a level, a depth, and some more
STEP = 0.5  # epochs: between displacements that are tried
UNLIKELY = 1e-3  # of misfits by chance: below, curves have two shapes
DEPTHS = 0.5, 2.0  # of the second curve over the first: another decay may change it, but not to any depth

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Sweep:
    """What is needed of a sweep: its finished runs and what was fitted to them."""

    rows: Sequence[Row]
    findings: Findings

    def run(self, batch_size: int) -> Run:
        """A run of the base arm at this batch size."""
        return base_run([row for row in self.rows if row.run.batch_size == batch_size], self.findings.deficit)


@dataclass(frozen=True)
class Reading:
    """What one clock says of one batch size, or of the mean over batch sizes.

    Attributes
    ----------
    clock, batch_size
        Of which; None for the mean.
    epochs
        Switch epochs of the second sweep that the first one's clock covers.
    at
        The first sweep's epochs at which its clock shows as much.
    predicted, found
        Half depth (epochs of the second sweep) on these; None where it is not on the curve.
    off
        Epochs of the first sweep by which the end comes later than the clock says, with an interval that holds for all
        readings of the clock together; an end may be open. None where there is none.
    within
        What the interval lacks.
    why
        In words, what is to be doubted, or why nothing can be said.
    """

    clock: str
    batch_size: int | None
    epochs: tuple[float, ...] = ()
    at: tuple[float, ...] = ()
    predicted: float | None = None
    found: float | None = None
    off: tuple[float, float | None, float | None] | None = None
    within: str = ""
    why: str = ""

    @property
    def refused(self) -> bool:
        """Whether the interval excludes what the clock says."""
        if self.off is None:
            return False
        _, low, high = self.off
        return (low is not None and low > 0) or (high is not None and high < 0)

    @property
    def held(self) -> bool:
        """Whether an interval, closed on both sides and of curves of one shape, holds it."""
        return self.off is not None and None not in self.off and not self.refused and not self.why


def read_clocks(first: Sweep, second: Sweep) -> list[Reading]:
    """What each clock predicts of the second sweep from the first, at each batch size that both have.

    Parameters
    ----------
    first, second
        Of one recipe but for the decay of the learning rate and numbers of epochs.

    Raises
    ------
    ValueError
        If the sweeps share no batch size.
    """
    sizes = [size for size in first.findings.curves if size in second.findings.curves]
    if not sizes:
        raise ValueError("beside: the sweeps have no batch size in common; give two that have")
    spread = max((scatter(each.rows) for each in (first, second)), key=lambda pair: pair[1])
    confidence = 1 - (1 - CONFIDENCE) / (len(sizes) + 1 if len(sizes) > 1 else 1)
    return [
        each for clock in (*BY_SCHEDULE, LOSS) for each in _of_clock(first, second, clock, sizes, spread, confidence)
    ]


def verdicts(readings: Sequence[Reading]) -> dict[str, Verdict]:
    """Of each clock ``no`` if a reading refuses it, ``yes`` if all hold it and each rival by schedule is refused."""
    by_clock: dict[str, list[Reading]] = {}
    for each in readings:
        by_clock.setdefault(each.clock, []).append(each)
    refused = {clock: any(each.refused for each in own) for clock, own in by_clock.items()}
    told: dict[str, Verdict] = {}
    for clock, own in by_clock.items():
        rivals = [other for other in BY_SCHEDULE if other != clock]
        alone = clock in BY_SCHEDULE and all(refused.get(other, False) for other in rivals)
        told[clock] = "no" if refused[clock] else "yes" if alone and all(e.held for e in own) else "cannot tell"
    return told


# ---- clocks ----
def clock_values(sweep: Sweep, curve: Curve, clock: str, scale: float = math.inf) -> FloatArray:
    """What a clock shows at each switch epoch of a curve, in the direction in which it grows; nan where unknown.

    Flow times are sums of learning rates over epochs, as batch size, examples and momentum are those of both sweeps.
    Any growing function of a clock is the same clock: these are such that lines over epochs join their values.

    Parameters
    ----------
    sweep, curve
        The base arm's, at one batch size.
    clock
        Of `BY_SCHEDULE`, or `LOSS`: minus the loss under the deficit at the switch, in nats.
    scale
        Flow time spent is shown as ``-log(1 - spent / scale)``, or as it is where that is infinite; what is beyond it
        is at infinity. With all that a run of endless length spends, lines join its values.
    """
    if clock == LOSS:
        return -loss_at_switch(sweep.rows, curve)
    runs = {row.run.switch_epoch: row.run for row in sweep.rows if row.run.curve == curve.name}
    shown = np.array([_shown(runs[int(epoch)], clock) for epoch in curve.switch_epochs])
    if clock != SPENT or math.isinf(scale):
        return shown
    return -np.log(np.maximum(1 - shown / scale, 0), where=shown < scale, out=np.full(len(shown), math.inf))


def _shown(run: Run, clock: str) -> float:
    """At the switch of one run."""
    before = run.switch_epoch + int(run.late or 0)
    if clock == EPOCH:
        return float(run.switch_epoch)
    first, last = replace(run.stages[0], cooling=0), run.stages[-1]  # the switch itself is not cooled
    if clock == LEARNING_RATE:
        return -math.log(first.rate(before, 0))
    if clock == SPENT:
        return sum(first.rate(epoch, 0) for epoch in range(before))
    begin = run.epochs - last.epochs
    return -math.log(sum(last.rate(epoch, begin) for epoch in range(max(before, begin), run.epochs)))


def _endless(sweep: Sweep, curve: Curve) -> float:
    """All that learning rates of the schedule add up to."""
    stage = sweep.run(curve.batch_size).stages[0]
    return stage.learning_rate / (1 - stage.decay) if stage.decay < 1 else math.inf


def _positions(first: Sweep, second: Sweep, clock: str, size: int) -> tuple[FloatArray, FloatArray] | str:
    """Switch epochs of the second sweep that the clock covers, and the first one's epochs at which it shows as much.

    In words where the clock cannot order switch epochs. No deficit is no deficit, whatever a clock shows there.
    """
    one, two = first.findings.curves[size], second.findings.curves[size]
    if min(len(one.switch_epochs), len(two.switch_epochs)) < FEWEST:
        return f"{FEWEST} switch epochs of each sweep are needed"
    scale = _endless(first, one)
    shown, other = clock_values(first, one, clock, scale), clock_values(second, two, clock, scale)
    if not np.all(np.isfinite(shown)) or np.any(np.isnan(other)):
        return "not measured at every switch"
    if np.any(np.diff(shown) <= 0) or np.any(np.diff(other) < 0):
        return "it does not grow with the switch epoch"
    pace = (one.switch_epochs[-1] - one.switch_epochs[-2]) / (shown[-1] - shown[-2])
    beyond = np.maximum(other - shown[-1], 0) * pace
    start = two.switch_epochs == one.switch_epochs[0]
    covered = start | ((other >= shown[0]) & (beyond <= REACH))
    at = np.where(start, one.switch_epochs[0], np.interp(other, shown, one.switch_epochs) + beyond)
    return two.switch_epochs[covered], at[covered]


# ---- how far a curve lies off ----
def displacement(
    epochs: FloatArray, curves: FloatArray, at: FloatArray, others: FloatArray, start: BoolArray | None = None
) -> FloatArray:
    """Epochs by which curves lie later than others of their shape, whatever their level, and depth within `DEPTHS`.

    The least squares of ``other = level + depth * curve(at - displacement)``. A curve is joined by straight lines; it
    is level before its first row, and goes on beyond its last as its last three rows fall.

    Parameters
    ----------
    epochs
        Of the curves, increasing, shape (n,).
    curves
        Shape (r, n).
    at
        Their epochs at which the others should be the same, shape (m,).
    others
        Shape (r, m).
    start
        Rows of the others that are no deficit, and do not move; shape (m,).

    Returns
    -------
    (r,) : infinite where no displacement within half of the curve's length is best.
    """
    still = np.zeros(len(at), dtype=bool) if start is None else start
    half = float(epochs[-1] - epochs[0]) / 2
    steps = np.arange(-math.ceil(half / STEP), math.ceil(half / STEP) + 1) * STEP
    errors = np.stack([_errors(curves @ _falling_reader(epochs, np.where(still, at, at - by)), others) for by in steps])
    best, rows = np.argmin(errors, axis=0), np.arange(errors.shape[1])
    inner = np.clip(best, 1, len(steps) - 2)
    before, here, after = (errors[inner + by, rows] for by in (-1, 0, 1))
    bend = before - 2 * here + after
    vertex = np.where(bend > 0, (before - after) / (2 * np.where(bend > 0, bend, 1.0)), 0.0)
    moved = steps[inner] + STEP * np.clip(vertex, -1, 1)
    return np.where(best == 0, -math.inf, np.where(best == len(steps) - 1, math.inf, moved))


def _falling_reader(epochs: FloatArray, at: FloatArray) -> FloatArray:
    """`reader`, which goes on beyond the last row as the last three rows fall."""
    matrix = reader(epochs, at)
    beyond = np.maximum(at - epochs[-1], 0) / (epochs[-1] - epochs[-3])
    matrix[-1] += beyond
    matrix[-3] -= beyond
    return matrix


def _errors(curves: FloatArray, others: FloatArray) -> FloatArray:
    """Least squares (r,) of the others by the curves, both (r, m), with a level and a depth within bounds."""
    one, two = (each - each.mean(axis=1, keepdims=True) for each in (curves, others))
    squares, products = np.sum(one**2, axis=1), np.sum(one * two, axis=1)
    depth = np.clip(products / np.where(squares > 0, squares, 1.0), *DEPTHS)
    return np.sum(two**2, axis=1) - 2 * depth * products + depth**2 * squares


# ---- readings ----
def _of_clock(
    first: Sweep, second: Sweep, clock: str, sizes: Sequence[int], spread: tuple[float, int], confidence: float
) -> list[Reading]:
    """One clock at each batch size, and on average where all can be read."""
    readings, drawn = [], []
    for size in sizes:
        reading, replicates = _read(first, second, clock, size, spread, confidence)
        readings.append(reading)
        drawn.append(replicates)
    known = [each for each in readings if each.off is not None and each.why != FAR]
    if len(sizes) > 1 and len(known) == len(sizes):
        mean = float(np.mean([each.off[0] for each in known if each.off]))
        bounds = percentile_interval(np.mean([_unknown(each) for each in drawn], axis=0), confidence)
        readings.append(Reading(clock, None, off=(mean, *bounds), within=known[0].within))
    return _between_seeds(first, second, readings, confidence)


def _unknown(values: FloatArray) -> FloatArray:
    """Infinite ones count against both sides: the fit found no displacement."""
    return np.where(np.isfinite(values), values, math.nan)


def _read(
    first: Sweep, second: Sweep, clock: str, size: int, spread: tuple[float, int], confidence: float
) -> tuple[Reading, FloatArray]:
    """One clock at one batch size, its interval of resampled rows, and the displacements of these."""
    none = np.empty(0)
    positions = _positions(first, second, clock, size)
    if isinstance(positions, str):
        return Reading(clock, size, why=positions), none
    epochs, at = positions
    one, two = first.findings.curves[size], second.findings.curves[size]
    there, start = np.isin(two.switch_epochs, epochs), epochs == one.switch_epochs[0]
    bare = Reading(clock, size, tuple(epochs.tolist()), tuple(at.tolist()))
    if len(epochs) < FEWEST:
        return replace(bare, why=f"it covers {len(epochs)} switch epochs, {FEWEST} are needed"), none
    bare = replace(
        bare, predicted=find_end(epochs, one.values @ _falling_reader(one.switch_epochs, at), HALF_DEPTH).epoch,
        found=find_end(epochs, two.values[there], HALF_DEPTH).epoch,
    )  # fmt: skip
    off = displacement(one.switch_epochs, one.values[None], at, two.values[None, there], start).item()
    drawn = [
        resampled(curve, HALF_DEPTH, *spread, [number, size], confidence=confidence)
        for number, curve in enumerate((one, two))
    ]
    moved = displacement(one.switch_epochs, drawn[0], at, drawn[1][:, there], start)
    within = "rows alone" if spread[1] >= ENOUGH else "one seed"
    if math.isinf(off):
        return replace(bare, off=_far(off, moved, one, confidence), within=within, why=FAR), moved
    why = "" if _one_shape(one, two, at - np.where(start, 0, off), there, spread) else "the curves have two shapes"
    return replace(bare, off=(off, *percentile_interval(moved, confidence)), within=within, why=why), moved


def _far(
    off: float, moved: FloatArray, curve: Curve, confidence: float
) -> tuple[float, float | None, float | None] | None:
    """What is off by half of the curve at least, open towards more; None if resampled rows leave the side open."""
    half = float(curve.switch_epochs[-1] - curve.switch_epochs[0]) / 2
    least = float(np.quantile(np.clip(math.copysign(1, off) * moved, -half, half), (1 - confidence) / 2))
    if least <= 0:
        return None
    return (half, least, None) if off > 0 else (-half, None, -least)


def _one_shape(one: Curve, two: Curve, at: FloatArray, there: BoolArray, spread: tuple[float, int]) -> bool:
    """Whether the second curve is the first one, read there, within the scatter between seeds, where that is known."""
    scale, freedom = spread
    rows = len(at) - 3  # a displacement, a level and a depth were fitted
    if freedom < ENOUGH or rows < 1:
        return True
    read = _falling_reader(one.switch_epochs, at)
    error = _errors((one.values @ read)[None], two.values[None, there]).item()
    variance = np.mean(1 / two.counts[there] + (1 / one.counts) @ read**2)
    return error / rows <= scale**2 * float(variance) * float(stats.f.isf(UNLIKELY, rows, freedom))


def _between_seeds(first: Sweep, second: Sweep, readings: Sequence[Reading], confidence: float) -> list[Reading]:
    """One clock's readings with intervals no narrower than t intervals of whole seeds, where there are enough.

    How far each seed's curve lies off its sweep's mean is fitted as well, in epochs of the first sweep; the scatter is
    pooled over batch sizes and both sweeps, as one of them may have a single seed. Resampled rows are wider where a
    clock covers little of the decline.
    """
    known = [each for each in readings if each.off is not None and each.why != FAR]
    squares, freedom, variances = 0.0, 0, {}
    for each in known:
        if each.batch_size is None:
            continue
        one, two = (sweep.findings.curves[each.batch_size] for sweep in (first, second))
        own = [seed_curves(sweep.rows, curve) for sweep, curve in ((first, one), (second, two))]
        if own[0] is None or own[1] is None:
            return list(readings)
        epochs, at = np.array(each.epochs), np.array(each.at)
        there, start = np.isin(two.switch_epochs, epochs), epochs == one.switch_epochs[0]
        for values, where, still in (
            (own[0], one.switch_epochs, one.switch_epochs == one.switch_epochs[0]), (own[1][:, there], at, start)
        ):  # fmt: skip
            if len(values) > 1:
                mean = np.broadcast_to(values.mean(axis=0), values.shape)
                order = np.argsort(where)
                offs = displacement(where[order], mean[:, order], where, values, still)
                if not np.all(np.isfinite(offs)):
                    return list(readings)
                squares += float(np.sum((offs - offs.mean()) ** 2))
                freedom += len(values) - 1
        variances[each.batch_size] = 1 / len(own[0]) + 1 / len(own[1])
    if freedom < ENOUGH or not 0 < squares < math.inf:
        return list(readings)
    scale = float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(squares / freedom)
    told = []
    for each in readings:
        if each in known and each.off is not None:
            size = each.batch_size
            variance = sum(variances.values()) / len(variances) ** 2 if size is None else variances[size]
            reach = scale * math.sqrt(variance)
            off, low, high = each.off
            low, high = (
                None if low is None else min(low, off - reach),
                None if high is None else max(high, off + reach),
            )
            each = replace(each, off=(off, low, high), within="")
        told.append(each)
    return told
