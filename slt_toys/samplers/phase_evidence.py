"""Whether chains changed between phases often enough for the phases' shares to be known from them.

A chain has changed phase when it has been in the core of one and then in the core of another: near the barrier it goes
to and fro without having gone anywhere. Every phase that matters has to be entered ten times by all chains together,
and ten times has some chain to come back to a phase: what was seen once or twice tells nothing of how long it lasts.
Phases that hold too little to be met by so many draws need not be entered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy
from numpy.typing import NDArray

from ..exact.means import exact_means
from ..potentials.phases import Phase
from ..potentials.potential import Potential
from .phase_trips import core_entries

Array = NDArray[np.float64]
FEWEST_ENTRIES = 10  # of every phase that matters, over all chains; and of returns to any
# A phase in which that many independent draws would be expected is met with probability 1 - exp(-10).
EXPECTED_DRAWS = 10.0
# Temperatures above the lowest loss seen, where no integral is known: exp(-40) outweighs any volume met here.
NEGLIGIBLE_LOSS = 40.0
CORE = 1.0  # temperatures above a phase's mean energy λT that still belong to its core
COMMON = 0.05  # share of draws from which on the lower half of a phase's draws is its core too
JUDGED_COMPONENTS = 32


@dataclass(frozen=True)
class Border:
    """Phases of a whole potential, or of one group of its coordinates that does not interact with the others."""

    part: Potential  # the group's
    coordinates: tuple[int, ...]  # their numbers in the whole
    title: str  # what to add to a phase's name: empty for the whole


@dataclass(frozen=True)
class Evidence:
    """What was seen of a border's phases."""

    names: tuple[str, ...]
    shares: Array  # of the draws in each phase
    exact: Array  # shares of the tempered posterior, NaN where they are not known
    matters: NDArray[np.bool_]  # whether each phase could be missed by the draws
    entries: NDArray[np.int64]  # into each phase's core from another one's, over all chains
    returns: int  # of any chain to a core it had been in before, over all chains
    moved: bool  # whether any chain was seen in two phases

    def problems(self) -> Iterator[str]:
        """What speaks against the shares of these phases, the worst first."""
        alone = self.matters.sum() < 2 and (self.shares[self.matters] > 0).all()
        if not self.moved and not (alone and (self.shares > 0).sum() < 2):
            yield "no chain left the phase it started in"
        if alone:
            return
        for k in np.flatnonzero(self.matters & (self.shares == 0)):
            known = ": rare, or out of reach" if np.isnan(self.exact[k]) else f": its share is {self.exact[k]:.2g}"
            yield f"phase {self.names[k]} was never visited{known}"
        if not self.moved:
            return
        candidates = np.flatnonzero(self.matters & (self.shares > 0))
        least = int(candidates[self.entries[candidates].argmin()])
        entries = int(self.entries[least])
        if entries < FEWEST_ENTRIES:
            yield f"phase {self.names[least]} was entered {_times(entries)}, {FEWEST_ENTRIES} are needed"
        elif self.returns < FEWEST_ENTRIES:
            yield f"chains came back to a phase {_times(self.returns)}, {FEWEST_ENTRIES} are needed"

    def least_entries(self) -> int:
        """Entries into the phase that was entered least of those that matter."""
        return int(self.entries[self.matters].min(initial=np.iinfo(np.int64).max))

    def notes(self) -> list[str]:
        """Phases that no draw was in, and need not have been."""
        unseen = np.flatnonzero(~self.matters & (self.shares == 0))[:1]
        shares = ["negligible" if np.isnan(share) else f"{share:.1g}" for share in self.exact[unseen]]
        return [
            f"phase {self.names[k]} was never visited, its share is {share}"
            for k, share in zip(unseen, shares, strict=True)
        ]


def _times(count: int) -> str:
    return "1 time" if count == 1 else f"{count} times"


@lru_cache(maxsize=64)
def borders(potential: Potential) -> tuple[Border, ...]:
    """The groups of coordinates to look at, the whole potential where it does not separate."""
    groups = potential.components()
    if len(groups) == 1:
        return (Border(potential, groups[0], ""),)
    picked = np.unique(np.linspace(0, len(groups) - 1, min(len(groups), JUDGED_COMPONENTS)).round().astype(int))
    return tuple(
        Border(
            _part(potential, int(k)), groups[k], " of " + ", ".join(potential.coordinates[i].name for i in groups[k])
        )
        for k in picked
    )


def _part(potential: Potential, number: int) -> Potential:
    """One group's potential with phases of its own; with one phase at the declared minimum where none are derived."""
    try:
        return potential.component(number)
    except (ValueError, NotImplementedError):
        group = potential.components()[number]
        energy = potential.component_energy(number)
        coordinates = tuple(potential.coordinates[i] for i in group)
        used = {symbol.name: symbol for symbol in energy.free_symbols}
        parameters = tuple((name, value) for name, value in potential.parameters if name in used)
        lowest = min(potential.phases, key=lambda phase: float(phase.loss))
        minimum = tuple(lowest.minimum[i] for i in group)
        values = dict(zip(coordinates, minimum, strict=True)) | {used[name]: value for name, value in parameters}
        phase = Phase("whole", minimum, sympy.true, energy.xreplace(values), lowest.learning_coefficient)
        box = tuple(potential.box[i] for i in group)
        return Potential(
            f"{potential.name}[{number}]", energy, coordinates, parameters, box, (phase,), potential.boundary
        )


def evidence(
    border: Border, points: Array, n_beta: float | None, effective: float, limit: NDArray[np.int64] | None = None
) -> Evidence | None:
    """Look at a border; None where there is but one phase.

    Parameters
    ----------
    border
        One of :func:`borders`.
    points
        Draws (chain, draw, d) of the whole potential.
    n_beta
        Inverse temperature; None where it is not known.
    effective
        How many independent draws the whole is worth.
    limit
        Most changes of phase that may be counted for each chain.
    """
    part = border.part
    if len(part.phases) < 2:
        return None
    own = points[..., list(border.coordinates)]
    index = part.phase_index(own)
    shares = np.array([(index == k).mean() for k in range(len(part.phases))])
    core = _cores(part, own, index, shares, n_beta)
    entries, returns = core_entries(core, len(part.phases))
    if limit is not None:
        entries, returns = np.minimum(entries, limit[:, None]), np.minimum(returns, limit)
    known = None if n_beta is None else exact_means(part, n_beta)
    exact = np.full(len(shares), np.nan) if known is None else known.shares
    held, seen = np.where(index >= 0, index, -1), (index >= 0).any(1)
    first = np.take_along_axis(held, (held >= 0).argmax(1)[:, None], axis=1)
    return Evidence(
        tuple(phase.name + border.title for phase in part.phases),
        shares,
        exact,
        _matters(part, shares, exact, n_beta, effective),
        entries.sum(0),
        int(returns.sum()),
        bool((((held != first) & (held >= 0)).any(1) & seen).any()),
    )


def _cores(part: Potential, points: Array, index: NDArray[np.int64], shares: Array, n_beta: float | None) -> NDArray:
    """The phase whose core each draw is in, or -1."""
    with np.errstate(all="ignore"):
        energies = part.energy_function()(points)
    core = np.full(index.shape, -1)
    for k, phase in enumerate(part.phases):
        inside = index == k
        if not inside.any():
            continue
        height = -np.inf if n_beta is None else (float(phase.learning_coefficient) + CORE) / n_beta
        level = part.minimum_loss(k) + height
        if n_beta is None or shares[k] >= COMMON:
            level = max(level, float(np.median(energies[inside])))
        core[inside & (energies <= level)] = k
    return core


def _matters(part: Potential, shares: Array, exact: Array, n_beta: float | None, effective: float) -> NDArray[np.bool_]:
    if not np.isnan(exact).any():
        return exact * effective >= EXPECTED_DRAWS
    if n_beta is None:
        return np.ones(len(shares), dtype=bool)
    losses = np.array([part.minimum_loss(k) for k in range(len(shares))])
    lowest = losses[shares > 0].min(initial=np.inf)
    return (shares > 0) | (n_beta * (losses - lowest) < NEGLIGIBLE_LOSS)
