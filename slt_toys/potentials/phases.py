"""Phases of an energy: regions around one set of minima, with exact loss, learning coefficient and multiplicity.

A polynomial in one coordinate is taken apart exactly: its critical points are algebraic numbers with
multiplicities, the minima among them are the phases, the maxima between them the borders. In more coordinates
isolated minima are found where sympy can solve the critical equations; everything else is refused with a line that
says what to declare instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import mpmath
import sympy
from sympy.logic.boolalg import Boolean

from theory.learning_coefficient.engine import rlct

from .certified_points import CriticalPoint, PhaseError, certified_points, polynomial_reach, short
from .coefficient_fields import CoefficientField
from .expressions import ExpressionError
from .real_roots import RealRoot, common_real_roots, is_algebraic, real_roots, real_sign


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
    values, _ = _spectrum(sympy.hessian(energy, coordinates).subs(at))
    slopes = [abs(sympy.N(sympy.diff(energy, w).subs(at), 40)) for w in coordinates]
    return bool(
        values[0] > 1e-12 * values[-1]
        and all(s < 1e-25 * values[-1] * (1 + abs(sympy.N(p, 40))) for s, p in zip(slopes, point, strict=True))
    )


def derive_phases(
    energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], box: Sequence[tuple[float, float]] | None = None
) -> tuple[Phase, ...]:
    """Derive every phase of a polynomial energy, or say in one line what could not be derived.

    Parameters
    ----------
    energy
        Polynomial with rational coefficients.
    coordinates
        Its d coordinates.
    box
        Only minima inside are phases; ``None`` for the whole space.

    Raises
    ------
    PhaseError
        When the energy is not such a polynomial, has no minimum, or has minima this derivation cannot treat.
    """
    if len(coordinates) == 1:
        return _phases_on_a_line(energy, coordinates[0], box[0] if box else None)
    if not energy.is_polynomial(*coordinates):
        raise PhaseError(
            f"energy {short(energy)} is not a polynomial, so its phases cannot be derived exactly; "
            "declare them: phases=(declare_phase(energy, coordinates, name, minimum, region), ...)"
        )
    return _phases_of_isolated_minima(energy, tuple(coordinates), box)


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
        # L - L(point) vanishes to the order of the point [eq:normal-crossing-learning-coefficient].
        coefficient = sympy.Rational(1, points[index].order)
        phases.append(Phase(names[i], (point,), sympy.And(*sides), energy.subs(w, point), coefficient))
    return tuple(phases)


def phase_names(count: int) -> tuple[str, ...]:
    """Names of so many phases from left to right: whole; left, right; left, middle, right; phase 1, phase 2, ..."""
    return {1: ("whole",), 2: ("left", "right"), 3: ("left", "middle", "right")}.get(
        count, tuple(f"phase {i + 1}" for i in range(count))
    )


def _points_on_a_line(
    energy: sympy.Expr, w: sympy.Symbol, box: tuple[float, float] | None
) -> tuple[CriticalPoint, ...]:
    """Critical points from left to right: exact ones of a polynomial whose coefficients allow it, else certified."""
    if not energy.is_polynomial(w):
        if box is None:
            raise PhaseError(
                f"energy {short(energy)} is not a polynomial, so box= must say where its minima are sought"
            )
        return _certified_on_a_line(energy, w, box)
    try:
        return _exact_on_a_line(energy, w, box)
    except ExpressionError:
        return _certified_on_a_line(energy, w, box or polynomial_reach(energy, w)[0])


def _certified_on_a_line(energy: sympy.Expr, w: sympy.Symbol, box: tuple[float, float]) -> tuple[CriticalPoint, ...]:
    points = certified_points(energy, (w,), (box,))
    slack = 1e-12 * (box[1] - box[0])
    if points and points[0].is_minimum and points[0].place[0] <= box[0] + slack:
        raise _on_the_wall(energy, box)
    if points and points[-1].is_minimum and points[-1].place[0] >= box[1] - slack:
        raise _on_the_wall(energy, box)
    inside = [p for p in points if p.is_minimum or p.is_maximum]
    if not inside or (inside[0].is_maximum and inside[0].place[0] > box[0] + slack):
        raise _on_the_wall(energy, box)
    if inside[-1].is_maximum and inside[-1].place[0] < box[1] - slack:
        raise _on_the_wall(energy, box)
    return points


def _on_the_wall(energy: sympy.Expr, box: Sequence[sympy.Expr | float]) -> PhaseError:
    return PhaseError(
        f"energy {short(energy)} has a minimum on the wall of the box ({box[0]}, {box[1]}); enlarge box= or declare "
        "phases="
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


def _phases_of_isolated_minima(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], box: Sequence[tuple[float, float]] | None
) -> tuple[Phase, ...]:
    declare = "declare them: phases=(declare_phase(energy, coordinates, name, minimum, region), ...)"
    if len(coordinates) > 3:
        raise PhaseError(f"phases of {len(coordinates)} coupled coordinates are not derived (at most 3 are); {declare}")
    real = critical_points(energy, coordinates)
    if real is None:
        raise PhaseError(
            f"energy {short(energy)} has critical points that are not isolated or not found exactly; {declare}"
        )
    if box:
        real = [
            p for p in real if all(low <= sympy.re(sympy.N(v)) <= high for v, (low, high) in zip(p, box, strict=True))
        ]
    hessian = sympy.hessian(energy, coordinates)
    minima, saddles = [], []
    for point in real:
        signs = _curvature_signs(energy, coordinates, point)
        if signs[0] >= 0:  # where one vanishes, theory decides below whether it is a minimum it can treat
            minima.append(point)
        elif len(signs) == 1 or signs[1] > 0:
            saddles.append((point, hessian.subs(dict(zip(coordinates, point, strict=True)))))
    minima.sort(key=lambda p: tuple(sympy.re(sympy.N(value)) for value in p))
    if len(minima) == 1:
        return (declare_phase(energy, coordinates, "whole", minima[0]),)
    if len(minima) == 2 and len(saddles) == 1:
        side = _dividing_surface(coordinates, saddles[0][0], saddles[0][1], minima[0])
        return (
            declare_phase(energy, coordinates, "left", minima[0], side < 0),
            declare_phase(energy, coordinates, "right", minima[1], side >= 0),
        )
    raise PhaseError(
        f"energy {short(energy)} has {len(minima)} isolated minima and {len(saddles)} saddles; regions are derived "
        f"for one minimum, or two with one saddle; {declare}"
    )


def critical_points(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> list[tuple[sympy.Expr, ...]] | None:
    """Exact real critical points of a polynomial, or None where they are not isolated or elimination gets stuck.

    A lexicographic Gröbner basis of the gradient is triangular; its last polynomial's real roots are isolated exactly
    and put back where the next coordinate is linear in them, or where they are rational.
    """
    slopes = [sympy.expand(sympy.diff(energy, w)) for w in coordinates]
    coefficients = CoefficientField.of(slopes, coordinates)
    basis = coefficients.basis(slopes, coordinates)
    if not basis.is_zero_dimensional:
        return None
    polynomials = [coefficients.restored(p) for p in basis.exprs]
    partial: list[dict[sympy.Symbol, sympy.Expr]] = [{}]
    for w in reversed(coordinates):
        extended = []
        for known in partial:
            roots = _roots_given(polynomials, w, known)
            if roots is None:
                return None
            extended += [known | {w: root} for root in roots]
        partial = extended
    return [tuple(point[w] for w in coordinates) for point in partial]


def _roots_given(
    basis: Sequence[sympy.Expr], w: sympy.Symbol, known: dict[sympy.Symbol, sympy.Expr]
) -> list[sympy.Expr] | None:
    """Real values of w that solve the basis polynomials in w and the known coordinates alone."""
    usable = [p for p in basis if w in p.free_symbols and p.free_symbols <= {w, *known}]
    for polynomial in usable:
        coefficients = sympy.Poly(polynomial, w).all_coeffs()
        if len(coefficients) == 2 and coefficients[0].is_number:
            return [sympy.expand((-coefficients[1] / coefficients[0]).subs(known))]
    if any(value.atoms(sympy.CRootOf, RealRoot) for value in known.values()):
        return None
    try:
        return list(common_real_roots([polynomial.subs(known) for polynomial in usable], w))
    except ExpressionError:
        return None


def _dividing_surface(
    coordinates: tuple[sympy.Symbol, ...],
    saddle: Sequence[sympy.Expr],
    hessian: sympy.Matrix,
    first: Sequence[sympy.Expr],
) -> sympy.Expr:
    """Linear function that is negative on the side of ``first``: the dividing plane of transition-state theory,
    through the saddle and across its unstable direction (Vineyard 1957).
    """
    direction_values = _spectrum(hessian)[1][0]
    direction = [sympy.Rational(mpmath.nstr(v, 15)) for v in direction_values]
    centre = [sympy.Rational(str(sympy.N(sympy.re(v), 15))) for v in saddle]
    side = sympy.Add(*(d * (w - c) for d, w, c in zip(direction, coordinates, centre, strict=True)))
    at_first = side.subs(
        {w: sympy.Rational(str(sympy.N(sympy.re(v), 15))) for w, v in zip(coordinates, first, strict=True)}
    )
    return side if at_first < 0 else -side


def _curvature_signs(energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], point: Sequence[sympy.Expr]) -> list[int]:
    """Signs of the Hessian's eigenvalues, ascending, 0 for those that vanish.

    Every axis is measured in a length of its own and every entry by the terms it is summed from, so that no unit
    decides; the signs are the same (Sylvester).
    """
    d = len(coordinates)
    values = dict(zip(coordinates, point, strict=True))
    with mpmath.workdps(30):
        at = [_real(value) for value in point]
        matrix = mpmath.zeros(d)
        for i in range(d):
            for j in range(i, d):
                entry = sympy.diff(energy, coordinates[i], coordinates[j])
                terms = sympy.Poly(entry, *coordinates).terms()
                size = mpmath.fsum(abs(_real(c) * mpmath.fprod(map(mpmath.power, at, powers))) for powers, c in terms)
                second = _real(entry.subs(values))
                matrix[i, j] = matrix[j, i] = second if abs(second) > size * mpmath.mpf("1e-20") else 0
        lengths = [1 / mpmath.sqrt(abs(matrix[i, i])) if matrix[i, i] else mpmath.mpf(0) for i in range(d)]
        for i in range(d):
            beside = max(abs(matrix[i, j]) * (lengths[j] or 1) for j in range(d))
            lengths[i] = lengths[i] or (1 / beside if beside else mpmath.mpf(1))
        scaled = mpmath.matrix([[lengths[i] * matrix[i, j] * lengths[j] for j in range(d)] for i in range(d)])
        eigenvalues = mpmath.eigsy(scaled, eigvals_only=True)
        return [0 if abs(value) < 1e-15 else int(mpmath.sign(value)) for value in eigenvalues]


def _real(value: sympy.Expr) -> mpmath.mpf:
    """Thirty digits of a number whose imaginary part is rounding."""
    return mpmath.mpf(str(sympy.re(sympy.N(value, 30))))


def _spectrum(matrix: sympy.Matrix) -> tuple[list[mpmath.mpf], list[list[mpmath.mpf]]]:
    """Ascending eigenvalues and their eigenvectors, to 30 digits."""
    with mpmath.workdps(30):
        rows = [[_real(value) for value in row] for row in matrix.tolist()]
        values, vectors = mpmath.eigsy(mpmath.matrix(rows))
        return list(values), [list(vectors[:, k]) for k in range(len(values))]
