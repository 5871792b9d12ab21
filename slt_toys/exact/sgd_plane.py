"""The exact transition kernel of SGD's epochs in two coupled coordinates, with a gradient noise of its own in each.

A step without momentum is normal about the step down the gradient and independent in its two coordinates: its density
is the product of [eq:sgd-transition-density] for either. From every point of a uniform grid its mass goes to a patch of
points, the product of two rows; spacings follow each coordinate's noise, so one patch fits all. Points above a ceiling
of energy, where hardly a run gets, are left out, and what lands there is lost: the loss is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..inputs.arguments import check_fields
from ..potentials.potential import Potential
from ..reference.laws import law
from .sgd_epoch import moved

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
RESOLUTION = 1.0  # spacing over the standard deviation of a step's noise, in either coordinate
TAIL = 6.0  # standard deviations of a step's noise that a patch holds, to the multiple of 4 points above
REACH = 18.0  # of the ceiling: so many temperatures above the highest well
MOST_HEATED = 4.0  # the most that finite steps are taken to heat a well
MOST_POINTS = 60_000
RASTER = 481
NOTHING = 1e-15  # mass of a point that is left lying

__all__ = ["Plane", "PlaneEpoch", "ceiling_of", "transfer_in_plane"]


@dataclass(frozen=True, eq=False)
class PlaneEpoch:
    """What SGD does in one epoch, in two coordinates, with replacement and without momentum.

    Attributes
    ----------
    potential
        The loss, of two coordinates and without walls.
    learning_rate
        η.
    steps
        Minibatches.
    variances
        Of a minibatch's gradient in either coordinate, additive, all noise together (units (loss/length)²).
    """

    potential: Potential
    learning_rate: float
    steps: int
    variances: tuple[float, float]
    momentum = 0.0
    reshuffled = False

    def __post_init__(self) -> None:
        check_fields(self)
        if self.potential.dimension != 2 or self.potential.boundary != "natural":
            raise ValueError(f"potential must have two coordinates and no walls, not be {self.potential.name}")
        for name, value in (("learning_rate", self.learning_rate), *(("variances", each) for each in self.variances)):
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be positive and finite, not {value}")
        if self.steps < 1:
            raise ValueError(f"steps must be a whole number of at least 1, not {self.steps}")

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for epochs that are one."""
        return self.potential, self.learning_rate, self.steps, self.variances

    @property
    def kind(self) -> tuple[bool, bool, bool]:
        """As of :class:`~slt_toys.exact.sgd_epoch.SGDEpoch`."""
        return False, False, False

    @property
    def temperature(self) -> float:
        """Mean over the coordinates of the temperatures that their noise has by itself [eq:sgd-temperature]."""
        return float(
            law("sgd-temperature")(
                learning_rate=self.learning_rate, gradient_variance=np.mean(self.variances), batch_size=1.0,
                momentum=0.0,
            )
        )  # fmt: skip

    @property
    def spreads(self) -> Array:
        """Standard deviation of a step, in either coordinate."""
        return self.learning_rate * np.sqrt(np.array(self.variances))


def ceiling_of(epoch: PlaneEpoch, potentials: Sequence[Potential], hotter: float = 1.0) -> float:
    """Energy above the highest well that hardly a run of an epoch reaches.

    :data:`REACH` temperatures, times ``hotter``, times what steps of this size heat the steepest well by
    [eq:sgd-temperature-quadratic].
    """
    heated = 1 / max(1 - epoch.learning_rate * _steepest(tuple(potentials)) / 2, 1 / MOST_HEATED)
    return REACH * hotter * heated * epoch.temperature


class Plane:
    """Kernel of an epoch on a grid (points, points), of which some count."""

    def __init__(
        self, epoch: PlaneEpoch, potentials: Sequence[Potential], ceiling: float, resolution: float = RESOLUTION
    ) -> None:
        self.epoch, self.ceiling, self.potentials = epoch, ceiling, list(potentials)
        width = 4 * int(np.ceil(2 * TAIL / resolution / 4))
        spacing = resolution * epoch.spreads
        axes = []
        for (low, high), step in zip(_extent(self.potentials, ceiling), spacing, strict=True):
            count = int((high - low) / step) + 2 + 2 * width
            axes.append(low + step * (np.arange(count) - width))
        self.points, self.second = axes
        if self.points.size * self.second.size > 16 * MOST_POINTS:
            self._refuse(spacing)
        self.energies = np.stack([p.energy_function()(self.grid) for p in self.potentials])
        self.sources = np.argwhere(_excess(self.energies, self.potentials) < ceiling)
        if len(self.sources) > MOST_POINTS:
            self._refuse(spacing)
        here = self.grid[tuple(self.sources.T)]
        slope, half = epoch.potential.gradient_function()(here), width // 2
        self.starts = np.empty((len(here), 2), dtype=np.int64)
        rows = []
        for k, axis in enumerate(axes):
            place = (here[:, k] - epoch.learning_rate * slope[:, k] - axis[0]) / spacing[k]
            begin = np.clip(np.ceil(place) - half, 0, axis.size - width)
            self.starts[:, k] = begin
            row = law("sgd-transition-density")(
                learning_rate=epoch.learning_rate, loss_slope=slope[:, k, None],
                step_noise=np.sqrt(epoch.variances[k]), coordinate=here[:, k, None],
                next_coordinate=axis[self.starts[:, k, None] + np.arange(width)],
            )  # fmt: skip
            row = row * spacing[k]
            total = row.sum(axis=1, keepdims=True)
            rows.append(np.ascontiguousarray(np.where(total > 0.99, row / np.maximum(total, 0.5), row)))
        self.along, self.across = rows
        self.moves = _moves(width)

    def _refuse(self, spacing: Array) -> None:
        raise ValueError(
            f"the noise of a step, {spacing.min() / self.epoch.learning_rate:.2g} at least, is too small for the "
            f"kernel in two coordinates: it would take more than {MOST_POINTS} points; sample such a run"
        )

    @property
    def grid(self) -> Array:
        """Points, shape (points, points, 2)."""
        return np.stack(np.meshgrid(self.points, self.second, indexing="ij"), axis=-1)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of masses and observables between epochs."""
        return self.points.size, self.second.size

    def masses(self, masses: Array) -> Array:
        """Masses at the end."""
        given = np.ascontiguousarray(masses)
        return self.moves[0](self.starts, self.along, self.across, self.sources, given, self.epoch.steps)

    def observables(self, values: Array) -> Array:
        """Expected values given the state at the start."""
        given = np.ascontiguousarray(values)
        return self.moves[1](self.starts, self.along, self.across, self.sources, given, self.epoch.steps)

    def started(self, masses: Array) -> Array:
        """The state of masses on the grid."""
        return masses

    def weight_of(self) -> Array:
        """Weight over position: they are one."""
        return np.zeros(1)


def transfer_in_plane(kernel: Plane, following: Plane, state: Array, back: bool = False) -> Array:
    """Masses between two epochs, from one kernel's grid to the next one's; back, observables the other way."""
    if kernel is following:
        return state
    first, second = moved(kernel.points, following.points), moved(kernel.second, following.second)
    return first.T @ state @ second if back else first @ state @ second.T


def _excess(energies: Array, potentials: Sequence[Potential]) -> Array:
    """Least height above the highest well, over potentials."""
    highest = [max(p.minimum_loss(k) for k in range(len(p.phases))) for p in potentials]
    return np.min([each - well for each, well in zip(energies, highest, strict=True)], axis=0)


def _extent(potentials: Sequence[Potential], ceiling: float) -> list[tuple[float, float]]:
    """A box that holds what lies below the ceiling."""
    axes, lowest = _raster(tuple(potentials))
    found = []
    for axis, heights in zip(axes, lowest, strict=True):
        on = np.flatnonzero(heights < ceiling)
        found.append((float(axis[max(on[0] - 1, 0)]), float(axis[min(on[-1] + 1, RASTER - 1)])))
    return found


@lru_cache(maxsize=16)
def _steepest(potentials: tuple[Potential, ...]) -> float:
    """Largest curvature of a well."""
    wells = [p.hessian_function()(p.minimum_point(k)) for p in potentials for k in range(len(p.phases))]
    return max(float(np.linalg.eigvalsh(each)[-1]) for each in wells)


@lru_cache(maxsize=16)
def _raster(potentials: tuple[Potential, ...]) -> tuple[list[Array], list[Array]]:
    """Places along either coordinate, in twice the box, and the least height there is at them."""
    axes = [
        np.linspace(1.5 * low - 0.5 * high, 1.5 * high - 0.5 * low, RASTER) for low, high in potentials[0].box
    ]  # fmt: skip
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    heights = _excess(np.stack([p.energy_function()(grid) for p in potentials]), potentials)
    return axes, [heights.min(axis=1), heights.min(axis=0)]


@lru_cache(maxsize=8)
def _moves(width: int) -> tuple[Callable[..., Array], Callable[..., Array]]:
    """Steps with patches of one width, which the compiler then unrolls."""

    @njit(cache=True, fastmath=True)
    def masses(starts: Whole, along: Array, across: Array, sources: Whole, state: Array, steps: int) -> Array:
        now, new = state.copy(), np.zeros_like(state)
        for _ in range(steps):
            new[:] = 0.0
            for k in range(sources.shape[0]):
                mass = now[sources[k, 0], sources[k, 1]]
                if abs(mass) < NOTHING:
                    continue
                first, second = starts[k, 0], starts[k, 1]
                for i in range(width):
                    share = mass * along[k, i]
                    for j in range(width):
                        new[first + i, second + j] += share * across[k, j]
            now, new = new, now
        return now

    @njit(cache=True, fastmath=True)
    def observables(starts: Whole, along: Array, across: Array, sources: Whole, state: Array, steps: int) -> Array:
        now, new, line = state.copy(), np.zeros_like(state), np.zeros(width)
        for step in range(steps):
            if step == 1:
                new[:] = 0.0  # what was asked of points that do not count
            for k in range(sources.shape[0]):
                first, second = starts[k, 0], starts[k, 1]
                line[:] = 0.0
                for i in range(width):
                    share = along[k, i]
                    for j in range(width):
                        line[j] += share * now[first + i, second + j]
                value = 0.0
                for j in range(width):
                    value += line[j] * across[k, j]
                new[sources[k, 0], sources[k, 1]] = value
            now, new = new, now
        return now

    return masses, observables
