"""Inputs and noise of examples with exactly the moments that are wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def signs(random: np.random.Generator, size: int, columns: int) -> Array:
    """A table of -1 and 1."""
    return random.choice([-1.0, 1.0], (size, columns))


def whitened(table: Array) -> Array:
    """The table with second moments of exactly 1 and 0, so that labels' noise does not tilt the loss."""
    return np.asarray(np.linalg.solve(np.linalg.cholesky(table.T @ table / len(table)), table.T).T, dtype=np.float64)


__all__ = ["signs", "whitened"]
