"""Populations of independent two-phase subsystems with a spread of barriers, and the declines they make when sampled.

A subsystem whose barrier is h times the shape's runs like the shape itself at temperatures and times scaled by h (see
:mod:`slt_toys.barriers.kernel`), so each height is sampled by Langevin chains of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ..inputs.arguments import check_fields, checked_arguments
from ..potentials.potential import PotentialPair
from ..protocol.sampled import sampled_stuck
from ..protocol.schedule import Ending
from ..protocol.training import Training
from .decline import Decline
from .kernel import barrier_height, stuck_probabilities

Array = NDArray[np.float64]

CHAINS_PER_ROW = 3  # at least, at each height: a covariance of fewer says nothing
REACH = 3.0  # standard deviations of a smooth spectrum on either side
# Heights in one standard deviation. Summing a smooth kernel times a Gaussian over equal steps converges faster than any
# power of the step; at this one the decline is right to 1e-4 (tested).
STEPS = 2
SCAN = 400
LEAST_RISE = 0.3  # of the stuck share between the first and the last switch epoch, at the barrier that shows best
SHOWN = 0.25  # of that rise: barriers that rise less are not shown

__all__ = ["Population", "height_range", "log_normal", "sampled_decline"]


@dataclass(frozen=True, eq=False)
class Population:
    """Barrier heights of independent subsystems.

    Attributes
    ----------
    name
        What it is called.
    heights
        In units of loss, increasing, shape (m,).
    weights
        Share of the whole at each, positive, shape (m,), of sum 1.
    spread
        Standard deviation of log height of a log-normal spectrum of which these are the quadrature points; 0 where
        they are the spectrum.
    """

    name: str
    heights: Array
    weights: Array
    spread: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        heights, weights = np.asarray(self.heights, dtype=float), np.asarray(self.weights, dtype=float)
        if heights.ndim != 1 or not heights.size or not (heights > 0).all() or (np.diff(heights) <= 0).any():
            raise ValueError(f"heights must be positive barrier heights that increase, not {heights.tolist()}")
        if weights.shape != heights.shape or not (weights > 0).all() or abs(weights.sum() - 1) > 1e-9:
            raise ValueError(f"weights must be one positive share per height, of sum 1, not {weights.tolist()}")

    @property
    def median(self) -> float:
        """Geometric mean of the heights by weight: the median of a log-normal spectrum."""
        return float(np.exp(self.weights @ np.log(self.heights)))

    def log_density(self, heights: Array) -> Array:
        """Share per unit of log height of a log-normal spectrum."""
        distance = np.log(np.asarray(heights) / self.median) / self.spread
        return np.exp(-(distance**2) / 2) / (self.spread * np.sqrt(2 * np.pi))

    def within(self, edges: Array) -> Array:
        """Share between each of the increasing edges and the next, shape (windows,)."""
        if self.spread:
            return np.diff(ndtr(np.log(np.asarray(edges) / self.median) / self.spread))
        return np.histogram(self.heights, edges, weights=self.weights)[0]


@checked_arguments
def log_normal(name: str, median: float, spread: float) -> Population:
    """A smooth spectrum: log height normal about that of ``median`` with standard deviation ``spread``."""
    if not (median > 0 and spread > 0):
        raise ValueError(f"median and spread must be positive, not {median} and {spread}")
    distance = np.arange(-REACH * STEPS, REACH * STEPS + 1) / STEPS
    weights = np.exp(-(distance**2) / 2)
    return Population(name, median * np.exp(spread * distance), weights / weights.sum(), spread)


@checked_arguments
def sampled_decline(
    pair: PotentialPair,
    training: Training,
    switch_epochs: NDArray[np.int64],
    ending: Ending,
    population: Population,
    *,
    chains: int,
    seed: int | Sequence[int] = 0,
    advance: Callable[[float], None] | None = None,
) -> Decline:
    """Run a population through every switch epoch and count what ends stuck.

    Parameters
    ----------
    pair, training, switch_epochs, ending
        The shape of the subsystems and the protocol; see :func:`slt_toys.protocol.sampled.sampled_stuck`.
    population
        Heights are those of the clean barrier, out of the stuck phase.
    chains
        In all, shared out by weight.
    seed
        Same seed, same decline, on any number of threads.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    Decline
        With the covariance that the rows have because they follow the same chains.
    """
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    if chains < 1:
        raise ValueError(f"chains must be at least 1, not {chains}")
    unit, rows = barrier_height(pair), len(switch_epochs)
    share, noise = np.zeros(rows), np.zeros((rows, rows))
    for number, (height, weight) in enumerate(zip(population.heights, population.weights, strict=True)):
        scale = float(height / unit)
        own = replace(
            training, dataset_size=training.dataset_size * scale, gradient_variance=training.gradient_variance / scale
        )
        count = max(round(chains * weight), CHAINS_PER_ROW * rows)
        stuck = sampled_stuck(pair, own, switch_epochs, ending, chains=count, seed=[*seeds, number])
        part = Decline.of_chains(switch_epochs, stuck)
        share += weight * part.stuck_share
        noise += weight**2 * part.noise
        if advance is not None:
            advance(float(weight))
    return Decline(switch_epochs, share, noise)


@checked_arguments
def height_range(
    pair: PotentialPair, training: Training, first: int, last: int, ending: Ending, *, stuck_at_first: float = 0.95
) -> tuple[float, float]:
    """Barrier heights that a decline between two switch epochs can say anything of, in units of loss.

    Higher ones are stuck from the first switch epoch on. Lower ones are not even at the last, or are so flat that
    training ends before they have recovered from any: their stuck share hardly rises. By the kernel of two states.

    Parameters
    ----------
    pair, training, ending
        The protocol.
    first, last
        Switch epochs.
    stuck_at_first
        Stuck share at the first switch epoch of the highest barrier.

    Raises
    ------
    ValueError
        In one line, when no barrier's stuck share rises between them.
    """
    temperature = float(training.temperatures(1)[0])
    heights = temperature * np.geomspace(1e-4, 200, SCAN)
    epochs = np.array([first, last])
    early, late = stuck_probabilities(pair, training, epochs, ending, heights, method="eyring_kramers").T
    rise = late - early
    clearest = int(np.argmax(rise))
    if rise[clearest] < LEAST_RISE:
        raise ValueError(
            f"switch_epochs {first} to {last} show no barriers: the stuck share of none rises by more than "
            f"{rise[clearest]:.2f} between them; give later ones, or the right learning rate, decay and epochs"
        )
    above = np.flatnonzero(early[clearest:] >= stuck_at_first)
    highest = clearest + int(above[0]) if above.size else SCAN - 1
    below = np.flatnonzero(rise[:clearest] < SHOWN * rise[clearest])
    lowest = int(below[-1]) + 1 if below.size else 0
    return float(heights[lowest]), float(heights[highest])
