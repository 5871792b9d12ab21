"""Temperatures for replica exchange, from the exact law of the energy.

A swap between temperatures T_a < T_b is accepted with probability 2 P(L_b ≤ L_a) in the mean, whatever the loss is
[eq:swap-acceptance]. Two cases have a closed form:

* a phase of learning coefficient λ well below its barrier, [eq:swap-acceptance-phase]: it depends on T_b/T_a only, so
  that a ladder of equal factors has equal acceptances;
* many independent parts, which make L nearly normal, [eq:swap-acceptance-normal].

What a small step rejects, [eq:swap-rejection], adds up along the ladder to the communication barrier Λ between its ends
[eq:communication-barrier]. Few long steps reject less than that together, so ladders are cut by the acceptance itself:
it falls as either end of a pair moves away from the other, whence a number of pairs can all accept a given share if and
only if they do where all accept alike.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential
from ..reference.laws import law
from .energy_law import energy_law

__all__ = ["TemperatureLadder", "ladder_from_energies", "swap_acceptance", "temperature_ladder"]

Array = NDArray[np.float64]
PER_FACTOR_E = 8  # temperatures at which the local barrier is computed, and their least number
TEMPERATURES = 33
WIDEST = 1e100  # of a ladder, hottest over coldest
HIGHEST_ACCEPTANCE = 0.99  # that can be asked for: it is computed to about 1e-4
EQUAL, ROUNDS = 3e-4, 10  # spread of acceptances along a ladder, and how often it is cut anew to get there


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
        """Expected round trips of a chain for each round of swaps [eq:round-trip-rate].

        It counts the trips of all its configurations, and holds where energies forget their past between rounds;
        otherwise it is an upper estimate. It tends to 1 / (2 + 2Λ) as temperatures are added.
        """
        odds = sum((1 - share) / share if share > 0 else math.inf for share in self.acceptance)
        return law("round-trip-rate")(rejection_odds=odds)


@checked_arguments(finite=False)
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
        Share of swaps that each pair should accept at least, at most 0.99. The work for a round trip is least near one
        half where the barrier between the ends is large [eq:round-trip-rate].

    Returns
    -------
    TemperatureLadder
        The fewest temperatures that do, with all acceptances equal to 3e-4.

    Raises
    ------
    ValueError
        For ends that are not positive and increasing, an acceptance out of range, more than two coupled coordinates.
    """
    for name, value in (("coldest", coldest), ("hottest", hottest)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a positive temperature, not {value}")
    if hottest <= coldest:
        raise ValueError(f"hottest must exceed coldest = {coldest:g}, not {hottest:g}")
    _check_acceptance(acceptance)
    if math.log(hottest) - math.log(coldest) > math.log(WIDEST):
        raise ValueError(f"hottest must be at most {WIDEST:g} times coldest, not {hottest:g} for {coldest:g}")
    count = max(TEMPERATURES, math.ceil(PER_FACTOR_E * math.log(hottest / coldest)))
    temperatures = np.geomspace(coldest, hottest, count)
    barrier = [energy_law(potential, float(t)).mean_difference() / 2 for t in temperatures]
    along = _barrier_along(temperatures, np.array(barrier))
    # As many as normal losses would need, then up or down to the fewest.
    pairs = max(1, math.ceil(math.sqrt(math.pi) / 2 * along[1][-1] / special.erfcinv(acceptance)))
    cut = partial(_equal_acceptances, potential, coldest, hottest, along, acceptance)
    while (ladder := cut(pairs)) is None:
        pairs += 1
    while pairs > 1 and (fewer := cut(pairs - 1)) is not None:
        ladder, pairs = fewer, pairs - 1
    return ladder


@checked_arguments(finite=False)
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
        For arrays that do not fit or are not finite, or an acceptance out of range.
    """
    levels, losses = np.asarray(temperatures, dtype=float), np.asarray(energies, dtype=float)
    rising = np.isfinite(levels).all() and levels.ndim == 1 and (np.diff(levels, prepend=0) > 0).all()
    if levels.size < 2 or not rising:
        raise ValueError("temperatures must be at least two positive numbers in increasing order")
    if losses.ndim != 2 or len(losses) != len(levels) or losses.shape[1] < 2 or not np.isfinite(losses).all():
        raise ValueError(f"energies must be finite, of shape ({len(levels)}, draws), not shape {losses.shape}")
    _check_acceptance(acceptance)
    count = losses.shape[1]
    ranks = 2 * np.arange(1, count + 1) - count - 1
    barrier = (np.sort(losses, axis=1) * ranks).sum(axis=1) / (count * (count - 1))
    if not (barrier > 0).all():
        raise ValueError("energies must vary at every temperature")
    position, cumulative = _barrier_along(levels, barrier)
    total = float(cumulative[-1])
    pairs = max(1, math.ceil(total / (1 - acceptance) - 1e-9))
    inner = np.exp(np.interp(np.linspace(0, total, pairs + 1)[1:-1], cumulative, position))
    ladder = (float(levels[0]), *inner.tolist(), float(levels[-1]))
    return TemperatureLadder(ladder, (1 - total / pairs,) * pairs, total)


@checked_arguments(finite=False)
def swap_acceptance(potential: Potential, cold: float, hot: float) -> float:
    """Share of swaps accepted between two temperatures in equilibrium, 2 P(L_hot ≤ L_cold) by quadrature.

    The result is good to about 1e-4 where two coordinates are coupled and to 1e-5 elsewhere, at any ratio of the
    temperatures.

    Raises
    ------
    ValueError
        As :func:`temperature_ladder`.
    """
    if not (np.isfinite(hot) and 0 < cold <= hot):
        raise ValueError(f"cold and hot must be positive temperatures, hot not below cold, not {cold} and {hot}")
    at_cold = energy_law(potential, float(cold))
    at_hot = at_cold.probabilities_at(energy_law(potential, float(hot)))
    # A level that both have counts half as below itself.
    return min(float((at_cold.probabilities * (2 * np.cumsum(at_hot) - at_hot)).sum()), 1.0)


def _check_acceptance(acceptance: float) -> None:
    if not 0 < acceptance <= HIGHEST_ACCEPTANCE:
        raise ValueError(f"acceptance must be above 0 and at most {HIGHEST_ACCEPTANCE}, not {acceptance}")


def _barrier_along(temperatures: Array, local_barrier: Array) -> tuple[Array, Array]:
    """log T on a fine grid, and Λ = ∫ local_barrier d(1/T) from the coldest temperature to there."""
    # Evenly in log T the integrand, local barrier over T, varies little.
    position = np.log(temperatures)
    fine: Array = np.linspace(position[0], position[-1], 2001)
    values = np.interp(fine, position, local_barrier / temperatures)
    parts = (values[1:] + values[:-1]) / 2 * np.diff(fine)
    return fine, np.concatenate([np.zeros(1), np.cumsum(parts)])


def _equal_acceptances(
    potential: Potential, coldest: float, hottest: float, along: tuple[Array, Array], acceptance: float, pairs: int
) -> TemperatureLadder | None:
    """Cut a range into so many pairs that accept alike; None if they cannot all accept that often."""
    position, cumulative = along
    total = float(cumulative[-1])
    cut = np.linspace(0, total, pairs + 1)
    for _ in range(ROUNDS):
        inner = np.exp(np.interp(cut[1:-1], cumulative, position))
        # The ends are the caller's, to the last bit.
        ladder = (float(coldest), *inner.tolist(), float(hottest))
        shares = [swap_acceptance(potential, a, b) for a, b in itertools.pairwise(ladder)]
        if max(shares) < acceptance:
            return None
        if max(shares) - min(shares) < EQUAL:
            break
        # σ Δ of normal losses that accept as often [eq:swap-acceptance-normal] nearly adds up along the ladder.
        width = special.erfcinv(np.clip(shares, 1e-12, 1 - 1e-12))
        reached = np.concatenate([[0.0], np.cumsum(width)])
        cut = np.interp(np.linspace(0, reached[-1], pairs + 1), reached, cut)
    return TemperatureLadder(ladder, tuple(shares), total) if min(shares) >= acceptance else None
