"""Ends of critical periods predicted from measured gradient noise, against the closed form that supposes one variance.

The prediction is where T(e, B) = η(e) σ²(e, B) / (2B(1-μ)) [eq:sgd-temperature] falls for good to the temperature T*
that it had at the measured end of one batch size, the *anchor*; the other ends are then predicted without a free
parameter, and may come out wrong [eq:end-shift-measured-noise]. η₀, μ and the unit of σ² cancel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from ..inputs.arguments import check_fields, checked_arguments
from ..reference.laws import law
from .ends import Record

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NoiseTable:
    """Per-example gradient variance by batch size and epoch.

    Attributes
    ----------
    batch_sizes
        Ascending, shape (b,).
    epochs
        Ascending, shape (m,).
    values, errors
        σ² in any one unit, and its standard error, shape (b, m).
    """

    batch_sizes: FloatArray
    epochs: FloatArray
    values: FloatArray
    errors: FloatArray

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("batch_sizes", "epochs", "values", "errors"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))
        for name, least in (("batch_sizes", 1), ("epochs", 2)):
            axis = getattr(self, name)
            if axis.ndim != 1 or len(axis) < least or not (np.diff(axis) > 0).all() or not np.isfinite(axis).all():
                raise ValueError(f"{name} must ascend and be at least {least}, not {axis.tolist()}")
        shape = (len(self.batch_sizes), len(self.epochs))
        if self.values.shape != shape or self.errors.shape != shape:
            raise ValueError(f"values and errors must have shape {shape}, not {self.values.shape}, {self.errors.shape}")
        if not (self.batch_sizes[0] > 0 and (self.values > 0).all() and np.isfinite(self.values).all()):
            raise ValueError("values and batch_sizes must be positive and finite: a variance of 0 has no temperature")
        if not ((self.errors >= 0).all() and np.isfinite(self.errors).all()):
            raise ValueError("errors must be finite and not negative")

    def logarithms(self, batch_size: float, logs: FloatArray | None = None) -> FloatArray:
        """ln σ² at the table's epochs, linear in ln B between its batch sizes.

        Raises
        ------
        ValueError
            Beyond its batch sizes.
        """
        logs = np.log(self.values) if logs is None else logs
        sizes = self.batch_sizes
        if not sizes[0] <= batch_size <= sizes[-1]:
            raise ValueError(f"batch_size must lie from {sizes[0]:g} to {sizes[-1]:g}, where noise was measured, "
                             f"not {batch_size:g}")  # fmt: skip
        place = float(np.interp(np.log(batch_size), np.log(sizes), np.arange(len(sizes))))
        low = min(int(place), max(len(sizes) - 2, 0))
        high = min(low + 1, len(sizes) - 1)
        return logs[low] + (place - low) * (logs[high] - logs[low])


@dataclass(frozen=True)
class PredictedEnd(Record):
    """An end as predicted, with a 95 % interval that is open (None) where the measured noise does not reach.

    ``refusal`` says why there is no number; ``closed_form`` is what one variance predicts.
    """

    batch_size: float
    epoch: float | None
    low: float | None
    high: float | None
    closed_form: float
    measured: float
    measured_error: float
    refusal: str = ""


@dataclass(frozen=True)
class NoisePrediction(Record):
    """All ends from one anchor.

    Attributes
    ----------
    anchor
        Batch size whose end gave T*.
    ends
        Of the other batch sizes.
    shift, shift_low, shift_high
        Epochs by which the end moves for each halving of the batch, as predicted (least squares through anchor and
        predicted ends); None where an end is refused, or that side is open.
    closed_form_shift
        By one variance.
    measured_shift
        By the measured ends.
    p_value, closed_form_p_value
        Of the measured ends, if the prediction or the closed form is true; None where an end is refused.
    doubts
        In words; empty if there are none.
    """

    anchor: float
    ends: tuple[PredictedEnd, ...]
    shift: float | None
    shift_low: float | None
    shift_high: float | None
    closed_form_shift: float
    measured_shift: float
    p_value: float | None
    closed_form_p_value: float
    doubts: tuple[str, ...]


@checked_arguments
def predicted_ends(
    table: NoiseTable, ends: Mapping[int, tuple[float, float]], *, anchor: int, decay: float, repetitions: int = 1000,
    seed: int | Sequence[int] = 0,
) -> NoisePrediction:  # fmt: skip
    """Fit T* on one batch size and predict the ends of the others.

    Parameters
    ----------
    table
        Measured noise.
    ends
        Batch size to measured end and its standard error, epochs; two at least.
    anchor
        One of them.
    decay
        γ of η₀ γ^e.
    repetitions, seed
        Of the parametric bootstrap: normal errors of ln σ² and of the anchor's end.

    Raises
    ------
    ValueError
        In one line; also when the anchor's end lies beyond the epochs of the table.
    """
    if anchor not in ends or len(ends) < 2:
        raise ValueError(f"anchor must be one of at least two batch sizes with an end, not {anchor} of {sorted(ends)}")
    if not 0 < decay < 1:
        raise ValueError(f"decay must lie strictly between 0 and 1, not {decay}")
    for size, (epoch, error) in ends.items():
        if not (np.isfinite(epoch) and np.isfinite(error) and error >= 0):
            raise ValueError(f"ends: that of batch size {size} must be a number with a standard error, not "
                             f"{epoch} ± {error}")  # fmt: skip
        table.logarithms(size)
    first, last = table.epochs[[0, -1]]
    at, its_error = ends[anchor]
    if not first <= at <= last:
        raise ValueError(f"ends: the anchor's, {at:g}, lies beyond the epochs {first:g} to {last:g} where noise was "
                         "measured")  # fmt: skip
    others = [size for size in sorted(ends) if size != anchor]
    random = np.random.default_rng(seed)
    point, rising = _solved(table, np.log(table.values), at, anchor, others, decay, None)
    drawn = np.empty((repetitions, len(others) + 1))
    risen = 0
    spread = table.errors / table.values
    for row in range(repetitions):
        logs = np.log(table.values) + spread * random.standard_normal(spread.shape)
        start = float(np.clip(at + its_error * random.standard_normal(), first, last))
        drawn[row, :-1], up = _solved(table, logs, start, anchor, others, decay, rising)
        drawn[row, -1] = start
        risen += up
    return _assembled(table, ends, anchor, others, decay, point, drawn, rising, risen / repetitions)


@dataclass(frozen=True)
class LocalShift(Record):
    """Epochs by which the end moves for each halving of the batch, from noise near the ends alone, with 95 %.

    ``rising`` is the share of draws in which the temperature rises with the epoch there: then no fall of it can have
    ended the period.
    """

    epoch: float
    shift: float
    low: float
    high: float
    rising: float
    batch_exponent: float
    epoch_rate: float
    closed_form: float


@checked_arguments
def local_shift(
    table: NoiseTable, epoch: float, error: float, *, decay: float, repetitions: int = 1000,
    seed: int | Sequence[int] = 0,
) -> LocalShift:  # fmt: skip
    """The shift by [eq:end-shift-measured-noise], with the variance's derivatives at an epoch near the ends.

    Parameters
    ----------
    table
        Measured noise, of two batch sizes at least.
    epoch, error
        Where the ends lie, and its standard error.
    decay
        γ of η₀ γ^e.
    repetitions, seed
        Of the parametric bootstrap.

    Raises
    ------
    ValueError
        In one line, also for an epoch beyond those of the table.
    """
    first, last = table.epochs[[0, -1]]
    if len(table.batch_sizes) < 2:
        raise ValueError("table must hold two batch sizes at least for a shift between them")
    if not first <= epoch <= last:
        raise ValueError(f"epoch must lie from {first:g} to {last:g}, where noise was measured, not {epoch:g}")
    random, spread = np.random.default_rng(seed), table.errors / table.values
    size_logs = np.log(table.batch_sizes) - np.log(table.batch_sizes).mean()

    def at(logs: FloatArray, where: float) -> tuple[float, float, float]:
        k = min(int(np.searchsorted(table.epochs, where, side="right")) - 1, len(table.epochs) - 2)
        width = table.epochs[k + 1] - table.epochs[k]
        here = logs[:, k] + (where - table.epochs[k]) * (logs[:, k + 1] - logs[:, k]) / width
        exponent = float(here @ size_logs / (size_logs @ size_logs))
        rate = float((logs[:, k + 1] - logs[:, k]).mean() / width)
        slope = law("end-shift-measured-noise")(decay=decay, noise_batch_exponent=exponent, noise_epoch_rate=rate)
        return -np.log(2) * slope, exponent, rate

    point = at(np.log(table.values), epoch)
    drawn = [
        at(np.log(table.values) + spread * random.standard_normal(spread.shape),
           float(np.clip(epoch + error * random.standard_normal(), first, last)))
        for _ in range(repetitions)
    ]  # fmt: skip
    low, high = np.quantile([each[0] for each in drawn], [0.025, 0.975])
    rising = float(np.mean([each[2] > -np.log(decay) for each in drawn]))
    return LocalShift(epoch, point[0], float(low), float(high), rising, point[1], point[2],
                      float(np.log(2) / -np.log(decay)))  # fmt: skip


def _solved(
    table: NoiseTable, logs: FloatArray, at: float, anchor: int, others: Sequence[int], decay: float,
    rising: bool | None,
) -> tuple[FloatArray, bool]:  # fmt: skip
    """Predicted ends, ±inf beyond the table, and whether the temperature rises at the anchor's end."""
    epochs = table.epochs  # between them ln T is linear: crossings are exact

    def log_temperature(size: float, where: FloatArray) -> FloatArray:
        return where * np.log(decay) - np.log(size) + np.interp(where, table.epochs, table.logarithms(size, logs))

    level = log_temperature(anchor, np.array([at]))[0]
    near = np.clip(np.array([at - 0.5, at + 0.5]), epochs[0], epochs[-1])
    up = bool(np.diff(log_temperature(anchor, near))[0] > 0)
    branch = up if rising is None else rising
    return np.array([_crossing(epochs, log_temperature(size, epochs) - level, branch) for size in others]), up


def _crossing(epochs: FloatArray, above: FloatArray, rising: bool) -> float:
    """Where a curve falls below 0 for good, or where it first rises above; ±inf beyond the epochs."""
    if rising:
        places = np.flatnonzero((above[:-1] < 0) & (above[1:] >= 0))
        if above[0] >= 0 or not places.size:
            return -np.inf if above[0] >= 0 else np.inf
        k = int(places[0])
    else:
        if above[-1] > 0:
            return np.inf
        places = np.flatnonzero((above[:-1] > 0) & (above[1:] <= 0))
        if not places.size:
            return -np.inf if above[0] < 0 else float(epochs[0])
        k = int(places[-1])
    return float(epochs[k] - above[k] * (epochs[k + 1] - epochs[k]) / (above[k + 1] - above[k]))


def _assembled(
    table: NoiseTable, ends: Mapping[int, tuple[float, float]], anchor: int, others: Sequence[int], decay: float,
    point: FloatArray, drawn: FloatArray, rising: bool, risen: float,
) -> NoisePrediction:  # fmt: skip
    at, its_error = ends[anchor]
    offset = at - np.log(anchor) / np.log(decay)
    closed = np.array(
        [
            law("critical-period-end-exponential")(epoch_offset=offset, batch_size=size, decay=decay) for size in others
        ]
    )  # fmt: skip
    first, last = table.epochs[[0, -1]]
    predicted = []
    for column, size in enumerate(others):
        low, high = (_number(end) for end in np.quantile(drawn[:, column], [0.025, 0.975], method="nearest"))
        side = "after" if point[column] > 0 else "before"
        refusal = "" if np.isfinite(point[column]) else (
            f"no such temperature at B = {size} in epochs {first:g} to {last:g}: it would lie {side} them"
        )  # fmt: skip
        predicted.append(
            PredictedEnd(float(size), _number(point[column]), low, high, float(closed[column]), *ends[size], refusal)
        )
    sizes = np.array([*others, anchor], dtype=float)
    shifts = _shift(sizes, drawn)
    shift = float(_shift(sizes, np.append(point, at)[None])[0])
    low, high = np.nanquantile(np.where(np.isnan(shifts), np.inf, shifts), [0.025, 0.975], method="nearest")
    if np.isnan(shifts).mean() > 0.025:  # which side the missing ones are on is not known
        low, high = -np.inf, np.inf
    measured = np.array([ends[size][0] for size in others])
    errors = np.array([ends[size][1] for size in others])
    doubts = []
    if rising:
        doubts.append(
            f"The temperature rises at the anchor's end, epoch {at:.1f}, in {100 * risen:.0f} % of draws: no fall of "
            "it ended the period there."
        )
    if abs(float(risen) - float(rising)) > 0.025:
        doubts.append("Whether the temperature rises or falls at the anchor's end is not certain.")
    whole = np.isfinite(drawn).all(axis=1)
    p_value = None
    if np.isfinite(point).all() and whole.mean() > 0.975:
        p_value = _chance(measured - point, np.cov(drawn[whole, :-1], rowvar=False), errors)
    return NoisePrediction(
        float(anchor), tuple(predicted), _number(shift), _number(low), _number(high), float(np.log(2) / -np.log(decay)),
        float(_shift(sizes, np.append(measured, at)[None])[0]), p_value,
        _chance(measured - closed, np.full((len(others),) * 2, its_error**2), errors), tuple(doubts),
    )  # fmt: skip


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _shift(sizes: FloatArray, ends: FloatArray) -> FloatArray:
    """Least-squares epochs per halving of each row of ends; nan where an end is not finite."""
    halvings = -np.log2(sizes) + np.log2(sizes).mean()
    with np.errstate(invalid="ignore"):
        slopes = ends @ halvings / (halvings @ halvings)
    return np.where(np.isfinite(ends).all(axis=1), slopes, np.nan)


def _chance(gaps: FloatArray, covariance: ArrayLike, errors: FloatArray) -> float:
    """Chance of larger gaps between measured and predicted ends."""
    whole = np.atleast_2d(covariance) + np.diag(errors**2)
    if not (np.linalg.eigvalsh(whole) > 0).all():
        return float(np.all(gaps == 0))
    return float(chdtrc(len(gaps), gaps @ np.linalg.solve(whole, gaps)))


__all__ = ["LocalShift", "NoisePrediction", "NoiseTable", "PredictedEnd", "local_shift", "predicted_ends"]
