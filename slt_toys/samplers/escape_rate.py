"""Rates of rare escapes, also where none would be seen: multilevel splitting with an honest interval.

Direct simulation waits e^(barrier/T) for one escape. Splitting measures how often chains leave the source, times the
shares of trials that climb from one level of a score to the next; the price grows with the square of barrier/T. What
it returns is the rate of the chain that is run, step size and all: no small-noise limit is taken, and SGD with momentum
and noise of any kind has one where no potential governs it.

Kahn & Harris (1951, Natl. Bur. Stand. Appl. Math. Ser. 12, 27-30); Allen, Warren & ten Wolde (2005, Phys. Rev. Lett.
94, 018104) for the form used here; Cérou & Guyader (2007, Stoch. Anal. Appl. 25, 417-443) for levels from a pilot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ..inputs.arguments import checked_arguments, real_numbers, shown
from ..inputs.processors import usable_processors
from ..kernels.codegen import parameter_values
from ..kernels.escape import escape_kernel
from ..potentials.periodic import refuse_periodic
from ..potentials.potential import Potential
from ..potentials.scores import read_score, score_at_rest
from ..reference.laws import law
from .program import Sampler, potential_of
from .splitting import Group, NoHeadway, Plan, Splitting

if TYPE_CHECKING:
    from sympy import Expr

Array = NDArray[np.float64]

__all__ = ["EscapeRate", "sample_escape_rate"]

LEVEL = 0.95  # of intervals
GROUPS = 16  # at first
MOST_GROUPS = 512
ROUNDS = 3  # of more groups
SPARE = 1.3  # trials beyond those that independent ones would take
LEAST_EFFORT, MOST_EFFORT = 2048, 2**18
FEW_ANCESTORS = 100.0
CHANCE_DRIFT = 1e-6  # of halves of the runs in the source as different as that, by chance
LONGEST_TRIAL = 2**20  # steps
TOO_WIDE = "the interval is"


@dataclass(frozen=True, eq=False)
class EscapeRate:
    """An escape rate with its interval.

    Attributes
    ----------
    log_rate
        Natural logarithm of the rate, in 1/time (for SGD per sum of learning rates).
    relative_error
        Half the width of the 95 % interval of ``log_rate``: Student's, from independent groups.
    log_estimates
        Of the groups, shape (groups,); -inf where no trial arrived.
    levels
        Scores that cut the way out, the last one the target's.
    shares
        Of trials from one level that reached the next.
    ancestors
        Effective number of independent departures from the source that arrivals descend from.
    variance_ratio
        Variance among groups over that of independent trials [eq:splitting-variance]; the score is a good one near 1.
    lane_steps
        Steps of one chain made in all.
    time_step
        Time per step.
    doubts
        What speaks against the number, in words; empty if nothing does.
    """

    log_rate: float
    relative_error: float
    log_estimates: Array
    levels: Array
    shares: Array
    ancestors: float
    variance_ratio: float
    lane_steps: int
    time_step: float
    doubts: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Escapes per unit of time; 0 below 1e-308, where ``log_rate`` still tells."""
        return float(np.exp(self.log_rate))

    @property
    def mean_first_passage_time(self) -> float:
        """Mean time from the start to the target, 1/rate [eq:passage-by-renewal]."""
        with np.errstate(over="ignore"):
            return float(np.exp(-self.log_rate))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the rate."""
        low, high = np.exp([self.log_rate - self.relative_error, self.log_rate + self.relative_error])
        return float(low), float(high)

    @property
    def verdict(self) -> str:
        """``"trust"``, or ``"doubt: "`` and why."""
        return f"doubt: {'; '.join(self.doubts)}" if self.doubts else "trust"


@checked_arguments(finite=False)
def sample_escape_rate(
    potential: Any,
    sampler: Sampler,
    *,
    temperature: float | None = None,
    start: ArrayLike | str,
    target: ArrayLike | str,
    score: int | str | Expr | None = None,
    source: float | None = None,
    error: float = 0.05,
    seed: int | Sequence[int] = 0,
    longest_trial: int = LONGEST_TRIAL,
    threads: int | None = None,
    advance: Callable[[float], None] | None = None,
) -> EscapeRate:
    """How often chains from a point reach a target, per unit of time; one over it is the mean first passage time.

    A pilot of its own numbers cuts the way out by levels of a score, so that about a fifth of the trials from one level
    reach the next before they are back at the start's score [eq:best-splitting-share]. Groups of such trials, each
    with a long run around the start, are independent, and as many are made as the error asked for takes.

    Parameters
    ----------
    potential
        A :class:`~slt_toys.potentials.potential.Potential`; for SGD and SGLD, examples that have one.
    sampler
        ``OverdampedLangevin`` (not the scheme for averages, normal noise), ``UnderdampedLangevin``, ``SGD`` or ``SGLD``
        with minibatches drawn with replacement; one step size.
    temperature
        In units of loss; None for SGD, which has its own.
    start
        Point (d,) that chains begin at and come back to after each escape, or the name of a phase: its minimum.
    target
        A score that ends an escape (on a line, the place), or a point (d,) or a phase whose minimum has that score.
    score
        What tells how far a chain is: the number of a coordinate, an expression of the coordinates that rises on the
        way out, or by default, on a line the coordinate, else how far a chain is along the straight line from start to
        target. Any score is right in the limit of many trials; one that says little about where chains escape costs
        precision, which the interval, ``variance_ratio`` and ``doubts`` show. Where friction is low, energies tell more
        than places: an expression may have ``momentum_w`` of a coordinate w, the momentum of ``UnderdampedLangevin``
        or the buffer v of ``SGD``.
    source
        Score at or below which a chain is back; by default the start's.
    error
        Half the width of the 95 % interval, relative.
    seed
        A non-negative integer, or a sequence of them. The same seed gives the same bits on any number of threads.
    longest_trial
        Steps after which a chain that is neither back nor at the next level is taken to be caught in between.
    threads
        Defaults to the processors this process may use.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    EscapeRate
        Of the chain at this step size: the step's own bias is in it; its interval says nothing about that.

    Raises
    ------
    ValueError
        In one line: settings that make no sense, a chain that diverged, a target that lies at or below the start's
        score, chains that do not come back to the start, or linger in between, as in a third well.
    """
    work = prepared(potential, sampler, temperature, start, target, score, source, seed, longest_trial)
    if not 1e-3 <= error <= 1:
        raise ValueError(f"error must lie between 0.001 and 1, a share of the rate, not {error}")
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    own = potential_of(potential)
    try:
        return _estimate(work, error, threads or usable_processors(), advance or (lambda _: None))
    except NoHeadway as problem:
        raise ValueError(f"potential {own.name} has no escape that can be measured so: {problem}") from None
    except FloatingPointError:
        limit = sampler.largest_stable_step(own, work.temperature)
        raise ValueError(
            f"step_size {work.step_size:.3g} is too large for {own.name}: a chain diverged; the largest stable step is "
            f"about {limit:.2g}"
        ) from None


def prepared(
    potential: Any,
    sampler: Any,
    temperature: float | None,
    start: ArrayLike | str,
    target: ArrayLike | str,
    score: int | str | Expr | None,
    source: float | None,
    seed: int | Sequence[int],
    longest_trial: int = LONGEST_TRIAL,
) -> Splitting:
    """The engine for an escape, compiled; arguments as for :func:`sample_escape_rate`, checked here."""
    own = potential_of(potential)
    refuse_periodic("an escape over levels of a score", "ask exact.kinetics for mean_exit_time", potential=own)
    step, warmth = _settings(sampler, temperature, longest_trial)
    begin = _point(own, "start", start)
    inner = sampler.escape_kernel(potential)
    momenta = inner.moved > own.dimension
    expression, weights, of_start, of_target = _scores(own, momenta, score, begin, target)
    if source is not None and not np.isfinite(source):
        raise ValueError(f"source must be finite, not {source}")
    back = of_start if source is None else float(source)
    if not of_target > max(of_start, back):
        raise ValueError(
            f"target's score {of_target:.6g} must lie above {max(of_start, back):.6g}, the start's or source: "
            "chains climb the score; take a target farther out, or minus the score"
        )
    module = escape_kernel(own, replace(inner, constants=(0.0,) * len(inner.constants)), expression)
    return Splitting(
        module, sampler.program(potential), inner.moved, inner.constants, parameter_values(own), step, warmth,
        weights, begin, back, of_target, longest_trial, tuple(np.ravel(seed).tolist()),
    )  # fmt: skip


def _estimate(work: Splitting, error: float, threads: int, advance: Callable[[float], None]) -> EscapeRate:
    plan = work.plan()
    ideal = sum((1 - p) / p for p in plan.shares) + 2.0  # of one trial; the last is for departures
    reach = float(stats.t.ppf((1 + LEVEL) / 2, GROUPS - 1))
    wanted = SPARE * ideal * (reach / error) ** 2 / GROUPS
    effort = int(np.clip(wanted, LEAST_EFFORT, MOST_EFFORT))
    groups: list[Group] = []
    more = GROUPS
    told = 0.0
    for round_number in range(1 + ROUNDS):
        share = (0.5 if round_number < ROUNDS else 1.0) * (1 - told) / more
        groups += work.groups(
            range(len(groups), len(groups) + more), plan, effort, threads, lambda share=share: advance(share)
        )
        told += share * more
        log_rate, half = _combined(groups)
        more = int(len(groups) * 1.1 * ((half / error) ** 2 - 1)) + 1 if np.isfinite(half) else 2 * len(groups)
        more = min(more, MOST_GROUPS - len(groups))
        if half <= error or more <= 0:
            break
    if not np.isfinite(log_rate):
        raise NoHeadway(
            f"none of {len(groups)} groups of {effort} trials arrived; the score does not follow the way out"
        )
    advance(1 - told)
    return _told(work, plan, groups, effort, log_rate, half, error)


def _combined(groups: Sequence[Group]) -> tuple[float, float]:
    """Logarithm of the mean rate per step, and half the width of its interval."""
    logs = np.array([g.log_rate for g in groups])
    if not np.isfinite(logs).any():
        return -np.inf, np.inf
    scaled = np.exp(logs - logs.max())
    error = scaled.std(ddof=1) / np.sqrt(scaled.size) / scaled.mean()
    reach = float(stats.t.ppf((1 + LEVEL) / 2, scaled.size - 1))
    return float(logs.max() + np.log(scaled.mean())), float(reach * error)


def _told(
    work: Splitting, plan: Plan, groups: Sequence[Group], effort: int, log_rate: float, half: float, error: float
) -> EscapeRate:
    stages = len(plan.levels) - 1
    shares = np.zeros(stages)
    for g in groups:
        shares[: len(g.shares)] += np.array(g.shares) / len(groups)
    families = [g.descendants[g.descendants > 0] for g in groups]
    weights = [np.exp(g.log_rate - log_rate) if f.size else 0.0 for g, f in zip(groups, families, strict=True)]
    parts = np.concatenate([w * f / f.sum() for w, f in zip(weights, families, strict=True) if f.size] or [np.zeros(0)])
    ancestors = float(parts.sum() ** 2 / (parts**2).sum()) if parts.size else 0.0
    scaled = np.exp(np.array([g.log_rate for g in groups]) - log_rate)
    with np.errstate(divide="ignore"):
        ideal = sum(
            law("splitting-variance")(reach_probability=p, trials=effort, splitting_levels=1) for p in shares if p > 0
        ) + 1 / np.mean([sum(g.crossings) for g in groups])
    doubts = []
    if half > error:
        doubts.append(f"{TOO_WIDE} ±{half:.2g}, wider than the error of {error:.2g} asked for")
    if ancestors < FEW_ANCESTORS:
        doubts.append(
            f"what arrived descends from {ancestors:.0f} departures: rare ones that matter may be missing; take a "
            "score that follows the way out"
        )
    drift = _drift(groups)
    if 2 * stats.t.sf(drift, len(groups) - 1) < CHANCE_DRIFT:
        doubts.append(f"chains around the start still drift ({drift:.1f} standard errors between halves of their runs)")
    return EscapeRate(
        log_rate - float(np.log(work.step_size)), half, np.array([g.log_rate for g in groups]) - np.log(work.step_size),
        np.array(plan.levels), shares, ancestors, float(scaled.var(ddof=1) / ideal), sum(g.lane_steps for g in groups),
        work.step_size, tuple(doubts),
    )  # fmt: skip


def _drift(groups: Sequence[Group]) -> float:
    """Between crossings in the first and in the second half of the runs, in standard errors."""
    change = np.array([g.crossings[0] - g.crossings[1] for g in groups], dtype=float)
    error = change.std(ddof=1) / np.sqrt(change.size)
    return float(abs(change.mean()) / error) if error > 0 else 0.0


# ---- arguments -------------------------------------------------------------------------------------------------------
def _settings(sampler: Any, temperature: float | None, longest_trial: int) -> tuple[float, float]:
    if not hasattr(sampler, "escape_kernel"):
        raise ValueError(
            "sampler must be OverdampedLangevin, UnderdampedLangevin, SGD or SGLD, whose chains move as time does, "
            f"not {shown(sampler)}"
        )
    name = type(sampler).__name__
    if sampler.takes_n_beta and temperature is None:
        raise ValueError(f"temperature must be given for {name}")
    if not sampler.takes_n_beta and temperature is not None:
        raise ValueError(f"temperature must be None for {name}, whose temperature follows from its settings")
    if temperature is not None and not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be positive and finite, not {temperature}")
    if longest_trial < 1:
        raise ValueError(f"longest_trial must be at least 1, not {longest_trial}")
    step = np.asarray(sampler.step_size, dtype=float)
    if step.ndim:
        raise ValueError("step_size must be one number for an escape rate, not a schedule")
    return float(step), 0.0 if temperature is None else float(temperature)


def _point(potential: Potential, name: str, given: ArrayLike | str) -> Array:
    if isinstance(given, str):
        if given not in (names := [phase.name for phase in potential.phases]):
            raise ValueError(f"{name} {shown(given)} is not one of {potential.name}'s phases: {', '.join(names)}")
        return potential.minimum_point(given)
    point = np.asarray(real_numbers(name, given), dtype=float)
    d = potential.dimension
    point = point.reshape(1) if point.ndim == 0 and d == 1 else point
    if point.shape != (d,) or not np.isfinite(point).all():
        raise ValueError(f"{name} must be a point of {d} finite coordinates or the name of a phase, not {shown(given)}")
    return point


def _scores(
    potential: Potential,
    momenta: bool,
    score: int | str | Expr | None,
    start: Array,
    target: ArrayLike | str,
) -> tuple[Expr | None, Array, float, float]:
    """An expression, or weights of the coordinates, and the score of start and target at rest."""
    d = potential.dimension
    level = np.nan
    if not isinstance(target, str):
        numbers = np.asarray(real_numbers("target", target), dtype=float)
        if not np.isfinite(numbers).all():
            raise ValueError(f"target must be finite, not {shown(target)}")
        level = float(numbers) if numbers.ndim == 0 else np.nan
    is_level = np.isfinite(level)
    if score is None and d > 1:
        if is_level:
            raise ValueError(
                f"target must be a point or a phase in {d} dimensions, where no score is given, not a level"
            )
        way = _point(potential, "target", target) - start
        if not way.any():
            raise ValueError("target must not be the start")
        weights = way / (way @ way)
        return None, weights, float(weights @ start), float(weights @ (start + way))
    if score is None or isinstance(score, int | np.integer):
        number = 0 if score is None else int(score)
        if not 0 <= number < d:
            raise ValueError(f"score must be a coordinate from 0 to {d - 1}, not {shown(score)}")
        end = level if is_level else float(_point(potential, "target", target)[number])
        sign = -1.0 if end < start[number] else 1.0
        return None, sign * np.eye(d)[number], sign * float(start[number]), sign * end
    expression = read_score(potential, score, momenta)
    value = score_at_rest(potential, expression)
    end = level if is_level else float(value(_point(potential, "target", target)))
    return expression, np.zeros(d), float(value(start)), end
