"""The box that a temperature needs: kept where it holds the mass, widened where it does not, or refused by name.

A potential whose boundary is natural has no walls. Its box only says where quadrature, grids and draws look, and a
temperature can be so high that mass lies beyond. Walls that reflect are part of the model and are never touched.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import sympy

from .confinement import Box, confines, energy_scale, numeric, ray_box, sublevel_box
from .expression_parts import split
from .expressions import ExpressionError
from .potential import Potential

__all__ = ["CUT_OFF", "box_at", "box_holds", "loss_unit", "scale_of", "walls_hold", "widened"]

# Coordinates' numbers, their symbols, the energy and the minima of one component.
Part = tuple[tuple[int, ...], tuple[sympy.Symbol, ...], sympy.Expr, tuple[tuple[sympy.Expr, ...], ...]]

CUT_OFF = 1e-6  # largest share of a phase's mass that may lie beyond a box where walls are no part of the model
# A box is kept while no point beyond it lies less than this many temperatures above the highest phase: that leaves
# exp(-30) = 1e-13 of the density outside, and seven powers of ten for a tail that is wider than its phase.
TEMPERATURES_KEPT = 30.0
TEMPERATURES_WIDENED = 45.0  # and a wider one reaches this far
FURTHEST = 1e3  # widths of the box, where an energy that is no polynomial must have risen that far
STEPS_PER_DECADE = 2  # temperatures are rounded up to so many a decade: few boxes serve them all


@lru_cache(maxsize=256)
def scale_of(potential: Potential) -> float:
    """The potential's own unit of loss, :func:`~slt_toys.potentials.confinement.energy_scale` of its largest part."""
    parts = _parts(potential)
    natural = potential.boundary == "natural"
    is_open = natural and all(confines(energy, coordinates) for _, coordinates, energy, _ in parts)
    return max(
        energy_scale(energy, coordinates, minima, None if is_open else tuple(potential.box[i] for i in group))
        for group, coordinates, energy, minima in parts
    )


def loss_unit(potential: Potential) -> float:
    """The power of ten next to :func:`scale_of`."""
    return 10.0 ** round(math.log10(scale_of(potential)))


def widened(potential: Potential, temperature: float) -> Potential:
    """The potential with a box wide enough for a temperature and every lower one; itself where its own box is.

    Raises
    ------
    ValueError
        When walls are no part of the model, but mass lies beyond them and it cannot be shown where it ends.
    """
    if potential.boundary == "reflecting":
        return potential
    box = box_at(potential, temperature)
    return potential if box == potential.box else _with_box(potential, box)


def box_at(potential: Potential, temperature: float) -> Box:
    """The box of :func:`widened`; the potential's own for a temperature that is 0 or infinite."""
    if potential.boundary == "reflecting" or not 0 < temperature < math.inf:
        return potential.box
    try:
        unit = loss_unit(potential)
        steps = math.ceil(STEPS_PER_DECADE * math.log10(temperature / unit) - 1e-9)
        box = _box_for(potential, unit * 10.0 ** (steps / STEPS_PER_DECADE))
        if not np.isfinite(box).all():
            raise ExpressionError("the walls it needs are beyond doubles")
        return box
    except ExpressionError as error:
        raise ValueError(
            f"box of {potential.name} does not hold its mass at temperature {temperature:.3g} and cannot be widened: "
            f"{error}; give an energy that confines, or boundary='reflecting' if the walls are meant"
        ) from None


def box_holds(potential: Potential, temperature: float) -> bool:
    """Whether nothing beyond the potential's own box matters at a temperature."""
    return box_at(potential, temperature) == potential.box


def walls_hold(potential: Potential, temperature: float) -> bool:
    """The same of this very temperature: :func:`box_holds` rounds it up, and may ask for more than it needs."""
    return box_holds(potential, temperature) or _box_for(potential, temperature) == potential.box


@lru_cache(maxsize=256)
def _with_box(potential: Potential, box: Box) -> Potential:
    return replace(potential, box=box)


@lru_cache(maxsize=1024)
def _box_for(potential: Potential, temperature: float) -> Box:
    walls = list(potential.box)
    for part in _parts(potential):
        group = part[0]
        own = tuple(potential.box[i] for i in group)
        needed = _reach(part, own, TEMPERATURES_KEPT * temperature)
        if all(a <= low and high <= b for (a, b), (low, high) in zip(own, needed, strict=True)):
            continue
        wider = _reach(part, own, TEMPERATURES_WIDENED * temperature)
        for i, (a, b), (low, high) in zip(group, own, wider, strict=True):
            walls[i] = (min(a, low), max(b, high))
    return tuple(walls)


def _reach(part: Part, box: Box, above: float) -> Box:
    """Box of what lies less than so far above the highest phase of one component."""
    _, coordinates, energy, minima = part
    function = numeric(energy, coordinates)
    points = np.array([[float(sympy.N(x, 30)) for x in minimum] for minimum in minima])
    level = float(function(points).max()) + above
    if confines(energy, coordinates):
        return sublevel_box(energy, coordinates, minima, level)
    widths = np.array([high - low for low, high in box])
    return ray_box(function, points, level, widths, FURTHEST)


@lru_cache(maxsize=256)
def _parts(potential: Potential) -> tuple[Part, ...]:
    """For every independent component its coordinates' numbers and symbols, its energy and its phases' minima."""
    values = dict(potential.parameters)
    parts = []
    for group, energy in split(potential.energy, potential.coordinates):
        energy = energy.xreplace({s: values[s.name] for s in energy.free_symbols if s.name in values})
        minima = dict.fromkeys(tuple(phase.minimum[i] for i in group) for phase in potential.phases)
        parts.append((group, tuple(potential.coordinates[i] for i in group), energy, tuple(minima)))
    return tuple(parts)
