"""Many small networks trained at once: each array holds the weights of all runs, in numpy alone.

A run is a layered perceptron with rectified units and a softmax. Runs of a stack share the batch size and the momentum;
curves, learning rates and weight decays are their own. No run's numbers depend on which others are in its stack.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Labels = NDArray[np.int64]
AT_ONCE = 512  # examples in a pass that only evaluates


@dataclass
class Stack:
    """Runs as they stand.

    Attributes
    ----------
    parameters
        Weights (runs, inputs, outputs) of every layer, then biases (runs, 1, outputs).
    momenta
        Of the same shapes.
    """

    parameters: list[FloatArray]
    momenta: list[FloatArray]

    @classmethod
    def fresh(cls, seeds: Sequence[int], sizes: Sequence[int]) -> Stack:
        """Initial weights of variance 2 / inputs (He et al. 2015), biases 0; equal for equal seeds."""
        drawn = []
        for seed in seeds:
            random = np.random.default_rng([seed, len(sizes)])
            pairs = list(itertools.pairwise(sizes))
            drawn.append([np.sqrt(2 / a) * random.standard_normal((a, b), dtype=np.float32) for a, b in pairs])
        weights = [np.stack(each).astype(np.float32) for each in zip(*drawn, strict=True)]
        biases = [np.zeros((len(seeds), 1, size), dtype=np.float32) for size in sizes[1:]]
        parameters = [*weights, *biases]
        return cls(parameters, [np.zeros_like(each) for each in parameters])

    @classmethod
    def joined(cls, states: Sequence[Stack]) -> Stack:
        """One stack of several, each copied."""
        return cls(*(
            [np.concatenate(each) for each in zip(*(getattr(state, name) for state in states), strict=True)]
            for name in ("parameters", "momenta")
        ))  # fmt: skip

    def run(self, number: int) -> Stack:
        """A stack of one run, copied."""
        chosen = slice(number, number + 1)
        return Stack([each[chosen].copy() for each in self.parameters], [each[chosen].copy() for each in self.momenta])

    @property
    def layers(self) -> int:
        """Layers of weights."""
        return len(self.parameters) // 2


def outputs(stack: Stack, curves: FloatArray) -> list[FloatArray]:
    """What every layer gives, curves (runs, n, points) first and logits (runs, n, classes) last."""
    each = [curves]
    for layer in range(stack.layers):
        values = np.matmul(each[-1], stack.parameters[layer])
        values += stack.parameters[stack.layers + layer]
        if layer < stack.layers - 1:
            np.maximum(values, 0, out=values)
        each.append(values)
    return each


def _chances(logits: FloatArray) -> FloatArray:
    """Softmax, in place."""
    logits -= logits.max(-1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(-1, keepdims=True)
    return logits


def _of(chances: FloatArray, labels: Labels) -> FloatArray:
    return np.take_along_axis(chances, labels[..., None], -1)[..., 0]


@np.errstate(over="ignore", invalid="ignore")  # a loss that is no longer finite is told by the caller
def train_epoch(
    stack: Stack,
    curves: FloatArray,
    labels: Labels,
    *,
    batch_size: int,
    rates: FloatArray,
    momentum: float,
    weight_decays: FloatArray,
    weights: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """One epoch of every run, in place: SGD with the heavy ball, as `cifar.training.training` has it.

    Parameters
    ----------
    stack
        The runs.
    curves, labels
        (runs, n, points) and (runs, n), in the order of the steps; what fills no batch is left out.
    batch_size, momentum
        Of all runs.
    rates, weight_decays
        Learning rate and weight decay of each run.
    weights
        (runs, n) of the examples' losses; None for 1.

    Returns
    -------
    tuple
        Of each run the mean loss of the steps, in nats, and the share of examples that was right, before each step.
    """
    runs, steps = len(curves), curves.shape[1] // batch_size
    rate, decay = (np.asarray(each, dtype=np.float32).reshape(runs, 1, 1) for each in (rates, weight_decays))
    loss, right = np.zeros(runs), np.zeros(runs)
    for step in range(steps):
        rows = slice(step * batch_size, (step + 1) * batch_size)
        now = labels[:, rows]
        each = outputs(stack, curves[:, rows])
        right += (each[-1].argmax(-1) == now).sum(-1)
        slope = _chances(each[-1])
        loss -= np.log(np.maximum(_of(slope, now), np.finfo(np.float32).tiny)).sum(-1)
        np.put_along_axis(slope, now[..., None], _of(slope, now)[..., None] - 1, -1)
        slope /= batch_size
        if weights is not None:
            slope *= weights[:, rows, None]
        _step(stack, each, slope, rate, decay, momentum)
    return (loss / (steps * batch_size)).astype(np.float32), (right / (steps * batch_size)).astype(np.float32)


def _step(
    stack: Stack, each: list[FloatArray], slope: FloatArray, rate: FloatArray, decay: FloatArray, momentum: float
) -> None:
    """Back through the layers; ``slope`` is of the logits."""
    for layer in range(stack.layers - 1, -1, -1):
        gradients = np.matmul(each[layer].swapaxes(-1, -2), slope), slope.sum(-2, keepdims=True)
        if layer:
            slope = np.matmul(slope, stack.parameters[layer].swapaxes(-1, -2))
            slope *= each[layer] > 0
        for number, gradient in zip((layer, stack.layers + layer), gradients, strict=True):
            parameter, velocity = stack.parameters[number], stack.momenta[number]
            velocity *= momentum
            velocity += gradient
            velocity += decay * parameter
            parameter -= rate * velocity


def evaluate(stack: Stack, curves: FloatArray, labels: Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean loss (nats) and accuracy (0 to 1) of each run on curves (n, points), or (runs, n, points) of its own."""
    loss, right = np.zeros(len(stack.parameters[0])), np.zeros(len(stack.parameters[0]))
    for some, now in _parts(curves, labels):
        logits = outputs(stack, some)[-1]
        now = np.broadcast_to(now, logits.shape[:-1])
        right += (logits.argmax(-1) == now).sum(-1)
        loss -= np.log(np.maximum(_of(_chances(logits), now), np.finfo(np.float32).tiny)).sum(-1)
    return loss / labels.shape[-1], right / labels.shape[-1]


def gradient_sizes(
    stack: Stack, curves: FloatArray, labels: Labels, random: Sequence[np.random.Generator]
) -> dict[str, NDArray[np.float64]]:
    """Per-example gradients of each run on its curves (runs, n, points): the noise of minibatches, and Fisher's trace.

    Without forming a gradient: an example's is, in each layer, the product of what goes in and the slope of what comes
    out. ``gradient_noise_trace`` is the trace of the covariance, by n - 1; ``fisher_trace`` the mean squared norm with
    labels drawn from the network's own p(y|x), by the generators of the runs.
    """
    count = labels.shape[-1]
    found = outputs(stack, curves)
    chances = _chances(found[-1].copy())
    drawn = np.array(
        [(each.cumsum(-1) < one.random((count, 1))).sum(-1) for each, one in zip(chances, random, strict=True)]
    )
    drawn = np.minimum(drawn, chances.shape[-1] - 1)
    squares, mean = _squared_norms(stack, found, chances, labels)
    sampled, _ = _squared_norms(stack, found, chances, drawn)
    noise = (squares.mean(-1) - mean) * count / (count - 1)
    return {"gradient_noise_trace": noise, "fisher_trace": sampled.mean(-1)}


def _squared_norms(
    stack: Stack, found: list[FloatArray], chances: FloatArray, labels: Labels
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squared norm of each example's gradient (runs, n), and of their mean (runs,)."""
    slope = chances.copy()
    np.put_along_axis(slope, labels[..., None], _of(slope, labels)[..., None] - 1, -1)
    each, mean = np.zeros(labels.shape), np.zeros(len(labels))
    for layer in range(stack.layers - 1, -1, -1):
        inputs = found[layer]
        each += (np.square(inputs, dtype=float).sum(-1) + 1) * np.square(slope, dtype=float).sum(-1)
        whole = np.matmul(inputs.swapaxes(-1, -2), slope) / labels.shape[-1]
        mean += np.square(whole, dtype=float).sum((-1, -2)) + np.square(slope.mean(-2), dtype=float).sum(-1)
        if layer:
            slope = np.matmul(slope, stack.parameters[layer].swapaxes(-1, -2)) * (inputs > 0)
    return each, mean


def norms(stack: Stack, unseen: FloatArray) -> dict[str, NDArray[np.float64]]:
    """Norm of all weights of each run, and of the first layer's along what a deficit hides (a projection)."""
    squares = [np.square(each, dtype=float).sum((-1, -2)) for each in stack.parameters[: stack.layers]]
    hidden = np.square(np.matmul(unseen, stack.parameters[0]), dtype=float).sum((-1, -2))
    return {"weight_norm": np.sqrt(sum(squares)), "unseen_weight_norm": np.sqrt(hidden)}


def _parts(curves: FloatArray, labels: Labels) -> Iterator[tuple[FloatArray, Labels]]:
    for start in range(0, labels.shape[-1], AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        yield curves[..., rows, :], labels[..., rows]
