"""Recorded passages of a tempered posterior at many temperatures, tabulated once: what the escape thermometer looks up.

As in :mod:`slt_toys.exact.recorded_passage` a path is seen only every Δ, and τ(w), the expected draws until it is first
seen at or beyond a level of one coordinate, solves τ = 1 + Pτ this side of it. The table holds log τ on a raster of
places at Chebyshev nodes of log(n_beta), in one or two dimensions; between them it is a polynomial.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import map_coordinates
from scipy.sparse.linalg import LinearOperator, gmres

from ..inputs.arguments import checked_arguments
from ..potentials.periodic import refuse_periodic
from ..potentials.potential import Potential
from .fokker_planck import fokker_planck, grid_for
from .grids import Grid
from .propagator import propagator
from .recorded_passage import recorded_passage

Array = NDArray[np.float64]

__all__ = ["PassageTable", "passage_table"]

NODES = 9  # temperatures; a table of 13 differs by less than 1e-4 over a factor of 6 (tested)
RASTER = {1: (600,), 2: (120, 60)}  # places along each axis
CELLS_ACROSS = 40  # of the grid along the second axis of two
CELLS_ALONG = 64  # along the axis of the level, evenly
SOLVED = 1e-7  # of the linear system; what is left changes τ by as much of itself
PROPAGATOR_SUBSTEPS = 2
REACH = 6.0  # standard deviations of a step of Δ by which a raster may be extended beyond a level


@dataclass(frozen=True, eq=False)
class PassageTable:
    """log τ on a raster, at nodes of log(n_beta).

    Attributes
    ----------
    axes
        The raster's places along each coordinate.
    nodes
        log(n_beta), rising.
    log_draws
        Shape (nodes, *raster).
    between
        Least and largest n_beta.
    """

    axes: tuple[Array, ...]
    nodes: Array
    log_draws: Array
    between: tuple[float, float]

    def at_nodes(self, points: Array) -> Array:
        """τ at points (n, d) this side of the level and every node, shape (nodes, n)."""
        return np.stack([self._read(values, points) for values in self.log_draws])

    def at(self, log_n_beta: float, points: Array) -> Array:
        """τ at points (..., d) and one inverse temperature, shape (...)."""
        weights = self.weights(log_n_beta)
        values = np.tensordot(weights, self.log_draws, 1)
        return self._read(values, points.reshape(-1, points.shape[-1])).reshape(points.shape[:-1])

    def weights(self, log_n_beta: float) -> Array:
        """Lagrange's weights of the nodes at one inverse temperature."""
        away = log_n_beta - self.nodes
        shares = [np.prod(np.delete(away, k) / np.delete(node - self.nodes, k)) for k, node in enumerate(self.nodes)]
        return np.array(shares, dtype=np.float64)

    def _read(self, values: Array, points: Array) -> Array:
        places = np.stack([
            np.clip((points[:, k] - axis[0]) / (axis[1] - axis[0]), 0, axis.size - 1)
            for k, axis in enumerate(self.axes)
        ])  # fmt: skip
        return np.exp(map_coordinates(values, places, order=1, mode="nearest"))


@checked_arguments
@lru_cache(maxsize=32)
def passage_table(
    potential: Potential, interval: float, start: float, target: float, between: tuple[float, float], axis: int = 0
) -> PassageTable:
    """Tabulate a potential of one or two coordinates.

    Parameters
    ----------
    potential
        The loss.
    interval
        Langevin time Δ between draws.
    start, target
        A level this side, and the level at which a path has arrived, of coordinate ``axis``.
    between
        Least and largest n_beta, within a factor of 20 of one another.
    axis
        The coordinate.

    Raises
    ------
    ValueError
        For more coordinates, an interval that is not positive, equal levels, or a range that is none.
    """
    refuse_periodic("a recorded passage of a level", "ask exact.kinetics for mean_exit_time", potential=potential)
    low, high = between
    if not (0 < low < high <= 20 * low):
        raise ValueError(
            f"between must hold two positive n_beta within a factor of 20, the smaller first, not {between}"
        )
    if potential.dimension not in RASTER or not 0 <= axis < potential.dimension:
        raise ValueError(f"potential must have one or two coordinates, axis among them, not {potential.dimension}")
    if not (np.isfinite(interval) and interval > 0) or start == target:
        raise ValueError(
            f"interval must be positive, and start and target two levels, not {interval}, {start}, {target}"
        )
    middle, half = (np.log(low) + np.log(high)) / 2, (np.log(high) - np.log(low)) / 2
    nodes = middle - half * np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    # Cells reach as far as the hottest of the temperatures does.
    edges = grid_for(potential, [1 / high, 1 / low]).edges
    axes = tuple(_raster(own[0], own[-1], target if k == axis else None, start, RASTER[potential.dimension][k])
                 for k, own in enumerate(edges))  # fmt: skip
    draws = _on_line if potential.dimension == 1 else _on_plane
    logs = np.stack([draws(potential, float(np.exp(-x)), interval, start, target, axis, axes) for x in nodes])
    return PassageTable(axes, nodes, logs, (float(low), float(high)))


def _raster(low: float, high: float, target: float | None, start: float, count: int) -> Array:
    if target is None:
        return np.linspace(low, high, count)
    return np.linspace(low, target, count) if start < target else np.linspace(target, high, count)


def _on_line(
    potential: Potential, temperature: float, interval: float, start: float, target: float, axis: int,
    axes: tuple[Array, ...],
) -> Array:  # fmt: skip
    return np.log(recorded_passage(potential, temperature, interval, start, target)(axes[0]))


def _on_plane(
    potential: Potential, temperature: float, interval: float, start: float, target: float, axis: int,
    axes: tuple[Array, ...],
) -> Array:  # fmt: skip
    """Solve τ = 1 + Pτ this side of the level, P applied column by column."""
    own = grid_for(potential, [temperature], [CELLS_ALONG if k == axis else CELLS_ACROSS for k in range(2)])
    edges = list(own.edges)
    edges[axis] = _with_edge(edges[axis], target)
    grid = Grid(tuple(edges))
    centers = grid.centers
    waits = np.sign(target - start) * (target - grid.points[..., axis]) > 0
    step = propagator(fokker_planck(potential, grid), temperature, interval, PROPAGATOR_SUBSTEPS)
    flat = waits.ravel()

    def stays(values: Array) -> Array:
        whole = np.zeros((flat.size, 1))
        whole[flat, 0] = values.ravel()
        return values.ravel() - step.observables(whole)[flat, 0]

    size = int(flat.sum())
    operator = LinearOperator((size, size), matvec=stays, dtype=float)
    solved, told = gmres(operator, np.ones(size), rtol=SOLVED, restart=80, maxiter=10)
    if told:
        raise ValueError(f"recorded passages at temperature {temperature:.3g} did not settle: take a higher one")
    draws = np.ones(flat.size)
    draws[flat] = np.maximum(solved, 1.0)
    values = np.log(draws.reshape(grid.shape))
    inside = waits.any(axis=1 - axis)
    values = np.compress(inside, values, axis=axis)
    places = [centers[k][inside] if k == axis else centers[k] for k in range(2)]
    read = RegularGridInterpolator(places, values, method="linear", bounds_error=False, fill_value=None)
    clipped = [np.clip(a, c[0], c[-1]) for a, c in zip(axes, places, strict=True)]
    return read(np.stack(np.meshgrid(*clipped, indexing="ij"), axis=-1))


def _with_edge(edges: Array, level: float) -> Array:
    """Move the edge next to a level onto it."""
    moved = edges.copy()
    moved[np.abs(edges - level).argmin()] = level
    return moved
