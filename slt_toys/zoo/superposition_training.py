"""Toy models of superposition in training: SGD on a fixed sample, and Langevin paths at the posterior's temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from .model import Array
from .superposition_loss import FEATURES, _gradient

EXAMPLES, REPLICAS = 1000, 400
LIMIT = 1e6  # beyond it a run has diverged for good; it is left as not a number


@dataclass(frozen=True)
class Sgd:
    """Rate η and batch size B of SGD on the squared error; B = 0 stands for gradient descent on the population."""

    learning_rate: float
    batch_size: int

    @property
    def name(self) -> str:
        """As tables have it."""
        return f"η {self.learning_rate:g}, B {self.batch_size or '∞'}"

    @property
    def noise(self) -> float:
        """η/B, 0 without minibatches."""
        return self.learning_rate / self.batch_size if self.batch_size else 0.0

    def steps(self, time: float) -> int:
        """Steps in so much flow time, which is rate times steps."""
        return round(time / self.learning_rate)


@dataclass(frozen=True)
class Data:
    """A fixed sample: which feature each example has, and its size u."""

    feature: np.ndarray
    size: Array

    @classmethod
    def drawn(cls, seed: int | Sequence[int], features: int = FEATURES, examples: int = EXAMPLES) -> Data:
        """Examples of all features alike."""
        random = np.random.default_rng(seed)
        return cls(random.integers(0, features, examples), random.random(examples))

    def without_last(self) -> Data:
        """Those that do not have the last feature."""
        kept = self.feature < self.feature.max()
        return Data(self.feature[kept], self.size[kept])


@njit(cache=True)
def _add(w: Array, slope: Array, u: float, i: int) -> None:
    """Add half the slope of one example's squared error."""
    count = w.shape[0] // 3
    x, y = w[i] * u, w[count + i] * u
    back_x = back_y = 0.0
    for j in range(count):
        output = x * w[j] + y * w[count + j] + w[2 * count + j]
        if output > 0.0:
            error = output - (u if i == j else 0.0)
            slope[2 * count + j] += error
            slope[j] += error * x
            slope[count + j] += error * y
            back_x += error * w[j]
            back_y += error * w[count + j]
    slope[i] += back_x * u
    slope[count + i] += back_y * u


@njit(cache=True)
def _step(w: Array, slope: Array, features: np.ndarray, sizes: Array, random: np.random.Generator, batch: int) -> None:
    """Slope of a minibatch's mean squared error."""
    slope[:] = 0.0
    for _ in range(batch):
        row = int(random.random() * sizes.shape[0])
        _add(w, slope, sizes[row], features[row])
    for k in range(w.shape[0]):
        slope[k] *= 2.0 / batch


@njit(cache=True)
def _train(
    random: np.random.Generator,
    weights: Array,
    features: np.ndarray,
    sizes: Array,
    inputs: int,
    rate: float,
    batch: int,
    steps: int,
) -> None:
    slope = np.empty(weights.shape[1])
    for run in range(weights.shape[0]):
        w = weights[run]
        for _ in range(steps):
            if batch:
                _step(w, slope, features, sizes, random, batch)
            else:
                _gradient(w, slope, inputs)
            largest = 0.0
            for k in range(w.shape[0]):
                w[k] -= rate * slope[k]
                largest = max(largest, abs(w[k]))
            if not largest < LIMIT:
                w[:] = np.nan
                break


def starts(seed: int | Sequence[int], replicas: int = REPLICAS, features: int = FEATURES) -> Array:
    """Standard normal weights, shape (replicas, 3 c)."""
    return np.random.default_rng(seed).standard_normal((replicas, 3 * features))


def train(weights: Array, data: Data, setting: Sgd, time: float, seed: int | Sequence[int]) -> Array:
    """Weights after so much more flow time, shape (replicas, 3 c); not a number where a run diverged.

    Raises
    ------
    ValueError
        If the rate is not positive, the batch size is negative, or there are no examples.
    """
    if not setting.learning_rate > 0:
        raise ValueError(f"learning_rate must be positive, not {setting.learning_rate}")
    if setting.batch_size < 0:
        raise ValueError(f"batch_size must be at least 0 (0: no minibatches), not {setting.batch_size}")
    if not data.size.size:
        raise ValueError("data must hold at least one example")
    found = np.array(weights, dtype=float)
    _train(
        np.random.default_rng(seed), found, data.feature, data.size, int(data.feature.max()) + 1,
        setting.learning_rate, setting.batch_size, setting.steps(time),
    )  # fmt: skip
    return found


@njit(cache=True)
def _langevin(
    random: np.random.Generator, weights: Array, inputs: int, temperature: float, prior: float, step: float, steps: int
) -> None:
    slope, noise = np.empty(weights.shape[1]), np.sqrt(2.0 * temperature * step)
    for run in range(weights.shape[0]):
        w = weights[run]
        for _ in range(steps):
            _gradient(w, slope, inputs)
            for k in range(w.shape[0]):
                w[k] += noise * random.standard_normal() - step * (slope[k] + prior * temperature * w[k])


def langevin(
    weights: Array, size: float, time: float, seed: int | Sequence[int], step: float = 0.02, prior: bool = True,
    withheld: int = 0,
) -> Array:  # fmt: skip
    """Overdamped Langevin paths at the posterior of N = ``size``, with or without its standard normal prior.

    The population loss, of all features but the last so many withheld, is the energy and 2/N its temperature. Returns
    weights after so much flow time, shape (paths, 3 c).
    """
    if not size > 0:
        raise ValueError(f"size must be positive, not {size}")
    found = np.array(weights, dtype=float)
    inputs = found.shape[1] // 3 - withheld
    _langevin(np.random.default_rng(seed), found, inputs, 2 / size, float(prior), step, round(time / step))
    return found


def thermometer(weights: Array, data: Data, setting: Sgd) -> float:
    """SGD's temperature in units of the loss: η/2B times the mean variance of one example's slope over the weights.

    A mean over the given weights (replicas, 3 c), those that are finite. SGD's noise is neither white nor alike in all
    directions; it is the temperature of white noise of the same power.
    """
    found = []
    for w in weights[np.isfinite(weights).all(axis=1)]:
        slopes = np.empty((data.size.size, w.size))
        _slopes(np.ascontiguousarray(w), data.feature, data.size, slopes)
        found.append(slopes.var(axis=0, ddof=1).mean())
    return setting.noise / 2 * float(np.mean(found))


@njit(cache=True)
def _slopes(w: Array, features: np.ndarray, sizes: Array, out: Array) -> None:
    out[:] = 0.0
    for k in range(len(sizes)):
        _add(w, out[k], sizes[k], features[k])
    out *= 2.0
