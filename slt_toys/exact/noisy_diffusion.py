"""Diffusions whose noise differs from place to place and along the axes, exactly: no tempered posterior, but solved.

Itô: dwₖ = -∂ₖL dt + √(2T dₖ(w)) dWₖ, with one factor dₖ on the temperature T for each axis, becomes the jump process

    k(i → j) = T dₖ(i) / (h_ij · width_i) · B(Ψ_j - Ψ_i),        Ψ_j - Ψ_i = (L_j - L_i) / (T · mean of dₖ),

between the cells of a grid. In one dimension it keeps detailed balance with exp(-Ψ)/d [eq:noisy-density] to rounding.
In two it has a current where dₖ are no multiples of one another, and its stationary law is a linear solve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from ..inputs.arguments import checked_arguments
from ..potentials.boxes import loss_unit
from ..potentials.periodic import refuse_periodic
from ..potentials.potential import Potential
from .energies import energy_table
from .fokker_planck import FokkerPlanck, bernoulli, check_temperature, phase_weights
from .grids import Grid

Array = NDArray[np.float64]

__all__ = ["NoisyDiffusion", "expected_readings", "mean_passage", "noisy_diffusion"]


@dataclass(frozen=True, eq=False)
class NoisyDiffusion(FokkerPlanck):
    """The jump process of a diffusion by place and axis; a temperature multiplies all of it.

    Attributes
    ----------
    factors
        dₖ at the cells' midpoints, one array of the grid's shape for each axis.
    """

    factors: tuple[Array, ...] = field(default=())

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.grid.boundary == "periodic":
            raise ValueError("grid must have walls, not be periodic, for a diffusion that differs by place")
        shapes = [np.shape(factor) for factor in self.factors]
        if shapes != [self.grid.shape] * self.grid.dimension:
            raise ValueError(f"factors must be one array of shape {self.grid.shape} for each axis, not {shapes}")
        if not all(np.isfinite(factor).all() and (factor > 0).all() for factor in self.factors):
            raise ValueError("factors must be finite and positive in every cell")

    def rates(self, temperature: float) -> tuple[tuple[Array, Array], ...]:
        """Jump rates ``(up, down)`` along each axis."""
        check_temperature(temperature)
        found = []
        for axis, (edges, centers) in enumerate(zip(self.grid.edges, self.grid.centers, strict=True)):
            column = (slice(None),) + (None,) * (self.grid.dimension - 1 - axis)
            step, width = np.diff(centers)[column], np.diff(edges)[column]
            factor = np.moveaxis(self.factors[axis], axis, 0)
            between = np.moveaxis((factor[1:] + factor[:-1]) / 2, 0, axis)
            low, high = (np.moveaxis(part, 0, axis) for part in (factor[:-1], factor[1:]))
            rise = np.diff(self.energy, axis=axis) / (temperature * between)
            up = temperature * low / (step * width[:-1]) * bernoulli(rise)
            down = temperature * high / (step * width[1:]) * bernoulli(-rise)
            found.append((up, down))
        return tuple(found)

    def log_stationary(self, temperature: float) -> Array:
        """Logarithms of the stationary masses of the cells, shape ``grid.shape``."""
        if self.grid.dimension == 1:
            (up, down), *_ = self.rates(temperature)
            ratios = np.log(up) - np.log(down)
            weights = np.concatenate([[0.0], np.cumsum(ratios)])
            weights -= weights.max()
            return weights - np.log(np.exp(weights).sum())
        masses = self._null_vector(temperature)
        with np.errstate(divide="ignore"):
            return np.log(masses)

    def _null_vector(self, temperature: float) -> Array:
        """Stationary masses of a current-carrying process: Qᵀ p = 0 with the heaviest guess held."""
        balance = sparse.csc_array(self.generator(temperature).T)
        held = int(np.argmin(self.energy))
        rest = np.arange(self.energy.size) != held
        keep = np.flatnonzero(rest)
        inner = sparse.csc_array(balance[keep][:, keep])
        column = balance[keep][:, [held]].toarray().ravel()
        masses = np.empty(self.energy.size)
        masses[held], masses[rest] = 1.0, splu(inner).solve(-column)
        return (np.maximum(masses, 0) / np.maximum(masses, 0).sum()).reshape(self.grid.shape)


@checked_arguments
def noisy_diffusion(potential: Potential, grid: Grid, factors: Callable[[Array], ArrayLike]) -> NoisyDiffusion:
    """Discretise a potential with a function of points (..., d) whose values (..., d) are the factors of the axes."""
    refuse_periodic("a diffusion that differs by place", "give walls, boundary='reflecting'", potential=potential)
    if potential.dimension != grid.dimension:
        raise ValueError(
            f"grid has {grid.dimension} axes; potential {potential.name} has {potential.dimension} coordinates"
        )
    values = np.asarray(factors(grid.points), dtype=float)
    if values.shape != grid.points.shape:
        raise ValueError(f"factors must have values of shape {grid.points.shape}, not {values.shape}")
    energy = potential.energy_function()(grid.points)
    return NoisyDiffusion(grid, energy, None, tuple(np.moveaxis(values, -1, 0)))


@checked_arguments
def mean_passage(process: FokkerPlanck, temperature: float, arrived: NDArray[np.bool_]) -> Array:
    """Mean time from every cell to a set of cells, by a sparse solve; 0 there.

    Unlike :func:`slt_toys.exact.kinetics.mean_first_passage_time` it takes a process with currents; where passages
    take beyond 1e10 relaxation times its accuracy fades.
    """
    if np.shape(arrived) != process.grid.shape or not arrived.any() or arrived.all():
        raise ValueError(f"arrived must mark some cells, not all, in shape {process.grid.shape}")
    waits = np.flatnonzero(~arrived.ravel())
    generator = process.generator(temperature)[waits][:, waits]
    times = np.zeros(process.energy.size)
    times[waits] = splu(sparse.csc_array(-generator)).solve(np.ones(waits.size))
    return times.reshape(process.grid.shape)


@checked_arguments
def expected_readings(
    potential: Potential,
    process: FokkerPlanck,
    temperature: float,
    axis: int = 0,
    between: tuple[float, float] | None = None,
) -> dict[str, float]:
    """Inverse temperatures that thermometers read in the stationary state, for two phases and paths watched throughout.

    Parameters
    ----------
    potential
        What the thermometers know.
    process
        What is really there, such as a :class:`NoisyDiffusion`.
    temperature
        Of the process.
    axis
        Coordinate whose levels, those of the minima, begin and end an escape.
    between
        Inverse temperatures looked through; by default from 0.1 to 1e4 in the potential's own unit of 1/loss.

    Returns
    -------
    dict
        By name: the energy in each phase, occupancy, and the escape from each phase. NaN where nothing between suits.
    """
    refuse_periodic("what escapes read", "give walls, boundary='reflecting'", potential=potential)
    names = [phase.name for phase in potential.phases]
    if len(names) != 2:
        raise ValueError(f"potential must have two phases, not {len(names)}")
    if between is None:
        between = 0.1 / loss_unit(potential), 1e4 / loss_unit(potential)
    masses, table = process.stationary(temperature), energy_table(potential, between)
    weights = [phase_weights(potential, k, process.grid) * masses for k in range(2)]
    logs, found = (np.log(between[0]), np.log(between[1])), {}
    for k, name in enumerate(names):
        mean = float((weights[k] * process.energy).sum() / weights[k].sum() - potential.minimum_loss(k))
        found[f"energy in {name}"] = _inverse(lambda x, k=k, m=mean: float(table.log_means(x)[k + 1]) - np.log(m), logs)
    share = float(weights[0].sum() / (weights[0].sum() + weights[1].sum()))
    found["occupancy"] = _inverse(lambda x: float(table.occupancies(x)[0]) - share, logs)
    tempered = FokkerPlanck(Grid(process.grid.edges), process.energy)
    levels = [float(potential.minimum_point(k)[axis]) for k in range(2)]
    places = process.grid.points[..., axis]
    for k, name in enumerate(names):
        sign = np.sign(levels[1 - k] - levels[k])
        arrived = sign * (places - levels[1 - k]) >= 0
        start = process.grid.cell(potential.minimum_point(k))
        time = float(mean_passage(process, temperature, arrived).ravel()[start])

        def longer(x: float, start: int = start, time: float = time, arrived: NDArray[np.bool_] = arrived) -> float:
            return float(np.log(mean_passage(tempered, float(np.exp(-x)), arrived).ravel()[start] / time))

        middle = -np.log(temperature)
        found[f"escape from {name}"] = _inverse(longer, (middle - 1.2, middle + 0.8))
    return found


def _inverse(excess: Callable[[float], float], logs: tuple[float, float]) -> float:
    """exp of where a function of log(n_beta) is zero."""
    if excess(logs[0]) * excess(logs[1]) > 0:
        return float("nan")
    return float(np.exp(scipy.optimize.brentq(excess, *logs, xtol=1e-8)))  # type: ignore[arg-type]
