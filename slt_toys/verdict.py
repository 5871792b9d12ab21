"""The verdict: which hypotheses about the end of a critical period survive the counts of all arms together.

Each hypothesis (:mod:`slt_toys.hypotheses`) is fitted to the stuck counts of every arm and switch epoch at once by
maximum likelihood. Counts are allowed to scatter more than binomially: the families are idealisations, so a share may
miss the truth by √(ρ p(1-p)). The allowance ρ and the significance below were fixed before any world was judged. With
it n runs are worth n/(1 + (n-1)ρ), and the deviance is compared with its chi-square law.

A hypothesis survives if the probability of a larger deviance is at least :data:`SIGNIFICANCE`. One survivor: that is
the verdict. Several: "cannot tell". None: "none".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats
from scipy.special import xlogy

from .arms import Observation
from .critical_period_end import CriticalPeriodEnd, Definition, find_end
from .hypotheses import HYPOTHESES, Design, Hypothesis, design
from .resampling import end_with_interval, resample_counts

Array = NDArray[np.float64]
ALLOWANCE = 0.02  # ρ: a share of one half may be off by 0.07
SIGNIFICANCE = 0.01
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
    deviance, degrees_of_freedom, p_value
        With the overdispersion allowed for.
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
    """

    outcome: str
    survivors: tuple[str, ...]
    fits: tuple[Fit, ...]
    observations: tuple[Observation, ...]


def effective_runs(runs: Array, allowance: float) -> Array:
    """How many independent runs they are worth, n/(1 + (n-1)ρ)."""
    return runs / (1 + (runs - 1) * allowance)


def fit(
    hypothesis: Hypothesis,
    observations: Sequence[Observation],
    *,
    allowance: float = ALLOWANCE,
    seed: int = 0,
    units: tuple[float, float] | None = None,
) -> Fit:
    """Fit one hypothesis by maximum likelihood, from many starts.

    Parameters
    ----------
    hypothesis, observations
    allowance
        Intra-class correlation ρ in [0, 1) of the runs of one arm and switch epoch.
    seed
        Of the starts (a scrambled Sobol set).
    units
        See :class:`~slt_toys.hypotheses.Design`.

    Raises
    ------
    ValueError
        If there are no more observations than parameters, or the allowance is out of range.
    """
    if not 0 <= allowance < 1:
        raise ValueError(f"allowance must lie in [0, 1), not {allowance}; 0.02 is usual here")
    freedom = len(observations) - len(hypothesis.parameters)
    if freedom < 1:
        raise ValueError(
            f"observations: {len(observations)} cannot test {len(hypothesis.parameters)} parameters; give more"
        )
    given = design(observations, units)
    runs = np.array([each.runs for each in observations], dtype=float)
    shares = np.array([each.stuck for each in observations]) / runs
    worth = effective_runs(runs, allowance)
    low, high = hypothesis.bounds(given)
    residuals = partial(_residuals, hypothesis, given, shares, worth, low, high)
    starts = stats.qmc.Sobol(low.size, rng=np.random.default_rng(seed)).random(STARTS)
    first = np.array([(residuals(start) ** 2).sum() for start in starts])
    best, least = starts[first.argmin()], float(first.min())
    for start in starts[np.argsort(first)[:POLISHED]]:
        # a sum of squares, so Gauss-Newton steps apply
        found = optimize.least_squares(residuals, np.clip(start, 1e-3, 1 - 1e-3), bounds=(0.0, 1.0), max_nfev=60)
        if 2 * found.cost < least:
            best, least = found.x, 2 * float(found.cost)
    parameters = low + (high - low) * best
    return Fit(
        hypothesis, parameters, least, freedom, float(stats.chi2.sf(least, freedom)),
        hypothesis.predict(parameters, given),
    )  # fmt: skip


def _residuals(
    hypothesis: Hypothesis, given: Design, shares: Array, worth: Array, low: Array, high: Array, unit: Array
) -> Array:
    """Their squares sum to twice the log likelihood that is missing. Parameters come in units of their bounds."""
    predicted = hypothesis.predict(low + (high - low) * unit, given)
    return np.sign(shares - predicted) * np.sqrt(2 * worth * _missing(shares, predicted))


def _missing(shares: Array, predicted: Array) -> Array:
    """Log likelihood per run that a predicted share lacks."""
    missing = xlogy(shares, shares / predicted) + xlogy(1 - shares, (1 - shares) / (1 - predicted))
    return np.maximum(missing, 0.0)  # rounding


def judge(
    observations: Sequence[Observation],
    hypotheses: Sequence[Hypothesis] = HYPOTHESES,
    *,
    allowance: float = ALLOWANCE,
    seed: int = 0,
) -> Verdict:
    """Fit every hypothesis and say which survive; see :func:`fit` for the arguments."""
    fits = tuple(fit(each, observations, allowance=allowance, seed=seed) for each in hypotheses)
    survivors = tuple(each.hypothesis.name for each in fits if each.survives)
    outcome = survivors[0] if len(survivors) == 1 else CANNOT_TELL if survivors else NONE
    return Verdict(outcome, survivors, fits, tuple(observations))


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


def verdict_table(
    verdict: Verdict,
    *,
    level: float = 0.5,
    fitted_to: Sequence[str] | None = None,
    allowance: float = ALLOWANCE,
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
    allowance
        As in :func:`fit`, for ``fitted_to``.
    confidence, seed
        Of the bootstrap over runs; there is no overdispersion in it.
    """
    seen, given = verdict.observations, design(verdict.observations)
    predicted = {each.hypothesis.name: each.predicted for each in verdict.fits}
    if fitted_to is not None:
        part = [each for each in seen if each.arm in set(fitted_to)]
        for each in verdict.fits:
            again = fit(each.hypothesis, part, allowance=allowance, seed=seed, units=given.units)
            predicted[each.hypothesis.name] = each.hypothesis.predict(again.parameters, given)
    worth = effective_runs(np.array([each.runs for each in seen], dtype=float), allowance)
    shares = np.array([each.stuck / each.runs for each in seen])
    rows = []
    for arm in dict.fromkeys(each.arm for each in seen):
        where = np.array([number for number, each in enumerate(seen) if each.arm == arm])
        where = where[np.argsort([seen[number].switch_epoch for number in where])]
        epochs = np.array([seen[number].switch_epoch for number in where])
        runs = {seen[number].runs for number in where}
        if len(runs) != 1:
            raise ValueError(f"runs: arm {arm!r} has {sorted(runs)} runs at its switch epochs; give it one number")
        counts = np.array([seen[number].stuck for number in where])
        definition = Definition("half_stuck_mass", level)
        curves = resample_counts(counts, runs.pop(), seed=[seed, len(rows)])
        deviances = {}
        for name, curve in predicted.items():
            deviances[name] = float(2 * (worth[where] * _missing(shares[where], curve[where])).sum())
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
