"""What a thermometer says: an inverse temperature with its error, or why it cannot be read; and whether several agree.

Every thermometer solves *exact mean at n_beta = sampled mean*. To first order its error in log(n_beta) is then a mean
over draws of a known influence (the delta method). Chains are independent, so the scatter of the chains' means of that
influence gives the standard error whatever the correlation along a chain, and the covariance of two thermometers that
look at the same chains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import fdtrc, stdtrit

from ..inputs.arguments import checked_arguments
from ..potentials.boxes import loss_unit
from ..potentials.potential import Potential

Array = NDArray[np.float64]
Range = tuple[float, float]

CONFIDENCE = 0.95
RANGE: Range = (0.1, 1e8)  # of n_beta looked through, in the energy's own unit: that of the standard quadrature nodes
FEWEST_CHAINS = 20  # the error of a standard error from 20 chains is 16 %
LARGEST_ERROR = 0.25  # of log(n_beta): beyond it the delta method means little
DRIFT = 5.0  # standard errors by which the start of a run differs from the rest
HARMLESS = 1.0  # standard errors by which it may move the reading all the same,
SLACK = 1.5  # and so many more of those by which chance alone moves it


@dataclass(frozen=True, eq=False)
class Reading:
    """One thermometer's answer.

    Attributes
    ----------
    thermometer
        Which one.
    inverse_temperature
        Estimate of n_beta = 1/T, in units of 1/loss; NaN where it cannot be read.
    standard_error
        Of ``inverse_temperature``.
    low, high
        Interval, symmetric in log(n_beta), with Student's quantile for the number of chains.
    effective_sample_size
        Independent draws that would give the same error; for the escape thermometer the escapes that would.
    reason
        Why it cannot be read; empty where it can.
    shares
        Shape (chains,): each chain's part in the error of log(n_beta), which is their mean. Empty without a reading.
    """

    thermometer: str
    inverse_temperature: float
    standard_error: float
    low: float
    high: float
    effective_sample_size: float
    reason: str = ""
    shares: Array = field(default_factory=lambda: np.empty(0), repr=False)

    @property
    def reads(self) -> bool:
        """Whether there is an estimate."""
        return not self.reason

    @property
    def temperature(self) -> float:
        """T = 1/n_beta, in units of loss."""
        return 1 / self.inverse_temperature

    @property
    def relative_error(self) -> float:
        """Standard error of log(n_beta), and of log(T)."""
        return self.standard_error / self.inverse_temperature

    @property
    def verdict(self) -> str:
        """The reading in one line."""
        if self.reason:
            return f"{self.thermometer}: cannot be read: {self.reason}"
        return f"{self.thermometer}: n_beta = {self.inverse_temperature:.4g} [{self.low:.4g}, {self.high:.4g}]"


def refusal(thermometer: str, reason: str) -> Reading:
    """A reading that is none."""
    return Reading(thermometer, np.nan, np.nan, np.nan, np.nan, 0.0, reason)


@checked_arguments(finite=False)  # an effective sample size may be unknown, nan
def reading(
    thermometer: str, n_beta: float, influence: Array, *, confidence: float = CONFIDENCE,
    effective_sample_size: float | None = None,
) -> Reading:  # fmt: skip
    """Turn an estimate and its influence into a reading, or a refusal.

    Parameters
    ----------
    n_beta
        The estimate.
    influence
        Shape (chain, draw): what each draw contributes to the error of log(n_beta), the mean over all being the error.
    effective_sample_size
        Where the variance of one draw's influence is no measure of it.

    Returns
    -------
    Reading
        A refusal for fewer than 20 chains, for an error of log(n_beta) above 1/4, and for chains that remember their
        start: whose first half, quarter, eighth, ... or first draw differs from the rest by more than 5 standard
        errors, so much that it moves the reading out of what its own error says.
    """
    if not (np.isfinite(n_beta) and n_beta > 0):
        raise ValueError(f"n_beta must be positive and finite, not {n_beta}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie strictly between 0 and 1, not {confidence}")
    if np.ndim(influence) != 2 or not np.size(influence):
        raise ValueError(f"influence must have shape (chain, draw), not {np.shape(influence)}")
    chains = len(influence)
    if chains < FEWEST_CHAINS:
        return refusal(thermometer, f"{chains} chains are too few for an error; {FEWEST_CHAINS} are the fewest")
    shares = influence.mean(axis=1)
    shares = shares - shares.mean()
    error = float(shares.std(ddof=1) / np.sqrt(chains))
    if not 0 < error <= LARGEST_ERROR:
        return refusal(
            thermometer, f"its standard error is {error:.2g} of the temperature; {LARGEST_ERROR} is the most"
        )
    start = start_of_run(influence, error)
    if start.harmful:
        return refusal(
            thermometer, f"not stationary: the first {start.draws} of {influence.shape[1]} draws tell log(n_beta) "
            f"{start.difference:+.2g} against the others, which moves the reading by {start.moves:.1f} of its standard "
            "errors; leave out more of the start",
        )  # fmt: skip
    reach = float(stdtrit(chains - 1, (1 + confidence) / 2)) * error
    if effective_sample_size is None:
        effective_sample_size = float(influence.var() / error**2)
    low, high = (float(n_beta * np.exp(sign * reach)) for sign in (-1, 1))
    return Reading(thermometer, float(n_beta), float(n_beta * error), low, high, effective_sample_size, "", shares)


@dataclass(frozen=True)
class StartOfRun:
    """How much the start of a run, its first half, quarter, ... or first draw, differs from the rest.

    ``sure`` is the largest difference in standard errors. The others are about the part that moves the mean of the
    whole run most, beyond chance: of those that differ surely, if any does. It has so many ``draws``, this
    ``difference`` from the rest, and ``moves`` the mean of the whole run by so many of its standard errors; it is
    ``harmful`` if it differs surely, and moves the mean by more than one and more than chance.
    """

    sure: float
    draws: int
    difference: float
    moves: float
    harmful: bool


def start_of_run(series: Array, error: float) -> StartOfRun:
    """Compare the start of a series (chain, draw), the mean of which has a standard error, with the rest."""
    chains, draws = series.shape
    spread, sure, worst = float(series.std()), 0.0, (False, -np.inf, 0, 0.0, 0.0)
    size = draws // 2
    while size:
        share = size / draws
        moved = series[:, :size].mean(axis=1) - series[:, size:].mean(axis=1)
        # Where few chains have moved yet their scatter says nothing: what the whole run's would be is the least.
        # By chance the part moves the mean with this standard deviation, in standard errors.
        chance = np.sqrt(share / (1 - share))
        least = min(spread / np.sqrt(chains), error * chance / share)
        off = float(moved.mean())
        own = abs(off) / max(float(moved.std(ddof=1)) / np.sqrt(chains), least) if off else 0.0
        sure, moves = max(sure, own), abs(share * off) / error
        worst = max(worst, (own > DRIFT, moves - HARMLESS - SLACK * chance, size, off, moves))
        size //= 2
    differs, beyond, draws, difference, moves = worst
    return StartOfRun(sure, draws, difference, moves, differs and beyond > 0)


@dataclass(frozen=True)
class Disagreement:
    """Whether several thermometers that look at the same chains tell one temperature.

    ``thermometers`` are those that could be read, in order; ``inverse_temperature`` is the one n_beta that suits them
    best, by generalised least squares of their logarithms, with its interval. ``chi_square`` is what they differ by, in
    their common covariance; ``p_value`` the chance of a larger one if there is one temperature, by Hotelling's law,
    which allows for a covariance that is itself estimated from the chains. ``spread`` is the largest temperature over
    the smallest, minus 1, and ``spread_error`` its standard error as the difference of those two. ``reason``: why they
    cannot be compared; empty where they can.
    """

    thermometers: tuple[str, ...]
    inverse_temperature: float
    low: float
    high: float
    chi_square: float
    degrees_of_freedom: int
    p_value: float
    spread: float
    spread_error: float
    reason: str = ""

    @property
    def verdict(self) -> str:
        """In one line."""
        if self.reason:
            return f"cannot be compared: {self.reason}"
        odds = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.2g}"
        return (
            f"{len(self.thermometers)} thermometers differ by {100 * self.spread:.1f} % "
            f"(chi-square {self.chi_square:.1f} for {self.degrees_of_freedom}, {odds})"
        )


@checked_arguments
def disagreement(readings: Sequence[Reading], *, confidence: float = CONFIDENCE) -> Disagreement:
    """Chi-square of several readings against one inverse temperature, with the covariance of their common chains.

    Parameters
    ----------
    readings
        Of the same chains, in the same order; those that could not be read are left out.
    confidence
        Of the interval for the common temperature.

    Raises
    ------
    ValueError
        When the readings come from different numbers of chains.
    """
    usable = [each for each in readings if each.reads]
    names = tuple(each.thermometer for each in usable)
    if len(usable) < 2:
        reason = f"{len(usable)} of the thermometers can be read"
        return Disagreement(names, np.nan, np.nan, np.nan, np.nan, 0, np.nan, np.nan, np.nan, reason)
    if len({each.shares.size for each in usable}) > 1:
        raise ValueError(f"readings must come from the same chains, not {[r.shares.size for r in usable]} of them")
    logs = np.log([each.inverse_temperature for each in usable])
    shares = np.stack([each.shares for each in usable])
    count, chains = shares.shape
    covariance = np.cov(shares) / chains
    weights = np.linalg.solve(covariance, np.ones(count))
    common = float(weights @ logs / weights.sum())
    residual = logs - common
    square = float(residual @ np.linalg.solve(covariance, residual))
    free = count - 1
    # T² with free dimensions and chains - 1 degrees of freedom is an F after this factor (Hotelling 1931).
    f = square * (chains - free) / (free * (chains - 1))
    reach = float(stdtrit(chains - count, (1 + confidence) / 2)) / np.sqrt(weights.sum())
    n_beta, low, high = (float(np.exp(common + sign * reach)) for sign in (0, -1, 1))
    least, most = int(logs.argmin()), int(logs.argmax())
    ratio = float(np.exp(logs[most] - logs[least]))
    error = float(ratio * (shares[most] - shares[least]).std(ddof=1) / np.sqrt(chains))
    chance = float(fdtrc(free, chains - free, f))
    return Disagreement(names, n_beta, low, high, square, free, chance, ratio - 1, error)


@checked_arguments
def checked_positions(potential: Potential, positions: ArrayLike, name: str = "positions") -> Array:
    """Positions (chain, draw, coordinate) as an array, refused with ValueError if they are anything else."""
    points = np.asarray(positions, dtype=float)
    if points.ndim != 3 or points.shape[2] != potential.dimension or not points.size:
        raise ValueError(f"{name} must have shape (chain, draw, {potential.dimension}), not {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError(f"{name} must be finite; a chain that diverged has no temperature")
    return points


def range_of(potential: Potential, between: Range | None = None) -> Range:
    """The inverse temperatures looked through: those asked for, or else `RANGE` in the energy's own unit of loss."""
    if between is not None:
        return between
    unit = loss_unit(potential)
    return RANGE[0] / unit, RANGE[1] / unit


def root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that has different signs at two ends is zero between them."""
    zero: Any = brentq(excess, low, high, xtol=1e-10)
    return float(zero)
