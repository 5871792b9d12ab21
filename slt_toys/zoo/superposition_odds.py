"""Toy models of superposition, a second fit: the odds of hexagons against pentagons, by losses and λ alone.

In the posterior exp(-N L/2) every phase has the free energy [eq:phase-free-energy] with nβ = N/2, so that the log odds
of 6 against 5 are N (L_5 - L_6)/2 - (λ_6 - λ_5) ln N and a constant. The constant is fitted to the posterior where N is
large; then N is asked for that has the odds of SGD's runs. As L_5 > L_6 and λ_6 > λ_5 the law has a least value: runs
with fewer hexagons have no N at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ..fits.frequencies import PosteriorGrid
from ..reference.laws import law
from .model import Array

LEAST_SIZE = 600.0  # of the posteriors to which the constant is fitted: below it the law is far off at any constant
MOST_SIZE = 1300.0  # beyond it one of the two phases is hardly ever drawn
LOWEST_SIZE = 2.5  # the free energy is a law of large N, and none below N = 2
ADDED = 0.5  # to each count, so that its logarithm is finite
DRAWS = 200
REACH = 1.96


@dataclass(frozen=True)
class OddsLaw:
    """Losses and λ of the phases that are held against each other, and the fitted constant with its error.

    ``misfit`` is χ² per degree of freedom of the posterior's own log odds about the law: well above 1, the two phases
    are not all that its sides count.
    """

    losses: tuple[float, float]
    coefficients: tuple[float, float]
    constant: float = 0.0
    constant_error: float = 0.0
    misfit: float = float("nan")

    def __call__(self, size: ArrayLike) -> Array:
        """Log odds of the first phase against the second at N [eq:phase-free-energy]."""
        first, second = (
            law("phase-free-energy")(
                n_beta=np.asarray(size, dtype=float) / 2, loss=loss, learning_coefficient=coefficient, multiplicity=1,
                free_energy_constant=0,
            )
            for loss, coefficient in zip(self.losses, self.coefficients, strict=True)
        )  # fmt: skip
        return np.asarray(second - first + self.constant)

    @property
    def least_at(self) -> float:
        """N at which the log odds are least; NaN where they have no least value.

        The first phase must have both the lower loss and the larger λ.
        """
        gap, more = self.losses[1] - self.losses[0], self.coefficients[0] - self.coefficients[1]
        return 2 * more / gap if gap > 0 and more > 0 else float("nan")

    def sizes_with(self, log_odds: float) -> tuple[float, float]:
        """Both N with these log odds, the smaller first; NaN where there is none. One twice, at equal λ."""
        least, gap = self.least_at, self.losses[1] - self.losses[0]
        if self.coefficients[0] == self.coefficients[1]:
            size = 2 * (log_odds - self.constant) / gap
            return (size, size) if size > 0 else (float("nan"), float("nan"))
        if not float(self(least)) < log_odds:
            return float("nan"), float("nan")
        off = lambda log_size: float(self(np.exp(log_size))) - log_odds  # noqa: E731
        low, up = np.log(LOWEST_SIZE), np.log(least) + 1
        while off(up) < 0:
            up += 1
        down = np.exp(brentq(off, low, np.log(least))) if off(low) > 0 else np.nan
        return float(down), float(np.exp(brentq(off, np.log(least), up)))


def fit_odds(
    grid: PosteriorGrid, losses: tuple[float, float], coefficients: tuple[float, float], columns: tuple[int, int],
    seed: int,
) -> OddsLaw:  # fmt: skip
    """The law with the constant that the posterior has, from its draws in two columns of counts.

    Raises
    ------
    ValueError
        If the grid holds no N from 600 to 1300 at which both phases were drawn.
    """
    pair = grid.counts[..., list(columns)]  # (sizes, chains, 2)
    used = (grid.sizes >= LEAST_SIZE) & (grid.sizes <= MOST_SIZE) & (pair.sum(axis=1) > 0).all(axis=1)
    if not used.any():
        raise ValueError(f"grid must hold an N from {LEAST_SIZE:g} to {MOST_SIZE:g} at which both phases were drawn")
    sizes, pair = grid.sizes[used], pair[used]
    random, chains = np.random.default_rng(seed), pair.shape[1]
    bare = OddsLaw(losses, coefficients)

    def log_odds(chosen: np.ndarray) -> Array:
        total = pair[:, chosen].sum(axis=1) + ADDED
        return np.log(total[:, 0] / total[:, 1]) - bare(sizes)

    own = log_odds(np.arange(chains))
    spread = np.array([log_odds(random.integers(0, chains, chains)) for _ in range(DRAWS)]).std(axis=0, ddof=1)
    weight = 1 / spread**2
    constant = float((weight * own).sum() / weight.sum())
    freedom = max(sizes.size - 1, 1)
    misfit = float((weight * (own - constant) ** 2).sum() / freedom) if sizes.size > 1 else float("nan")
    return OddsLaw(losses, coefficients, constant, float(weight.sum() ** -0.5), misfit)


def log_odds_of(counts: ArrayLike) -> tuple[float, float]:
    """Log odds of the first of two counts against the second, and their standard error."""
    first, second = np.asarray(counts, dtype=float) + ADDED
    return float(np.log(first / second)), float(np.sqrt(1 / first + 1 / second))
