"""The last draws of many chains, and their mean against an exact one."""

from __future__ import annotations

import math

import numpy as np

from slt_toys.samplers import sample
from tests.seeds import fresh_seed


def agree(samples: np.ndarray, exact: float, bias: float = 0.0) -> None:
    """Independent samples' mean agrees with the exact mean within 5 standard errors."""
    error = samples.std(ddof=1) / math.sqrt(samples.size)
    assert samples.size > 1000 and error > 0
    assert abs(samples.mean() - exact) < 5 * error + bias, f"{samples.mean()} ± {error} against {exact}"


def final(target, sampler, steps: int, chains: int = 20_000, **more) -> np.ndarray:
    return sample(target, sampler, chains=chains, steps=steps, thin=steps, seed=fresh_seed(), **more)["w"].values[:, -1]
