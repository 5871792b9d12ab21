"""Linear systems of a jump process, solved without a single subtraction.

Mean first passage times, committors and Green functions solve (absorption - Q) u = f with f ≥ 0. Elimination
in terms of the off-diagonal rates and each row's excess (what it loses to absorption), as Grassmann, Taksar &
Heyman (1985) do for stationary laws, only adds, multiplies and divides non-negative numbers. So every
component is right to high relative accuracy, even where a crossing takes 1e200 units of time (O'Cinneide
1993), while an ordinary factorisation drowns a crossing rate below 1e-16 of the largest rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .fokker_planck import FokkerPlanck

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Elimination:
    """Factors of (absorption - Q) on the cells that are not absorbing."""

    # band[k, b + m]: rate from cell k to cell k + m after elimination, shape (cells, 2 b + 1) with b the bandwidth.
    band: Array
    pivot: Array  # (cells,)
    absorbed: NDArray[np.bool_]  # whether each cell absorbs, (cells,)
    into: Array  # rate from each cell into the absorbing ones, before elimination, (cells,)
    # A power of two near the largest rate: band and pivot are in units of it, so that neither small nor large units of
    # time come near the ends of what doubles hold.
    unit: float


def eliminate(
    process: FokkerPlanck, temperature: float, absorbing: NDArray[np.bool_], exits: Array | None = None
) -> Elimination:
    """Factor -Q with absorbing cells taken out.

    Parameters
    ----------
    process, temperature
        The jump process.
    absorbing
        Mask of the absorbing cells, any shape with one entry per cell, at least one of them set.
    exits
        Further absorption rates of the cells, ≥ 0.
    """
    absorbed = np.array(absorbing, dtype=bool).ravel()
    if absorbed.size != process.energy.size or not absorbed.any():
        raise ValueError(f"absorbing must mark at least one of the {process.energy.size} cells")
    shape: tuple[int, ...] = process.grid.shape
    width = 1 if len(shape) == 1 else shape[-1]
    band = np.zeros((absorbed.size, 2 * width + 1))
    cells = np.arange(absorbed.size).reshape(shape)
    rates = process.rates(temperature)
    unit = 2.0 ** np.ceil(np.log2(max(float(rate.max()) for pair in rates for rate in pair)))
    for axis, (up, down) in enumerate(rates):
        stride = 1 if axis == len(shape) - 1 else width
        first = np.take(cells, np.arange(shape[axis] - 1), axis).ravel()
        band[first, width + stride] = up.ravel() / unit
        band[first + stride, width - stride] = down.ravel() / unit
    into = np.zeros(absorbed.size)
    for offset in range(-width, width + 1):
        inside = slice(max(0, -offset), absorbed.size - max(0, offset))
        target = absorbed[max(0, offset) : absorbed.size - max(0, -offset)]
        into[inside] += np.where(target, band[inside, width + offset], 0.0)
        band[inside, width + offset] *= ~target
    band[absorbed] = 0.0
    excess = into.copy() if exits is None else into + np.ravel(exits) / unit
    pivot = _eliminate(band, excess, absorbed)
    return Elimination(band, pivot, absorbed, np.where(absorbed, 0.0, into * unit), float(unit))


def substitute(factors: Elimination, source: Array) -> Array:
    """Solve (absorption - Q) u = source ≥ 0, with u = 0 on absorbing cells; shape (cells,)."""
    source = np.ascontiguousarray(source, dtype=float).ravel()
    return _substitute(factors.band, factors.pivot, factors.absorbed, source) / factors.unit


@njit(cache=True)
def _eliminate(band: Array, excess: Array, absorbed: NDArray[np.bool_]) -> Array:
    cells, width = band.shape[0], band.shape[1] // 2
    pivot = np.ones(cells)
    for k in range(cells):
        if absorbed[k]:
            continue
        last = min(cells - 1, k + width)
        total = excess[k]
        for j in range(k + 1, last + 1):
            total += band[k, width + j - k]
        pivot[k] = max(total, 1e-300)  # a cell that nothing leaves at double precision
        for i in range(k + 1, last + 1):
            factor = band[i, width + k - i] / pivot[k]
            if factor > 0.0:
                band[i, width + k - i] = factor
                excess[i] += factor * excess[k]
                shift = width - i
                start = width - k
                for j in range(k + 1, last + 1):
                    band[i, shift + j] += factor * band[k, start + j]
                band[i, width] = 0.0  # what comes back to i itself is no jump
    return pivot


@njit(cache=True)
def _substitute(band: Array, pivot: Array, absorbed: NDArray[np.bool_], source: Array) -> Array:
    cells, width = band.shape[0], band.shape[1] // 2
    solution = source.copy()
    for k in range(cells):
        if absorbed[k]:
            solution[k] = 0.0
            continue
        total = solution[k]
        for j in range(max(0, k - width), k):
            total += band[k, width + j - k] * solution[j]
        solution[k] = total
    for k in range(cells - 1, -1, -1):
        if absorbed[k]:
            continue
        total = solution[k]
        for j in range(k + 1, min(cells - 1, k + width) + 1):
            total += band[k, width + j - k] * solution[j]
        solution[k] = total / pivot[k]
    return solution
