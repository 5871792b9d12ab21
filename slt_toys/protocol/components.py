"""Where a pair's runs end: its components with two phases, what is stuck there, and what the clean data prefer."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..exact.draws import phase_at
from ..exact.turned import laid
from ..potentials.potential import PotentialPair


def preferred_phase(pair: PotentialPair) -> str:
    """Name of the phase of least clean loss among those that are not the stuck one."""
    others = [phase.name for phase in pair.clean.phases if phase.name != pair.stuck_phase]
    return min(others, key=pair.clean.minimum_loss)


@lru_cache(maxsize=64)
def component_pairs(pair: PotentialPair) -> tuple[PotentialPair, ...]:
    """Split a separable pair into the pairs of its components where runs can get stuck; other pairs are left whole.

    They can where the component has two phases and the clean one prefers another than the deficit.
    """
    groups = pair.clean.components()
    if len(groups) == 1 or pair.deficit.components() != groups:
        if pair.clean.dimension > 2:
            raise ValueError(
                f"pair {pair.name} has {pair.clean.dimension} coupled coordinates; at most 2 are solved exactly"
            )
        return (pair,)
    parts = []
    stuck_point = pair.deficit.minimum_point(pair.stuck_phase)
    for number, group in enumerate(groups):
        deficit, clean = pair.deficit.component(number), pair.clean.component(number)
        if len(clean.phases) > 1:
            stuck = clean.phases[phase_at(clean, stuck_point[list(group)])].name
            if clean.minimum_loss(stuck) > min(clean.minimum_loss(phase.name) for phase in clean.phases):
                parts.append(PotentialPair(f"{pair.name}[{number}]", deficit, clean, stuck))
    if not parts:
        raise ValueError(f"pair {pair.name} has no component with two phases of which the deficit prefers another")
    return tuple(parts)


def laid_pair(pair: PotentialPair, temperatures: NDArray[np.float64]) -> tuple[PotentialPair, int]:
    """A pair of two coordinates in the axes that suit it, and how many cells along each are enough."""
    found = laid((pair.deficit, pair.clean), temperatures)
    deficit, clean = found.potentials
    return PotentialPair(pair.name, deficit, clean, pair.stuck_phase), found.cells


def coordinates_of(part: PotentialPair, pair: PotentialPair) -> list[int]:
    """Which of a pair's coordinates one of its :func:`component_pairs` is about."""
    if part == pair:  # another object, maybe: what is cached is the first pair of its kind
        return list(range(pair.clean.dimension))
    return list(pair.clean.components()[int(part.name.rsplit("[")[-1][:-1])])


def stuck_components(pair: PotentialPair, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points (runs, coordinates) are stuck, by component that has two phases: shape (components, runs)."""
    return np.array([
        part.clean.phase_index(points[:, coordinates_of(part, pair)]) == part.clean.phase_number(part.stuck_phase)
        for part in component_pairs(pair)
    ])  # fmt: skip
