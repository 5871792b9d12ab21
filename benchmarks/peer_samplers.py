"""The rest of the family beside the same algorithm in JAX and BlackJAX, from w = 1 in the regular double well."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.engines import CHAINS as OUR_CHAINS
from benchmarks.engines import START, STEP_SIZE, TEMPERATURE, TILT
from benchmarks.libraries import jax_in_double_precision, library, timed
from benchmarks.measure import Contender
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.example_catalogue import linear_regression
from slt_toys.samplers import MALA, SGD, Gibbs, RandomWalkMetropolis, Sampler, UnderdampedLangevin, sample

CHAINS = 4096
FRICTION = 1.0
WALK = 0.3  # standard deviation of the random walk's proposals
SLICE_WIDTH = 2.0
EXAMPLES, LEARNING_RATE, BATCH_SIZE = 1024, 0.05, 8


def _ours(sampler: Sampler, steps: int) -> Contender:
    potential = find_potential("regular_double_well")

    def run() -> np.ndarray:
        return sample(
            potential, sampler, n_beta=1 / TEMPERATURE, chains=OUR_CHAINS, steps=steps, thin=steps, threads=1,
            initial=[START], diagnose=False,
        )["w"].values[:, -1]  # fmt: skip

    return Contender(f"sample, {sampler!r}", run, OUR_CHAINS * steps)


def our_mala(steps: int = 50_000) -> Contender:
    """MALA through ``sample``."""
    return _ours(MALA(STEP_SIZE), steps)


def our_random_walk(steps: int = 50_000) -> Contender:
    """The random walk through ``sample``."""
    return _ours(RandomWalkMetropolis(WALK), steps)


def our_baoab(steps: int = 50_000) -> Contender:
    """BAOAB through ``sample``."""
    return _ours(UnderdampedLangevin(STEP_SIZE, FRICTION), steps)


def our_gibbs(steps: int = 5_000) -> Contender:
    """Slices within Gibbs through ``sample``."""
    return _ours(Gibbs(SLICE_WIDTH), steps)


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


def _blackjax(name: str, algorithm: Any, steps: int) -> Contender:
    jax = jax_in_double_precision()

    @jax.jit
    def run(w: Any, key: Any) -> Any:
        def every_chain(states: Any, key: Any) -> tuple[Any, None]:
            return jax.vmap(algorithm.step)(jax.random.split(key, CHAINS), states)[0], None

        return jax.lax.scan(every_chain, jax.vmap(algorithm.init)(w), jax.random.split(key, steps))[0].position

    return Contender(name, timed(run, np.full(CHAINS, START), jax.random.key(6)), CHAINS * steps)


def blackjax_mala(steps: int = 100) -> Contender:
    """BlackJAX's MALA: its step is ours in units of the posterior."""
    jax_in_double_precision()
    algorithm = library("blackjax").mala(_log_density, STEP_SIZE * TEMPERATURE)
    return _blackjax("BlackJAX MALA, 4096 chains, float64", algorithm, steps)


def blackjax_random_walk(steps: int = 100) -> Contender:
    """BlackJAX's random walk with normal proposals."""
    jax = jax_in_double_precision()
    walk = library("blackjax").additive_step_random_walk
    algorithm = walk.normal_random_walk(_log_density, jax.numpy.asarray(WALK))
    return _blackjax("BlackJAX random walk, 4096 chains, float64", algorithm, steps)


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

    return Contender(
        "JAX BAOAB, 4096 chains, float64", timed(run, np.full(CHAINS, START), jax.random.key(7)), CHAINS * steps
    )


def blackjax_slice(steps: int = 50) -> Contender:
    """BlackJAX's slice within Gibbs: the same procedure, interval and width."""
    jax_in_double_precision()
    slices = library("blackjax.mcmc.slice")
    algorithm = slices.coordinate_slice(_log_density, initial_widths=SLICE_WIDTH, interval=slices.stepping_out)
    return _blackjax("BlackJAX coordinate slice, 4096 chains, float64", algorithm, steps)


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

    return Contender("JAX SGD, 4096 chains, float64", timed(run, np.full(CHAINS, START), jax.random.key(8)),
                     CHAINS * steps)  # fmt: skip
