"""The exact transition kernel of an epoch of SGD that visits every example once, in one coordinate.

The state within the epoch is (w, S), with S the noise of the steps so far in units of one minibatch's. y = w + ηsS does
not feel the noise, and S moves as [eq:epoch-bridge-step]. With spacings that have the ratio ηs a step of noise takes
mass from (w, S) to (w - kηs, S + k) in whole points; the step down the gradient lands between points, and its mass is
shared so that polynomials up to order 9 are kept. The epoch starts and ends with S = 0.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..reference.laws import law
from .sgd_epoch import SGDEpoch, uniform_points

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
TAIL = 5.5  # standard deviations of S that the grid holds
LAGRANGE = 10  # points that a move without noise lands on
NODES = 16  # of added noise

__all__ = ["Bridge"]


class Bridge:
    """Reshuffled: the noise of the epoch's minibatches sums to zero; shape (positions,) between epochs."""

    def __init__(self, epoch: SGDEpoch, interval: tuple[float, float], resolution: float) -> None:
        self.epoch = epoch
        rate = epoch.learning_rate
        self.points = uniform_points(interval, rate * float(np.sqrt(epoch.variance)) * resolution, "a reshuffled epoch")
        moved_to = self.points - rate * epoch.gradient(self.points)
        self.landing = _landing(self.points, moved_to, rate * epoch.added_noise)
        self.bridge = _bridge_steps(epoch.steps, resolution)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of masses and observables between epochs."""
        return self.points.shape

    def masses(self, masses: Array) -> Array:
        """Masses at the end."""
        return _masses(*self.landing, *self.bridge, masses)

    def observables(self, values: Array) -> Array:
        """Expected values given the state at the start."""
        return _observables(*self.landing, *self.bridge, values)

    def started(self, masses: Array) -> Array:
        """The state of masses of weights on ``points``."""
        return masses

    def weight_of(self) -> Array:
        """Weight over position: they are one."""
        return np.zeros(1)


def _landing(points: Array, to: Array, added: float) -> tuple[Array, Whole, Whole]:
    """Shares of the mass at each point that land so many points on: diagonals, their offsets, and where they begin."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES if added else 1)
    weights = weights / weights.sum()
    places = (to[:, None] + added * nodes - points[0]) / (points[1] - points[0])
    starts = np.floor(places).astype(np.int64) - (LAGRANGE // 2 - 1)
    matrix = np.zeros((points.size, points.size))
    offsets = np.arange(LAGRANGE)
    for node, weight in enumerate(weights):
        at = places[:, node] - starts[:, node]
        for k in offsets:
            others = offsets[offsets != k]
            share = np.prod((at[:, None] - others) / (k - others), axis=1) * weight
            end = starts[:, node] + k
            on = (end >= 0) & (end < points.size)
            np.add.at(matrix, (np.flatnonzero(on), end[on]), share[on])
    found, used, ranges = [], [], []
    for offset in range(1 - points.size, points.size):
        line = np.zeros(points.size)
        diagonal = np.diagonal(matrix, offset)
        line[max(0, -offset) :][: diagonal.size] = diagonal
        on = np.flatnonzero(line)
        if on.size:
            found.append(line)
            used.append(offset)
            ranges.append((on[0], on[-1] + 1))
    return np.array(found), np.array(used), np.array(ranges)


@lru_cache(maxsize=32)
def _bridge_steps(steps: int, spacing: float) -> tuple[Whole, Whole, Array]:
    """Half widths of S before each step and at the end, and for each step its bands and its matrix.

    ``shares[t, k + widest, j]`` is the share of the mass at j that goes to j + k, S_j being the spacing times j less
    the middle [eq:epoch-bridge-step]. There is a margin of ``widest`` points on either side.
    """
    done = np.arange(steps + 1)
    spread = np.sqrt(done * (steps - done) / steps)
    half = np.ceil(TAIL * spread / spacing).astype(np.int64)
    half[1:-1] = np.maximum(half[1:-1], 8)
    left = steps - done[:-1]
    bands = np.ceil((TAIL + 1) / spacing + TAIL * spread[:-1] / left / spacing).astype(np.int64)
    bands[-1] = 0
    widest = int(bands.max())
    middle = int(half.max()) + widest
    values = spacing * np.arange(-middle, middle + 1)
    shares = np.zeros((steps, 2 * widest + 1, values.size))
    for step in range(steps - 1):
        mean = law("epoch-bridge-mean")(noise_so_far=values, steps_left=float(left[step]))
        variance = law("epoch-bridge-step")(steps_left=float(left[step]))
        for k in range(-int(bands[step]), int(bands[step]) + 1):
            distance = k * spacing - mean
            shares[step, k + widest] = spacing * np.exp(-(distance**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    return half, bands, shares


@njit(cache=True, fastmath=True)
def _land(diagonals: Array, offsets: Whole, ranges: Whole, margin: int, line: Array, landed: Array) -> None:
    landed[:] = 0.0
    for d in range(offsets.size):
        own, to = diagonals[d], margin + offsets[d]
        for i in range(ranges[d, 0], ranges[d, 1]):
            landed[to + i] += own[i] * line[margin + i]


@njit(cache=True, fastmath=True)
def _depart(diagonals: Array, offsets: Whole, ranges: Whole, margin: int, line: Array, begun: Array) -> None:
    begun[:] = 0.0
    for d in range(offsets.size):
        own, to = diagonals[d], margin + offsets[d]
        for i in range(ranges[d, 0], ranges[d, 1]):
            begun[margin + i] += own[i] * line[to + i]


@njit(cache=True, fastmath=True)
def _add(to: Array, share: float, line: Array, shift: int, margin: int, size: int) -> None:
    for i in range(margin, margin + size):
        to[i] += share * line[i + shift]


@njit(cache=True, fastmath=True)
def _masses(
    diagonals: Array, offsets: Whole, ranges: Whole, half: Whole, bands: Whole, shares: Array, masses: Array
) -> Array:
    size, rows, margin = masses.size, shares.shape[2], shares.shape[1] // 2
    middle = rows // 2
    now, landed = np.zeros((rows, size + 2 * margin)), np.zeros((rows, size + 2 * margin))
    now[middle, margin : margin + size] = masses
    for step in range(shares.shape[0]):
        low, high = middle - half[step], middle + half[step] + 1
        for j in range(low, high):
            _land(diagonals, offsets, ranges, margin, now[j], landed[j])
        if step == shares.shape[0] - 1:
            break
        landed[low - margin : low] = 0.0
        landed[high : high + margin] = 0.0
        for j in range(middle - half[step + 1], middle + half[step + 1] + 1):
            now[j] = 0.0
            for k in range(-bands[step], bands[step] + 1):
                if low <= j - k < high:
                    _add(now[j], shares[step, k + margin, j - k], landed[j - k], k, margin, size)
    # the last step takes S back to 0: what is left is the sum over S at each y = w + S
    end = np.zeros(size)
    for j in range(low, high):
        for i in range(size):
            if 0 <= i + j - middle < size:
                end[i + j - middle] += landed[j, margin + i]
    return end


@njit(cache=True, fastmath=True)
def _observables(
    diagonals: Array, offsets: Whole, ranges: Whole, half: Whole, bands: Whole, shares: Array, values: Array
) -> Array:
    size, rows, margin = values.size, shares.shape[2], shares.shape[1] // 2
    middle, last = rows // 2, shares.shape[0] - 1
    now, landed = np.zeros((rows, size + 2 * margin)), np.zeros((rows, size + 2 * margin))
    for j in range(middle - half[last], middle + half[last] + 1):
        for i in range(size):
            if 0 <= i + j - middle < size:
                landed[j, margin + i] = values[i + j - middle]
    for step in range(last, -1, -1):
        low, high = middle - half[step], middle + half[step] + 1
        if step < last:
            next_low, next_high = middle - half[step + 1], middle + half[step + 1] + 1
            for j in range(low, high):
                landed[j] = 0.0
                for k in range(-bands[step], bands[step] + 1):
                    if next_low <= j + k < next_high:
                        _add(landed[j], shares[step, k + margin, j], now[j + k], -k, margin, size)
        for j in range(low, high):
            _depart(diagonals, offsets, ranges, margin, landed[j], now[j])
    return now[middle, margin : margin + size].copy()
