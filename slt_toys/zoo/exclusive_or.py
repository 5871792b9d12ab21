"""Exclusive or by rectified units, and by four pathways of a gated linear network: part of the neural race.

Half the mean square error over the four points of {±1}², gradient descent; the law is [eq:xor-pathway-loss] with
[eq:mode-strength], s = √2/4 and d = 1/2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from ..reference.laws import law
from .model import Array

POINTS = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
XOR_MODE = {"mode_correlation": np.sqrt(2) / 4, "input_variance": 0.5}
UNITS, XOR_RATE = 64, 0.01


@njit(cache=True)
def _xor(
    random: np.random.Generator, units: int, scale: float, rate: float, steps: int, batch: int, temperature: float
) -> Array:
    """Loss on all four points before every step and at the end; ``batch`` points drawn for each, 0 for all four."""
    w, v = scale * random.standard_normal((units, 2)), scale * random.standard_normal(units)
    losses, error, weight = np.empty(steps + 1), np.empty(4), np.full(4, 0.25)
    kick = np.sqrt(2 * rate * temperature)
    for step in range(steps + 1):
        losses[step] = 0.0
        for p in range(4):
            answer = 0.0
            for h in range(units):
                answer += v[h] * max(w[h, 0] * POINTS[p, 0] + w[h, 1] * POINTS[p, 1], 0.0)
            error[p] = answer - POINTS[p, 0] * POINTS[p, 1]
            losses[step] += error[p] ** 2 / 8
        if batch > 0:
            weight[:] = 0.0
            for _ in range(batch):
                weight[random.integers(0, 4)] += 1 / batch
        for h in range(units):
            first = second = out = 0.0
            for p in range(4):
                field = w[h, 0] * POINTS[p, 0] + w[h, 1] * POINTS[p, 1]
                if field > 0:
                    pull = weight[p] * error[p]
                    first += pull * v[h] * POINTS[p, 0]
                    second += pull * v[h] * POINTS[p, 1]
                    out += pull * field
            w[h, 0] -= rate * first
            w[h, 1] -= rate * second
            v[h] -= rate * out
            if kick > 0:
                w[h, 0] += kick * random.standard_normal()
                w[h, 1] += kick * random.standard_normal()
                v[h] += kick * random.standard_normal()
    return losses


def train_xor(
    seed: int | Sequence[int], scale: float = 1e-3, time: float = 30.0, batch: int = 0, temperature: float = 0.0
) -> Array:
    """Losses at every step of :data:`XOR_RATE` from weights of deviation ``scale``, shape (steps + 1,)."""
    random = np.random.default_rng(seed)
    return _xor(random, UNITS, scale, XOR_RATE, round(time / XOR_RATE), batch, temperature)


def xor_half_time(losses: Array) -> float:
    """Flow time at which the answers are half of what is right, so the loss is 1/8; NaN if never."""
    return float(np.argmax(losses < 1 / 8)) * XOR_RATE if losses.min() < 1 / 8 else np.nan


def xor_law(times: ArrayLike, half_time: float) -> Array:
    """Loss at these times by [eq:xor-pathway-loss] and [eq:mode-strength], whose one free number fits the half-time."""
    full = XOR_MODE["mode_correlation"] / XOR_MODE["input_variance"]
    start = full / (1 + np.exp(2 * XOR_MODE["mode_correlation"] * half_time))
    strength = law("mode-strength")(**XOR_MODE, initial_mode_strength=start, elapsed_time=times)
    return law("xor-pathway-loss")(learned_strength=strength)
