"""The worst piece of a domain: each chart of :mod:`theory.learning_coefficient.domain` solved on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import sympy
from sympy import Expr, Integer, Poly, Rational, Symbol
from sympy.core.relational import Relational

from theory.learning_coefficient.algebraic import NotAlgebraicError, is_zero, sign, value_at
from theory.learning_coefficient.arguments import check_arguments, check_symbols, exact_expression
from theory.learning_coefficient.domain import Chart, NoChartError, charts_of, weighed_pieces
from theory.learning_coefficient.local_problem import LearningCoefficient, LearningCoefficientRefused

OfGenerators = Callable[[list[Expr], tuple[Symbol, ...], tuple[Expr, ...], Expr], LearningCoefficient]
OfLoss = Callable[[Expr, tuple[Symbol, ...], tuple[Expr, ...], Expr], LearningCoefficient]


def solve_on_domain(
    read: Sequence[Expr],
    several: bool,
    coordinates: Sequence[Symbol],
    point: Sequence[Expr],
    prior: Expr,
    domain: Sequence[Relational],
    solve: tuple[OfGenerators, OfLoss],
) -> LearningCoefficient:
    """Smallest value, then largest multiplicity, over the pieces of the domain and of the prior at the point.

    Parameters
    ----------
    read : the loss, or the generators if `several`
    coordinates, point, prior, domain
        As for :func:`theory.learning_coefficient.rlct`, not yet checked.
    solve : functions that answer for generators and for a loss on a whole neighbourhood

    Raises
    ------
    LearningCoefficientRefused
        If a piece is refused; the bounds are those of the whole.
    ValueError
        If the point lies outside of the domain, the domain has no interior there, or an argument is malformed.
    """
    exact, coordinates, point = check_arguments("expression", read, coordinates, point)
    prior = exact_expression("prior", prior)
    check_symbols("prior", prior, coordinates)
    _check_inside(domain, coordinates, point)
    _check_zero(exact, several, coordinates, point)
    answers: list[tuple[LearningCoefficient, str]] = []
    refusals: list[LearningCoefficientRefused] = []
    for density, relations in weighed_pieces(prior, domain):
        try:
            pieces = charts_of(relations, coordinates, point)
        except NoChartError as error:
            refusals.append(LearningCoefficientRefused(str(error), next_step="give the domain by other inequalities"))
            continue
        for chart in (chart for piece in pieces for chart in piece):
            try:
                answers.append((_on_chart(exact, several, coordinates, density, chart, solve), chart.sentence))
            except LearningCoefficientRefused as error:
                refusals.append(error)
    if refusals:
        _refuse(refusals, [answer for answer, _ in answers])
    if not answers:
        raise ValueError("domain: has no interior at the point, or the prior is zero there")
    worst, _ = min(answers, key=lambda pair: (pair[0].value, -pair[0].multiplicity))
    said = [
        f"piece {n}: {text}; value {answer.value}, multiplicity {answer.multiplicity}"
        for n, (answer, text) in enumerate(answers, 1)
    ]
    closing = [f"over {len(answers)} pieces the smallest value, then the largest multiplicity, decides"]
    certificate = (*said, *worst.certificate, *(closing if len(answers) > 1 else []))
    return replace(worst, method=f"on a domain ({worst.method})", certificate=certificate)


def _check_inside(domain: Sequence[Relational], coordinates: Sequence[Symbol], point: Sequence[Expr]) -> None:
    for condition in domain:
        for atom in condition.atoms(Relational):
            check_symbols("domain", atom.lhs - atom.rhs, coordinates)
        relations = condition.atoms(Relational) if isinstance(condition, sympy.And) else {condition}
        for relation in (r for r in relations if isinstance(r, Relational)):
            difference = relation.gts - relation.lts
            try:
                outside = sign(value_at(difference, coordinates, point)) < 0
            except (NotAlgebraicError, TypeError):
                raise ValueError(f"domain: whether {tuple(point)} satisfies {relation} is not known") from None
            if outside:
                raise ValueError(f"point: {tuple(point)} does not satisfy {relation}; expected a point of the domain")


def _check_zero(read: Sequence[Expr], several: bool, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> None:
    for f in read if several else ():
        if not f.is_polynomial(*coordinates):
            raise ValueError(f"expression: {f} is not a polynomial in {', '.join(map(str, coordinates))}")
        value = value_at(f, coordinates, point)
        if not is_zero(value):
            raise ValueError(f"point: {tuple(point)} is off the zero set, {f} is {value} there; expected 0")


def _on_chart(
    exact: Sequence[Expr],
    several: bool,
    coordinates: Sequence[Symbol],
    density: Expr,
    chart: Chart,
    solve: tuple[OfGenerators, OfLoss],
) -> LearningCoefficient:
    place = (Integer(0),) * len(chart.coordinates)
    prior = sympy.together(density.xreplace(chart.images)) * chart.density
    of_generators, of_loss = solve
    if several or chart.hypersurfaces:
        generators = list(exact) if several else _generators_of(exact[0], coordinates, chart)
        pulled = [_pulled_back(f, chart) for f in generators]
        pulled = [g for f in pulled for g in _terms_of_one_sign(f, chart)]
        if not any(pulled):
            return LearningCoefficient(Integer(0), 1, "constant loss", ("the generators vanish on the piece",))
        half = Rational(len(chart.hypersurfaces), 2)
        try:
            answer = of_generators([*pulled, *chart.hypersurfaces], chart.coordinates, place, prior)
        except LearningCoefficientRefused as error:
            ends = [None if end is None else end - half for end in (error.lower, error.upper)]
            error.lower = None if ends[0] is None or ends[0] <= 0 else ends[0]
            error.upper = ends[1]
            raise
        if not chart.hypersurfaces:
            return answer
        value = answer.value - half
        added = f"the hypersurfaces count 1/2 each and are taken off: value {answer.value} - {answer.value - value}"
        return replace(answer, value=value, certificate=(*answer.certificate, f"{added} = {value}"))
    point = [chart.images[c].xreplace(dict.fromkeys(chart.coordinates, Integer(0))) for c in coordinates]
    above = exact[0] - value_at(exact[0], coordinates, point)
    return of_loss(_pulled_back(above, chart), chart.coordinates, place, prior)


def _generators_of(loss: Expr, coordinates: Sequence[Symbol], chart: Chart) -> list[Expr]:
    """Generators, in the old coordinates, of an ideal whose sum of squares is comparable to the loss."""
    from theory.learning_coefficient.analytic_losses import NoIdealError, ideal_of_loss  # needed by few

    origin = dict.fromkeys(chart.coordinates, Integer(0))
    point = tuple(chart.images[c].xreplace(origin) for c in coordinates)
    try:
        generators, moved, _ = ideal_of_loss(loss, tuple(coordinates), point)
    except NoIdealError as error:
        raise LearningCoefficientRefused(f"on a curved boundary: {error}") from None
    if moved != point:
        raise LearningCoefficientRefused("on a curved boundary an ideal in other coordinates is of no use")
    return generators


def _pulled_back(f: Expr, chart: Chart) -> Expr:
    """f in the chart, times a positive unit that clears denominators."""
    moved = f.xreplace(chart.images)
    if not all(image.is_polynomial(*chart.coordinates) for image in chart.images.values()):
        above, below = sympy.fraction(sympy.together(moved))
        origin = dict.fromkeys(chart.coordinates, Integer(0))
        return sympy.expand(above * sign(below.xreplace(origin)))
    return sympy.expand(moved)


def _terms_of_one_sign(f: Expr, chart: Chart) -> list[Expr]:
    """The terms of a sum of even monomials with coefficients of one sign: it lies between multiples of their sum."""
    if f == 0:
        return []
    terms = Poly(f, *chart.coordinates).terms()
    signs = {c.is_positive for _, c in terms}
    if len(terms) > 1 and len(signs) == 1 and all(e % 2 == 0 for a, _ in terms for e in a):
        return [sympy.Mul(*[c**e for c, e in zip(chart.coordinates, a, strict=True)]) for a, _ in terms]
    return [f]


def _refuse(refusals: Sequence[LearningCoefficientRefused], answers: Sequence[LearningCoefficient]) -> None:
    """Bounds of the worst piece: below all lower ones, not above any upper one."""
    lowers = [*[r.lower for r in refusals], *[a.value for a in answers]]
    uppers = [u for u in (*[r.upper for r in refusals], *[a.value for a in answers]) if u is not None]
    lower = None if any(v is None for v in lowers) else min(v for v in lowers if v is not None)
    first = refusals[0]
    raise LearningCoefficientRefused(
        f"on a piece of the domain: {first}", lower, min(uppers, default=None), first.next_step
    )
