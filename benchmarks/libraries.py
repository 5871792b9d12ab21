"""Other libraries, where they are installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.measure import Contender, Unavailable

CHAINS = 4096


def library(name: str) -> Any:
    """Import a peer, or say how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Unavailable(f"{name} is not installed; pip install '.[peers]'") from None


def jax_in_double_precision() -> Any:
    """JAX, computing in double precision as the engine does."""
    jax = library("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


def jax_contender(name: str, run: Callable[[Any, Any], Any], steps: int, *, start: Any, seed: int) -> Contender:
    """4096 chains that all begin at ``start``; run to the end, for JAX returns before the work is done."""
    initial, key = np.full(CHAINS, start), library("jax").random.key(seed)
    return Contender(name, lambda: np.asarray(run(initial, key).block_until_ready())[:, None], CHAINS * steps)


def blackjax_contender(
    name: str, algorithm: Any, steps: int, *, start: float, position: Callable[[Any], Any] = lambda s: s.position
) -> Contender:
    """4096 chains of an algorithm of BlackJAX, whose states hold their ``position``."""
    jax = jax_in_double_precision()

    @jax.jit
    def run(w: Any, key: Any) -> Any:
        def every_chain(states: Any, key: Any) -> tuple[Any, None]:
            return jax.vmap(algorithm.step)(jax.random.split(key, CHAINS), states)[0], None

        return position(jax.lax.scan(every_chain, jax.vmap(algorithm.init)(w), jax.random.split(key, steps))[0])

    return jax_contender(f"BlackJAX {name}, 4096 chains, float64", run, steps, start=start, seed=6)
