"""Thermometers that look at how chains move: SGD's fluctuation–dissipation relation, and escapes from a phase."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..exact.kinetics import log_mean_first_passage_time
from ..exact.recorded_passage import RecordedPassage, recorded_passage
from ..inputs.arguments import checked_arguments
from ..potentials.periodic import refuse_periodic
from ..potentials.potential import Potential
from ..reference.laws import law
from .readings import CONFIDENCE, Array, Range, Reading, checked_positions, range_of, reading, refusal, root

FEWEST_ESCAPES = 20
WIDER = 1.3  # factor in n_beta by which the bracket of the recorded passage grows
ON_A_CIRCLE = "is periodic: the mean of w dL/dw is no temperature on a circle, nor a passage one of a level"
STATIONARY = 5.0  # standard errors between the two sides of the fluctuation–dissipation relation


# ---- fluctuation and dissipation ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Stationarity:
    """The two sides of the fluctuation–dissipation relation, each as a temperature (per coordinate, in loss).

    ``fluctuation`` is learning rate (1 + momentum) / 2 times ⟨v·v⟩ [eq:fluctuation-dissipation-momentum],
    ``dissipation`` ⟨(w - mean)·∇L⟩, both over d. ``relative_difference`` is log(fluctuation / dissipation), NaN when
    dissipation is not positive, and has a ``standard_error`` from the chains.
    """

    fluctuation: float
    dissipation: float
    relative_difference: float
    standard_error: float

    @property
    def holds(self) -> bool:
        """Whether the sides agree within 5 standard errors."""
        return abs(self.relative_difference) <= STATIONARY * self.standard_error


@checked_arguments
def stationarity(
    potential: Potential, before: ArrayLike, after: ArrayLike, *, learning_rate: float, momentum: float = 0.0
) -> Stationarity:
    """Both sides of ⟨w·∇L⟩ = learning rate (1 + momentum)/2 ⟨v·v⟩, with v = (before - after) / learning rate.

    It holds for any loss and any noise of a minibatch that was drawn independently of w. It fails for training that has
    not become stationary, and for minibatches without replacement, which depend on w through those before them.

    Parameters
    ----------
    potential
        The loss whose gradient is the mean of the minibatch's.
    before, after
        Positions (chain, draw, coordinate) before and after one step each; any spacing between draws.
    learning_rate, momentum
        Of SGD (heavy ball, not Nesterov's).
    """
    refuse_periodic("⟨w·∇L⟩ as a temperature", "read the energy or the occupancy instead", potential=potential)
    return _compared(*_two_sides(potential, before, after, learning_rate, momentum))


def _compared(fluctuation: Array, dissipation: Array) -> Stationarity:
    f, d = float(fluctuation.mean()), float(dissipation.mean())
    if not d > 0:
        return Stationarity(f, d, np.nan, np.nan)
    difference = (fluctuation / f - dissipation / d).mean(axis=1)
    return Stationarity(f, d, float(np.log(f / d)), float(difference.std(ddof=1) / np.sqrt(len(difference))))


def _two_sides(
    potential: Potential, before: ArrayLike, after: ArrayLike, learning_rate: float, momentum: float
) -> tuple[Array, Array]:
    """Per draw and coordinate, shape (chain, draw) each."""
    first, second = checked_positions(potential, before, "before"), checked_positions(potential, after, "after")
    if first.shape != second.shape:
        raise ValueError(f"before and after must have one shape, not {first.shape} and {second.shape}")
    if not (np.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate must be positive and finite, not {learning_rate}")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must lie in [0, 1), not {momentum}")
    square = (((first - second) / learning_rate) ** 2).mean(axis=-1)
    # The law is linear in the velocity's second moment.
    factor = law("fluctuation-dissipation-momentum")(
        learning_rate=learning_rate, momentum=momentum, velocity_second_moment=1.0
    )
    slope = potential.gradient_function()(first)
    return factor * square, ((first - first.mean(axis=(0, 1))) * slope).mean(axis=-1)


@checked_arguments
def fluctuation_dissipation_thermometer(
    potential: Potential, before: ArrayLike, after: ArrayLike, *, learning_rate: float, momentum: float = 0.0,
    confidence: float = CONFIDENCE,
) -> Reading:  # fmt: skip
    """Inverse temperature by the fluctuation side of SGD's fluctuation–dissipation relation, once both sides agree.

    For isotropic noise independent of w, learning rate (1 + momentum)/2 ⟨v·v⟩/d is the temperature of
    [eq:sgd-temperature] for small steps, and that of [eq:sgd-temperature-quadratic] for any step in a quadratic well.

    Parameters
    ----------
    potential, before, after, learning_rate, momentum
        As for :func:`stationarity`. Walls, whose push is no gradient, are refused.
    """
    name = "fluctuation-dissipation"
    if potential.boundary != "natural":
        what = "has walls, whose push is in no gradient" if potential.boundary == "reflecting" else ON_A_CIRCLE
        return refusal(name, f"{potential.name} {what}")
    fluctuation, dissipation = _two_sides(potential, before, after, learning_rate, momentum)
    temperature = float(fluctuation.mean())
    if not temperature > 0:
        return refusal(name, "no chain moves")
    sides = _compared(fluctuation, dissipation)
    if not sides.holds:
        return refusal(
            name, f"steps tell T = {temperature:.3g}, gradients {sides.dissipation:.3g}: not stationary, or "
            "minibatches that depend on one another",
        )  # fmt: skip
    return reading(name, 1 / temperature, 1 - fluctuation / temperature, confidence=confidence)


# ---- escape rate ----------------------------------------------------------------------------------------------------
@checked_arguments
def escape_thermometer(
    potential: Potential, positions: ArrayLike, *, time_per_draw: float, phase: str | int,
    target: str | int | None = None, between: Range | None = None, confidence: float = CONFIDENCE,
) -> Reading:  # fmt: skip
    """Inverse temperature at which the exact expectation of the time waited is the observed one.

    A chain waits in ``phase`` from when it is seen at its minimum, or behind, until it is seen at the minimum of
    ``target``, or beyond. With τ(w) the expected draws from w until that is seen, exact for a path recorded every
    ``time_per_draw`` (:mod:`slt_toys.exact.recorded_passage`), all draws waited have the expectation Σ τ(where a wait
    began) - Σ τ(where the run cut one off) [eq:recorded-wait]. It holds for any interval, start and length of the run.
    As if the path were watched all the time, n_beta would come out 1 to 3 % too high at an interval of .04 in a double
    well of curvature 8 and barrier 1 at temperatures from .4 to .6.

    Parameters
    ----------
    potential
        One coordinate.
    positions
        Shape (chain, draw, 1).
    time_per_draw
        Langevin time between draws; for SGD steps times learning rate / (1 - momentum) [eq:epoch-time].
    phase, target
        Neighbours; the target may be left out of two.
    between, confidence
        As for :func:`energy_thermometer`.

    Raises
    ------
    ValueError
        For several coordinates, a time that is not positive, or phases that are no pair.
    """
    points = checked_positions(potential, positions)[..., 0]
    if potential.dimension != 1:
        raise ValueError(f"potential must have one coordinate for the escape thermometer, not {potential.dimension}")
    if not (np.isfinite(time_per_draw) and time_per_draw > 0):
        raise ValueError(f"time_per_draw must be positive and finite, not {time_per_draw}")
    own = potential.phase_number(phase)
    if target is None and len(potential.phases) != 2:
        raise ValueError(f"target must be given: {potential.name} has {len(potential.phases)} phases")
    other = 1 - own if target is None else potential.phase_number(target)
    if other == own:
        raise ValueError(f"target must be another phase than {potential.phases[own].name!r}")
    name = f"escape from {potential.phases[own].name}"
    if potential.boundary == "periodic":
        return refusal(name, f"{potential.name} {ON_A_CIRCLE}")
    start, end = (float(potential.minimum_point(k)[0]) for k in (own, other))
    sign = np.sign(end - start)
    waiting, escaped = _waits(sign * (points - start) <= 0, sign * (points - end) >= 0)
    escapes = int(escaped.sum())
    if escapes < FEWEST_ESCAPES:
        return refusal(name, f"{escapes} escapes were seen; {FEWEST_ESCAPES} are the fewest")
    began, cut = _ends(waiting, escaped)
    observed = np.log(waiting.sum())

    def expected(n_beta: float) -> tuple[float, RecordedPassage]:
        passage = recorded_passage(potential, 1 / n_beta, time_per_draw, start, end)
        total = law("recorded-wait")(
            start_waits=passage(points[began]).sum(), cut_waits=passage(points[:, -1][cut]).sum()
        )
        return float(np.log(total)) if total > 0 else -np.inf, passage

    # One that is watched all the time takes less time at every n_beta.
    low, high = range_of(potential, between)
    guess = low
    while log_mean_first_passage_time(potential, 1 / guess, start, end) < observed + np.log(time_per_draw / escapes):
        if guess >= high:
            return refusal(name, f"no n_beta from {low:g} to {high:g} has the mean wait of {escapes} escapes")
        guess = min(1.2 * guess, high)
    top = bottom = guess
    while expected(top)[0] < observed and top < high:
        top = min(WIDER * top, high)
    while expected(bottom)[0] > observed and bottom > low:
        bottom = max(bottom / WIDER, low)
    if expected(top)[0] < observed or expected(bottom)[0] > observed:
        wait = waiting.sum() * time_per_draw / escapes
        return refusal(name, f"no n_beta from {low:g} to {high:g} has the mean first passage time {wait:.3g}")
    n_beta = float(np.exp(root(lambda x: expected(float(np.exp(x)))[0] - observed, np.log(bottom), np.log(top))))
    h = 1e-3
    slope = (expected(n_beta * np.exp(h))[0] - expected(n_beta * np.exp(-h))[0]) / (2 * h)
    # What each interval waited through adds to the difference of both sides; on average nothing, wherever it began.
    ahead = expected(n_beta)[1](points)
    change = waiting.copy()
    change[:, 1:] += waiting[:, 1:] * ((1 - escaped[:, 1:]) * ahead[:, 1:] - ahead[:, :-1])
    influence = change / (waiting.mean() * slope)
    read = reading(name, n_beta, influence, confidence=confidence, effective_sample_size=np.nan)
    if not read.reads:
        return read
    # n exponential waits give log(mean wait) the error 1/√n.
    return replace(read, effective_sample_size=float(1 / (slope * read.relative_error) ** 2))


def _waits(home: NDArray[np.bool_], away: NDArray[np.bool_]) -> tuple[Array, Array]:
    """For every draw, whether the chain waits (last seen at home, not yet away), and whether it escapes just then."""
    seen = np.where(home, 1, np.where(away, 0, -1))
    last = np.maximum.accumulate(np.where(seen >= 0, np.arange(seen.shape[1]), 0), axis=1)
    waits = np.take_along_axis(seen, last, axis=1) == 1
    escaped = np.zeros(waits.shape)
    escaped[:, 1:] = waits[:, :-1] & ~waits[:, 1:]
    # The interval that ends in a draw is waited through when the draw before it waits.
    waited = np.zeros(waits.shape)
    waited[:, 1:] = waits[:, :-1]
    return waited, escaped


def _ends(waited: Array, escaped: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Draws (chain, draw) at which a wait begins, and chains whose last one the run cuts off."""
    waits = np.zeros(waited.shape, dtype=bool)
    waits[:, :-1] = waited[:, 1:] > 0
    began = waits.copy()
    began[:, 1:] &= ~waits[:, :-1]
    cut = (waited[:, -1] > 0) & (escaped[:, -1] == 0)
    return began, cut
