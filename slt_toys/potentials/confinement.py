"""Must an energy be given a box, what are its own scales, and in which box does it stay below a level?

Nothing here knows a unit: every length and every loss is measured by the energy's own (its wells, the barriers between
them, the coefficients of its expansion about a minimum).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import combinations

import mpmath
import numpy as np
import sympy
from numpy.typing import NDArray

from ..inputs.arguments import shown
from ..inputs.names import BOX_NAME, BOX_PAIR
from .expression_parts import without_overflow
from .expressions import ExpressionError
from .growth import growth
from .hulls import hull_below
from .lower_bounds import LowerBound

Array = NDArray[np.float64]
Box = tuple[tuple[float, float], ...]

DIGITS = 50  # of expansions, before they become doubles
# The walls of a box found here stand so many times the energy's own scale above the highest phase: beyond them less
# than exp(-30) of the mass lies up to a temperature of six such scales. Hotter questions get a wider box.
SCALES_AT_THE_WALLS = 200.0
SCALES_OF_LOGARITHMS = 20.0  # the same where the loss grows like a logarithm: each scale multiplies the width
ALONG = 4001  # places looked at between a minimum and where the energy must be above a level
ACROSS = 401  # lines looked at across each axis of a plane
MOST_PAIRS = 28  # of minima that are joined by lines
EXPANDED = 8  # order to which an energy that is no polynomial is expanded for its scale
FURTHEST_WALL = 1e100  # beyond it squares of coordinates leave the doubles
WIDER = 1e-3  # by which a box that is enclosed is wider than need be, relative to its width


def require_confinement(energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], argument: str = "energy") -> None:
    """Refuse an energy that cannot be shown to confine by itself.

    Raises
    ------
    ExpressionError
        When it does not grow along some curve, which is named, or when nothing can be shown.
    """
    found = growth(energy, tuple(coordinates))
    if found.verdict == "grows":
        return
    shown = repr(sympy.sstr(energy)[:60])
    shown += " does not grow in every direction" if found.curve else " cannot be shown to grow in every direction"
    raise ExpressionError(
        f"{argument} {shown}: {found.reason}; add a confining term such as {coordinates[0]}**4, or give {BOX_PAIR}"
    )


def confines(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> bool:
    """Whether an energy can be shown to grow in every direction."""
    return growth(energy, coordinates).verdict == "grows"


@lru_cache(maxsize=256)
def bound_about(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], minima: tuple[tuple[sympy.Expr, ...], ...]
) -> tuple[LowerBound, Array]:
    """A lower bound of a confining energy and the place that it is about: near its minima where that is shown.

    Raises
    ------
    ExpressionError
        When the energy cannot be shown to confine.
    """
    require_confinement(energy, coordinates)
    centre = [sympy.Rational(str(float(f"{x:.3g}"))) for x in _floats(minima).mean(axis=0)]
    if any(centre):
        moved = energy.subs({w: w + x for w, x in zip(coordinates, centre, strict=True)}, simultaneous=True)
        bound = growth(moved, coordinates).bound
        if bound is not None:
            return bound, np.array(centre, dtype=float)
    bound = growth(energy, coordinates).bound
    assert bound is not None
    return bound, np.zeros(len(coordinates))


# ---- scales --------------------------------------------------------------------------------------------------------
def taylor_coefficients(energy: sympy.Expr, w: sympy.Symbol, point: sympy.Expr) -> list[mpmath.mpf]:
    """Coefficients of a polynomial in one coordinate about a point, lowest power first.

    What is below the rounding of its own sum is exactly 0: each is judged by the terms it was summed from, so that
    neither the unit of the loss nor that of the coordinate matters.
    """
    with mpmath.workdps(DIGITS):
        coefficients = [mpmath.mpf(sympy.N(c, DIGITS)) for c in sympy.Poly(energy, w).all_coeffs()]
        at = mpmath.mpf(sympy.N(point, DIGITS))
        sizes = [abs(c) for c in coefficients]
        for last in range(len(coefficients), 0, -1):  # repeated synthetic division, and the same with nothing cancelled
            for i in range(1, last):
                coefficients[i] += at * coefficients[i - 1]
                sizes[i] += abs(at) * sizes[i - 1]
        noise = mpmath.mpf(10) ** (15 - DIGITS)
        kept = [c if abs(c) > noise * size else mpmath.mpf(0) for c, size in zip(coefficients, sizes, strict=True)]
        return kept[::-1]


def energy_scale(
    energy: sympy.Expr,
    coordinates: tuple[sympy.Symbol, ...],
    minima: Sequence[Sequence[sympy.Expr]],
    box: Box | None = None,
) -> float:
    """The energy's own unit of loss, :func:`own_scale`, or 1 if it has none."""
    return own_scale(energy, coordinates, minima, box) or 1.0


def own_scale(
    energy: sympy.Expr,
    coordinates: tuple[sympy.Symbol, ...],
    minima: Sequence[Sequence[sympy.Expr]],
    box: Box | None = None,
) -> float | None:
    """The energy's own unit of loss.

    With several minima: by how much the loss varies along the straight lines between them, barriers included. With
    one: by how much it varies between the walls along the axes, where they are given; otherwise the loss at which the
    leading power of an axis overtakes the lower ones, or, of an energy that is no polynomial, at which the powers next
    to the lowest one do. None for a pure power, which has no scale.

    Parameters
    ----------
    energy
        Of the coordinates alone.
    coordinates
        d symbols.
    minima
        Exact points, d numbers each.
    box
        Walls, if the energy does not confine by itself.
    """
    function, points = numeric(energy, coordinates), _floats(minima)
    share = np.linspace(0.0, 1.0, 1001)[:, None]
    lines = [points[a] + share * (points[b] - points[a]) for a, b in combinations(range(len(points)), 2)][:MOST_PAIRS]
    scale = max((_spread(function(line)) for line in lines), default=0.0)
    if scale > 0:
        return scale
    if box is not None:
        low, high = np.array(box).T
        for i in range(len(coordinates)):
            line = np.repeat(points[:1], 1001, axis=0)
            line[:, i] = low[i] + share[:, 0] * (high[i] - low[i])
            scale = max(scale, _spread(function(line)))
        return scale or None
    if energy.is_polynomial(*coordinates):
        logs = [_log_scale(_along_axis(energy, coordinates, minima[0], i)) for i in range(len(coordinates))]
    else:
        logs = [_log_scale_of_any(energy, coordinates, minima[0], i) for i in range(len(coordinates))]
    known = [x for x in logs if x > -math.inf]
    return math.exp(min(known)) if known else None


def _spread(losses: Array) -> float:
    """Largest difference; 0 if it is rounding."""
    spread = float(losses.max() - losses.min())
    return spread if spread > 256 * np.finfo(float).eps * float(np.abs(losses).max()) else 0.0


def _log_scale(taylor: Sequence[mpmath.mpf]) -> float:
    """log of c_n l^n with l the largest length at which a lower power k weighs as much as the leading one n."""
    degree = max((k for k, c in enumerate(taylor) if c), default=0)
    lengths = [
        float(mpmath.log(abs(c / taylor[degree]))) / (degree - k) for k, c in enumerate(taylor[:degree]) if k and c
    ]
    return float(mpmath.log(abs(taylor[degree]))) + degree * max(lengths) if lengths else -math.inf


def _log_scale_of_any(
    energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], point: Sequence[sympy.Expr], axis: int
) -> float:
    """log of c_n l^n with l the smallest length at which a power of the expansion weighs as much as the lowest one, n.

    On the side where that is least: a kink has two expansions.
    """
    scales = []
    for side in (-1, 1):
        with mpmath.workdps(DIGITS):
            at = [mpmath.mpf(sympy.N(x, DIGITS)) for x in point]
            function = sympy.lambdify(coordinates, energy, modules="mpmath")

            def along(u: mpmath.mpf, at: Sequence = at, side: int = side, function: Callable = function) -> mpmath.mpf:
                return function(*(x + side * u if i == axis else x for i, x in enumerate(at)))

            taylor = [abs(c) for c in mpmath.taylor(along, 0, EXPANDED, direction=1)]
        scale, length = mpmath.mpf(0), mpmath.inf
        for n in range(EXPANDED - 1, 0, -1):
            lengths = [(taylor[n] / c) ** (mpmath.mpf(1) / (k - n)) for k, c in enumerate(taylor) if k > n and c]
            # A power that adds nothing at the length of the higher ones is rounding.
            if (
                taylor[n]
                and lengths
                and (length == mpmath.inf or taylor[n] * length**n > mpmath.mpf(10) ** -12 * scale)
            ):
                length = min(lengths)
                scale = taylor[n] * length**n
        if scale > 0:
            scales.append(float(mpmath.log(scale)))
    return min(scales, default=-math.inf)


def _along_axis(
    energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], point: Sequence[sympy.Expr], axis: int
) -> list[mpmath.mpf]:
    held = {w: sympy.N(x, DIGITS) for i, (w, x) in enumerate(zip(coordinates, point, strict=True)) if i != axis}
    return taylor_coefficients(sympy.expand(energy.subs(held)), coordinates[axis], point[axis])


@lru_cache(maxsize=256)
def numeric(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Callable[[Array], Array]:
    """Numpy function of points (..., d)."""
    raw = sympy.lambdify(coordinates, without_overflow(energy), modules=["scipy", "numpy"], cse=True)

    def function(points: Array) -> Array:
        columns = np.moveaxis(points, -1, 0)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.broadcast_to(np.asarray(raw(*columns), dtype=float), points.shape[:-1])

    return function


def _floats(minima: Sequence[Sequence[sympy.Expr]]) -> Array:
    return np.unique([[float(sympy.N(x, 30)) for x in point] for point in minima], axis=0)


def box_pairs(box: Sequence, dimension: int) -> Sequence[tuple[float, float]]:
    """Pairs (low, high) for each coordinate, from one pair for all or one for each."""
    box = box.tolist() if isinstance(box, np.ndarray) else box
    pairs = [box] * dimension if len(box) == 2 and not isinstance(box[0], Sequence) else box
    try:
        wrong = len(pairs) != dimension or any(np.shape([float(x) for x in pair]) != (2,) for pair in pairs)
    except (TypeError, ValueError):
        wrong = True
    if wrong:
        raise ValueError(f"{BOX_NAME} must be (low, high) or {dimension} such pairs, not {shown(box)}")
    return pairs  # type: ignore[return-value]


# ---- boxes ---------------------------------------------------------------------------------------------------------
def natural_box(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], minima: Sequence[Sequence[sympy.Expr]]
) -> Box:
    """Box of a confining energy that its own scales set: see :data:`SCALES_AT_THE_WALLS`."""
    highest = float(numeric(energy, coordinates)(_floats(minima)).max())
    bound = growth(energy, coordinates).bound
    scales = SCALES_OF_LOGARITHMS if bound is not None and bound.logarithmic else SCALES_AT_THE_WALLS
    return sublevel_box(energy, coordinates, minima, highest + scales * energy_scale(energy, coordinates, minima))


def sublevel_box(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], minima: Sequence[Sequence[sympy.Expr]], level: float
) -> Box:
    """Box that holds every point where a confining energy is below a level, a little wider than need be.

    Of a polynomial on a line or in a plane the lowest loss at each value of a coordinate is looked at, found from the
    roots of a derivative; up to three coordinates of anything else are enclosed by intervals; no valley is missed
    however narrow. In more coordinates the loss along rays is looked at.

    Raises
    ------
    ExpressionError
        When the energy grows so slowly that the walls are beyond doubles.
    """
    polynomial = energy.is_polynomial(*coordinates)
    if polynomial and len(coordinates) == 1:
        return _polynomial_box(energy, coordinates, minima, level, math.inf)
    bound, centre = bound_about(energy, coordinates, tuple(map(tuple, minima)))
    reach = bound.reach(level)
    if polynomial and len(coordinates) == 2:
        return _polynomial_box(energy, coordinates, minima, level, float(reach.max() + np.abs(centre).max()))
    if not (reach < FURTHEST_WALL).all():
        raise ExpressionError(f"the loss grows so slowly that it may be below {level:.3g} beyond {FURTHEST_WALL:g}")
    points = _floats(minima)
    low, high = np.minimum(centre - reach, points.min(axis=0)), np.maximum(centre + reach, points.max(axis=0))
    if len(coordinates) > 3:
        rays = ray_box(numeric(energy, coordinates), points, level, 1.01 * (high - low), 1.0)
        return tuple((max(a, float(c)), min(b, float(d))) for (a, b), c, d in zip(rays, low, high, strict=True))
    low, high = hull_below(energy, coordinates, low, high, level, points)
    margin = WIDER * (high - low)
    return tuple((float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True))


def _polynomial_box(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], minima: Sequence[Sequence[sympy.Expr]], level: float,
    reach: float,
) -> Box:  # fmt: skip
    """The box in one or two coordinates, nowhere further than ``reach``."""
    units = [max(_root_bound(energy, coordinates, m, i, level) for m in minima) for i in range(len(coordinates))]
    points = _floats(minima)
    walls = []
    for i, unit in enumerate(units):
        lowest = _profile(energy, coordinates, i, units)
        furthest = 1.0 if len(coordinates) == 1 else max(1e6, min(reach / unit, 1e30))
        steps = unit * np.geomspace(1e-6, furthest, ALONG if len(coordinates) == 1 else ACROSS)
        ends = []
        for sign, start in ((-1, points[:, i].min()), (1, points[:, i].max())):
            below = np.flatnonzero(lowest(start + sign * steps) <= level)
            ends.append(float(start + sign * steps[min(below[-1] + 1 if below.size else 0, steps.size - 1)]))
        walls.append((ends[0], ends[1]))
    return tuple(walls)


def _root_bound(
    energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], point: Sequence[sympy.Expr], axis: int, level: float
) -> float:
    """Length beyond which the energy stays above a level along an axis (Fujiwara 1916)."""
    taylor = _along_axis(energy, coordinates, point, axis)
    degree = max((k for k, c in enumerate(taylor) if c), default=0)
    if not degree:
        raise ExpressionError(f"energy {sympy.sstr(energy)[:60]!r} does not grow along {coordinates[axis]}")
    taylor = [taylor[0] - level, *taylor[1:]]
    ratios = [(abs(c / taylor[degree]), mpmath.mpf(1) / (degree - k)) for k, c in enumerate(taylor[:degree])]
    return 2 * max(float(ratio**power) for ratio, power in ratios)


def _profile(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], axis: int, units: Sequence[float]
) -> Callable[[Array], Array]:
    """Lowest loss at each value of one coordinate of one or two."""
    function = numeric(energy, coordinates)
    if len(coordinates) == 1:
        return lambda places: function(places[:, None])
    x, y, unit = coordinates[axis], coordinates[1 - axis], units[1 - axis]
    slope = sympy.Poly(sympy.diff(energy, y), y).all_coeffs()
    # In units of the other axis, or the coefficients' sizes differ by powers of a unit.
    scaled = [c * sympy.Float(unit) ** (len(slope) - 1 - k) for k, c in enumerate(slope)]
    coefficients = sympy.lambdify(x, scaled, modules="numpy")

    def lowest(places: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            rows = np.stack([np.broadcast_to(np.asarray(c, float), places.shape) for c in coefficients(places)], axis=1)
        losses = np.full(places.size, np.inf)  # where it is so far out that the loss overflows
        finite = np.flatnonzero(np.isfinite(rows).all(axis=1))
        stationary = unit * np.append(_real_parts_of_roots(rows[finite]), np.zeros((finite.size, 1)), axis=1)
        pairs = np.stack([np.broadcast_to(places[finite, None], stationary.shape), stationary], axis=-1)
        losses[finite] = function(pairs if axis == 0 else pairs[..., ::-1]).min(axis=1)
        return losses

    return lowest


def _real_parts_of_roots(rows: Array) -> Array:
    """Real parts of roots of polynomials (polynomials, degree + 1), highest power first; 0 where there are fewer."""
    found = np.zeros((rows.shape[0], rows.shape[1] - 1))
    if not found.size:
        return found
    rows = rows / np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(float).tiny)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        first = -rows[:, 1:] / rows[:, :1]
    companions = np.zeros((*found.shape, found.shape[1]))
    companions[:, 0] = first
    companions[:, np.arange(1, found.shape[1]), np.arange(found.shape[1] - 1)] = 1.0
    whole = np.isfinite(first).all(axis=1)
    found[whole] = np.linalg.eigvals(companions[whole]).real
    for i in np.flatnonzero(~whole):  # of lower degree
        roots = np.roots(rows[i]).real
        found[i, : roots.size] = roots
    return found


def ray_box(function: Callable[[Array], Array], points: Array, level: float, units: Array, furthest: float) -> Box:
    """Box of what lies below a level along many rays from every point, in units of each axis.

    Raises
    ------
    ExpressionError
        When the loss is still below the level as far out as ``furthest`` units.
    """
    d = points.shape[1]
    if d == 1:
        directions = np.array([[-1.0], [1.0]])
    elif d == 2:
        angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
        directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    else:
        directions = np.random.default_rng(0).standard_normal((4000, d))
        directions = np.concatenate([directions, np.eye(d), -np.eye(d)])
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    steps = np.geomspace(1e-6, furthest, 401)
    low, high = points.min(axis=0), points.max(axis=0)
    for point in points:
        reached = np.zeros(len(directions), dtype=int)
        for k, step in enumerate(steps):
            below = function(point + step * units * directions) <= level
            reached[below] = k + 1
        if reached.max() >= steps.size:
            raise ExpressionError(
                f"the loss is still below {level:.3g} as far as {furthest:g} widths of the box outside it"
            )
        ends = point + steps[reached][:, None] * units * directions
        low, high = np.minimum(low, ends.min(axis=0)), np.maximum(high, ends.max(axis=0))
    return tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))
