"""Exact learning coefficient (real log canonical threshold) and multiplicity of a loss at a minimum.

    integral of prior(w) exp(-n_beta (K(w) - K(point))) dw  ~  C n_beta^(-value) (log n_beta)^(multiplicity - 1)

near `point`; [eq:phase-free-energy] is minus its logarithm. The answer is proved by one of these methods, tried in
this order on every independent block of coordinates: order of vanishing (one coordinate), positive definite Hessian,
normal crossing after factorisation ([eq:normal-crossing-learning-coefficient], [eq:normal-crossing-multiplicity]),
non-degenerate Newton polyhedron, resolution of a plane curve by blow-ups, and in more coordinates powers of a
non-degenerate function, weighted blow-ups and adapted coordinates. Each of them shows that the point is a minimum as
well, unless the loss is a sum of squares as it is written. Where none applies the question is refused.

Source: Watanabe (2009), Algebraic Geometry and Statistical Learning Theory, chapters 3, 4 and 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Expr, Integer, Poly, Rational, Symbol

from theory.learning_coefficient.algebraic import (
    NotAlgebraicError,
    Terms,
    is_analytic_at,
    rename_symbols,
    shifted_terms,
    value_at,
)
from theory.learning_coefficient.arguments import check_arguments, check_symbols, exact_expression
from theory.learning_coefficient.linear_programme import linear_programme
from theory.learning_coefficient.local_form import (
    Factors,
    NotAMinimumError,
    diagonalising_change,
    factors_at,
    gradients_independent,
    independent_blocks,
    order_of_vanishing,
    semidefinite_hessian,
    shares_coordinates,
)
from theory.learning_coefficient.local_problem import (
    LearningCoefficient,
    LearningCoefficientRefused,
    Problem,
    bounds,
    check_prior_blocks,
    refuse,
)
from theory.learning_coefficient.newton_polyhedron import (
    NewtonDegenerate,
    newton_learning_coefficient,
    newton_polyhedron,
    prove_nondegenerate,
)
from theory.learning_coefficient.plane_curves import UnresolvedError
from theory.learning_coefficient.positivity import is_even, is_sum_of_squares
from theory.learning_coefficient.prior import Prior, read_prior
from theory.learning_coefficient.refusal_bounds import known_bounds
from theory.learning_coefficient.resolution import resolve_loss
from theory.learning_coefficient.weighted_blow_up import adapted_coordinates, power_of_nondegenerate, weighted_blow_up

_LARGEST_DEPTH = 6
_MANY_TERMS = 8


def rlct(
    expression: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr], prior: Expr | int = 1
) -> LearningCoefficient:
    """Learning coefficient and multiplicity of the loss `expression` at its local minimum `point`.

    The loss is measured from its value at `point`; coordinates it does not depend on are flat and contribute nothing.

    Parameters
    ----------
    expression : sympy.Expr
        Loss, a polynomial with exact coefficients (analytic losses only in one coordinate or where the Hessian is
        positive definite), with no other symbols than `coordinates`.
    coordinates : sequence of sympy.Symbol, length d
    point : sequence of exact real numbers, length d
        Rationals, radicals or `CRootOf`.
    prior : sympy.Expr
        Non-negative density near the point; only its factors vanishing there matter (|w_j|^h, rational h >= 0). Steps
        and cases are read as what they are near the point.

    Returns
    -------
    LearningCoefficient
        With 1 <= multiplicity <= d (multiplicity 1 and value 0 for a constant loss).

    Raises
    ------
    LearningCoefficientRefused
        If the point is not shown to be a local minimum, or no method proves a value; known bounds are named.
    ValueError
        If an argument is malformed: wrong length, no order, text, inexact numbers, unknown symbols; if the prior is
        negative or changes sign at the point, switches there, or has a negative exponent.
    """
    (expression,), coordinates, point = check_arguments("expression", (expression,), coordinates, point)
    prior = exact_expression("prior", prior)
    check_symbols("prior", prior, coordinates)
    # Fresh symbols: the bound variable of a CRootOf may carry the same name as a coordinate.
    fresh = {c: Symbol(c.name, real=True, prime=False) for c in coordinates}
    expression, prior = (rename_symbols(e, fresh) for e in (expression, prior))
    coordinates = tuple(fresh.values())
    try:
        if not is_analytic_at(expression, coordinates, point):
            refuse(f"{expression} is not known to be analytic at {point}; expected a polynomial or a smooth loss")
        above = expression - value_at(expression, coordinates, point)
        density = read_density(prior, coordinates, point)
        problem = Problem(sympy.expand(above), coordinates, point, density, minimum=is_sum_of_squares(above))
        result = _solve_or_bound(problem)
    except NotAMinimumError as error:
        reason = f"point {point} is not a local minimum: {error}"
        raise LearningCoefficientRefused(
            reason, next_step="give a point at which the loss is smallest nearby"
        ) from None
    except NotAlgebraicError as error:
        raise LearningCoefficientRefused(str(error)) from None
    assert 1 <= result.multiplicity <= max(1, len(coordinates)), "a multiplicity above the dimension is impossible"
    return result


def _solve_or_bound(problem: Problem) -> LearningCoefficient:
    """The answer, or the refusal with the bounds that are known of the whole loss."""
    try:
        check_prior_blocks(problem)
        return _solve(problem)
    except LearningCoefficientRefused as error:
        error.lower, error.upper = known_bounds(problem.loss, problem.coordinates, problem.point, problem.prior)
        raise


def read_density(prior: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> Prior:
    """The prior at the point, with the proof that none of its factors makes it negative nearby.

    Raises
    ------
    LearningCoefficientRefused
        If a factor that mixes coordinates can neither be shown to be non-negative nor to change sign.
    ValueError
        As for :func:`theory.learning_coefficient.prior.read_prior`, or if such a factor changes sign.
    """
    read = read_prior(prior, coordinates, point)
    overall = read.sign
    for factor, exponent in read.unsigned:
        factor_sign = _sign_around(factor, coordinates, point)
        if factor_sign == 0 or (factor_sign < 0 and not exponent.is_Integer):
            raise ValueError(f"prior: factor {factor} changes sign at the point; a density is never negative")
        overall *= factor_sign
    if overall < 0:
        raise ValueError(f"prior: {prior} is negative near the point; a density must not be")
    return replace(read, sign=overall, unsigned=())


def _sign_around(function: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> int:
    """Sign of a function near its zero at the point: a minimum, a maximum or (0) neither."""
    for sign in (1, -1):
        try:
            _solve(Problem(sympy.expand(sign * function), tuple(coordinates), tuple(point), Prior()))
            return sign
        except NotAMinimumError:
            continue
        except LearningCoefficientRefused:
            refuse(f"prior: cannot show that its factor {function} is not negative near {tuple(point)}")
    return 0


def _solve(problem: Problem, may_rotate: bool = True) -> LearningCoefficient:
    """Split into independent blocks: learning coefficients add, multiplicities add less one per joint."""
    used = tuple(c for c in problem.coordinates if problem.loss.has(c))
    flat = tuple(c for c in problem.coordinates if c not in used)
    opening: tuple[str, ...] = ()
    if flat:
        opening = (f"the loss does not depend on {', '.join(map(str, flat))}: flat, contributing nothing",)
    if not used:
        return LearningCoefficient(Integer(0), 1, "constant loss", (*opening, "constant loss: value 0"))
    blocks = independent_blocks(problem.loss, used)
    if len(blocks) == 1:
        result = _solve_block(problem.restricted(problem.loss, used), may_rotate)
        return replace(result, certificate=opening + result.certificate)
    parts = []
    for loss, names in blocks:
        part = problem.restricted(loss, names)
        centred = sympy.expand(loss - value_at(loss, names, part.point))
        parts.append(_solve_block(part.restricted(centred, names), may_rotate))
    value = sum((part.value for part in parts), Integer(0))
    multiplicity = sum(part.multiplicity for part in parts) - (len(parts) - 1)
    shown = [", ".join(map(str, names)) for _, names in blocks]
    certificate = [*opening, f"the loss is a sum over independent blocks {{{'}, {'.join(shown)}}}"]
    for name, part in zip(shown, parts, strict=True):
        certificate += [f"[{name}] {sentence}" for sentence in part.certificate]
    certificate.append(
        f"blocks: value = {' + '.join(str(p.value) for p in parts)} = {value}, multiplicity = "
        f"{' + '.join(str(p.multiplicity) for p in parts)} - {len(parts) - 1} = {multiplicity}"
    )
    methods = "; ".join(dict.fromkeys(part.method for part in parts))
    return LearningCoefficient(value, multiplicity, f"independent blocks ({methods})", tuple(certificate))


def _solve_block(problem: Problem, may_rotate: bool) -> LearningCoefficient:
    if not problem.minimum and is_sum_of_squares(problem.loss):
        problem = replace(problem, minimum=True)
    if len(problem.coordinates) == 1:
        return _one_coordinate(problem)
    hessian, rank = semidefinite_hessian(problem.loss, problem.coordinates, problem.point)
    dimension = len(problem.coordinates)
    if rank == dimension and not problem.prior.vanishes_in(problem.coordinates):
        sentence = f"Hessian {hessian.tolist()} is positive definite (characteristic polynomial signs)"
        return LearningCoefficient(
            Rational(dimension, 2), 1, "regular point", (sentence, f"regular point: value = {dimension}/2")
        )
    if not problem.loss.is_polynomial(*problem.coordinates):
        refuse(
            f"{problem.loss} is not a polynomial and its Hessian has rank {rank} < {dimension}; "
            f"{bounds(problem, Rational(rank, 2))}"
        )
    factored = _by_factors(problem, may_rotate)
    if factored is not None:
        return factored
    if problem.prior.mixed_in(problem.coordinates):
        if dimension == 2:
            return _by_blow_ups(problem, Rational(rank, 2), None)
        refuse(f"prior factor {problem.prior.others[0][0]} vanishes and is no coordinate of a normal crossing")
    return _by_newton_polyhedron(problem, rank, may_rotate)


def _one_coordinate(problem: Problem) -> LearningCoefficient:
    (coordinate,), (place,) = problem.coordinates, problem.point
    order, sentence = order_of_vanishing(problem.loss, coordinate, place)
    exponent = problem.prior.exponent(coordinate)
    value = (exponent + 1) / order
    sentences = [sentence]
    if exponent:
        sentences.append(f"the prior vanishes like |{coordinate} - point|^{exponent}")
    sentences.append(f"one coordinate: value = ({exponent} + 1)/{order} = {value}")
    return LearningCoefficient(value, 1, "order of vanishing", tuple(sentences))


def _by_factors(problem: Problem, may_rotate: bool) -> LearningCoefficient | None:
    """Normal crossing of the factors vanishing at the point; otherwise a product of blocks, or drop the unit."""
    factored = factors_at(problem.loss, problem.coordinates, problem.point)
    if factored is None:
        return None
    prior_factors = problem.prior.all_factors(problem.coordinates, problem.point)
    vanishing = [f for f, _ in factored.vanishing]
    extra = [f for f, _ in prior_factors if not any(sympy.expand(f - g) == 0 for g in vanishing)]
    if gradients_independent(vanishing + extra, problem.coordinates, problem.point):
        return _normal_crossing(factored, prior_factors)
    groups = shares_coordinates(vanishing)
    if len(groups) == 1 and not factored.unit.free_symbols:
        return None
    if problem.prior.mixed_in(problem.coordinates):
        return None
    return _product_of_blocks(problem, factored, groups, may_rotate)


def _normal_crossing(factored: Factors, prior_factors: Sequence[tuple[Expr, Rational]]) -> LearningCoefficient:
    candidates = []
    unit_sign = "positive" if factored.unit_sign > 0 else "negative"
    sentences = [f"at the point the factor {factored.unit} is {unit_sign}: a unit"]
    for factor, power in factored.vanishing:
        if power % 2:
            raise NotAMinimumError(f"the loss changes sign across {factor} = 0 (odd power {power})")
        exponent = sum((h for f, h in prior_factors if sympy.expand(f - factor) == 0), Integer(0))
        candidates.append((exponent + 1) / power)
        sentences.append(
            f"factor ({factor})^{power} vanishes with prior exponent {exponent}: ({exponent} + 1)/{power} "
            f"= {candidates[-1]}"
        )
    if factored.unit_sign < 0:
        raise NotAMinimumError(f"the factor {factored.unit} is negative at the point")
    sentences.append("the gradients of the vanishing factors are linearly independent: they are local coordinates")
    value = min(candidates)
    multiplicity = candidates.count(value)
    sentences.append(f"normal crossing: value = min = {value}, attained {multiplicity} time(s)")
    return LearningCoefficient(value, multiplicity, "normal crossing", tuple(sentences))


def _product_of_blocks(
    problem: Problem, factored: Factors, groups: Sequence[Sequence[int]], may_rotate: bool
) -> LearningCoefficient:
    """Zeta functions of blocks without common coordinates multiply: the smallest value wins, its orders add up."""
    sentences, parts, overall = [], [], factored.unit_sign
    if factored.unit.free_symbols:
        sentences.append(f"the factor {factored.unit} does not vanish at the point: a unit")
    for group in groups:
        loss = sympy.Mul(*[factor**power for factor, power in (factored.vanishing[i] for i in group)])
        block = problem.restricted(sympy.expand(loss), [c for c in problem.coordinates if loss.has(c)])
        known = problem.minimum and len(groups) == 1  # of the loss times the sign of the unit
        block = replace(block, minimum=(known and factored.unit_sign > 0) or is_sum_of_squares(loss))
        try:
            part = _solve(block, may_rotate)
        except NotAMinimumError:
            part = _solve(
                replace(block, loss=sympy.expand(-loss), minimum=known and factored.unit_sign < 0), may_rotate
            )
            overall = -overall
        parts.append(part)
        sentences += [f"[{loss}] {sentence}" for sentence in part.certificate]
    if overall < 0:
        raise NotAMinimumError("the product of its factors is negative nearby")
    value = min(part.value for part in parts)
    multiplicity = sum(part.multiplicity for part in parts if part.value == value)
    if len(parts) == 1:
        return LearningCoefficient(value, multiplicity, parts[0].method, tuple(sentences))
    sentences.append(f"product of independent blocks: value = {value}, multiplicity = {multiplicity}")
    methods = "; ".join(dict.fromkeys(part.method for part in parts))
    return LearningCoefficient(value, multiplicity, f"product of blocks ({methods})", tuple(sentences))


def _by_newton_polyhedron(problem: Problem, rank: int, may_rotate: bool) -> LearningCoefficient:
    terms = shifted_terms(problem.loss, problem.coordinates, problem.point)
    exponents = [problem.prior.exponent(c) for c in problem.coordinates]
    if len(terms) > _MANY_TERMS and all(is_even(a) and c.is_positive for a, c in terms.items()):
        return _by_linear_programme(terms, exponents)
    try:
        polyhedron = newton_polyhedron(tuple(terms))
    except ValueError as error:
        refuse(str(error))
    value, multiplicity, optimal = newton_learning_coefficient(polyhedron, exponents)
    proof = prove_nondegenerate(terms, polyhedron, problem.coordinates, problem.minimum)
    if isinstance(proof, NewtonDegenerate):
        if proof.negative:
            raise NotAMinimumError(f"Newton polyhedron: {proof.reason}")
        lower = max(Rational(rank, 2), Rational(1, min(sum(a) for a in terms)))
        if len(problem.coordinates) == 2:
            return _by_blow_ups(problem, lower, value)
        rotated = _rotated(problem, terms, rank) if may_rotate and not any(exponents) else None
        resolved = rotated or _by_higher_blow_ups(problem, terms, may_rotate)
        if resolved is not None:
            return resolved
        if proof.undecided:
            refuse(f"cannot show that {problem.point} is a local minimum: {proof.reason}")
        refuse(f"degenerate: {proof.reason}; {bounds(problem, lower, value)}")
    sentences = (
        f"with the point moved to the origin the loss has vertices among {list(polyhedron.minimal_exponents)}",
        *proof,
        f"linear programme min sum u_j (h_j + 1) with h = {exponents}: value = {value}, attained at u in "
        f"{[tuple(map(str, normal)) for normal in optimal]}",
        f"Newton polyhedron: the minimisers have dimension {multiplicity - 1}, multiplicity = {multiplicity}",
    )
    return LearningCoefficient(value, multiplicity, "Newton polyhedron", sentences)


def _by_linear_programme(terms: Terms, exponents: Sequence[Rational]) -> LearningCoefficient:
    """Many even monomials with positive coefficients: no face can vanish off the axes, none need be listed."""
    weights = tuple(Fraction(int(h.p), int(h.q)) + 1 for h in exponents)
    least, multiplicity = linear_programme(tuple(sorted(terms)), weights)
    value = Rational(least.numerator, least.denominator)
    sentences = (
        f"with the point moved to the origin the loss is a sum of {len(terms)} even monomials with positive "
        "coefficients: every face is positive off the axes",
        f"linear programme min sum u_j (h_j + 1) with h = {exponents} over <u, a> >= 1: value = {value}, the "
        f"minimisers have dimension {multiplicity - 1}, multiplicity = {multiplicity}",
    )
    return LearningCoefficient(value, multiplicity, "Newton polyhedron", sentences)


def _by_blow_ups(problem: Problem, lower: Rational, upper: Rational | None) -> LearningCoefficient:
    """Resolve a loss of two coordinates; `lower` and `upper` are the bounds to name should that fail."""
    try:
        resolved = resolve_loss(problem.loss, problem.coordinates, problem.point, problem.prior)
    except UnresolvedError as error:
        refuse(f"degenerate: {error}; {bounds(problem, lower, upper)}")
    return LearningCoefficient(resolved.value, resolved.multiplicity, "blow-ups of the plane", resolved.sentences)


def _by_higher_blow_ups(problem: Problem, terms: Terms, may_rotate: bool) -> LearningCoefficient | None:
    """Three steps of `weighted_blow_up`, to a bounded depth; None where they do not close."""
    coordinates, exponents = problem.coordinates, tuple(problem.prior.exponent(c) for c in problem.coordinates)
    if not all(c.is_Rational for c in terms.values()) or problem.depth >= _LARGEST_DEPTH:
        return None
    origin = (Integer(0),) * len(coordinates)
    loss = Poly.from_dict(dict(terms), *coordinates).as_expr()
    factored = factors_at(loss, coordinates, origin)
    direct = power_of_nondegenerate(factored.vanishing, coordinates, exponents) if factored else None
    if direct is not None and factored is not None and factored.unit_sign > 0:
        return LearningCoefficient(direct[0], direct[1], "power of a non-degenerate function", direct[2])

    def solve(below: Expr, prior_exponents: Sequence[Rational]) -> LearningCoefficient | None:
        prior = Prior(tuple((c, h) for c, h in zip(coordinates, prior_exponents, strict=True) if h))
        try:
            return _solve(Problem(below, coordinates, origin, prior, problem.depth + 1, problem.minimum), may_rotate)
        except LearningCoefficientRefused:
            return None

    blown = weighted_blow_up(terms, coordinates, exponents, problem.minimum)
    parts = [solve(local.loss, local.prior_exponents) for local in blown.problems] if blown else [None]
    if blown and all(parts):
        closed = [part for part in parts if part is not None]
        # Smallest value first, then the largest multiplicity; the divisor itself has multiplicity one.
        value, negative = min([(blown.value, -1), *((part.value, -part.multiplicity) for part in closed)])
        certificate = [*blown.sentences]
        for number, part in enumerate(closed, 1):
            certificate += [f"[zero {number}] {sentence}" for sentence in part.certificate]
        certificate.append(f"smallest value over the exceptional divisor = {value}, multiplicity = {-negative}")
        return LearningCoefficient(value, -negative, "weighted blow-ups", tuple(certificate))
    adapted = adapted_coordinates(terms, coordinates, [h == 0 for h in exponents])
    answer = solve(adapted[0], exponents) if adapted else None
    if adapted is None or answer is None:
        return None
    method = f"adapted coordinates ({answer.method})"
    return replace(answer, method=method, certificate=(adapted[1], *answer.certificate))


def _rotated(problem: Problem, terms: Terms, rank: int) -> LearningCoefficient | None:
    """Try again in linear coordinates that diagonalise the Hessian (exact over the rationals)."""
    changed = diagonalising_change(terms, problem.coordinates)
    if rank == 0 or changed is None:
        return None
    loss, sentence = changed
    origin = (Integer(0),) * len(problem.coordinates)
    rotated = replace(problem, loss=loss, point=origin, prior=Prior(), depth=0)
    try:
        result = _solve(rotated, may_rotate=False)
    except LearningCoefficientRefused:
        return None
    return replace(result, certificate=(sentence, *result.certificate))


__all__ = ["LearningCoefficient", "LearningCoefficientRefused", "read_density", "rlct"]
