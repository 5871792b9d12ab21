"""One posterior at several temperatures: chains at each, and the estimates of λ that follow from their energies.

All are functions of means and variances of the energy, so that leaving out one chain after the other (the jackknife)
gives the errors of each and, since they share chains, of their differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from slt_toys.learning_coefficient.curvature import Spectrum
from slt_toys.learning_coefficient.ground import Ground
from slt_toys.reference.laws import law

Array = NDArray[np.float64]

NAMES = (
    "energy mean",
    "energy mean, coldest",
    "loss variance",
    "loss variance, coldest",
    "regression over temperatures",
    "thermodynamic integration",
)
MOST_LOGARITHMS = 4  # multiplicities that are tried
LEAST_LOGARITHM, LARGEST_LOGARITHM = 1.0, 1e4  # log nβ + c at the hottest rung
TRIED = 400


def at_rung(ground: Ground, factor: float) -> Ground:
    """The same posterior at an nβ so many times larger: localisation and units of directions stay as they are."""

    def colder(known: Spectrum) -> Spectrum:
        return replace(
            known,
            stiffness=factor * known.curvature + known.pull,
            start_excess=factor * known.start_excess,
            rounding=factor * known.rounding,
        )

    return replace(
        ground,
        posterior=replace(ground.posterior, n_beta=factor * ground.posterior.n_beta),
        known=colder(ground.known),
        bare=colder(ground.bare),
        # In the same units a fourth order gets stiffer like the root of the factor where chains climb, others by less.
        steep=None if ground.steep is None else ground.steep * max(factor, 1.0) ** 0.5,
    )


@dataclass(frozen=True)
class Moments:
    """Means and variances of the energy at every rung, shape (1 + chains, rung): of all chains, and less one each."""

    means: Array
    variances: Array

    @classmethod
    def of(cls, energies: Sequence[Array]) -> Moments:
        """From kept energies (chain, draw) of each rung."""
        means, variances = [], []
        for kept in energies:
            chains, draws = kept.shape
            count = np.full(1 + chains, (chains - 1) * draws, dtype=float)
            count[0] = chains * draws
            centre = kept.mean()  # taken off, for the sake of rounding
            first, second = (((kept - centre) ** power).sum(1) for power in (1, 2))
            ones, twos = (np.concatenate([[part.sum()], part.sum() - part]) / count for part in (first, second))
            means.append(centre + ones)
            variances.append(twos - ones**2)
        return cls(np.stack(means, 1), np.stack(variances, 1))


@dataclass(frozen=True)
class Corrections:
    """What the localisation took of energy and variance at each rung, by the quadratic, and the start's height.

    `of_energy` and `of_variance` have the shape (random vector, rung); the sum over random vectors is the number, one
    where the spectrum is exact. `excess` is nβ times the start's height above the minimum, shape (rung,).
    """

    of_energy: Array
    of_variance: Array
    excess: Array

    @classmethod
    def of(cls, grounds: Sequence[Ground]) -> Corrections:
        """Of directions that the loss holds stiffer than the localisation does."""
        energy, variance = [], []
        for ground in grounds:
            known = ground.known
            held = (known.curvature > known.pull) & (known.stiffness > 0)
            given = {"n_beta": 1.0, "curvature": known.curvature[held], "localisation": known.pull[held]}
            for label, into in (("localised-energy", energy), ("localised-energy-variance", variance)):
                terms = np.zeros_like(known.weight)
                terms[held] = known.weight[held] * (0.5 - law(label)(**given))
                into.append(np.bincount(known.probe, terms, int(known.probe.max()) + 1))
        excess = np.array([ground.known.start_excess for ground in grounds])
        return cls(np.stack(energy, 1), np.stack(variance, 1), excess)


@dataclass(frozen=True)
class Estimates:
    """Estimates of λ by `NAMES`, shape (1 + chains, estimator), and their errors by random vectors' scatter.

    Attributes
    ----------
    values
        Of all chains first, then less one each.
    by_probe
        The corrections' part of each, shape (random vector, estimator).
    """

    values: Array
    by_probe: Array

    def error(self, weights: Array) -> float:
        """Standard error of a sum of estimates with these weights."""
        jackknifed = self.values[1:] @ weights
        chains, probes = len(jackknifed), len(self.by_probe)
        by_chains = (chains - 1) / chains * float(((jackknifed - jackknifed.mean()) ** 2).sum())
        spread = self.by_probe @ weights
        by_probes = probes * float(spread.var(ddof=1)) if probes > 1 else 0.0
        return float(np.sqrt(by_chains + by_probes))


def estimates(moments: Moments, corrections: Corrections, n_beta: Array) -> Estimates:
    """Estimates from the moments, and from the corrections alone."""
    zero = Moments(np.zeros((1, len(n_beta))), np.zeros((1, len(n_beta))))
    parts = [
        _estimated(zero, of_energy, of_variance, 0 * corrections.excess, n_beta)[0]
        for of_energy, of_variance in zip(corrections.of_energy, corrections.of_variance, strict=True)
    ]
    energy, variance = corrections.of_energy.sum(0), corrections.of_variance.sum(0)
    return Estimates(_estimated(moments, energy, variance, corrections.excess, n_beta), np.array(parts))


def _estimated(moments: Moments, of_energy: Array, of_variance: Array, excess: Array, n_beta: Array) -> Array:
    mean, variance = moments.means + of_energy, moments.variances + of_variance
    # λ and the start's height: the energy is a line in nβ, which takes off what the loss at the start is wrong by.
    line = np.linalg.lstsq(np.stack([np.ones_like(n_beta), n_beta / n_beta[0]], 1), mean.T, rcond=None)[0]
    logs = np.log(n_beta)
    width = np.diff(logs)
    above = mean + excess  # the minimum; its derivative by log nβ is what it exceeds the variance by
    slope = above - variance
    rise = (width * (above[:, 1:] + above[:, :-1]) / 2 + width**2 * (slope[:, :-1] - slope[:, 1:]) / 12).sum(1)
    return np.stack(
        [above[:, 0], above[:, -1], variance[:, 0], variance[:, -1], line[0], rise / (logs[-1] - logs[0])], 1
    )


@dataclass(frozen=True)
class LogarithmFit:
    """The energy law [eq:energy-law] with a multiplicity m, fitted to the energies of all rungs.

    Attributes
    ----------
    multiplicity
        m.
    estimate, standard_error
        λ; the error is infinite where m > 1 and the energies do not tell how far the law still has to go.
    probability
        Of so bad a fit by chance.
    """

    multiplicity: int
    estimate: float
    standard_error: float
    probability: float


def logarithm_fits(n_beta: Array, energies: Array, errors: Array) -> tuple[LogarithmFit, ...]:
    """Fits of λ - (m-1)/(log nβ + c) for m = 1 up to `MOST_LOGARITHMS`, as many as the rungs can tell."""
    fits = []
    ell = np.log(n_beta / n_beta[0])
    for order in range(1, MOST_LOGARITHMS + 1):
        free = len(n_beta) - (1 if order == 1 else 2)
        if free < 1:
            break

        def solved(start: float, order: int = order) -> tuple[float, float]:
            lifted = energies + (order - 1) / (start + ell)
            value = float(np.average(lifted, weights=errors**-2.0))
            return float((((lifted - value) / errors) ** 2).sum()), value

        start = LARGEST_LOGARITHM
        if order > 1:
            tried = np.geomspace(LEAST_LOGARITHM, LARGEST_LOGARITHM, TRIED)
            best = int(np.argmin([solved(each)[0] for each in tried]))
            ends = tried[max(0, best - 1)], tried[min(TRIED - 1, best + 1)]
            start = float(optimize.minimize_scalar(lambda x: solved(x)[0], bounds=ends, method="bounded").x)
        misfit, value = solved(start)
        slopes = np.stack([np.ones_like(ell), (order - 1) / (start + ell) ** 2], 1)[:, : 1 + (order > 1)]
        information = (slopes / errors[:, None] ** 2).T @ slopes
        regular = np.linalg.cond(information) < 1e12
        error = float(np.sqrt(np.linalg.inv(information)[0, 0])) if regular else np.inf
        fits.append(LogarithmFit(order, value, error, float(stats.chi2.sf(misfit, free))))
    return tuple(fits)
