"""Where one weight moves runs over a barrier: how many escapes a run has still to come, and so where its window ends.

A run that is stuck when the deficit ends leaves at the rate of its temperature of each epoch, which falls by the
schedule and as noise is learned away. It stays stuck with probability exp(-Λ), Λ the escapes still to come
[eq:escapes-left-measured-noise]. Nothing is fitted: rates are those of Langevin dynamics in the clean loss along that
weight, temperatures those of measured noise [eq:sgd-temperature].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..fits.measured_noise import NoiseTable
from ..inputs.arguments import checked_arguments
from ..protocol.training import Training
from ..reference.laws import law
from .minibatch_training import Model, losses_and_variances

Array = NDArray[np.float64]
POINTS = 1501  # along the weight, from the stuck phase to the clean one; as many behind the stuck one
TEMPERATURES = 80  # between which rates are interpolated

__all__ = ["end_by_escapes", "escape_rates", "escapes_left", "one_weight_moves"]


def one_weight_moves(model: Model) -> bool:
    """Whether a single weight moves a run between phases."""
    return (model.dimension if model.moving is None else model.moving) == 1


@checked_arguments
def escape_rates(model: Model, stuck: Array, clean: Array, temperatures: Array) -> Array:
    """One over the mean time of Langevin dynamics in the clean loss from the stuck point to the clean one.

    τ = (1/T) ∫_stuck^clean e^{L(y)/T} ∫_wall^y e^{-L(z)/T} dz dy (Gardiner 2009, eq. 5.5.23), by the trapezium rule.

    Parameters
    ----------
    model
        In which one weight moves, the first; the others stay as they are at ``stuck``.
    stuck, clean
        Weights at the two minima, shape (d,).
    temperatures
        In units of loss, shape (n,).

    Returns
    -------
    numpy.ndarray
        Per unit of flow time, shape (n,).

    Raises
    ------
    ValueError
        If several weights move, or a temperature is not positive.
    """
    if not one_weight_moves(model):
        raise ValueError("model must have one moving weight, so that one barrier leads out of the stuck phase")
    if not (temperatures > 0).all():
        raise ValueError(f"temperatures must be positive, not {temperatures.min()}")
    path = stuck[0] + (clean[0] - stuck[0]) * np.linspace(-1, 1, 2 * POINTS - 1)
    weights = np.tile(stuck, (len(path), 1))
    weights[:, 0] = path
    losses = losses_and_variances(model, model.clean, weights)[0]
    heights = (losses - losses[POINTS - 1]) / temperatures[:, None]
    pairs = np.logaddexp(-heights[:, 1:], -heights[:, :-1])
    inner = np.logaddexp.accumulate(pairs, axis=1)[:, POINTS - 2 :]
    outer = heights[:, POINTS - 1 :] + inner
    log_times = np.logaddexp.reduce(np.logaddexp(outer[:, 1:], outer[:, :-1]), axis=1) - np.log(temperatures)
    return np.exp(-log_times) / (abs(path[1] - path[0]) / 2) ** 2


@checked_arguments
def escapes_left(
    table: NoiseTable, training: Training, model: Model, stuck: Array, clean: Array, *, latest: int, after: int
) -> Array:
    """Escapes still to come after each switch epoch, until the run ends.

    Parameters
    ----------
    table
        Gradient variance of the moving weight as measured along the deficit; past its last epoch it stays.
    training
        Of one batch size of the table; its own variance is not used.
    model, stuck, clean
        As for :func:`escape_rates`.
    latest, after
        Last switch epoch, and epochs on clean data after each.

    Returns
    -------
    numpy.ndarray
        For switch epochs 0 to ``latest``, shape (latest + 1,).

    Raises
    ------
    ValueError
        If several weights move, ``latest`` or ``after`` is below 1, or the batch size lies beyond the table's.
    """
    if latest < 1 or after < 1:
        raise ValueError(f"latest and after must be at least 1, not {latest} and {after}")
    epochs, size = np.arange(latest + after), training.batch_size
    variances = np.exp(np.interp(epochs, table.epochs, table.logarithms(size)))
    temperatures = law("sgd-temperature")(
        learning_rate=training.learning_rates(len(epochs)), gradient_variance=variances, batch_size=size, momentum=0.0
    )
    grid = np.geomspace(temperatures.min(), temperatures.max(), TEMPERATURES)
    logs = np.log(np.maximum(escape_rates(model, stuck, clean, grid), np.finfo(float).tiny))
    rates = np.exp(np.interp(np.log(temperatures), np.log(grid), logs))
    counted = np.append(0.0, np.cumsum(rates * training.durations(len(epochs))))
    return counted[after : latest + after + 1] - counted[: latest + 1]


def end_by_escapes(left: Array, level: float = 0.5) -> float:
    """Switch epoch from which on the stuck share exp(-Λ) stays above a level; not a number where none is so."""
    enough = np.flatnonzero(left > -np.log(level))
    if not enough.size or enough[-1] + 1 == len(left):
        return np.nan
    before = int(enough[-1])
    high, low = np.log(left[before : before + 2])
    return before + float((high - np.log(-np.log(level))) / (high - low))
