"""The end of a critical period from curves of several seeds, with the shifts of whole curves between seeds in it.

Another seed moves more than single rows: it may move the whole curve along the epochs. No resampling of one curve shows
that. Curves of several seeds do: each has an end of its own, and the interval is that of the t distribution about their
mean. The scatter between seeds may be pooled over batch sizes, as few seeds say little of it (two have one degree of
freedom, and an interval thirteen times as wide as their standard error). Seeds drawn with replacement (a bootstrap of
whole curves) were tried and left: with two, three, five and eight seeds nominal 95 % intervals held the truth about 50,
70, 85 and 90 times in a hundred. With one seed the interval is that of its rows, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from ..inputs.arguments import checked_arguments
from .batch_size import EpochsPerHalving, HalvingShift
from .ends import CriticalPeriodEnd, Definition, FloatArray, check_curve, find_end, minimum_rows, replicate_epochs
from .resampling import ONE_SEED, check_confidence, end_with_interval, resample_curve

ROUNDING = 1e-9  # of the range of switch epochs: no scatter at all

__all__ = ["end_over_seeds", "ends_over_seeds", "halving_over_seeds", "scatter_that_admits", "uncensored"]


@checked_arguments
def end_over_seeds(
    switch_epochs: ArrayLike, curves: ArrayLike, definition: Definition, *, confidence: float = 0.95,
    repetitions: int = 1000, seed: int | Sequence[int] = 0,
) -> CriticalPeriodEnd:  # fmt: skip
    """e* of curves of one or more seeds, with an interval.

    Parameters
    ----------
    switch_epochs
        Increasing, shape (n,).
    curves
        One curve for each seed, shape (seeds, n).
    definition
        Of the end.
    confidence
        Of the interval.
    repetitions, seed
        Of the resampled curves, where there is one seed.

    Returns
    -------
    CriticalPeriodEnd
        The mean of the seeds' ends with its t interval, for two seeds or more; an interval open on both sides where one
        of them is censored. For one seed the interval of :func:`slt_toys.fits.resampling.resample_curve`, which holds
        within that seed only, as its ``within`` says.
    """
    own = np.atleast_2d(np.asarray(curves, dtype=float))
    if len(own) == 1:
        drawn = resample_curve(
            switch_epochs, own[0], definition, confidence=confidence, repetitions=repetitions, seed=seed
        )  # fmt: skip
        return end_with_interval(
            switch_epochs, own[0], drawn, definition, confidence=confidence, method="residual bootstrap, one seed",
            within=ONE_SEED,
        )  # fmt: skip
    return ends_over_seeds({0: (switch_epochs, own)}, definition, confidence=confidence)[0]


def ends_over_seeds(
    curves: Mapping[int, tuple[ArrayLike, ArrayLike]], definition: Definition, *, confidence: float = 0.95
) -> dict[int, CriticalPeriodEnd]:
    """e* at every batch size, the scatter between seeds pooled over batch sizes.

    Parameters
    ----------
    curves
        Batch size to switch epochs (n,) and curves (seeds, n); at least one has two seeds.
    definition
        Of the end.
    confidence
        Of the intervals.

    Raises
    ------
    ValueError
        Where no batch size has two seeds: then nothing is known of the shifts between them.
    """
    check_confidence(confidence)
    located = {size: _locate(*own, definition) for size, own in curves.items()}
    scatter, freedom = _pooled(located.values())
    found = {}
    for size, ends in located.items():
        epochs, own = curves[size]
        point, censored = find_end(epochs, np.mean(np.atleast_2d(own), axis=0), definition), ~np.isfinite(ends)
        told: dict[str, Any] = {
            "confidence": confidence, "censored_share": float(censored.mean()),
            "method": f"t distribution with {freedom} degrees of freedom, {len(ends)} seeds",
        }  # fmt: skip
        if not censored.any():
            error = scatter / math.sqrt(len(ends))
            reach = float(stdtrit(freedom, (1 + confidence) / 2)) * error
            mean = float(ends.mean())
            told |= {"state": "found", "epoch": mean, "bound": None, "low": mean - reach, "high": mean + reach}
            told |= {"standard_error": error if error > ROUNDING * float(np.ptp(np.asarray(epochs))) else None}
        found[size] = replace(point, **told)
    return found


def halving_over_seeds(
    curves: Mapping[int, tuple[ArrayLike, ArrayLike]], definition: Definition, *, confidence: float = 0.95
) -> EpochsPerHalving:
    """Epochs per halving of the batch [eq:epochs-per-halving] from ends of several seeds at two batch sizes or more.

    As :func:`slt_toys.fits.batch_size.epochs_per_halving`, its intervals of the scatter between seeds, pooled over
    batch sizes; without intervals where an end is censored, which leaves its batch size out.
    """
    check_confidence(confidence)
    located = {size: _locate(*own, definition) for size, own in sorted(curves.items())}
    whole = {size: located[size] for size in uncensored(curves, definition)}
    if len(whole) < 2:
        raise ValueError(f"curves must show every end at two batch sizes or more, not at {sorted(whole)}")
    scatter, freedom = _pooled(located.values())
    sizes = np.array(list(whole), dtype=float)
    means = np.array([ends.mean() for ends in whole.values()])
    errors = np.array([scatter / math.sqrt(len(ends)) for ends in whole.values()])
    quantile = float(stdtrit(freedom, (1 + confidence) / 2)) if len(whole) == len(located) else math.inf
    centred = np.log2(sizes) - np.log2(sizes).mean()
    weights = -centred / float(centred @ centred)
    slope, reach = float(weights @ means), quantile * float(np.sqrt(weights**2 @ errors**2))
    gaps = np.diff(np.log2(sizes))
    shifts, reaches = -np.diff(means) / gaps, quantile * np.hypot(errors[1:], errors[:-1]) / gaps
    pairs = [
        HalvingShift(larger, smaller, shift, *_closed(shift, own))
        for smaller, larger, shift, own in zip(
            sizes[:-1].tolist(), sizes[1:].tolist(), shifts.tolist(), reaches.tolist(), strict=True
        )
    ]
    method = f"t distribution with {freedom} degrees of freedom, ends of every seed"
    return EpochsPerHalving(slope, *_closed(slope, reach), tuple(pairs), confidence, method)


@checked_arguments(finite=False)
def uncensored(curves: Mapping[int, tuple[ArrayLike, ArrayLike]], definition: Definition) -> list[int]:
    """Batch sizes, increasing, at which the curve of every seed shows its end."""
    return [size for size, own in sorted(curves.items()) if np.isfinite(_locate(*own, definition)).all()]


def _closed(value: float, reach: float) -> tuple[float | None, float | None]:
    return (value - reach, value + reach) if math.isfinite(reach) else (None, None)


@checked_arguments
def scatter_that_admits(
    slope: float, low: float, high: float, expected: float, batch_sizes: ArrayLike, *, confidence: float = 0.95
) -> float:
    """Scatter of ends between seeds [epochs] from which on epochs per halving agree with what was expected.

    Parameters
    ----------
    slope, low, high
        Epochs per halving from one seed for each batch size, with the interval within those seeds.
    expected
        Of the slope.
    batch_sizes
        Shape (n,).
    confidence
        Of the interval.

    Returns
    -------
    float
        The standard deviation of a whole curve's shift that makes the interval reach ``expected``, all scatter taken as
        normal; 0 where it holds that without.
    """
    if not low <= slope <= high:
        raise ValueError(f"low and high must hold the slope {slope}, not [{low}, {high}]")
    octaves = np.log2(np.asarray(batch_sizes, dtype=float))
    centred = octaves - octaves.mean()
    away = abs(expected - slope)
    inner = high - slope if expected > slope else slope - low
    if away <= inner:
        return 0.0
    quantile = float(stdtrit(1e9, (1 + confidence) / 2))
    return math.sqrt((away**2 - inner**2) * float(centred @ centred)) / quantile


def _locate(switch_epochs: ArrayLike, curves: ArrayLike, definition: Definition) -> FloatArray:
    """The end of each seed's curve; not finite where it is censored."""
    own = np.atleast_2d(np.asarray(curves, dtype=float))
    check_curve(switch_epochs, own, minimum_rows(definition))
    return replicate_epochs(switch_epochs, own, definition)


def _pooled(located: Any) -> tuple[float, int]:
    """Standard deviation of ends between seeds, and its degrees of freedom; censored batch sizes tell nothing."""
    squares, freedom = 0.0, 0
    several = 0
    for ends in located:
        several = max(several, len(ends))
        if np.isfinite(ends).all():
            squares += float(np.sum((ends - ends.mean()) ** 2))
            freedom += len(ends) - 1
    if several < 2:
        raise ValueError("curves must hold two seeds or more; one seed says nothing of the shifts between seeds")
    return (math.sqrt(squares / freedom) if freedom else math.nan), freedom
