"""Temperatures for replica exchange, from the exact law of the energy.

Between temperatures T_a < T_b, with Δ = 1/T_a - 1/T_b, a swap is accepted with probability min(1, exp(Δ (L_a - L_b))).
Its mean over both laws p_a, p_b of the energy is

    A = ∬ p_a(x) p_b(y) min(1, e^{Δ(x-y)}) dx dy = ∬ min(p_a(x) p_b(y), p_a(y) p_b(x)) dx dy = 2 P(L_b ≤ L_a),

because p_a(y) p_b(x) = e^{Δ(x-y)} p_a(x) p_b(y) for Boltzmann laws of one density of states, and the second integrand
is symmetric in x and y. Two cases in closed form:

* a phase of learning coefficient λ well below its barrier has (L - L_α)/T ~ Gamma(λ), whence A = 2 I_{T_a/(T_a+T_b)}
  (λ, λ) with I the regularised incomplete beta function: a ladder of equal factors has equal acceptances;
* with many independent parts L is nearly normal, of variance σ² = T² C for a heat capacity C, and its mean falls by
  σ² Δ, whence A = erfc(σ Δ / 2).

For small Δ the rejected share is Δ E|L - L'| / 2, L and L' independent at the same temperature. Its integral over
inverse temperature, Λ, is the communication barrier of Syed, Bouchard-Côté, Deligiannidis & Doucet (2022, J. R. Stat.
Soc. B 84, 321): n equal parts of Λ give n pairs that each reject close to Λ/n. Where L is nearly normal
Λ = ∫ √(C/π) dT/T.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from .phase_integrals import part_of
from .potentials import Potential

__all__ = ["TemperatureLadder", "ladder_from_energies", "swap_acceptance", "temperature_ladder"]

Array = NDArray[np.float64]
NEGLIGIBLE = 40.0  # temperatures above the lowest loss at which a component's weight is dropped
BINS = 2**14  # of the total energy
COARSE = {1: 4000, 2: 300}  # cells along each axis, to find where the mass is
FINE = {1: 20_000, 2: 500}  # and to hold it
TEMPERATURES = 33  # at which the local barrier is computed, evenly in log T


@dataclass(frozen=True)
class TemperatureLadder:
    """Temperatures for replica exchange and what to expect of them; iterating gives the temperatures.

    Attributes
    ----------
    temperatures
        Increasing, in units of loss.
    acceptance
        Expected share of accepted swaps for each pair of neighbours, in equilibrium.
    barrier
        Communication barrier Λ between the ends: no ladder rejects less than Λ swaps in all its pairs together, in
        the limit of many.
    """

    temperatures: tuple[float, ...]
    acceptance: tuple[float, ...]
    barrier: float

    def __iter__(self) -> Iterator[float]:
        return iter(self.temperatures)

    def __len__(self) -> int:
        return len(self.temperatures)

    @property
    def round_trip_rate(self) -> float:
        """Expected round trips of a chain for each round of swaps, 1 / (2 + 2 Σ (1-A)/A).

        It counts the trips of all its configurations, and holds where energies forget their past between rounds
        (Syed et al. 2022); otherwise it is an upper estimate. It tends to 1 / (2 + 2Λ) as temperatures are added.
        """
        return 1 / (2 + 2 * sum((1 - a) / a for a in self.acceptance))


def temperature_ladder(
    potential: Potential, coldest: float, hottest: float, acceptance: float = 0.5
) -> TemperatureLadder:
    """Choose temperatures between two so that all neighbours swap alike, from the exact law of the energy.

    Parameters
    ----------
    potential
        At most two coordinates coupled at a time; any number of them if the energy separates.
    coldest, hottest
        Ends of the ladder. The hottest should be one at which single chains cross the barriers quickly.
    acceptance
        Share of swaps that should be accepted at least, close to it. With n pairs in a barrier Λ round trips take
        2 + 2Λ/(1 - Λ/n) rounds, each of n + 1 replicas: for large Λ the cost is least where n = 2Λ, at one half.

    Returns
    -------
    TemperatureLadder
        The fewest temperatures that do.

    Raises
    ------
    ValueError
        For ends that are not positive and increasing, an acceptance outside (0, 1), more than two coupled coordinates.
    """
    for name, value in (("coldest", coldest), ("hottest", hottest)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a positive temperature, not {value}")
    if hottest <= coldest:
        raise ValueError(f"hottest must exceed coldest = {coldest:g}, not {hottest:g}")
    _check_acceptance(acceptance)
    _check_dimension(potential)
    temperatures = np.geomspace(coldest, hottest, TEMPERATURES)
    barrier = [_half_mean_difference(*_energy_laws(potential, float(t), float(t))[:2]) for t in temperatures]
    chosen, total = _equal_parts(temperatures, np.array(barrier), acceptance)
    # The ends are the caller's, to the last bit.
    ladder = [float(coldest), *chosen[1:-1].tolist(), float(hottest)]
    pairs = [swap_acceptance(potential, a, b) for a, b in itertools.pairwise(ladder)]
    return TemperatureLadder(tuple(ladder), tuple(pairs), total)


def ladder_from_energies(temperatures: ArrayLike, energies: ArrayLike, acceptance: float = 0.5) -> TemperatureLadder:
    """Choose temperatures from energies sampled at some, where the energy's exact law is out of reach.

    Parameters
    ----------
    temperatures
        Of a pilot, increasing, shape (temperatures,): a few, evenly in log T; the first and the last become the
        ladder's ends.
    energies
        Losses of its draws, shape (temperatures, draws). Draws that are stuck in one phase miss the loss gap between
        phases, so that the ladder comes out too short where phases coexist.
    acceptance
        As for :func:`temperature_ladder`.

    Returns
    -------
    TemperatureLadder
        Its ``acceptance`` is 1 - Λ/n for every pair, which is a little below what a ladder of few pairs gives.

    Raises
    ------
    ValueError
        For arrays that do not fit or are not finite, or an acceptance outside (0, 1).
    """
    levels, losses = np.asarray(temperatures, dtype=float), np.asarray(energies, dtype=float)
    if (
        levels.ndim != 1
        or levels.size < 2
        or not np.isfinite(levels).all()
        or not (np.diff(levels, prepend=0) > 0).all()
    ):
        raise ValueError("temperatures must be at least two positive numbers in increasing order")
    if losses.ndim != 2 or len(losses) != len(levels) or losses.shape[1] < 2 or not np.isfinite(losses).all():
        raise ValueError(f"energies must be finite, of shape ({len(levels)}, draws), not shape {losses.shape}")
    _check_acceptance(acceptance)
    count = losses.shape[1]
    ranks = 2 * np.arange(1, count + 1) - count - 1
    barrier = (np.sort(losses, axis=1) * ranks).sum(axis=1) / (count * (count - 1))
    if not (barrier > 0).all():
        raise ValueError("energies must vary at every temperature")
    chosen, total = _equal_parts(levels, barrier, acceptance)
    pairs = len(chosen) - 1
    ladder = (float(levels[0]), *chosen[1:-1].tolist(), float(levels[-1]))
    return TemperatureLadder(ladder, (1 - total / pairs,) * pairs, total)


def swap_acceptance(potential: Potential, cold: float, hot: float) -> float:
    """Share of swaps accepted between two temperatures in equilibrium, 2 P(L_hot ≤ L_cold) by quadrature.

    The laws of independent components' energies are convolved on a grid of spacing well below the temperature; the
    result is good to about 1e-4.

    Raises
    ------
    ValueError
        As :func:`temperature_ladder`.
    """
    if not (np.isfinite(hot) and 0 < cold <= hot):
        raise ValueError(f"cold and hot must be positive temperatures, hot not below cold, not {cold} and {hot}")
    _check_dimension(potential)
    _, cold_law, hot_law = _energy_laws(potential, float(cold), float(hot))
    below = np.cumsum(hot_law) - hot_law
    return float(cold_law @ (2 * below + hot_law))


def _check_acceptance(acceptance: float) -> None:
    if not 0 < acceptance < 1:
        raise ValueError(f"acceptance must lie between 0 and 1, not {acceptance}")


def _check_dimension(potential: Potential) -> None:
    largest = max(len(own) for own in potential.components())
    if largest > 2:
        raise ValueError(
            f"potential {potential.name} couples {largest} coordinates, too many for quadrature; sample it at a few "
            "temperatures and give their energies to ladder_from_energies"
        )


def _equal_parts(temperatures: Array, local_barrier: Array, acceptance: float) -> tuple[Array, float]:
    """Cut Λ = ∫ local_barrier d(1/T) into the fewest equal parts of at most 1 - acceptance."""
    # Evenly in log T the integrand, local barrier over T, varies little.
    position = np.log(temperatures)
    integrand = local_barrier / temperatures
    fine = np.linspace(position[0], position[-1], 2001)
    values = np.interp(fine, position, integrand)
    cumulative = np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2 * np.diff(fine))])
    total = float(cumulative[-1])
    pairs = max(1, math.ceil(total / (1 - acceptance) - 1e-9))
    return np.exp(np.interp(np.linspace(0, total, pairs + 1), cumulative, fine)), total


def _half_mean_difference(spacing: float, law: Array) -> float:
    """E|L - L'| / 2 = ∫ F (1 - F) dL."""
    below = np.cumsum(law)
    return float(spacing * (below * (1 - below)).sum())


@lru_cache(maxsize=256)
def _energy_laws(potential: Potential, cold: float, hot: float) -> tuple[float, Array, Array]:
    """Probabilities of the total energy at two temperatures on one grid from the lowest loss up, and its spacing."""
    spacing = (NEGLIGIBLE + 8 * potential.dimension) * hot / BINS
    spectra = np.ones((2, BINS // 2 + 1), dtype=complex)
    for own in potential.components():
        excess = _excess_losses(part_of(potential, own), hot)
        place = excess / spacing
        bins = np.minimum(place.astype(np.int64), BINS - 2)
        share = place - bins  # split between two bins, which keeps the mean
        for spectrum, temperature in zip(spectra, (cold, hot), strict=True):
            weight = np.exp(-excess / temperature)
            weight /= weight.sum()
            law = np.bincount(bins, weight * (1 - share), BINS) + np.bincount(bins + 1, weight * share, BINS)
            spectrum *= fft.rfft(law)
    laws = np.maximum(fft.irfft(spectra, BINS, axis=1), 0.0)
    laws /= laws.sum(axis=1, keepdims=True)
    return spacing, laws[0], laws[1]


def _excess_losses(part: Potential, temperature: float) -> Array:
    """Losses above the lowest one in equal cells that cover where the mass is."""
    minima = np.array([part.minimum_point(i) for i in range(len(part.phases))])
    energy = part.energy_function()
    grid, edges = _raster(part.box, COARSE[part.dimension])
    points = np.concatenate([grid, minima])
    losses = energy(points)
    inside = points[losses <= losses.min() + NEGLIGIBLE * temperature]
    margin = np.array([edge[1] - edge[0] for edge in edges])
    low, high = np.array(part.box).T
    cut = zip(np.maximum(inside.min(axis=0) - margin, low), np.minimum(inside.max(axis=0) + margin, high), strict=True)
    grid, _ = _raster(tuple(cut), FINE[part.dimension])
    losses = energy(grid)
    excess = losses - min(losses.min(), energy(minima).min())
    return excess[excess <= NEGLIGIBLE * temperature]


def _raster(box: tuple[tuple[float, float], ...], cells: int) -> tuple[Array, list[Array]]:
    edges = [np.linspace(low, high, cells + 1) for low, high in box]
    centers = [(edge[1:] + edge[:-1]) / 2 for edge in edges]
    return np.stack([axis.ravel() for axis in np.meshgrid(*centers, indexing="ij")], axis=-1), edges
