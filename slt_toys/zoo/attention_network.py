"""A network of one attention head beside a perceptron, trained on items whose labels are fixed: no model of its own.

Each example holds ``context`` items with their labels and asks for one of them again. Attention scores are x_i·Q x_q;
the attended label times a weight, plus the answer of a perceptron of one hidden layer that sees x_q alone, is the
logit. Gradients are written out; ``tests/zoo/test_attention_network.py`` holds them to those of torch, and
``attention_module`` is the same network as a torch module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Parts = tuple[Floats, Floats, Floats, Floats, Floats]  # Q, (readout, bias), first layer, its bias, second layer
NOVEL = 1000  # contexts of novel items in which the accuracy is measured


@dataclass(frozen=True)
class Network:
    """Sizes and rates: input dimensions, hidden units, items in a context, items in all, examples a step, decays."""

    dimensions: int = 32
    hidden: int = 256
    context: int = 16
    items: int = 1000
    batch_size: int = 64
    learning_rate: float = 0.3
    attention_decay: float = 0.0
    memory_decay: float = 0.0


def first_parts(network: Network, random: np.random.Generator) -> Parts:
    """Parameters at the start: small attention, a perceptron by the usual uniform law, its output a tenth of that."""
    d, h = network.dimensions, network.hidden
    reach = d**-0.5
    parts = (
        0.01 * random.standard_normal((d, d)), np.array([0.01, 0.0]), random.uniform(-reach, reach, (h, d)),
        np.zeros(h), 0.1 * random.uniform(-(h**-0.5), h**-0.5, h),
    )  # fmt: skip
    query, out, first, bias, second = (part.astype(np.float32) for part in parts)
    return query, out, first, bias, second


@njit(cache=True)
def gradients(items: Floats, labels: Floats, contexts: NDArray[np.int64], asked: NDArray[np.int64], parts: Parts):
    """Gradients of the mean loss ln(1 + e^(-label × logit)) in every part, for contexts (examples, items)."""
    query, out, first, bias, second = parts
    count, size = contexts.shape
    d, one = items.shape[1], np.float32(1)
    x = np.empty((count, d), np.float32)
    for i in range(count):
        x[i] = items[contexts[i, asked[i]]]
    turned, before = x @ query.T, x @ first.T + bias
    after = np.maximum(before, np.float32(0))
    remembered = after @ second + out[1]
    slopes, to_query, readout = np.empty(count, np.float32), np.zeros((count, d), np.float32), np.float32(0)
    scores = np.empty(size, np.float32)
    for i in range(count):
        total, attended = np.float32(0), np.float32(0)
        for j in range(size):  # loops: products of so few numbers cost more to call than to make
            scores[j] = np.float32(0)
            for k in range(d):
                scores[j] += items[contexts[i, j], k] * turned[i, k]
        top = scores.max()
        for j in range(size):
            scores[j] = np.exp(scores[j] - top)
            total += scores[j]
            attended += scores[j] * labels[contexts[i, j]]
        attended /= total
        label = labels[contexts[i, asked[i]]]
        slope = -label / (one + np.exp(label * (out[0] * attended + remembered[i]))) / np.float32(count)
        slopes[i] = slope
        readout += slope * attended
        for j in range(size):
            pull = slope * out[0] * scores[j] / total * (labels[contexts[i, j]] - attended)
            for k in range(d):
                to_query[i, k] += pull * items[contexts[i, j], k]
    behind = np.empty_like(after)
    for i in range(count):
        for k in range(second.size):
            behind[i, k] = slopes[i] * second[k] if before[i, k] > 0 else np.float32(0)
    down = np.array([readout, slopes.sum()], dtype=np.float32)
    return to_query.T @ x, down, behind.T @ x, behind.sum(axis=0), after.T @ slopes


@njit(cache=True)
def _drawn(random: np.random.Generator, count: int, size: int, of: int) -> NDArray[np.int64]:
    """Contexts of distinct items."""
    found = np.empty((count, size), np.int64)
    for i in range(count):
        for j in range(size):
            fresh = False
            while not fresh:
                found[i, j] = random.integers(0, of)
                fresh = True
                for k in range(j):
                    fresh &= found[i, k] != found[i, j]
    return found


@njit(cache=True)
def minibatch(random: np.random.Generator, count: int, size: int, of: int):
    """Contexts (count, size) of distinct items, and which of each is asked for (count,)."""
    contexts = _drawn(random, count, size, of)
    return contexts, random.integers(0, size, count)


@njit(cache=True)
def accuracies(items: Floats, labels: Floats, novel: Floats, answers: Floats, size: int, parts: Parts):
    """Share of right answers in contexts of novel items, and of the perceptron alone on the items trained on."""
    query, out, first, bias, second = parts
    right, count = 0, len(novel) // size
    for i in range(count):
        x, y = novel[i * size : (i + 1) * size], answers[i * size : (i + 1) * size]
        scores = x @ (query @ x[0])
        scores = np.exp(scores - scores.max())
        logit = out[0] * np.dot(scores, y) / scores.sum()
        logit += np.dot(np.maximum(first @ x[0] + bias, np.float32(0)), second) + out[1]
        right += logit * y[0] > 0
    remembered = np.maximum(items @ first.T + bias, np.float32(0)) @ second + out[1]
    return right / count, (remembered * labels > 0).mean()


@njit(cache=True)
def _trained(
    random: np.random.Generator, items: Floats, labels: Floats, novel: Floats, answers: Floats, parts: Parts,
    size: int, batch: int, rate: float, decays: tuple[float, float], steps: int, every: int,
):  # fmt: skip
    kept = np.empty((steps // every, 2))
    for step in range(steps):
        contexts, asked = minibatch(random, batch, size, len(items))
        down = gradients(items, labels, contexts, asked, parts)
        shrink = np.float32(1 - rate * decays[0]), np.float32(1 - rate * decays[1])
        rate_32 = np.float32(rate)
        parts[0][:] = shrink[0] * parts[0] - rate_32 * down[0]
        parts[1][0] = shrink[0] * parts[1][0] - rate_32 * down[1][0]
        parts[1][1] = shrink[1] * parts[1][1] - rate_32 * down[1][1]
        parts[2][:] = shrink[1] * parts[2] - rate_32 * down[2]
        parts[3][:] = shrink[1] * parts[3] - rate_32 * down[3]
        parts[4][:] = shrink[1] * parts[4] - rate_32 * down[4]
        if (step + 1) % every == 0:
            context, memory = accuracies(items, labels, novel, answers, size, parts)
            kept[(step + 1) // every - 1, 0], kept[(step + 1) // every - 1, 1] = context, memory
    return kept


@dataclass(frozen=True)
class Problem:
    """Items (items, dimensions) with labels, and novel ones in which the accuracy is measured."""

    items: Floats
    labels: Floats
    novel: Floats
    answers: Floats

    @classmethod
    def drawn(cls, network: Network, random: np.random.Generator) -> Problem:
        """Vectors of length about 1 with random labels."""

        def some(count: int) -> tuple[Floats, Floats]:
            points = random.standard_normal((count, network.dimensions)) / np.sqrt(network.dimensions)
            return points.astype(np.float32), random.choice([-1, 1], count).astype(np.float32)

        return cls(*some(network.items), *some(NOVEL * network.context))


def train(network: Network, seed: int | Sequence[int], steps: int = 16_000, every: int = 1000) -> NDArray[np.float64]:
    """Accuracy in contexts of novel items, and of the memory on its own items, shape (kept, 2)."""
    random = np.random.default_rng(seed)
    problem = Problem.drawn(network, random)
    return _trained(
        random, problem.items, problem.labels, problem.novel, problem.answers, first_parts(network, random),
        network.context, network.batch_size, network.learning_rate,
        (network.attention_decay, network.memory_decay), steps, every,
    )  # fmt: skip
