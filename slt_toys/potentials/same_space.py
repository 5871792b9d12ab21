"""Whether potentials are energies of the same points: the same coordinates between the same walls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..inputs.names import BOX

if TYPE_CHECKING:
    from .potential import Potential


def check_same_space(**potentials: Potential) -> None:
    """Refuse potentials that are not energies of the same points, as those that follow one another must be.

    Parameters
    ----------
    potentials
        By the name to use in the message.

    Raises
    ------
    ValueError
        In one line, when they differ in their coordinates or the coordinates' order, in the walls that reflect, or in
        the period.
    """
    (first, reference), *others = potentials.items()
    for name, other in others:
        own, its = (tuple(w.name for w in p.coordinates) for p in (reference, other))
        if own != its:
            order = " in the same order" if sorted(own) == sorted(its) else ""
            raise ValueError(
                f"{first} and {name} must have the same coordinates{order}, not {_listed(own)} ({len(own)}) and "
                f"{_listed(its)} ({len(its)})"
            )
        walls = [p.box if p.boundary != "natural" else None for p in (reference, other)]
        if walls[0] == walls[1] and reference.boundary != other.boundary:
            raise ValueError(
                f"{first} and {name} must both have walls that reflect or both be periodic, not {reference.boundary} "
                f"and {other.boundary}; give both the same boundary="
            )
        if walls[0] != walls[1]:
            shown = [
                "none" if box is None else ", ".join(f"({low:g}, {high:g})" for low, high in box[:3]) for box in walls
            ]
            what = "period" if "periodic" in (reference.boundary, other.boundary) else "reflecting walls"
            raise ValueError(
                f"{first} and {name} must have the same {what}, not {shown[0]} and {shown[1]}: what lies "
                f"beyond a wall of one has no place in the other; give both the same {BOX}"
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])}, ..."
