"""Effective samples per CPU second: what a sampler's steps are worth, each at the best of a few settings."""

from __future__ import annotations

import time
from dataclasses import dataclass

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
from slt_toys.samplers.diagnostics import bulk_effective_sample_size

N_BETA = 2.0
CHAINS, STEPS, KEPT = 128, 4000, 400
LEAST = 20.0  # effective draws a chain, without which its worth is not known
FACTORS = (0.25, 0.5, 1.0, 2.0)  # of the usual step, of which the best counts


@dataclass(frozen=True)
class Worth:
    """Bulk effective samples of the slowest quantity per CPU second, and the settings that gave them."""

    per_second: float
    sampler: Sampler
    cost: float  # CPU seconds per chain-step


def candidates(name: str, potential: Potential) -> list[Sampler]:
    """Settings to try; unadjusted schemes keep to steps whose bias is small [eq:unadjusted-langevin-bias]."""
    d, temperature = potential.dimension, 1 / N_BETA
    stable = largest_stable_step(potential, temperature)  # two over the largest curvature
    walk, langevin = np.sqrt(stable * temperature / d), stable / d ** (1 / 3)
    found: dict[str, list[Sampler]] = {
        "overdamped Langevin, a tenth of the stable step": [OverdampedLangevin(0.1 * stable)],
        "BAOAB, half the stable step": [UnderdampedLangevin(0.5 * np.sqrt(2 * stable), 1 / np.sqrt(stable))],
        "MALA": [MALA(0.5 * f * langevin) for f in FACTORS],
        "random walk": [RandomWalkMetropolis(2 * f * walk) for f in FACTORS],
        "Gibbs": [Gibbs()],
        "replica exchange, 3 of MALA": [
            ReplicaExchange(MALA(0.5 * f * langevin), [temperature * 1.7**k for k in range(3)]) for f in FACTORS
        ],
    }
    return found[name]


NAMES = (
    "overdamped Langevin, a tenth of the stable step", "BAOAB, half the stable step", "MALA", "random walk", "Gibbs",
    "replica exchange, 3 of MALA",
)  # fmt: skip


def worth(sampler: Sampler, potential: Potential, steps: int = STEPS) -> Worth:
    """Run chains long enough to know their effective sample size; the first tenth is dropped."""

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
    return Worth(effective / (0.9 * seconds), sampler, seconds / (CHAINS * steps))


def best(name: str, potential: Potential) -> Worth:
    """The best of a sampler's candidates."""
    return max((worth(one, potential) for one in candidates(name, potential)), key=lambda found: found.per_second)
