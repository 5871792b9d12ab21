"""How steep wells are against SGD's steps: up to where one temperature holds, and what reshuffling does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential
from ..protocol.training import Training
from ..reference.laws import law

Array = NDArray[np.float64]
ONE_TEMPERATURE = 0.05  # a well this much hotter than the law's temperature has another

__all__ = ["reshuffling_factors", "steepest_of_one_temperature", "steepness", "well_curvatures"]


@checked_arguments
def well_curvatures(potential: Potential) -> Array:
    """Curvatures of an energy at its minima, in increasing order."""
    curvatures = []
    for part in (potential.component(k) for k in range(len(potential.components()))):
        minima = np.array([part.minimum_point(k) for k in range(len(part.phases))])
        curvatures.append(np.linalg.eigvalsh(part.hessian_function()(minima)).ravel())
    return np.sort(np.concatenate(curvatures))


@checked_arguments
def steepness(training: Training, curvature: float, epoch: float) -> float:
    """Learning rate times curvature at an epoch."""
    rate = float(np.asarray(training.learning_rate_at(np.array([epoch])))[0])  # type: ignore[arg-type]
    return rate * curvature


def steepest_of_one_temperature() -> float:
    """Learning rate times curvature at which a well is 5 % hotter than the law [eq:sgd-temperature-quadratic]."""

    def excess(steepness: float) -> float:
        hotter = law("sgd-temperature-quadratic")(temperature=1.0, learning_rate=steepness, momentum=0.0, curvature=1.0)
        return float(hotter) - 1 - ONE_TEMPERATURE

    return float(brentq(excess, 1e-9, 1.0))  # type: ignore[arg-type]


@checked_arguments
def reshuffling_factors(training: Training, curvatures: Array, end: float | None) -> tuple[float, float]:
    """Least and largest factor on the temperature of the wells if examples are reshuffled, from epoch 0 to the end.

    [eq:reshuffling-temperature-factor]; not a number where a well is flat or there is no end.
    """
    if end is None or curvatures[0] <= 0:
        return np.nan, np.nan
    rates = np.asarray(training.learning_rate_at(np.array([0.0, end])), dtype=float)  # type: ignore[arg-type]
    steps = round(training.dataset_size / training.batch_size)
    factors = [
        float(law("reshuffling-temperature-factor")(learning_rate=rate, curvature=curvature, steps_per_epoch=steps))
        for rate in rates
        for curvature in (curvatures[0], curvatures[-1])
    ]
    return min(factors), max(factors)
