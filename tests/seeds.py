"""Seeds nobody chose: what a statistical test claims holds for any."""

from __future__ import annotations

import numpy as np


def fresh_seed() -> int:
    return int(np.random.SeedSequence().generate_state(1)[0])


def fresh_seeds() -> list[int]:
    """Two words: a seed that can be extended by the number of a repetition."""
    return np.random.SeedSequence().generate_state(2).tolist()


def fresh_generator() -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence())
