"""Axes for a plane: turned to where the energy's valleys run, with as many cells as crossings need.

Noise that is the same in all directions is so in any axes, so an energy may be turned and nothing changes but the
cells. Along the axes of the coordinates a narrow valley that runs across them is a staircase: unless a cell is narrower
than the valley, every step of it is a barrier that is not there, and times come out too long by any factor. Which axes
and how many cells are enough is measured, by what fewer cells change in a relaxation time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
import sympy
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential
from ..potentials.regions import Basin, Turned
from .fokker_planck import FokkerPlanck, fokker_planck, relaxation_time
from .grids import CELLS, FROZEN, grid_for, straight_barrier
from .saddles import saddles

Array = NDArray[np.float64]

__all__ = ["Laid", "laid", "suited", "turned"]

ENOUGH = 0.05  # of a relaxation time, up to which cells are enough: a tenth of an epoch in the end of a critical period
REFUSED = 0.5  # from which on what comes out says nothing
MOST_CELLS = 112  # along each axis; an epoch takes six times what it takes with 56
FEWER = 2**0.5  # cells are compared with this many times fewer: twice the error, at second order
COLD, WARM = 16.0, 6.0  # barriers over temperatures at which it is looked at: where a critical period's end is decided
SMALL_TURN = 0.03  # radians that are not worth a turn


@dataclass(frozen=True, eq=False)
class Laid:
    """Potentials in the axes that suit them.

    Attributes
    ----------
    potentials
        Turned, or as given.
    cells
        Along each axis.
    error
        Estimate of what so many cells leave in a relaxation time, relative; 0 where nothing crosses a barrier.
    """

    potentials: tuple[Potential, ...]
    cells: int
    error: float
    axes: Array  # the new axes in the old coordinates, as rows: u = axes w


@checked_arguments
def turned(potential: Potential, tangent: sympy.Rational) -> Potential:
    """The same energy of two coordinates in axes turned by an angle φ, given tan(φ/2); rationals stay rationals.

    New coordinates u, which keep the old ones' names, are u1 = w1 cos φ + w2 sin φ and u2 = w2 cos φ - w1 sin φ.

    Raises
    ------
    ValueError
        For another dimension or walls that reflect, which are not turned.
    """
    if potential.dimension != 2 or potential.boundary != "natural":
        raise ValueError(f"potential {potential.name} must have two coordinates and no walls to be turned")
    x, y = potential.coordinates
    cosine, sine = _circle(tangent)
    old = {x: cosine * x - sine * y, y: sine * x + cosine * y}
    c, s = float(cosine), float(sine)
    corners = np.array([[a, b] for a in potential.box[0] for b in potential.box[1]]) @ np.array([[c, -s], [s, c]])
    energy = potential.energy.xreplace(old)
    phases = []
    for phase in potential.phases:
        a, b = (sympy.Rational(str(sympy.N(value, 30))) for value in phase.minimum)
        minimum = (cosine * a + sine * b, cosine * b - sine * a)
        mixed = phase.region.has(Basin)
        region = Turned(phase.region, (x, y), cosine, sine) if mixed else phase.region.xreplace(old)
        phases.append(replace(phase, minimum=minimum, region=region))
    return replace(
        potential, name=f"{potential.name}, turned", phases=tuple(phases),
        energy=sympy.expand(energy) if energy.is_polynomial(x, y) else energy,
        box=tuple(zip(corners.min(axis=0).tolist(), corners.max(axis=0).tolist(), strict=True)),
    )  # fmt: skip


@checked_arguments
def laid(potentials: Sequence[Potential], temperatures: Array) -> Laid:
    """Choose axes and a number of cells for potentials of two coordinates that share them.

    Parameters
    ----------
    potentials
        One or more.
    temperatures
        Over which they are asked, in units of loss; only the lowest and the highest matter.

    Raises
    ------
    ValueError
        In one line, where a valley is too narrow and too bent for any number of cells up to :data:`MOST_CELLS`.
    """
    found = suited(potentials, temperatures)
    if found.error > REFUSED:
        raise ValueError(
            f"energy {potentials[-1].name} has a valley too narrow for {found.cells} x {found.cells} cells, which "
            f"leave an error of {found.error:.2g} in relaxation times; take a wider valley or higher temperatures"
        )
    return found


@checked_arguments
def suited(potentials: Sequence[Potential], temperatures: Array) -> Laid:
    """The same, whatever error is left."""
    barrier, given = _barrier(potentials[-1]), np.asarray(temperatures, dtype=float)
    lowest, highest = float(given.min()), float(given.max())
    if not barrier or highest < barrier / FROZEN:
        return Laid(tuple(potentials), CELLS[2], 0.0, np.eye(2))
    # Ranges in quarters of octaves of barriers, for the cache's sake.
    low, high = np.floor(4 * np.log2(lowest / barrier) + 1e-6), np.ceil(4 * np.log2(highest / barrier) - 1e-6)
    return _laid(tuple(potentials), barrier, int(low), int(high))


@lru_cache(maxsize=64)
def _laid(potentials: tuple[Potential, ...], barrier: float, low: int, high: int) -> Laid:
    lowest, highest = barrier * 2 ** (low / 4), barrier * 2 ** (high / 4)
    asked = sorted({min(max(barrier / share, lowest), highest) for share in (COLD, WARM)})
    ways, tangent = [potentials], _suiting(potentials)
    if tangent:
        ways.append(tuple(turned(p, tangent) for p in potentials))
    times: dict[tuple[int, int], Array] = {}

    def error(way: int, cells: int) -> float:
        for count in (cells, round(cells / FEWER)):
            if (way, count) not in times:
                grid = grid_for(ways[way], [lowest, highest], count)
                processes = [fokker_planck(own, grid) for own in ways[way]]
                times[way, count] = np.array([_time(process, t) for process in processes for t in asked])
        fine, coarse = times[way, cells], times[way, round(cells / FEWER)]
        with np.errstate(invalid="ignore"):
            apart = np.abs(coarse / fine - 1).max()
        return float(apart) if np.isfinite(apart) else np.inf

    cells = CELLS[2]
    errors = [error(way, cells) for way in range(len(ways))]
    best = int(np.argmin(errors))
    while errors[best] > ENOUGH and cells < MOST_CELLS:
        cells = min(round(cells * FEWER), MOST_CELLS)
        errors[best] = error(best, cells)
    cosine, sine = _circle(tangent) if best and tangent else (1.0, 0.0)
    axes = np.array([[cosine, sine], [-sine, cosine]], dtype=float)
    return Laid(ways[best], cells, errors[best], axes)


def _time(process: FokkerPlanck, temperature: float) -> float:
    try:
        return relaxation_time(process, temperature)
    except ValueError:  # steps of a staircase, each a trap like any other: no rate stands out
        return float("inf")


@lru_cache(maxsize=64)
def _barrier(potential: Potential) -> float:
    """The barrier that is passed last on cooling: of all phases but the lowest, the highest one to a lower phase.

    It decides the relaxation time. Over saddles, or if none is found along a straight line; 0 for none.
    """
    try:
        own = sorted(saddles(potential), key=lambda saddle: saddle.loss)
    except ValueError:  # flat across
        own = []
    losses = [potential.minimum_loss(i) for i in range(len(potential.phases))]
    lowest = list(range(len(losses)))  # of the phases that lower saddles have joined, each phase's lowest
    heights = []
    for saddle in own:
        one, two = sorted((lowest[i] for i in saddle.phases), key=losses.__getitem__)
        if one != two:
            heights.append(saddle.loss - losses[two])
            lowest = [one if i == two else i for i in lowest]
    return max((height for height in heights if height > 0), default=straight_barrier(potential))


def _circle(tangent: sympy.Rational) -> tuple[sympy.Rational, sympy.Rational]:
    """cos φ and sin φ from tan(φ/2)."""
    return (1 - tangent**2) / (1 + tangent**2), 2 * tangent / (1 + tangent**2)


def _suiting(potentials: tuple[Potential, ...]) -> sympy.Rational | None:
    """tan(φ/2) of the axes of the Hessians at the minima, summed; None for the axes that there are."""
    if any(p.boundary != "natural" for p in potentials):
        return None
    total = np.zeros((2, 2))
    for potential in potentials:
        for number in range(len(potential.phases)):
            total += potential.hessian_function()(potential.minimum_point(number))
    angle = np.arctan2(2 * total[0, 1], total[0, 0] - total[1, 1]) / 2
    if not np.isfinite(angle) or abs(angle) < SMALL_TURN:
        return None
    share = Fraction(float(np.tan(angle / 2))).limit_denominator(100)
    return sympy.Rational(share.numerator, share.denominator)
