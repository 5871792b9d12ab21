"""SGD's own steps in the worlds that are no pair of potentials: their gradients, and one loop for all settings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..protocol.sgd_run import SGDRun
from ..zoo import memorising_saddle

Array = NDArray[np.float64]
PATHWAYS, BOTTLENECK, SADDLE = range(3)
ORDERS = {"with replacement": 0, "reshuffled": 1, "fixed": 2}
CLEAN_SCALE, INNER = memorising_saddle.CLEAN_SCALE, memorising_saddle.BARRIER**2

__all__ = ["BOTTLENECK", "PATHWAYS", "SADDLE", "sgd_steps"]


def sgd_steps(
    kind: int, run: SGDRun, gradient_variance: float, start: Array, parameters: Array, seed: int | Sequence[int]
) -> tuple[Array, Array]:
    """Run SGD with Gaussian gradient noise.

    Parameters
    ----------
    kind
        Of gradient: :data:`PATHWAYS` (parameters strength and depth), :data:`BOTTLENECK` (deficit curvature, drive,
        curving) or :data:`SADDLE` (none).
    run
        Its settings.
    gradient_variance
        σ² of one example's gradient in each coordinate: the world's own.
    start, parameters
        Weights (runs, coordinates) and what a run's gradient depends on (runs, parameters).
    seed
        Of numpy's generator.

    Returns
    -------
    tuple
        Weights at the switch and at the end, or their mean over the last epochs, each (runs, coordinates).
    """
    own = gradient_variance / run.batch_size
    independent = float(np.sqrt(own * run.label_noise + run.added_noise**2))
    return _steps(
        np.random.default_rng(seed), kind, np.array(start, dtype=float), np.asarray(parameters, dtype=float),
        np.asarray(run.learning_rates, dtype=float), run.switch_epoch, run.steps_per_epoch, float(np.sqrt(own)),
        independent, run.momentum, run.nesterov, ORDERS[run.order], run.averaged_epochs,
    )  # fmt: skip


@njit(cache=True)
def _gradient(kind: int, clean: bool, w: Array, given: Array, out: Array) -> None:
    if kind == PATHWAYS:
        strength, depth = given[0], int(given[1])
        power_a, power_b = w[0] ** (depth - 1), w[1] ** (depth - 1)
        residual = strength - power_a * w[0] - power_b * w[1]
        out[0] = -power_a * residual
        out[1] = -power_b * residual
    elif kind == BOTTLENECK:
        if not clean:
            out[0] = given[0] * (w[0] + 1)
        else:
            out[0] = -(given[1] + given[2] * w[0] * w[0]) if w[0] < 1.0 else 0.0
    else:
        square = 0.0
        for i in range(w.size):
            square += w[i] * w[i]
        push = CLEAN_SCALE * (square - INNER) * (1 - square) if clean else 1 - square
        for i in range(w.size):
            out[i] = -push * w[i]


@njit(cache=True)
def _steps(
    random: np.random.Generator, kind: int, start: Array, parameters: Array, rates: Array, switch: int, steps: int,
    own: float, independent: float, momentum: float, nesterov: bool, order: int, averaged: int,
) -> tuple[Array, Array]:  # fmt: skip
    runs, size = start.shape
    at_switch, end = start.copy(), np.zeros((runs, size))
    gradient, noise, total = np.zeros(size), np.zeros(size), np.zeros(size)
    kept = np.zeros((steps if order == 2 else 1, size))
    last = max(1, averaged)
    for run in range(runs):
        w, v = start[run].copy(), np.zeros(size)
        for epoch in range(rates.size):
            clean, rate = epoch >= switch, rates[epoch]
            total[:] = 0.0
            free = size if clean or kind != PATHWAYS else 1  # a deficit holds the deprived pathway
            for step in range(steps):
                _gradient(kind, clean, w, parameters[run], gradient)
                for i in range(free):
                    if own > 0.0 and order == 2 and epoch > 0:
                        noise[i] = kept[step, i]
                    elif own > 0.0:
                        noise[i] = random.standard_normal()
                        if order > 0:  # what is left of the epoch takes back what its steps so far pushed
                            left = steps - step
                            noise[i] = np.sqrt(1 - 1 / left) * noise[i] - total[i] / left
                            total[i] += noise[i]
                            if order == 2:
                                kept[step, i] = noise[i]
                    slope = gradient[i] + own * noise[i]
                    if independent > 0.0:
                        slope += independent * random.standard_normal()
                    v[i] = momentum * v[i] + slope
                    w[i] -= rate * (slope + momentum * v[i] if nesterov else v[i])
            if epoch + 1 == switch:
                at_switch[run] = w
            if epoch >= rates.size - last:
                end[run] += w / last
    return at_switch, end
