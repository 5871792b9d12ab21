"""Exact shares of SGD's runs that end in a phase, in two coupled coordinates, from the kernels of their epochs.

Phases end at places of the first coordinate, whatever the second. One sweep forwards before the switches and one
backwards after them give every switch epoch; runs that do not share their epochs after the switch are refused, as each
would take a sweep of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import sympy
from numpy.typing import NDArray

from ..potentials.potential import Potential, interval_edge
from .sgd_plane import RESOLUTION, Plane, PlaneEpoch, ceiling_of, transfer_in_plane
from .sgd_stuck import COSTLY_CROSSING, HOTTER, MOST_ERROR, KernelShares, Sweep

Array = NDArray[np.float64]
RASTER = 2_001  # of a border, along the second coordinate

__all__ = ["borders_in_plane", "shares_in_plane"]


def borders_in_plane(potential: Potential, phase: str) -> tuple[float, float]:
    """Where a phase ends along the first coordinate, which alone decides; infinite where it does not.

    Raises
    ------
    ValueError
        For a region that is no interval of the first coordinate.
    """
    low, high = -np.inf, np.inf
    region = potential.phases[potential.phase_number(phase)].region
    for condition in sympy.And.make_args(region) if region is not sympy.true else ():
        edge, below = interval_edge(condition, potential.coordinates[0])
        if below:
            high = min(high, float(edge))
        else:
            low = max(low, float(edge))
    return low, high


def shares_in_plane(
    runs: Sequence[Sequence[PlaneEpoch]], switch_epochs: Sequence[int], start: Callable[[Array], Array],
    borders: tuple[float, float], *, resolution: float = RESOLUTION,
) -> KernelShares:  # fmt: skip
    """Final share between the borders of each run.

    Parameters
    ----------
    runs
        Epochs of each run. Runs are one until they switch, and one from any epoch on that follows their switches.
    switch_epochs
        First epoch of each run's last stage.
    start
        Density of the weights at the beginning, up to a factor; takes points (..., 2).
    borders
        See :func:`borders_in_plane`.
    resolution
        Spacing of the grids over the standard deviation of a step's noise.

    Returns
    -------
    KernelShares

    Raises
    ------
    ValueError
        In one line, for runs that do not share their epochs or go on crossing to the end, noise that no grid resolves,
        and where more than :data:`~slt_toys.exact.sgd_stuck.MOST_ERROR` of a run is lost.
    """
    if not runs or any(not run for run in runs) or len(switch_epochs) != len(runs):
        raise ValueError("runs must hold at least one run of at least one epoch, with a switch epoch for each")
    found = _PlaneSweep(runs, list(switch_epochs), start, borders, resolution).aligned()
    if found is None:
        raise ValueError(
            "runs: in two coupled coordinates they must share their epochs after the switch and freeze in them; sample "
            "such runs"
        )
    if not found.lost < MOST_ERROR:
        raise ValueError(f"runs: {found.lost:.2g} of their mass leaves the grid of the kernel; sample them")
    return found


class _PlaneSweep(Sweep):
    """As in one coordinate, on grids of two."""

    def __init__(
        self, runs: Sequence[Sequence[PlaneEpoch]], switches: list[int], start: Callable[[Array], Array],
        borders: tuple[float, float], resolution: float,
    ) -> None:  # fmt: skip
        super().__init__(runs, switches, start, borders, resolution)  # type: ignore[arg-type]
        self.negligible = COSTLY_CROSSING
        self.kernels: dict[tuple[object, ...], Plane] = {}
        self.passes: dict[int, tuple[float, float]] = {}

    def kernel(self, epoch: PlaneEpoch, before: PlaneEpoch | None) -> Plane:  # type: ignore[override]
        hotter = HOTTER if before is None else max(HOTTER, before.learning_rate / epoch.learning_rate)
        key = (*epoch.key, hotter)
        if key not in self.kernels:
            ceiling = ceiling_of(epoch, self.potentials, hotter)
            self.kernels[key] = Plane(epoch, self.potentials, ceiling, self.resolution)
        return self.kernels[key]

    def transfer(self, kernel: Plane, following: Plane, state: Array, back: bool = False) -> Array:  # type: ignore[override]
        return transfer_in_plane(kernel, following, state, back)

    def begun(self, kernel: Plane) -> Array:  # type: ignore[override]
        density = self.start(kernel.grid)
        return density / density.sum()

    def epochs_left(self, epochs: Sequence[PlaneEpoch], place: int) -> float:  # type: ignore[override]
        """Crossings fall as the Arrhenius factor of the lowest climb does, by the mean temperature: the least fall."""
        potential = epochs[place].potential
        wells = [potential.minimum_loss(k) for k in range(len(potential.phases))]
        climb = max(self._passes(potential)[0] - max(wells), 0.0)
        rates = np.array([each.learning_rate for each in epochs[place:]])
        temperatures = np.array([each.temperature for each in epochs[place:]])
        falls = np.exp(climb / temperatures[0] - climb / temperatures)
        return float((rates / rates[0] * falls).sum())

    def landscape(self, kernel: Plane) -> tuple[float, Array, NDArray[np.bool_], float]:  # type: ignore[override]
        energy = kernel.epoch.potential.energy_function()(kernel.grid)
        first = (kernel.points > self.borders[0]) & (kernel.points < self.borders[1])
        top, _ = self._passes(kernel.epoch.potential)
        return kernel.epoch.temperature, energy, np.broadcast_to(first[:, None], energy.shape), top

    def sliding(self, epoch: PlaneEpoch) -> float:  # type: ignore[override]
        """Relaxations of an epoch down from the pass of the least steep border."""
        return self._passes(epoch.potential)[1] * epoch.learning_rate * epoch.steps

    def _passes(self, potential: Potential) -> tuple[float, float]:
        """Energy of the lowest place of a border, and the least of the curvatures down from such a place."""
        if id(potential) not in self.passes:
            places = np.linspace(*potential.box[1], RASTER)
            tops, slopes = [], []
            for border in self.borders:
                if np.isfinite(border):
                    line = np.stack([np.full(RASTER, border), places], axis=-1)
                    energies = potential.energy_function()(line)
                    lowest = line[int(np.argmin(energies))]
                    tops.append(float(energies.min()))
                    slopes.append(abs(float(np.linalg.eigvalsh(potential.hessian_function()(lowest))[0])))
            self.passes[id(potential)] = min(tops), min(slopes)
        return self.passes[id(potential)]
