"""Do the curves of different batch sizes fall on one, and over which variable?

Every curve is normalised to run from 1 (its first row) to 0 (the mean of its last four rows). At each level from .15 to
.85 the standard deviation between batch sizes of the variable where the curves first cross that level is averaged over
levels and divided by the range of the mean curve. Zero is a perfect collapse; a variable that does not order the curves
at all has a spread of the order of one.

Variables: the epoch, log(1 + number of updates), log(learning rate / batch size^a), and the logarithm of the deficit
train loss, all at the switch. Curves are joined by straight lines in the variable itself. These choices are the ones
that give the published figures: .607, .209, .149, .097, .068, .039 for updates, epoch, a = 1.5, .5, 1 and loss.

Under a learning rate that decays by a constant factor per epoch, the scaling theorem
[eq:critical-period-end-exponential] makes a = 1 exact; log(learning rate / batch size) is then, up to a constant, the
logarithm of the temperature and that of the flow time left, so their collapse cannot tell these two apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..inputs.arguments import check_fields, checked_arguments
from .ends import FloatArray, Record, check_curve, check_rows, first_crossing
from .resampling import check_confidence, percentile_interval

LEVELS = tuple(round(0.15 + 0.05 * step, 2) for step in range(15))
SAME = 1e-12  # relative difference up to which two spreads are one
TAIL_ROWS = 4
EXPONENTS = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class BatchCurve:
    """The curve of one batch size; arrays of shape (n,) over switch epochs.

    ``values`` is an accuracy, a loss or a stuck probability at the end of training. ``learning_rates`` are those at the
    switch, ``deficit_train_loss`` (if known) the loss then reached on the deficit's training data.
    """

    batch_size: int
    switch_epochs: FloatArray
    values: FloatArray
    learning_rates: FloatArray
    deficit_train_loss: FloatArray | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.batch_size < 1:
            raise ValueError(f"batch_size: {self.batch_size} is not a batch size; give a positive whole number")
        check_curve(self.switch_epochs, self.values, TAIL_ROWS + 1)
        for name in ("learning_rates", "deficit_train_loss"):
            values = getattr(self, name)
            if values is None:
                continue
            if np.shape(values) != np.shape(self.switch_epochs):
                raise ValueError(f"{name}: shape {np.shape(values)} is not that of switch_epochs; give one per epoch")
            check_rows(name, values, positive=True)


@dataclass(frozen=True)
class Collapse(Record):
    """How well curves collapse over one variable: ``spread`` (no unit, lower is better) or ``None``, and why."""

    variable: str
    spread: float | None
    levels: int
    reason: str = ""


@dataclass(frozen=True)
class BestExponent(Record):
    """The exponent a for which log(learning rate / batch size^a) collapses the curves best.

    ``low`` and ``high`` are the percentile interval over resampled curves (``None`` if none were given); ``flat_low``
    to ``flat_high`` are the exponents whose spread is at most ``flat_within`` above the minimum, as a fraction of it.
    """

    exponent: float
    spread: float
    low: float | None
    high: float | None
    flat_low: float
    flat_high: float
    flat_within: float
    confidence: float | None
    repetitions: int


def normalise(values: ArrayLike, *, absolute: bool = False) -> FloatArray:
    """Curves (..., n) scaled to run from 1 to 0.

    With ``absolute`` the values are stuck probabilities, and 1 - value is taken without any scaling.

    Raises
    ------
    ValueError
        If a curve ends where it begins.
    """
    curves = np.asarray(values, dtype=float)
    if absolute:
        return 1 - curves
    first, last = curves[..., :1], curves[..., -TAIL_ROWS:].mean(axis=-1, keepdims=True)
    if np.any(first == last):
        raise ValueError("values: a curve ends where it begins; only a curve that falls or rises can be normalised")
    return (curves - last) / (first - last)


@checked_arguments
def collapse(
    curves: Sequence[BatchCurve], *, dataset_size: int, exponents: Sequence[float] = EXPONENTS,
    levels: Sequence[float] = LEVELS, absolute: bool = False,
) -> dict[str, Collapse]:  # fmt: skip
    """The spread over every variable, by name of the variable.

    Parameters
    ----------
    curves : sequence of BatchCurve
        At least two batch sizes.
    dataset_size : int
        Examples in an epoch, to count updates.
    exponents : sequence of float
        The a of log(learning rate / batch size^a).
    levels : sequence of float
        Between 0 and 1. A level that some curve does not cross is left out.
    absolute : bool
        See `normalise`.
    """
    variables = _variables(curves, dataset_size, exponents)
    shapes = [normalise(curve.values, absolute=absolute)[None] for curve in curves]
    return {name: _collapse(name, values, shapes, levels) for name, values in variables.items()}


@checked_arguments
def collapse_contrast(
    curves: Sequence[BatchCurve], variable: str, other: str, *, replicates: Mapping[int, ArrayLike],
    dataset_size: int, exponents: Sequence[float] = EXPONENTS, levels: Sequence[float] = LEVELS,
    absolute: bool = False, confidence: float = 0.95,
) -> tuple[float, float | None, float | None]:  # fmt: skip
    """By how much curves collapse worse over one variable than over another: a difference of spreads, with an interval.

    It tells whether there is a difference better than how large it is: scatter raises small spreads most, which pulls
    the difference towards none. On the design of `cifar`'s image study, with its scatter, nominal 95 % held the truth
    in 192 of 200 draws where there was hardly any difference, and in 339 of 400 where it was .09 to .21.

    Parameters
    ----------
    curves, dataset_size, exponents, levels, absolute
        As of `collapse`.
    variable, other
        Names that it gives.
    replicates : mapping
        For each batch size, resampled curves (r, n), as many for each. The variables stay as they are.
    confidence : float
        Of the percentile interval; an end is None where too many resampled curves cross too few levels.

    Raises
    ------
    ValueError
        If a variable is unknown or has no spread, or replicates do not match the curves.
    """
    variables = _variables(curves, dataset_size, exponents)
    for name in (variable, other):
        if name not in variables:
            raise ValueError(f"variable: {name!r} is unknown here; use one of {', '.join(variables)}")
    check_confidence(confidence)
    drawn = [np.asarray(replicates[curve.batch_size], dtype=float) for curve in curves]
    rows = [(len(drawn[0]), len(curve.switch_epochs)) for curve in curves]
    if any(array.shape != shape for array, shape in zip(drawn, rows, strict=True)):
        raise ValueError("replicates: give as many resampled curves for each batch size, with the curve's rows")
    found = []
    for values in ([curve.values[None] for curve in curves], drawn):
        shapes = [normalise(each, absolute=absolute) for each in values]
        one, two = (_spreads(_crossings(variables[name], shapes, levels)) for name in (variable, other))
        found.append(one - two)
    difference = float(found[0][0])
    if not np.isfinite(difference):
        raise ValueError("curves: fewer than two levels are crossed by every curve; use more switch epochs")
    return difference, *percentile_interval(found[1], confidence)


def _variables(
    curves: Sequence[BatchCurve], dataset_size: int, exponents: Sequence[float]
) -> dict[str, list[FloatArray]]:
    """What curves may be drawn over, by name; each a column for every batch size."""
    _check_batch_sizes(curves)
    if dataset_size < max(curve.batch_size for curve in curves):
        raise ValueError(f"dataset_size: {dataset_size} is smaller than a batch; give the examples in an epoch")
    variables: dict[str, list[FloatArray]] = {
        "number_of_updates": [np.log1p(curve.switch_epochs * dataset_size / curve.batch_size) for curve in curves],
        "epoch": [curve.switch_epochs for curve in curves],
    }
    for exponent in exponents:
        power = "" if exponent == 1 else f"^{exponent:g}"
        variables[f"learning_rate/batch_size{power}"] = [
            np.log(curve.learning_rates) - exponent * np.log(curve.batch_size) for curve in curves
        ]
    losses = [curve.deficit_train_loss for curve in curves if curve.deficit_train_loss is not None]
    if len(losses) == len(curves):
        variables["deficit_train_loss"] = [np.log(loss) for loss in losses]
    return variables


@checked_arguments
def best_exponent(
    curves: Sequence[BatchCurve], *, replicates: Mapping[int, ArrayLike] | None = None,
    levels: Sequence[float] = LEVELS, absolute: bool = False, confidence: float = 0.95, flat_within: float = 0.05,
) -> BestExponent:  # fmt: skip
    """The exponent a of the batch size that collapses the curves best over log(learning rate / batch size^a).

    ``replicates`` holds, for each batch size, resampled curves (r, n), as many for each.

    Raises
    ------
    ValueError
        If the learning rate is constant, fewer than two levels are crossed by every curve, or replicates do not match
        the curves.
    """
    _check_batch_sizes(curves)
    check_confidence(confidence)
    if all(np.ptp(np.log(curve.learning_rates)) == 0 for curve in curves):
        raise ValueError("learning_rates: they are constant, so no exponent of the batch size can be found from them")
    rates = [np.log(curve.learning_rates) for curve in curves]
    logs = np.log([curve.batch_size for curve in curves])
    shapes = [normalise(curve.values, absolute=absolute)[None] for curve in curves]
    crossings = _crossings(rates, shapes, levels)
    crossed = np.all(np.isfinite(crossings), axis=0)[0]
    if crossed.sum() < 2:
        raise ValueError("curves: fewer than two levels are crossed by every curve; use more switch epochs")
    exponent = float(_minimise(crossings, logs)[0])
    smallest = float(_numerator(crossings, logs, np.array([exponent]))[0])
    span = float(np.ptp(crossings[:, 0, crossed].mean(axis=0)))
    grid = exponent + np.linspace(-2, 2, 1601)
    flat = grid[_numerator(np.repeat(crossings, len(grid), axis=1), logs, grid) <= smallest * (1 + flat_within)]
    low = high = None
    repetitions = 0
    if replicates is not None:
        drawn = [np.asarray(replicates[curve.batch_size], dtype=float) for curve in curves]
        repetitions = len(drawn[0])
        if any(array.shape != (repetitions, len(rate)) for array, rate in zip(drawn, rates, strict=True)):
            raise ValueError("replicates: give as many resampled curves for each batch size, with the curve's rows")
        resampled = _crossings(rates, [normalise(array, absolute=absolute) for array in drawn], levels)
        low, high = percentile_interval(_minimise(resampled, logs), confidence)
    return BestExponent(
        exponent, smallest / span, low, high, float(flat.min(initial=exponent)), float(flat.max(initial=exponent)),
        flat_within, confidence if replicates is not None else None, repetitions,
    )  # fmt: skip


def _check_batch_sizes(curves: Sequence[BatchCurve]) -> None:
    sizes = [curve.batch_size for curve in curves]
    if len(set(sizes)) < 2 or len(set(sizes)) < len(sizes):
        raise ValueError(f"curves: batch sizes {sizes}; give one curve for each of at least two batch sizes")


def _crossings(variables: list[FloatArray], shapes: list[FloatArray], levels: Sequence[float]) -> FloatArray:
    """Where the curves cross, shape (batch sizes, repetitions, levels)."""
    pairs = zip(variables, shapes, strict=True)
    return np.array([np.stack([first_crossing(*pair, level) for level in levels], axis=1) for pair in pairs])


def _collapse(name: str, variables: list[FloatArray], shapes: list[FloatArray], levels: Sequence[float]) -> Collapse:
    crossings = _crossings(variables, shapes, levels)[:, 0]
    crossings = crossings[:, np.all(np.isfinite(crossings), axis=0)]
    if crossings.shape[1] < 2:
        return Collapse(name, None, crossings.shape[1], "fewer than two levels are crossed by every curve")
    span = float(np.ptp(crossings.mean(axis=0)))
    if span == 0:
        return Collapse(name, None, crossings.shape[1], "the variable does not vary along the curves")
    return Collapse(name, float(crossings.std(axis=0).mean()) / span, crossings.shape[1])


def _spreads(crossings: FloatArray) -> FloatArray:
    """The spread (r,) of each repetition; nan where fewer than two levels are crossed or nothing varies."""
    crossed = np.all(np.isfinite(crossings), axis=0)
    safe = np.where(crossed[None], crossings, 0.0)
    count, middle = crossed.sum(axis=1), safe.mean(axis=0)
    high, low = (np.where(crossed, middle, fill).T for fill in (-np.inf, np.inf))
    span = high.max(axis=0) - low.min(axis=0)
    known = (count >= 2) & (span > 0)
    deviation = safe.std(axis=0).sum(axis=1) / np.maximum(count, 1)
    return np.where(known, deviation / np.where(known, span, 1.0), np.nan)


def _numerator(crossings: FloatArray, logs: FloatArray, exponents: FloatArray) -> FloatArray:
    """Mean over levels of the deviation between batch sizes: only this part of the spread depends on the exponent."""
    shifted = crossings - exponents[None, :, None] * logs[:, None, None]
    crossed = np.all(np.isfinite(shifted), axis=0)
    deviation = np.where(crossed[None], shifted, 0.0).std(axis=0)
    return deviation.sum(axis=1) / np.maximum(crossed.sum(axis=1), 1)


def _minimise(crossings: FloatArray, logs: FloatArray) -> FloatArray:
    """The best exponent of each repetition, by golden section: the function is convex in the exponent.

    Between two batch sizes it may be flat over an interval: then the middle of it, whatever the rounding.
    """
    crossed = np.all(np.isfinite(crossings), axis=0)
    centred = logs - logs.mean()
    safe = np.where(crossed[None], crossings, 0.0)
    alone = np.tensordot(centred, safe, axes=(0, 0)) / np.sum(centred**2)  # the best exponent of each level alone
    low = np.min(alone, axis=1, initial=np.inf, where=crossed)
    high = np.max(alone, axis=1, initial=-np.inf, where=crossed)
    low, high = (np.where(np.any(crossed, axis=1), end, np.nan) for end in (low, high))
    golden, ends = (np.sqrt(5) - 1) / 2, []
    for lower in (True, False):
        first, last = low, high
        for _ in range(60):
            left, right = last - golden * (last - first), first + golden * (last - first)
            here, there = _numerator(crossings, logs, left), _numerator(crossings, logs, right)
            better = here <= there * (1 + SAME) if lower else here * (1 + SAME) < there
            first, last = np.where(better, first, left), np.where(better, right, last)
        ends.append((first + last) / 2)
    return (ends[0] + ends[1]) / 2
