"""The propagator of one epoch at constant temperature: exp(Q t) by one real factorisation.

exp(Q t) is approximated by a rational function of Q t with one real pole of high order, so that all linear solves share
one factorisation and never amplify anything. In the norm weighted by the stationary law the error is at most
:func:`propagator_error`, whatever the duration. On observables and on masses the propagators are transposes of one
another.

On a line it is R(Q t/s)ˢ with s sub-steps, where R is the restricted Padé approximant of order 7 with pole 6 (Nørsett
1978; L-stable, Hairer & Wanner II, table IV.6.4): 8 s solves, an error of 1.1e-6 for 4 sub-steps. In a plane and on a
circle, where solves are dear, it is the polynomial in y = 1/(1 - pole·Q t) that meets the exponential at the n + 1
Chebyshev points, the ends among them: n = 14 s solves, an error of 5.8e-7 for s = 1. It falls as (√2 - 1)ⁿ, the best
that rational functions with one pole can do (Andersson 1981).
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
from .dissection import SparseFactors, dissection, factor, solve, solve_transposed
from .fokker_planck import FokkerPlanck

Array = NDArray[np.float64]

__all__ = [
    "SUBSTEPS",
    "Propagator",
    "chebyshev_coefficients",
    "propagator",
    "propagator_error",
    "resolvent_coefficients",
]

STAGES = 8
POLE = Fraction(1, 6)  # its reciprocal is R's pole; R is L-stable for .15666 < POLE < .23437
SUBSTEPS = {True: 4, False: 1}  # on a line, elsewhere
SOLVES = 14  # elsewhere, for each of the sub-steps, which are then taken in one
SHARE = 1.2  # elsewhere the pole is (solves/SHARE)/t; the error is least near this


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


@lru_cache(maxsize=1)
def _resolvent_row() -> Array:
    return np.array(resolvent_coefficients())


@lru_cache(maxsize=16)
def chebyshev_coefficients(solves: int) -> tuple[float, ...]:
    """Coefficients c_0, ..., c_n of R(z) = Σ c_k T_k(2y - 1), y = 1/(1 - SHARE·z/n), with R(0) = 1 and R(-∞) = 0."""
    nodes = np.cos(np.pi * np.arange(solves + 1) / solves)
    values = np.zeros(solves + 1)
    values[:-1] = np.exp(-(1 - nodes[:-1]) * solves / (SHARE * (1 + nodes[:-1])))
    values[0] /= 2
    cosines = np.cos(np.pi * np.outer(np.arange(solves + 1), np.arange(solves + 1)) / solves)
    coefficients = 2 / solves * cosines @ values
    coefficients[[0, -1]] /= 2
    return tuple(coefficients.tolist())


@checked_arguments
def propagator_error(substeps: int, line: bool = True) -> float:
    """Largest error of the rational function against exp(-x) over x ≥ 0, for s sub-steps, on a line or elsewhere."""
    x = np.concatenate([[0.0], np.geomspace(1e-3, 1e7, 20001)])
    if line:
        step = np.polyval(resolvent_coefficients()[::-1], 1 / (1 + float(POLE) * x / substeps))
        return float(np.abs(step**substeps - np.exp(-x)).max())
    solves = SOLVES * substeps
    y = 1 / (1 + SHARE * x / solves)
    return float(np.abs(np.polynomial.chebyshev.chebval(2 * y - 1, chebyshev_coefficients(solves)) - np.exp(-x)).max())


@dataclass(frozen=True, eq=False)
class LinePropagator:
    """One epoch's propagator on a line: factors of I - pole·(t/s)·Q, eliminated from one end to the other."""

    up: Array  # scaled rates, (n - 1,)
    down: Array
    inverse: Array  # reciprocal pivots, (n,)
    substeps: int  # s

    def observables(self, columns: Array) -> Array:
        """Expected values at the epoch's end of observables (cells, columns), given the cell at its start."""
        return self._apply(columns, False)

    def masses(self, columns: Array) -> Array:
        """Masses at the epoch's end of masses (cells, columns) at its start."""
        return self._apply(columns, True)

    def _apply(self, columns: Array, transposed: bool) -> Array:
        start = np.array(columns, dtype=float, order="C")  # a copy: the kernel is compiled for arrays it may write to
        return _apply_line(self.up, self.down, self.inverse, start, _resolvent_row(), self.substeps, transposed)


@dataclass(frozen=True, eq=False)
class SparsePropagator:
    """One epoch's propagator in a plane or on a circle: factors of I - (SHARE/n)·t·Q by nested dissection."""

    factors: SparseFactors
    solves: int  # n

    def observables(self, columns: Array) -> Array:
        """Expected values at the epoch's end of observables (cells, columns), given the cell at its start."""
        return self._apply(columns, solve)

    def masses(self, columns: Array) -> Array:
        """Masses at the epoch's end of masses (cells, columns) at its start."""
        return self._apply(columns, solve_transposed)

    def _apply(self, columns: Array, solve_sparse: Callable[[SparseFactors, Array], None]) -> Array:
        weights, order = chebyshev_coefficients(self.solves), self.factors.shape.order
        start = np.ascontiguousarray(columns[order], dtype=float)
        later, now = np.zeros_like(start), weights[self.solves] * start
        for k in range(self.solves - 1, -1, -1):  # Clenshaw's rule in 2y - 1
            turned = now.copy()
            solve_sparse(self.factors, turned)
            turned *= 4.0 if k else 2.0
            turned -= (2.0 if k else 1.0) * now
            turned -= later
            turned += weights[k] * start
            later, now = now, turned
        moved = np.empty_like(now)
        moved[order] = now
        return moved


Propagator = LinePropagator | SparsePropagator


@checked_arguments
def propagator(process: FokkerPlanck, temperature: float, duration: float, substeps: int | None = None) -> Propagator:
    """Factor one epoch at a constant temperature. A duration of 0 gives the identity."""
    line = process.grid.is_line
    steps = SUBSTEPS[line] if substeps is None else substeps
    if not isinstance(steps, int | np.integer) or steps < 1:
        raise ValueError(f"substeps must be an integer of at least 1, not {substeps}")
    scale = duration * (float(POLE) / steps if line else SHARE / (SOLVES * steps))
    rates = [(up * scale, down * scale) for up, down in process.rates(temperature)]
    if line:
        up, down = rates[0]
        return LinePropagator(up.copy(), down.copy(), _eliminate_line(up, down), int(steps))
    order = dissection(process.grid.shape, process.grid.boundary == "periodic")
    up, down = (np.concatenate([pair[way].ravel() for pair in rates]) for way in (0, 1))
    return SparsePropagator(factor(order, up, down, np.ones(order.order.size)), SOLVES * int(steps))


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
def _apply_line(
    up: Array, down: Array, inverse: Array, columns: Array, weights: Array, substeps: int, transposed: bool
) -> Array:
    """All resolvents of an epoch in one call: between them an interpreter would cost more than they do."""
    now = columns
    for _ in range(substeps):
        value = weights[-1] * now
        for k in range(weights.size - 2, -1, -1):  # Horner's rule in the resolvent
            if transposed:
                _solve_line_transposed(up, down, inverse, value)
            else:
                _solve_line(up, down, inverse, value)
            if k:
                value += weights[k] * now
        now = value
    return now


@njit(cache=True)
def _solve_line(up: Array, down: Array, inverse: Array, value: Array) -> None:
    n, columns = value.shape
    if columns == 1:  # what comes before stays in a register: half the time
        before = value[0, 0]
        for i in range(1, n):
            before = value[i, 0] + down[i - 1] * inverse[i - 1] * before
            value[i, 0] = before
        before = before * inverse[n - 1]
        value[n - 1, 0] = before
        for i in range(n - 2, -1, -1):
            before = (value[i, 0] + up[i] * before) * inverse[i]
            value[i, 0] = before
        return
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
    if columns == 1:
        before = value[0, 0] * inverse[0]
        value[0, 0] = before
        for i in range(1, n):
            before = (value[i, 0] + up[i - 1] * before) * inverse[i]
            value[i, 0] = before
        for i in range(n - 2, -1, -1):
            before = value[i, 0] + down[i] * inverse[i] * before
            value[i, 0] = before
        return
    for c in range(columns):
        value[0, c] *= inverse[0]
    for i in range(1, n):
        for c in range(columns):
            value[i, c] = (value[i, c] + up[i - 1] * value[i - 1, c]) * inverse[i]
    for i in range(n - 2, -1, -1):
        factor = down[i] * inverse[i]
        for c in range(columns):
            value[i, c] += factor * value[i + 1, c]
