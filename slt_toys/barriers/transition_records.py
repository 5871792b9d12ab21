"""Do the separate transitions of a many-barrier system show in a training-loss record, and at what recording interval?

The loss is recorded as its mean over equal intervals, from single minibatches to epochs, as training logs do. A
transition is *detected* about a record where the mean of the m records before exceeds the mean of the m records after
by more than a threshold in standard errors, and by more than about any of the m records on either side: drops closer
than m + 1 records count as one, drops more than 2 m + 1 apart as two, and in between the noise decides. The standard
error is exact, that of two time means of a stationary loss with the autocovariance of
:func:`slt_toys.barriers.transition_law.loss_noise`. The threshold is the normal quantile at a chance of a false alarm
per record such that a whole record without transitions has ``false_alarm`` of them at most. Beside the number detected
stands the exact expectation of the number of transitions that no other precedes within m + 1 records, each seen with
its own probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import maximum_filter1d
from scipy.special import ndtr, ndtri

from ..inputs.arguments import check_fields, checked_arguments
from ..potentials.potential import Potential
from ..samplers import Sampler, sample
from .transition_law import (
    DecayLaw,
    arrival_laws,
    expected_intervals,
    expected_separate,
    expected_transitions,
    loss_drops,
    loss_noise,
)

Array = NDArray[np.float64]
LARGEST_RUN = 60_000_000  # numbers kept at a time, 480 MB

__all__ = [
    "Detector", "detect_transitions", "mean_difference_error", "record_means", "recording_study", "simulate_losses",
]  # fmt: skip


@dataclass(frozen=True)
class Detector:
    """The detection criterion.

    Attributes
    ----------
    window
        Langevin time averaged on either side of a transition; at least one record always is.
    false_alarm
        Expected number of false detections in a record without transitions, at most.
    """

    window: float
    false_alarm: float = 0.01

    def __post_init__(self) -> None:
        check_fields(self)
        if not (np.isfinite(self.window) and self.window >= 0):
            raise ValueError(f"window must be a Langevin time of at least 0, not {self.window}")
        if not 0 < self.false_alarm < 1:
            raise ValueError(f"false_alarm must lie between 0 and 1, not {self.false_alarm}; 0.01 is usual")

    def records(self, interval: float) -> int:
        """m, records averaged on either side."""
        return max(1, int(self.window / interval * (1 + 1e-9)))

    def threshold(self, count: int) -> float:
        """Standard errors above which one of ``count`` places is called a transition."""
        return float(ndtri(1 - self.false_alarm / max(count, 1)))

    def resolution(self, interval: float) -> float:
        """Langevin time within which two transitions count as one."""
        return (self.records(interval) + 1) * interval


@checked_arguments
def simulate_losses(
    target: Any,
    sampler: Sampler,
    *,
    n_beta: float | None,
    steps: int,
    chains: int,
    seed: int | Sequence[int] = 0,
    start: str = "all left",
    finish: str = "all right",
    threads: int | None = None,
) -> xr.Dataset:
    """Run chains from one phase's minimum and keep the loss after every step.

    Parameters
    ----------
    target, sampler, n_beta, steps, chains, seed, threads
        As in :func:`slt_toys.samplers.sample`: a potential for Langevin, its examples or Gaussian gradients for SGD.
    start, finish
        Phases of the potential: where chains start, and which minima mark the ends of transitions.

    Returns
    -------
    xarray.Dataset
        ``loss`` (chain, step) and ``arrival`` (chain, transition), the time after which a coordinate first was seen at
        or beyond its target's minimum, nan if it was not; coordinate ``time`` along step. For SGD the time is in
        learning rates, a Langevin time times 1 - momentum.
    """
    potential: Potential = getattr(target, "potential", target)
    if chains * steps * potential.dimension > LARGEST_RUN:
        raise ValueError(
            f"chains · steps · dimension must be at most {LARGEST_RUN:.3g} numbers, not "
            f"{chains * steps * potential.dimension:.3g}; run fewer chains at a time"
        )
    draws = sample(
        target, sampler, n_beta=n_beta, chains=chains, steps=steps, seed=seed, initial=potential.minimum_point(start),
        threads=threads, diagnose=False,
    )  # fmt: skip
    begins, ends = potential.minimum_point(start), potential.minimum_point(finish)
    moving = np.flatnonzero(begins != ends)
    points, times = draws["w"].values, draws["time"].values
    beyond = (points[..., moving] - ends[moving]) * np.sign(ends - begins)[moving] >= 0
    arrival = np.where(beyond.any(axis=1), times[beyond.argmax(axis=1)], np.nan)
    loss = potential.energy_function()(points)
    return xr.Dataset(
        {"loss": (("chain", "step"), loss), "arrival": (("chain", "transition"), arrival)},
        coords={"time": ("step", times)},
        attrs={"potential": potential.name, "start": start, "finish": finish},
    )


@checked_arguments
def record_means(loss: ArrayLike, every: int) -> Array:
    """Means (..., steps // every) of consecutive losses (..., steps): what is logged every ``every`` steps."""
    values = np.asarray(loss, dtype=float)
    if not isinstance(every, int | np.integer) or not 1 <= every <= values.shape[-1]:
        raise ValueError(f"every must be a whole number of steps from 1 to {values.shape[-1]}, not {every!r}")
    count = values.shape[-1] // every
    return values[..., : count * every].reshape(*values.shape[:-1], count, every).mean(axis=-1)


@checked_arguments
def mean_difference_error(noise: Sequence[DecayLaw], length: float, gap: float) -> float:
    """Standard error of the difference of two time means of ``length``, ``gap`` apart, exactly.

    2 Var - 2 Cov with Var = Σ c_k 2 (λℓ - 1 + e^(-λℓ))/(λℓ)² and Cov = Σ c_k e^(-λg) ((1 - e^(-λℓ))/(λℓ))².
    """
    if not (length > 0 and gap >= 0):
        raise ValueError(f"length must be positive and gap at least 0, not {length} and {gap}")
    total = 0.0
    for law in noise:
        x = np.maximum(law.rates * length, 1e-6)  # so slow that means do not average: the limits 1 and 1
        within = 2 * (x + np.expm1(-x)) / x**2
        across = np.exp(-law.rates * gap) * (np.expm1(-x) / x) ** 2
        total += 2 * float(law.coefficients @ (within - across))
    return float(np.sqrt(total))


@checked_arguments
def detect_transitions(records: ArrayLike, error: float, averaged: int, threshold: float) -> list[NDArray[np.int64]]:
    """Records at which the loss falls, for each chain.

    Parameters
    ----------
    records
        Shape (chains, count).
    error
        Standard error of the difference of the means on either side, in units of loss.
    averaged
        m, records in each mean.
    threshold
        In standard errors.

    Returns
    -------
    One array of record indices for each chain, at least ``averaged + 1`` apart.

    Raises
    ------
    ValueError
        For fewer than 2 m + 1 records, or an error that is not positive.
    """
    values = np.atleast_2d(np.asarray(records, dtype=float))
    count, m = values.shape[1], averaged
    if m < 1 or count < 2 * m + 1:
        raise ValueError(
            f"averaged must be at least 1 and at most {(count - 1) // 2} of {count} records, not {averaged}"
        )
    if not error > 0:
        raise ValueError(f"error must be a positive standard error, not {error}")
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    means = (sums[:, m:] - sums[:, :-m]) / m  # of records k ... k + m - 1
    falls = (means[:, : count - 2 * m] - means[:, m + 1 :]) / error  # about record k + m
    highest = maximum_filter1d(falls, 2 * m + 1, axis=1, mode="constant", cval=-np.inf)
    return [np.flatnonzero(row) + m for row in (falls == highest) & (falls > threshold)]


@checked_arguments
def recording_study(
    target: Any,
    sampler: Sampler,
    temperature: float,
    losses: xr.Dataset,
    every: Sequence[int],
    detector: Detector,
    *,
    clock: float = 1.0,
) -> xr.Dataset:
    """Number of detectable transitions against the recording interval: detected, true and expected.

    Parameters
    ----------
    target, sampler
        What was run; the sampler's step size must be one number.
    temperature
        Of the run, in units of loss: 1/n_beta, or SGD's [eq:sgd-temperature].
    losses
        From :func:`simulate_losses`.
    every
        Recording intervals in steps (minibatches).
    detector
        The criterion.
    clock
        Langevin time per unit of the run's time: 1/(1 - momentum) for SGD.

    Returns
    -------
    xarray.Dataset
        Along ``interval`` (coordinate ``every`` in steps, and the interval's Langevin time): ``detected`` (interval,
        chain), ``separate`` (interval, chain) true arrivals that no other precedes within the detector's resolution,
        ``expected_detected`` and ``expected_separate``, exact expectations of the two (the first to leading order in
        missed and merged transitions), ``expected_intervals`` of record intervals that hold an arrival, and
        ``resolution``; ``expected_total`` transitions of any kind.
    """
    potential: Potential = getattr(target, "potential", target)
    if np.ndim(sampler.step_size):
        raise ValueError("sampler must have one step size: the recording interval is a time")
    start, finish = losses.attrs["start"], losses.attrs["finish"]
    step = float(np.asarray(sampler.step_size)) * clock
    laws = arrival_laws(potential, temperature, start, finish)
    noise = loss_noise(potential, temperature, start, finish)
    drops = loss_drops(potential, start, finish)
    total = losses.sizes["step"] * step
    arrivals = losses["arrival"].values * clock
    chains = losses.sizes["chain"]
    detected, separate = np.zeros((2, len(every), chains), dtype=np.int64)
    expected = np.zeros((4, len(every)))
    for row, number in enumerate(every):
        interval = int(number) * step
        records = record_means(losses["loss"].values, int(number))
        m = detector.records(interval)
        error = mean_difference_error(noise, m * interval, interval)
        threshold = detector.threshold(records.shape[1])
        detected[row] = [len(places) for places in detect_transitions(records, error, m, threshold)]
        resolution = detector.resolution(interval)
        separate[row] = [_groups(times, resolution) for times in arrivals]
        side = m * interval  # a drop nearer to either end of the record is averaged with what it falls to, or from

        def seen(times: Array, side: float = side, height: Array = drops / error, above: float = threshold) -> Array:
            share = np.minimum(1.0, np.minimum(times, total - times) / side)
            return ndtr(height[:, None] * share - above)

        expected[:, row] = (
            expected_separate(laws, total, resolution, seen), expected_separate(laws, total, resolution),
            expected_intervals(laws, total, interval), resolution,
        )  # fmt: skip
    names = ("expected_detected", "expected_separate", "expected_intervals", "resolution")
    both = {"detected": (("interval", "chain"), detected), "separate": (("interval", "chain"), separate)}
    return xr.Dataset(
        both | {name: ("interval", values) for name, values in zip(names, expected, strict=True)},
        coords={"every": ("interval", np.asarray(every)), "interval": np.asarray(every) * step},
        attrs={"expected_total": expected_transitions(laws, total), "window": detector.window,
               "false_alarm": detector.false_alarm, "temperature": float(temperature)},
    )  # fmt: skip


def _groups(times: Array, resolution: float) -> int:
    """Arrivals with no other within the resolution before them."""
    ordered = np.sort(times[np.isfinite(times)])
    return int(ordered.size and 1 + np.sum(np.diff(ordered) > resolution))
