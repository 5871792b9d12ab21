"""Which tempered posterior, if any, has the frequencies that runs have been counted with?

The posterior's shares of the phases are known on a grid of N = nβ; between its points their logarithms are taken to be
linear in log N. N is fitted by the multinomial likelihood, and judged by its deviance against the saturated model, the
shares as they were counted. The deviance's law is that of counts drawn from the posterior fitted, which is itself drawn
anew from its own chains, so that errors of the grid count, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from ..results.claims import Verdict

Array = NDArray[np.float64]
FINE = 400  # values of N at which the likelihood is computed
DRAWS = 400  # of the bootstrap
LEAST = 0.1  # share of runs that may be in another phase than the posterior says, where one says that it fits
LEVEL = 0.05
HALF = 0.5  # of a draw is added to each count of the grid: a phase that was never drawn is not impossible


@dataclass(frozen=True)
class PosteriorGrid:
    """Shares of phases by N, with the chains that they are of.

    Attributes
    ----------
    sizes
        N, shape (sizes,), rising.
    counts
        Draws of each chain in each phase, shape (sizes, chains, phases). Chains are independent.
    """

    sizes: Array
    counts: Array

    def __post_init__(self) -> None:
        rising = self.sizes.ndim == 1 and self.sizes.size > 1 and (np.diff(self.sizes, prepend=0) > 0).all()
        if not rising:
            raise ValueError("sizes must be at least two positive numbers in increasing order")
        if self.counts.ndim != 3 or len(self.counts) != self.sizes.size or self.counts.shape[1] < 2:
            raise ValueError(f"counts must have shape ({self.sizes.size}, chains, phases), not {self.counts.shape}")
        if not (self.counts >= 0).all() or not (self.counts.sum(axis=2) > 0).all():
            raise ValueError("counts must be at least 0, and more than 0 in all for each chain")

    @property
    def fine(self) -> Array:
        """Values of N at which the likelihood is computed, evenly in log N, shape (fine,)."""
        return np.geomspace(self.sizes[0], self.sizes[-1], FINE)

    def log_shares(self, random: np.random.Generator | None = None, sizes: Array | None = None) -> Array:
        """Logarithms of the shares at each N, by default the fine ones, shape (N, phases); of chains drawn anew."""
        chains = self.counts.shape[1]
        chosen = slice(None) if random is None else random.integers(0, chains, chains)
        total = self.counts[:, chosen].sum(axis=1) + HALF
        logs = np.log(total / total.sum(axis=1, keepdims=True))
        at = np.log(self.fine if sizes is None else sizes)
        found = np.stack([np.interp(at, np.log(self.sizes), column) for column in logs.T], axis=1)
        return found - np.log(np.exp(found).sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class FrequencyFit:
    """A fitted N and how well it fits.

    Attributes
    ----------
    size
        N of the greatest likelihood.
    interval
        95 % interval of N, by the bootstrap of the counts.
    deviance, deviance_interval
        Twice the log likelihood that the fit lacks against the saturated model, and its 95 % interval by a bootstrap of
        counts from the shares counted.
    null
        The deviance that counts from the fitted posterior exceed in one case of twenty.
    p_value
        Chance of such a deviance or a greater one if the posterior fitted is the law.
    misfit, misfit_interval
        Share of the runs that are in another phase than the posterior says (total variation), and its 95 % interval.
    at_edge
        Whether N lies at an end of the grid: then it only bounds the best one.
    """

    size: float
    interval: tuple[float, float]
    deviance: float
    deviance_interval: tuple[float, float]
    null: float
    p_value: float
    misfit: float
    misfit_interval: tuple[float, float]
    at_edge: bool

    @property
    def verdict(self) -> Verdict:
        """Whether some N fits: "no" if rejected, "yes" if no more than a tenth of the runs can be elsewhere."""
        if self.p_value < LEVEL:
            return "no"
        return "yes" if self.misfit_interval[1] <= LEAST else "cannot tell"


def deviances(counts: Array, logs: Array) -> tuple[Array, NDArray[np.int64]]:
    """Least deviance of each row of counts (rows, phases) over a grid of log shares, and where it is."""
    likelihood = counts @ logs.T
    best = likelihood.argmax(axis=1)
    total = counts.sum(axis=1, keepdims=True)
    saturated = xlogy(counts, counts / total).sum(axis=1)
    return np.maximum(2 * (saturated - likelihood[np.arange(len(counts)), best]), 0.0), best


def fit_frequencies(
    counts: ArrayLike, grid: PosteriorGrid, seed: int | Sequence[int], draws: int = DRAWS
) -> FrequencyFit:
    """Fit N to the numbers of runs in each phase.

    Parameters
    ----------
    counts
        Runs in each phase, shape (phases,).
    grid
        The posterior's shares.
    seed
        Of the bootstrap.
    draws
        Of each bootstrap.

    Raises
    ------
    ValueError
        If the counts do not fit the grid, are negative or not whole, or there are none.
    """
    given = np.asarray(counts, dtype=float)
    if given.shape != grid.counts.shape[2:] or (given < 0).any() or (given % 1).any() or not given.sum() > 0:
        raise ValueError(f"counts must be {grid.counts.shape[2]} whole numbers, not all 0, not {np.ravel(given)}")
    random, own = np.random.default_rng(seed), grid.log_shares()
    deviance, best = deviances(given[None], own)
    total, shares = int(given.sum()), given / given.sum()
    null = _null(total, int(best[0]), grid, random, draws)
    again = random.multinomial(total, shares, draws).astype(float)
    spread, places = deviances(again, own)
    wrong = np.abs(again / total - np.exp(own[places])).sum(axis=1) / 2
    low, high = (float(x) for x in np.quantile(grid.fine[places], [0.025, 0.975]))
    return FrequencyFit(
        float(grid.fine[best[0]]), (low, high), float(deviance[0]), _middle(spread),
        float(np.quantile(null, 1 - LEVEL)),
        float((1 + (null >= deviance[0]).sum()) / (1 + draws)),
        float(np.abs(shares - np.exp(own[best[0]])).sum() / 2), _middle(wrong), bool(best[0] in (0, FINE - 1)),
    )  # fmt: skip


def _null(total: int, place: int, grid: PosteriorGrid, random: np.random.Generator, draws: int) -> Array:
    """Deviances of counts that the posterior at one N itself would give, the grid's chains drawn anew each time."""
    own, size = grid.log_shares(), grid.fine[place : place + 1]
    laws = np.exp([grid.log_shares(random, size)[0] for _ in range(draws)])
    drawn = np.stack([random.multinomial(total, each / each.sum()) for each in laws]).astype(float)
    return deviances(drawn, own)[0]


def _middle(values: Array) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def rejected_share(shares: ArrayLike, total: int, grid: PosteriorGrid, seed: int | Sequence[int], trials: int) -> float:
    """In which share of trials counts of so many runs, drawn from given shares, are rejected at 5 %.

    At shares that the posterior has, it is to be .05; at others it is the power.
    """
    random = np.random.default_rng(seed)
    drawn = random.multinomial(total, np.asarray(shares, dtype=float), trials)
    seeds = random.integers(0, 2**31, trials)
    fits = [fit_frequencies(row, grid, int(own), 200) for row, own in zip(drawn, seeds, strict=True)]
    return float(np.mean([fit.p_value < LEVEL for fit in fits]))
