"""How far the mean of chains may be off: from their scatter, from the draws within, and from the virial."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from slt_toys.learning_coefficient.chains import Draws
from slt_toys.learning_coefficient.verdict import LARGEST_VIRIAL
from slt_toys.samplers.statistics import summarise

Array = NDArray[np.float64]

CONFIDENCE = 0.95
SPREAD_BY_CHANCE = 1.5  # of the draws' own error: of sixteen chains the means spread so far once in a hundred times
WORTH_OF_DRAWS = 3  # times the chains' means: how well the error from all draws is known


def scatter(kept: Array) -> tuple[float, float]:
    """Standard error of the mean, and the quantile that it has to be taken times.

    Parameters
    ----------
    kept
        After the burn-in, shape (chain, draw).
    """
    # Chains are independent, so that the spread of their means needs no autocorrelation time. But energies are skewed,
    # and so few chains show by chance a small spread just where their mean is too low: unless that spread is the larger
    # by far, it counts together with the draws' own, which a run of many draws knows better.
    upper, within = (1 + CONFIDENCE) / 2, float(summarise(kept)[1])
    if len(kept) < 2:
        return within, float(stats.norm.ppf(upper))
    between, known = float(kept.mean(1).std(ddof=1)) / math.sqrt(len(kept)), len(kept) - 1
    if not between <= SPREAD_BY_CHANCE * within:
        return between, float(stats.t.ppf(upper, known))
    error = math.sqrt((between**2 + WORTH_OF_DRAWS * within**2) / (1 + WORTH_OF_DRAWS))
    return error, float(stats.t.ppf(upper, known * (1 + WORTH_OF_DRAWS)))


def virial_of(drawn: Draws, dropped: int) -> tuple[float, float] | None:
    """By how much the virial is off the number of directions, and the standard error of this; None if not known.

    Parameters
    ----------
    drawn
        Of several chains.
    dropped
        Draws of the burn-in.
    """
    if drawn.virial is None or len(drawn.virial) < 2:
        return None
    kept = drawn.virial[:, dropped:]
    return float(kept.mean()) - drawn.last.shape[1], scatter(kept)[0]


def further_off(one: tuple[float, float] | None, other: tuple[float, float] | None) -> tuple[float, float] | None:
    """That of two distances which chance explains less; the one that is known."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other, key=lambda of: abs(of[0]) - LARGEST_VIRIAL * of[1])
