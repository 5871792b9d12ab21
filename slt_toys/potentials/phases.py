"""Phases of an energy: regions around one set of minima, with exact loss, learning coefficient and multiplicity.

A polynomial in one coordinate is taken apart exactly: its critical points are algebraic numbers with
multiplicities, the minima among them are the phases, the maxima between them the borders. In more coordinates
isolated minima are exact where sympy can solve the critical equations. What is no polynomial, or too hard, gets points
that are certified numerically; everything else is refused with a line that says what to declare instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import mpmath
import numpy as np
import sympy
from sympy.logic.boolalg import Boolean

from theory.learning_coefficient.engine import rlct

from ..inputs.arguments import checked_arguments
from ..inputs.names import BOX, PHASES
from .certified_points import (
    DECLARE,
    CriticalPoint,
    PhaseError,
    certified_points,
    left_to_right,
    polynomial_reach,
    short,
)
from .critical_numbers import CriticalNumber
from .expression_parts import split
from .expressions import ExpressionError
from .far_points import critical_box, critical_reach
from .kinks import Piece, has_kinks, points_with_kinks
from .periodic import critical_points_around
from .plane_points import critical_points, points_of, spectrum
from .real_roots import is_algebraic, real_roots, real_sign
from .regions import Basin, region_labels
from .wall_points import WallMinimum, wall_points

__all__ = ["Phase", "PhaseError", "critical_points", "declare_phase", "derive_phases", "phase_names"]

Box = tuple[tuple[float, float], ...]
MOST_PHASES = 64
AT_THE_WALL = 1e-6  # of the box: a maximum as near as that leaves no well beside the wall, as where a circle is cut


@dataclass(frozen=True)
class Phase:
    """A region of parameter space around one set of minima of the loss [eq:phase-free-energy].

    Attributes
    ----------
    name
        Unique within its potential.
    minimum
        Exact coordinates of one point of the minimum set, the most singular one, length d.
    region
        Relation over the coordinates that holds inside the phase; ``sympy.true`` for the whole box.
    loss
        Exact loss on the minimum set.
    learning_coefficient, multiplicity
        The real log canonical threshold and its multiplicity (Watanabe 2009), exact.
    minimum_dimension
        0 if the minimum set is a point, 1 for a curve, and so on.
    """

    name: str
    minimum: tuple[sympy.Expr, ...]
    region: Boolean
    loss: sympy.Expr
    learning_coefficient: sympy.Rational
    multiplicity: int = 1
    minimum_dimension: int = 0


@checked_arguments
def declare_phase(
    energy: sympy.Expr,
    coordinates: Sequence[sympy.Symbol],
    name: str,
    minimum: Sequence[sympy.Expr | float | int],
    region: Boolean | bool = sympy.true,
    minimum_dimension: int = 0,
) -> Phase:
    """Make a phase from a minimum and a region; the loss, λ and m are derived (``theory.learning_coefficient``).

    Raises
    ------
    ValueError
        When the minimum has the wrong length, or theory refuses to give a learning coefficient there.
    """
    point = tuple(
        sympy.nsimplify(value, rational=True) if isinstance(value, float) else sympy.sympify(value) for value in minimum
    )
    if len(point) != len(coordinates):
        raise PhaseError(
            f"minimum of phase {name!r} has {len(point)} numbers; the energy has {len(coordinates)} coordinates"
        )
    loss = energy.subs(dict(zip(coordinates, point, strict=True)))
    if not is_algebraic(energy, *point) and _is_regular(energy, coordinates, point):
        half = sympy.Rational(len(point), 2)  # [eq:normal-crossing-learning-coefficient] with d squares
        return Phase(name, point, sympy.sympify(region), loss, half, 1, minimum_dimension)
    threshold = rlct(energy, tuple(coordinates), point)
    return Phase(name, point, sympy.sympify(region), loss, threshold.value, threshold.multiplicity, minimum_dimension)


def _is_regular(energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], point: Sequence[sympy.Expr]) -> bool:
    """Whether the slope vanishes to 30 digits and the Hessian is positive definite beyond rounding.

    For numbers whose vanishing theory cannot decide; an exact critical point is never refused for a slope of 1e-31.
    """
    at = dict(zip(coordinates, point, strict=True))
    values, _ = spectrum(sympy.hessian(energy, coordinates).subs(at))
    slopes = [abs(sympy.N(sympy.diff(energy, w).subs(at), 40)) for w in coordinates]
    return bool(
        values[0] > 1e-12 * values[-1]
        and all(s < 1e-25 * values[-1] * (1 + abs(sympy.N(p, 40))) for s, p in zip(slopes, point, strict=True))
    )


def derive_phases(
    energy: sympy.Expr,
    coordinates: Sequence[sympy.Symbol],
    box: Sequence[tuple[float, float]] | None = None,
    periodic: bool = False,
) -> tuple[Phase, ...]:
    """Derive every phase of an energy, or say in one line what could not be derived.

    Minima, saddles and maxima are exact where the energy is a polynomial whose equations elimination solves, and else
    certified: found numerically to any precision, and proved to be all there are
    (:mod:`slt_toys.potentials.certified_points`). Regions fill the space, or the box, and share no point:

    - on a line a phase reaches from one maximum to the next;
    - in more coordinates with two minima and one saddle the border is the plane through the saddle, across its unstable
      direction;
    - in a plane with more of them a phase is the basin of attraction of its minimum under steepest descent, which
      slides along walls [eq:border-bend];
    - an energy that is a sum over groups of coordinates has a phase for every combination of those of its parts;
    - on a circle or a torus the same, and a region may reach across the cut; there every phase but a single one in a
      plane is a basin of attraction.

    Phases are named from left to right, and where the first coordinates agree by the next: "whole"; "left", "right";
    "left", "middle", "right"; "phase 1", "phase 2" and so on. Losses do not matter for names, so a tilt that reorders
    them does not rename a phase.

    Parameters
    ----------
    energy
        Smooth, of the coordinates alone.
    coordinates
        d of them.
    box
        Only minima inside are phases; ``None`` for the whole space, of a polynomial.
    periodic
        Whether the box is one period of the energy along every coordinate, and its ends are one place.

    Raises
    ------
    PhaseError
        When there is no minimum, or one lies on a wall, or some point cannot be decided (flat, degenerate, not smooth),
        or more than 64 phases, or three and more coupled coordinates with more than one saddle.
    """
    own, walls = tuple(coordinates), _walls(box)
    if periodic and walls and len(own) == 1:
        return _phases_on_a_circle(energy, own[0], walls[0])
    if len(own) == 1:
        return _phases_on_a_line(energy, own[0], walls[0] if walls else None)
    parts = split(energy, own)
    if len(parts) == 1:
        return _phases_on_a_torus(energy, own, walls) if periodic and walls else _phases_in_space(energy, own, walls)
    if len(own) <= 3 and energy.is_polynomial(*own):
        try:
            return _phases_in_space(energy, own, walls, separable=True)
        except (PhaseError, ExpressionError):
            pass  # more wells than one border parts, or points that only one coordinate at a time makes exact
    return _phases_of_parts(parts, own, walls, periodic)


def _walls(box: Sequence[tuple[float, float]] | None) -> Box | None:
    return tuple((float(low), float(high)) for low, high in box) if box else None


def _phases_on_a_line(energy: sympy.Expr, w: sympy.Symbol, box: tuple[float, float] | None) -> tuple[Phase, ...]:
    if energy.is_polynomial(w) and sympy.Poly(sympy.diff(energy, w), w).is_zero:
        middle = sympy.Rational(str((box[0] + box[1]) / 2)) if box else sympy.S.Zero
        return (Phase("whole", (middle,), sympy.true, sympy.sympify(energy), sympy.S.Zero, 1, 1),)
    points = _points_on_a_line(energy, w, box)
    minima = [i for i, critical in enumerate(points) if critical.is_minimum]
    if not minima:
        raise PhaseError(f"energy {short(energy)} has no minimum; give one that is bounded below and confining")
    names = phase_names(len(minima))
    borders = [critical.point[0] for critical in points[minima[0] : minima[-1]] if critical.is_maximum]
    phases = []
    for i, index in enumerate(minima):
        sides = ([] if i == 0 else [w >= borders[i - 1]]) + ([] if i == len(minima) - 1 else [w < borders[i]])
        (point,) = points[index].point
        # L - L(point) vanishes to the order of the point [eq:normal-crossing-learning-coefficient], at a kink to the
        # higher order of both sides [eq:kink-learning-coefficient].
        coefficient = sympy.Rational(1, points[index].order)
        phases.append(Phase(names[i], (point,), sympy.And(*sides), energy.subs(w, point), coefficient))
    return tuple(phases)


def _phases_on_a_circle(energy: sympy.Expr, w: sympy.Symbol, box: tuple[float, float]) -> tuple[Phase, ...]:
    """Phases from maximum to maximum around a circle; the one that holds the cut is what lies beyond two places."""
    points = critical_points_around(energy, (w,), (box,))
    turns = [critical for critical in points if critical.is_minimum or critical.is_maximum]
    minima = [critical for critical in turns if critical.is_minimum]
    if not minima or any(one.is_minimum == other.is_minimum for one, other in pairwise([*turns, turns[0]])):
        raise PhaseError(
            f"minima and maxima of energy {short(energy)} do not alternate around the circle from {box[0]:.6g} to "
            f"{box[1]:.6g}; {DECLARE}"
        )
    borders, phases = [critical.point[0] for critical in turns if critical.is_maximum], []
    first = 1 if turns[0].is_minimum else 0  # the border after the first minimum has number 1 - first
    for i, (name, minimum) in enumerate(zip(phase_names(len(minima)), minima, strict=True)):
        low, high = borders[i - first], borders[(i + 1 - first) % len(borders)]
        across = i == 0 if first else i == len(minima) - 1
        join = sympy.Or if across else sympy.And
        region = sympy.true if len(minima) == 1 else join(w >= low, w < high)
        # L - L(point) vanishes to the order of the point [eq:normal-crossing-learning-coefficient].
        coefficient = sympy.Rational(1, minimum.order)
        phases.append(Phase(name, minimum.point, region, energy.subs(w, minimum.point[0]), coefficient))
    return tuple(phases)


def _phases_on_a_torus(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], box: Box) -> tuple[Phase, ...]:
    if len(coordinates) > 2:
        raise PhaseError(f"phases of {len(coordinates)} coupled coordinates on a torus are not derived; {DECLARE}")
    minima = left_to_right([p for p in critical_points_around(energy, coordinates, box) if p.signs[0] >= 0])
    if not minima:
        raise PhaseError(f"energy {short(energy)} has no minimum; {DECLARE}")
    if len(minima) == 1:
        return (_phase(energy, coordinates, "whole", minima[0], sympy.true),)
    return _phases_of_basins(energy, coordinates, box, minima, periodic=True)


def phase_names(count: int) -> tuple[str, ...]:
    """Names of so many phases from left to right: whole; left, right; left, middle, right; phase 1, phase 2, ..."""
    return {1: ("whole",), 2: ("left", "right"), 3: ("left", "middle", "right")}.get(
        count, tuple(f"phase {i + 1}" for i in range(count))
    )


def _points_on_a_line(
    energy: sympy.Expr, w: sympy.Symbol, box: tuple[float, float] | None
) -> tuple[CriticalPoint, ...]:
    """Critical points from left to right: exact ones of a polynomial whose coefficients allow it, else certified."""
    if has_kinks(energy):
        points = points_with_kinks(energy, w, lambda own, piece: _points_on_a_piece(own, w, piece, box))
        return _inside_walls(energy, points, box) if box else points
    if not energy.is_polynomial(w):
        if box is None:
            return certified_points(energy, (w,), critical_box(energy, (w,)))
        return _inside_walls(energy, certified_points(energy, (w,), (box,)), box)
    try:
        return _exact_on_a_line(energy, w, box)
    except ExpressionError:
        walls = box or polynomial_reach(energy, w)[0]
        return _inside_walls(energy, certified_points(energy, (w,), (walls,)), walls)


def _points_on_a_piece(
    energy: sympy.Expr, w: sympy.Symbol, piece: Piece, box: tuple[float, float] | None
) -> tuple[CriticalPoint, ...]:
    """Critical points of a smooth energy between two kinks, ends of a box, or infinity; others may be among them."""
    if energy.is_polynomial(w):
        try:
            return _exact_on_a_line(energy, w, None)
        except ExpressionError:
            return certified_points(energy, (w,), polynomial_reach(energy, w))
    ends: list[float] = []
    for side, end, other in ((-1, piece.low, piece.high), (1, piece.high, piece.low)):
        wall = None if box is None else box[(side + 1) // 2]
        if end is not None:
            at = float(sympy.N(end, 30))
            ends.append(at if wall is None else side * min(side * at, side * wall))
        elif wall is not None:
            ends.append(wall)
        else:
            start = sympy.Rational(f"{float(sympy.N(other, 30)):.3g}") if other is not None else sympy.S.Zero
            ends.append(float(start) + side * critical_reach(energy, w, start, side))
    if not ends[0] < ends[1]:
        return ()
    # A kink is a place like any other to the smooth piece: nothing is missed by rounding its place outward.
    spare = 1e-9 * (ends[1] - ends[0])
    return certified_points(energy, (w,), ((ends[0] - spare, ends[1] + spare),))


def _inside_walls(
    energy: sympy.Expr, points: tuple[CriticalPoint, ...], box: tuple[float, float]
) -> tuple[CriticalPoint, ...]:
    """Those of all points that lie in a box, refused where a wall is a minimum."""
    slack = 1e-12 * (box[1] - box[0])
    points = tuple(p for p in points if box[0] - slack <= p.place[0] <= box[1] + slack)
    if points and points[0].is_minimum and points[0].place[0] <= box[0] + slack:
        raise _on_the_wall(energy, box)
    if points and points[-1].is_minimum and points[-1].place[0] >= box[1] - slack:
        raise _on_the_wall(energy, box)
    inside = [p for p in points if p.is_minimum or p.is_maximum]
    slack = AT_THE_WALL * (box[1] - box[0])
    if not inside or (inside[0].is_maximum and inside[0].place[0] > box[0] + slack):
        raise _on_the_wall(energy, box)
    if inside[-1].is_maximum and inside[-1].place[0] < box[1] - slack:
        raise _on_the_wall(energy, box)
    return points


def _on_the_wall(energy: sympy.Expr, box: Sequence[sympy.Expr | float]) -> PhaseError:
    return PhaseError(
        f"energy {short(energy)} has a minimum on the wall of the box ({box[0]}, {box[1]}); enlarge {BOX} or declare "
        f"{PHASES}"
    )


def _exact_on_a_line(energy: sympy.Expr, w: sympy.Symbol, box: tuple[float, float] | None) -> tuple[CriticalPoint, ...]:
    derivative = sympy.Poly(sympy.diff(energy, w), w)
    roots = real_roots(derivative.as_expr(), w)
    ordered = list(roots)
    if box:
        ordered = [root for root in ordered if box[0] <= root <= box[1]]
        low, high = (sympy.Rational(str(edge)) for edge in box)
        if (ordered[:1] != [low] and real_sign(derivative.eval(low)) > 0) or (
            ordered[-1:] != [high] and real_sign(derivative.eval(high)) < 0
        ):
            raise _on_the_wall(energy, (low, high))
    signs = _signs_between(derivative, ordered)
    # L' vanishes to the order of the root, L - L(point) to one order more.
    return tuple(CriticalPoint((root,), (signs[i + 1],), roots[root] + 1) for i, root in enumerate(ordered))


def _signs_between(polynomial: sympy.Poly, roots: Sequence[sympy.Expr]) -> list[int]:
    """Signs of the polynomial before, between and after its ordered real roots, from exact rational points."""
    if not roots:
        return [real_sign(polynomial.eval(0))]
    points = [sympy.floor(roots[0]) - 1]
    points += [_rational_between(a, b) for a, b in pairwise(roots)]
    points.append(sympy.ceiling(roots[-1]) + 1)
    return [real_sign(polynomial.eval(point)) for point in points]


def _rational_between(a: sympy.Expr, b: sympy.Expr) -> sympy.Rational:
    digits = 20
    while True:
        low, high = (sympy.Rational(str(sympy.N(root, digits))) for root in (a, b))
        middle = (low + high) / 2
        if low < middle < high and high - low > sympy.Rational(1, 10 ** (digits // 2)):
            return middle
        digits *= 2


def _phases_in_space(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], walls: Box | None, separable: bool = False
) -> tuple[Phase, ...]:
    d = len(coordinates)
    if d > 3:
        raise PhaseError(f"phases of {d} coupled coordinates are not derived (at most 3 are); {DECLARE}")
    points = points_of(energy, coordinates, walls)
    minima = [point for point in points if point.signs[0] >= 0]
    saddles = [point for point in points if point.signs[0] < 0 < point.signs[1]]
    if not minima:
        raise PhaseError(f"energy {short(energy)} has no minimum; {DECLARE}")
    if walls and (d == 2 or not energy.is_polynomial(*coordinates)):
        _check_walls(energy, coordinates, walls, len(minima) > 2)
    # Where a curvature vanishes, theory decides whether the point is a minimum that it can treat.
    if len(minima) == 1:
        return (_phase(energy, coordinates, "whole", minima[0], sympy.true),)
    if len(minima) == 2 and len(saddles) == 1:
        side = _dividing_surface(energy, coordinates, saddles[0], minima)
        if side is not None:
            minima.sort(key=lambda point: tuple(point.place))
            return (
                _phase(energy, coordinates, "left", minima[0], side < 0),
                _phase(energy, coordinates, "right", minima[1], side >= 0),
            )
    if d > 2 or separable:
        raise PhaseError(
            f"energy {short(energy)} has {len(minima)} isolated minima and {len(saddles)} saddles; in three coupled "
            f"coordinates regions are derived for one minimum, or two with one saddle; {DECLARE}"
        )
    return _phases_of_basins(energy, coordinates, walls, left_to_right(minima))


def _check_walls(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], walls: Box, strictly: bool) -> None:
    """Refuse a minimum on a wall; where that cannot be decided, only if it must be, or if nothing else is exact."""
    try:
        wall_points(energy, coordinates, walls)
    except WallMinimum:
        raise
    except PhaseError:
        if strictly or not energy.is_polynomial(*coordinates):
            raise


def _phase(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], name: str, minimum: CriticalPoint, region: Boolean | bool
) -> Phase:
    """A phase around a minimum: regular where its curvatures are known, over whose roots theory would take minutes."""
    exact = energy.is_polynomial(*coordinates) and not any(isinstance(x, CriticalNumber) for x in minimum.point)
    roots = len(coordinates) > 1 and not all(value.is_Rational for value in minimum.point)
    if minimum.is_minimum and (roots or not exact):
        loss = energy.subs(dict(zip(coordinates, minimum.point, strict=True)))
        half = sympy.Rational(len(coordinates), 2)  # [eq:normal-crossing-learning-coefficient] with d squares
        return Phase(name, minimum.point, sympy.sympify(region), loss, half)
    return declare_phase(energy, coordinates, name, minimum.point, region)


def _phases_of_basins(
    energy: sympy.Expr,
    coordinates: tuple[sympy.Symbol, ...],
    walls: Box | None,
    minima: Sequence[CriticalPoint],
    periodic: bool = False,
) -> tuple[Phase, ...]:
    if len(minima) > MOST_PHASES:
        raise PhaseError(f"energy {short(energy)} has {len(minima)} minima; at most {MOST_PHASES} are told apart")
    regions = [Basin(energy, coordinates, walls or (), number, int(periodic)) for number in range(len(minima))]
    phases = tuple(
        _phase(energy, coordinates, name, minimum, region)
        for name, minimum, region in zip(phase_names(len(minima)), minima, regions, strict=True)
    )
    places = np.array([minimum.place for minimum in minima])
    if region_labels(tuple(regions), coordinates)(places).tolist() != list(range(len(minima))):
        raise PhaseError(f"borders of the basins of energy {short(energy)} are not told apart; {DECLARE}")
    return phases


def _phases_of_parts(
    parts: Sequence[tuple[tuple[int, ...], sympy.Expr]],
    coordinates: tuple[sympy.Symbol, ...],
    walls: Box | None,
    periodic: bool,
) -> tuple[Phase, ...]:
    """Phases of a sum of energies of different coordinates: one of each part; λ and m - 1 add up."""
    own = [
        derive_phases(energy, [coordinates[i] for i in group], [walls[i] for i in group] if walls else None, periodic)
        for group, energy in parts
    ]
    if (count := math.prod(map(len, own))) > MOST_PHASES:
        raise PhaseError(
            f"the parts of an energy of {len(coordinates)} coordinates have {count} combinations of minima; at most "
            f"{MOST_PHASES} are told apart; {DECLARE}"
        )
    found = []
    for chosen in product(*own):
        minimum = dict(
            pair for (group, _), p in zip(parts, chosen, strict=True) for pair in zip(group, p.minimum, strict=True)
        )
        found.append((
            tuple(minimum[i] for i in range(len(coordinates))), sympy.And(*(p.region for p in chosen)),
            sympy.Add(*(p.loss for p in chosen)), sympy.Add(*(p.learning_coefficient for p in chosen)),
            1 + sum(p.multiplicity - 1 for p in chosen), sum(p.minimum_dimension for p in chosen),
        ))  # fmt: skip
    ordered = left_to_right(found, lambda own: np.array([float(sympy.N(x, 30)) for x in own[0]]))
    return tuple(Phase(name, *own) for name, own in zip(phase_names(len(found)), ordered, strict=True))


def _dividing_surface(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], saddle: CriticalPoint, minima: list[CriticalPoint]
) -> sympy.Expr | None:
    """Linear function that is negative at the first of two minima: the dividing plane of transition-state theory,
    through the saddle and across its unstable direction (Vineyard 1957). None where both minima lie on one side.
    """
    hessian = sympy.hessian(energy, coordinates).subs(dict(zip(coordinates, saddle.point, strict=True)))
    direction = [sympy.Rational(mpmath.nstr(v, 15)) for v in spectrum(hessian)[1][0]]
    centre, *ends = (
        [sympy.Rational(str(sympy.N(sympy.re(v), 15))) for v in point.point]
        for point in (saddle, *sorted(minima, key=lambda point: tuple(point.place)))
    )
    side = sympy.Add(*(d * (w - c) for d, w, c in zip(direction, coordinates, centre, strict=True)))
    first, second = (side.subs(dict(zip(coordinates, end, strict=True))) for end in ends)
    if first * second >= 0:
        return None
    return side if first < 0 else -side
