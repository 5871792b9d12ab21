"""Exact mean losses and occupancies as functions of n_beta, tabulated once: what thermometers look up.

A table holds log integrals, mean losses and their exact slopes at inverse temperatures a factor of 1.5 apart; between
them cubics with these slopes are right to about 1e-4, and one or two Newton steps on the exact values to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicHermiteSpline

from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential
from .phase_integrals import phase_moments

Array = NDArray[np.float64]
FACTOR = 1.5


@dataclass(frozen=True, eq=False)
class EnergyTable:
    """Splines along log(n_beta); row 0 of every array is the whole posterior, row k + 1 phase k."""

    references: Array  # the loss of each phase; of the whole, the lowest
    offsets: Array  # losses of the phases above the lowest one, (1 + phases,)
    # Of the loss above the row's own reference; functions of log(n_beta) with values (..., 1 + phases).
    log_means: CubicHermiteSpline
    log_integrals: CubicHermiteSpline
    between: tuple[float, float]  # least and largest n_beta

    def occupancies(self, log_n_beta: ArrayLike) -> Array:
        """Shares of the phases, of the mass in any; shape (..., phases)."""
        places = np.asarray(log_n_beta, dtype=float)
        logs = self.log_integrals(places)[..., 1:] - np.exp(places)[..., None] * self.offsets[1:]
        return _shares(logs)


@checked_arguments
@lru_cache(maxsize=64)
def energy_table(potential: Potential, between: tuple[float, float]) -> EnergyTable:
    """Tabulate a potential.

    Raises
    ------
    ValueError
        For a range that is not one, or more than two coupled coordinates.
    """
    low, high = between
    if not (np.isfinite([low, high]).all() and 0 < low < high):
        raise ValueError(f"between must hold two finite positive n_beta, the smaller first, not {between}")
    points = int(np.ceil(np.log(high / low) / np.log(FACTOR))) + 1
    grid = np.linspace(np.log(low), np.log(high), max(points, 2))
    n_beta = np.exp(grid)
    parts = phase_moments(potential, n_beta, [None, *range(len(potential.phases))])
    logs, means, variances = (
        np.stack([getattr(part.moments, name) for part in parts], axis=1)
        for name in ("log_integral", "mean", "variance")
    )
    scale = n_beta[:, None]
    return EnergyTable(
        np.array([part.reference for part in parts]),
        np.array([part.offset for part in parts]),
        CubicHermiteSpline(grid, np.log(means), -scale * variances / means),
        CubicHermiteSpline(grid, logs, -scale * means),
        (float(low), float(high)),
    )


@checked_arguments
def exact_moments(potential: Potential, n_beta: float, phase: int | None) -> tuple[float, float]:
    """Mean and variance of the loss of one phase, or of all, above its own reference."""
    (part,) = phase_moments(potential, np.array([n_beta]), [phase])
    return float(part.moments.mean[0]), float(part.moments.variance[0])


@checked_arguments
def exact_occupancies(potential: Potential, n_beta: float) -> tuple[Array, Array]:
    """Shares of the phases, of the mass in any, and their slopes along log(n_beta), shape (phases,) each."""
    parts = phase_moments(potential, np.array([n_beta]), range(len(potential.phases)))
    logs = np.array([part.moments.log_integral[0] - n_beta * part.offset for part in parts])
    shares, losses = _shares(logs), np.array([part.offset + float(part.moments.mean[0]) for part in parts])
    return shares, -n_beta * shares * (losses - shares @ losses)


def _shares(logs: Array) -> Array:
    weights = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
