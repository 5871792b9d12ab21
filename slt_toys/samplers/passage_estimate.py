"""Mean first passage times to an error that is asked for: the step is chosen here, and its bias extrapolated away.

Rates of escapes by multilevel splitting have an honest interval, but they are those of a chain at its step. Heun's
scheme is of second order: rates at a step and at half of it give that of the equation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential
from ..potentials.scores import read_score, score_at_rest
from .escape_rate import TOO_WIDE, EscapeRate, prepared, sample_escape_rate
from .langevin import OverdampedLangevin
from .program import largest_curvature
from .splitting import Splitting

if TYPE_CHECKING:
    from sympy import Expr

Array = NDArray[np.float64]

__all__ = ["PassageEstimate", "estimate_passage_time"]

FIRST_SHARE = 0.25  # of a step, times the largest curvature
HALVINGS = 6
ROUNDING = 0.95  # of the error asked for that the two rates are asked for together
OVERSHOT = 2 * 0.5826  # of √(2T·step): twice how far a chain seen at its steps overshoots a level on average
CHECK_EFFORT, CHECK_STEPS = 50_000, 8192
SMALL = 1e-6  # of the box, over which a score's slope is read
TURNED_BACK = 0.25  # of the error: share of arrivals that may turn back at the target
FEW_THERE, MOST_THERE = 1000, 0.5  # chains that begin at a line's target, and the share of them


@dataclass(frozen=True, eq=False)
class PassageEstimate:
    """A mean first passage time with its interval.

    Attributes
    ----------
    log_time
        Natural logarithm of the mean time, extrapolated over the step.
    error
        Half the width of its 95 % interval, relative.
    bias_removed
        What extrapolation has changed of the logarithm at the smaller step.
    coarse, fine
        Rates at the step and at half of it.
    doubts
        What speaks against the number, in words; empty if nothing does.
    """

    log_time: float
    error: float
    bias_removed: float
    coarse: EscapeRate
    fine: EscapeRate
    doubts: tuple[str, ...]

    @property
    def time(self) -> float:
        """The mean time; infinite beyond 1e308."""
        with np.errstate(over="ignore"):
            return float(np.exp(self.log_time))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean time."""
        with np.errstate(over="ignore"):
            low, high = np.exp([self.log_time - self.error, self.log_time + self.error])
        return float(low), float(high)

    @property
    def verdict(self) -> str:
        """``"trust"``, or ``"doubt: "`` and why."""
        return f"doubt: {'; '.join(self.doubts)}" if self.doubts else "trust"


@checked_arguments
def estimate_passage_time(
    potential: Potential,
    *,
    temperature: float,
    start: ArrayLike | str,
    target: ArrayLike | str,
    score: int | str | Expr | None = None,
    source: float | None = None,
    error: float = 0.05,
    seed: int | Sequence[int] = 0,
    threads: int | None = None,
    advance: Callable[[float], None] | None = None,
) -> PassageEstimate:
    """Mean time of overdamped Langevin dynamics from a point to a target, to an error that is asked for.

    In any number of coordinates, and however rare: at barrier/T = 30 an error of 5 % takes seconds. The step is halved
    until what extrapolation changes is within the error.

    Parameters
    ----------
    potential
        Of any dimension.
    temperature
        In units of loss.
    start, target, score, source
        As for :func:`~slt_toys.samplers.escape_rate.sample_escape_rate`.
    error
        Half the width of the 95 % interval, relative.
    seed
        A non-negative integer, or a sequence of them. The same seed gives the same bits on any number of threads.
    threads
        Defaults to the processors this process may use.
    advance
        Called with the fraction of the work done since the last call.

    Raises
    ------
    ValueError
        As :func:`~slt_toys.samplers.escape_rate.sample_escape_rate`; and where chains turn back at the target, as on
        the way up a barrier or where escapes are not rare: they are seen only at their steps, and arrive late.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, not {temperature}")
    if not 2e-3 <= error <= 1:
        raise ValueError(f"error must lie between 0.002 and 1, a share of the time, not {error}")
    curvature = largest_curvature(potential, temperature)
    step = FIRST_SHARE / curvature if curvature > 0 else 1.0
    tell, entropy = advance or (lambda _: None), tuple(np.ravel(seed).tolist())
    each = ROUNDING * error * 3 / np.sqrt(17)  # of 4/3 of one less 1/3 of the other
    told = 0.0

    def rate(step: float, number: int) -> EscapeRate:
        return sample_escape_rate(
            potential, OverdampedLangevin(step, "heun"), temperature=temperature, start=start, target=target,
            score=score, source=source, error=float(each), seed=(*entropy, number), threads=threads,
        )  # fmt: skip

    def work(step: float) -> Splitting:
        asked = potential, OverdampedLangevin(step, "heun"), temperature, start, target, score, source
        return prepared(*asked, (*entropy, HALVINGS, 1))

    def refuse_turning_back(work: Splitting, places: Array, allowed: float) -> None:
        slope = float(np.linalg.norm(work.weights)) or _slope_of_score(potential, score, target)
        _refuse_turning_back(work, places, slope, temperature, allowed)

    smallest = work(step / 2**HALVINGS)
    if potential.dimension == 1 and smallest.weights.any():
        # All arrive at one place: what is too steep for the smallest step is known at once.
        there = np.full((FEW_THERE, 1), smallest.target / smallest.weights[0])
        refuse_turning_back(smallest, there, MOST_THERE)
    coarse = None
    removed = noise = 0.0
    for number in range(HALVINGS):
        try:
            coarse = rate(step, 2 * number) if coarse is None else coarse
            fine = rate(step / 2, 2 * number + 1)
        except ValueError as problem:
            if "diverged" not in str(problem) or number == HALVINGS - 1:
                raise
            coarse, step = None, step / 2
            continue
        share = 0.5 * (1 - told)
        tell(share)
        told += share
        removed = (coarse.log_rate - fine.log_rate) / 3
        noise = float(np.hypot(coarse.relative_error, fine.relative_error) / 3)
        if abs(removed) <= error + noise:
            break
        coarse, step = fine, step / 2
    else:
        raise ValueError(f"temperature {temperature:.3g}: rates do not settle down to a step of {step:.2g}")
    assert coarse is not None
    last = work(step)
    refuse_turning_back(last, last.group(0, last.plan(), CHECK_EFFORT).arrived, TURNED_BACK * error)
    tell(1 - told)
    half = float(np.hypot(4 * fine.relative_error, coarse.relative_error) / 3)
    doubts = [
        f"at step {rate.time_step:.2g}, {doubt}"
        for rate in (coarse, fine)
        for doubt in rate.doubts
        if not doubt.startswith(TOO_WIDE)  # what counts is the width of both together
    ]
    if half > error:
        doubts.append(f"the interval is ±{half:.2g}, wider than the error of {error:.2g} asked for")
    return PassageEstimate(-fine.log_rate + removed, half, removed, coarse, fine, tuple(doubts))


def _refuse_turning_back(work: Splitting, places: Array, slope: float, temperature: float, allowed: float) -> None:
    """Refuse a target from which chains turn back before they are further by what they overshoot.

    Where they do, it matters that they are seen only at their steps, by the root of the step.
    """
    beyond = work.target + slope * OVERSHOT * np.sqrt(2 * temperature * work.step_size)
    turned = work.turned_back(places, beyond, CHECK_STEPS) if len(places) else 1.0
    if turned > allowed:
        raise ValueError(
            f"target is a place where {turned:.1%} of chains turn back once they are there, and chains seen at their "
            "steps arrive late; take one beyond the barrier, or sample_first_passage"
        )


def _slope_of_score(potential: Potential, score: Any, target: ArrayLike | str) -> float:
    """How fast an expression rises at the target, per length."""
    place = potential.minimum_point(target) if isinstance(target, str) else np.asarray(target, dtype=float)
    if place.shape != (potential.dimension,):
        raise ValueError("target must be a point or a phase where the score is an expression")
    value = score_at_rest(potential, read_score(potential, score, momenta=False))
    width = SMALL * np.diff(np.array(potential.box), axis=1)[:, 0]
    ends = value(place + np.diag(width)) - value(place - np.diag(width))
    return float(np.linalg.norm(ends / (2 * width)))
