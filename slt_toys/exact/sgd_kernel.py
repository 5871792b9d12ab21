"""Exact transition kernels of SGD's epochs in one coordinate: with replacement, and with momentum.

A kernel moves the masses of the points of a uniform grid through the epoch's steps, or takes observables back; the two
are transposes of one another. A Gaussian sampled at a spacing of :data:`~slt_toys.exact.sgd_epoch.RESOLUTION` of
its standard deviation is summed to 1e-7 or better, so nothing diffuses that does not in SGD. What leaves the grid is
lost, and the loss is the error that :mod:`slt_toys.exact.sgd_stuck` reports.

With replacement a step is [eq:sgd-transition-density]. With momentum the state is (x, v), where x = w for the heavy
ball and x = w + ημv for Nesterov: given (x, v) the new v' is normal, then x' = x - ηv' [eq:sgd-momentum-transition],
which with spacings that have the ratio η is a shift by whole points. Reshuffled epochs are in
:mod:`slt_toys.exact.sgd_bridge`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..reference.laws import law
from .sgd_bridge import Bridge
from .sgd_epoch import RESOLUTION, SGDEpoch, moved, uniform_points

Array = NDArray[np.float64]
Interval = tuple[float, float]
DENSE = 420  # points up to which the matrix of an epoch is made; beyond, steps are taken one by one
TAIL = 8.0  # standard deviations of a step's noise that its matrix holds
BUFFER_TAIL, BUFFER_SLOPE = 7.5, 0.7  # reach of the buffer, in its noise and in slopes at the interval's ends

__all__ = ["EpochKernel", "epoch_kernel"]


class EpochKernel(Protocol):
    """An epoch as a linear map."""

    epoch: SGDEpoch
    points: Array  # of the position: w, or x with momentum

    @property
    def shape(self) -> tuple[int, ...]:
        """Of masses and observables between epochs."""
        ...

    def masses(self, masses: Array) -> Array:
        """Masses at the end."""
        ...

    def observables(self, values: Array) -> Array:
        """Expected values given the state at the start."""
        ...

    def started(self, masses: Array) -> Array:
        """The state of masses of weights on ``points``, with a momentum buffer of 0."""
        ...

    def weight_of(self) -> Array:
        """Weight over position: what to add to ``points``, along the other coordinate; shape (buffers,) or (1,)."""
        ...


def epoch_kernel(epoch: SGDEpoch, interval: Interval, resolution: float = RESOLUTION) -> EpochKernel:
    """The kernel of an epoch on an interval of weights.

    Parameters
    ----------
    epoch, interval
        See :func:`slt_toys.exact.sgd_epoch.interval_of`.
    resolution
        Spacing over the standard deviation of a step's noise.

    Raises
    ------
    ValueError
        Where the noise of a step is too small for a grid of
        :data:`~slt_toys.exact.sgd_epoch.MOST_POINTS`.
    """
    return _epoch_kernel(_Keyed(epoch), interval, resolution)


class _Keyed:
    """An epoch that equals another of the same settings."""

    def __init__(self, epoch: SGDEpoch) -> None:
        self.epoch = epoch

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and self.epoch.key == other.epoch.key

    def __hash__(self) -> int:
        return hash(self.epoch.key)


@lru_cache(maxsize=512)
def _epoch_kernel(keyed: _Keyed, interval: Interval, resolution: float) -> EpochKernel:
    epoch = keyed.epoch
    if epoch.reshuffled:
        return Bridge(epoch, interval, resolution)
    return Momentum(epoch, interval, resolution) if epoch.momentum else Replacement(epoch, interval, resolution)


def _normal(points: Array, mean: Array, variance: Array) -> Array:
    """[eq:sgd-transition-density] with its mean and variance at hand; 0 beyond the tail."""
    distance = (points - mean) ** 2 / variance
    return np.where(distance < TAIL**2, np.exp(-distance / 2), 0.0) / np.sqrt(2 * np.pi * variance)


class Replacement:
    """Minibatches drawn with replacement, without momentum: a power of one step's matrix."""

    def __init__(self, epoch: SGDEpoch, interval: Interval, resolution: float) -> None:
        self.epoch = epoch
        deviation = epoch.deviation(np.linspace(*interval, 2_001))
        self.points = uniform_points(interval, resolution * epoch.learning_rate * float(deviation.min()), "the kernel")
        step = self._step_from(self.points)
        dense = self.points.size <= DENSE
        self.rest = np.linalg.matrix_power(step, epoch.steps - 1) if dense else None  # the epoch but its first step
        self.matrix = step @ self.rest if self.rest is not None else None
        self.step = None if dense else csr_array(np.where(step > 1e-18, step, 0.0))

    def _step_from(self, points: Array) -> Array:
        """Matrix of one step from points onto the grid."""
        step = law("sgd-transition-density")(
            learning_rate=self.epoch.learning_rate, loss_slope=self.epoch.gradient(points)[None, :],
            step_noise=self.epoch.deviation(points)[None, :], coordinate=points[None, :],
            next_coordinate=self.points[:, None],
        )  # fmt: skip
        return step * (self.points[1] - self.points[0])

    def masses_from(self, points: Array, masses: Array) -> Array:
        """Masses at the end, of masses on a finer grid at the start: the first step needs no coarser one."""
        first = self._step_from(points) @ masses
        if self.rest is not None:
            return self.rest @ first
        for _ in range(self.epoch.steps - 1):
            first = self.step @ first  # type: ignore[operator]
        return first

    @property
    def shape(self) -> tuple[int, ...]:
        return self.points.shape

    def masses(self, masses: Array) -> Array:
        if self.matrix is not None:
            return self.matrix @ masses
        for _ in range(self.epoch.steps):
            masses = self.step @ masses  # type: ignore[operator]
        return masses

    def observables(self, values: Array) -> Array:
        if self.matrix is not None:
            return self.matrix.T @ values
        back = self.step.T.tocsr()  # type: ignore[union-attr]
        for _ in range(self.epoch.steps):
            values = back @ values
        return values

    def started(self, masses: Array) -> Array:
        return masses

    def weight_of(self) -> Array:
        return np.zeros(1)


class Momentum:
    """With momentum, on a grid of positions and buffers, shape (positions, buffers)."""

    def __init__(self, epoch: SGDEpoch, interval: Interval, resolution: float) -> None:
        self.epoch = epoch
        deviation = epoch.deviation(np.linspace(*interval, 2_001))
        spacing = resolution * float(deviation.min())
        rate, momentum = epoch.learning_rate, epoch.momentum
        stationary = float(deviation.max()) / np.sqrt(1 - momentum**2)
        steepest = float(np.abs(epoch.gradient(np.array(interval))).max())
        half = int(np.ceil((BUFFER_TAIL * stationary + BUFFER_SLOPE * steepest) / spacing))
        ahead = 6 * rate * momentum * stationary if epoch.nesterov else 0.0
        wider = interval[0] - ahead, interval[1] + ahead
        self.points = uniform_points(wider, rate * spacing, "the kernel of momentum")
        self.buffers = spacing * np.arange(-half, half + 1)
        weights = self.points[:, None] + self.weight_of()[None, :]
        step = law("sgd-momentum-transition")(
            momentum=momentum, loss_slope=epoch.gradient(weights)[:, None, :],
            step_noise=epoch.deviation(weights)[:, None, :], momentum_buffer=self.buffers[None, None, :],
            next_momentum_buffer=self.buffers[None, :, None],
        )  # fmt: skip
        self.step = np.ascontiguousarray(spacing * step)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.points.size, self.buffers.size

    def masses(self, masses: Array) -> Array:
        return _momentum_masses(self.step, np.ascontiguousarray(masses), self.epoch.steps)

    def observables(self, values: Array) -> Array:
        return _momentum_observables(self.step, np.ascontiguousarray(values), self.epoch.steps)

    def started(self, masses: Array) -> Array:
        found = np.zeros(self.shape)
        found[:, self.buffers.size // 2] = masses
        return found

    def weight_of(self) -> Array:
        epoch = self.epoch
        ahead = epoch.learning_rate * epoch.momentum if epoch.nesterov else 0.0
        return np.asarray(-ahead * self.buffers, dtype=np.float64)


@njit(cache=True, fastmath=True)
def _momentum_masses(step: Array, masses: Array, steps: int) -> Array:
    size, buffers = masses.shape
    half = buffers // 2
    now = masses.copy()
    for _ in range(steps):
        new = np.zeros_like(now)
        for i in range(size):
            for k in range(buffers):
                to = i - (k - half)
                if 0 <= to < size:
                    total = 0.0
                    for j in range(buffers):
                        total += step[i, k, j] * now[i, j]
                    new[to, k] = total
        now = new
    return now


@njit(cache=True, fastmath=True)
def _momentum_observables(step: Array, values: Array, steps: int) -> Array:
    size, buffers = values.shape
    half = buffers // 2
    now = values.copy()
    for _ in range(steps):
        new = np.zeros_like(now)
        for i in range(size):
            for k in range(buffers):
                to = i - (k - half)
                if 0 <= to < size:
                    value = now[to, k]
                    for j in range(buffers):
                        new[i, j] += step[i, k, j] * value
        now = new
    return now


def transfer(kernel: EpochKernel, following: EpochKernel, state: Array, back: bool = False) -> Array:
    """Masses between two epochs, from one kernel's grid to the next one's; back, observables the other way."""
    if kernel is following:
        return state
    if not isinstance(kernel, Momentum) or not isinstance(following, Momentum):
        matrix = moved(kernel.points, following.points)
        return (matrix.T if back else matrix) @ state
    if not np.isclose(kernel.buffers[1] - kernel.buffers[0], following.buffers[1] - following.buffers[0], rtol=1e-9):
        raise ValueError("epochs with momentum must share their noise from epoch to epoch; sample such a run")
    skip = (following.buffers.size - kernel.buffers.size) // 2  # buffers that only the next kernel has, on either side
    own = np.arange(max(0, -skip), kernel.buffers.size - max(0, -skip))
    theirs = own + skip
    change = kernel.weight_of()[own] - following.weight_of()[theirs]  # the weight stays: x moves by as much
    found = np.zeros(kernel.shape if back else following.shape)
    for shift in np.unique(change):
        here, there = own[change == shift], theirs[change == shift]
        matrix = moved(kernel.points, following.points, float(shift))
        if back:
            found[:, here] = matrix.T @ state[:, there]
        else:
            found[:, there] = matrix @ state[:, here]
    return found
