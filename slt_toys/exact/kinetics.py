"""How long a phase is left for another: mean first passage times, committors, and the Kramers laws they tend to.

In one dimension by quadrature in the log domain, where exp(L/T) may be e^±10000; in one and two dimensions by linear
solves on a :class:`~slt_toys.exact.fokker_planck.FokkerPlanck` process. Times are Langevin times (dw = -∇L dt + √(2T)
dW).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments, shown
from ..potentials.boxes import TEMPERATURES_KEPT, scale_of, widened
from ..potentials.confinement import taylor_coefficients
from ..potentials.kinks import kink_places, smooth_about
from ..potentials.periodic import images, wrapped
from ..potentials.potential import Potential, interval_edge
from ..reference.laws import law
from .elimination import eliminate, substitute
from .fokker_planck import FokkerPlanck, Grid, check_temperature, grid_for
from .panels import gauss_points, log_cumulative, log_panel_integrals, without_empty_panels, without_steep_panels

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

__all__ = [
    "LocalForm", "barrier_form", "cells_near", "committor", "committor_quadrature", "kramers_prefactor", "kramers_rate",
    "kramers_ratio", "log_mean_exit_time", "log_mean_first_passage_time", "mean_exit_time", "mean_first_passage_time",
    "mean_first_passage_times", "well_form",
]  # fmt: skip

LARGEST_ORDER = 64  # of vanishing at a minimum or a barrier
NEXT_TO = 1e-6  # of the box's width: a numeric minimum or barrier is that near to the exact one
PANELS = 800  # doubling them changes nothing above rounding (tested)


# ---- quadrature, one dimension -------------------------------------------------------------------------------------
@checked_arguments
def log_mean_first_passage_time(
    potential: Potential, temperature: float, start: float, target: float, panels: int = PANELS
) -> float:
    """Logarithm of the mean time to reach ``target`` from ``start``, in one dimension.

    τ = (1/T) ∫_start^target e^{L(y)/T} ∫_wall^y e^{-L(z)/T} dz dy, the wall being the reflecting end behind the start
    (Gardiner 2009, eq. 5.5.23), by Gauss–Legendre panels with both integrals cumulated as logarithms.

    Parameters
    ----------
    potential
        With one coordinate.
    temperature
        In units of loss.
    start, target
        Points of the box; the target may lie on either side, and on a circle it is reached from both.
    panels
        About how many panels.

    Raises
    ------
    ValueError
        For another dimension, a temperature that is not positive, or points outside the box.
    """
    check_temperature(temperature)
    if potential.boundary == "periodic":
        (low, high), start, target = _around(potential, start=start, target=target)
        if start == target:
            return -np.inf
        before = target if target < start else target - (high - low)
        return log_mean_exit_time(potential, temperature, start, before, before + (high - low), panels)
    _interval(potential, start=start, target=target)
    if start == target:
        return -np.inf
    sign = 1.0 if target > start else -1.0
    energy = _line(potential)
    # Behind a start that is high up, the wall must be higher still.
    above = float(energy(np.array([start]))[0]) - max(potential.minimum_loss(i) for i in range(len(potential.phases)))
    potential = widened(potential, temperature + max(above, 0.0) / TEMPERATURES_KEPT)
    low, high = potential.box[0]
    # A target to the left is one to the right of the mirror image.
    edges = _panel_edges(potential, temperature, panels, start, target)
    edges = edges if sign > 0 else -edges[::-1]
    wall, start, target = (low, start, target) if sign > 0 else (-high, -start, -target)
    edges = edges[(edges > wall) & (edges <= target)]
    edges = np.concatenate([[wall], edges])

    def height(points: Array) -> Array:
        return energy(sign * points) / temperature

    edges = without_steep_panels(without_empty_panels(edges, start, height), height)
    points, half = gauss_points(edges)
    exponent = height(points)
    inner = log_cumulative(-exponent, half)
    log_panel = log_panel_integrals(exponent + inner, half)
    return float(np.logaddexp.reduce(log_panel[edges[:-1] >= start]) - np.log(temperature))


@checked_arguments
def mean_first_passage_time(potential: Potential, temperature: float, start: float, target: float) -> float:
    """Mean time to reach ``target`` from ``start``; infinite beyond 1e308. See :func:`log_mean_first_passage_time`."""
    with np.errstate(over="ignore"):
        return float(np.exp(log_mean_first_passage_time(potential, temperature, start, target)))


@checked_arguments
def log_mean_exit_time(
    potential: Potential, temperature: float, start: float, low: float, high: float, panels: int = PANELS
) -> float:
    """Logarithm of the mean time to leave the interval from ``low`` to ``high`` by either end, in one dimension.

    With q the committor from ``low`` to ``high`` at the start x it is [(1 - q) ∫_low^x A e^{-L/T} + q ∫_x^high B
    e^{-L/T}]/T, where A is the integral of e^{L/T} from ``low`` and B that up to ``high``; nothing is subtracted. On a
    circle the mean time to a point is that to leave the circle cut open there, from the point to itself a period later.

    Parameters
    ----------
    potential
        With one coordinate; its box plays no part, an energy that repeats itself may be asked anywhere.
    temperature
        In units of loss.
    start, low, high
        Three points, the start between the two others.
    panels
        How many panels.

    Raises
    ------
    ValueError
        For another dimension, a temperature that is not positive, points in another order, or a way of 8e5 of it.
    """
    check_temperature(temperature)
    if potential.dimension != 1:
        raise ValueError(
            f"quadrature needs a potential with one coordinate; {potential.name} has {potential.dimension}"
        )
    if not low < start < high:
        raise ValueError(f"start must lie between low and high, {low} and {high}, not at {start}")
    energy, logs = _line(potential), []
    kinks = kink_places(potential.bound_energy, potential.coordinates[0], low, high)
    places = np.unique(np.concatenate([np.linspace(low, high, panels + 1), [start], kinks]))
    if potential.boundary == "periodic":  # finer where wells and barriers are narrow
        graded = images(grid_for(potential, [temperature], panels).edges[0][:, None], potential.box, 2).ravel()
        places = np.unique(np.concatenate([places, graded[(graded > low) & (graded < high)]]))

    def height(points: Array) -> Array:
        return energy(points) / temperature

    for sign, edges in ((1.0, places[places <= start]), (-1.0, -places[places >= start][::-1])):
        # The way is from the start down to either end, or up and over: what climbs along the edges may be no climb.
        fine = without_steep_panels(edges, lambda points, sign=sign: height(sign * points), everywhere=True)
        points, half = gauss_points(fine)
        exponent = height(sign * points)
        climbed = log_cumulative(exponent, half)
        logs.append((np.logaddexp.reduce(log_panel_integrals(exponent, half)),
                     np.logaddexp.reduce(log_panel_integrals(climbed - exponent, half))))  # fmt: skip
    (below, under), (above, over) = logs
    return float(np.logaddexp(above + under, below + over) - np.logaddexp(below, above) - np.log(temperature))


@checked_arguments
def mean_exit_time(potential: Potential, temperature: float, start: float, low: float, high: float) -> float:
    """Mean time to leave an interval; infinite beyond 1e308. See :func:`log_mean_exit_time`."""
    with np.errstate(over="ignore"):
        return float(np.exp(log_mean_exit_time(potential, temperature, start, low, high)))


@checked_arguments
def committor_quadrature(
    potential: Potential, temperature: float, points: ArrayLike, first: float, second: float, panels: int = PANELS
) -> Array:
    """Probability to reach ``second`` before ``first``, in one dimension: ∫_first^w e^{L/T} / ∫_first^second e^{L/T}.

    On a circle that holds along the way that the point lies on, one of the two from first to second.

    Parameters
    ----------
    potential, temperature
        As in :func:`log_mean_first_passage_time`.
    points
        Any shape; beyond the two ends the committor is 0 or 1, on a line.
    first, second
        Distinct points of the box, or of a circle.

    Returns
    -------
    Committors, shape of ``points``.
    """
    check_temperature(temperature)
    if potential.boundary == "periodic":
        return _committor_around(potential, temperature, np.asarray(points, dtype=float), first, second, panels)
    _interval(potential, first=first, second=second)
    return _committor_between(potential, temperature, points, first, second, panels)


def _committor_around(
    potential: Potential, temperature: float, points: Array, first: float, second: float, panels: int
) -> Array:
    (low, high), first, second = _around(potential, first=first, second=second)
    if not np.isfinite(points).all():
        raise ValueError("points must be finite")
    points = first + np.mod(points - first, high - low)  # up from the first, to its image a period on
    second = second if second >= first else second + (high - low)
    rising = _committor_between(potential, temperature, points, first, second, panels)
    falling = _committor_between(potential, temperature, points, first + (high - low), second, panels)
    return np.where(points <= second, rising, falling)


def _committor_between(
    potential: Potential, temperature: float, points: ArrayLike, first: float, second: float, panels: int
) -> Array:
    if first == second:
        raise ValueError(f"first and second must be distinct points, not both {first}")
    low, high = min(first, second), max(first, second)
    points = np.asarray(points, dtype=float)
    if not np.isfinite(points).all():
        raise ValueError("points must be finite")
    inside = np.clip(points, low, high)
    edges = np.unique(np.concatenate([_panel_edges(potential, temperature, panels, low, high), inside.ravel()]))
    edges = edges[(edges >= low) & (edges <= high)]
    nodes, half = gauss_points(edges)
    log_panel = log_panel_integrals(_line(potential)(nodes) / temperature, half)
    log_below = np.concatenate([[-np.inf], np.logaddexp.accumulate(log_panel)])
    share = np.exp(log_below - log_below[-1])[np.searchsorted(edges, inside)]
    return share if second > first else 1.0 - share


def _interval(potential: Potential, **points: float) -> tuple[float, float]:
    if potential.dimension != 1:
        raise ValueError(
            f"quadrature needs a potential with one coordinate; {potential.name} has {potential.dimension}"
        )
    low, high = potential.box[0]
    for name, value in points.items():
        if not low <= value <= high:
            raise ValueError(f"{name} must lie in the box, from {low} to {high}, not at {value}")
    return low, high


def _around(potential: Potential, **points: float) -> tuple[tuple[float, float], float, float]:
    """The period of a circle, and two points brought into it."""
    if potential.dimension != 1:
        _interval(potential)
    for name, value in points.items():
        if not np.isfinite(value):
            raise ValueError(f"{name} must be finite, not {value}")
    first, second = wrapped(np.array([[value] for value in points.values()]), potential.box)[:, 0].tolist()
    low, high = potential.box[0]
    return (low, high), first if first < high else low, second if second < high else low


def _line(potential: Potential) -> Callable[[Array], Array]:
    energy = potential.energy_function()
    return lambda points: energy(points[..., None])


def _panel_edges(potential: Potential, temperature: float, panels: int, *pins: float) -> Array:
    graded = grid_for(potential, [temperature], panels).edges[0]
    low, high = potential.box[0]
    if potential.boundary == "periodic":
        kinks = kink_places(potential.bound_energy, potential.coordinates[0], 3 * low - 2 * high, 3 * high - 2 * low)
        return np.unique(np.concatenate([images(graded[:, None], potential.box, 2).ravel(), pins, kinks]))
    kinks = kink_places(potential.bound_energy, potential.coordinates[0], low, high)
    return np.unique(np.concatenate([[low], graded[(graded > low) & (graded < high)], pins, kinks, [high]]))


# ---- linear solves, one and two dimensions -------------------------------------------------------------------------
@checked_arguments
def cells_near(grid: Grid, point: ArrayLike, radius: float = 0.0) -> Mask:
    """Mask of the cells whose midpoints lie within ``radius`` of a point (d,); the cell that holds it always does."""
    if np.size(point) != grid.dimension or np.ndim(point) > 1 or not radius >= 0:
        raise ValueError(f"point must have {grid.dimension} coordinates and radius be at least 0, not {shown(point)}")
    apart = grid.points - np.atleast_1d(np.asarray(point, dtype=float))
    if grid.boundary == "periodic":
        lengths = np.array([edges[-1] - edges[0] for edges in grid.edges])
        apart -= lengths * np.round(apart / lengths)
    near = (apart**2).sum(axis=-1) <= radius**2
    near.ravel()[grid.cell(point)] = True
    return near


@checked_arguments
def mean_first_passage_times(process: FokkerPlanck, temperature: float, target: Mask) -> Array:
    """Mean time from every cell to the target cells, the solution of Q τ = -1 off the target; shape ``grid.shape``.

    Right to high relative accuracy for the discrete process even where it takes 1e200
    (:mod:`slt_toys.exact.elimination`); the discretisation error is of second order in the cells.
    """
    factors = eliminate(process, temperature, _mask(process, target, "target"))
    return substitute(factors, np.ones(process.energy.size)).reshape(process.grid.shape)


@checked_arguments
def committor(process: FokkerPlanck, temperature: float, first: Mask, second: Mask) -> Array:
    """Probability from every cell to reach ``second`` before ``first``, two disjoint masks; shape ``grid.shape``."""
    first, second = _mask(process, first, "first"), _mask(process, second, "second")
    if (first & second).any():
        raise ValueError("first and second must mark disjoint cells")
    towards = eliminate(process, temperature, second).into
    factors = eliminate(process, temperature, first | second)
    chances = substitute(factors, np.where(factors.absorbed, 0.0, towards))
    chances[second.ravel()] = 1.0
    return chances.reshape(process.grid.shape)


def _mask(process: FokkerPlanck, mask: Mask, name: str) -> Mask:
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != process.grid.shape or not mask.any() or mask.all():
        raise ValueError(
            f"{name} must be a boolean mask of shape {process.grid.shape} that marks some cells and not all"
        )
    return mask


# ---- Kramers laws --------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class LocalForm:
    """L = loss ± coefficient · x^(2k) (1 + linear x + quadratic x² + ...) near a minimum (+) or a barrier (-).

    Attributes
    ----------
    position
        Of the minimum or the barrier; x is the distance from it.
    loss
        There.
    half_order
        k, half the order of vanishing; the learning coefficient is 1/(2k).
    coefficient
        Positive, in units of loss per length^(2k).
    linear_correction, quadratic_correction
        Of the leading form, per length and per length².
    """

    position: float
    loss: float
    half_order: int
    coefficient: float
    linear_correction: float
    quadratic_correction: float


@checked_arguments
def well_form(potential: Potential, phase: str | int) -> LocalForm:
    """Leading form of a one-dimensional energy at a phase's minimum, from exact derivatives."""
    _interval(potential)
    return _local_form(potential, potential.phases[potential.phase_number(phase)].minimum[0], 1)


@checked_arguments
def barrier_form(potential: Potential, index: int = 0) -> LocalForm:
    """Leading form of a one-dimensional energy at the barrier between phase ``index`` and the next one.

    On a circle the last phase's next one is the first; two phases there meet at two barriers, and their rates add.
    """
    _interval(potential)
    around = potential.boundary == "periodic" and len(potential.phases) > 1
    count = len(potential.phases) - (not around)
    if not 0 <= index < count:
        raise ValueError(f"index must lie between 0 and {count - 1}, not {index}: {potential.name} has "
                         f"{len(potential.phases)} phase(s)")  # fmt: skip
    if around:
        conditions = potential.phases[index].region.args
        ends = [interval_edge(condition, potential.coordinates[0]) for condition in conditions]
        return _local_form(potential, next(edge for edge, below in ends if below), -1)
    place = potential.barrier(index)
    sides = [
        interval_edge(condition, potential.coordinates[0])[0]
        for condition in sympy.And.make_args(potential.phases[index].region)
    ]
    nearest = min(sides, key=lambda exact: abs(float(sympy.N(exact, 30)) - place), default=None)
    if nearest is None or float(sympy.N(nearest, 30)) != place:
        raise ValueError(f"potential {potential.name} has no barrier at {place}; declare its phases as intervals")
    return _local_form(potential, nearest, -1)


def _local_form(potential: Potential, place: sympy.Basic, sign: int) -> LocalForm:
    taylor = _taylor(potential, place)
    point = float(sympy.N(place, 30))
    first = next((m for m in range(1, len(taylor)) if taylor[m] != 0), 0)
    if not first or first > LARGEST_ORDER:
        raise ValueError(
            f"potential {potential.name} is flat to order {LARGEST_ORDER} at {point}: no Kramers law holds"
        )
    if first % 2 or taylor[first] * sign < 0:
        kind = "minimum" if sign > 0 else "maximum"
        raise ValueError(f"potential {potential.name} has no {kind} at {point}")
    leading, linear, quadratic = taylor[first : first + 3]
    return LocalForm(point, taylor[0], first // 2, abs(leading), linear / leading, quadratic / leading)


def _taylor(potential: Potential, place: sympy.Basic) -> list[float]:
    """Coefficients of the expansion about a place, exactly 0 where they vanish.

    A place that is known to so many digits only is made more precise where the slope there says that it can be.
    """
    (w,) = potential.coordinates
    energy = smooth_about(potential.bound_energy, w, place)
    if energy.is_polynomial(w) and not place.has(sympy.Float):
        coefficients = [float(c) for c in taylor_coefficients(energy, w, place)]
        if len(coefficients) < 2 or coefficients[1] == 0:
            return [*coefficients, *([0.0] * (LARGEST_ORDER + 3 - len(coefficients)))]
    # A derivative vanishes if, over the width of the box, it adds nothing to the loss.
    width = sympy.Float(potential.box[0][1] - potential.box[0][0], 50)
    noise = sympy.Float(scale_of(potential), 50) * sympy.Float("1e-20")
    point, coefficients = _precise(sympy.diff(energy, w), w, sympy.N(place, 50), width, noise), []
    for order in range(LARGEST_ORDER + 3):
        value = sympy.N(energy.subs(w, point), 30) / sympy.factorial(order)
        coefficients.append(float(value) if order == 0 or abs(value) * width**order > noise else 0.0)
        if order > 2 and any(coefficients[1:-2]):
            break
        energy = sympy.diff(energy, w)
    return coefficients


def _precise(slope: sympy.Expr, w: sympy.Symbol, place: sympy.Expr, width: sympy.Expr, noise: sympy.Expr) -> sympy.Expr:
    """The zero of the slope next to a place at which it is small, or the place where there is none so near."""
    if abs(sympy.N(slope.subs(w, place), 50)) * width <= noise:
        return place
    bend, point = sympy.diff(slope, w), place
    for _ in range(8):  # digits double, from a few to fifty
        curvature = sympy.N(bend.subs(w, point), 50)
        if curvature == 0:
            return place
        point = sympy.N(point - sympy.N(slope.subs(w, point), 50) / curvature, 50)
        if abs(point - place) > NEXT_TO * width:
            return place
    return point


@checked_arguments
def kramers_rate(well: LocalForm, barrier: LocalForm, temperature: float, logarithm: bool = False) -> float:
    """Escape rate by the singular Eyring–Kramers law [eq:singular-eyring-kramers].

    For a regular well and barrier this is [eq:eyring-kramers]. 1/rate is the mean first passage time into the
    next well, up to :func:`kramers_ratio`.

    Parameters
    ----------
    well, barrier
        From :func:`well_form` and :func:`barrier_form`.
    temperature
        In units of loss.
    logarithm
        Return the logarithm of the rate, which does not underflow.
    """
    check_temperature(temperature)
    log_prefactor = float(np.log(kramers_prefactor(well, barrier, temperature)))
    log_rate = log_prefactor - (barrier.loss - well.loss) / temperature
    return log_rate if logarithm else float(np.exp(log_rate))


def kramers_prefactor(well: LocalForm, barrier: LocalForm, temperature: ArrayLike) -> Array:
    """The rate of :func:`kramers_rate` but for the exponential of the barrier, at temperatures of any shape."""
    return law("singular-eyring-kramers")(
        temperature=temperature, well_half_order=well.half_order, well_coefficient=well.coefficient,
        barrier_half_order=barrier.half_order, barrier_coefficient=barrier.coefficient, barrier_height=0.0,
    )  # fmt: skip


@checked_arguments
def kramers_ratio(well: LocalForm, barrier: LocalForm, temperature: float) -> float:
    """Exact mean first passage time over 1/:func:`kramers_rate`, to leading order [eq:mean-first-passage-ratio].

    It departs from 1 as T^min(1/k, 1/j), k of the well and j of the barrier [eq:kramers-correction].
    """
    check_temperature(temperature)
    names = ("half_order", "coefficient", "linear_correction", "quadratic_correction")
    forms = {
        f"{side}_{name}": getattr(form, name) for side, form in (("well", well), ("barrier", barrier)) for name in names
    }
    return float(law("mean-first-passage-ratio")(temperature=temperature, **forms))
