"""The Fokker–Planck equation of overdamped Langevin dynamics, discretised reversibly in one and two dimensions.

``dw = -∇L dt + √(2T) dW`` on a box with reflecting walls, a circle or a torus becomes a Markov jump process between the
cells of a tensor grid, with the rates of Scharfetter & Gummel (1969),

    k(i → j) = T / (h_ij · width_i) · B((L_j - L_i)/T),        B(x) = x / (eˣ - 1).

They never overflow, keep detailed balance with the weights ``volume_i · exp(-L_i/T)`` to rounding at any
temperature, and are of second order in the cell width. Axis 0 of every array of cells is the first
coordinate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import eigsh

from ..inputs.arguments import check_fields, checked_arguments
from ..potentials.boxes import CUT_OFF, walls_hold, widened
from ..potentials.potential import Potential
from .elimination import Elimination, eliminate, substitute
from .grids import Grid, grid_for
from .phase_integrals import phase_moments

Array = NDArray[np.float64]

LEAN = 0.3  # along each axis, from one end of the grid to the other
ALONE = 100  # iterations with one function before several are taken
SEVERAL = 4

__all__ = [
    "FokkerPlanck", "Grid", "bernoulli", "check_temperature", "fokker_planck", "grid_for", "phase_weights",
    "relaxation_time", "spectrum",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class FokkerPlanck:
    """The reversible jump process on the cells of a grid.

    Attributes
    ----------
    grid
        Its d axes.
    energy
        Losses at the cells' midpoints, shape ``grid.shape``.
    unwalled
        The potential, its box the grid's, if the grid's walls are no part of the model: then temperatures at which they
        cut off more than :data:`~slt_toys.potentials.boxes.CUT_OFF` of a phase's mass are refused. None for walls that
        are meant.
    """

    grid: Grid
    energy: Array
    unwalled: Potential | None = None
    # Hottest temperature at which the walls were seen to hold: they hold at all below it.
    _held: list[float] = field(default_factory=lambda: [0.0], init=False, repr=False)

    def __post_init__(self) -> None:
        check_fields(self)
        if np.shape(self.energy) != self.grid.shape or not np.isfinite(self.energy).all():
            raise ValueError(f"energy must be finite with one value per cell, shape {self.grid.shape}")

    def check_walls(self, temperature: float) -> None:
        """Refuse what is no temperature, and one at which mass lies beyond walls that are no part of the model.

        Raises
        ------
        ValueError
            In one line that says how much is cut off, and what to do.
        """
        check_temperature(temperature)
        if self.unwalled is None or temperature <= self._held[0]:
            return
        if walls_hold(self.unwalled, temperature):
            self._held[0] = float(temperature)
            return
        share, phase = _cut_off(self.unwalled, float(temperature))
        if share > CUT_OFF:
            walls = " x ".join(f"[{low:.4g}, {high:.4g}]" for low, high in self.unwalled.box)
            raise ValueError(
                f"the grid on {walls} cuts off {share:.2g} of phase {phase!r} of {self.unwalled.name} at temperature "
                f"{temperature:.3g}, more than {CUT_OFF:g}; make it by grid_for with this temperature among its own"
            )

    def rates(self, temperature: float) -> tuple[tuple[Array, Array], ...]:
        """Jump rates ``(up, down)`` along each axis, i → i + 1 and i + 1 → i; arrays are one shorter on that axis.

        With a periodic boundary they are not shorter: i + 1 of the last cell is the first.
        """
        self.check_walls(temperature)
        rates = []
        for barrier, up_over, down_over in self._spacings:
            up, down = _bernoulli_of_both_signs(barrier / temperature)
            rates.append((temperature / up_over * up, temperature / down_over * down))
        return tuple(rates)

    @cached_property
    def _spacings(self) -> tuple[tuple[Array, Array, Array], ...]:
        """Along each axis the rise of the energy, and distance times width for jumps up and down."""
        spacings, ring = [], self.grid.boundary == "periodic"
        for axis, (edges, centers) in enumerate(zip(self.grid.edges, self.grid.centers, strict=True)):
            column = (slice(None),) + (None,) * (self.grid.dimension - 1 - axis)
            energy = self.energy
            if ring:
                edges = np.append(edges, edges[-1] + edges[1] - edges[0])
                centers = np.append(centers, centers[0] + edges[-2] - edges[0])
                energy = np.concatenate([energy, np.take(energy, [0], axis)], axis)
            step, width = np.diff(centers)[column], np.diff(edges)[column]
            spacings.append((np.diff(energy, axis=axis), step * width[:-1], step * width[1:]))
        return tuple(spacings)

    def generator(self, temperature: float) -> sparse.csr_array:
        """Generator Q, with rows that sum to zero: observables obey du/dt = Q u, cell masses dp/dt = Qᵀ p."""
        cells = np.arange(self.grid.volumes.size).reshape(self.grid.shape)
        rows, columns, values = [], [], []
        for axis, (up, down) in enumerate(self.rates(temperature)):
            count = cells.shape[axis]
            first = np.take(cells, np.arange(up.shape[axis]), axis).ravel()
            second = np.take(cells, np.arange(1, up.shape[axis] + 1) % count, axis).ravel()
            rows += [first, second]
            columns += [second, first]
            values += [up.ravel(), down.ravel()]
        jumps = sparse.csr_array(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(cells.size, cells.size)
        )
        return sparse.csr_array(jumps - sparse.diags_array(np.asarray(jumps.sum(axis=1)).ravel()))

    def log_stationary(self, temperature: float) -> Array:
        """Logarithms of the stationary masses of the cells, shape ``grid.shape``."""
        self.check_walls(temperature)
        weights = np.log(self.grid.volumes) - self.energy / temperature
        top = weights.max()
        return weights - top - np.log(np.exp(weights - top).sum())

    def stationary(self, temperature: float) -> Array:
        """Stationary masses of the cells, ∝ volume · exp(-L/T), shape ``grid.shape``."""
        return np.exp(self.log_stationary(temperature))


def fokker_planck(potential: Potential, grid: Grid) -> FokkerPlanck:
    """Discretise a potential on a grid of as many axes as it has coordinates."""
    if potential.dimension != grid.dimension:
        raise ValueError(
            f"grid has {grid.dimension} axes; potential {potential.name} has {potential.dimension} coordinates"
        )
    walls = tuple((float(edges[0]), float(edges[-1])) for edges in grid.edges)
    if potential.boundary == "periodic" and (grid.boundary != "periodic" or not _whole_turns(walls, potential.box)):
        raise ValueError(
            f"grid must be periodic over whole periods of {potential.name}, as grid_for makes it, not {grid.boundary} "
            f"on {walls}"
        )
    unwalled = replace(potential, box=walls) if grid.boundary == potential.boundary == "natural" else None
    process = FokkerPlanck(grid, potential.energy_function()(grid.points), unwalled)
    if grid.boundary == "periodic":
        _check_period(potential, grid)
    group, highest = grid.made_for
    if any(potential is own for own in group):
        process._held[0] = highest
    return process


def _whole_turns(walls: Sequence[tuple[float, float]], box: Sequence[tuple[float, float]]) -> bool:
    turns = np.array([(b - a) / (high - low) for (a, b), (low, high) in zip(walls, box, strict=True)])
    return bool((np.abs(turns - turns.round()) < 1e-9).all() and (turns > 0.5).all())


def _check_period(potential: Potential, grid: Grid) -> None:
    """Refuse a circle on which the energy does not repeat itself: it would jump where the circle closes."""
    energy, points = potential.energy_function(), grid.points
    for axis, edges in enumerate(grid.edges):
        ends = []
        for edge in (edges[0], edges[-1]):
            at = np.take(points, [0], axis).copy()
            at[..., axis] = edge
            ends.append(energy(at))
        if np.abs(ends[1] - ends[0]).max() > 1e-9 * np.ptp(energy(points)):
            raise ValueError(
                f"energy of {potential.name} differs at {potential.coordinates[axis]} = {edges[0]:.6g} and "
                f"{edges[-1]:.6g}, the two ends of a period; give a box of one whole period"
            )


@lru_cache(maxsize=256)
def _cut_off(unwalled: Potential, temperature: float) -> tuple[float, str]:
    """Largest share of a phase's mass beyond the walls, and the phase's name."""
    n_beta = np.array([1 / temperature])
    walled = replace(unwalled, boundary="reflecting")
    worst = (0.0, "")
    for number, phase in enumerate(unwalled.phases):
        whole = phase_moments(widened(unwalled, temperature), n_beta, [number])[0].moments.log_integral[0]
        try:
            inside = phase_moments(walled, n_beta, [number])[0].moments.log_integral[0]
        except ValueError:  # none of the phase is inside
            inside = -np.inf
        worst = max(worst, (float(-np.expm1(min(inside - whole, 0.0))), phase.name))
    return worst


@checked_arguments(finite=False)
def check_temperature(temperature: float) -> None:
    """Refuse what is not a positive, finite temperature."""
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be positive and finite, not {temperature}")


def bernoulli(x: ArrayLike) -> Array:
    """B(x) = x/(eˣ - 1), which never overflows: B(-∞) = ∞ linearly, B(0) = 1, B(∞) = 0."""
    return _bernoulli_of_both_signs(np.asarray(x, dtype=float))[0]


def _bernoulli_of_both_signs(x: Array) -> tuple[Array, Array]:
    """B(x) and B(-x), of which one is the other times exp(-|x|)."""
    magnitude = np.abs(x)
    zero = magnitude < 1e-300
    safe = np.where(zero, 1.0, magnitude)
    at_minus = np.where(zero, 1.0, -safe / np.expm1(-safe))  # B(-|x|), between 1 and 1 + |x|
    at_plus = at_minus * np.exp(-magnitude)
    return np.where(x > 0, at_plus, at_minus), np.where(x < 0, at_plus, at_minus)


def phase_weights(potential: Potential, phase: str | int, grid: Grid) -> Array:
    """The fraction of each cell's volume that lies in a phase's region, shape ``grid.shape``."""
    number = potential.phase_number(phase)
    share = 8
    fine = []
    for edges in grid.edges:
        offsets = (np.arange(share) + 0.5) / share
        fine.append((edges[:-1, None] + np.diff(edges)[:, None] * offsets).ravel())
    inside = potential.phase_index(np.stack(np.meshgrid(*fine, indexing="ij"), axis=-1)) == number
    parts = [size for cells in grid.shape for size in (cells, share)]
    return inside.reshape(parts).mean(axis=tuple(range(1, 2 * grid.dimension, 2)))


# ---- spectrum ------------------------------------------------------------------------------------------------------
@checked_arguments
def spectrum(process: FokkerPlanck, temperature: float, count: int = 6) -> Array:
    """Smallest ``count`` relaxation rates, in ascending order; the first is 0.

    In one dimension the symmetrised generator is -FᵀF with F bidiagonal (its entries are √rate), and
    bisection on F gives every singular value to high relative accuracy, however small (Demmel & Kahan 1990).
    In two dimensions and on a circle the rates beyond the second are good to 1e-12 times the largest rate.
    """
    check_temperature(temperature)
    size = process.energy.size
    if not 1 <= count <= size:
        raise ValueError(f"count must lie between 1 and the number of cells {size}, not {count}")
    if process.grid.is_line:
        up, down = process.rates(temperature)[0]
        # Golub–Kahan form: zero diagonal, F's entries interleaved; its eigenvalues are ± the singular values and 0.
        beside = np.sqrt(np.column_stack([up, down]).ravel())
        top = size - 1 + count - 1
        singular = eigh_tridiagonal(
            np.zeros(2 * size - 1), beside, eigvals_only=True, select="i", select_range=(size - 1, top),
            lapack_driver="stebz", tol=1e-300,
        )  # fmt: skip
        return np.concatenate([[0.0], np.sort(np.abs(singular[1:])) ** 2])
    if count == 1:
        return np.zeros(1)
    generator = process.generator(temperature)
    forward = sparse.triu(generator, 1).tocsr()
    backward = sparse.csr_array(sparse.tril(generator, -1).T)
    diagonal = np.asarray(generator.diagonal(), dtype=float)
    beside = sparse.csr_array(np.sqrt(forward.multiply(backward)))  # type: ignore[call-overload]
    symmetric = sparse.csc_array(beside + beside.T + sparse.diags_array(diagonal))
    first = 1 / relaxation_time(process, temperature)
    fast = 1e-4 * -float(np.median(diagonal))
    start = np.sqrt(process.stationary(temperature)).ravel() + 1 / size
    values = eigsh(symmetric, k=min(count, size - 2), sigma=fast, v0=start, return_eigenvectors=False)
    rates = np.sort(np.negative(np.asarray(values, dtype=float)))
    rates[:2] = 0.0, first
    return rates


@checked_arguments
def relaxation_time(
    process: FokkerPlanck, temperature: float, tolerance: float = 1e-10, iterations: int = 500
) -> float:
    """Longest relaxation time, 1 / spectral gap, to high relative accuracy even where the gap is 1e-100.

    Inverse iteration with the generator's Green function, pinned at the most probable cell and applied by an
    elimination that subtracts nothing (:mod:`slt_toys.exact.elimination`); the Rayleigh quotient converges as the
    ratio of the first two rates, squared. Where those nearly coincide, as among three wells at some temperature, a few
    functions are iterated together: their largest quotient converges as the ratio of the first rate to the next beyond
    them. Infinite where it exceeds 1e290 of the fastest jumps.
    """
    weights = process.stationary(temperature).ravel()
    pinned = int(np.argmax(weights))
    factors = eliminate(process, temperature, np.arange(weights.size) == pinned)
    # Start from the phase that is hardest to leave: mean first passage times to the pinned cell. They lean, or those of
    # a symmetric energy would have no share of a slowest mode without its symmetry.
    lean = sum(LEAN * np.indices(process.grid.shape)[k] / size for k, size in enumerate(process.grid.shape))
    shape = substitute(factors, np.ones(weights.size)) * (1 + np.ravel(lean))
    time = np.inf
    for _ in range(min(iterations, ALONE)):
        scale = np.abs(shape).max()
        if not np.isfinite(scale) or scale * factors.unit > 1e290:
            return float("inf")
        shape = shape / scale
        shape = shape - (weights * shape).sum()
        response = substitute(factors, np.maximum(shape, 0.0)) - substitute(factors, np.maximum(-shape, 0.0))
        centred = response - (weights * response).sum()
        scale = max(np.abs(centred).max(), np.finfo(float).tiny)
        centred = centred / scale
        before, time = time, float(scale * (weights * centred**2).sum() / (weights * centred * shape).sum())
        if abs(time - before) <= tolerance * time:
            return time
        shape = centred
    return _time_of_several(factors, weights, shape, tolerance, iterations)


def _time_of_several(factors: Elimination, weights: Array, shape: Array, tolerance: float, iterations: int) -> float:
    """The same by :data:`SEVERAL` functions, the first of them nearly settled: Rayleigh and Ritz's quotients."""
    random = np.random.default_rng(0).standard_normal((weights.size, SEVERAL - 1))
    block, root, time = np.column_stack([shape, random]), np.sqrt(weights), np.inf
    for _ in range(iterations):
        block = block / np.abs(block).max(axis=0)
        block = block - weights @ block
        triangle = np.asarray(np.linalg.qr(root[:, None] * block, mode="r"))
        block = np.linalg.solve(triangle.T, block.T).T  # each of mean square 1, and none like another
        response = np.column_stack([
            substitute(factors, np.maximum(f, 0.0)) - substitute(factors, np.maximum(-f, 0.0)) for f in block.T
        ])  # fmt: skip
        response = response - weights @ response
        products = block.T @ (weights[:, None] * response)
        values, vectors = np.linalg.eigh((products + products.T) / 2)
        before, time = time, float(values[-1])
        if abs(time - before) <= tolerance * time:
            return time
        block = response @ vectors
    raise ValueError(f"relaxation_time did not settle in {iterations} iterations: many rates nearly coincide")
