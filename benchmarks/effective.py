"""Effective samples per CPU second: what a sampler's steps are worth, each at the best of a few settings."""

from __future__ import annotations

import time

import numpy as np

from slt_toys.potentials.potential import Potential
from slt_toys.samplers import (
    MALA,
    Gibbs,
    OverdampedLangevin,
    RandomWalkMetropolis,
    ReplicaExchange,
    Sampler,
    UnderdampedLangevin,
    largest_stable_step,
    sample,
)
from slt_toys.samplers.statistics import bulk_effective_sample_size

N_BETA = 2.0
CHAINS, STEPS, KEPT = 128, 4000, 400
LEAST = 20.0  # effective draws a chain, without which its worth is not known
FACTORS = (0.25, 0.5, 1.0, 2.0)  # of the usual step, of which the best counts


def candidates(potential: Potential) -> dict[str, list[Sampler]]:
    """Settings to try; unadjusted schemes keep to steps whose bias is small [eq:unadjusted-langevin-bias]."""
    d, temperature = potential.dimension, 1 / N_BETA
    stable = largest_stable_step(potential, temperature)  # two over the largest curvature
    walk, langevin = np.sqrt(stable * temperature / d), stable / d ** (1 / 3)
    ladder = [temperature * 1.7**k for k in range(3)]
    return {
        "overdamped Langevin, a tenth of the stable step": [OverdampedLangevin(0.1 * stable)],
        "BAOAB, half the stable step": [UnderdampedLangevin(0.5 * np.sqrt(2 * stable), 1 / np.sqrt(stable))],
        "MALA": [MALA(0.5 * f * langevin) for f in FACTORS],
        "random walk": [RandomWalkMetropolis(2 * f * walk) for f in FACTORS],
        "Gibbs": [Gibbs()],
        "replica exchange, 3 of MALA": [ReplicaExchange(MALA(0.5 * f * langevin), ladder) for f in FACTORS],
    }


def worth(sampler: Sampler, potential: Potential, steps: int = STEPS) -> float:
    """Bulk effective samples of the slowest quantity per CPU second, of chains long enough to know it.

    The first tenth is dropped.
    """

    def run() -> np.ndarray:
        thin = max(1, steps // KEPT)
        return sample(
            potential, sampler, n_beta=N_BETA, chains=CHAINS, steps=steps, thin=thin, threads=1, seed=1, diagnose=False
        )["w"].values

    run()
    before = time.process_time()
    draws = run()
    seconds = time.process_time() - before
    kept = draws[:, draws.shape[1] // 10 :]
    some = kept[..., np.unique(np.linspace(0, potential.dimension - 1, 8).round().astype(int))]
    quantities = np.concatenate([some, some**2, potential.energy_function()(kept)[..., None]], axis=-1)
    effective = float(np.min(bulk_effective_sample_size(quantities)))
    if effective < LEAST * CHAINS and steps < 64 * STEPS:
        return worth(sampler, potential, 4 * steps)
    return effective / (0.9 * seconds)
