"""The verdict: which hypotheses about the end of a critical period survive the counts of all arms together.

Each hypothesis (:mod:`slt_toys.worlds.hypotheses`) is fitted to the stuck counts of every arm and switch epoch at once
by maximum likelihood, and its deviance is compared with the chi-square law of binomial counts, with as many degrees of
freedom as there are cells less parameters. Cells in which fewer than :data:`FEWEST_EXPECTED` runs of either fate are
expected have no chi-square: of their deviance the exact mean and variance are taken (:func:`deviance_law`). A family
that misses the truth by more than sampling does is refuted: the families are idealisations, so with runs enough every
one of them will be. Runs of a cell that share a fate scatter more than binomially; how much more is estimated from
repeats of cells (:func:`dispersion_of_repeats`) or not assumed.

A hypothesis survives if the probability of a larger deviance is at least :data:`SIGNIFICANCE`. One survivor: that is
the verdict. Several: "cannot tell". None: "none", no hypothesis holds to the sampling error. Arms that repeat the
schedule of another are no evidence of their own and are left out.

How many of the runs each hypothesis decides, where several do, is said by :mod:`slt_toys.worlds.shares`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats
from scipy.special import xlogy

from ..fits.ends import CriticalPeriodEnd, Definition, find_end
from ..fits.resampling import end_with_interval, resample_counts
from ..inputs.arguments import checked_arguments
from ..protocol.arms import Observation, copied_arms
from .hypotheses import HYPOTHESES, Design, Hypothesis, design

Array = NDArray[np.float64]
SIGNIFICANCE = 0.01
FEWEST_EXPECTED = 5.0  # runs of either fate in a cell, for its deviance to be chi-square (Cochran 1954)
STARTS, POLISHED = 128, 6
CANNOT_TELL, NONE = "cannot tell", "none"


@dataclass(frozen=True, eq=False)
class Fit:
    """A hypothesis fitted to all observations.

    Attributes
    ----------
    hypothesis
    parameters
        Of largest likelihood, in the order of ``hypothesis.parameters``.
    deviance
        Twice the log likelihood that it lacks against a share of its own for every cell.
    degrees_of_freedom
        Cells less parameters.
    p_value
        Probability of a larger deviance if the hypothesis holds; see :func:`deviance_law`.
    predicted
        Stuck shares, one per observation.
    """

    hypothesis: Hypothesis
    parameters: Array
    deviance: float
    degrees_of_freedom: int
    p_value: float
    predicted: Array

    @property
    def survives(self) -> bool:
        """Whether the data do not contradict it."""
        return self.p_value >= SIGNIFICANCE


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the observations say.

    Attributes
    ----------
    outcome
        Name of the one hypothesis that survives, ``"cannot tell"`` or ``"none"``.
    survivors
        Names of all that do.
    fits
        One per hypothesis.
    observations
        What was judged.
    copies
        Names of arms that were left out, with the arm whose schedule each repeats.
    """

    outcome: str
    survivors: tuple[str, ...]
    fits: tuple[Fit, ...]
    observations: tuple[Observation, ...]
    copies: dict[str, str]

    @property
    def nearest(self) -> Fit:
        """The fit of least deviance, whether it survives or not."""
        return min(self.fits, key=lambda fit: fit.deviance)


@dataclass(frozen=True)
class Dispersion:
    """How counts of repeated cells scatter, against the binomial law.

    Attributes
    ----------
    chi_square
        Of repeats about their common share: one per degree of freedom on average if runs are independent.
    degrees_of_freedom
        Repeats beyond the first of each cell in which runs ended both ways.
    """

    chi_square: float
    degrees_of_freedom: int

    @property
    def ratio(self) -> float:
        """Variance over that of the binomial law."""
        return self.chi_square / self.degrees_of_freedom

    @property
    def p_value(self) -> float:
        """Probability of a larger chi-square if runs are independent."""
        return float(stats.chi2.sf(self.chi_square, self.degrees_of_freedom))


def dispersion_of_repeats(observations: Sequence[Observation]) -> Dispersion | None:
    """Scatter of cells that were observed more than once: with one schedule, in one arm or in two that are the same.

    With x of n runs stuck in each repeat and p the share of all of a cell's runs together, the sum of
    (x - np)²/(np(1-p)), times (N-1)/N for N runs together: then its mean is exactly the number of repeats less one.

    Returns
    -------
    Dispersion or None
        None where no cell with runs of both fates was repeated.
    """
    cells: list[list[Observation]] = []
    for each in observations:
        for cell in cells:
            if each.schedule.same_as(cell[0].schedule):
                cell.append(each)
                break
        else:
            cells.append([each])
    square, freedom = 0.0, 0
    for cell in cells:
        runs = np.array([each.runs for each in cell], dtype=float)
        stuck = np.array([each.stuck for each in cell], dtype=float)
        together, share = runs.sum(), stuck.sum() / runs.sum()
        if len(cell) > 1 and 0 < share < 1:
            scatter = float(((stuck - runs * share) ** 2 / (runs * share * (1 - share))).sum())
            square += (together - 1) / together * scatter
            freedom += len(cell) - 1
    return Dispersion(square, freedom) if freedom else None


@checked_arguments
def fit(
    hypothesis: Hypothesis,
    observations: Sequence[Observation],
    *,
    dispersion: Dispersion | None = None,
    seed: int = 0,
    units: tuple[float, float] | None = None,
) -> Fit:
    """Fit one hypothesis by maximum likelihood, from many starts.

    Parameters
    ----------
    hypothesis, observations
    dispersion
        Of runs that share a fate, estimated from repeats; the deviance per degree of freedom over its ratio is then
        compared with the F law. Without it counts are binomial and the deviance is compared with chi-square.
    seed
        Of the starts (a scrambled Sobol set).
    units
        See :class:`~slt_toys.worlds.hypotheses.Design`.

    Raises
    ------
    ValueError
        If there are no more observations than parameters, or the dispersion is none.
    """
    if dispersion is not None and not dispersion.ratio > 0:
        raise ValueError(
            f"dispersion must have a positive ratio, not {dispersion.ratio}; repeat cells in which runs end both ways"
        )
    freedom = len(observations) - len(hypothesis.parameters)
    if freedom < 1:
        raise ValueError(
            f"observations: {len(observations)} cannot test {len(hypothesis.parameters)} parameters; give more"
        )
    given = design(observations, units)
    runs = np.array([each.runs for each in observations], dtype=float)
    shares = np.array([each.stuck for each in observations]) / runs
    low, high = hypothesis.bounds(given)
    residuals = partial(_residuals, hypothesis, given, shares, runs, low, high)
    starts = stats.qmc.Sobol(low.size, rng=np.random.default_rng(seed)).random(STARTS)
    first = np.array([(residuals(start) ** 2).sum() for start in starts])
    best, least = starts[first.argmin()], float(first.min())
    for start in starts[np.argsort(first)[:POLISHED]]:
        # a sum of squares, so Gauss-Newton steps apply
        found = optimize.least_squares(residuals, np.clip(start, 1e-3, 1 - 1e-3), bounds=(0.0, 1.0), max_nfev=60)
        if 2 * found.cost < least:
            best, least = found.x, 2 * float(found.cost)
    parameters = low + (high - low) * best
    predicted = hypothesis.predict(parameters, given)
    law_of_it = deviance_law(predicted, runs, low.size)
    return Fit(hypothesis, parameters, least, freedom, _p_value(least, *law_of_it, dispersion), predicted)


def deviance_law(shares: Array, runs: Array, parameters: int) -> tuple[float, float]:
    """Law of the deviance of binomial counts with these shares, as a number times chi-square.

    Where at least :data:`FEWEST_EXPECTED` runs of either fate are expected a cell's deviance is chi-square, of mean 1
    and variance 2; else its moments are summed over the binomial law. Each fitted parameter takes a chi-square away.
    The number and the degrees of freedom follow from mean and variance (Satterthwaite 1946); if no cell is sparse they
    are 1 and cells less parameters.

    Parameters
    ----------
    shares, runs
        Of each cell, shape (cells,); shares strictly between 0 and 1.
    parameters
        How many were fitted.

    Returns
    -------
    tuple
        The number, and the degrees of freedom. Where sparse cells leave a mean below 1, as if none were sparse: then
        the deviance says less than its p-value, which is too large.
    """
    mean, variance = float(shares.size - parameters), 2.0 * (shares.size - parameters)
    for share, count in zip(shares, runs, strict=True):
        if count * min(share, 1 - share) < FEWEST_EXPECTED:
            stuck = np.arange(int(count) + 1)
            chances = stats.binom.pmf(stuck, int(count), share)
            deviances = 2 * count * _missing(stuck / count, share)
            own = float(chances @ deviances)
            mean += own - 1
            variance += float(chances @ (deviances - own) ** 2) - 2
    if mean < 1 or variance <= 0:
        return 1.0, float(shares.size - parameters)
    number = variance / (2 * mean)
    return number, mean / number


def _p_value(deviance: float, number: float, freedom: float, dispersion: Dispersion | None) -> float:
    if dispersion is None:
        return float(stats.chi2.sf(deviance / number, freedom))
    return float(stats.f.sf(deviance / (number * freedom * dispersion.ratio), freedom, dispersion.degrees_of_freedom))


def _residuals(
    hypothesis: Hypothesis, given: Design, shares: Array, runs: Array, low: Array, high: Array, unit: Array
) -> Array:
    """Their squares sum to twice the log likelihood that is missing. Parameters come in units of their bounds."""
    predicted = hypothesis.predict(low + (high - low) * unit, given)
    return np.sign(shares - predicted) * np.sqrt(2 * runs * _missing(shares, predicted))


def _missing(shares: Array, predicted: Array | float) -> Array:
    """Log likelihood per run that a predicted share lacks."""
    missing = xlogy(shares, shares / predicted) + xlogy(1 - shares, (1 - shares) / (1 - predicted))
    return np.maximum(missing, 0.0)  # rounding


@checked_arguments
def judge(
    observations: Sequence[Observation],
    hypotheses: Sequence[Hypothesis] = HYPOTHESES,
    *,
    dispersion: Dispersion | None = None,
    seed: int = 0,
) -> Verdict:
    """Fit every hypothesis to the arms that are unlike, and say which survive; see :func:`fit` for the arguments."""
    copies = copied_arms(observations)
    seen = tuple(each for each in observations if each.arm not in copies)
    fits = tuple(fit(each, seen, dispersion=dispersion, seed=seed) for each in hypotheses)
    survivors = tuple(each.hypothesis.name for each in fits if each.survives)
    outcome = survivors[0] if len(survivors) == 1 else CANNOT_TELL if survivors else NONE
    return Verdict(outcome, survivors, fits, seen, copies)


# ---- the table -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Row:
    """One arm of the verdict table; ends in epochs of the control.

    Attributes
    ----------
    arm
    observed
        e* of the recorded shares, with its bootstrap interval.
    predicted
        e* by each hypothesis with its parameters, by name.
    deviances
        Share of the arm in each hypothesis's deviance, by name.
    observations
        Number of switch epochs.
    """

    arm: str
    observed: CriticalPeriodEnd
    predicted: dict[str, CriticalPeriodEnd]
    deviances: dict[str, float]
    observations: int


@checked_arguments
def verdict_table(
    verdict: Verdict,
    *,
    level: float = 0.5,
    fitted_to: Sequence[str] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[Row, ...]:
    """Arm by arm: what each hypothesis predicts for e*, and what happened.

    Parameters
    ----------
    verdict
    level
        Stuck share that marks the end of the critical period.
    fitted_to
        Names of the arms that fix the parameters, such as ``["control"]``; the others are then predicted without having
        been seen. By default all arms, as in the verdict.
    confidence, seed
        Of the bootstrap over runs, which are taken to be independent.
    """
    seen, given = verdict.observations, design(verdict.observations)
    predicted = {each.hypothesis.name: each.predicted for each in verdict.fits}
    if fitted_to is not None:
        part = [each for each in seen if each.arm in set(fitted_to)]
        for each in verdict.fits:
            again = fit(each.hypothesis, part, seed=seed, units=given.units)
            predicted[each.hypothesis.name] = each.hypothesis.predict(again.parameters, given)
    weights = np.array([each.runs for each in seen], dtype=float)
    shares = np.array([each.stuck / each.runs for each in seen])
    rows = []
    for arm in dict.fromkeys(each.arm for each in seen):
        where = np.array([number for number, each in enumerate(seen) if each.arm == arm])
        where = where[np.argsort([seen[number].switch_epoch for number in where])]
        epochs = np.array([seen[number].switch_epoch for number in where])
        runs = {seen[number].runs for number in where}
        if len(runs) != 1:
            raise ValueError(f"runs: arm {arm!r} has {sorted(runs)} runs at its switch epochs; give it one number")
        if (np.diff(epochs) == 0).any():
            raise ValueError(f"observations: arm {arm!r} has a switch epoch twice; add up its runs, or name two arms")
        counts = np.array([seen[number].stuck for number in where])
        definition = Definition("half_stuck_mass", level)
        curves = resample_counts(counts, runs.pop(), seed=[seed, len(rows)])
        deviances = {}
        for name, curve in predicted.items():
            deviances[name] = float(2 * (weights[where] * _missing(shares[where], curve[where])).sum())
        rows.append(
            Row(
                arm,
                end_with_interval(epochs, shares[where], curves, definition, confidence=confidence),
                {name: find_end(epochs, curve[where], definition) for name, curve in predicted.items()},
                deviances,
                len(where),
            )
        )
    return tuple(rows)
