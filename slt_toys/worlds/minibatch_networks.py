"""Networks that SGD trains on real minibatches: two linear pathways, a completed matrix, a student of a teacher."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .minibatch_data import signs, whitened
from .minibatch_training import Model

Array = NDArray[np.float64]
WEIGHT_DECAY = 0.2
OUTPUT, STUDENT_DECAY = (1.0, 0.4), 0.001


@njit
def _pathways(w, row, g):
    residual = w[0] * w[1] * row[0] + w[2] * w[3] * row[1] - row[2]
    g[0] += residual * w[1] * row[0] + WEIGHT_DECAY * w[0]
    g[1] += residual * w[0] * row[0] + WEIGHT_DECAY * w[1]
    g[2] += residual * w[3] * row[1] + WEIGHT_DECAY * w[2]
    g[3] += residual * w[2] * row[1] + WEIGHT_DECAY * w[3]
    return 0.5 * residual * residual + 0.5 * WEIGHT_DECAY * (w[0] ** 2 + w[1] ** 2 + w[2] ** 2 + w[3] ** 2)


def deep_linear(size: int = 1024, noise: float = 1.0, contrast: float = 0.05, seed: int = 0) -> Model:
    """Two pathways of two layers and weight decay; the deficit takes the contrast from the second pathway's input."""
    random = np.random.default_rng(seed)
    table = whitened(random.standard_normal((size, 3)))
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


@njit
def _tanh(x):
    """To 2e-16, in a third of the library's time."""
    return 1 - 2 / (np.exp(2 * x) + 1)


@njit
def _student(w, row, g):
    first = _tanh(w[0] * row[0] + w[1] * row[1])
    second = _tanh(w[2] * row[0] + w[3] * row[1])
    residual = OUTPUT[0] * first + OUTPUT[1] * second - row[2]
    a, b = residual * OUTPUT[0] * (1 - first**2), residual * OUTPUT[1] * (1 - second**2)
    g[0] += a * row[0] + STUDENT_DECAY * w[0]
    g[1] += a * row[1] + STUDENT_DECAY * w[1]
    g[2] += b * row[0] + STUDENT_DECAY * w[2]
    g[3] += b * row[1] + STUDENT_DECAY * w[3]
    return 0.5 * residual * residual + 0.5 * STUDENT_DECAY * (w[0] ** 2 + w[1] ** 2 + w[2] ** 2 + w[3] ** 2)


def teacher_student(size: int = 2048, noise: float = 8.0, steep: float = 4.0, seed: int = 0) -> Model:
    """Two hidden tanh units with fixed outputs; in the deficit the teacher's units have changed places."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((size, 2))
    n = signs(random, size, 1)[:, 0]
    n = noise * (n - n.mean())
    sets = []
    for one, other in ((1, 0), (0, 1)):
        y = OUTPUT[0] * np.tanh(steep * x[:, one]) + OUTPUT[1] * np.tanh(steep * x[:, other])
        sets.append(np.column_stack([x, y + n]))
    clean, deficit = np.array([steep, 0, 0, steep]), np.array([0, steep, steep, 0])
    return Model(_student, sets[0], sets[1], deficit, clean, deficit,
                 lambda w: np.abs(w[:, 1]) + np.abs(w[:, 2]) > np.abs(w[:, 0]) + np.abs(w[:, 3]))  # fmt: skip
