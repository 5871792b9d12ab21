"""Rival laws of how the end of the critical period e* moves with the batch size B.

============== ================================================================ ==========
model          e*(B)                                                            parameters
============== ================================================================ ==========
log_law        e_r - s log2(B / B_r)                                            e_r, s
scaling_law    the same with s = ln 2 / (-ln gamma), by the theorem             e_r
power_law      e_r (B / B_r)^-q                                                 e_r, q
constant       e_r                                                              e_r
flow_time      the epoch at which the flow time spent,                          tau
               eta_0 / (1 - mu) (N/B) (1 - gamma^e) / (1 - gamma), reaches tau
============== ================================================================ ==========

B_r is the geometric mean of the batch sizes. Laws [eq:critical-period-end-exponential],
[eq:critical-period-end-power-law] (there 1 + e* is the power law: epochs are counted from 1) and
[eq:critical-period-end-flow-time]. A threshold on the flow time *left* is not a model of its own: under
gamma-decay it is the scaling law. With gamma = 1 there is no scaling law, and flow_time is proportional to B.

Under a learning rate eta_0 (1+e)^-p the scaling law is 1 + e* = (T_0/T*)^(1/p), a power of B at one temperature T*;
temperature_drift lets T* follow the batch size by [eq:critical-temperature-power-law], for a known barrier; the power
law is that of 1 + e* (`power_schedule_models`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..inputs.arguments import checked_arguments
from ..reference.laws import law
from .ends import FloatArray


@dataclass(frozen=True)
class Model:
    """A law e*(B): ``predict(parameters (k,), batch sizes (n,))`` gives epochs, ``start`` guesses the parameters.

    One that is ``linear`` in its parameters, up to a constant, is fitted in one step.
    """

    name: str
    parameters: tuple[str, ...]
    predict: Callable[[FloatArray, FloatArray], FloatArray]
    start: Callable[[FloatArray, FloatArray], FloatArray]
    linear: bool = False


@checked_arguments
def rival_models(
    batch_sizes: ArrayLike, *, decay: float, learning_rate: float, dataset_size: float, momentum: float = 0.0
) -> dict[str, Model]:
    """The laws of this module's table, for a learning rate ``learning_rate * decay**epoch``, with 0 < decay <= 1."""
    sizes = np.asarray(batch_sizes, dtype=float)
    if not 0 < decay <= 1:
        raise ValueError(f"decay: {decay} is not in (0, 1]; 0.97 is usual, and 1 means a constant learning rate")
    for name, positive in (("learning_rate", learning_rate), ("dataset_size", dataset_size)):
        if not positive > 0:
            raise ValueError(f"{name}: {positive} is not positive")
    if not np.all(np.isfinite(sizes) & (sizes > 0)):
        raise ValueError(f"batch_sizes: {sizes.tolist()}; every batch size must be a positive number")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum: {momentum} is not in [0, 1); 0.9 is usual, and 0 means none")
    # flow time of the first epoch with a batch of one; momentum makes the clock run faster [eq:epoch-time]
    first_epoch = learning_rate * dataset_size / (1 - momentum)
    reference = float(np.exp(np.mean(np.log(sizes))))

    def octaves(batch: FloatArray) -> FloatArray:
        return np.asarray(np.log2(batch / reference), dtype=float)

    def mean(batch: FloatArray, epochs: FloatArray) -> FloatArray:
        return np.array([float(np.mean(epochs))])

    def line(batch: FloatArray, epochs: FloatArray) -> FloatArray:
        slope, level = np.polyfit(octaves(batch), epochs, 1)
        return np.array([level, -slope])

    def power(batch: FloatArray, epochs: FloatArray) -> FloatArray:
        slope, level = np.polyfit(octaves(batch), np.log(np.maximum(epochs, 1e-3)), 1)
        return np.array([math.exp(level), -slope / math.log(2)])

    def flow_epoch(parameters: FloatArray, batch: FloatArray) -> FloatArray:
        run = {"batch_size": batch, "dataset_size": dataset_size, "momentum": momentum}
        if decay == 1:
            end = law("critical-period-end-flow-time-constant")
            return end(flow_time=parameters[0], learning_rate=learning_rate, **run)
        # flow time is bounded: at the bound e* is infinite; staying just below puts it beyond any run instead
        spent = np.minimum(parameters[0], (1 - 1e-12) * first_epoch / batch / (1 - decay))
        end = law("critical-period-end-flow-time")
        return end(flow_time=spent, initial_learning_rate=learning_rate, decay=decay, **run)

    def flow_start(batch: FloatArray, epochs: FloatArray) -> FloatArray:
        spent = epochs if decay == 1 else (1 - decay**epochs) / (1 - decay)
        bound = math.inf if decay == 1 else 0.99 * first_epoch / batch.max() / (1 - decay)
        return np.array([min(float(np.mean(spent * first_epoch / batch)), bound)])

    def scaling(parameters: FloatArray, batch: FloatArray) -> FloatArray:
        end = law("critical-period-end-exponential")
        offset = parameters[0] - end(batch_size=reference, decay=decay, epoch_offset=0.0)
        return end(batch_size=batch, decay=decay, epoch_offset=offset)

    # p, b and e: parameters, batch sizes and epochs
    models = [
        Model(
            "log_law", ("epoch_at_reference", "epochs_per_halving"), lambda p, b: p[0] - p[1] * octaves(b), line, True
        ),
        Model("power_law", ("epoch_at_reference", "exponent"), lambda p, b: p[0] * (b / reference) ** -p[1], power),
        Model("constant", ("epoch_at_reference",), lambda p, b: p[0] + 0 * b, mean, True),
        Model("flow_time", ("flow_time_spent",), flow_epoch, flow_start),
    ]
    if decay < 1:
        models.insert(1, Model("scaling_law", ("epoch_at_reference",), scaling, mean, True))
    return {model.name: model for model in models}


@checked_arguments
def power_schedule_models(
    batch_sizes: ArrayLike, *, power: float, learning_rate: float, dataset_size: float, gradient_variance: float,
    barrier_height: float | None = None, rate_temperature_power: float = 0.0,
) -> dict[str, Model]:  # fmt: skip
    """The laws for a learning rate ``learning_rate * (1 + epoch)**-power``, without momentum.

    Barrier height and rate temperature power are those of the escapes, where known: only then is there a
    temperature_drift. The geometric mean of the batch sizes is the reference.
    """
    for name, value in (("power", power), ("learning_rate", learning_rate), ("gradient_variance", gradient_variance)):
        if not value > 0:
            raise ValueError(f"{name}: {value} is not positive")
    models = rival_models(batch_sizes, decay=1.0, learning_rate=learning_rate, dataset_size=dataset_size)
    run = {"initial_learning_rate": learning_rate, "gradient_variance": gradient_variance, "momentum": 0.0}

    def end(temperature: ArrayLike, batch: FloatArray) -> FloatArray:
        return law("critical-period-end-power-law")(
            critical_temperature=temperature, batch_size=batch, schedule_power=power, **run
        )

    def log_temperature(batch: FloatArray, epochs: FloatArray) -> FloatArray:
        initial = learning_rate * gradient_variance / (2 * batch)
        return np.array([float(np.mean(np.log(initial) - power * np.log1p(np.maximum(epochs, 0))))])

    def drifting(parameters: FloatArray, batch: FloatArray) -> FloatArray:
        temperature = law("critical-temperature-power-law")(
            attempt_rate=math.exp(parameters[0]), barrier_height=barrier_height, batch_size=batch, critical_hazard=1.0,
            dataset_size=dataset_size, rate_temperature_power=rate_temperature_power, schedule_power=power, **run,
        )  # fmt: skip
        return end(temperature, batch)

    plain = models["power_law"]
    laws = {
        "log_law": models["log_law"],
        "scaling_law": Model(
            "scaling_law", ("log_critical_temperature",), lambda p, b: end(math.exp(p[0]), b), log_temperature
        ),
        "power_law": Model(
            "power_law", plain.parameters, lambda p, b: plain.predict(p, b) - 1, lambda b, e: plain.start(b, e + 1)
        ),
        "constant": models["constant"],
    }
    if barrier_height is not None:
        laws["temperature_drift"] = Model(
            "temperature_drift", ("log_attempt_rate",), drifting, lambda b, e: np.zeros(1)
        )
    return laws
