"""Likelihood ratios of nested mixtures, with p-values that hold at the boundary, where shares are 0.

A share of 0 lies on the boundary, and what decides the threshold of a mechanism that decides nothing is not told by any
counts. So twice the log likelihood ratio has no chi-square. Counts are drawn anew from the smaller mixture as fitted
and both mixtures are fitted again: a parametric bootstrap, each draw by one quadratic programme
(:mod:`slt_toys.worlds.quadratic_draws`) if the thermal shares are known. The two-state law is not linear in its
parameters: there, mean and spread are corrected by draws that are fitted as well. Between and beyond its draws the
p-value is that of a gamma law with mean and variance of the positive ratios, times their share. Where the ratio is so
large that the chi-square of all dimensions of the larger mixture gives a p-value below :data:`SURE`, this is taken: it
is larger than the true one, because a mixture takes no more of the noise than the plane that it lies in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .mechanisms import TEMPERATURE
from .mixture import Mixture, MixtureFit
from .mixture_likelihood import LAPSE, thermal_shares
from .quadratic_draws import quadratic_draws
from .verdict import Dispersion

Array = NDArray[np.float64]
SURE = 1e-6
PAIRED = 30  # draws of the two-state law that are fitted as well
LEAST_THERMAL = 0.05  # share of temperature from which on its parameters are told
SMALLEST = 1e-6  # likelihood ratios that are 0 but for the accuracy of the fits

__all__ = ["Draws", "LikelihoodRatio", "bootstrap", "holm", "ratio_of", "tail", "upper_bound"]


@dataclass(frozen=True)
class LikelihoodRatio:
    """A mixture against a larger one.

    Attributes
    ----------
    smaller, larger
        In words.
    ratio
        Twice the log likelihood ratio.
    p_value
        Probability of a larger one if the smaller mixture holds.
    how
        ``"bootstrap"``, or ``"bound"``: the p-value is at most this.
    """

    smaller: str
    larger: str
    ratio: float
    p_value: float
    how: str


@dataclass(frozen=True, eq=False)
class Draws:
    """Counts drawn from one fit, fitted again.

    Attributes
    ----------
    ratios
        Twice the log likelihood ratio of each larger mixture to the one that made the counts, shape (draws, larger).
    deviances
        Of the mixture that made the counts, fitted again, shape (draws,).
    to_truth
        Twice the log likelihood that this fit gains over the shares themselves, shape (draws,).
    """

    ratios: Array
    deviances: Array
    to_truth: Array


def _counts(mixture: Mixture, shares: Array, dispersion: Dispersion | None, random: np.random.Generator) -> Array:
    runs = mixture.cells.runs.astype(np.int64)
    if dispersion is not None:
        freedom = dispersion.degrees_of_freedom
        spread = dispersion.ratio * freedom / random.chisquare(freedom)
        correlation = np.clip((spread - 1) / np.maximum(runs - 1, 1), 0.0, 0.999)
        precision = (1 - correlation) / np.maximum(correlation, 1e-12)
        drawn = random.beta(shares * precision, (1 - shares) * precision)
        shares = np.where(correlation > 0, drawn, shares)
    return random.binomial(runs, shares).astype(float)


def bootstrap(
    mixture: Mixture, null: MixtureFit, larger: Sequence[tuple[Sequence[str], bool]], *, draws: int, seed: int,
    dispersion: Dispersion | None = None,
) -> Draws:  # fmt: skip
    """Draw counts from a fit, and fit it and larger mixtures again.

    Parameters
    ----------
    mixture
    null
        What makes the counts.
    larger
        Mechanisms, and whether energies may differ between batch sizes.
    draws, seed
    dispersion
        Of runs that share a fate, as estimated from repeats: counts are then drawn from beta-binomial laws with a
        ratio that is itself uncertain. Without it they are binomial.
    """
    random = np.random.default_rng(seed)
    counts = np.array([_counts(mixture, null.predicted, dispersion, random) for _ in range(draws)])
    if mixture.thermal.form == "known":
        return _by_programmes(mixture, null, larger, counts)
    if mixture.shares(null)[0] <= LEAST_THERMAL or draws <= PAIRED:
        return _by_fits(mixture, null, larger, counts)
    quick = _by_programmes(mixture, null, larger, counts)
    return replace(quick, ratios=_corrected(quick.ratios, _by_fits(mixture, null, larger, counts[:PAIRED]).ratios))


def _corrected(quick: Array, fitted: Array) -> Array:
    """Ratios by programmes, with the mean and the spread that fits of some of the draws say they lack."""
    if not quick.shape[1]:
        return quick
    paired, mean = quick[: len(fitted)], quick.mean(axis=0)
    spread = np.where(paired.std(axis=0) > 0, fitted.std(axis=0) / np.maximum(paired.std(axis=0), SMALLEST), 1.0)
    spread = np.clip(spread, 0.5, 2.0)
    moved = fitted.mean(axis=0) + spread * (mean - paired.mean(axis=0))
    return np.where(quick > SMALLEST, np.maximum(moved + spread * (quick - mean), 0.0), 0.0)


def _by_fits(mixture: Mixture, null: MixtureFit, larger: Sequence[tuple[Sequence[str], bool]], counts: Array) -> Draws:
    ratios, deviances, to_truth = np.zeros((len(counts), len(larger))), np.zeros(len(counts)), np.zeros(len(counts))
    # a null without temperature tells no thermal parameters to start from
    starts = mixture.starts if TEMPERATURE not in null.mechanisms else (null.parameters,)
    for draw, stuck in enumerate(counts):
        again = mixture.with_counts(stuck)
        own = again.fit(null.mechanisms, energies=null.energies, near=null)
        deviances[draw] = 2 * (again.saturated - own.log_likelihood)
        to_truth[draw] = 2 * (own.log_likelihood - again.log_likelihood(null.predicted))
        for number, (mechanisms, energies) in enumerate(larger):
            nearby = [own] if len(starts) == 1 else [replace(own, parameters=each) for each in starts]
            others = [again.fit(mechanisms, energies=energies, near=near) for near in nearby]
            ratios[draw, number] = 2 * (max(fit.log_likelihood for fit in others) - own.log_likelihood)
    return Draws(np.maximum(ratios, 0.0), deviances, to_truth)


def _by_programmes(
    mixture: Mixture, null: MixtureFit, larger: Sequence[tuple[Sequence[str], bool]], counts: Array
) -> Draws:
    cells, thermal = mixture.cells, mixture.thermal
    thermal_share, slopes = thermal_shares(null.parameters, thermal.data)
    columns = cells.columns.copy()
    columns[:, 0] = thermal_share
    ratios, gains, deviances = np.zeros((len(counts), len(larger))), np.zeros(len(counts)), np.zeros(len(counts))
    in_null = cells.allowed(null.mechanisms)
    shares = np.clip(null.predicted, LAPSE / 2, 1 - LAPSE / 2)
    for number, (mechanisms, energies) in enumerate(larger or [(null.mechanisms, null.energies)]):
        where = np.flatnonzero(cells.allowed(mechanisms) | in_null)
        free = np.flatnonzero(thermal.free(energies or null.energies))
        jacobian = (1 - LAPSE) * np.column_stack([columns[:, where], null.weights[0] * slopes[:, free]])
        small = np.concatenate([in_null[where], thermal.free(null.energies)[free]])
        gains, greater, of_shares = quadratic_draws(
            np.ascontiguousarray(jacobian), null.weights[where], shares, counts, cells.runs, small, free.size
        )
        deviances = of_shares - gains
        if larger:
            ratios[:, number] = greater - gains
    return Draws(np.maximum(ratios, 0.0), deviances, gains)


def tail(value: float, drawn: Array) -> float:
    """Probability of a larger value, by the gamma law of the positive draws."""
    positive = drawn[drawn > SMALLEST]
    if value <= SMALLEST:
        return 1.0
    if positive.size < 3 or positive.var() == 0:
        return (1 + int((drawn >= value).sum())) / (1 + drawn.size)
    mean, variance = positive.mean(), positive.var(ddof=1)
    return float(positive.size / drawn.size * stats.gamma.sf(value, mean**2 / variance, scale=variance / mean))


def upper_bound(mixture: Mixture, ratio: float, larger: Sequence[str], energies: bool, spread: float = 1.0) -> float:
    """p-value that is too large: by as many degrees of freedom as the larger mixture has dimensions."""
    dimensions = int(mixture.cells.allowed(larger).sum()) - 1
    if TEMPERATURE in larger:
        dimensions += int(mixture.thermal.free(energies).sum())
    return float(stats.chi2.sf(ratio / spread, max(dimensions, 1)))


def ratio_of(larger: MixtureFit, smaller: MixtureFit) -> float:
    """Twice the log likelihood ratio."""
    return max(2 * (larger.log_likelihood - smaller.log_likelihood), 0.0)


def holm(p_values: Sequence[float], level: float) -> tuple[bool, ...]:
    """Which hypotheses are refused, with a chance of at most ``level`` that any of them is true (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    refused = [False] * len(p_values)
    for rank, at in enumerate(order):
        if p_values[at] >= level / (len(p_values) - rank):
            break
        refused[at] = True
    return tuple(refused)
