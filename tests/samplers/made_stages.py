"""Gradients that SGD saw, for the tests of its stages."""

from __future__ import annotations

import numpy as np

from slt_toys.potentials.potential import Potential
from slt_toys.samplers import Stage, sample_stages
from tests.seeds import fresh_seed

FLAT = Potential.from_expression("w**2/10**12")


def increments(stages: list[Stage], chains: int = 40_000) -> np.ndarray:
    """Gradients that SGD saw, (chains, steps), on an energy that is all but flat, at learning rate 1."""
    steps = sum(stage.steps for stage in stages)
    path = sample_stages(stages, chains=chains, record_steps=np.arange(1, steps + 1), seed=fresh_seed(), initial=[0.0])[
        "w"
    ].values[..., 0]
    return -np.diff(path, axis=1, prepend=0.0)
