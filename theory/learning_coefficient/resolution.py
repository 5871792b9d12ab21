"""From a loss of two coordinates and a prior at a point to the factors that `plane_curves` resolves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy
from sympy import Expr, Integer, Poly, Rational, Symbol

from theory.learning_coefficient.algebraic import Monomial, is_zero, shifted_terms, sign
from theory.learning_coefficient.local_form import NotAMinimumError, factors_at
from theory.learning_coefficient.plane_curves import PlaneFactor, PlaneResolution, UnresolvedError, resolve_plane_curve
from theory.learning_coefficient.prior import Prior


def resolve_loss(loss: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr], prior: Prior) -> PlaneResolution:
    """Resolve a loss of two coordinates, zero at `point`, by blow-ups.

    Raises
    ------
    NotAMinimumError
        If the loss changes sign or is negative nearby.
    UnresolvedError
        If the resolution needs too large a number field, or the prior is not understood.
    """
    unit_sign, factors = _factors(loss, coordinates, point)
    factors = _with_prior(factors, prior, coordinates, point)
    # Each coordinate is named after its distance from the point, which becomes the origin.
    names = [str(c - p) for c, p in zip(coordinates, point, strict=True)]
    resolved = resolve_plane_curve(factors, names, [prior.exponent(c) for c in coordinates])
    if resolved.odd_branch is not None:
        raise NotAMinimumError(f"the loss changes sign across the real branch {resolved.odd_branch} = 0")
    if unit_sign * resolved.corner_sign < 0:
        raise NotAMinimumError("the loss is negative nearby")
    opening = "reduced factors vanishing at the point: " + ", ".join(
        f"({f.name})^{f.power}" + (f" with prior exponent {f.prior_exponent}" if f.prior_exponent else "")
        for f in factors
    )
    return replace(resolved, sentences=(opening, *resolved.sentences))


def _factors(loss: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> tuple[int, list[PlaneFactor]]:
    factored = factors_at(loss, coordinates, point)
    if factored is not None:
        return factored.unit_sign, [
            PlaneFactor(str(f), shifted_terms(f, coordinates, point), power) for f, power in factored.vanishing
        ]
    terms = shifted_terms(loss, coordinates, point)
    names = [str(c - p) for c, p in zip(coordinates, point, strict=True)]
    # Common powers of the coordinates first: what is left is mostly square-free already.
    lowest = tuple(min(a[j] for a in terms) for j in range(2))
    shifted: dict[Monomial, Expr] = {(a[0] - lowest[0], a[1] - lowest[1]): c for a, c in terms.items()}
    factors = [PlaneFactor(names[j], {(1 - j, j): Integer(1)}, lowest[j]) for j in range(2) if lowest[j]]
    if (0, 0) in shifted:
        return sign(shifted[0, 0]), factors
    try:
        polynomial = Poly.from_dict(shifted, *coordinates, extension=True)
        constant, parts = polynomial.sqf_list()
    except (NotImplementedError, sympy.polys.polyerrors.BasePolynomialError) as error:
        raise UnresolvedError(f"cannot take the square-free part of {loss}: {error}") from None
    unit_sign = sign(constant)
    for part, power in parts:
        part_terms = {a: c for a, c in part.as_dict().items() if not is_zero(c)}
        if (0, 0) in part_terms:
            unit_sign *= sign(part_terms[0, 0]) ** power
        else:
            factors.append(PlaneFactor(str(part.as_expr()), part_terms, power))
    return unit_sign, factors


def _with_prior(
    factors: list[PlaneFactor], prior: Prior, coordinates: Sequence[Symbol], point: Sequence[Expr]
) -> list[PlaneFactor]:
    """Give each factor its prior exponent and add the prior's own factors, in which the loss has power 0."""
    exponents: dict[Expr, Rational] = {}
    for inside, h in prior.others:
        if not inside.free_symbols & set(coordinates):
            continue
        polynomial = inside.as_poly(*coordinates)
        split = None if polynomial is None else factors_at(inside, coordinates, point)
        if split is None:
            raise UnresolvedError(f"prior factor {inside} is no polynomial with rational coefficients")
        for factor, power in split.vanishing:
            exponents[factor] = exponents.get(factor, Integer(0)) + h * power
    if exponents and any(not c.is_Rational for f in factors for c in f.terms.values()):
        raise UnresolvedError("a prior factor that mixes coordinates needs a loss with rational coefficients")
    by_name = {str(factor): h for factor, h in exponents.items()}
    result = [PlaneFactor(f.name, f.terms, f.power, by_name.get(f.name, Integer(0))) for f in factors]
    known = {f.name for f in factors}
    for factor, h in exponents.items():
        if str(factor) not in known:
            result.append(PlaneFactor(str(factor), shifted_terms(factor, coordinates, point), 0, h))
    return result
