r"""Memorising begins at a saddle: what counts is how far a run has come, and noise helps it to leave.

Deficit loss (1-r²)²/4 with r = |x| in a few directions: a saddle at 0 within the sphere r = 1 of what can be memorised.
Clean loss κ (r⁶/6 - (1+r_c²) r⁴/4 + r_c² r²/2): minima at 0, which has forgotten, and at r = 1, with a barrier at r_c
that is high against the temperature. Langevin dynamics dx = -∇L dt + √(2T) dW from a narrow start of variance V₀ in
each direction. A run is stuck if it ends beyond r_c.

So the state at the switch decides, and the deficit's training loss, a function of r, tells it. Flow time spent does
not: near the saddle the variance V of each direction grows as [eq:saddle-variance], so a higher temperature
saves flow time. Exact: that law while r « 1, where r²/V is chi-square.

Source: Suzuki (1976), Progress of Theoretical Physics 56, 77, for the saddle; as a model of a critical period
it is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from ..reference.laws import law
from .model import Array, Check, Measured, ZooModel

DIRECTIONS = 4
BARRIER = 0.6  # r_c
CLEAN_SCALE = 8.0  # κ: barriers of 0.23 and 0.17
INITIAL_VARIANCE = 1e-5
STEP = 0.02


def deficit_loss(x: Array) -> Array:
    """(1-r²)²/4 at positions (..., directions)."""
    return (1 - (x**2).sum(axis=-1)) ** 2 / 4


def variance(temperature: float, flow_time: ArrayLike) -> Array:
    """Variance of each direction at a constant temperature, while r « 1 [eq:saddle-variance]."""
    return np.asarray(
        law("saddle-variance")(
            saddle_curvature=1.0, temperature=temperature, initial_variance=INITIAL_VARIANCE, elapsed_time=flow_time
        )
    )


def simulate(
    temperatures: ArrayLike, durations: ArrayLike, switch_epoch: int, runs: int, seed: int | Sequence[int],
    step: float = STEP,
) -> tuple[Array, Array]:  # fmt: skip
    """Independent Langevin runs through a schedule: temperature and duration of each epoch, shape (epochs,).

    ``switch_epoch`` is the first on the clean loss, ``step`` the largest of the Euler scheme.

    Returns
    -------
    tuple
        Positions at the switch and at the end, each of shape (runs, directions).
    """
    random = np.random.default_rng(seed)
    start = np.sqrt(INITIAL_VARIANCE) * random.standard_normal((runs, DIRECTIONS))
    temperatures, durations = np.asarray(temperatures, dtype=float), np.asarray(durations, dtype=float)
    before, after = slice(switch_epoch), slice(switch_epoch, None)
    at_switch = _langevin(random, start, temperatures[before], durations[before], 0.0, step)
    end = _langevin(random, at_switch, temperatures[after], durations[after], CLEAN_SCALE, step)
    return at_switch, end


@njit(cache=True)
def _langevin(
    random: np.random.Generator, start: Array, temperatures: Array, durations: Array, clean_scale: float, step: float
) -> Array:
    """A clean scale of 0 stands for the deficit loss."""
    x = start.copy()
    inner = BARRIER**2
    for epoch in range(durations.size):
        steps = max(1, int(np.ceil(durations[epoch] / step)))
        h = durations[epoch] / steps
        kick = np.sqrt(2 * temperatures[epoch] * h)
        for _ in range(steps):
            for run in range(x.shape[0]):
                square = 0.0
                for i in range(x.shape[1]):
                    square += x[run, i] * x[run, i]
                push = 1 - square if clean_scale == 0.0 else clean_scale * (square - inner) * (1 - square)
                for i in range(x.shape[1]):
                    x[run, i] += h * push * x[run, i] + kick * random.standard_normal()
    return x


_TEMPERATURE, _TIMES = 1e-5, np.array([0.5, 1.5, 2.5])


def _simulated_variances(seed: int) -> Measured:
    runs, values = 6_000, []
    for index, duration in enumerate(_TIMES):
        x, _ = simulate([_TEMPERATURE], [duration], 1, runs, [seed, index], step=0.005)
        square = (x**2).mean(axis=1)
        values.append([square.mean(), square.std() / np.sqrt(runs)])
    means, errors = np.array(values).T
    exact = variance(_TEMPERATURE, _TIMES)
    return means / exact, errors / exact


MODEL = ZooModel("memorising_saddle", ("saddle-variance",), (
    Check("variance near the saddle over its law", lambda: np.ones(3), _simulated_variances,
          lambda: variance(3 * _TEMPERATURE, _TIMES) / variance(_TEMPERATURE, _TIMES),
          0.03, "r² is not yet small against 1 at the last time, and the Euler step"),
))  # fmt: skip
