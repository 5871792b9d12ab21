"""Problems of equi-temperature curves that are only simulated: SGD on real minibatches, and deep linear pathways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from sympy import Rational

from ..potentials.example_catalogue import two_phase_regression_examples
from ..potentials.examples import Examples
from ..protocol.arms import CONTROL
from ..protocol.training import ExponentialDecay, Training
from ..samplers import SGD, Stage, sample_stages
from .problems import Advance, Array, Epochs, Expectation, Problem
from .world import World, pathways, thermal_pathways

# Labels must be noisy for minibatches to cross the barrier, where the weight acts through the second input alone. That
# noise grows with the weight, so the steps are small. A large target parts the wells' losses enough for the end to be
# sharp. Runs reach their hot equilibrium before epoch 0, as those of the energies begin in it.
SIZE, LABEL_NOISE, TARGET, RATE, DECAY = 4096, 150.0, Rational(3, 2), 0.001, 0.85
REGRESSION_SIZES, REGRESSION_LATEST, REGRESSION_AFTER, WARM_UP = (2, 3, 5, 9, 16), 36, 12, 6
PATHWAY_SIZES, FLOW_SIZES = (8, 16, 32, 64, 128), (32, 45, 64, 91, 128)


def regression(batch_sizes: Sequence[int] = REGRESSION_SIZES, size: int = SIZE) -> Problem:
    """SGD on minibatches, drawn with replacement, of a regression with two phases; its noise is the data's own.

    Parameters
    ----------
    batch_sizes
        Examples in a minibatch.
    size
        Examples, N; an epoch is N/B steps.
    """
    deficit, clean = (
        two_phase_regression_examples(size, LABEL_NOISE, TARGET * sign, population_moments=True, bounded_inputs=True)
        for sign in (-1, 1)
    )
    well = clean.potential.minimum_point(0)
    variance = float(clean.gradient_covariance(well)[0, 0])
    schedule = ExponentialDecay(RATE, DECAY)
    trainings = tuple(Training(batch, size, schedule, variance) for batch in sorted(batch_sizes))

    def sample(training: Training, rows: Epochs, runs: int, seed: Sequence[int], advance: Advance | None) -> Array:
        return sgd_stuck(deficit, clean, training, rows, REGRESSION_AFTER, runs, seed, advance)

    return Problem(
        "two_phase_regression",
        "real minibatches",
        "equal temperature",
        trainings,
        REGRESSION_LATEST,
        0.5,
        0.625,
        sample,
        pilot=128,
        real_noise=True,
    )


def sgd_stuck(
    deficit: Examples, clean: Examples, training: Training, switch_epochs: Epochs, epochs_after: int, runs: int,
    seed: Sequence[int], advance: Advance | None = None,
) -> Array:  # fmt: skip
    """Whether each run of SGD ends in the first phase of the clean loss, for each switch epoch.

    One trunk of runs trains on the deficit examples, from the minima in turn, first for :data:`WARM_UP` epochs at the
    initial learning rate; at each switch epoch its weights are forked into runs on the clean ones. Minibatches are
    drawn with replacement.

    Returns
    -------
    ndarray
        Shape (runs, len(switch_epochs)).
    """
    batch, steps = int(training.batch_size), max(1, round(training.dataset_size / training.batch_size))
    switches = [int(epoch) for epoch in switch_epochs]
    rates = training.learning_rates(switches[-1] + epochs_after)
    work = WARM_UP + switches[-1] + epochs_after * len(switches)

    def train(examples: Examples, first: int, last: int, weights: Array, fork: int) -> Array:
        epochs = np.maximum(np.arange(first, last), 0)  # those before 0 are the warm-up
        stage = Stage(examples, SGD(np.repeat(rates[epochs], steps), batch), None, steps * (last - first))
        found = sample_stages([stage], chains=runs, seed=[*seed, fork], initial=weights)["w"].values[:, -1]
        if advance is not None:
            advance((last - first) / work)
        return found

    minima = np.array([deficit.potential.minimum_point(k) for k in range(len(deficit.potential.phases))])
    weights = np.resize(minima, (runs, minima.shape[1]))
    weights = train(deficit, -WARM_UP, 0, weights, 2 * switches[-1] + 2)
    stuck = np.empty((runs, len(switches)))
    for column, (before, switch) in enumerate(pairwise([0, *switches])):
        if switch > before:
            weights = train(deficit, before, switch, weights, 2 * switch)
        final = train(clean, switch, switch + epochs_after, weights, 2 * switch + 1)
        stuck[:, column] = clean.potential.phase_index(final) == 0
    return stuck


def thermal_valley() -> Problem:
    """Two deep linear pathways of depth 2 at a temperature."""
    return _of_world(thermal_pathways(), "deep linear, thermal", "equal temperature", PATHWAY_SIZES, 200, 0.5)


def cold_pathways() -> Problem:
    """Two deep linear pathways of depth 4 by gradient flow, which has no temperature: the contrast."""
    return _of_world(pathways(), "deep linear, no temperature", "flow time spent", FLOW_SIZES, 40, 0.5)


def _of_world(
    world: World, kind: str, expected: Expectation, batch_sizes: Sequence[int], latest: int, runs_share: float
) -> Problem:
    trainings = tuple(replace(world.training, batch_size=batch) for batch in sorted(batch_sizes))

    def sample(training: Training, rows: Epochs, runs: int, seed: Sequence[int], advance: Advance | None) -> Array:
        stuck = np.empty((runs, len(rows)))
        for column, switch in enumerate(rows):
            run = CONTROL.sgd_run(training, int(switch), world.epochs_after)
            stuck[:, column] = world.run(run, runs, [*seed, int(switch)])[0]
            if advance is not None:
                advance(1 / len(rows))
        return stuck

    name = world.name.replace(" ", "_")
    return Problem(name, kind, expected, trainings, latest, world.level, runs_share, sample, pilot=400)
