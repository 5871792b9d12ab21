"""Bootstrap intervals for the end of a critical period.

Intervals are percentile intervals over resampled curves. What is resampled depends on where the noise comes from:
`resample_counts` when every row has chains of its own, `resample_chains` when the same chains are followed through all
rows (their rows are correlated, so whole chains are drawn), and `resample_curve` for a curve with one run per row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtri, stdtrit

from ..inputs.arguments import checked_arguments
from .ends import (
    CriticalPeriodEnd,
    Definition,
    FloatArray,
    check_curve,
    find_end,
    hinge_fit,
    minimum_rows,
    replicate_epochs,
)

ONE_SEED = "one seed"  # what the interval of a single curve is confined to


@checked_arguments
def resample_counts(
    stuck_counts: ArrayLike, chains: int, *, repetitions: int = 1000, seed: int | Sequence[int] = 0
) -> FloatArray:
    """Stuck fractions (repetitions, n) drawn from the binomial law of each row; rows must have separate chains."""
    counts = np.asarray(stuck_counts, dtype=float)
    _check_repetitions(repetitions)
    if chains < 1:
        raise ValueError(f"chains: {chains} chains give no fraction; give at least 1")
    if counts.ndim != 1:
        raise ValueError(f"stuck_counts: shape {counts.shape} is unusable; give one count for each switch epoch")
    bad = np.argwhere(~((counts >= 0) & (counts <= chains)))
    if len(bad):
        row = int(bad[0][0])
        raise ValueError(f"stuck_counts: row {row} is {counts[row]:g}; it must be 0 to chains = {chains}")
    return np.random.default_rng(seed).binomial(chains, counts / chains, (repetitions, len(counts))) / chains


@checked_arguments
def resample_chains(stuck: ArrayLike, *, repetitions: int = 1000, seed: int | Sequence[int] = 0) -> FloatArray:
    """Stuck fractions (repetitions, n) over chains drawn with replacement.

    ``stuck`` has shape (chains, n): indicators, or each chain's stuck share of its components.
    """
    indicators = np.asarray(stuck)
    _check_repetitions(repetitions)
    if indicators.ndim != 2 or not len(indicators) or not np.all((indicators >= 0) & (indicators <= 1)):
        raise ValueError(f"stuck: shape {indicators.shape} is unusable; give 0 to 1 for each (chain, epoch)")
    random, chains = np.random.default_rng(seed), len(indicators)
    weights = indicators.astype(np.float32)
    fractions = np.empty((repetitions, indicators.shape[1]))
    for row in range(repetitions):  # one draw at a time: all at once would not fit in memory
        times = np.bincount(random.integers(0, chains, chains), minlength=chains).astype(np.float32)
        fractions[row] = times @ weights / chains
    return fractions


@checked_arguments
def resample_curve(
    switch_epochs: ArrayLike, values: ArrayLike, definition: Definition, *, confidence: float = 0.95,
    repetitions: int = 1000, seed: int | Sequence[int] = 0,
) -> FloatArray:  # fmt: skip
    """Curves (repetitions, n) like the given one, with the row-to-row scatter drawn anew: one run per row.

    Cases are not resampled: the switch epochs were chosen, and dropping rows of so coarse a grid would move e* by the
    grid alone. For a hinge the scatter is that around the hinge, so misfit counts as noise; for other definitions it is
    the model-free scatter of a row about the line through its neighbours (Gasser, Sroka & Jennen-Steinmetz 1986), in
    which curvature counts as noise. Both err towards wide. Residuals are drawn for any row, with either sign. Since
    their size is itself known only from a dozen rows, they are stretched by the ratio of the t to the normal quantile.
    A wild bootstrap, which keeps to each row its own residual, is not offered: on simulated curves of twelve rows its
    nominal 95 % intervals held the truth 87 times in a hundred. What no resampling of one curve can show is the
    variation between seeds that moves all rows together: pass ``within=ONE_SEED`` on to :func:`end_with_interval`, or
    give several seeds to :mod:`slt_toys.fits.seeds`.
    """
    epochs, curve = check_curve(switch_epochs, values, max(4, minimum_rows(definition)))
    _check_repetitions(repetitions)
    check_confidence(confidence)
    rows = len(epochs)
    if definition.name == "hinge":
        centre = hinge_fit(epochs, curve).line(epochs)
        freedom = float(rows - 3)
        residuals = (curve - centre) * math.sqrt(rows / freedom)
    else:
        centre = curve
        left = (epochs[2:] - epochs[1:-1]) / (epochs[2:] - epochs[:-2])
        right = 1 - left
        inner = left * curve[:-2] + right * curve[2:] - curve[1:-1]
        inner = inner / np.sqrt(left**2 + right**2 + 1)
        residuals = np.concatenate([inner[:1], inner, inner[-1:]])
        freedom = (rows - 2) / (1 + 2 * (4 / 9 + 1 / 36))  # neighbours' residuals are correlated: -2/3, 1/6
    tail = (1 + confidence) / 2
    residuals = residuals * (stdtrit(freedom, tail) / ndtri(tail))
    random = np.random.default_rng(seed)
    signs = random.choice([-1.0, 1.0], (repetitions, rows))
    return centre + signs * random.choice(residuals, (repetitions, rows))


@checked_arguments
def percentile_interval(replicates: ArrayLike, confidence: float = 0.95) -> tuple[float | None, float | None]:
    """Percentile interval by order statistics; ``None`` on an open side. A ``nan`` counts against both sides."""
    drawn = np.asarray(replicates, dtype=float)
    check_confidence(confidence)
    if not drawn.size:
        raise ValueError("replicates: there are none; an interval needs at least one")
    tail = (1 - confidence) / 2
    low = float(np.quantile(np.where(np.isnan(drawn), -np.inf, drawn), tail, method="lower"))
    high = float(np.quantile(np.where(np.isnan(drawn), np.inf, drawn), 1 - tail, method="higher"))
    return (low if math.isfinite(low) else None), (high if math.isfinite(high) else None)


@checked_arguments
def share_interval(hits: ArrayLike, count: int, confidence: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Clopper and Pearson's interval of a share (Biometrika 26, 404, 1934).

    Parameters
    ----------
    hits
        Each from 0 to ``count``, any shape.
    count
        Independent trials.
    confidence
        Strictly between 0 and 1.

    Returns
    -------
    tuple
        Low and high ends, in the shape of ``hits``.

    Raises
    ------
    ValueError
        For no trials, or hits outside them.
    """
    check_confidence(confidence)
    found = np.asarray(hits, dtype=float)
    if count < 1 or not ((found >= 0) & (found <= count)).all():
        raise ValueError(f"hits must lie from 0 to count, which must be at least 1, not {hits} of {count}")
    tail = (1 - confidence) / 2
    # Where an end is 0 or 1 the law has a parameter 0: any other stands in for it.
    low = betaincinv(np.maximum(found, 1), count - found + 1, tail)
    high = betaincinv(found + 1, np.maximum(count - found, 1), 1 - tail)
    return np.where(found > 0, low, 0.0), np.where(found < count, high, 1.0)


@checked_arguments
def end_with_interval(
    switch_epochs: ArrayLike, values: ArrayLike, curves: ArrayLike, definition: Definition, *,
    confidence: float = 0.95, method: str = "bootstrap", within: str = "",
) -> CriticalPeriodEnd:  # fmt: skip
    """e* of the curve (n,), with the percentile interval over the resampled curves (repetitions, n).

    ``within`` names what the interval is confined to, such as :data:`ONE_SEED`.
    """
    point = find_end(switch_epochs, values, definition)
    replicates = replicate_epochs(switch_epochs, curves, definition)
    low, high = percentile_interval(replicates, confidence)
    censored = float(np.mean(~np.isfinite(replicates)))
    error = float(np.std(replicates, ddof=1)) if censored == 0 and len(replicates) > 1 else None
    return replace(
        point, low=low, high=high, standard_error=error, confidence=confidence, method=method,
        repetitions=len(replicates), censored_share=censored, within=within,
    )  # fmt: skip


def _check_repetitions(repetitions: int) -> None:
    if repetitions < 1:
        raise ValueError(f"repetitions: {repetitions} resampled curves give no interval; 1000 is usual")


@checked_arguments(finite=False)
def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is not between 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: {confidence} is not between 0 and 1; 0.95 is usual")
