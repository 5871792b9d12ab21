"""Learning coefficient of an ideal: of the loss f_1^2 + f_2^2 + ..., which depends on the ideal only.

If each g_j is a combination of the f_i with analytic coefficients, then sum g_j^2 <= C sum f_i^2 near the point. So two
sets of generators of one ideal give losses within constant factors of each other, hence one value and one multiplicity,
and the generators may be replaced by simpler ones before the sum of squares is analysed: units are dropped, a generator
w_j - phi(others) is used to eliminate w_j (it adds 1/2), linear combinations and a Groebner basis are tried. For a
monomial ideal the Newton polyhedron decides; otherwise the sum of squares is non-degenerate exactly when the initial
forms of the generators on each compact face have no common real zero off the axes (Saia 1996).

Source: Lin (2011), Algebraic Methods for Evaluating Integrals in Bayesian Statistics, chapters 2 and 4;
Saia (1996), Banach Center Publications 33.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from fractions import Fraction

import sympy
from sympy import Abs, Expr, Integer, Matrix, Poly, Rational, Symbol

from theory.learning_coefficient.algebraic import (
    NotAlgebraicError,
    expression_of,
    is_zero,
    rename_symbols,
    shifted_terms,
    value_at,
)
from theory.learning_coefficient.arguments import check_arguments, check_symbols, exact_expression
from theory.learning_coefficient.engine import read_density, rlct
from theory.learning_coefficient.local_form import factors_at, gradients_independent
from theory.learning_coefficient.local_problem import LearningCoefficient, LearningCoefficientRefused
from theory.learning_coefficient.prior import Prior
from theory.learning_coefficient.refusal_bounds import bounds_of_generators

_LARGEST_BASIS = 12


def rlct_of_ideal(
    generators: Iterable[Expr],
    coordinates: Sequence[Symbol],
    point: Sequence[Expr],
    prior: Expr | int = 1,
    blow_ups_only: bool = False,
) -> LearningCoefficient:
    """Learning coefficient and multiplicity of f_1^2 + f_2^2 + ... at a common zero of the generators.

    Parameters
    ----------
    generators : iterable of sympy.Expr
        Polynomials f_1, f_2, ... with exact coefficients in `coordinates`, all zero at `point`; any iterable, read
        once, in any order.
    coordinates, point, prior
        As for :func:`theory.learning_coefficient.rlct`.
    blow_ups_only : bool
        Refuse where elimination and blow-ups on the generators do not close, and leave their sum of squares alone.

    Returns
    -------
    LearningCoefficient
        Of the sum of squares (not of its root: the ideal (w) has value 1/2).

    Raises
    ------
    LearningCoefficientRefused
        If no set of generators tried leads to a proof; known bounds are named.
    ValueError
        If an argument is malformed, a generator is no polynomial, or does not vanish at the point.
    """
    generators, coordinates, point = _checked(generators, coordinates, point)
    fresh = {c: Symbol(c.name, real=True, prime=False) for c in coordinates}
    own = tuple(fresh.values())
    prior = exact_expression("prior", prior)
    check_symbols("prior", prior, coordinates)
    moved_prior, *moved = (rename_symbols(e, fresh) for e in (prior, *generators))
    at_origin = _prior_at_origin(read_density(moved_prior, own, point), own, point)
    try:
        moved = [expression_of(shifted_terms(f, own, point), own) for f in moved]
    except NotAlgebraicError as error:
        raise LearningCoefficientRefused(str(error)) from None
    sentences: list[str] = []
    if any(point):
        sentences.append(f"coordinates are measured from the point {point}")
    return _solve([f for f in moved if f != 0], own, at_origin, sentences, blow_ups_only)


def _checked(
    generators: Iterable[Expr], coordinates: Sequence[Symbol], point: Sequence[Expr]
) -> tuple[list[Expr], tuple[Symbol, ...], tuple[Expr, ...]]:
    if isinstance(generators, Expr | str | bytes | Mapping) or not isinstance(generators, Iterable):
        raise ValueError(f"generators: expected a non-empty list of polynomials, got {generators!r}")
    gathered = tuple(generators)  # once: a generator or map is empty afterwards
    if not gathered:
        raise ValueError(f"generators: expected a non-empty list of polynomials, got {generators!r}")
    if isinstance(generators, Set):  # a set has no order, the certificate has
        gathered = tuple(sorted(map(sympy.sympify, gathered), key=sympy.default_sort_key))
    exact, coordinates, point = check_arguments("generators", gathered, coordinates, point)
    for f in exact:
        if not f.is_polynomial(*coordinates):
            raise ValueError(f"generators: {f} is not a polynomial in {', '.join(map(str, coordinates))}")
        value = value_at(f, coordinates, point)
        if not is_zero(value):
            raise ValueError(f"point: {point} is off the zero set, {f} is {value} there; expected 0")
    return list(exact), coordinates, point


def _prior_at_origin(prior: Prior, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> Expr:
    """Vanishing factors of the prior, with the point moved to the origin."""
    there = {c: c + p for c, p in zip(coordinates, point, strict=True)}
    axes = [Abs(c) ** h for c, h in prior.powers]
    return sympy.Mul(*axes, *[Abs(sympy.expand(f.xreplace(there))) ** h for f, h in prior.others])


def _solve(
    generators: list[Expr],
    coordinates: tuple[Symbol, ...],
    prior: Expr,
    sentences: list[str],
    blow_ups_only: bool = False,
) -> LearningCoefficient:
    eliminated = 0
    rational = all(_is_rational(f, coordinates) for f in generators)
    remaining = coordinates
    while rational and generators:
        generators = _without_units(generators, remaining)
        solved = _graph(generators, remaining, prior)
        if solved is None:
            break
        coordinate, graph = solved
        eliminated += 1
        sentences.append(f"the ideal contains {coordinate} - ({graph}): a regular coordinate, worth 1/2, eliminated")
        generators = [sympy.expand(f.xreplace({coordinate: graph})) for f in generators]
        generators = [f for f in generators if f != 0]
        remaining = tuple(c for c in remaining if c != coordinate)
    if not remaining or not generators:
        sentences.append("no generator is left" + (", the remaining coordinates are flat" if remaining else ""))
        return LearningCoefficient(Rational(eliminated, 2), 1, "ideal (regular coordinates)", tuple(sentences))
    if rational and len(generators) == 1 and (answer := _by_flats(generators[0], remaining, prior)):
        value = answer.value + Rational(eliminated, 2)
        return replace(answer, value=value, certificate=(*sentences, *answer.certificate))
    if len(remaining) > 2 and (answer := _by_blow_ups(generators, remaining, prior)):
        value = answer.value + Rational(eliminated, 2)
        sentences += answer.certificate
        if eliminated:
            sentences.append(f"with the eliminated coordinates: value = {answer.value} + {eliminated}/2 = {value}")
        return LearningCoefficient(value, answer.multiplicity, f"ideal ({answer.method})", tuple(sentences))
    if blow_ups_only:
        raise LearningCoefficientRefused("blow-ups on the generators do not close")
    refusal: LearningCoefficientRefused | None = None
    for chosen in _generating_sets(generators, remaining) if rational else [generators]:
        loss = sympy.Add(*[f**2 for f in chosen])  # not expanded: seen to be >= 0
        try:
            answer = rlct(loss, remaining, (Integer(0),) * len(remaining), prior)
        except LearningCoefficientRefused as error:
            refusal = refusal or error
            continue
        sentences.append(f"generators of what is left: {', '.join(map(str, chosen))}; the loss is their sum of squares")
        value = answer.value + Rational(eliminated, 2)
        sentences += answer.certificate
        if eliminated:
            sentences.append(f"with the eliminated coordinates: value = {answer.value} + {eliminated}/2 = {value}")
        return LearningCoefficient(value, answer.multiplicity, f"ideal ({answer.method})", tuple(sentences))
    added = f" (the eliminated coordinates add {Rational(eliminated, 2)})" if eliminated else ""
    lower, upper = (None, None) if refusal is None else (refusal.lower, refusal.upper)
    least, most = bounds_of_generators(
        generators, remaining, read_density(prior, remaining, (Integer(0),) * len(remaining))
    )
    lower = least if lower is None else max(lower, least)
    upper = min((v for v in (upper, most) if v is not None), default=None)
    half = Rational(eliminated, 2)
    raise LearningCoefficientRefused(
        f"{refusal}{added}",
        lower + half,
        None if upper is None else upper + half,
        "try other generators or coordinates of the same ideal",
    )


def _by_flats(generator: Expr, coordinates: tuple[Symbol, ...], prior: Expr) -> LearningCoefficient | None:
    """A generator whose vanishing factors are linear forms, more of them than their rank; None for any other."""
    from theory.learning_coefficient.arrangements import ArrangementTooLargeError, arrangement_value  # needed by few

    origin = (Integer(0),) * len(coordinates)
    read = read_density(prior, coordinates, origin)
    factored = factors_at(generator, coordinates, origin)
    if factored is None or read.mixed_in(coordinates):
        return None
    linear = [Poly(f, *coordinates) for f, _ in factored.vanishing]
    if any(f.total_degree() != 1 for f in linear) or gradients_independent(
        [f.as_expr() for f in linear], coordinates, origin
    ):
        return None
    powers = {f.as_expr(): 2 * k for f, (_, k) in zip(linear, factored.vanishing, strict=True)}
    weights = {c: read.exponent(c) for c in coordinates if read.exponent(c)}
    forms = list(dict.fromkeys([*powers, *weights]))
    rows = [tuple(Fraction(int(v.p), int(v.q)) for v in (sympy.diff(f, c) for c in coordinates)) for f in forms]
    exponents = [Fraction(int(h.p), int(h.q)) for h in (weights.get(f, Integer(0)) for f in forms)]
    try:
        value, multiplicity, flats = arrangement_value(rows, [powers.get(f, 0) for f in forms], exponents)
    except ArrangementTooLargeError:
        return None
    shown = "; ".join(f"{', '.join(str(forms[i]) for i in sorted(flat))} = 0" for flat in flats)
    sentences = (
        f"hyperplanes: the loss is a unit times the product of the linear forms {', '.join(map(str, powers))} to the "
        f"powers {', '.join(map(str, powers.values()))}",
        f"over all irreducible flats, codimension (plus prior exponents) by order: the smallest is {value}, attained "
        f"by {multiplicity} nested flat(s): {shown}",
    )
    return LearningCoefficient(Rational(value.numerator, value.denominator), multiplicity, "arrangement", sentences)


def _by_blow_ups(generators: list[Expr], coordinates: tuple[Symbol, ...], prior: Expr) -> LearningCoefficient | None:
    """Resolve the generators as they are and as a Groebner basis; None where neither closes."""
    from theory.learning_coefficient.ideal_resolution import UnresolvedError, resolve_ideal  # needed by few

    read = read_density(prior, coordinates, (Integer(0),) * len(coordinates))
    if read.mixed_in(coordinates):
        return None
    exponents = [read.exponent(c) for c in coordinates]
    if not all(_is_rational(f, coordinates) for f in generators):
        return _over_field(generators, coordinates, exponents)
    basis = list(sympy.groebner(generators, *coordinates, order="grevlex").exprs)
    for chosen in (generators, basis) if len(basis) <= _LARGEST_BASIS else (generators,):
        try:
            return resolve_ideal(chosen, coordinates, exponents)
        except UnresolvedError:
            continue
    return None


def _over_field(
    generators: list[Expr], coordinates: tuple[Symbol, ...], exponents: list[Rational]
) -> LearningCoefficient | None:
    """Resolve generators with algebraic coefficients; None where that does not close."""
    from theory.learning_coefficient.ideal_resolution import UnresolvedError  # needed by few
    from theory.learning_coefficient.resolution_over_field import resolve_over_field

    try:
        return resolve_over_field(generators, coordinates, exponents)
    except UnresolvedError:
        return None


def _is_rational(f: Expr, coordinates: Sequence[Symbol]) -> bool:
    domain = Poly(f, *coordinates).domain
    return domain.is_QQ or domain.is_ZZ


def _without_units(generators: list[Expr], coordinates: Sequence[Symbol]) -> list[Expr]:
    """Each generator without its factors that do not vanish at the origin."""
    kept = []
    for f in generators:
        factored = factors_at(f, coordinates, (Integer(0),) * len(coordinates))
        kept.append(f if factored is None else sympy.expand(sympy.Mul(*[g**k for g, k in factored.vanishing])))
    return list(dict.fromkeys(kept))


def _graph(generators: list[Expr], coordinates: Sequence[Symbol], prior: Expr) -> tuple[Symbol, Expr] | None:
    """A coordinate and the polynomial in the others that equals it on the zero set of one generator."""
    for f in generators:
        for coordinate in coordinates:
            slope = sympy.diff(f, coordinate)
            if slope.is_Rational and slope != 0 and not prior.has(coordinate):
                return coordinate, sympy.expand(coordinate - f / slope)
    return None


def _generating_sets(generators: list[Expr], coordinates: Sequence[Symbol]) -> list[list[Expr]]:
    """Sets of generators of the same ideal, monomial ones first."""
    origin = (Integer(0),) * len(coordinates)
    combined = _without_units(_row_reduced(generators, coordinates), coordinates)
    basis = list(sympy.groebner(generators, *coordinates, order="grevlex").exprs)
    candidates = [generators, combined]
    if len(basis) <= _LARGEST_BASIS:
        candidates.append(_without_units(basis, coordinates))
    unique = [list(c) for c in dict.fromkeys(tuple(c) for c in candidates)]
    return sorted(unique, key=lambda c: sum(len(shifted_terms(f, coordinates, origin)) > 1 for f in c))


def _row_reduced(generators: list[Expr], coordinates: Sequence[Symbol]) -> list[Expr]:
    """Linear combinations in echelon form, monomials of low degree first."""
    polynomials = [Poly(f, *coordinates) for f in generators]
    monomials = sorted({a for f in polynomials for a in f.monoms()}, key=lambda a: (sum(a), a))
    matrix = Matrix([[f.coeff_monomial(a) for a in monomials] for f in polynomials]).rref()[0]
    rows = [expression_of(dict(zip(monomials, matrix.row(i), strict=True)), coordinates) for i in range(matrix.rows)]
    return [f for f in rows if f != 0]
