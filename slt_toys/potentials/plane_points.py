"""Critical points of an energy of several coordinates: exact where elimination finds them, else certified."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import mpmath
import sympy

from ..inputs.names import BOX
from .certified_points import DECLARE, CriticalPoint, PhaseError, certified_points, short
from .coefficient_fields import CoefficientField
from .expressions import ExpressionError
from .real_roots import RealRoot, common_real_roots

__all__ = ["critical_points", "curvature_signs", "points_of", "spectrum"]

Box = tuple[tuple[float, float], ...]
MOST_CROSSINGS = 16  # of the slopes' curves by Bézout's theorem, up to which elimination is tried before bisection


@lru_cache(maxsize=64)
def points_of(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], box: Box | None) -> tuple[CriticalPoint, ...]:
    """All critical points, in a box or anywhere.

    Raises
    ------
    PhaseError
        In one line, where some cannot be decided.
    """
    if not energy.is_polynomial(*coordinates):
        if box is None:
            raise PhaseError(
                f"energy {short(energy)} is not a polynomial, so {BOX} must say where its minima are sought"
            )
        return certified_points(energy, coordinates, box)
    if _crossings(energy, coordinates) > MOST_CROSSINGS:
        try:
            return certified_points(energy, coordinates, box or polynomial_box(energy, coordinates))
        except PhaseError:
            pass  # degenerate, which elimination may treat
    try:
        exact = critical_points(energy, coordinates)
    except ExpressionError:
        if box is None:
            raise
        exact = None
    if exact is not None:
        return tuple(
            CriticalPoint(point, tuple(curvature_signs(energy, coordinates, point)))
            for point in exact
            if not box or _inside(point, box)
        )
    return certified_points(energy, coordinates, box or polynomial_box(energy, coordinates))


def _crossings(energy: sympy.Expr, coordinates: Sequence[sympy.Symbol]) -> int:
    return int(sympy.prod(sympy.Poly(sympy.diff(energy, w), *coordinates).total_degree() for w in coordinates))


def _inside(point: Sequence[sympy.Expr], box: Box) -> bool:
    return all(low <= sympy.re(sympy.N(v)) <= high for v, (low, high) in zip(point, box, strict=True))


def polynomial_box(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Box:
    """A box that holds all critical points of a polynomial, from the bounds of roots of what elimination leaves.

    Raises
    ------
    PhaseError
        When they are not isolated.
    """
    slopes = [sympy.expand(sympy.diff(energy, w)) for w in coordinates]
    box = []
    for w in coordinates:
        left = _eliminated(slopes, coordinates, w)
        if left is None or left.is_zero or left.degree() == 0:
            raise PhaseError(
                f"energy {short(energy)} has critical points that are not isolated or not found exactly; {DECLARE}"
            )
        sizes = [abs(float(sympy.N(c, 30))) for c in left.all_coeffs()]
        # Fujiwara (1916)
        reach = 2.002 * max([(c / sizes[0]) ** (1 / (k + 1)) for k, c in enumerate(sizes[1:])] or [0.0])
        box.append((-(reach or 1.0), reach or 1.0))
    return tuple(box)


def _eliminated(
    slopes: Sequence[sympy.Expr], coordinates: tuple[sympy.Symbol, ...], w: sympy.Symbol
) -> sympy.Poly | None:
    """A polynomial in one coordinate that vanishes at every critical point."""
    if len(coordinates) == 2 and all(c.is_Rational for s in slopes for c in sympy.Poly(s, *coordinates).coeffs()):
        (other,) = (v for v in coordinates if v != w)
        left = sympy.resultant(*(sympy.Poly(s, other, w) for s in slopes))
        return sympy.Poly(left, w)
    field = CoefficientField.of(slopes, coordinates)
    basis = field.basis(slopes, [*(v for v in coordinates if v != w), w])
    own = [field.restored(e) for e in basis.exprs if set(e.free_symbols) & set(coordinates) == {w}]
    return sympy.Poly(own[0], w) if own else None


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


def curvature_signs(energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], point: Sequence[sympy.Expr]) -> list[int]:
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


def spectrum(matrix: sympy.Matrix) -> tuple[list[mpmath.mpf], list[list[mpmath.mpf]]]:
    """Ascending eigenvalues and their eigenvectors, to 30 digits."""
    with mpmath.workdps(30):
        rows = [[_real(value) for value in row] for row in matrix.tolist()]
        values, vectors = mpmath.eigsy(mpmath.matrix(rows))
        return list(values), [list(vectors[:, k]) for k in range(len(values))]
