"""The rest of the family beside the same algorithm in JAX and BlackJAX, from w = 1 in the regular double well."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.engines import CHAINS as OUR_CHAINS
from benchmarks.engines import START, STEP_SIZE, TEMPERATURE, TILT
from benchmarks.libraries import CHAINS, blackjax_contender, jax_contender, jax_in_double_precision, library
from benchmarks.measure import Contender
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.example_catalogue import linear_regression
from slt_toys.samplers import MALA, SGD, Gibbs, RandomWalkMetropolis, Sampler, UnderdampedLangevin, sample

FRICTION = 1.0
WALK = 0.3  # standard deviation of the random walk's proposals
SLICE_WIDTH = 2.0
EXAMPLES, LEARNING_RATE, BATCH_SIZE = 1024, 0.05, 8


def _ours(sampler: Sampler, steps: int = 50_000) -> Contender:
    """A sampler through ``sample``."""
    potential = find_potential("regular_double_well")

    def run() -> np.ndarray:
        return sample(
            potential, sampler, n_beta=1 / TEMPERATURE, chains=OUR_CHAINS, steps=steps, thin=steps, threads=1,
            initial=[START], diagnose=False,
        )["w"].values[:, -1]  # fmt: skip

    return Contender(f"sample, {sampler!r}", run, OUR_CHAINS * steps)


our_mala = partial(_ours, MALA(STEP_SIZE))
our_random_walk = partial(_ours, RandomWalkMetropolis(WALK))
our_baoab = partial(_ours, UnderdampedLangevin(STEP_SIZE, FRICTION))
our_gibbs = partial(_ours, Gibbs(SLICE_WIDTH), steps=5_000)


def our_sgd(steps: int = 20_000) -> Contender:
    """SGD on examples drawn with replacement, through ``sample``."""
    examples = linear_regression(EXAMPLES)

    def run() -> np.ndarray:
        return sample(
            examples, SGD(LEARNING_RATE, BATCH_SIZE), chains=OUR_CHAINS, steps=steps, thin=steps, threads=1,
            initial=[START], diagnose=False,
        )["w"].values[:, -1]  # fmt: skip

    return Contender("sample, SGD", run, OUR_CHAINS * steps)


def _log_density(w: Any) -> Any:
    return -((w * w - 1) ** 2 - TILT * w) / TEMPERATURE


def blackjax_mala(steps: int = 100) -> Contender:
    """BlackJAX's MALA: its step is ours in units of the posterior."""
    jax_in_double_precision()
    algorithm = library("blackjax").mala(_log_density, STEP_SIZE * TEMPERATURE)
    return blackjax_contender("MALA", algorithm, steps, start=START)


def blackjax_random_walk(steps: int = 100) -> Contender:
    """BlackJAX's random walk with normal proposals."""
    jax = jax_in_double_precision()
    walk = library("blackjax").additive_step_random_walk
    algorithm = walk.normal_random_walk(_log_density, jax.numpy.asarray(WALK))
    return blackjax_contender("random walk", algorithm, steps, start=START)


def jax_baoab(steps: int = 1000) -> Contender:
    """BAOAB as one writes it in JAX: a scan over steps, one gradient and one normal for each."""
    jax = jax_in_double_precision()
    decay = float(np.exp(-FRICTION * STEP_SIZE))
    noise = float(np.sqrt(TEMPERATURE * (1 - decay**2)))

    def force(w: Any) -> Any:
        return TILT - 4 * w * (w * w - 1)

    @jax.jit
    def run(w: Any, key: Any) -> Any:
        def step(state: Any, key: Any) -> tuple[Any, None]:
            w, p, f = state
            p = p + STEP_SIZE / 2 * f
            w = w + STEP_SIZE / 2 * p
            p = decay * p + noise * jax.random.normal(key, w.shape, "float64")
            w = w + STEP_SIZE / 2 * p
            f = force(w)
            return (w, p + STEP_SIZE / 2 * f, f), None

        keys = jax.random.split(key, steps + 1)
        momenta = np.sqrt(TEMPERATURE) * jax.random.normal(keys[0], w.shape, "float64")
        return jax.lax.scan(step, (w, momenta, force(w)), keys[1:])[0][0]

    return jax_contender("JAX BAOAB, 4096 chains, float64", run, steps, start=START, seed=7)


def blackjax_slice(steps: int = 50) -> Contender:
    """BlackJAX's slice within Gibbs: the same procedure, interval and width."""
    jax_in_double_precision()
    slices = library("blackjax.mcmc.slice")
    algorithm = slices.coordinate_slice(_log_density, initial_widths=SLICE_WIDTH, interval=slices.stepping_out)
    return blackjax_contender("coordinate slice", algorithm, steps, start=START)


def jax_sgd(steps: int = 1000) -> Contender:
    """SGD with minibatches drawn with replacement, as one writes it in JAX."""
    jax = jax_in_double_precision()
    examples = linear_regression(EXAMPLES)
    names = [symbol.name for symbol in examples.columns]
    inputs, labels = (jax.numpy.asarray(examples.data[:, names.index(name)]) for name in names)

    @jax.jit
    def run(w: Any, key: Any) -> Any:
        def step(w: Any, key: Any) -> tuple[Any, None]:
            chosen = jax.random.randint(key, (CHAINS, BATCH_SIZE), 0, EXAMPLES)
            x, y = inputs[chosen], labels[chosen]
            return w - LEARNING_RATE * (x * (w[:, None] * x - y)).mean(axis=1), None

        return jax.lax.scan(step, w, jax.random.split(key, steps))[0]

    return jax_contender("JAX SGD, 4096 chains, float64", run, steps, start=START, seed=8)
