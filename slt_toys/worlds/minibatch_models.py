"""Models with two phases that SGD trains on real minibatches: regressions, a logistic one, a completed matrix, networks.

Each has data with a deficit and clean ones. Labels are noisy, since without that noise minibatches do not cross a
barrier. Models of one family differ in nothing but the data.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .minibatch_training import Model

Array = NDArray[np.float64]
ROOT = float(np.sqrt(2.0))
WEAK = 0.4  # inputs of the factors alone


def _signs(random: np.random.Generator, size: int, columns: int) -> Array:
    return random.choice([-1.0, 1.0], (size, columns))


def _whitened(table: Array) -> Array:
    """The table with second moments of exactly 1 and 0, so that labels' noise does not tilt the loss."""
    return np.linalg.solve(np.linalg.cholesky(table.T @ table / len(table)), table.T).T


# ---- regressions ----------------------------------------------------------------------------------------------------
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
    table = _whitened(_signs(np.random.default_rng(seed), size, 5))
    blurred, clean = (
        np.column_stack([table[:, :2], each * table[:, 1] + noise * table[:, 2], table[:, 3:]])
        for each in (deficit, target)
    )
    return blurred, clean


def regular_regression(
    size: int = 2048, noise: float = 80.0, target: float = 0.32, deficit: float = -2.0, seed: int = 0
) -> Model:
    """One weight, wells near ±1: f = √2 (w²-1) x₁ + w x₂; labels of the second input are its target, or the deficit's."""
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


LOGIT, TILT = 0.3, 0.15


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


# ---- networks -------------------------------------------------------------------------------------------------------
@njit
def _pathways(w, row, g):
    residual = w[0] * w[1] * row[0] + w[2] * w[3] * row[1] - row[2]
    g[0] += residual * w[1] * row[0] + WEIGHT_DECAY * w[0]
    g[1] += residual * w[0] * row[0] + WEIGHT_DECAY * w[1]
    g[2] += residual * w[3] * row[1] + WEIGHT_DECAY * w[2]
    g[3] += residual * w[2] * row[1] + WEIGHT_DECAY * w[3]
    return 0.5 * residual * residual + 0.5 * WEIGHT_DECAY * (w[0] ** 2 + w[1] ** 2 + w[2] ** 2 + w[3] ** 2)


WEIGHT_DECAY = 0.2


def deep_linear(size: int = 1024, noise: float = 1.0, contrast: float = 0.05, seed: int = 0) -> Model:
    """Two pathways of two layers and weight decay; the deficit takes the contrast from the second pathway's input."""
    random = np.random.default_rng(seed)
    table = _whitened(random.standard_normal((size, 3)))
    labels = table[:, 0] + table[:, 1] + noise * table[:, 2]
    blurred = table[:, :2] * [1.0, contrast]
    layer = np.sqrt(1 - WEIGHT_DECAY)
    return Model(_pathways, np.column_stack([blurred, labels]), np.column_stack([table[:, :2], labels]),
                 np.array([layer, layer, 0.02, 0.02]), np.full(4, layer), np.full(4, 0.3),
                 lambda w: w[:, 2] * w[:, 3] < 0.5 * (1 - WEIGHT_DECAY), 0.05)  # fmt: skip


@njit
def _completion(w, row, g):
    i, j = int(row[0]), int(row[1])
    residual = w[i] * w[j] - row[2]
    g[i] += residual * w[j]
    g[j] += residual * w[i]
    return 0.5 * residual * residual


def matrix_completion(size: int = 2000, noise: float = 20.0, seed: int = 0) -> Model:
    """Noisy entries of uuᵀ, u in three coordinates: the diagonal often, two entries beside it seldom, the corner never.

    The deficit has the opposite sign beside the diagonal, as if the second coordinate were negative.
    """
    random = np.random.default_rng(seed)
    entries = np.array([[0, 0], [1, 1], [2, 2], [0, 1], [1, 2]])
    counts = np.round(size * np.array([0.3, 0.3, 0.3, 0.05, 0.05])).astype(int)
    which = np.repeat(np.arange(5), counts)
    n = np.concatenate([noise * (v - v.mean()) / v.std() for v in (random.standard_normal(c) for c in counts)])
    beside = which >= 3
    deficit, clean = (np.column_stack([entries[which], np.where(beside, sign, 1.0) + n]) for sign in (-1.0, 1.0))
    return Model(_completion, deficit, clean, np.array([1.0, -1.0, 1.0]), np.ones(3),
                 np.array([1.0, -1.0, 1.0]), lambda w: w[:, 1] * (w[:, 0] + w[:, 2]) < 0)  # fmt: skip


OUTPUT, STUDENT_DECAY = (1.0, 0.4), 0.001


@njit
def _student(w, row, g):
    first = np.tanh(w[0] * row[0] + w[1] * row[1])
    second = np.tanh(w[2] * row[0] + w[3] * row[1])
    residual = OUTPUT[0] * first + OUTPUT[1] * second - row[2]
    a, b = residual * OUTPUT[0] * (1 - first**2), residual * OUTPUT[1] * (1 - second**2)
    g[0] += a * row[0] + STUDENT_DECAY * w[0]
    g[1] += a * row[1] + STUDENT_DECAY * w[1]
    g[2] += b * row[0] + STUDENT_DECAY * w[2]
    g[3] += b * row[1] + STUDENT_DECAY * w[3]
    return 0.5 * residual * residual + 0.5 * STUDENT_DECAY * (w[0] ** 2 + w[1] ** 2 + w[2] ** 2 + w[3] ** 2)


def teacher_student(size: int = 2048, noise: float = 8.0, steep: float = 4.0, seed: int = 0) -> Model:
    """Two hidden tanh units with fixed outputs; in the deficit each of the teacher's units looks where the other should."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((size, 2))
    n = _signs(random, size, 1)[:, 0]
    n = noise * (n - n.mean())
    sets = []
    for one, other in ((1, 0), (0, 1)):
        y = OUTPUT[0] * np.tanh(steep * x[:, one]) + OUTPUT[1] * np.tanh(steep * x[:, other])
        sets.append(np.column_stack([x, y + n]))
    clean, deficit = np.array([steep, 0, 0, steep]), np.array([0, steep, steep, 0])
    return Model(_student, sets[0], sets[1], deficit, clean, deficit,
                 lambda w: np.abs(w[:, 1]) + np.abs(w[:, 2]) > np.abs(w[:, 0]) + np.abs(w[:, 3]))  # fmt: skip


# ---- memorising -----------------------------------------------------------------------------------------------------
COUPLING = 1.0


@njit
def _memorising(w, row, g):
    i = 1 + int(row[4])
    residual = ROOT * (w[0] ** 2 - 1) * row[0] + 0.5 * w[0] * row[1] - row[2]
    other = COUPLING * w[0] * row[5] + row[6] * w[i] - row[3]
    g[0] += residual * (2 * ROOT * w[0] * row[0] + 0.5 * row[1]) + other * COUPLING * row[5]
    g[i] += other * row[6]
    return 0.5 * residual * residual + 0.5 * other * other


def memorising_regression(
    size: int = 128, noise: float = 35.0, memory: float = 2.5, target: float = 1.6, deficit: float = -8.0, seed: int = 0
) -> Model:
    """A regression whose second output has labels of pure noise, and one weight more for every example to learn them.

    The first output is that of the regular regression without noise; the second is w x₃ + memory · vᵢ against a label
    that means nothing. As examples are learned by heart its residuals vanish, and with them the gradient noise that the
    shared weight w feels. ``memory`` 0 is the same regression that cannot memorise.
    """
    random = np.random.default_rng(seed)
    table = _whitened(_signs(random, size, 4))
    index, labels = np.arange(size, dtype=float), noise * table[:, 3]
    sets = [
        np.column_stack([table[:, :2], 0.5 * each * table[:, 1], labels, index, table[:, 2], np.full(size, memory)])
        for each in (deficit, target)
    ]  # fmt: skip
    zeros = np.zeros(size)
    return Model(_memorising, sets[0], sets[1], np.concatenate([[-1.0], zeros]), np.concatenate([[1.0], zeros]),
                 np.concatenate([[-1.0], zeros]), lambda w: w[:, 0] < 0, moving=1)  # fmt: skip
