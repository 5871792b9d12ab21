"""What draws are compared with: moments, phase occupancies and marginal distributions by quadrature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from scipy.interpolate import CubicSpline

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.equilibrium import marginal_density, phase_table
from slt_toys.potentials.catalogue import POTENTIAL_NAMES, find_potential
from tests.samplers.checks import Array

POINTS = 801
RAREST = 0.02  # the rarest phase whose count is nearly normal


@dataclass(frozen=True)
class ExactLaw:
    """Observables of points (size, d) with their exact means, and exact distributions of single coordinates."""

    observables: dict[str, tuple[Callable[[Array], Array], float]]
    distributions: dict[int, Callable[[Array], Array]]


@lru_cache
def exact_law(name: str, n_beta: float) -> ExactLaw:
    """Energy, occupancy, and of the first and the last coordinate mean, square and distribution."""
    potential = find_potential(name)
    table = phase_table(potential, n_beta)
    observables: dict[str, tuple[Callable[[Array], Array], float]] = {
        "energy": (potential.energy_function(), table["total_mean_loss"].item())
    }
    share = float(table["occupancy"].values[0, 0])
    if RAREST < share < 1 - RAREST:
        observables["occupancy"] = (lambda x: (potential.phase_index(x) == 0).astype(float), share)
    distributions: dict[int, Callable[[Array], Array]] = {}
    for k in sorted({0, potential.dimension - 1}):
        grid = np.linspace(*potential.box[k], POINTS)
        density = CubicSpline(grid, marginal_density(potential, k, n_beta, grid)[0])
        label = potential.coordinates[k].name
        for power in (1, 2):
            mean = CubicSpline(grid, density(grid) * grid**power).integrate(grid[0], grid[-1])
            observables[f"{label}^{power}"] = (partial(_power, k, power), float(mean))
        distributions[k] = partial(_distribution, density.antiderivative(), *potential.box[k])
        assert abs(distributions[k](grid[-1:])[0] - 1) < 1e-6
    return ExactLaw(observables, distributions)


@lru_cache(maxsize=2)
def exact_start(name: str, n_beta: float, size: int, seed: int) -> Array:
    """Independent exact draws; neighbours in the list of pairs share a repetition's."""
    return draw_exact(find_potential(name), n_beta, size, (seed, POTENTIAL_NAMES.index(name)))


def _power(k: int, power: int, x: Array) -> Array:
    return x[:, k] ** power


def _distribution(spline: CubicSpline, low: float, high: float, x: Array) -> Array:
    return spline(np.clip(x, low, high))
