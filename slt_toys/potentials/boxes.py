"""The box that a temperature needs: kept where it holds the mass, widened where it does not, or refused by name.

A potential whose boundary is natural has no walls. Its box only says where quadrature, grids and draws look, and a
temperature can be so high that mass lies beyond. Walls that reflect, and the periods of circles and tori, are part of
the model and are never touched.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import sympy

from ..inputs.names import REFLECTING
from .confinement import Box, bound_about, confines, numeric, own_scale, ray_box, sublevel_box
from .expression_parts import split
from .expressions import ExpressionError
from .growth import growth
from .hulls import most_over
from .periodic import period_scale
from .potential import Potential

__all__ = [
    "CUT_OFF",
    "box_at",
    "box_holds",
    "has_scale",
    "loss_unit",
    "mass_beyond",
    "scale_of",
    "walls_hold",
    "widened",
]

# Coordinates' numbers, their symbols, the energy and the minima of one component.
Part = tuple[tuple[int, ...], tuple[sympy.Symbol, ...], sympy.Expr, tuple[tuple[sympy.Expr, ...], ...]]

CUT_OFF = 1e-6  # largest share of a phase's mass that may lie beyond a box where walls are no part of the model
# A box is kept while no point beyond it lies less than this many temperatures above the highest phase: that leaves
# exp(-30) = 1e-13 of the density outside, and seven powers of ten for a tail that is wider than its phase.
TEMPERATURES_KEPT = 30.0
TEMPERATURES_WIDENED = 45.0  # and a wider one reaches this far
MASS_BEYOND = 1e-9  # largest bound of the share of mass beyond the walls of an energy that grows slowly
MOST_RAISED = 64.0  # by which its walls may stand higher for that
FURTHEST = 1e3  # widths of the box, where an energy that is no polynomial must have risen that far
STEPS_PER_DECADE = 2  # temperatures are rounded up to so many a decade: few boxes serve them all


@lru_cache(maxsize=256)
def scale_of(potential: Potential) -> float:
    """The potential's own unit of loss, :func:`~slt_toys.potentials.confinement.own_scale` of its largest part.

    1 where no part has a scale, as of pure powers: then nothing may depend on it.
    """
    return _known_scale(potential) or 1.0


@lru_cache(maxsize=256)
def _known_scale(potential: Potential) -> float | None:
    parts = _parts(potential)
    if potential.boundary == "periodic":
        return max(
            period_scale(energy, coordinates, minima, tuple(potential.box[i] for i in group))
            for group, coordinates, energy, minima in parts
        )
    natural = potential.boundary == "natural"
    is_open = natural and all(confines(energy, coordinates) for _, coordinates, energy, _ in parts)
    scales = [
        own_scale(energy, coordinates, minima, None if is_open else tuple(potential.box[i] for i in group))
        for group, coordinates, energy, minima in parts
    ]
    return max((scale for scale in scales if scale), default=None)


def has_scale(potential: Potential) -> bool:
    """Whether the energy has a unit of loss of its own; a pure power has none."""
    return _known_scale(potential) is not None


def loss_unit(potential: Potential) -> float:
    """What losses and temperatures are measured in, :func:`scale_of` itself: rounded, it would depend on their unit."""
    return scale_of(potential)


def widened(potential: Potential, temperature: float) -> Potential:
    """The potential with a box wide enough for a temperature and every lower one; itself where its own box is.

    Raises
    ------
    ValueError
        When walls are no part of the model, but mass lies beyond them and it cannot be shown where it ends.
    """
    if potential.boundary != "natural":
        return potential
    box = box_at(potential, temperature)
    return potential if box == potential.box else _with_box(potential, box)


def box_at(potential: Potential, temperature: float) -> Box:
    """The box of :func:`widened`; the potential's own for a temperature that is 0 or infinite."""
    if potential.boundary != "natural" or not 0 < temperature < math.inf:
        return potential.box
    try:
        box = _box_for(potential, _rounded_up(potential, temperature))
        if not np.isfinite(box).all():
            raise ExpressionError("the walls it needs are beyond doubles")
        return box
    except ExpressionError as error:
        raise ValueError(
            f"box of {potential.name} does not hold its mass at temperature {temperature:.3g} and cannot be widened: "
            f"{error}; give an energy that confines, or {REFLECTING} if the walls are meant"
        ) from None


def _rounded_up(potential: Potential, temperature: float) -> float:
    """A temperature a little higher in the energy's own unit; itself where it has none, or a limit may be near."""
    unit = _known_scale(potential)
    if unit is None or _is_logarithmic(potential):
        return temperature
    return unit * 10.0 ** (math.ceil(STEPS_PER_DECADE * math.log10(temperature / unit) - 1e-9) / STEPS_PER_DECADE)


@lru_cache(maxsize=256)
def _is_logarithmic(potential: Potential) -> bool:
    parts = [(energy, coordinates, minima) for _, coordinates, energy, minima in _parts(potential)]
    return any(confines(*part[:2]) and bound_about(*part)[0].logarithmic for part in parts)


def box_holds(potential: Potential, temperature: float) -> bool:
    """Whether nothing beyond the potential's own box matters at a temperature."""
    return box_at(potential, temperature) == potential.box


def walls_hold(potential: Potential, temperature: float) -> bool:
    """The same of this very temperature: :func:`box_holds` rounds it up, and may ask for more than it needs."""
    return box_holds(potential, temperature) or _box_for(potential, temperature) == potential.box


@lru_cache(maxsize=256)
def _with_box(potential: Potential, box: Box) -> Potential:
    return replace(potential, box=box)


def mass_beyond(potential: Potential, temperature: float) -> float:
    """An upper bound of the share of the mass that lies beyond the box of a temperature, :func:`box_at`.

    From the lower bound that shows that the energy confines [eq:mass-beyond-a-level]: it holds for every point beyond
    the walls, looked at or not. 0 where there is no beyond, nan where nothing but rays could be looked at.

    Parameters
    ----------
    potential
        Any.
    temperature
        In units of loss; the box is that of this temperature alone, and a colder question in it misses less.

    Raises
    ------
    ValueError
        As :func:`widened`.
    """
    if potential.boundary != "natural" or not 0 < temperature < math.inf:
        return 0.0
    box_at(potential, temperature)
    total = 0.0
    for part in _parts(potential):
        if not confines(part[2], part[1]):
            return math.nan
        level = _top(part) + _raised(part, temperature) * TEMPERATURES_KEPT * temperature
        total += math.exp(min(_log_share_beyond(part, level, temperature), 0.0))
    return min(total, 1.0)


@lru_cache(maxsize=1024)
def _box_for(potential: Potential, temperature: float) -> Box:
    walls = list(potential.box)
    for part in _parts(potential):
        group = part[0]
        own = tuple(potential.box[i] for i in group)
        raised = _raised(part, temperature)
        needed = _reach(part, own, raised * TEMPERATURES_KEPT * temperature)
        if all(a <= low and high <= b for (a, b), (low, high) in zip(own, needed, strict=True)):
            continue
        wider = _reach(part, own, raised * TEMPERATURES_WIDENED * temperature)
        for i, (a, b), (low, high) in zip(group, own, wider, strict=True):
            walls[i] = (min(a, low), max(b, high))
    return tuple(walls)


def _raised(part: Part, temperature: float) -> float:
    """How many times as high the walls of an energy must stand that grows more slowly than |w|: 1 for all others.

    Raises
    ------
    ExpressionError
        When exp(-L/temperature) cannot be shown to be integrable, or its tails are too fat.
    """
    _, coordinates, energy, minima = part
    if not confines(energy, coordinates):
        return 1.0
    bound, _ = bound_about(energy, coordinates, minima)
    if not bound.logarithmic and min(bound.powers) >= 1:
        return 1.0
    if bound.log_integral(temperature) == math.inf:
        hottest = min(a * p for a, p in zip(bound.amounts, bound.powers, strict=True))
        raise ExpressionError(
            "the loss grows like a logarithm, and exp(-L/T) can be shown to have an integral only below "
            f"T = {hottest:.4g}"
        )
    raised = 1.0
    while raised <= MOST_RAISED:
        level = _top(part) + raised * TEMPERATURES_KEPT * temperature
        if _log_share_beyond(part, level, temperature) < math.log(MASS_BEYOND):
            return raised
        raised *= 1.1
    raise ExpressionError("the loss grows so slowly that its tails cannot be shown to end")


def _log_share_beyond(part: Part, level: float, temperature: float) -> float:
    """An upper bound of the log of the share of mass above a level."""
    _, coordinates, energy, minima = part
    bound, _ = bound_about(energy, coordinates, minima)
    return bound.log_mass_beyond(level, temperature) - _least_log_integral(part, temperature)


def _least_log_integral(part: Part, temperature: float) -> float:
    """A lower bound of log ∫ exp(-L/temperature): the best of many boxes about the lowest minimum."""
    _, coordinates, energy, minima = part
    points = np.array([[float(sympy.N(x, 30)) for x in minimum] for minimum in minima])
    lowest = points[int(np.argmin(numeric(energy, coordinates)(points)))]
    bound, _ = bound_about(energy, coordinates, minima)
    reach = bound.reach(_top(part) + temperature)
    half = np.geomspace(1e-8, 1.0, 161)[:, None] * np.minimum(reach, np.finfo(float).max / 4)
    most = most_over(energy, coordinates, lowest - half, lowest + half)
    return float((np.log(2 * half).sum(axis=1) - most / temperature).max())


def _top(part: Part) -> float:
    """Loss of the highest phase."""
    _, coordinates, energy, minima = part
    points = np.array([[float(sympy.N(x, 30)) for x in minimum] for minimum in minima])
    return float(numeric(energy, coordinates)(points).max())


def _reach(part: Part, box: Box, above: float) -> Box:
    """Box of what lies less than so far above the highest phase of one component."""
    _, coordinates, energy, minima = part
    level = _top(part) + above
    if confines(energy, coordinates):
        return sublevel_box(energy, coordinates, minima, level)
    if (curve := growth(energy, coordinates).curve) is not None and (curve.most is None or curve.most < level):
        raise ExpressionError(curve.words())
    points = np.array([[float(sympy.N(x, 30)) for x in minimum] for minimum in minima])
    widths = np.array([high - low for low, high in box])
    return ray_box(numeric(energy, coordinates), points, level, widths, FURTHEST)


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
