r"""Effort of a linear network of two layers: gains on its weights while it learns; a part of the zoo's learning_effort.

Every weight W is scaled to W (1 + g) with a control |g| ≤ ½, and follows its gradient: with W̃ = W (1 + g) and the
error E = Σ_yx - W̃_2 W̃_1 Σ_x, dW_1/dt = (W̃_2ᵀ E)(1 + g_1) - λ W_1 and dW_2/dt = (E W̃_1ᵀ)(1 + g_2) - λ W_2, products
with 1 + g entry by entry. Items and features are those of semantic_development. The effort costs exp(c Σ g²) - 1 and is
to raise J = ∫ δ^t (-loss - cost) dt. Each g is held for a *block* of steps.

*By weight* every weight has a g of its own, as in the paper. *By layer* all weights of a layer share one, which counts
once in the cost; from balanced, decoupled starts each level's strength is then one number: :class:`Modes`, an
independent route to J and its slope. With one mode alone the best effort is also that of dynamic programming.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from ..reference.laws import law
from .model import Array
from .semantic_development import COUNTS, FEATURES, ITEMS, features, modes, singular_values

BOUND = 0.5
ROUNDS, RATE = 200, 0.1  # of the gradient ascent, per control and unit of discounted time


@dataclass(frozen=True)
class Task:
    """Hidden units, steps and their length, steps of a block, decay λ, discount δ, cost c, and a start's strength."""

    hidden: int = 12
    steps: int = 1500
    step: float = 0.04
    hold: int = 15
    weight_decay: float = 0.01
    discount: float = 0.99
    cost: float = 0.3
    strength: float = 1e-5

    def __post_init__(self) -> None:
        if self.hidden < ITEMS:
            raise ValueError(f"hidden must be at least {ITEMS}, as many as there are modes, not {self.hidden}")
        if self.hold < 1 or self.steps < 1 or self.steps % self.hold:
            raise ValueError(f"steps must be a multiple of hold = {self.hold}, not {self.steps}")

    @property
    def blocks(self) -> int:
        """Stretches of time in which the effort stays."""
        return self.steps // self.hold

    @property
    def times(self) -> Array:
        """Flow time at which each block begins, shape (blocks,)."""
        return np.arange(self.blocks, dtype=np.float64) * self.hold * self.step

    @property
    def weights(self) -> Array:
        """Discounted time of each block, shape (blocks,)."""
        each = self.step * self.discount ** (np.arange(self.steps) * self.step)
        return each.reshape(self.blocks, self.hold).sum(axis=1)


REFERENCE = Task()


# ---- the network ---------------------------------------------------------------------------------------------------
@njit(cache=True)
def _network(
    first: Array, second: Array, gains_1: Array, gains_2: Array, target: Array, step: float, hold: int, decay: float,
    discount: float,
):  # fmt: skip
    """J without the cost, its slopes by the gains of every block, and the outputs before each block and at the end."""
    blocks, inputs = len(gains_1), target.shape[1]
    kept_1, kept_2 = np.empty((blocks * hold, *first.shape)), np.empty((blocks * hold, *second.shape))
    slopes_1, slopes_2 = np.zeros_like(gains_1), np.zeros_like(gains_2)
    outputs = np.empty((blocks + 1, *target.shape))
    w1, w2, value = first.copy(), second.copy(), 0.0
    for k in range(blocks * hold):
        kept_1[k], kept_2[k] = w1, w2
        g1, g2 = gains_1[k // hold], gains_2[k // hold]
        low, high = w1 * g1, w2 * g2
        output = high @ low
        if k % hold == 0:
            outputs[k // hold] = output
        error = (target - output) / inputs
        loss = (error * error).sum() * inputs / 2 + decay / 2 * ((w1 * w1).sum() + (w2 * w2).sum())
        value -= step * discount ** (k * step) * loss
        w1 = (1 - step * decay) * w1 + step * g1 * (high.T @ error)
        w2 = (1 - step * decay) * w2 + step * g2 * (error @ low.T)
    outputs[blocks] = (w2 * gains_2[-1]) @ (w1 * gains_1[-1])
    a1, a2 = np.zeros_like(first), np.zeros_like(second)  # slope of what is to come of J, by the weights
    for k in range(blocks * hold - 1, -1, -1):
        w1, w2, weight, block = kept_1[k], kept_2[k], step * discount ** (k * step), k // hold
        g1, g2 = gains_1[block], gains_2[block]
        low, high = w1 * g1, w2 * g2
        error = (target - high @ low) / inputs
        pull_1, pull_2 = -(high.T @ error), -(error @ low.T)
        along_1, along_2 = a1 * g1, a2 * g2
        mixed = (high @ along_1 + along_2 @ low) / inputs
        turn_1 = high.T @ mixed - along_2.T @ error
        turn_2 = mixed @ low.T - error @ along_1.T
        slopes_1[block] -= weight * pull_1 * w1 + step * (turn_1 * w1 + pull_1 * a1)
        slopes_2[block] -= weight * pull_2 * w2 + step * (turn_2 * w2 + pull_2 * a2)
        a1 = a1 - step * (turn_1 * g1 + decay * a1) - weight * (pull_1 * g1 + decay * w1)
        a2 = a2 - step * (turn_2 * g2 + decay * a2) - weight * (pull_2 * g2 + decay * w2)
    return value, slopes_1, slopes_2, outputs


Efforts = tuple[Array, Array]


@dataclass(frozen=True)
class Start:
    """Weights of both layers at the start, shapes (hidden, items) and (features, hidden)."""

    first: Array
    second: Array

    @classmethod
    def decoupled(cls, task: Task, seed: int | Sequence[int]) -> Start:
        """Balanced along the modes of the data, each of the task's strength, turned at random inside."""
        out, _, into = modes()
        turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((task.hidden, task.hidden)))[0][:, :ITEMS]
        return cls(np.sqrt(task.strength) * turn @ into.T, np.sqrt(task.strength) * out @ turn.T)

    @classmethod
    def random(cls, task: Task, seed: int | Sequence[int], deviation: float = 2e-3) -> Start:
        """Normal weights of one deviation."""
        random = np.random.default_rng(seed)
        shapes = (task.hidden, ITEMS), (FEATURES, task.hidden)
        first, second = (deviation * random.standard_normal(shape) for shape in shapes)
        return cls(first, second)


def efforts(task: Task, by_layer: float | Array = 0.0) -> Efforts:
    """Efforts of every weight by block, shapes (blocks, hidden, items) and (blocks, features, hidden), all alike."""
    each = np.broadcast_to(np.asarray(by_layer, dtype=float), task.blocks)[:, None, None]
    return each + np.zeros((1, task.hidden, ITEMS)), each + np.zeros((1, FEATURES, task.hidden))


@dataclass(frozen=True)
class Run:
    """J, its slopes by the effort of every weight and block, and outputs (blocks + 1, features, items)."""

    value: float
    slopes: Efforts
    outputs: Array


def run(task: Task, start: Start, effort: Efforts, by_layer: bool = False) -> Run:
    """J of an effort; by layer a layer's effort costs once, and must be alike in all its weights."""
    value, first, second, outputs = _network(
        start.first, start.second, 1 + effort[0], 1 + effort[1], features(), task.step, task.hold, task.weight_decay,
        task.discount,
    )  # fmt: skip
    shares = [1 / layer[0].size if by_layer else 1.0 for layer in effort]
    squares = sum(share * (layer**2).sum(axis=(1, 2)) for share, layer in zip(shares, effort, strict=True))
    price = task.weights * np.exp(task.cost * squares)
    slopes = [
        slope - (2 * task.cost * share * price)[:, None, None] * layer
        for slope, share, layer in zip((first, second), shares, effort, strict=True)
    ]
    return Run(float(value - (price - task.weights).sum()), (slopes[0], slopes[1]), outputs)


def best(task: Task, start: Start, by_layer: bool = False, rounds: int = ROUNDS, rate: float = RATE) -> Efforts:
    """The effort that raises J most, by projected gradient ascent from none."""
    effort = efforts(task)
    for _ in range(rounds):
        slopes = run(task, start, effort, by_layer).slopes
        moved = []
        for layer, slope in zip(effort, slopes, strict=True):
            step = np.broadcast_to(slope.sum(axis=(1, 2), keepdims=True), slope.shape) if by_layer else slope
            moved.append(np.clip(layer + rate * step / task.weights[:, None, None], -BOUND, BOUND))
        effort = moved[0], moved[1]
    return effort


def level_strengths(outputs: Array) -> Array:
    """Strength of each level in outputs (..., features, items), over its final one without decay, shape (..., 4)."""
    out, values, into = modes()
    each = np.einsum("fm,...fi,im->...m", out, outputs, into) / values
    ends = np.cumsum(COUNTS)
    return np.stack([each[..., end - n : end].mean(axis=-1) for end, n in zip(ends, COUNTS, strict=True)], axis=-1)


# ---- modes alone ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Modes:
    """Levels that learn from balanced starts under one effort for both layers: correlations and how many of each."""

    correlations: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def of_tree(cls) -> Modes:
        """Those of the tree."""
        return cls(tuple(float(x) for x in singular_values() / ITEMS), COUNTS)

    def strengths(self, task: Task, effort: float, time: float) -> Array:
        """Product of both layers' weights at constant effort [eq:geared-mode-strength], shape (levels,)."""
        return np.asarray(
            law("geared-mode-strength")(
                mode_correlation=np.array(self.correlations), input_variance=1 / ITEMS, layer_gain=1 + effort,
                weight_decay=task.weight_decay, learning_time=time, initial_mode_strength=task.strength,
            )
        )  # fmt: skip


@njit(cache=True)
def _modes(
    rates: Array, counts: Array, spread: float, start: float, efforts: Array, step: float, hold: int, decay: float,
    discount: float,
) -> tuple:  # fmt: skip
    """As :func:`_network` for levels: J without the cost, its slope by each block's effort, and roots of strengths."""
    steps = len(efforts) * hold
    kept, slopes, value = np.empty((steps + 1, len(rates))), np.zeros(len(efforts)), 0.0
    kept[0] = np.sqrt(start)
    for k in range(steps):
        u, gain = kept[k], (1 + efforts[k // hold]) ** 2
        seen = gain * u**2
        loss = (counts * ((rates - spread * seen) ** 2 / (2 * spread) + decay * u**2)).sum()
        value -= step * discount ** (k * step) * loss
        kept[k + 1] = u + step * (gain * (rates - spread * seen) - decay) * u
    adjoint = np.zeros(len(rates))
    for k in range(steps - 1, -1, -1):
        u, weight, root = kept[k], step * discount ** (k * step), 1 + efforts[k // hold]
        gain = root**2
        error = rates - spread * gain * u**2
        by_gain = counts * error * u**2  # of minus the loss
        speed = adjoint * (error - spread * gain * u**2) * u
        slopes[k // hold] += 2 * root * (weight * by_gain + step * speed).sum()
        by_u = 2 * counts * (gain * error - decay) * u
        adjoint = adjoint * (1 + step * (gain * error - decay - 2 * spread * gain**2 * u**2)) + weight * by_u
    return value, slopes, kept


def run_modes(task: Task, levels: Modes, effort: Array) -> tuple[float, Array, Array]:
    """J of one effort (blocks,) for both layers, its slope, and strengths before each step (steps + 1, levels)."""
    value, slopes, kept = _modes(
        np.array(levels.correlations), np.array(levels.counts, dtype=float), 1 / ITEMS, task.strength, effort,
        task.step, task.hold, task.weight_decay, task.discount,
    )  # fmt: skip
    price = task.weights * np.exp(2 * task.cost * effort**2)
    return float(value - (price - task.weights).sum()), slopes - 4 * task.cost * effort * price, kept**2


def best_of_modes(task: Task, levels: Modes, rounds: int = 5 * ROUNDS, rate: float = RATE) -> Array:
    """The best effort (blocks,) for both layers, by projected gradient ascent from none."""
    effort = np.zeros(task.blocks)
    for _ in range(rounds):
        effort = np.clip(effort + rate / 2 * run_modes(task, levels, effort)[1] / task.weights, -BOUND, BOUND)
    return effort


@njit(cache=True)
def _programmed(
    rate: float, spread: float, start: float, blocks: int, step: float, hold: int, decay: float, discount: float,
    cost: float, grid: Array, choices: Array,
) -> float:  # fmt: skip
    """Greatest J from the start, backwards over blocks, a choice of effort in each, on a grid of logarithms of u."""
    after, now = np.zeros(grid.size), np.empty(grid.size)
    width, low = grid[1] - grid[0], grid[0]
    for block in range(blocks - 1, -1, -1):
        for i in range(-1, grid.size):
            if i < 0 and block:
                continue
            most = -np.inf
            for effort in choices:
                u, value, gain = np.sqrt(start) if i < 0 else np.exp(grid[i]), 0.0, (1 + effort) ** 2
                for k in range(block * hold, (block + 1) * hold):
                    error = rate - spread * gain * u * u
                    loss = error**2 / (2 * spread) + decay * u * u + np.exp(2 * cost * effort**2) - 1
                    value -= step * discount ** (k * step) * loss
                    u += step * (gain * error - decay) * u
                at = (np.log(u) - low) / width
                j = min(max(int(at), 1), grid.size - 3)
                x = at - j  # cubic between the four nearest
                value += (
                    -after[j - 1] * x * (x - 1) * (x - 2) / 6 + after[j] * (x + 1) * (x - 1) * (x - 2) / 2
                    - after[j + 1] * (x + 1) * x * (x - 2) / 2 + after[j + 2] * (x + 1) * x * (x - 1) / 6
                )  # fmt: skip
                most = max(most, value)
            if i < 0:
                return most
            now[i] = most
        after[:] = now
    return 0.0


def programmed_value(task: Task, correlation: float, points: int = 300, choices: int = 101) -> float:
    """Greatest J of one mode alone by dynamic programming: no gradient, and every effort tried at every strength."""
    top = np.log(np.sqrt(2 * correlation * ITEMS))
    grid = np.linspace(np.log(np.sqrt(task.strength)) - 1.0, top + 1.0, points)
    return float(
        _programmed(
            correlation, 1 / ITEMS, task.strength, task.blocks, task.step, task.hold, task.weight_decay, task.discount,
            task.cost, grid, np.linspace(-BOUND, BOUND, choices),
        )
    )  # fmt: skip
