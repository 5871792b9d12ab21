"""Linear systems of a jump process, solved without a single subtraction.

Mean first passage times, committors and Green functions solve (absorption - Q) u = f with f ≥ 0. Elimination
in terms of the off-diagonal rates and each row's excess (what it loses to absorption), as Grassmann, Taksar &
Heyman (1985) do for stationary laws, only adds, multiplies and divides non-negative numbers. So every
component is right to high relative accuracy, even where a crossing takes 1e200 units of time (O'Cinneide
1993), while an ordinary factorisation drowns a crossing rate below 1e-16 of the largest rate. A line is eliminated from
one end to the other, a plane or a circle by nested dissection (:mod:`slt_toys.exact.dissection`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .dissection import SparseFactors, dissection, factor, solve

if TYPE_CHECKING:
    from .fokker_planck import FokkerPlanck
    from .grids import Grid

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Elimination:
    """Factors of (absorption - Q) on the cells that are not absorbing."""

    # On a line band[k, 1 + m]: rate from cell k to cell k + m after elimination, (cells, 3), and the pivots, (cells,).
    factors: tuple[Array, Array] | SparseFactors
    absorbed: NDArray[np.bool_]  # whether each cell absorbs, (cells,)
    into: Array  # rate from each cell into the absorbing ones, before elimination, (cells,)
    # A power of two near the largest rate: factors are in units of it, so that neither small nor large units of
    # time come near the ends of what doubles hold.
    unit: float


def eliminate(
    process: FokkerPlanck, temperature: float, absorbing: NDArray[np.bool_], exits: Array | None = None,
    reaching: Array | None = None,
) -> Elimination:  # fmt: skip
    """Factor -Q with absorbing cells taken out.

    Parameters
    ----------
    process, temperature
        The jump process.
    absorbing
        Mask of the absorbing cells, any shape with one entry per cell, at least one of them set.
    exits
        Further absorption rates of the cells, ≥ 0.
    reaching
        Rates from the cells into the absorbing ones, in place of the grid's own.
    """
    absorbed = np.array(absorbing, dtype=bool).ravel()
    if absorbed.size != process.energy.size or not absorbed.any():
        raise ValueError(f"absorbing must mark at least one of the {process.energy.size} cells")
    rates = process.rates(temperature)
    unit = 2.0 ** np.ceil(np.log2(max(float(rate.max()) for pair in rates for rate in pair)))
    up, down = (np.concatenate([pair[way].ravel() for pair in rates]) / unit for way in (0, 1))
    more = 0.0 if exits is None else np.ravel(exits) / unit
    made = _on_line if process.grid.is_line else _on_plane
    given = None if reaching is None else np.where(absorbed, 0.0, np.ravel(reaching) / unit)
    factors, into = made(process.grid, up, down, absorbed, more, given)
    return Elimination(factors, absorbed, np.where(absorbed, 0.0, into * unit), float(unit))


def _on_line(
    grid: Grid, up: Array, down: Array, absorbed: NDArray[np.bool_], exits: float | Array, given: Array | None
) -> tuple[tuple[Array, Array], Array]:
    band = np.zeros((absorbed.size, 3))
    band[:-1, 2] = up
    band[1:, 0] = down
    into = np.zeros(absorbed.size)
    for offset in (-1, 0, 1):
        inside = slice(max(0, -offset), absorbed.size - max(0, offset))
        target = absorbed[max(0, offset) : absorbed.size - max(0, -offset)]
        into[inside] += np.where(target, band[inside, 1 + offset], 0.0)
        band[inside, 1 + offset] *= ~target
    band[absorbed] = 0.0
    into = into if given is None else given
    return (band, _eliminate(band, into + exits, absorbed)), into


def _on_plane(
    grid: Grid, up: Array, down: Array, absorbed: NDArray[np.bool_], exits: float | Array, given: Array | None
) -> tuple[SparseFactors, Array]:
    order = dissection(grid.shape, grid.boundary == "periodic")
    lower, upper = order.cells
    into = np.zeros(absorbed.size)
    np.add.at(into, lower, up * absorbed[upper])
    np.add.at(into, upper, down * absorbed[lower])
    into = into if given is None else given
    among = ~(absorbed[lower] | absorbed[upper])
    excess = np.where(absorbed, 0.0, into + exits)
    return factor(order, up * among, down * among, excess), into


def substitute(factors: Elimination, source: Array) -> Array:
    """Solve (absorption - Q) u = source ≥ 0, with u = 0 on absorbing cells; shape (cells,)."""
    source = np.ascontiguousarray(source, dtype=float).ravel()
    if isinstance(factors.factors, tuple):
        return _substitute(*factors.factors, factors.absorbed, source) / factors.unit
    order, solution = factors.factors.shape.order, np.zeros((source.size, 1))
    value = np.where(factors.absorbed, 0.0, source)[order, None]
    solve(factors.factors, value)
    solution[order] = value
    return solution[:, 0] / factors.unit


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
