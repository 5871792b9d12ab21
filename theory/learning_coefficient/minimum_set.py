"""Learning coefficient over a whole set of minima: the smallest value, then the largest multiplicity, and where.

The free energy of a phase adds up the neighbourhoods of its minima, and the largest contribution wins. Along a plane
curve of minima, loss = c prod f_i^{n_i}, all but finitely many points are smooth points of one f_i, worth 1/n_i; the
others are the singular points of the reduced curve, found exactly and resolved one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import sympy
from sympy import Expr, Poly, Rational, Symbol

from theory.learning_coefficient.algebraic import is_zero, value_at
from theory.learning_coefficient.arguments import check_arguments, ordered
from theory.learning_coefficient.engine import LearningCoefficient, LearningCoefficientRefused, rlct

Point = tuple[Expr, ...]


@dataclass(frozen=True)
class LearningCoefficientOnSet:
    """The decisive `result`, the `places` that attain it, and every stratum looked at."""

    result: LearningCoefficient
    places: tuple[str, ...]
    strata: tuple[tuple[str, LearningCoefficient], ...]


def rlct_on_points(
    expression: Expr, coordinates: Sequence[Symbol], points: Iterable[Point], prior: Expr | int = 1
) -> LearningCoefficientOnSet:
    """Smallest learning coefficient, then largest multiplicity, over finitely many minima.

    Raises
    ------
    ValueError
        If no point is given, or their losses differ (only the lowest would count); otherwise as for
        :func:`theory.learning_coefficient.rlct`.
    """
    coordinates = ordered("coordinates", coordinates)
    if isinstance(points, str | bytes | Mapping) or not isinstance(points, Iterable):
        raise ValueError(f"points: expected a list of points, got {points!r}")
    checked = [check_arguments("expression", (expression,), coordinates, point) for point in points]
    if not checked:
        raise ValueError("points: expected at least one point, got none")
    places = list(dict.fromkeys(place for _, _, place in checked))  # the same point twice is one point
    loss = checked[0][0][0]
    heights = [value_at(loss, coordinates, place) for place in places]
    if not all(is_zero(h - heights[0]) for h in heights):
        raise ValueError(f"points: the losses differ ({', '.join(map(str, heights))}); only the lowest points count")
    return _decide([(str(place), rlct(loss, coordinates, place, prior)) for place in places])


def rlct_on_plane_curve(expression: Expr, coordinates: Sequence[Symbol]) -> LearningCoefficientOnSet:
    """Smallest learning coefficient over all real zeros of a loss >= 0 of two coordinates, flat prior.

    Raises
    ------
    LearningCoefficientRefused
        If there is no real zero, the loss is negative somewhere, or a singular point cannot be resolved.
    ValueError
        If the loss is no polynomial of two coordinates with rational coefficients.
    """
    coordinates = ordered("coordinates", coordinates)
    (loss,), coordinates, _ = check_arguments("expression", (expression,), coordinates, (0,) * len(coordinates))
    polynomial = loss.as_poly(*coordinates) if len(coordinates) == 2 else None
    if polynomial is None or not (polynomial.domain.is_QQ or polynomial.domain.is_ZZ):
        raise ValueError(f"expression: {loss} is not a polynomial of two coordinates with rational coefficients")
    if polynomial.is_zero:
        raise LearningCoefficientRefused("the loss is zero everywhere: no curve of minima; its value is 0")
    strata: list[tuple[str, LearningCoefficient]] = []
    factors = polynomial.factor_list()[1]
    for factor, power in factors:
        if _has_smooth_real_point(factor, coordinates):
            if power % 2:
                raise LearningCoefficientRefused(f"the loss changes sign across {factor.as_expr()} = 0 (power {power})")
            sentence = f"smooth points of {factor.as_expr()} = 0: one factor of power {power}, value 1/{power}"
            smooth = LearningCoefficient(Rational(1, power), 1, "normal crossing", (sentence,))
            strata.append((f"smooth points of {factor.as_expr()} = 0", smooth))
    if _negative_beyond_zeros(polynomial):
        raise LearningCoefficientRefused(f"the loss {loss} is negative: expected a loss >= 0 on the whole plane")
    reduced = sympy.Mul(*[factor.as_expr() for factor, _ in factors])
    for point in _singular_points(reduced, coordinates):
        strata.append((str(point), rlct(loss, coordinates, point)))
    if not strata:
        raise LearningCoefficientRefused(f"{loss} has no real zero")
    return _decide(strata)


def _decide(strata: list[tuple[str, LearningCoefficient]]) -> LearningCoefficientOnSet:
    value, negative = min((answer.value, -answer.multiplicity) for _, answer in strata)
    attaining = [
        (place, answer) for place, answer in strata if (answer.value, -answer.multiplicity) == (value, negative)
    ]
    listed = "; ".join(f"{place}: {answer.value}, multiplicity {answer.multiplicity}" for place, answer in strata)
    places = tuple(place for place, _ in attaining)
    best = attaining[0][1]
    last = f"smallest value, then largest multiplicity, over the set ({listed}): attained at {', '.join(places)}"
    result = LearningCoefficient(value, -negative, f"minimum over the set ({best.method})", (*best.certificate, last))
    return LearningCoefficientOnSet(result, places, tuple(strata))


def _negative_beyond_zeros(polynomial: Poly) -> bool:
    """Sign at one point off the zeros, for a polynomial that changes it across no curve."""
    grid = product(range(polynomial.total_degree() + 1), repeat=2)  # too many points for all to be zeros
    return next(value for value in (polynomial(*place) for place in grid) if value != 0) < 0


def _has_smooth_real_point(factor: Poly, coordinates: Sequence[Symbol]) -> bool:
    """Whether an irreducible curve has a real branch: over an x where y-roots are simple, any real root is smooth."""
    x, y = coordinates
    in_y = Poly(factor.as_expr(), y)
    if in_y.degree() == 0:
        return Poly(factor.as_expr(), x).count_roots() > 0
    special = Poly(in_y.LC() * (in_y.discriminant() if in_y.degree() > 1 else 1), x)
    roots = sorted(set(special.real_roots()), key=lambda root: sympy.N(root, 40)) if special.degree() > 0 else []
    samples: list[Rational] = [sympy.Integer(0)]
    if roots:
        samples = [sympy.floor(roots[0]) - 1, sympy.ceiling(roots[-1]) + 1]
        samples += [Rational(sympy.N((left + right) / 2, 40)) for left, right in pairwise(roots)]
    return any(Poly(factor.as_expr().subs(x, sample), y).count_roots() > 0 for sample in samples)


def _singular_points(reduced: Expr, coordinates: Sequence[Symbol]) -> list[Point]:
    system = [reduced, *[sympy.diff(reduced, c) for c in coordinates]]
    basis = list(sympy.groebner(system, *coordinates, order="lex").exprs)
    if basis == [1]:
        return []
    axes = []
    for coordinate in coordinates:
        order = [c for c in coordinates if c != coordinate] + [coordinate]
        last = sympy.groebner(basis, *order, order="lex").exprs[-1]
        axes.append(sorted(set(Poly(last, coordinate).real_roots()), key=float))
    return [p for p in product(*axes) if all(is_zero(value_at(e, coordinates, p)) for e in basis)]
