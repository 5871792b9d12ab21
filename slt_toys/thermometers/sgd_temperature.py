"""From SGD's settings to an inverse temperature, with the range that its laws and the measured disagreement support.

What a setting does to the temperature is known by law: the size of a step [eq:sgd-temperature-quadratic], visiting
examples without replacement [eq:reshuffling-temperature-factor-momentum], the inertia of momentum on escapes
[eq:kramers-transmission-factor], and noise that is not the same everywhere. Each widens the range of inverse
temperatures that some thermometer may read; :mod:`slt_toys.temperature` measures what is left unexplained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.laws.reshuffling import temperature_factor

from ..inputs.arguments import checked_arguments, shown
from ..reference.laws import law

TOLERANCE = 0.05  # of its middle within which a range counts as one temperature
# The most that a thermometer of slt_toys.temperature lay beyond the range of the laws, for additive noise and
# learning rate times curvature up to 0.35 (1 + momentum): tests/test_temperature.py measures it again.
UNEXPLAINED = 0.02

Pair = float | Sequence[float]


@dataclass(frozen=True)
class SGDTemperature:
    """The inverse temperature of SGD at one setting.

    Attributes
    ----------
    inverse_temperature
        n_beta in 1/loss: the geometric middle of the range, or the law's where the range has an open end.
    law
        n_beta = 1/T of [eq:sgd-temperature] at the geometric mean of the variances.
    low, high
        Range of the inverse temperatures that thermometers may read; 0 or infinite where nothing bounds it.
    causes
        What widens it: name, and the factors on the temperature from least to most.
    one_temperature
        Whether the range lies within 5 % of ``inverse_temperature``.
    statement
        In words.
    """

    inverse_temperature: float
    law: float
    low: float
    high: float
    causes: tuple[tuple[str, float, float], ...]
    one_temperature: bool
    statement: str


@checked_arguments(finite=False)
def inverse_temperature(
    learning_rate: float, batch_size: int, momentum: float = 0.0, *, gradient_variance: Pair,
    curvature: Pair | None = None, barrier: tuple[float, float] | None = None, order: str = "with_replacement",
    dataset_size: int | None = None,
) -> SGDTemperature:  # fmt: skip
    """Inverse temperature n_beta of the tempered posterior that SGD samples, as far as it samples one.

    Parameters
    ----------
    learning_rate, batch_size, momentum
        η, B, μ.
    gradient_variance
        σ² of one example's gradient per coordinate, (loss/length)²: a number if it is the same in all directions and
        places that matter, else the least and the largest.
    curvature
        Of the loss in the directions that matter, least and largest (or one number), in loss/length²; 0 for a flat
        one. Without it nothing bounds the temperature of stiff directions, nor of slow ones without replacement.
    barrier
        Height (loss) and curvature of the lowest barrier whose escapes matter. Without it the range is that of the
        stationary law alone, which momentum leaves as it is while it slows escapes.
    order
        ``"with_replacement"`` or ``"reshuffled"``, as for :class:`slt_toys.samplers.SGD`.
    dataset_size
        N, a multiple of B; needed for ``"reshuffled"``.

    Returns
    -------
    SGDTemperature
        Its range holds every thermometer's reading up to noise, for settings within those calibrated. Without
        replacement the noise of an epoch sums to zero: one batch an epoch, or flat directions alone, have no
        temperature, and all three inverse temperatures but the law's are infinite.

    Raises
    ------
    ValueError
        In one line, for settings that make no sense, and for a learning rate too large for the largest curvature.

    Examples
    --------
    >>> sgd = inverse_temperature(0.01, 128, gradient_variance=3072.0, curvature=(0.5, 8.0))
    >>> round(sgd.inverse_temperature, 2), sgd.one_temperature
    (8.17, True)
    """
    _check(learning_rate, batch_size, momentum, order, dataset_size)
    variances = _pair("gradient_variance", gradient_variance, positive=True)
    temperatures = [
        law("sgd-temperature")(
            learning_rate=learning_rate, momentum=momentum, batch_size=batch_size, gradient_variance=variance
        )
        for variance in variances
    ]
    if not (temperatures[0] > 0 and math.isfinite(temperatures[1])):
        raise ValueError(
            f"gradient_variance {gradient_variance} with learning_rate {learning_rate} and batch_size {batch_size} "
            "gives a temperature that double precision cannot hold; change the unit of loss"
        )
    middle = math.sqrt(temperatures[0]) * math.sqrt(temperatures[1])
    causes: list[tuple[str, float, float]] = []
    if variances[0] < variances[1]:
        causes.append(("noise", temperatures[0] / middle, temperatures[1] / middle))
    steps = dataset_size // batch_size if order == "reshuffled" and dataset_size else None
    causes.append(_curvature_cause(learning_rate, momentum, curvature, steps))
    if barrier is not None:
        height, curving = _checked_barrier(barrier)
        if momentum > 0:
            causes.append(_barrier_cause(learning_rate, momentum, height, curving, middle))
    causes.append(("measured", 1 - UNEXPLAINED, 1 + UNEXPLAINED))
    least, most = math.prod(cause[1] for cause in causes), math.prod(cause[2] for cause in causes)
    n_beta = 1 / middle
    if most == 0:
        why = "an epoch of one batch has no noise, it is gradient descent"
        if steps != 1:
            why = "in a flat direction the noise of an epoch sums to zero"
        told = f"n_beta infinite, temperature 0: {why}"
        return SGDTemperature(math.inf, n_beta, math.inf, math.inf, tuple(causes), False, told)
    low, high = n_beta / most if math.isfinite(most) else 0.0, n_beta / least if least > 0 else math.inf
    bounded = low > 0 and math.isfinite(high)
    is_one = bounded and high <= low * (1 + TOLERANCE) ** 2
    centre = math.sqrt(low * high) if bounded else n_beta
    return SGDTemperature(centre, n_beta, low, high, tuple(causes), is_one, _statement(low, high, is_one, causes))


def _curvature_cause(
    learning_rate: float, momentum: float, curvature: Pair | None, steps: int | None
) -> tuple[str, float, float]:
    name = "step size" if steps is None else "reshuffling"
    if steps == 1:
        return name, 0.0, 0.0
    if curvature is None:
        return name, 1.0 if steps is None else 0.0, math.inf
    low, high = _pair("curvature", curvature, positive=False)
    limit = 2 * (1 + momentum)
    if learning_rate * high >= limit:
        raise ValueError(
            f"learning_rate must be below 2 (1 + momentum) / curvature = {limit / high:.3g}, not {learning_rate}: "
            "beyond it SGD diverges"
        )
    if steps is None:
        most = law("sgd-temperature-quadratic")(
            temperature=1.0, learning_rate=learning_rate, momentum=momentum, curvature=high
        )
        return name, 1.0, most
    # The factor rises with the curvature, from 0 for a flat direction.
    factors = [temperature_factor(learning_rate * h, momentum, steps) if h > 0 else 0.0 for h in (low, high)]
    return name, factors[0], factors[1]


def _barrier_cause(
    learning_rate: float, momentum: float, height: float, curvature: float, temperature: float
) -> tuple[str, float, float]:
    """A rate lowered by a factor κ is that of a colder bath: e^(-ΔL/T') = κ e^(-ΔL/T)."""
    inertia = law("heavy-ball-inertia")(learning_rate=learning_rate, momentum=momentum)
    factor = law("kramers-transmission-factor")(inertia=inertia, barrier_curvature=curvature)
    return "inertia", 1 / (1 - math.log(factor) * temperature / height), 1.0


def _checked_barrier(barrier: tuple[float, float]) -> tuple[float, float]:
    if np.shape(barrier) != (2,):
        raise ValueError(f"barrier must be a positive height and curvature, not {shown(barrier)}")
    height, curvature = (float(value) for value in barrier)
    for name, value in (("height", height), ("curvature", curvature)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"barrier must be a positive height and curvature, not a {name} of {value}")
    return height, curvature


def _statement(low: float, high: float, is_one: bool, causes: Sequence[tuple[str, float, float]]) -> str:
    told = f"n_beta between {low:.3g} and {high:.3g}"
    if is_one:
        return f"{told}: one temperature to {100 * TOLERANCE:g} %"

    def width(cause: tuple[str, float, float]) -> float:
        return math.log(cause[2] / cause[1]) if cause[1] > 0 and math.isfinite(cause[2]) else math.inf

    return f"{told}: no single temperature, mostly for {max(causes, key=width)[0]}"


def _pair(name: str, value: Pair, positive: bool) -> tuple[float, float]:
    values = tuple(np.asarray(value, dtype=float).ravel().tolist())
    values = values * 2 if len(values) == 1 else values
    right = len(values) == 2 and all(math.isfinite(v) and (v > 0 if positive else v >= 0) for v in values)
    if not right or values[0] > values[1]:
        kind = "positive" if positive else "finite, not negative"
        raise ValueError(f"{name} must be a {kind} number, or the least and the largest, not {shown(value)}")
    return values[0], values[1]


def _check(learning_rate: float, batch_size: int, momentum: float, order: str, dataset_size: int | None) -> None:
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate must be positive and finite, not {learning_rate}")
    if batch_size != int(batch_size) or batch_size < 1:
        raise ValueError(f"batch_size must be a whole number of at least 1, not {batch_size}")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must lie in [0, 1), not {momentum}")
    if order not in ("with_replacement", "reshuffled"):
        raise ValueError(f"order must be 'with_replacement' or 'reshuffled', not {order!r}: no temperature is known")
    if order == "reshuffled" and (dataset_size is None or dataset_size < batch_size or dataset_size % batch_size):
        raise ValueError(f"dataset_size must be a multiple of the batch size {batch_size}, not {dataset_size}")
