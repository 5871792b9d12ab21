"""Three and more coordinates: factors in general position, adapted coordinates, weighted blow-ups with isolated zeros.

Three exact steps for a loss whose Newton polyhedron is degenerate. Each proves an answer or gives none.

1. *Power of a non-degenerate function.* Let the loss be a monomial times f^n, and let no initial form of f on a
   compact face have a singular zero off the axes. Then the toric modification of the polyhedron makes f a normal
   crossing whose strict transform has power n (Varchenko 1976). So the value is the smaller of the polyhedron's and
   1/n; a tie adds one to the multiplicity where the strict transform meets the optimal divisors in a real point.
2. *Weighted blow-up.* With weights p > 0, the charts w_j = +-r^(2 p_j), w_i = r^(2 p_i) s_i cover the neighbourhood;
   the square makes r real a double cover of r >= 0. Along r = 0 the loss vanishes to order 2N and the volume element
   to order k with k + 1 = 2 sum p_j (h_j + 1), so the divisor contributes sum p_j (h_j + 1)/N, and the question is
   passed on to the real zeros of the initial form on r = 0. This is done where they are finitely many rational
   points; at a minimum the form is non-negative, so its zeros are singular. Where the loss is not known to be at a
   minimum the form is proved to be non-negative first (:mod:`theory.learning_coefficient.positivity`).
3. *Adapted coordinates.* If the initial form on a face is divisible by the square of w_j - g(others), with g a
   polynomial, w_j is replaced by w_j + g: an analytic change of coordinates with Jacobian one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import lcm

import sympy
from sympy import Expr, Integer, Poly, Rational, Symbol

from theory.learning_coefficient.algebraic import Monomial, Terms, expression_of
from theory.learning_coefficient.local_form import NotAMinimumError
from theory.learning_coefficient.newton_polyhedron import (
    compact_faces,
    newton_learning_coefficient,
    newton_polyhedron,
    no_singular_zero,
)
from theory.learning_coefficient.positivity import UndecidedError, why_negative

_SAMPLES = (1, 2, Rational(1, 2), 5, Rational(1, 5))


@dataclass(frozen=True)
class LocalProblem:
    """Loss with its point at the origin and the prior |w_j|^{h_j}."""

    loss: Expr
    prior_exponents: tuple[Rational, ...]


@dataclass(frozen=True)
class WeightedBlowUp:
    """Value (k + 1)/N of the exceptional divisor and the local problems at the real zeros of the initial form."""

    weights: tuple[int, ...]
    value: Rational
    problems: tuple[LocalProblem, ...]
    sentences: tuple[str, ...]


def power_of_nondegenerate(
    factors: Sequence[tuple[Expr, int]], coordinates: Sequence[Symbol], prior_exponents: Sequence[Rational]
) -> tuple[Rational, int, tuple[str, ...]] | None:
    """Value and multiplicity of a monomial times f^n at the origin, if f is non-degenerate and all powers are even."""
    others = [(f, n) for f, n in factors if f not in coordinates]
    if len(others) != 1 or any(n % 2 for _, n in factors):
        return None
    ((function, power),) = others
    terms = Poly(function, *coordinates).as_dict()
    loss = Poly(sympy.Mul(*[f**n for f, n in factors]), *coordinates)
    try:
        faces = compact_faces(newton_polyhedron(tuple(terms)))
        whole = newton_polyhedron(tuple(loss.monoms()))
    except ValueError:
        return None
    forms = [expression_of({a: terms[a] for a in face}, coordinates) for face in faces if len(face) > 1]
    if not all(no_singular_zero(form, coordinates) for form in forms):
        return None
    value, count, optimal = newton_learning_coefficient(whole, prior_exponents)
    own = Rational(1, power)
    sentences = [
        f"the loss is a unit times monomials times f^{power}, f = {function}; no initial form of f on its {len(faces)} "
        "compact faces has a singular zero off the axes (Groebner bases): f and the toric divisors cross normally",
        f"toric divisors: min sum u_j (h_j + 1) = {value}, multiplicity {count}",
    ]
    if value < own:
        return value, count, tuple(sentences)
    if not any(_changes_sign({a: terms[a] for a in face}, coordinates) for face in faces):
        return None
    sentences.append(f"f changes sign: its strict transform has real points and power {power}, contributing {own}")
    if value > own:
        return own, 1, tuple(sentences)
    heights = [{a: sum(u * e for u, e in zip(n, a, strict=True)) for a in terms} for n in optimal]
    meeting = tuple(sorted(a for a in terms if all(h[a] == min(h.values()) for h in heights)))
    if len(meeting) == 1:
        return own, count, tuple(sentences)
    if meeting not in faces or not _changes_sign({a: terms[a] for a in meeting}, coordinates):
        return None
    sentences.append("and so does its form on the optimal face: it meets the optimal divisors, one more multiplicity")
    return own, count + 1, tuple(sentences)


def _changes_sign(face_terms: Terms, coordinates: Sequence[Symbol]) -> bool:
    """Whether both signs are seen within one orthant (then the form has a zero off the axes)."""
    if len(face_terms) == 1:
        return False
    form = Poly.from_dict(dict(face_terms), *coordinates)
    for orthant in product((1, -1), repeat=len(coordinates)):
        seen = set()
        for sizes in product(_SAMPLES, repeat=len(coordinates)):
            seen.add(sympy.sign(form(*[s * w for s, w in zip(orthant, sizes, strict=True)])))
            if {1, -1} <= seen:
                return True
    return False


def adapted_coordinates(terms: Terms, coordinates: Sequence[Symbol], free: Sequence[bool]) -> tuple[Expr, str] | None:
    """The loss after w_j -> w_j + g for one squared factor w_j - g of an initial form; `free` says which may move."""
    if not all(c.is_Rational for c in terms.values()):
        return None
    polyhedron = newton_polyhedron(tuple(terms))
    for face in compact_faces(polyhedron):
        if len(face) < 3:
            continue
        form = Poly.from_dict({a: terms[a] for a in face}, *coordinates)
        for factor, power in form.factor_list()[1]:
            if power < 2:
                continue
            for coordinate, may_move in zip(coordinates, free, strict=True):
                slope = factor.diff(coordinate).as_expr()
                graph = sympy.expand(coordinate - factor.as_expr() / slope) if slope.is_Rational and slope else None
                if not may_move or graph is None or graph == 0 or graph.subs(dict.fromkeys(coordinates, 0)) != 0:
                    continue
                loss = Poly.from_dict(dict(terms), *coordinates).as_expr()
                changed = sympy.expand(loss.xreplace({coordinate: coordinate + graph}))
                return changed, (
                    f"the initial form {form.as_expr()} is degenerate along {factor.as_expr()} = 0: adapted coordinate "
                    f"{coordinate} -> {coordinate} + ({graph})"
                )
    return None


def weighted_blow_up(
    terms: Terms, coordinates: Sequence[Symbol], prior_exponents: Sequence[Rational], minimum: bool = False
) -> WeightedBlowUp | None:
    """Blow up with the weights of an optimal (else any) compact facet; None if its real zeros are not isolated.

    `minimum` says that the loss is known to be non-negative; else None also if its initial form is not proved to be.
    """
    if not all(c.is_Rational for c in terms.values()):
        return None
    polyhedron = newton_polyhedron(tuple(terms))
    _, _, optimal = newton_learning_coefficient(polyhedron, prior_exponents)
    for normal in sorted(polyhedron.normals, key=lambda n: (n not in optimal, n)):
        if all(normal):
            try:
                blown_up = _blow_up_along(terms, coordinates, prior_exponents, normal, minimum)
            except UndecidedError:
                continue
            if blown_up is not None:
                return blown_up
    return None


def _blow_up_along(
    terms: Terms,
    coordinates: Sequence[Symbol],
    prior_exponents: Sequence[Rational],
    normal: Sequence[Rational],
    minimum: bool,
) -> WeightedBlowUp | None:
    scale = lcm(*[int(n.q) for n in normal])
    weights = tuple(int(n * scale) for n in normal)
    if not minimum:
        _check_not_negative(terms, coordinates, weights, scale)
    volume = sum((p * (h + 1) for p, h in zip(weights, prior_exponents, strict=True)), Integer(0))
    problems, zeros = [], []
    for place, direction in product(range(len(coordinates)), (1, -1)):
        form, whole = _chart(terms, coordinates, weights, scale, place, direction)
        others = [c for i, c in enumerate(coordinates) if i != place]
        points = _isolated_zeros(form, others)
        if points is None:
            return None
        for point in points:
            if any(point[:place]):  # seen already in the chart of its first non-zero coordinate
                continue
            moved = sympy.expand(whole.xreplace({c: c + p for c, p in zip(others, point, strict=True)}))
            there = dict(zip(others, point, strict=True))
            exponents = tuple(
                2 * volume - 1 if i == place else (h if there[c] == 0 else Integer(0))
                for i, (c, h) in enumerate(zip(coordinates, prior_exponents, strict=True))
            )
            problems.append(LocalProblem(moved, exponents))
            zeros.append({**there, coordinates[place]: Integer(direction)})
    value = volume / scale
    shown = [tuple(zero[c] for c in coordinates) for zero in zeros]
    sentences = (
        f"weighted blow-up with weights {weights}: the loss vanishes to order N = {scale}, (k + 1)/N = {value}",
        f"real zeros of its initial form on the exceptional divisor: {shown or 'none'}",
    )
    return WeightedBlowUp(weights, value, tuple(problems), sentences)


def _check_not_negative(terms: Terms, coordinates: Sequence[Symbol], weights: Sequence[int], order: int) -> None:
    """Prove the initial form >= 0: scaled by the weights, every point off w_1 = 0 has w_1 = 1 or -1."""
    form = {a: c for a, c in terms.items() if sum(p * e for p, e in zip(weights, a, strict=True)) == order}
    for direction in (1, -1):
        sliced: dict[Monomial, Expr] = {}
        for exponent, coefficient in form.items():
            rest = (0, *exponent[1:])
            sliced[rest] = sliced.get(rest, Integer(0)) + coefficient * direction ** exponent[0]
        below = why_negative(sliced)
        if below is not None:
            written = Poly.from_dict(form, *coordinates).as_expr()
            raise NotAMinimumError(f"the initial form {written} {below} where {coordinates[0]} is {direction}")


def _chart(
    terms: Terms, coordinates: Sequence[Symbol], weights: Sequence[int], order: int, place: int, direction: int
) -> tuple[Expr, Expr]:
    """Initial form in one chart, and the whole loss there with r written as the chart's coordinate."""
    radius = coordinates[place]
    form, whole = Integer(0), Integer(0)
    for exponents, coefficient in terms.items():
        height = sum(p * e for p, e in zip(weights, exponents, strict=True))
        rest = sympy.Mul(*[c**e for i, (c, e) in enumerate(zip(coordinates, exponents, strict=True)) if i != place])
        term = coefficient * direction ** exponents[place] * rest
        whole += term * radius ** (2 * height)
        if height == order:
            form += term
    return sympy.expand(form), whole


def _isolated_zeros(form: Expr, others: Sequence[Symbol]) -> list[tuple[Rational, ...]] | None:
    """Real zeros of a form >= 0 (hence singular), if they are finitely many rational points."""
    basis = sympy.groebner([form, *[sympy.diff(form, c) for c in others]], *others, order="grevlex")
    if basis.exprs == [1]:
        return []
    if not basis.is_zero_dimensional:
        return None
    axes = []
    for coordinate in others:
        order = [c for c in others if c != coordinate] + [coordinate]
        last = sympy.groebner(basis.exprs, *order, order="lex").exprs[-1]
        roots = []
        for factor, _ in Poly(last, coordinate).factor_list()[1]:
            if factor.degree() == 1:
                roots.append(-factor.nth(0) / factor.nth(1))
            elif factor.count_roots():
                return None
        axes.append(roots)
    return [p for p in product(*axes) if all(e.subs(dict(zip(others, p, strict=True))) == 0 for e in basis.exprs)]
