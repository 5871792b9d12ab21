"""What draws of parallel chains are worth: split R-hat, effective sample sizes, Monte Carlo errors.

Functions of arrays (chain, draw, ...); trailing axes are quantities judged one by one. R-hat and the effective sample
sizes are those of Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021 (Bayesian Analysis 16:667), each chain cut into
halves and the autocorrelation summed by Geyer's initial monotone sequence (Geyer 1992, Statistical Science 7:473).

That sum needs chains some fifty autocorrelation times long; of shorter ones it counts too many draws. Where chains are
many, and for fewer than 10 draws, the spread of the chains' means tells how precise the overall mean is, with no
assumption but independent chains: 20 000 chains of one draw are worth 20 000.

Quantities that hold a value that is not finite, or only one value, have no statistics: the result is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, special

from ..inputs.arguments import checked_arguments

Array = NDArray[np.float64]

FEWEST_DRAWS = 10  # halves of five: the shortest for which the monotone sequence holds a lag beyond the first pair
FEWEST_DRAWS_R_HAT = 4  # halves of two: the shortest that have a variance
MANY_CHAINS = 100  # the variance of so many means is known to 14 %, an error that it gives to 7 %
LONG = 50  # autocorrelation times in half a chain; what is more agrees with R-hat below 1.01
TAILS = (0.05, 0.95)
NUMBERS_AT_ONCE = 4_000_000


class ChainSummary(NamedTuple):
    """What :func:`summarise` finds; every field has the shape of the trailing axes."""

    mean: Array
    monte_carlo_standard_error: Array
    r_hat: Array
    bulk_effective_sample_size: Array
    tail_effective_sample_size: Array


@checked_arguments
def summarise(values: ArrayLike) -> ChainSummary:
    """Mean, its Monte Carlo standard error, R-hat and effective sample sizes, sharing the work between them.

    Parameters
    ----------
    values
        Shape (chain, draw, ...).

    Raises
    ------
    ValueError
        When there are not a chain axis and a draw axis, both with something in them.
    """

    def statistics(x: Array) -> Array:
        halves = _halves(x)
        scores = _normal_scores(halves)
        return np.stack([x.mean((1, 2)), _error_of_mean(x), _rank_r_hat(halves, scores), _bulk(x, scores), _tail(x)])

    return ChainSummary(*_each(values, statistics, 5))


@checked_arguments
def split_r_hat(values: ArrayLike) -> Array:
    """Rank-normalised split R-hat, the larger of bulk and folded (Vehtari et al. 2021).

    Parameters
    ----------
    values
        Shape (chain, draw, ...). One chain is enough: its halves are compared.

    Returns
    -------
    ndarray
        Shape of the trailing axes. 1 for chains that cannot be told apart; ``inf`` for chains that each stay at a
        value of their own; NaN, undefined, for fewer than 4 draws.
    """

    def statistic(x: Array) -> Array:
        halves = _halves(x)
        return _rank_r_hat(halves, _normal_scores(halves))[None]

    return _each(values, statistic)[0]


@checked_arguments
def bulk_effective_sample_size(values: ArrayLike) -> Array:
    """Independent draws that would place the centre as well: that of the mean of rank-normalised values.

    Parameters
    ----------
    values
        Shape (chain, draw, ...).
    """
    return _each(values, lambda x: _bulk(x, _normal_scores(_halves(x)))[None])[0]


@checked_arguments
def tail_effective_sample_size(values: ArrayLike) -> Array:
    """Independent draws that would place the 5 % and the 95 % quantile as well, the smaller of the two.

    Parameters
    ----------
    values
        Shape (chain, draw, ...). Where a quantile is the largest value there is nothing to place, and that tail counts
        every draw.
    """
    return _each(values, lambda x: _tail(x)[None])[0]


@checked_arguments
def effective_sample_size_of_mean(values: ArrayLike) -> Array:
    """Independent draws that would have a mean as precise.

    Parameters
    ----------
    values
        Shape (chain, draw, ...).
    """
    return _each(values, lambda x: _effective(x)[None])[0]


@checked_arguments
def monte_carlo_standard_error(values: ArrayLike) -> Array:
    """Standard error of the mean over all draws, in the units of the values; it knows nothing of a biased start.

    Parameters
    ----------
    values
        Shape (chain, draw, ...).
    """
    return _each(values, lambda x: _error_of_mean(x)[None])[0]


@checked_arguments
def autocorrelation_time(values: ArrayLike) -> Array:
    """Integrated autocorrelation time 1 + 2 Σ ρ_t in draws: the number of draws over their effective number.

    Parameters
    ----------
    values
        Shape (chain, draw, ...).
    """
    return _each(values, lambda x: x[0].size / _effective(x)[None])[0]


@checked_arguments
def drift(values: ArrayLike) -> Array:
    """Mean of the run's second half minus that of its first, in standard errors from the chains' own differences.

    For a run that is stationary this is Student's t with one degree of freedom less than there are chains: the sharpest
    sign, when chains are many, that draws still remember the start. An odd run's middle draw is in neither half.

    Parameters
    ----------
    values
        Shape (chain, draw, ...).

    Returns
    -------
    ndarray
        Shape of the trailing axes; NaN for one chain or one draw, ±inf when every chain moved by the same amount.
    """

    def statistic(x: Array) -> Array:
        _, chains, draws = x.shape
        if chains < 2 or draws < 2:
            return np.full((1, len(x)), np.nan)
        half = draws // 2
        moved = x[:, :, -half:].mean(-1) - x[:, :, :half].mean(-1)
        error = moved.std(-1, ddof=1) / np.sqrt(chains)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(moved.any(-1), moved.mean(-1) / error, 0.0)[None]

    return _each(values, statistic)[0]


# ---- quantities one by one -------------------------------------------------------------------------------------------
def _each(values: ArrayLike, statistics: Callable[[Array], Array], count: int = 1) -> Array:
    """Apply to arrays (quantity, chain, draw), so many at once that memory stays bounded; (count, ...) comes back."""
    array = np.asarray(values, dtype=float)
    if array.ndim < 2 or not array.shape[0] or not array.shape[1]:
        raise ValueError(f"values must have shape (chain, draw, ...) with at least one of each, not {array.shape}")
    chains, draws, *rest = array.shape
    flat = array.reshape(chains, draws, int(np.prod(rest)))
    result = np.full((count, flat.shape[2]), np.nan)
    size = max(1, NUMBERS_AT_ONCE // (chains * draws))
    for start in range(0, flat.shape[2], size):
        part = np.ascontiguousarray(np.moveaxis(flat[..., start : start + size], -1, 0))
        low, high = part.min((1, 2)), part.max((1, 2))
        usable = np.isfinite(low) & np.isfinite(high) & (low < high)
        if usable.any():
            result[:, start : start + size][:, usable] = statistics(part if usable.all() else part[usable])
    return result.reshape(count, *rest)


def _halves(x: Array) -> Array:
    """Chains cut into halves (quantity, 2 chain, draw // 2); an odd run's middle draw is dropped."""
    half = x.shape[2] // 2
    return np.concatenate([x[:, :, :half], x[:, :, x.shape[2] - half :]], axis=1)


def _normal_scores(x: Array) -> Array:
    """Normal quantiles of the ranks over all chains, Φ⁻¹((rank - 3/8) / (S + 1/4)); equal values share their rank."""
    flat = x.reshape(len(x), -1)
    scores = np.empty_like(flat)
    size = flat.shape[1]
    for values, result in zip(flat, scores, strict=True):
        order = values.argsort()
        values = values[order]
        starts = np.flatnonzero(np.append(True, values[1:] != values[:-1])) if size else np.array([], dtype=int)
        ends = np.append(starts[1:], size)
        shared = special.ndtri((0.5 * (starts + 1 + ends) - 0.375) / (size + 0.25))
        result[order] = shared if len(starts) == size else np.repeat(shared, ends - starts)
    return scores.reshape(x.shape)


def _rank_r_hat(halves: Array, scores: Array) -> Array:
    if halves.shape[2] < FEWEST_DRAWS_R_HAT // 2:
        return np.full(len(halves), np.nan)
    # Distances from the median: chains that differ in scale and not in place differ in these.
    folded = np.abs(halves - np.median(halves.reshape(len(halves), -1), axis=1)[:, None, None])
    return np.fmax(_r_hat(scores), _r_hat(_normal_scores(folded)))


def _r_hat(x: Array) -> Array:
    """√(estimate of the variance that counts the chains' means apart / variance within chains)."""
    draws = x.shape[2]
    # Of equal numbers the computed variance is rounding, and a ratio to it means nothing.
    still = x.min(2) == x.max(2)
    between, within = x.mean(2).var(1, ddof=1), np.where(still, 0.0, x.var(2, ddof=1)).mean(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((x.min((1, 2)) == x.max((1, 2))), np.nan, np.sqrt(between / within + (draws - 1) / draws))


# ---- effective sample sizes ------------------------------------------------------------------------------------------
def _effective(x: Array) -> Array:
    """Effective sample size of the mean of each quantity."""
    if x.shape[2] < FEWEST_DRAWS:
        return _count(x, _time_from_means(x, x.mean(2))) if x.shape[1] > 1 else np.full(len(x), np.nan)
    halves = _halves(x)
    return _count(halves, _time(halves))


def _bulk(x: Array, scores: Array) -> Array:
    """That of the mean of normal scores; ``scores`` are the halved chains'."""
    if x.shape[2] >= FEWEST_DRAWS:
        return _count(scores, _time(scores))
    whole = _normal_scores(x)
    return _count(whole, _time_from_means(whole, whole.mean(2)))


def _count(x: Array, time: Array) -> Array:
    """Number of draws over their autocorrelation time; a constant counts every draw."""
    size = x[0].size
    # The floor: a sum of noisy correlations may come out near or below zero, which no chain earns.
    counted = size / np.maximum(time, 1 / max(1.0, np.log10(size)))
    return np.where(x.min((1, 2)) == x.max((1, 2)), size, counted)


def _time(halves: Array) -> Array:
    """Autocorrelation time in draws, from lags or, where many chains are short, from the means of whole chains."""
    _, count, draws = halves.shape
    time = _summed_autocorrelation(halves)
    if count < 2 * MANY_CHAINS or not (short := draws < LONG * time).any():
        return time
    means = halves.mean(2)
    time[short] = _time_from_means(halves[short], (means[short, : count // 2] + means[short, count // 2 :]) / 2)
    return time


def _time_from_means(x: Array, means: Array) -> Array:
    """Variance of the mean of a chain over that of a draw, times the chain's length; NaN for one chain."""
    if means.shape[1] < 2:
        return np.full(len(x), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = means.var(1, ddof=1) / x.reshape(len(x), -1).var(1, ddof=1)
    return ratio * x[0].size / means.shape[1]


def _summed_autocorrelation(x: Array) -> Array:
    """1 + 2 Σ ρ_t of stacked chains (quantity, chain, draw) by Geyer's initial monotone sequence.

    Sums of neighbours ρ_2k + ρ_2k+1 are positive and fall for a reversible chain: the sum stops before the first that
    is not positive, and none counts for more than the one before it. Half of the even lag after the last is added.
    """
    draws = x.shape[2]
    covariance = _covariance(x)
    within = covariance[:, :1] * draws / (draws - 1)
    overall = covariance[:, :1] + x.mean(2).var(1, ddof=1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = 1 - (within - covariance) / overall
    correlation[:, 0] = 1.0
    last = (draws - 3) // 2
    pairs = correlation[:, 0 : 2 * last + 2 : 2] + correlation[:, 1 : 2 * last + 2 : 2]
    stops = pairs <= 0
    stop = np.where(stops.any(1), stops.argmax(1), last)
    counted = np.arange(last + 1) < stop[:, None]
    total = np.where(counted, np.minimum.accumulate(pairs, axis=1), 0.0).sum(1)
    rows = np.arange(len(x))
    after = correlation[rows, 2 * stop]
    after = np.where((after > 0) | (pairs[rows, stop] >= 0), after, 0.0)
    return -1 + 2 * total + after


def _covariance(x: Array) -> Array:
    """Autocovariance at every lag (quantity, lag), averaged over chains before its one inverse transform."""
    draws = x.shape[2]
    length = fft.next_fast_len(2 * draws - 1, real=True)
    spectrum = fft.rfft(x - x.mean(2, keepdims=True), length, axis=2)
    power = np.mean(spectrum.real**2 + spectrum.imag**2, axis=1)
    return fft.irfft(power, length, axis=1)[:, :draws] / draws


def _tail(x: Array) -> Array:
    quantiles = np.quantile(x.reshape(len(x), -1), TAILS, axis=1)
    below = [(x <= quantile[:, None, None]).astype(float) for quantile in quantiles]
    return np.fmin(*(_effective(indicator) for indicator in below))


def _error_of_mean(x: Array) -> Array:
    return x.reshape(len(x), -1).std(1, ddof=1) / np.sqrt(_effective(x))
