"""Regressions with two phases that SGD trains on real minibatches: regular, singular, logistic, with memory.

Each has data with a deficit and clean ones. Labels are noisy, since without that noise minibatches do not cross a
barrier.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .minibatch_data import signs, whitened
from .minibatch_training import Model

Array = NDArray[np.float64]
ROOT = float(np.sqrt(2.0))
WEAK = 0.4  # inputs of the factors alone
LOGIT, TILT = 0.3, 0.15
COUPLING = 0.1  # small: labels are learned without the shared weight, whose landscape stays as it is


@njit
def _regular(w, row, g):
    residual = ROOT * (w[0] ** 2 - 1) * row[0] + w[0] * row[1] - row[2]
    g[0] += residual * (2 * ROOT * w[0] * row[0] + row[1])
    return 0.5 * residual * residual


@njit
def _singular(w, row, g):
    p = w[0] * w[1]
    residual = ROOT * (p**2 - 1) * row[0] + p * row[1] + WEAK * (w[0] * row[3] + w[1] * row[4]) - row[2]
    slope = 2 * ROOT * p * row[0] + row[1]
    g[0] += residual * (slope * w[1] + WEAK * row[3])
    g[1] += residual * (slope * w[0] + WEAK * row[4])
    return 0.5 * residual * residual


def _two_phase_data(size: int, noise: float, target: float, deficit: float, seed: int) -> tuple[Array, Array]:
    """Two inputs, labels, two more inputs that labels do not depend on."""
    table = whitened(signs(np.random.default_rng(seed), size, 5))
    blurred, clean = (
        np.column_stack([table[:, :2], each * table[:, 1] + noise * table[:, 2], table[:, 3:]])
        for each in (deficit, target)
    )
    return blurred, clean


def regular_regression(
    size: int = 2048, noise: float = 80.0, target: float = 0.32, deficit: float = -2.0, seed: int = 0
) -> Model:
    """One weight, wells near ±1: f = √2 (w²-1) x₁ + w x₂; labels are the second input times a target, and noise."""
    blurred, clean = _two_phase_data(size, noise, target, deficit, seed)
    return Model(_regular, blurred, clean, np.array([-1.0]), np.array([1.0]), np.array([-1.0]),
                 lambda w: w[:, 0] < 0)  # fmt: skip


def singular_regression(
    size: int = 4096, noise: float = 60.0, target: float = 0.6, deficit: float = -2.0, seed: int = 0
) -> Model:
    """The same with w = uv, so that minima are all but curves; weak inputs of u and v alone hold runs together.

    Without them the noise vanishes at u = v = 0 and draws runs to that saddle.
    """
    blurred, clean = _two_phase_data(size, noise, target, deficit, seed)
    return Model(_singular, blurred, clean, np.array([1.0, -1.0]), np.array([1.0, 1.0]), np.array([1.0, -1.0]),
                 lambda w: w[:, 0] * w[:, 1] < 0)  # fmt: skip


@njit
def _logistic(w, row, g):
    z = LOGIT * w[0] ** 2 * row[0] + TILT * w[0] * row[1]
    margin = row[2] * z
    pull = -row[2] / (1 + np.exp(margin))
    g[0] += pull * (2 * LOGIT * w[0] * row[0] + TILT * row[1])
    return np.log1p(np.exp(-margin))


def logistic(size: int = 1024) -> Model:
    """Labels ±1 with logit .3 w² x₁ + .15 w x₂: as many of each as expected at w = 1, and in the deficit at w = -1."""
    quarter = size // 4
    x = np.repeat([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)], quarter, axis=0)
    place = np.tile(np.arange(quarter), 4)
    sets = []
    for truth in (-1.0, 1.0):
        chance = 1 / (1 + np.exp(-LOGIT * x[:, 0] - TILT * truth * x[:, 1]))
        sets.append(np.column_stack([x, np.where(place < np.round(quarter * chance), 1.0, -1.0)]))
    return Model(_logistic, sets[0], sets[1], np.array([-1.0]), np.array([1.0]), np.array([-1.0]),
                 lambda w: w[:, 0] < 0)  # fmt: skip


@njit
def _memorising(w, row, g):
    i = 1 + int(row[4])
    residual = ROOT * (w[0] ** 2 - 1) * row[0] + 0.5 * w[0] * row[1] - row[2]
    other = COUPLING * w[0] * row[5] + row[6] * w[i] - row[3]
    g[0] += residual * (2 * ROOT * w[0] * row[0] + 0.5 * row[1]) + other * COUPLING * row[5]
    g[i] += other * row[6]
    return 0.5 * residual * residual + 0.5 * other * other


def memorising_regression(
    size: int = 128,
    noise: float = 350.0,
    memory: float = 2.5,
    target: float = 2.4,
    deficit: float = -8.0,
    seed: int = 0,
) -> Model:
    """A regression whose second output has labels of pure noise, and one weight more for every example to learn them.

    The first output is that of the regular regression without noise; the second is .1 w x₃ + memory · vᵢ against a
    label that means nothing. As examples are learned by heart its residuals vanish, and with them the gradient noise
    that the shared weight w feels. ``memory`` 0 is the same regression that cannot memorise.
    """
    random = np.random.default_rng(seed)
    table = whitened(signs(random, size, 4))
    index, labels = np.arange(size, dtype=float), noise * table[:, 3]
    sets = [
        np.column_stack([table[:, :2], 0.5 * each * table[:, 1], labels, index, table[:, 2], np.full(size, memory)])
        for each in (deficit, target)
    ]  # fmt: skip
    zeros = np.zeros(size)
    return Model(_memorising, sets[0], sets[1], np.concatenate([[-1.0], zeros]), np.concatenate([[1.0], zeros]),
                 np.concatenate([[-1.0], zeros]), lambda w: w[:, 0] < 0, moving=1)  # fmt: skip
