"""Other ways to run the same overdamped Langevin dynamics: plain numpy and numba, JAX, BlackJAX, deeptime.

Each contender runs chains from w = 1 in L(w) = (w² - 1)² - 0.15 w and returns their final states (chains, d),
so that test_contenders.py can check that all sample one law. What is missing raises ``Unavailable``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from numba import njit

from benchmarks import peer_samplers as peers
from benchmarks.engines import (
    NOISE,
    START,
    STEP_SIZE,
    TEMPERATURE,
    TILT,
    by_bits,
    c_bound,
    c_bound_by_signs,
    double_well,
    plane_well,
)
from benchmarks.libraries import CHAINS, blackjax_contender, jax_contender, jax_in_double_precision, library
from benchmarks.measure import Contender


def numpy_vectorised(steps: int = 1000) -> Contender:
    """One numpy statement per operation over all chains."""

    def run() -> np.ndarray:
        random = np.random.default_rng(3)
        w = np.full(CHAINS, START)
        for _ in range(steps):
            w = w - STEP_SIZE * (4 * w * (w * w - 1) - TILT) + NOISE * random.standard_normal(CHAINS)
        return w[:, None]

    return Contender("numpy, 4096 chains", run, CHAINS * steps)


@njit(error_model="numpy", fastmath={"contract"})
def _one_chain_at_a_time(chains, steps, start, step_size, noise, tilt, seed):
    np.random.seed(seed)  # noqa: NPY002 - the generator that people use in numba
    found = np.empty((chains, 1))
    for chain in range(chains):
        w = start
        for _ in range(steps):
            w += noise * np.random.standard_normal() - step_size * (4 * w * (w * w - 1) - tilt)  # noqa: NPY002
        found[chain, 0] = w
    return found


def numba_one_chain(steps: int = 1000) -> Contender:
    """What one writes first in numba."""

    def run() -> np.ndarray:
        return _one_chain_at_a_time(CHAINS, steps, START, STEP_SIZE, NOISE, TILT, 4)

    return Contender("numba, one chain at a time", run, CHAINS * steps)


def jax_scan(steps: int = 1000, precision: str = "float64", drawn_at_once: int = 1) -> Contender:
    """``lax.scan`` over the steps of 4096 chains.

    Parameters
    ----------
    steps
        How many.
    precision
        ``"float64"``, as the engine, or ``"float32"``.
    drawn_at_once
        Steps whose normals are drawn in one call before they are used: faster than a draw in each step.
    """
    jax = jax_in_double_precision()
    random, scan = jax.random, jax.lax.scan
    number = np.dtype(precision).type
    step_size, noise, tilt, start = (number(x) for x in (STEP_SIZE, NOISE, TILT, START))
    if steps % drawn_at_once:
        raise ValueError(f"steps must be a multiple of {drawn_at_once}, not {steps}")

    def step(w: Any, normal: Any) -> tuple[Any, None]:
        return w - step_size * (4 * w * (w * w - 1) - tilt) + noise * normal, None

    def several(w: Any, key: Any) -> tuple[Any, None]:
        if drawn_at_once == 1:
            return step(w, random.normal(key, w.shape, precision))
        return scan(step, w, random.normal(key, (drawn_at_once, *w.shape), precision))[0], None

    @jax.jit
    def run(w: Any, key: Any) -> Any:
        return scan(several, w, random.split(key, steps // drawn_at_once))[0]

    drawn = "" if drawn_at_once == 1 else f", normals drawn {drawn_at_once} steps at once"
    name = f"JAX scan, 4096 chains, {precision}{drawn}"
    return jax_contender(name, run, steps, start=start, seed=5)


def blackjax_sgld(steps: int = 200) -> Contender:
    """BlackJAX's SGLD with the full gradient: the very same dynamics."""
    sgld = library("blackjax").sgld(lambda w, _: TILT - 4 * w * (w * w - 1))
    whole = SimpleNamespace(
        init=lambda w: w, step=lambda key, w: (sgld.step(key, w, None, STEP_SIZE, TEMPERATURE), None)
    )
    return blackjax_contender("SGLD", whole, steps, start=START, position=lambda w: w)


def deeptime_plane_well(steps: int = 1000) -> Contender:
    """deeptime's C++ simulator of (w₁² - 1)² + w₂² in double precision."""
    data = library("deeptime.data")
    # deeptime's noise has the variance kT/2 per unit of time where dw = -∇L dt + √(2T) dW has 2T.
    system = data.double_well_2d(h=STEP_SIZE, n_steps=steps, temperature_factor=4 * TEMPERATURE)
    start = np.tile([START, 0.0], (CHAINS, 1))

    def run() -> np.ndarray:
        return system(start, seed=7, n_jobs=1)

    return Contender("deeptime double_well_2d, 4096 chains", run, CHAINS * steps)


# name → (ours, other, whether it needs the peers extra, largest accepted ratio of CPU time per chain-step)
RIVALS: dict[str, tuple[Callable[..., Contender], Callable[..., Contender], bool, float | None]] = {
    "c_bound": (double_well, c_bound, False, 2.5),
    "signs_to_c_bound": (by_bits, c_bound_by_signs, False, 1.5),
    "signs_to_normals": (by_bits, double_well, False, None),
    "three_bits_to_normals": (partial(by_bits, "four_point", "leimkuhler_matthews"), double_well, False, None),
    "numba_one_chain": (double_well, numba_one_chain, False, None),
    "numpy": (double_well, numpy_vectorised, False, None),
    "jax_float64": (double_well, jax_scan, True, 1 / 15),
    "jax_float64_drawn_ahead": (double_well, partial(jax_scan, drawn_at_once=100), True, None),
    "jax_float32": (double_well, partial(jax_scan, precision="float32"), True, None),
    "jax_float32_drawn_ahead": (double_well, partial(jax_scan, precision="float32", drawn_at_once=100), True, None),
    "blackjax_sgld": (double_well, blackjax_sgld, True, 1 / 15),
    "blackjax_mala": (peers.our_mala, peers.blackjax_mala, True, 1 / 15),
    "blackjax_random_walk": (peers.our_random_walk, peers.blackjax_random_walk, True, 1 / 15),
    "blackjax_slice": (peers.our_gibbs, peers.blackjax_slice, True, 1 / 15),
    "jax_sgd": (peers.our_sgd, peers.jax_sgd, True, 1 / 15),
    "jax_baoab": (peers.our_baoab, peers.jax_baoab, True, 1 / 15),
    "deeptime": (plane_well, deeptime_plane_well, True, None),
}
