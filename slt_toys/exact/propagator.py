"""The propagator of one epoch at constant temperature: exp(Q t) by one real factorisation.

exp(Q t) is approximated by R(Q t/s)ˢ with s sub-steps, where R is the restricted Padé approximant of order 7
with the one real pole 6 (Nørsett 1978; L-stable, Hairer & Wanner II, table IV.6.4). The 8 s linear solves
share one factorisation and never amplify anything, and in the norm weighted by the stationary law the error
is at most :func:`propagator_error`, whatever the duration: 1.1e-6 for 4 sub-steps. On observables and on
masses the propagators are transposes of one another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import comb, factorial

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments
from .fokker_planck import FokkerPlanck

Array = NDArray[np.float64]

__all__ = ["SUBSTEPS", "Propagator", "propagator", "propagator_error", "resolvent_coefficients"]

STAGES = 8
POLE = Fraction(1, 6)  # its reciprocal is R's pole; R is L-stable for .15666 < POLE < .23437
SUBSTEPS = {1: 4, 2: 3}  # by dimension


@lru_cache(maxsize=1)
def resolvent_coefficients() -> tuple[float, ...]:
    """Coefficients a_0 = 0, a_1, ..., a_8 of R(z) = Σ a_k y^k, y = 1/(1 - pole·z), with R(z) = exp(z) + O(z⁸)."""
    numerator = [
        sum((Fraction(1, factorial(k - j)) * comb(STAGES, j) * (-POLE) ** j for j in range(k + 1)), Fraction(0))
        for k in range(STAGES)
    ]
    coefficients = [Fraction(0)] * (STAGES + 1)
    for k, value in enumerate(numerator):  # z^k (1 - pole z)^-8 with z = (1 - 1/y)/pole
        for i in range(k + 1):
            coefficients[STAGES - i] += value / POLE**k * comb(k, i) * (-1) ** i
    return tuple(float(value) for value in coefficients)


@checked_arguments
def propagator_error(substeps: int) -> float:
    """Largest error of R(-x/s)ˢ against exp(-x) over all x ≥ 0, for s sub-steps."""
    x = np.concatenate([[0.0], np.geomspace(1e-3, 1e7, 20001)])
    step = np.polyval(resolvent_coefficients()[::-1], 1 / (1 + float(POLE) * x / substeps))
    return float(np.abs(step**substeps - np.exp(-x)).max())


@dataclass(frozen=True, eq=False)
class Propagator:
    """One epoch's propagator: factors of I - pole·(t/s)·Q, eliminated block by block along the first axis."""

    up: Array  # scaled rates along the first axis, (n - 1, width); in one dimension the width is 1
    down: Array
    inverse: Array  # inverses of the blocks after elimination, (n, width, width)
    substeps: int  # s

    def observables(self, columns: Array) -> Array:
        """Expected values at the epoch's end of observables (cells, columns), given the cell at its start."""
        return self._apply(columns, _solve_line, _solve_plane)

    def masses(self, columns: Array) -> Array:
        """Masses at the epoch's end of masses (cells, columns) at its start."""
        return self._apply(columns, _solve_line_transposed, _solve_plane_transposed)

    def _apply(self, columns: Array, line: Callable[..., None], plane: Callable[..., None]) -> Array:
        weights = resolvent_coefficients()
        solve, factors = plane, (self.up, self.down, self.inverse)
        if self.inverse.shape[1] == 1:
            solve, factors = line, (self.up[:, 0].copy(), self.down[:, 0].copy(), self.inverse[:, 0, 0].copy())
        now = np.ascontiguousarray(columns)
        for _ in range(self.substeps):
            value = weights[STAGES] * now
            for k in range(STAGES - 1, 0, -1):  # Horner's rule in the resolvent
                solve(*factors, value)
                value += weights[k] * now
            solve(*factors, value)
            now = value
        return now


@checked_arguments
def propagator(process: FokkerPlanck, temperature: float, duration: float, substeps: int | None = None) -> Propagator:
    """Factor one epoch at a constant temperature. A duration of 0 gives the identity."""
    steps = SUBSTEPS[process.grid.dimension] if substeps is None else substeps
    if not isinstance(steps, int | np.integer) or steps < 1:
        raise ValueError(f"substeps must be an integer of at least 1, not {substeps}")
    scale = float(POLE) * duration / steps
    rates = [(up * scale, down * scale) for up, down in process.rates(temperature)]
    if len(rates) == 1:
        up, down = rates[0]
        return Propagator(up[:, None], down[:, None], _eliminate_line(up, down)[:, None, None], int(steps))
    (up, down), (right, left) = rates
    return Propagator(up, down, _eliminate_plane(up, down, right, left), int(steps))


@njit(cache=True)
def _eliminate_line(up: Array, down: Array) -> Array:
    """Reciprocal pivots of a row-excess elimination: nothing is subtracted, so constants are kept to rounding."""
    n = up.size + 1
    inverse = np.empty(n)
    excess, before = 1.0, 1.0
    for i in range(n):
        excess = 1.0 + (down[i - 1] * excess / before if i else 0.0)
        before = excess + (up[i] if i < n - 1 else 0.0)
        inverse[i] = 1.0 / before
    return inverse


@njit(cache=True)
def _solve_line(up: Array, down: Array, inverse: Array, value: Array) -> None:
    n, columns = value.shape
    for i in range(1, n):
        factor = down[i - 1] * inverse[i - 1]
        for c in range(columns):
            value[i, c] += factor * value[i - 1, c]
    for c in range(columns):
        value[n - 1, c] *= inverse[n - 1]
    for i in range(n - 2, -1, -1):
        for c in range(columns):
            value[i, c] = (value[i, c] + up[i] * value[i + 1, c]) * inverse[i]


@njit(cache=True)
def _solve_line_transposed(up: Array, down: Array, inverse: Array, value: Array) -> None:
    n, columns = value.shape
    for c in range(columns):
        value[0, c] *= inverse[0]
    for i in range(1, n):
        for c in range(columns):
            value[i, c] = (value[i, c] + up[i - 1] * value[i - 1, c]) * inverse[i]
    for i in range(n - 2, -1, -1):
        factor = down[i] * inverse[i]
        for c in range(columns):
            value[i, c] += factor * value[i + 1, c]


def _eliminate_plane(up: Array, down: Array, right: Array, left: Array) -> Array:
    """Inverses of the dense diagonal blocks, each row's diagonal recomputed from its excess as on a line."""
    n, width = up.shape[0] + 1, up.shape[1]
    inverse = np.empty((n, width, width))
    kept = np.ones(width)
    line = np.arange(width)
    for i in range(n):
        beside = np.zeros((width, width))
        beside[line[:-1], line[1:]] = right[i]
        beside[line[1:], line[:-1]] = left[i]
        excess = np.ones(width)
        if i:
            returning = down[i - 1][:, None] * inverse[i - 1]
            excess = excess + returning @ kept
            beside += returning * up[i - 1]
        np.fill_diagonal(beside, 0.0)
        ahead = up[i] if i < n - 1 else np.zeros(width)
        block = np.diag(excess + ahead + beside.sum(axis=1)) - beside
        inverse[i] = np.linalg.inv(block)
        kept = excess
    return inverse


def _solve_plane(up: Array, down: Array, inverse: Array, value: Array) -> None:
    n, width = inverse.shape[:2]
    blocks = value.reshape(n, width, -1)
    for i in range(1, n):
        blocks[i] += down[i - 1][:, None] * (inverse[i - 1] @ blocks[i - 1])
    blocks[n - 1] = inverse[n - 1] @ blocks[n - 1]
    for i in range(n - 2, -1, -1):
        blocks[i] = inverse[i] @ (blocks[i] + up[i][:, None] * blocks[i + 1])


def _solve_plane_transposed(up: Array, down: Array, inverse: Array, value: Array) -> None:
    n, width = inverse.shape[:2]
    blocks = value.reshape(n, width, -1)
    blocks[0] = inverse[0].T @ blocks[0]
    for i in range(1, n):
        blocks[i] = inverse[i].T @ (blocks[i] + up[i - 1][:, None] * blocks[i - 1])
    for i in range(n - 2, -1, -1):
        blocks[i] += inverse[i].T @ (down[i][:, None] * blocks[i + 1])
