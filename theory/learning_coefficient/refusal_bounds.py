r"""What a refusal can still say: true bounds of the learning coefficient of a loss at a minimum.

Let K >= 0 vanish at the point to order k, with Hessian of rank r, and let the prior be bounded. Then

    max(r/2, 1/k) <= value <= every (h + 1)/N,

(times 1 + h on the left if the prior grows like |w_j|^h, -1 < h < 0, see :meth:`Prior.share_of_bounded`)

where N is the order of vanishing of K along a divisor over the point, and h that of the volume element with its prior:
a divisor contributes a pole whether or not the rest is resolved. The divisors tried are all toric ones, by a linear
programme (those of the Newton polyhedron, where the prior mixes coordinates), or, where the loss is no polynomial, the
blow-up of the point itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction

import sympy
from sympy import Expr, Integer, Matrix, Poly, Rational, Symbol

from theory.learning_coefficient.algebraic import Monomial, NotAlgebraicError, is_zero, shifted_terms, value_at
from theory.learning_coefficient.linear_programme import linear_programme
from theory.learning_coefficient.local_form import NotAMinimumError, semidefinite_hessian
from theory.learning_coefficient.newton_polyhedron import newton_polyhedron
from theory.learning_coefficient.prior import Prior

_HIGHEST_ORDER = 4


def known_bounds(
    loss: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr], prior: Prior
) -> tuple[Rational | None, Rational | None]:
    """Lower and upper bound of the value of `loss` (zero at the point); None where none is known.

    They hold if the point is a local minimum.
    """
    try:
        _, rank = semidefinite_hessian(loss, coordinates, point)
        if loss.is_polynomial(*coordinates):
            terms = shifted_terms(loss, coordinates, point)
            order = min(sum(a) for a in terms)
            lower = max(Rational(rank, 2), Rational(1, order)) * prior.share_of_bounded()
            return lower, _smallest_divisor(terms, coordinates, point, prior)
        order = _order(loss, coordinates, point)
    except (NotAMinimumError, NotAlgebraicError, ValueError, TypeError):
        return None, None
    lower = max(Rational(rank, 2), Rational(1, order) if order else Integer(0)) * prior.share_of_bounded()
    ones = (Integer(1),) * len(coordinates)
    upper = _volume(ones, coordinates, point, prior)
    return lower, None if upper is None else upper / (order or 2)


def _order(loss: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> int | None:
    """Order of vanishing of an analytic loss; None beyond a fixed one (at a minimum it is at least 2)."""
    derivatives = {loss}
    for order in range(1, _HIGHEST_ORDER + 1):
        derivatives = {sympy.diff(f, c) for f in derivatives for c in coordinates} - {sympy.S.Zero}
        if len(derivatives) > 60:
            return None
        if any(not is_zero(value_at(f, coordinates, point)) for f in derivatives):
            return order
    return None


def bounds_of_generators(
    generators: Sequence[Expr], coordinates: Sequence[Symbol], prior: Prior
) -> tuple[Rational, Rational | None]:
    """Lower and upper bound of the value of f_1^2 + f_2^2 + ... at the origin, for polynomials that vanish there.

    Of the loss nothing is expanded: its order is twice the smallest of the generators, the rank of its Hessian that of
    their linear parts, and along a toric divisor it vanishes twice as much as the generator that vanishes least.
    """
    polynomials = [Poly(f, *coordinates) for f in generators]
    monomials = {a for f in polynomials for a in f.monoms()}
    linear = Matrix([[f.coeff_monomial(c) for c in coordinates] for f in polynomials])
    order = min(sum(a) for a in monomials)
    lower = max(Rational(linear.rank(), 2), Rational(1, 2 * order)) * prior.share_of_bounded()
    return lower, None if prior.mixed_in(coordinates) else _toric(monomials, coordinates, prior) / 2


def _toric(monomials: Collection[Monomial], coordinates: Sequence[Symbol], prior: Prior) -> Rational:
    """The smallest (h + 1)/N of all toric divisors: a linear programme in their weights."""
    used = [j for j in range(len(coordinates)) if any(a[j] for a in monomials)]
    rows = tuple(sorted({tuple(a[j] for j in used) for a in monomials}))
    costs = [prior.exponent(coordinates[j]) + 1 for j in used]
    value, _ = linear_programme(rows, tuple(Fraction(int(c.p), int(c.q)) for c in costs))
    return Rational(value.numerator, value.denominator)


def _smallest_divisor(
    terms: dict, coordinates: Sequence[Symbol], point: Sequence[Expr], prior: Prior
) -> Rational | None:
    if not prior.mixed_in(coordinates):
        return _toric(terms, coordinates, prior)
    try:
        normals = [n for n in newton_polyhedron(tuple(terms)).normals if any(n)]
    except ValueError:
        least = Rational(1, min(sum(a) for a in terms))
        normals = [(least,) * len(coordinates)]
    volumes = [_volume(normal, coordinates, point, prior) for normal in normals]
    return min((v for v in volumes if v is not None), default=None)


def _volume(
    normal: Sequence[Rational], coordinates: Sequence[Symbol], point: Sequence[Expr], prior: Prior
) -> Rational | None:
    """Order of the volume element and the prior along a toric divisor, plus one in units of the normal."""
    total = sum((u * (1 + prior.exponent(c)) for u, c in zip(normal, coordinates, strict=True)), Integer(0))
    for factor, exponent in prior.others:
        if not factor.is_polynomial(*coordinates):
            return None
        monomials = shifted_terms(factor, coordinates, point)
        total += exponent * min(sum(u * e for u, e in zip(normal, a, strict=True)) for a in monomials)
    return total
