"""What a sweep amounts to: the end of the critical period by the toys' own definitions and fits, and the controls.

Intervals of ends are t intervals of the ends of the seeds' own curves, whose scatter is pooled over batch sizes
(`slt_toys.fits.seeds`): another seed may move a whole curve. Where seeds lack points of the curve, and for the
collapse, they are of resampled curves: each row's mean plus normal scatter of the size seen between seeds, pooled over
the whole sweep and stretched by the ratio of the t to the normal quantile. That lacks what moves all rows alike, and
says so. Where points have many seeds, two are compared seed by seed. With one seed the scatter between rows stands in
for it (`slt_toys.fits.resampling.resample_curve`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

from cifar.analysis.curves import MANY, Curve, FloatArray, Row, curve, loss_at_switch, paired, scatter, seed_curves
from slt_toys.fits.batch_size import Comparison, EpochsPerHalving, compare, epochs_per_halving, usable_ends
from slt_toys.fits.collapse import BatchCurve, BestExponent, Collapse, best_exponent, collapse, collapse_contrast
from slt_toys.fits.ends import HALF_DEPTH, HINGE, CriticalPeriodEnd, Definition, minimum_rows, replicate_epochs
from slt_toys.fits.resampling import ONE_SEED, end_with_interval, resample_curve
from slt_toys.fits.rival_laws import rival_models
from slt_toys.fits.seeds import ends_over_seeds, halving_over_seeds, uncensored

REPETITIONS = 2000
CONFIDENCE = 0.95
# The scatter of a group is an honest yardstick from this many degrees of freedom on.
ENOUGH = 3
LAW, LOSS = "learning_rate/batch_size", "deficit_train_loss"  # what curves are drawn over
ROWS_ALONE = "rows alone"  # what intervals of resampled rows are confined to

Interval = tuple[float, float, float]  # a number and its bounds


@dataclass(frozen=True)
class ControlFinding:
    """A control against the base arm at the same batch size and switch epoch, and against no deficit at all.

    Percentage points of final test accuracy. ``recovered`` is the control less the base arm, ``lost`` no deficit less
    the control; each with its interval, None where a run is missing, failed the gate, or has no scatter to judge by.
    """

    arm: str
    deficit: str
    batch_size: int
    switch_epoch: int
    accuracy: float | None
    base: float | None
    no_deficit: float | None
    recovered: Interval | None
    lost: Interval | None
    failed: bool


@dataclass(frozen=True)
class Findings:
    """Everything fitted to a sweep; per definition of the end, then per batch size. Epochs and percent.

    ``declines`` are percentage points from no deficit to the mean of the last three switch epochs, with intervals:
    where none is shown, an end by any definition is that of noise.
    """

    deficit: str
    curves: dict[int, Curve]
    scatter: float
    freedom: int
    ends: dict[str, dict[int, CriticalPeriodEnd]]
    epochs_per_halving: dict[str, EpochsPerHalving]
    comparisons: dict[str, Comparison]
    collapse: dict[str, Collapse]
    best_exponent: BestExponent | None
    controls: tuple[ControlFinding, ...]
    declines: dict[int, Interval | None]
    loss_contrast: tuple[float, float | None, float | None] | None = None  # collapse over learning rate/B, less loss
    notes: tuple[str, ...] = ()


def analyse(
    finished: Sequence[Row],
    *,
    deficit: str,
    decay: float,
    learning_rate: float,
    momentum: float,
    examples: int,
    seed: int = 0,
) -> Findings:
    """Analyse the finished runs of a sweep.

    Parameters
    ----------
    finished
        From `cifar.analysis.curves.rows`.
    deficit
        Of the base arm.
    decay, learning_rate, momentum
        Of the base arm's schedule.
    examples
        In an epoch.
    seed
        Of the resampling.
    """
    sizes = sorted({row.run.batch_size for row in finished if row.run.curve[:2] == ("base", deficit)})
    curves = {size: curve(finished, "base", deficit, size) for size in sizes}
    spread, freedom = scatter(finished)
    notes = [words for each in curves.values() for words in _doubts(each)]
    usable = {size: each for size, each in curves.items() if len(each.values) >= minimum_rows(HALF_DEPTH)}
    if missing := sorted(set(sizes) - set(usable)):
        without = ", ".join(map(str, missing))
        notes.append(f"Too few runs are done and passed the gate at batch sizes {without} for an end.")
    ends: dict[str, dict[int, CriticalPeriodEnd]] = {}
    halvings: dict[str, EpochsPerHalving] = {}
    comparisons: dict[str, Comparison] = {}
    drawn: dict[int, FloatArray] = {}
    method = "pooled scatter between seeds" if freedom >= ENOUGH else "residual bootstrap, one seed"
    for position, definition in enumerate(definitions(usable)):
        name = definition.name
        long = {size: each for size, each in usable.items() if len(each.values) >= minimum_rows(definition)}
        drawn = {
            size: resampled(each, definition, spread, freedom, [seed, position, size]) for size, each in long.items()
        }
        ends[name] = {
            size: end_with_interval(
                each.switch_epochs, each.values, drawn[size], definition, confidence=CONFIDENCE, method=method,
                within=ROWS_ALONE if freedom >= ENOUGH else ONE_SEED,
            )
            for size, each in long.items()
        }  # fmt: skip
        if whole := _whole(finished, long):
            ends[name] = ends_over_seeds(whole, definition, confidence=CONFIDENCE)
        kept, epochs, errors, left_out = usable_ends(ends[name])
        notes += [f"By {name.replace('_', ' ')}, left out of the fits: {words}." for words in left_out]
        if len(kept) >= 2:
            columns = [replicate_epochs(usable[int(size)].switch_epochs, drawn[int(size)], definition) for size in kept]
            replicates = np.column_stack(columns)
            shift = epochs_per_halving(kept, epochs, replicates=replicates, confidence=CONFIDENCE)
            halvings[name] = replace(shift, within=next(iter(ends[name].values())).within)
            if whole and len(uncensored(whole, definition)) >= 2:
                halvings[name] = halving_over_seeds(whole, definition, confidence=CONFIDENCE)
            models = rival_models(
                kept, decay=decay, learning_rate=learning_rate, dataset_size=examples, momentum=momentum
            )
            comparisons[name] = compare(models, kept, epochs, errors, confidence=CONFIDENCE)
    spreads, exponent, contrast = _collapse(finished, usable, drawn, decay, learning_rate, examples, notes)
    return Findings(
        deficit, curves, spread, freedom, ends, halvings, comparisons, spreads, exponent,
        tuple(_controls(finished, deficit, curves, spread, freedom)),
        {size: _decline(finished, each, spread, freedom) for size, each in curves.items()}, contrast,
        tuple(notes),
    )  # fmt: skip


def _whole(finished: Sequence[Row], curves: Mapping[int, Curve]) -> dict[int, tuple[FloatArray, FloatArray]]:
    """Curves of whole seeds by batch size; empty unless each has one, and one has two or more.

    Where seeds are still to be completed, each batch size needs two that are.
    """
    own = {size: seed_curves(finished, each) for size, each in curves.items()}
    whole = {size: (curves[size].switch_epochs, each) for size, each in own.items() if each is not None}
    begun = any(len(each) < int(curves[size].counts.max()) for size, (_, each) in whole.items())
    several = (all if begun else any)(len(each) > 1 for _, each in whole.values())
    return whole if several and len(whole) == len(curves) else {}


def _doubts(curve_: Curve) -> list[str]:
    """What a curve cannot be held against others for: points that are missing, or means of fewer runs than others."""
    size, epochs, said = curve_.batch_size, curve_.switch_epochs, []
    if len(set(curve_.counts.tolist())) > 1:
        each = ", ".join(f"{int(e)}: {count}" for e, count in zip(epochs, curve_.counts, strict=True))
        said.append(
            f"B = {size}: switch epochs are means of different numbers of runs ({each}); ends over seeds are of whole "
            "ones."
        )
    if len(epochs) and (first := int(epochs[0])):
        said.append(
            f"B = {size}: no run of e_s = 0 counts; every end is measured from e_s = {first} instead of from no "
            "deficit."
        )
    if late := [epoch for epoch in curve_.failed if len(epochs) and epoch > epochs[0]]:
        missing = ", ".join(map(str, late))
        said.append(f"B = {size}: no run passed the gate at e_s = {missing}; the ends are of what is left.")
    return said


def definitions(curves: Mapping[int, Curve]) -> list[Definition]:
    """The toys' three definitions; a mass needs one level for all, midway between the best start and the mean end."""
    if not curves:
        return [HINGE, HALF_DEPTH]
    top = np.mean([each.values[0] for each in curves.values()])
    bottom = np.mean([each.values[-HALF_DEPTH.tail_rows :].mean() for each in curves.values()])
    common = Definition("half_stuck_mass", level=float(top + bottom) / 2, direction="falling")
    return [common, HINGE, HALF_DEPTH]


def resampled(
    curve_: Curve,
    definition: Definition,
    spread: float,
    freedom: int,
    seed: list[int],
    confidence: float = CONFIDENCE,
) -> FloatArray:
    """Curves (`REPETITIONS`, n) like one of a sweep.

    Parameters
    ----------
    curve_
        Means of some runs.
    definition
        What their ends are wanted by; read where there are too few seeds.
    spread, freedom
        Standard deviation between seeds (percent) and its degrees of freedom; below `ENOUGH` of these the scatter
        between rows takes its place.
    seed
        Of the resampling.
    confidence
        Of the percentile intervals they are for: scatter is stretched by the ratio of the t to the normal quantile.
    """
    epochs, values = curve_.switch_epochs, curve_.values
    if freedom < ENOUGH:
        return resample_curve(epochs, values, definition, confidence=confidence, repetitions=REPETITIONS, seed=seed)
    stretch = float(stdtrit(freedom, (1 + confidence) / 2) / ndtri((1 + confidence) / 2))
    noise = np.random.default_rng(seed).standard_normal((REPETITIONS, len(values)))
    return values + stretch * spread / np.sqrt(curve_.counts) * noise


def _collapse(
    finished: Sequence[Row],
    curves: Mapping[int, Curve],
    drawn: Mapping[int, FloatArray],
    decay: float,
    learning_rate: float,
    examples: int,
    notes: list[str],
) -> tuple[dict[str, Collapse], BestExponent | None, tuple[float, float | None, float | None] | None]:
    try:
        batch, contrast = [], None
        for size, curve_ in curves.items():
            epochs, loss = curve_.switch_epochs, loss_at_switch(finished, curve_)
            known = loss if np.all(np.isfinite(loss)) else None
            batch.append(BatchCurve(size, epochs, curve_.values, learning_rate * decay**epochs, known))
        spreads = collapse(batch, dataset_size=examples)
        if LOSS in spreads and drawn and None not in (spreads[LOSS].spread, spreads[LAW].spread):
            contrast = collapse_contrast(
                batch, LAW, LOSS, replicates=drawn, dataset_size=examples, confidence=CONFIDENCE
            )  # fmt: skip
        return spreads, best_exponent(batch, replicates=drawn if drawn else None, confidence=CONFIDENCE), contrast
    except ValueError as error:
        notes.append(f"No collapse: {error}.")
        return {}, None, None


def _controls(
    finished: Sequence[Row], deficit: str, curves: Mapping[int, Curve], spread: float, freedom: int
) -> list[ControlFinding]:
    names = {row.run.curve for row in finished} - {("base", deficit, size) for size in curves}
    controls = []
    for arm, kind, size in sorted(names):
        control = curve(finished, arm, kind, size)
        base = curves.get(size)
        # the switch epoch of a window is its onset: no run of the base arm is its counterpart
        counterpart = None if arm == "window" else base
        for epoch in sorted({*control.switch_epochs.astype(int).tolist(), *control.failed}):
            value, other, start = _at(control, epoch), _at(counterpart, epoch), _at(base, 0)
            own, zero = (control, epoch), (base, 0)
            recovered = _compared(finished, own, (counterpart, epoch), value, other, spread, freedom)
            lost = _compared(finished, zero, own, start, value, spread, freedom)
            controls.append(ControlFinding(
                arm, kind, size, epoch, value and value[0], other and other[0], start and start[0], recovered, lost,
                epoch in control.failed,
            ))  # fmt: skip
    return controls


def _compared(
    finished: Sequence[Row],
    one: tuple[Curve | None, int],
    two: tuple[Curve | None, int],
    first: tuple[float, int] | None,
    second: tuple[float, int] | None,
    spread: float,
    freedom: int,
) -> Interval | None:
    """One point less another: seed by seed where there are many, else by the pooled scatter."""
    if first is not None and second is not None and one[0] is not None and two[0] is not None:
        each = paired(finished, (one[0], one[1]), (two[0], two[1]))
        if each is not None:
            return _mean_with_interval(each)
    return _difference(first, second, spread, freedom)


def _mean_with_interval(values: FloatArray) -> Interval:
    count = len(values)
    reach = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2) * np.std(values, ddof=1) / math.sqrt(count))
    return float(values.mean()), float(values.mean()) - reach, float(values.mean()) + reach


def _decline(finished: Sequence[Row], curve_: Curve, spread: float, freedom: int) -> Interval | None:
    tail = HALF_DEPTH.tail_rows
    if len(curve_.values) <= tail or curve_.switch_epochs[0] != 0:
        return None
    own = seed_curves(finished, curve_)
    if own is not None and len(own) >= MANY:
        return _mean_with_interval(own[:, 0] - own[:, -tail:].mean(1))
    # the mean of the last rows, each of some runs, is as sure as one row of so many runs
    last = float(curve_.values[-tail:].mean()), tail**2 / float(np.sum(1 / curve_.counts[-tail:]))
    return _difference(_at(curve_, 0), last, spread, freedom)


def _at(curve_: Curve | None, epoch: int) -> tuple[float, int] | None:
    """Mean and number of the runs of a switch epoch."""
    if curve_ is None or epoch not in curve_.switch_epochs:
        return None
    where = int(np.flatnonzero(curve_.switch_epochs == epoch)[0])
    return float(curve_.values[where]), int(curve_.counts[where])


def _difference(
    first: tuple[float, float] | None, second: tuple[float, float] | None, spread: float, freedom: int
) -> Interval | None:
    if first is None or second is None or not freedom:
        return None
    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * spread * math.sqrt(1 / first[1] + 1 / second[1])
    gap = first[0] - second[0]
    return gap, gap - reach, gap + reach


def plain(findings: Findings) -> dict[str, Any]:
    """A plain dictionary for JSON."""
    return {
        "deficit": findings.deficit,
        "scatter_between_seeds_percent": findings.scatter if findings.freedom else None,
        "degrees_of_freedom": findings.freedom,
        "critical_period_end": {
            name: {str(size): end.to_dict() for size, end in ends.items()} for name, ends in findings.ends.items()
        },
        "epochs_per_halving": {name: shift.to_dict() for name, shift in findings.epochs_per_halving.items()},
        "comparison": {name: comparison.to_dict() for name, comparison in findings.comparisons.items()},
        "collapse": {name: spread.to_dict() for name, spread in findings.collapse.items()},
        "best_exponent": None if findings.best_exponent is None else findings.best_exponent.to_dict(),
        "loss_contrast": findings.loss_contrast,
        "decline": {str(size): decline for size, decline in findings.declines.items()},
        "controls": [control.__dict__ for control in findings.controls],
        "notes": list(findings.notes),
    }
