"""Toy models of superposition: from one polygon to another over a saddle, by Kramers' law and by counting escapes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numba import njit

from ..reference.laws import law
from .model import Array
from .superposition_loss import _gradient, gradient, hessian, lengths, losses, polygon

IMAGES, RELAXATION, STRING_STEP = 21, 6000, 0.05
FLAT = 1e-6  # curvatures below this share of the largest are those of symmetries: 1e-9 and .01 are the nearest here
GONE, COME = 0.25, 0.8  # length below which a hexagon's column has gone, and above which all of six have come
DEAD, SUNK = 0.2, -0.05  # a column so short with such a bias has left 5+ for the plateau of 5


@njit(cache=True)
def _relax(images: Array, steps: int, step: float) -> None:
    """Let a string of places slide down, kept evenly spaced; its ends stay."""
    count, size = images.shape
    slope, along = np.empty(size), np.zeros(count)
    for _ in range(steps):
        for k in range(1, count - 1):
            _gradient(images[k], slope, size // 3)
            images[k] -= step * slope
        for k in range(1, count):
            along[k] = along[k - 1] + np.sqrt(((images[k] - images[k - 1]) ** 2).sum())
        old = images.copy()
        for k in range(1, count - 1):
            at = along[-1] * k / (count - 1)
            j = min(max(np.searchsorted(along, at), 1), count - 1)
            share = (at - along[j - 1]) / (along[j] - along[j - 1])
            images[k] = (1 - share) * old[j - 1] + share * old[j]


def turned(weights: Array, angle: float) -> Array:
    """Weights with all columns turned by an angle."""
    size = weights.size // 3
    x, y = weights[:size], weights[size : 2 * size]
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.concatenate([cosine * x - sine * y, sine * x + cosine * y, weights[2 * size :]])


@lru_cache(maxsize=1)
def saddle() -> Array:
    """The saddle between 5+ and 6 of six features: a string between the nearest two of them, then Newton's steps.

    Raises
    ------
    RuntimeError
        If what is found has not exactly one falling direction.
    """
    six, five = polygon(6), polygon(5, 1)
    ways = [turned(five, float(angle)) for angle in np.linspace(0, 2 * np.pi, 73)]
    near = min(ways, key=lambda w: float(((w - six) ** 2).sum()))
    images = near + (six - near) * np.linspace(0, 1, IMAGES)[:, None]
    _relax(images, RELAXATION, STRING_STEP)
    place: Array = images[losses(images).argmax()]
    for _ in range(30):
        values, vectors = np.linalg.eigh(hessian(place))
        kept = np.abs(values) > FLAT * values[-1]
        place = place - vectors[:, kept] @ ((vectors[:, kept].T @ gradient(place)) / values[kept])
    values = _curvatures(place)
    if np.abs(gradient(place)).max() > 1e-9 or (values < 0).sum() != 1:
        raise RuntimeError(f"no saddle between 5+ and 6 was found: curvatures {values.min():.2g} to {values.max():.2g}")
    return place


def _curvatures(place: Array) -> Array:
    values = np.asarray(np.linalg.eigvalsh(hessian(place)), dtype=np.float64)
    return values[np.abs(values) > FLAT * values[-1]]


def barrier(columns: int) -> float:
    """Loss of the saddle above 5+ or above 6."""
    return float(losses(saddle()) - losses(_well(columns)))


def _well(columns: int) -> Array:
    if columns not in (5, 6):
        raise ValueError(f"columns must be 5 or 6, not {columns}")
    return polygon(columns, 6 - columns)


def kramers(columns: int, temperature: float) -> float:
    """Rate from 5+ to 6, or back, per flow time, at a temperature of the loss [eq:eyring-kramers-saddle].

    There are as many saddles as gaps (or columns), all alike. Turning all columns costs nothing at the minimum or at
    the saddle: that direction is left out of both determinants, and the rate gets the ratio of the lengths of both
    circles, the roots of the columns' squared lengths together.
    """
    top, well = saddle(), _well(columns)
    high, low = _curvatures(top), _curvatures(well)
    single = law("eyring-kramers-saddle")(
        barrier_curvature=-high.min(), well_determinant=np.prod(low), saddle_determinant=np.abs(np.prod(high)),
        barrier_height=barrier(columns), temperature=temperature,
    )  # fmt: skip
    return columns * single * float(np.sqrt((lengths(top) ** 2).sum() / (lengths(well) ** 2).sum()))


@njit(cache=True)
def _escapes(
    random: np.random.Generator, start: Array, temperature: float, step: float, steps: int, runs: int, come: float,
    gone: float, dead: float, sunk: float,
) -> tuple[int, float]:  # fmt: skip
    size = start.size // 3
    slope, noise, found, total = np.empty(start.size), np.sqrt(2.0 * temperature * step), 0, 0.0
    for _ in range(runs):
        w = start.copy()
        for _ in range(steps):
            _gradient(w, slope, size)
            w += noise * random.standard_normal(start.size) - step * slope
            total += step
            shortest, which = np.inf, 0
            for j in range(size):
                length = np.hypot(w[j], w[size + j])
                if length < shortest:
                    shortest, which = length, j
            if (come > 0.0 and shortest > come) or shortest < gone:
                found += 1
                w[:] = start
            elif shortest < dead and w[2 * size + which] < sunk:
                w[:] = start  # another way out; the clock goes on in the well
    return found, total


def escapes(
    columns: int, temperature: float, time: float, seed: int | Sequence[int], step: float = 0.02
) -> tuple[int, float]:
    """Escapes from 6 over the saddle, or from 5+ to 6, in so much flow time of Langevin paths without prior.

    A path starts anew at the minimum after every escape, and where it leaves 5+ for the plateau of 5.
    """
    from_six = columns == 6
    return _escapes(
        np.random.default_rng(seed), _well(columns), temperature, step, round(time / step / 10), 10,
        0.0 if from_six else COME, GONE if from_six else -1.0, -1.0 if from_six else DEAD, SUNK,
    )  # fmt: skip
