"""A linear network with weight decay and noise, and its aligned mode alone: a part of the zoo's grokking_as_escape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy
from numba import njit
from scipy.optimize import brentq

from ..exact.kinetics import mean_exit_time, mean_first_passage_time
from ..potentials.potential import Potential
from ..reference.laws import law
from .model import Array, Measured, mean_and_error

STRENGTH, DEPTH, DECAY = 1.0, 3, 0.4
STEP = 0.05  # of flow time
MOST = 1e7  # flow time by which every run has arrived


# ---- the mode ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Mode:
    """Depth D and weight decay γ, at target strength 1."""

    depth: int = DEPTH
    decay: float = DECAY

    def loss(self, strength: Array | float) -> Array:
        """Loss where every layer has this strength [eq:aligned-mode-loss]."""
        return np.asarray(
            law("aligned-mode-loss")(
                layers=self.depth, mode_target=STRENGTH, layer_strength=strength, weight_decay=self.decay
            )
        )

    @property
    def stationary(self) -> tuple[float, float]:
        """Strength of a layer at the saddle, 0 at depth 2, and at the learned minimum.

        Raises
        ------
        ValueError
            Where the decay leaves no minimum but the origin.
        """

        def pull(u: float) -> float:
            return (STRENGTH - u**self.depth) * u ** (self.depth - 2) - self.decay

        top = (STRENGTH * (self.depth - 2) / (2 * self.depth - 2)) ** (1 / self.depth)  # where the pull is largest
        if pull(top) <= 0:
            raise ValueError(
                f"decay must be below {pull(top) + self.decay:.4g} at depth {self.depth}, not {self.decay}"
            )
        saddle = brentq(pull, 1e-12, top, xtol=1e-14) if self.depth > 2 else 0.0
        return float(saddle), float(brentq(pull, top, STRENGTH, xtol=1e-14))

    @property
    def target(self) -> float:
        """Strength at which a mode has been learned: half way from the saddle to the minimum."""
        return sum(self.stationary) / 2

    @property
    def barrier(self) -> float:
        """Of the loss, from the origin to the saddle."""
        return float(self.loss(self.stationary[0]) - self.loss(0.0))

    def time(self, temperature: float) -> float:
        """Mean flow time from the origin to the target, the mode alone, exactly [eq:mean-first-passage].

        The strength obeys the Langevin equation of the same loss and temperature at a D-th of the pace of √D u.
        """
        potential = _potential(self.depth, self.decay)
        if self.depth == 2:  # both signs of the layers give the mode
            return self.depth * mean_exit_time(potential, temperature, 0.0, -self.target, self.target)
        return self.depth * mean_first_passage_time(potential, temperature, 0.0, self.target)

    def kramers_time(self, temperature: float) -> float:
        """Its limit at low temperature [eq:eyring-kramers]."""
        across = (self.depth - 2) * self.decay - self.depth * self.stationary[0] ** (2 * self.depth - 2)
        return 1 / law("eyring-kramers")(
            well_curvature=self.decay, barrier_curvature=across, barrier_height=self.barrier, temperature=temperature
        )

    def speedup(self, width: int, temperature: float) -> float:
        """Rate of the whole network over that of the mode, at low temperature [eq:aligned-escape-speedup]."""
        return law("aligned-escape-speedup")(
            layers=self.depth, width=width, weight_decay=self.decay, saddle_strength=self.stationary[0],
            temperature=temperature,
        )  # fmt: skip


@cache
def _potential(depth: int, decay: float) -> Potential:
    u, gamma = sympy.Symbol("u", real=True), sympy.nsimplify(decay, rational=True)
    return Potential.from_expression((1 - u**depth) ** 2 / 2 + depth * gamma * u**2 / 2, name="aligned mode")


@dataclass(frozen=True)
class Escapes:
    """Flow time of each run, (runs,), whether it arrived by then, and the temperature that the runs tell.

    That is the temperature of the white noise [eq:stepped-temperature]; ``temperature_error`` is its standard error.
    """

    times: Array
    arrived: np.ndarray
    temperature: float
    temperature_error: float

    @property
    def time(self) -> Measured:
        """Mean time and its standard error."""
        return mean_and_error(self.times)


def _escapes(found: Array, weights: int) -> Escapes:
    times, gained = found[:, 0], found[:, 2] / weights
    temperature = gained.sum() / times.sum()
    spread = np.sqrt(((gained - temperature * times) ** 2).sum()) / times.sum()
    return Escapes(times, found[:, 1] > 0, float(temperature), float(spread))


@njit(cache=True)
def _mode(
    random: np.random.Generator, runs: int, depth: int, decay: float, temperature: float, step: float, target: float,
    most: int,
) -> Array:  # fmt: skip
    """As :func:`_learn`, of the mode alone; whether it crossed within a step is drawn from a Brownian bridge."""
    found = np.empty((runs, 3))
    kick, variance = np.sqrt(2 * temperature * step / depth), temperature * step / depth
    for run in range(runs):
        u, virial, steps, came = 0.0, 0.0, float(most), 0.0
        for now in range(most):
            power = 1.0
            for _ in range(depth - 1):
                power *= u
            slope = decay * u - (STRENGTH - power * u) * power  # of the loss over the depth
            virial += depth * (u - step * slope / 2) * slope * step
            left = target - (abs(u) if depth == 2 else u)
            u += kick * random.standard_normal() - step * slope
            still = target - (abs(u) if depth == 2 else u)
            if still <= 0 or (left * still < 40 * variance and random.random() < np.exp(-left * still / variance)):
                steps, came = now + 0.5, 1.0
                break
        found[run, 0], found[run, 1], found[run, 2] = steps * step, came, virial + 0.5 * depth * u * u
    return found


def learn_mode(
    mode: Mode, temperature: float, runs: int, seed: int | Sequence[int], step: float = STEP, most: float = MOST
) -> Escapes:
    """Runs of the mode alone from the origin until it is learned, or until the flow time ``most``."""
    found = _mode(
        np.random.default_rng(seed), runs, mode.depth, mode.decay, temperature, step, mode.target, int(most / step)
    )
    return _escapes(found, 1)


# ---- the network ---------------------------------------------------------------------------------------------------
@njit(cache=True)
def _product(layers: Array, first: int, last: int, out: Array, spare: Array) -> None:
    """layers[last-1] ... layers[first] into ``out``; the identity where there are none."""
    n = layers.shape[1]
    for i in range(n):
        for j in range(n):
            out[i, j] = 1.0 if i == j else 0.0
    for layer in range(first, last):
        for i in range(n):
            for j in range(n):
                total = 0.0
                for k in range(n):
                    total += layers[layer, i, k] * out[k, j]
                spare[i, j] = total
        out[:] = spare


@njit(cache=True)
def _residual(
    random: np.random.Generator, whole: Array, strength: float, batch: int, answer_noise: float, out: Array, x: Array
) -> None:
    """Gradient of the data's loss by the product: exact for a batch of 0, else the mean over that many examples."""
    n = whole.shape[0]
    out[:] = 0.0
    if batch == 0:
        out[:] = whole
        out[0, 0] -= strength
        return
    for _ in range(batch):
        for j in range(n):
            x[j] = random.standard_normal()
        for i in range(n):
            error = -answer_noise * random.standard_normal()
            for j in range(n):
                error += whole[i, j] * x[j]
            if i == 0:
                error -= strength * x[0]
            for j in range(n):
                out[i, j] += error * x[j] / batch


@njit(cache=True)
def _slopes(layers: Array, pull: Array, decay: float, above: Array, below: Array, spare: Array, slopes: Array) -> None:
    """Gradient of the loss by every weight, from that by the product."""
    depth, width = layers.shape[0], layers.shape[1]
    for layer in range(depth):
        _product(layers, layer + 1, depth, above, spare)
        _product(layers, 0, layer, below, spare)
        for i in range(width):
            for j in range(width):
                total = 0.0
                for k in range(width):
                    total += above[k, i] * pull[k, j]
                spare[i, j] = total
        for i in range(width):
            for j in range(width):
                total = decay * layers[layer, i, j]
                for k in range(width):
                    total += spare[i, k] * below[j, k]
                slopes[layer, i, j] = total


@njit(cache=True)
def _learn(
    random: np.random.Generator, runs: int, depth: int, width: int, strength: float, decay: float, temperature: float,
    step: float, target: float, most: int, batch: int, answer_noise: float, start: float,
) -> Array:  # fmt: skip
    """Per run: flow time to the target (or until the end), whether it came, and the sum for the temperature."""
    found = np.empty((runs, 3))
    kick = np.sqrt(2 * temperature * step)
    layers = np.empty((depth, width, width))
    slopes = np.empty((depth, width, width))
    whole, above, below = np.empty((width, width)), np.empty((width, width)), np.empty((width, width))
    spare, pull = np.empty((width, width)), np.empty((width, width))
    x = np.empty(width)
    for run in range(runs):
        for layer in range(depth):
            for i in range(width):
                for j in range(width):
                    layers[layer, i, j] = start * random.standard_normal()
        virial, steps, came = -0.5 * (layers**2).sum(), most, 0.0
        for now in range(most):
            _product(layers, 0, depth, whole, spare)
            if whole[0, 0] >= target:
                steps, came = now, 1.0
                break
            _residual(random, whole, strength, batch, answer_noise, pull, x)
            _slopes(layers, pull, decay, above, below, spare, slopes)
            for layer in range(depth):
                for i in range(width):
                    for j in range(width):
                        slope = slopes[layer, i, j]
                        virial += (layers[layer, i, j] - step * slope / 2) * slope * step
                        layers[layer, i, j] -= step * slope
                        if kick > 0:
                            layers[layer, i, j] += kick * random.standard_normal()
        found[run, 0], found[run, 1] = steps * step, came
        found[run, 2] = virial + 0.5 * (layers**2).sum()
    return found


@dataclass(frozen=True)
class Noise:
    """White noise of a temperature, and minibatches: 0 for none, else examples a step, answers with this noise.

    ``start`` is the standard deviation of every weight at the start.
    """

    temperature: float = 0.0
    batch_size: int = 0
    answer_noise: float = 1.0
    start: float = 0.0


def learn_network(
    mode: Mode, width: int, noise: Noise, runs: int, seed: int | Sequence[int], most: float = MOST, step: float = STEP
) -> Escapes:
    """Runs of the whole network until the mode is learned, or until the flow time ``most``.

    A minibatch holds inputs x of unit normal entries with the answers S x + noise; its learning rate is ``step``.
    """
    found = _learn(
        np.random.default_rng(seed), runs, mode.depth, width, STRENGTH, mode.decay, noise.temperature, step,
        mode.target**mode.depth, int(most / step), noise.batch_size, noise.answer_noise, noise.start,
    )  # fmt: skip
    return _escapes(found, mode.depth * width**2)
