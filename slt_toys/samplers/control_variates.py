"""Functions of known mean zero under a tempered posterior, which take a mean's noise away.

For any field g that dies off, T div g - ∇L·g has the mean zero under exp(-L/T) [eq:zero-mean-of-fields]. Fields are
Gaussian bumps where the mass is, and a wide one with its moments, along each coordinate. As far as they solve Poisson's
equation what is left of an observable is its mean at every place, whatever is sampled and however slowly (Assaraf &
Caffarel 1999; Oates, Girolami & Chopin 2017). Coefficients are fitted to the means of half of the chains and used for
the other half, so that an interval is as honest as without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..potentials.kinks import has_kinks
from ..potentials.potential import Potential

Array = NDArray[np.float64]

__all__ = ["ControlVariates", "control_variates", "without_noise"]

WIDE = 4.0  # width of the wide bump, in standard deviations of each coordinate
MOMENTS = 10  # of the wide bump, in one coordinate: from 0 on
MOST = 128  # functions in two and more coordinates
ON_A_LINE = 32  # bumps
OVERLAP = 1.5  # of a bump's width over the distance to the next ones
KEPT = 2e-3  # of the places on a line, the farthest out, that no bump stands on
KEPT_IN_SPACE = 2e-2
LOOKED_AT = 2000  # places among which bumps are placed
RESOLVED = 1e-9  # relative singular values below which functions are one
NOTHING = 60.0  # of a bump's exponent, doubled, beyond which it is 0


@dataclass(frozen=True, eq=False)
class ControlVariates:
    """Functions of mean zero under one tempered posterior.

    Attributes
    ----------
    potential, temperature
        Of the posterior.
    middle, spread
        Of each coordinate, (d,).
    moments, directions
        Of the wide bump: exponents of the scaled coordinates, (terms, d), and along which coordinate, (terms,).
    centres, widths
        Of the bumps, in units of the spread from the middle: (bumps, d), (bumps,).
    """

    potential: Potential
    temperature: float
    middle: Array
    spread: Array
    moments: NDArray[np.int64]
    directions: NDArray[np.int64]
    centres: Array
    widths: Array

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many functions may be taken, from the first on: none, those of the wide bump, all."""
        wide, bumps = len(self.moments), self.centres.size
        return (0, wide, wide + bumps) if bumps else (0, wide)

    def sums(self, places: Array) -> Array:
        """Sums of each function over places (chains, draws, d): shape (chains, functions)."""
        slopes = np.ascontiguousarray(self.potential.gradient_function()(places), dtype=float)
        scaled = np.ascontiguousarray((places - self.middle) / self.spread)
        # In units of the spread along each coordinate: T ∂ψ - ψ ∂L, both times the spread.
        return _sums(
            scaled, slopes * self.spread, self.temperature, self.moments, self.directions, self.centres, self.widths
        )


def control_variates(potential: Potential, temperature: float, places: Array) -> ControlVariates | None:
    """Functions for the posterior that places (..., d) were drawn from; None with walls, circles and kinks."""
    if potential.boundary != "natural" or has_kinks(potential.bound_energy):
        return None
    d = potential.dimension
    flat = places.reshape(-1, d)
    middle, spread = flat.mean(axis=0), flat.std(axis=0)
    if not (spread > 0).all():
        return None
    terms = _moments(d)
    exponents, directions = np.array([own for own, _ in terms]), np.array([along for _, along in terms])
    bumps = _bumps((flat - middle) / spread, (MOST - len(terms)) // d)
    return ControlVariates(potential, temperature, middle, spread, exponents, directions, *bumps)


def _moments(d: int) -> list[tuple[list[int], int]]:
    """Exponents of the wide bump's moments, and along which coordinate each goes."""
    if d == 1:
        return [([power], 0) for power in range(MOMENTS)]
    unit = np.eye(d, dtype=int).tolist()
    terms = [([0] * d, along) for along in range(d)]
    # All first moments along all coordinates where there is room for them, else each along its own alone.
    every = d * (1 + d) <= MOST
    return terms + [(unit[k], along) for along in range(d) for k in (range(d) if every else [along])]


def _bumps(scaled: Array, most: int) -> tuple[Array, Array]:
    """Centres and widths of bumps where places (n, d) are."""
    d = scaled.shape[1]
    if d == 1:
        low, high = np.quantile(scaled, [KEPT / 2, 1 - KEPT / 2])
        return np.linspace(low, high, ON_A_LINE)[:, None], np.full(ON_A_LINE, OVERLAP * (high - low) / (ON_A_LINE - 1))
    if most <= d:
        return np.empty((0, d)), np.empty(0)
    some = scaled[:: max(1, len(scaled) // LOOKED_AT)]
    size = np.linalg.norm(some, axis=1)
    some = some[size <= np.quantile(size, 1 - KEPT_IN_SPACE)]
    centres = [some[np.argmin(np.linalg.norm(some, axis=1))]]
    off = np.linalg.norm(some - centres[0], axis=1)
    while len(centres) < most:  # always the place that is farthest from all so far
        centres.append(some[np.argmax(off)])
        off = np.minimum(off, np.linalg.norm(some - centres[-1], axis=1))
    found = np.array(centres)
    apart = np.sort(np.linalg.norm(found[:, None] - found, axis=2), axis=1)
    return found, OVERLAP * np.maximum(apart[:, d], 1e-3)


def without_noise(
    values: Sequence[Array], functions: Sequence[Array], half: NDArray[np.bool_], sizes: Sequence[int]
) -> tuple[list[Array], float]:
    """Chains' means less the functions of mean zero that explain them, and by what their variance fell.

    Parameters
    ----------
    values, functions
        For each run, whose chains are numbered alike: means over its draws, (chains,) and (chains, number), in units in
        which all have the same variance.
    half
        Chains, (chains,), that are independent of the others.
    sizes
        How many functions may be taken; the number is taken that leaves the least variance in chains that had no part
        in the fit.

    Returns
    -------
    list of ndarray, float
        What is left, (chains,) for each run, and the variance before over the variance after.
    """
    before = float(np.mean([own.var(ddof=1) for own in values]))
    best, found = np.inf, [own.copy() for own in values]
    for size in sizes:
        left = [own.copy() for own in values]
        for fitted in (half, ~half) if size else ():
            rows = np.concatenate([own[fitted, :size] - own[fitted, :size].mean(axis=0) for own in functions])
            right = np.concatenate([own[fitted] - own[fitted].mean() for own in values])
            scale = rows.std(axis=0)
            scale[scale == 0] = 1.0
            coefficients = np.linalg.lstsq(rows / scale, right, rcond=RESOLVED)[0] / scale
            for own, other in zip(left, functions, strict=True):
                own[~fitted] -= other[~fitted, :size] @ coefficients
        variance = float(np.mean([own[part].var(ddof=1) for own in left for part in (half, ~half)]))
        if variance < best:
            best, found = variance, left
    return found, before / best if best > 0 else np.inf


@njit(cache=True, nogil=True)
def _sums(
    scaled: Array, slopes: Array, temperature: float, moments: NDArray[np.int64], directions: NDArray[np.int64],
    centres: Array, widths: Array,
) -> Array:  # fmt: skip
    """Sums over draws of T ∂ψ/∂z_j - ψ ∂L/∂z_j, for each ψ and j."""
    chains, draws, d = scaled.shape
    terms = len(moments)
    sums = np.zeros((chains, terms + d * widths.size))
    for chain in range(chains):
        own = sums[chain]
        for draw in range(draws):
            z, slope = scaled[chain, draw], slopes[chain, draw]
            square = 0.0
            for j in range(d):
                square += z[j] * z[j]
            window = np.exp(-square / (2 * WIDE**2))
            for term in range(terms):
                # ψ is the bump times powers of half the coordinates; its derivative along j has two parts.
                j = directions[term]
                slower = window  # with one power of z_j less
                for k in range(d):
                    for _ in range(moments[term, k] - (k == j and moments[term, k] > 0)):
                        slower *= z[k] / 2
                power = moments[term, j]
                height = slower * (z[j] / 2 if power > 0 else 1.0)
                own[term] += temperature * (power * slower / 2 - height * z[j] / WIDE**2) - height * slope[j]
            for bump in range(widths.size):
                square = 0.0
                for j in range(d):
                    square += (z[j] - centres[bump, j]) ** 2
                square /= widths[bump] ** 2
                if square > NOTHING:
                    continue
                height = np.exp(-square / 2)
                for j in range(d):
                    fall = -temperature * (z[j] - centres[bump, j]) / widths[bump] ** 2 - slope[j]
                    own[terms + bump * d + j] += height * fall
    return sums
