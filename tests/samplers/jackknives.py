"""Jackknives of means over chains."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from slt_toys.potentials.catalogue import find_potential

WELL = find_potential("regular_double_well")
CHAINS = 60


def jackknife(estimate: Callable[[np.ndarray], float], chains: int = CHAINS) -> float:
    """Standard error of an estimate from a list of chains, each left out in turn."""
    every = np.arange(chains)
    values = np.array([estimate(np.delete(every, out)) for out in every])
    return float(np.sqrt((chains - 1) / chains * ((values - values.mean()) ** 2).sum()))
