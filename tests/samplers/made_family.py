"""Last draws and quadrature, for the tests of every kind of sampler."""

from __future__ import annotations

import numpy as np

from slt_toys.potentials.potential import Potential
from slt_toys.samplers import sample
from tests.seeds import fresh_seed


def final(potential: Potential, sampler, n_beta: float, chains: int, steps: int) -> np.ndarray:
    return sample(potential, sampler, n_beta=n_beta, chains=chains, steps=steps, thin=steps, seed=fresh_seed())[
        "w"
    ].values[:, 0]
