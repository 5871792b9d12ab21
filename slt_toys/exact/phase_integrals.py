"""From a potential to numbers: the integrals of exp(-n_beta L) over each phase, exact bookkeeping included.

The coordinates are split into groups that neither the energy nor any region couples; integrals multiply over the
groups, so a sum of many independent coordinates costs as much as its coordinates one by one. Each group is cut into
pieces that lie wholly inside or outside every phase. Losses are carried as (exact offset from the group's lowest) +
(excess at the node); polynomials in one coordinate are expanded about the exact minimum, where L - L_α would
otherwise drown in rounding once n_beta times the machine epsilon matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import mpmath
import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments
from ..potentials.boxes import loss_unit, scale_of, widened
from ..potentials.confinement import taylor_coefficients
from ..potentials.kinks import kink_places
from ..potentials.potential import Phase, Potential
from ..potentials.regions import basins_in
from .plane_quadrature import plane_nodes
from .quadrature import Moments, Nodes, Range, line_nodes

Array = NDArray[np.float64]
SAME_END = 1e-12  # of a period, within which ends of phases on a circle are one
LOOKED_AT = 20_001  # places between two walls for ripples
LARGEST_N_BETA = 1e290  # in the energy's own unit: powers of it are doubles
BEYOND = 1e200  # a loss instead of infinity
RATIO_BEYOND_POLYNOMIALS = 2.0  # of losses across a panel in a plane: a bump is no polynomial over much of its width
DIGITS = 50  # of exact losses and expansions, before they become doubles


@dataclass(frozen=True)
class Piece:
    """Part of a group's box: its nodes, and their reference loss as an offset from the group's lowest."""

    offset: float
    nodes: Nodes


@dataclass(frozen=True)
class Group:
    """Coordinates coupled to each other and to no others."""

    coordinates: tuple[int, ...]  # their numbers in the potential
    lowest: float  # loss of any phase in this group; pieces and phases are offset from it
    pieces: tuple[Piece, ...]  # they cover the box
    members: tuple[tuple[int, ...], ...]  # for each phase, the numbers of the pieces that make its region up
    phase_offset: tuple[float, ...]  # for each phase, its loss in this group above the lowest


@dataclass(frozen=True)
class PhaseMoments:
    """Integrals over one phase (or over everything) at each n_beta, losses measured from ``reference``."""

    reference: float  # loss L_α of the phase, or the lowest loss
    offset: float  # the same above the sum of the groups' lowest losses, free of cancellation
    moments: Moments  # log ∫ exp(-n_beta (L - reference)), mean and variance of L - reference, error estimate


@checked_arguments
def checked_n_beta(n_beta: ArrayLike) -> Array:
    """Return n_beta as an array (temperatures,) of positive finite numbers.

    Raises
    ------
    ValueError
        In one line, when it is not.
    """
    values = np.atleast_1d(np.asarray(n_beta, dtype=float))
    if values.ndim != 1 or values.size == 0:
        raise ValueError(
            f"n_beta must be a number or a one-dimensional array of them, not an array of shape {values.shape}"
        )
    bad = values[~(np.isfinite(values) & (values > 0))]
    if bad.size:
        raise ValueError(f"n_beta must be positive and finite (it is 1/temperature), not {bad[0]}")
    return values


def range_for(n_beta: Array) -> Range:
    """The range of the node set that serves these n_beta; one set, 0.1 to 1e8, for all the usual ones.

    Parameters
    ----------
    n_beta
        In the energy's own unit of 1/loss, that is times :func:`slt_toys.potentials.boxes.loss_unit`.
    """
    standard = Range()
    low = min(standard.n_beta_low, 10.0 ** math.floor(math.log10(n_beta.min())))
    if n_beta.max() > LARGEST_N_BETA:
        raise ValueError(f"n_beta must be at most {LARGEST_N_BETA:g} in the energy's own unit, not {n_beta.max():g}")
    high = max(standard.n_beta_high, 10.0 ** math.ceil(math.log10(n_beta.max())))
    return Range(low, high)


def phase_moments(potential: Potential, n_beta: Array, phases: Sequence[int | None]) -> list[PhaseMoments]:
    """Integrals over each of some phases, or over everything for None, on a box that holds the mass at every n_beta.

    Raises
    ------
    ValueError
        When mass lies beyond a box that is no part of the model and cannot be widened, more than two coordinates are
        coupled, or a declared loss is not the energy at the declared minimum.
    """
    unit = loss_unit(potential)
    wanted = range_for(n_beta * unit).in_unit(unit)
    potential = widened(potential, 1 / float(n_beta.min()))
    result: list[list[Moments]] = [[] for _ in phases]
    offset, lowest = np.zeros(len(phases)), 0.0
    for group in groups(potential, wanted):
        members = [tuple(range(len(group.pieces))) if phase is None else group.members[phase] for phase in phases]
        done = {i: group.pieces[i].nodes.moments(n_beta) for i in set().union(*members)}
        for k, (phase, own) in enumerate(zip(phases, members, strict=True)):
            reference = 0.0 if phase is None else group.phase_offset[phase]
            parts = [(group.pieces[i].offset - reference, done[i]) for i in own if group.pieces[i].nodes.excess.size]
            if not parts:
                what = "the box" if phase is None else f"the region of phase {potential.phases[phase].name!r}"
                raise ValueError(f"{what} of {potential.name} holds no volume; give a region that meets the box")
            result[k].append(_union(parts, n_beta))
            offset[k] += reference
        lowest += group.lowest
    fields = ("log_integral", "mean", "variance", "error")
    return [
        PhaseMoments(
            lowest if phase is None else potential.minimum_loss(phase),
            float(offset[k]),
            Moments(*(np.sum([getattr(part, field) for part in result[k]], axis=0) for field in fields)),
        )
        for k, phase in enumerate(phases)
    ]


def _union(parts: Sequence[tuple[float, Moments]], n_beta: Array) -> Moments:
    """Join the moments of pieces, each with its losses offset from the common reference."""
    logs = np.array([part.log_integral - n_beta * offset for offset, part in parts])
    top = logs.max(axis=0)
    share = np.exp(logs - top)
    total = share.sum(axis=0)
    share /= total
    means = np.array([part.mean + offset for offset, part in parts])
    mean = (share * means).sum(axis=0)
    variance = (share * (np.array([part.variance for _, part in parts]) + (means - mean) ** 2)).sum(axis=0)
    error = (share * np.array([part.error for _, part in parts])).sum(axis=0)
    return Moments(top + np.log(total), mean, variance, error)


@lru_cache(maxsize=8)
def groups(potential: Potential, wanted: Range) -> tuple[Group, ...]:
    """Cut a potential into groups with all their nodes (cached for the last few potentials).

    Raises
    ------
    ValueError
        When more than two coordinates are coupled, or a declared loss is not the energy at the declared minimum.
    """
    numbers = _coordinate_groups(potential)
    largest = max(numbers, key=len)
    if len(largest) > 2:
        names = ", ".join(potential.coordinates[i].name for i in largest)
        raise ValueError(
            f"potential {potential.name} couples {len(largest)} coordinates ({names}); quadrature takes at most 2 at a "
            "time, so sample it, or write the energy and the regions in independent groups of 1 or 2"
        )
    parts = [part_of(potential, own) for own in numbers]
    for i, phase in enumerate(potential.phases):
        declared = sympy.N(phase.loss, 30)
        actual = sum(sympy.N(part.phases[i].loss, 30) for part in parts)
        if not abs(actual - declared) <= 1e-12 * scale_of(potential) + 1e-15 * abs(declared):
            raise ValueError(
                f"phase {phase.name!r} of {potential.name} declares loss {float(declared):.12g}, "
                f"but the energy at its minimum is {float(actual):.12g}"
            )
    make = {1: _line_group, 2: _plane_group}
    return tuple(make[len(own)](part, own, wanted) for own, part in zip(numbers, parts, strict=True))


def group_of(potential: Potential, coordinate: int) -> tuple[int, ...]:
    """The group of coordinates that holds a coordinate."""
    return next(own for own in _coordinate_groups(potential) if coordinate in own)


def _coordinate_groups(potential: Potential) -> list[tuple[int, ...]]:
    """Energy groups, merged where a condition of some region couples them."""
    result = [set(own) for own in potential.components()]
    position = {symbol: i for i, symbol in enumerate(potential.coordinates)}
    for phase in potential.phases:
        for condition in sympy.And.make_args(phase.region):
            used = {position[s] for s in condition.free_symbols}
            touched = [own for own in result if own & used]
            if len(touched) > 1:
                result = [own for own in result if not own & used] + [set().union(*touched)]
    return [tuple(sorted(own)) for own in sorted(result, key=min)]


@lru_cache(maxsize=64)
def part_of(potential: Potential, own: tuple[int, ...]) -> Potential:
    """The potential of one group: the same phases in the same order; constants go with the first group."""
    coordinates = tuple(potential.coordinates[i] for i in own)
    energy = potential.bound_energy
    others: dict[sympy.Basic | complex, sympy.Basic | complex] = {
        w: sympy.S.Zero for i, w in enumerate(potential.coordinates) if i not in own
    }
    if others:
        energy = energy.subs(others)
        if 0 not in own:
            energy -= energy.subs({w: sympy.S.Zero for w in coordinates})
    phases = []
    for phase in potential.phases:
        minimum = tuple(phase.minimum[i] for i in own)
        conditions = [c for c in sympy.And.make_args(phase.region) if c.free_symbols & set(coordinates)]
        loss = sympy.N(energy.subs(dict(zip(coordinates, minimum, strict=True))), DIGITS)
        phases.append(Phase(phase.name, minimum, sympy.And(*conditions), loss, phase.learning_coefficient))
    box = tuple(potential.box[i] for i in own)
    return Potential(
        f"{potential.name}, coordinates {own}", energy, coordinates, (), box, tuple(phases), potential.boundary
    )


def _lowest_and_offsets(part: Potential) -> tuple[float, list[float]]:
    losses = [phase.loss for phase in part.phases]
    lowest = min(losses)
    return float(lowest), [float(loss - lowest) for loss in losses]


def _line_group(part: Potential, own: tuple[int, ...], wanted: Range) -> Group:
    lowest, offsets = _lowest_and_offsets(part)
    pieces: list[Piece] = []
    members: list[list[int]] = [[] for _ in part.phases]
    for low, high, holders in _stretches_around(part) if part.boundary == "periodic" else _stretches(part):
        for i in holders:
            members[i].append(len(pieces))
        home = holders[0] if holders else int(np.argmin(offsets))
        centre = float(part.minimum_point(home)[0])
        excess = _excess_function(part, home)
        nodes, below = line_nodes(excess, _places_known(part, home, excess, low - centre, high - centre), wanted)
        pieces.append(Piece(offsets[home] + below, nodes))
    return Group(own, lowest, tuple(pieces), tuple(map(tuple, members)), tuple(offsets))


def _stretches(part: Potential) -> list[tuple[float, float, list[int]]]:
    """Ends of what lies between walls and borders, and the phases that hold it."""
    intervals = [part.phase_interval(i) for i in range(len(part.phases))]
    cuts: list[float] = sorted({*part.box[0], *(end for interval in intervals for end in interval)})
    return [
        (low, high, [i for i, (a, b) in enumerate(intervals) if a <= low and high <= b]) for low, high in pairwise(cuts)
    ]


def _stretches_around(part: Potential) -> list[tuple[float, float, list[int]]]:
    """The same on a circle: each stretch turned to where it holds the minimum of its first phase, if any does."""
    (start, end), tiny = part.box[0], SAME_END * (part.box[0][1] - part.box[0][0])
    period = end - start
    intervals = [part.phase_interval(i) for i in range(len(part.phases))]
    ends = sorted(start + (x - start) % period for interval in intervals for x in interval)
    ends = [x for x, before in zip(ends, [ends[-1] - period, *ends], strict=False) if x - before > tiny] or ends[:1]
    found = []
    for low, high in pairwise([*ends, ends[0] + period]):
        middle, holders, turn = (low + high) / 2, [], 0.0
        for i, (a, b) in enumerate(intervals):
            inside = (middle - a) % period
            if inside <= b - a:
                turn = turn if holders else a + inside - middle
                holders.append(i)
        if len(ends) == 1:  # nothing but this: begin half a turn off the minimum
            turn = float(part.minimum_point(0)[0]) - middle
        found.append((low + turn, high + turn, holders))
    return found


def _places_known(
    part: Potential, phase: int, excess: Callable[[Array], Array], low: float, high: float
) -> list[float]:
    """Where panels end: the walls, a minimum at 0, and where the loss is no polynomial what a panel could overlook.

    That are powers of 4 about the minimum, since the loss may rise so slowly that a panel from there to a wall looks
    even at all of its nodes; kinks; and ripples that stay within a factor of the loss.
    """
    places = {low, high} | ({0.0} if low < 0 < high else set())
    if not part.bound_energy.is_polynomial(part.coordinates[0]):
        steps = (high - low) * 0.25 ** np.arange(1, 31)
        centre = float(part.minimum_point(phase)[0])
        grid = np.linspace(low, high, LOOKED_AT)
        kinks = kink_places(part.bound_energy, part.coordinates[0], low + centre, high + centre)
        more = np.concatenate([-steps, steps, np.array(kinks) - centre, _bends(grid, excess(grid))])
        places |= {float(u) for u in more if low < u < high}
    return sorted(places)


def _bends(grid: Array, losses: Array) -> Array:
    """Where the loss bends the other way, seen on a grid and clear of rounding."""
    bend = np.diff(losses, 2)
    clear = np.flatnonzero(np.abs(bend) > 1e-9 * (np.abs(losses[1:-1]) + np.abs(np.diff(losses)[1:])))
    changes = np.flatnonzero(np.diff(np.sign(bend[clear])))
    return (grid[clear[changes] + 1] + grid[clear[changes + 1] + 1]) / 2


def _excess_function(part: Potential, phase: int) -> Callable[[Array], Array]:
    """L(minimum + u) - L(minimum) as a function of u; without cancellation when L is a polynomial."""
    w = part.coordinates[0]
    exact = part.phases[phase]
    if not part.bound_energy.is_polynomial(w):
        energy, centre, loss = _loss_function(part), part.minimum_point(phase)[0], float(exact.loss)
        return lambda u: energy((centre + u)[..., None]) - loss
    # In units of the box, or high powers of a large or small unit of length would over- or underflow.
    unit = 2.0 ** math.ceil(math.log2(max(part.box[0][1] - part.box[0][0], np.finfo(float).tiny)))
    taylor = taylor_coefficients(part.bound_energy, w, exact.minimum[0])
    coefficients = [float(c * mpmath.mpf(unit) ** k) for k, c in enumerate(taylor)]
    coefficients[0] = 0.0

    def excess(u: Array) -> Array:
        scaled, total = u / unit, np.zeros_like(u)
        for c in reversed(coefficients):
            total = total * scaled + c
        return total

    return excess


def _loss_function(part: Potential) -> Callable[[Array], Array]:
    """The energy where doubles hold it, and what has no mass at any temperature where an exponential is beyond them."""
    energy = part.energy_function()
    if part.bound_energy.is_polynomial(*part.coordinates) or part.bound_energy.has(sympy.log):
        return energy  # the logarithm of an overflow is no large loss

    def loss(points: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.minimum(energy(points), BEYOND)  # keeps nan

    return loss


def _plane_group(part: Potential, own: tuple[int, ...], wanted: Range) -> Group:
    lowest, offsets = _lowest_and_offsets(part)
    regions = list(dict.fromkeys(phase.region for phase in part.phases))
    first = [next(i for i, phase in enumerate(part.phases) if phase.region == region) for region in regions]
    distinct = Potential(
        part.name, part.energy, part.coordinates, (), part.box, tuple(part.phases[i] for i in first), part.boundary
    )
    reference = [float(part.phases[i].loss) for i in first]
    borders = basins_in(regions, part.coordinates, part.box)
    if borders is None:
        _check_disjoint(distinct)
    label = None if regions == [sympy.true] else distinct.phase_index
    if not part.energy.is_polynomial(*part.coordinates):
        wanted = replace(wanted, ratio=RATIO_BEYOND_POLYNOMIALS)
    nodes, deepest = plane_nodes(_loss_function(part), label, part.box, reference, wanted, borders)
    # What lies outside all regions is measured from the lowest loss, hence the last offset of zero.
    start = [*(offsets[i] for i in first), 0.0]
    sunk = deepest - np.array([*reference, min(reference)])
    pieces = tuple(Piece(o + s, n) for o, s, n in zip(start, sunk, nodes, strict=True))
    members = tuple((regions.index(phase.region),) for phase in part.phases)
    return Group(own, lowest, pieces, members, tuple(offsets))


def _check_disjoint(part: Potential) -> None:
    """Refuse regions that share points of a coarse grid: a point can belong to one phase only."""
    (a, b), (c, d) = part.box
    grid = np.stack(np.meshgrid(np.linspace(a, b, 83), np.linspace(c, d, 79), indexing="ij"), axis=-1)
    alone = [replace(part, phases=(phase,)).phase_index(grid) == 0 for phase in part.phases]
    if len(alone) > 1 and (np.sum(alone, axis=0) > 1).any():
        raise ValueError(f"phases of {part.name} have regions that overlap; give regions that share no point")
