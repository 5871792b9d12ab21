"""Whether potentials are energies of the same points: the same coordinates between the same walls.

Coordinates are the same if their names are. Their order is a matter of arrays alone: potentials that differ in it are
brought to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import sympy

from ..inputs.arguments import shown
from ..inputs.names import BOX
from .regions import Basin, region_labels

if TYPE_CHECKING:
    from .potential import Potential


OUTSIDE = "outside"
MOST_PHASES = 64  # as :mod:`slt_toys.potentials.phases` tells apart

__all__ = ["check_same_space", "deficit_for", "in_order", "in_order_of", "named_alike"]


def in_order_of(coordinates: tuple[sympy.Symbol, ...], **potentials: Potential) -> tuple[Potential, ...]:
    """Potentials of the same points, each with its coordinates in one order.

    Parameters
    ----------
    coordinates
        In that order.
    potentials
        By the name to use in the message.

    Raises
    ------
    ValueError
        In one line, as :func:`check_same_space` says of everything but the order.
    """
    names = sorted(w.name for w in coordinates)
    ordered = {
        name: in_order(p, coordinates) if names == sorted(w.name for w in p.coordinates) else p
        for name, p in potentials.items()
    }
    check_same_space(**ordered)
    return tuple(ordered.values())


def in_order(potential: Potential, coordinates: tuple[sympy.Symbol, ...]) -> Potential:
    """The potential with its coordinates, and so the last axis of every array, in another order.

    Parameters
    ----------
    potential
    coordinates
        Symbols of the same names.

    Raises
    ------
    ValueError
        In one line, when the names are others.
    """
    try:
        wanted = [w.name for w in coordinates]
    except (AttributeError, TypeError):
        raise ValueError(
            f"coordinates must be symbols, such as those of a potential, not {shown(coordinates)}"
        ) from None
    own = [w.name for w in potential.coordinates]
    if sorted(wanted) != sorted(own):
        raise ValueError(f"coordinates must be those of {potential.name}, {_listed(own)}, not {_listed(wanted)}")
    return potential if tuple(coordinates) == potential.coordinates else _reordered(potential, tuple(coordinates))


@lru_cache(maxsize=64)  # one object for one order: kernels and grids are looked up by it
def _reordered(potential: Potential, coordinates: tuple[sympy.Symbol, ...]) -> Potential:
    own = {w.name: (place, w) for place, w in enumerate(potential.coordinates)}
    places = [own[w.name][0] for w in coordinates]
    names = {own[w.name][1]: w for w in coordinates}
    minima = {phase.name: tuple(phase.minimum[i] for i in places) for phase in potential.phases}
    regions = {phase.name: phase.region.xreplace(names) for phase in potential.phases}
    for name, region in regions.items():
        if isinstance(region, Basin) and len(coordinates) == 2:
            regions[name] = _turned(region, coordinates, minima[name])
    phases = tuple(replace(p, minimum=minima[p.name], region=regions[p.name]) for p in potential.phases)
    return replace(
        potential, energy=potential.energy.xreplace(names), coordinates=coordinates,
        box=tuple(potential.box[i] for i in places), phases=phases,
    )  # fmt: skip


def _turned(region: Basin, coordinates: tuple[sympy.Symbol, ...], minimum: Sequence[sympy.Expr]) -> Basin:
    """The same basin with its coordinates in another order, in which minima are counted otherwise."""
    energy, own, walls, periodic = region.family
    if tuple(own.args) == coordinates:
        return region
    pairs = [pair.args for pair in reversed(walls.args)]
    basins = tuple(Basin(energy, coordinates, pairs, number, periodic) for number in range(MOST_PHASES))
    place = np.array([[float(sympy.N(x, 30)) for x in minimum]])
    return basins[int(region_labels(basins, coordinates)(place)[0])]


@lru_cache(maxsize=64)  # one object for one pair, as above
def named_alike(potential: Potential, other: Potential) -> Potential:
    """The potential with its phases called as those of another one in whose regions they lie.

    Names such as left and right are given by the order of the minima in each potential alone, and a tilt may change
    that order. Of several minima in one region the lowest takes the name, the others get a number.

    Parameters
    ----------
    potential, other
        Of the same points.

    Returns
    -------
    Potential
        The same object where the names are right already. A phase whose minimum lies in no region of the other is
        called "outside".
    """
    phases = potential.phases
    holders = other.phase_index(np.array([potential.minimum_point(i) for i in range(len(phases))])).tolist()
    called = [other.phases[held].name if held >= 0 else OUTSIDE for held in holders]
    if called == [phase.name for phase in phases]:
        return potential
    names: dict[int, str] = {}
    for i in sorted(range(len(phases)), key=lambda i: potential.minimum_loss(phases[i].name)):
        name = called[i]
        if name in names.values():
            taken = {*names.values(), *(phase.name for phase in other.phases)}
            number = next(k for k in range(2, len(phases) + 2) if f"{name} {k}" not in taken)
            name = f"{name} {number}"
        names[i] = name
    return replace(potential, phases=tuple(replace(phase, name=names[i]) for i, phase in enumerate(phases)))


def deficit_for(deficit: Potential, clean: Potential, stuck_phase: str) -> Potential:
    """The deficit of a pair, with its phases named as the clean one's: :func:`named_alike`.

    Raises
    ------
    ValueError
        In one line, when the clean potential has no such phase, or the deficit no minimum there.
    """
    clean.phase_number(stuck_phase)
    named = named_alike(deficit, clean)
    if stuck_phase not in (phase.name for phase in named.phases):
        raise ValueError(
            f"deficit potential {deficit.name} has no minimum in phase {stuck_phase!r} of the clean one; give as "
            "stuck_phase one where it has"
        )
    return named


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
            same = sorted(own) == sorted(its)
            order = " in the same order" * same
            help_ = f"; bring {name} to it by slt_toys.potentials.same_space.in_order" * same
            raise ValueError(
                f"{first} and {name} must have the same coordinates{order}, not {_listed(own)} ({len(own)}) and "
                f"{_listed(its)} ({len(its)}){help_}"
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
