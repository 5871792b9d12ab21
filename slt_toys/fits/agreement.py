"""Whether slopes measured on different problems agree with one another and with theory.

Slopes are compared by Cochran's Q (1954): their squared distances from the weighted mean, in standard errors, are a
chi-square if all are one number. What they differ by beyond their errors is the between-problem standard deviation of
DerSimonian & Laird (1986). The joint fit has one slope and an offset for each problem.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtri

from ..inputs.arguments import checked_arguments
from .ends import FloatArray, Record
from .resampling import check_confidence


@dataclass(frozen=True)
class Agreement(Record):
    """One slope for several problems, and whether there is one.

    ``slope`` is their weighted mean (of a joint fit: the common slope). ``chi_square`` is that of the slopes about it;
    ``p_value`` the chance of a larger one if all slopes are one; ``spread`` the standard deviation between problems
    beyond the sampling errors. ``theory_chi_square`` and ``theory_p_value`` are those of the slopes about the number
    that theory gives, with one more degree of freedom.
    """

    slope: float
    standard_error: float
    low: float
    high: float
    chi_square: float
    degrees_of_freedom: int
    p_value: float
    spread: float
    theory: float
    theory_chi_square: float
    theory_p_value: float
    problems: int


@checked_arguments
def agreement(
    slopes: ArrayLike, standard_errors: ArrayLike, theory: float = 1.0, *, confidence: float = 0.95
) -> Agreement:
    """Compare slopes (k,) with one another and with the number that theory gives.

    Raises
    ------
    ValueError
        For fewer than two slopes, different lengths, or a number that is not finite or an error that is not positive.
    """
    values, errors = np.asarray(slopes, dtype=float), np.asarray(standard_errors, dtype=float)
    if values.ndim != 1 or values.shape != errors.shape or len(values) < 2:
        raise ValueError(
            f"slopes: shapes {values.shape} and {errors.shape} cannot be compared; give two or more, each with an error"
        )
    if not (np.isfinite(values).all() and np.isfinite(errors).all() and (errors > 0).all()):
        raise ValueError("standard_errors: every slope needs a finite number and a positive standard error")
    check_confidence(confidence)
    return _summary(values, errors**-2, theory, confidence)


@checked_arguments
def joint_fit(
    points: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]], theory: float = 1.0, *, confidence: float = 0.95
) -> Agreement:
    """Fit one slope per halving of the batch, with an offset for each problem.

    Parameters
    ----------
    points
        By problem: batch sizes, ends in any unit, and their standard errors, shape (n,) each.
    theory
        The slope that theory gives, in that unit per halving of the batch.

    Returns
    -------
    Agreement
        ``chi_square`` is what the fit loses against slopes of their own.

    Raises
    ------
    ValueError
        For fewer than two problems, or a problem of fewer than two batch sizes.
    """
    check_confidence(confidence)
    values, weights = [], []
    for name, (sizes, ends, errors) in points.items():
        octaves, end, error = (np.asarray(each, dtype=float) for each in (np.log2(sizes), ends, errors))
        if len(end) < 2 or not (error > 0).all():
            raise ValueError(f"points: problem {name!r} needs two batch sizes or more, with positive standard errors")
        weight = error**-2
        centred = octaves - weight @ octaves / weight.sum()
        weights.append(float(weight @ centred**2))
        values.append(-float(weight * centred @ end) / weights[-1])
    if len(values) < 2:
        raise ValueError(f"points: {len(values)} problem has nothing to agree with; give two or more")
    # Slopes of their own and the common one are both least squares, so what is lost is a weighted sum of squares.
    return _summary(np.array(values), np.array(weights), theory, confidence)


def _summary(values: FloatArray, weights: FloatArray, theory: float, confidence: float) -> Agreement:
    mean = float(weights @ values / weights.sum())
    error = 1 / math.sqrt(float(weights.sum()))
    reach = float(ndtri((1 + confidence) / 2)) * error
    freedom = len(values) - 1
    square, against = (float(weights @ (values - centre) ** 2) for centre in (mean, theory))
    scale = float(weights.sum() - weights @ weights / weights.sum())
    return Agreement(
        mean, error, mean - reach, mean + reach, square, freedom, float(chdtrc(freedom, square)),
        math.sqrt(max(0.0, (square - freedom) / scale)), theory, against, float(chdtrc(freedom + 1, against)),
        len(values),
    )  # fmt: skip


@checked_arguments
def halvings_of_rate(rates: ArrayLike, initial_rate: float) -> FloatArray:
    """log2 of the initial learning rate over each rate: how often it has halved [eq:learning-rate-halvings]."""
    return np.log2(initial_rate / np.asarray(rates, dtype=float))


@checked_arguments
def slopes_per_halving(batch_sizes: Sequence[float] | FloatArray, ends: ArrayLike) -> FloatArray:
    """Least-squares slope of each row of ends (..., n) per halving of the batch sizes (n,)."""
    sizes = np.asarray(batch_sizes, dtype=float)
    if sizes.size < 2 or not (np.isfinite(sizes) & (sizes > 0)).all() or (sizes == sizes[0]).all():
        raise ValueError(f"batch_sizes: {sizes} give no slope; give at least two different positive numbers")
    if np.shape(ends)[-1:] != sizes.shape:
        raise ValueError(f"ends: shape {np.shape(ends)} has no end for each of the {sizes.size} batch_sizes")
    octaves = np.log2(sizes)
    centred = octaves - octaves.mean()
    return np.asarray(ends, dtype=float) @ (-centred / (centred @ centred))
