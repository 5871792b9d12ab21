"""SGD on the gradients of single examples, for any model that adds an example's gradient to an array.

Every run draws its own minibatches, with replacement, from a generator of its own: its bits depend on its seed alone,
whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..kernels.minibatch import minibatch_kernel
from ..protocol.training import Training

Array = NDArray[np.float64]
Epochs = NDArray[np.int64]
Advance = Callable[[float], None]
START = {"natural": 0, "deficit": 1, "clean": 2}  # stands in seeds


@dataclass(frozen=True, eq=False)
class Model:
    """A model, what it is trained on, and how to tell a run that is stuck.

    Attributes
    ----------
    add_gradient
        Compiled by numba: takes weights (d,), one row of the data and an array (d,), to which it adds the gradient of
        that example's loss; returns the loss.
    deficit, clean
        Data, one row for each example, shape (N, columns).
    deficit_weights, clean_weights
        A point in the phase that the deficit prefers and one in that of the clean data, shape (d,).
    initial_weights
        Where training begins of its own accord, shape (d,), with normal scatter of ``initial_spread``.
    is_stuck
        Takes weights (runs, d); says which runs have not left what the deficit prefers, shape (runs,).
    moving
        Number of the leading weights whose gradient noise moves a run between phases; the noise of the others, such as
        memories of single examples, is left out of the variance that is measured.
    """

    add_gradient: Callable[..., float]
    deficit: Array
    clean: Array
    deficit_weights: Array
    clean_weights: Array
    initial_weights: Array
    is_stuck: Callable[[Array], NDArray[np.bool_]]
    initial_spread: float = 0.0
    moving: int | None = None

    @property
    def dimension(self) -> int:
        """Number of weights, d."""
        return len(self.clean_weights)


@dataclass(frozen=True, eq=False)
class Runs:
    """What runs of one batch size came to, at each switch epoch.

    Attributes
    ----------
    stuck
        Whether each run ended stuck, shape (runs, switch epochs).
    noise_epochs
        Epochs of the deficit after which gradient noise was measured, shape (k,).
    variance, variance_error
        Per-example gradient variance there on the clean data, as after a switch, the trace over the moving weights:
        mean over the runs and its standard error, shape (k,).
    """

    stuck: Array
    noise_epochs: Epochs
    variance: Array
    variance_error: Array


def losses_and_variances(model: Model, data: Array, weights: Array) -> tuple[Array, Array]:
    """Mean loss of the data and per-example gradient variance (trace over the moving weights) at weights (runs, d)."""
    moving = model.dimension if model.moving is None else model.moving
    kernel = minibatch_kernel(model.add_gradient)
    return kernel.measure(np.ascontiguousarray(data), np.ascontiguousarray(weights, dtype=float), moving)


def gradient(model: Model, data: Array, weights: Array) -> Array:
    """Gradient of the mean loss of the data at weights (d,)."""
    kernel = minibatch_kernel(model.add_gradient)
    return kernel.slope(np.ascontiguousarray(data), np.ascontiguousarray(weights, dtype=float))


def train(
    model: Model, data: Array, weights: Array, rates: Array, steps: int, batch_size: int, seed: Sequence[int]
) -> Array:
    """Train runs on data and give their weights.

    Parameters
    ----------
    model
        What is trained.
    data
        Shape (N, columns).
    weights
        Where runs begin, shape (runs, d).
    rates
        Learning rate of each epoch.
    steps
        Minibatches in an epoch.
    batch_size
        Examples in a minibatch, drawn with replacement.
    seed
        Same seed, same bits.

    Raises
    ------
    ValueError
        In one line, when a run diverges.
    """
    found = np.array(weights, dtype=float)
    states = np.random.SeedSequence(list(seed)).generate_state(len(found), np.uint64)
    kernel = minibatch_kernel(model.add_gradient)
    kernel.advance(
        np.ascontiguousarray(data), found, np.asarray(rates, dtype=float), int(steps), int(batch_size), states
    )
    lost = ~np.isfinite(found).all(axis=1)
    if lost.any():
        raise ValueError(
            f"rates: {lost.sum()} of {len(found)} runs diverge at learning rate {np.max(rates):g} and batch size "
            f"{batch_size}; give a smaller learning rate"
        )
    return found


def initial(model: Model, start: str, runs: int, seed: Sequence[int]) -> Array:
    """Weights (runs, d) from a start: "natural" or in the phase of the "deficit" or of the "clean" data."""
    if start == "natural":
        random = np.random.default_rng([*seed, 0])
        return model.initial_weights + model.initial_spread * random.standard_normal((runs, model.dimension))
    return np.tile(model.deficit_weights if start == "deficit" else model.clean_weights, (runs, 1))


def trained_runs(
    model: Model, training: Training, switch_epochs: Epochs, epochs_after: int, runs: int, seed: Sequence[int],
    *, start: str = "natural", warm_up: int = 0, noise_epochs: Sequence[int] = (), advance: Advance | None = None,
) -> Runs:  # fmt: skip
    """Train on the deficit until each switch epoch and then on the clean data.

    One trunk of runs trains on the deficit; at each switch epoch its weights are forked into runs on the clean data, at
    each noise epoch its gradient noise is measured. Before epoch 0 there may be warm-up epochs at the initial learning
    rate.
    """
    batch, steps = int(training.batch_size), max(1, round(training.dataset_size / training.batch_size))
    switches, measured = [int(epoch) for epoch in switch_epochs], [int(epoch) for epoch in noise_epochs]
    stops = sorted({*switches, *measured})
    rates = training.learning_rates(stops[-1] + epochs_after)
    work = warm_up + stops[-1] + epochs_after * len(switches)

    def go(data: Array, weights: Array, epochs: Array, fork: int) -> Array:
        found = train(model, data, weights, epochs, steps, batch, [*seed, START[start], fork])
        if advance is not None:
            advance(len(epochs) / work)
        return found

    weights = initial(model, start, runs, seed)
    weights = go(model.deficit, weights, np.full(warm_up, rates[0]), 2 * stops[-1] + 2)
    stuck, noise = {}, {}
    for before, stop in pairwise([0, *stops]):
        weights = go(model.deficit, weights, rates[before:stop], 2 * stop)
        if stop in measured:
            each = losses_and_variances(model, model.clean, weights)[1]
            noise[stop] = each.mean(), each.std(ddof=1) / np.sqrt(runs)
        if stop in switches:
            stuck[stop] = model.is_stuck(go(model.clean, weights, rates[stop : stop + epochs_after], 2 * stop + 1))
    variance, error = np.array([noise[epoch] for epoch in measured]).reshape(-1, 2).T
    share = np.column_stack([stuck[epoch] for epoch in switches]).astype(float)
    return Runs(share, np.array(measured, dtype=np.int64), variance, error)
