"""Gibbs or merely noisy? One of three answers about what moves the weights, from trajectories at several noise levels.

*Tempered posterior*: at every level all thermometers agree, in each phase and at the barrier, within 20 %. *Activated,
not Gibbs*: they do not, but the logarithm of the escape rate is linear in B/η. *Not activated*: it is not, as where
rates are a power of the noise (heavy tails) or do not depend on it (drift). Else it *cannot be told*.

All intervals of one verdict hold together with the chosen confidence: half of the error goes to the comparisons of
thermometers, every pair at every level, the other half to the laws of the escape rates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, ndtri

from ..inputs.arguments import checked_arguments
from .escapes import EscapeRate
from .readings import CONFIDENCE, Reading

Array = NDArray[np.float64]
Answer = Literal["tempered posterior", "activated, not Gibbs", "not activated", "not Gibbs", "cannot tell"]

__all__ = [
    "Answer", "Dependence", "GibbsVerdict", "NoiseLevel", "Spread", "answer_of", "escape_dependence", "gibbs_verdict",
    "spread_of",
]  # fmt: skip

RESOLVED = 0.20  # two temperatures that differ by so much must be told apart
ALLOWED = 0.08  # steps of SGD at learning rate times curvature .08 alone set thermometers 4 to 6 % apart
FEWEST_LEVELS = 3
SAMPLES = 10_000  # of the largest of several correlated errors
EXPONENTS = np.linspace(-1.0, 4.0, 501)  # of the noise in the escape law: 0 a power law, 1 activation
ACTIVATED = 0.5  # nearer to activation than to a power law


@dataclass(frozen=True, eq=False)
class NoiseLevel:
    """What was seen at one size of the noise.

    Attributes
    ----------
    coldness
        B/η, or 1/T for Langevin dynamics; any unit, the same at all levels.
    readings
        Of all thermometers that apply, of the same chains in the same order.
    rates
        Of the escapes from each phase.
    """

    coldness: float
    readings: tuple[Reading, ...]
    rates: tuple[EscapeRate, ...]


@dataclass(frozen=True)
class Spread:
    """How far the thermometers of one level lie apart.

    Attributes
    ----------
    coldest, hottest
        Names of the two whose difference is the surest.
    ratio
        Of the hottest temperature to the coldest, minus 1, as read.
    low, high
        Bounds that hold for all pairs together: of the largest true ratio minus 1.
    unread
        Thermometers that could not be read, with their reasons.
    """

    coldest: str
    hottest: str
    ratio: float
    low: float
    high: float
    unread: tuple[str, ...]


@dataclass(frozen=True)
class Dependence:
    """How the rate of escape from a phase depends on B/η: log r = a - b (x^q - 1)/q.

    Attributes
    ----------
    phase
        The one that is left.
    fall, fall_low, fall_high
        Of log r from the hottest level to the coldest, with its interval.
    exponent, exponent_low, exponent_high
        q: 1 is activation, 0 a power law; with its interval, whose ends stand at those looked through where it has
        none.
    answer
        ``"activated"``, ``"power law"``, ``"no dependence"``, ``"rises"`` or ``"cannot tell"``.
    """

    phase: str
    fall: float
    fall_low: float
    fall_high: float
    exponent: float
    exponent_low: float
    exponent_high: float
    answer: str


@dataclass(frozen=True)
class GibbsVerdict:
    """The answer, and what it rests on.

    Attributes
    ----------
    answer
        ``"not Gibbs"`` where thermometers differ and the law of the escapes cannot be told.
    spreads
        One for each level, in order of coldness.
    dependences
        One for each phase.
    confidence
        With which all intervals hold together.
    statement
        In words.
    """

    answer: Answer
    spreads: tuple[Spread, ...]
    dependences: tuple[Dependence, ...]
    confidence: float
    statement: str


# ---- thermometers at one level --------------------------------------------------------------------------------------
@checked_arguments
def spread_of(readings: Sequence[Reading], confidence: float = CONFIDENCE) -> Spread:
    """Bounds on the largest ratio of two temperatures, for all pairs together.

    The errors of all pairwise differences of log(n_beta) are those of common chains; the largest of them, in units of
    their own standard errors, is simulated with their covariance and the chains' degrees of freedom.

    Parameters
    ----------
    readings
        Of the same chains.
    confidence
        With which both bounds hold.

    Raises
    ------
    ValueError
        When the readings come from different numbers of chains.
    """
    usable = [each for each in readings if each.reads]
    unread = tuple(f"{each.thermometer}: {each.reason}" for each in readings if not each.reads)
    if len(usable) < 2:
        return Spread("", "", math.nan, 0.0, math.inf, unread)
    if len({each.shares.size for each in usable}) > 1:
        raise ValueError(
            f"readings must come from the same chains, not {[each.shares.size for each in usable]} of them"
        )
    logs = np.log([each.inverse_temperature for each in usable])
    shares = np.stack([each.shares for each in usable])
    chains = shares.shape[1]
    covariance = np.cov(shares) / chains
    pairs = np.array(list(combinations(range(len(usable)), 2)))
    contrast = np.zeros((len(pairs), len(usable)))
    rows = np.arange(len(pairs))
    contrast[rows, pairs[:, 0]], contrast[rows, pairs[:, 1]] = 1.0, -1.0
    errors = np.sqrt(np.maximum(np.einsum("pi,ij,pj->p", contrast, covariance, contrast), 1e-300))
    reach = _reach(contrast, covariance, errors, chains - 1, confidence) * errors
    apart = contrast @ logs
    surest = int((np.abs(apart) - reach).argmax())
    first, second = (usable[k].thermometer for k in pairs[surest])
    coldest, hottest = (first, second) if apart[surest] > 0 else (second, first)
    return Spread(
        coldest, hottest, float(np.expm1(np.abs(apart).max())),
        float(max(np.expm1((np.abs(apart) - reach).max()), 0.0)),
        float(np.expm1((np.abs(apart) + reach).max())), unread,
    )  # fmt: skip


def _reach(contrast: Array, covariance: Array, errors: Array, freedom: int, confidence: float) -> float:
    """Quantile of the largest of several |t|, correlated as the contrasts are."""
    random = np.random.default_rng(0)
    values, vectors = np.linalg.eigh(covariance)
    factor = contrast @ (vectors * np.sqrt(np.maximum(values, 0.0))) / errors[:, None]
    normals = random.standard_normal((SAMPLES, len(covariance))) @ factor.T
    largest = np.abs(normals).max(axis=1) / np.sqrt(random.chisquare(freedom, SAMPLES) / freedom)
    return float(np.quantile(largest, confidence))


# ---- escapes over the levels ----------------------------------------------------------------------------------------
@checked_arguments
def escape_dependence(
    phase: str, coldness: Sequence[float], rates: Sequence[EscapeRate], confidence: float = CONFIDENCE
) -> Dependence:
    """How rates depend on coldness x: b and q of log r = a - b (x^q - 1)/q, which holds activation and power laws.

    Parameters
    ----------
    phase
        Its name.
    coldness
        Positive and rising, at least three.
    rates
        One for each.
    confidence
        With which both intervals hold.
    """
    x = np.asarray(coldness, dtype=float)
    y, error = (np.array([getattr(rate, name) for rate in rates]) for name in ("log_rate", "standard_error"))
    seen = np.isfinite(y) & np.isfinite(error) & (error > 0)
    if seen.sum() < FEWEST_LEVELS:
        low, high = float(EXPONENTS[0]), float(EXPONENTS[-1])
        return Dependence(phase, math.nan, -math.inf, math.inf, math.nan, low, high, "cannot tell")
    x, y, error = x[seen], y[seen], error[seen]
    each = 1 - (1 - confidence) / 2
    fall = float(y[0] - y[-1])
    width = float(ndtri((1 + each) / 2)) * float(np.hypot(error[0], error[-1]))
    squares = _misfits(x / x[0], y, error)
    inside = EXPONENTS[squares - squares.min() <= chdtri(1, 1 - each)]
    best, low, high = float(EXPONENTS[squares.argmin()]), float(inside[0]), float(inside[-1])
    answer = "cannot tell"
    if max(abs(fall - width), abs(fall + width)) < math.log1p(RESOLVED):
        answer = "no dependence"
    elif fall + width < 0:
        answer = "rises"
    elif fall - width > 0 and low > ACTIVATED:
        answer = "activated"
    elif fall - width > 0 and high < ACTIVATED:
        answer = "power law"
    return Dependence(phase, fall, fall - width, fall + width, best, low, high, answer)


def _misfits(x: Array, y: Array, error: Array) -> Array:
    """Chi-square of the best a and b at each of ``EXPONENTS``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shapes = np.expm1(np.multiply.outer(EXPONENTS, np.log(x))) / EXPONENTS[:, None]
    shapes = np.where(np.abs(EXPONENTS[:, None]) < 1e-9, np.log(x), shapes)
    weights = 1 / error**2
    shapes = shapes - (shapes @ weights / weights.sum())[:, None]
    away = y - (weights @ y) / weights.sum()
    return weights @ away**2 - (shapes @ (weights * away)) ** 2 / (shapes**2 @ weights)


# ---- the verdict ----------------------------------------------------------------------------------------------------
@checked_arguments
def gibbs_verdict(levels: Sequence[NoiseLevel], confidence: float = CONFIDENCE) -> GibbsVerdict:
    """Say which of three things moves the weights, or that it cannot be told.

    Parameters
    ----------
    levels
        At least three sizes of the noise, from runs of their own.
    confidence
        With which all intervals hold together.

    Raises
    ------
    ValueError
        For fewer levels, a coldness that is not positive or that two levels share, or levels without the same phases.
    """
    if len(levels) < FEWEST_LEVELS:
        raise ValueError(f"levels must be at least {FEWEST_LEVELS} sizes of the noise, not {len(levels)}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie strictly between 0 and 1, not {confidence}")
    ordered = sorted(levels, key=lambda level: level.coldness)
    coldness = [level.coldness for level in ordered]
    if not (np.isfinite(coldness).all() and coldness[0] > 0 and len(set(coldness)) == len(coldness)):
        raise ValueError(f"coldness must be positive, finite and another at every level, not {coldness}")
    phases = [rate.phase for rate in ordered[0].rates]
    if not phases or any([rate.phase for rate in level.rates] != phases for level in ordered):
        raise ValueError("levels must all hold the rates of the same phases, in the same order")
    half = (1 - confidence) / 2
    spreads = tuple(spread_of(level.readings, 1 - half / len(ordered)) for level in ordered)
    dependences = tuple(
        escape_dependence(phase, coldness, [level.rates[k] for level in ordered], 1 - half / len(phases))
        for k, phase in enumerate(phases)
    )
    answer = answer_of(spreads, [each.answer for each in dependences])
    return GibbsVerdict(answer, spreads, dependences, confidence, _statement(answer, spreads, dependences))


def answer_of(spreads: Sequence[Spread], escapes: Sequence[str]) -> Answer:
    """The answer that bounds on the thermometers' spread at every level, and the laws of the escapes, amount to."""
    differ = any(spread.low > ALLOWED for spread in spreads)
    agree = all(spread.high < RESOLVED and not spread.unread for spread in spreads)
    told = set(escapes)
    if agree:  # escapes included, at every level: whatever sets the temperature
        return "tempered posterior"
    if told & {"power law", "no dependence", "rises"}:
        return "not activated"
    if differ:
        return "activated, not Gibbs" if "activated" in told else "not Gibbs"
    return "cannot tell"


def _statement(answer: Answer, spreads: Sequence[Spread], dependences: Sequence[Dependence]) -> str:
    worst = max(spreads, key=lambda spread: (spread.low, spread.high))
    escapes = "; ".join(
        f"rate from {each.phase} falls by e^{each.fall:.2f} [{each.fall_low:.2f}, {each.fall_high:.2f}] as "
        f"(B/η)^{each.exponent:.2f} [{each.exponent_low:.2f}, {each.exponent_high:.2f}], {each.answer}"
        for each in dependences
    )
    differ = (
        f"{worst.hottest} reads hotter than {worst.coldest}" if worst.hottest else "no two thermometers can be read"
    )
    return (
        f"{answer}: {differ}, the largest ratio of temperatures minus 1 is between {worst.low:.1%} and "
        f"{worst.high:.1%}; {escapes}"
    )
