r"""Learning coefficient from the Newton polyhedron of a loss, with a proof of non-degeneracy.

Let K(w) = sum_a c_a w^a be the loss above its minimum at the origin and |w|^h the prior near it. Put w_j = t^{u_j} s_j
with u >= 0: then K shrinks like t^{l(u)}, l(u) = min <u, a>, and the volume element with its prior like
t^{sum u_j (h_j+1)}. The zeta function therefore has a pole at z = -sum u_j (h_j+1) / l(u) for every facet normal u, and
after scaling l(u) = 1 the largest one gives

    learning coefficient = min { sum_j u_j (h_j + 1) : u >= 0, <u, a> >= 1 for every exponent a of K },
    multiplicity = dimension of the set of minimisers + 1.

The exponents a are those of K itself. Written with exponents b of an ideal (f_1, f_2, ...) and K = sum f_i^2, a = 2 b
and the familiar factor 1/2 appears. The formula is exact when every face polynomial K_face (the terms of K on a
compact face) has no singular zero with all coordinates real and non-zero (Varchenko 1976; Watanabe 2009,
"Algebraic Geometry and Statistical Learning Theory"). At a minimum K >= 0, so K_face >= 0 and each of its zeros is
singular: the condition says K_face > 0. Where every K_face is positive, K lies between multiples of the sum of the
monomials at the vertices (Gindikin, Volevich), so that the origin is a minimum: K >= 0 need not be known before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from math import comb, gcd

import sympy
from sympy import Dummy, Expr, Matrix, Poly, Rational, Symbol

from theory.learning_coefficient.algebraic import Monomial, Terms, expression_of, sign
from theory.learning_coefficient.positivity import UndecidedError, is_even, why_negative

_LARGEST_ENUMERATION = 20_000
Normal = tuple[Rational, ...]


@dataclass(frozen=True)
class NewtonPolyhedron:
    """Exact Newton polyhedron: `normals` are the vertices of {u >= 0 : <u, a> >= 1 for all a}."""

    exponents: tuple[Monomial, ...]
    minimal_exponents: tuple[Monomial, ...]
    normals: tuple[Normal, ...]


@dataclass(frozen=True)
class NewtonDegenerate:
    """Why a face stands in the way: `negative` says that the loss is negative nearby, `undecided` that it may be."""

    reason: str
    negative: bool = False
    undecided: bool = False


@lru_cache(maxsize=64)  # the steps that follow a degenerate polyhedron ask for the same one again
def newton_polyhedron(exponents: tuple[Monomial, ...]) -> NewtonPolyhedron:
    """Enumerate the vertices of {u >= 0 : <u, a> >= 1} over all exponents a, exactly.

    Raises
    ------
    ValueError
        If the enumeration would exceed a fixed number of candidate vertices.
    """
    minimal = tuple(a for a in exponents if not any(b != a and _below(b, a) for b in exponents))
    dimension = len(minimal[0])
    if comb(len(minimal) + dimension, dimension) > _LARGEST_ENUMERATION:
        raise ValueError(f"Newton polyhedron too large: {len(minimal)} exponents in {dimension} dimensions")
    rows = [(list(a), 1) for a in minimal]
    rows += [([int(i == j) for i in range(dimension)], 0) for j in range(dimension)]
    normals: set[Normal] = set()
    for chosen in combinations(rows, dimension):
        matrix = Matrix([row for row, _ in chosen])
        if matrix.det() == 0:
            continue
        normal = tuple(matrix.LUsolve(Matrix([right for _, right in chosen])))
        if all(u >= 0 for u in normal) and all(_dot(normal, a) >= 1 for a in minimal):
            normals.add(normal)
    return NewtonPolyhedron(tuple(sorted(exponents)), minimal, tuple(sorted(normals)))


def newton_learning_coefficient(
    polyhedron: NewtonPolyhedron, prior_exponents: Sequence[Rational]
) -> tuple[Rational, int, tuple[Normal, ...]]:
    """Minimum of the linear programme, its multiplicity and the minimising vertices."""
    weights = [sympy.Integer(1) + h for h in prior_exponents]
    values = {normal: _dot(normal, weights) for normal in polyhedron.normals}
    least = min(values.values())
    optimal = tuple(normal for normal in polyhedron.normals if values[normal] == least)
    differences = [[a - b for a, b in zip(normal, optimal[0], strict=True)] for normal in optimal[1:]]
    return least, (Matrix(differences).rank() if differences else 0) + 1, optimal


def compact_faces(polyhedron: NewtonPolyhedron) -> tuple[tuple[Monomial, ...], ...]:
    """Exponents lying on each compact face, smallest faces first."""
    dimension = len(polyhedron.exponents[0])
    rays = [tuple(sympy.Integer(int(i == j)) for i in range(dimension)) for j in range(dimension)]
    touching = {}
    for normal in [*polyhedron.normals, *rays]:
        least = min(_dot(normal, a) for a in polyhedron.exponents)
        touching[normal] = frozenset(a for a in polyhedron.exponents if _dot(normal, a) == least)
    faces = set(touching.values())
    growing = set(faces)
    while growing:
        growing = {a & b for a, b in product(growing, touching.values())} - faces - {frozenset()}
        faces |= growing
    compact = []
    for face in faces:
        supporting = [normal for normal, touched in touching.items() if face <= touched]
        if all(any(normal[j] > 0 for normal in supporting) for j in range(dimension)):
            compact.append(tuple(sorted(face)))
    return tuple(sorted(compact, key=lambda face: (_dimension(face), face)))


def prove_nondegenerate(
    terms: Terms, polyhedron: NewtonPolyhedron, coordinates: Sequence[Symbol], minimum: bool = False
) -> tuple[str, ...] | NewtonDegenerate:
    """Prove that every compact face polynomial is positive on the real torus, or say which is not proven to be.

    Parameters
    ----------
    terms, polyhedron, coordinates
        Loss with its point at the origin, and its polyhedron.
    minimum : bool
        Whether the loss is known to be non-negative near the origin; otherwise that is proved too.

    Returns
    -------
    tuple of str or NewtonDegenerate
        Sentences of the certificate, or the obstacle.
    """
    sentences: list[str] = []
    for face in compact_faces(polyhedron):
        face_terms = {a: terms[a] for a in face}
        written = str(expression_of(face_terms, coordinates))
        dimension = _dimension(face)
        if dimension == 0:
            (exponent,), (coefficient,) = face, face_terms.values()
            if not is_even(exponent) or sign(coefficient) < 0:
                return NewtonDegenerate(f"vertex term {written} takes negative values", negative=True)
            sentences.append(f"vertex {exponent}: {written} is positive on the torus")
        elif all(is_even(a) and sign(c) > 0 for a, c in face_terms.items()):
            sentences.append(f"face {list(face)}: {written} is a sum of positive even monomials")
        else:
            edge = dimension == 1
            outcome = _edge(face_terms, written) if edge else _higher_face(face_terms, written, coordinates, minimum)
            if isinstance(outcome, NewtonDegenerate):
                return outcome
            sentences.append(outcome)
    return tuple(sentences)


def _edge(face_terms: Terms, written: str) -> str | NewtonDegenerate:
    """Decide an edge: its polynomial is an even monomial times g(t), where t = w^direction takes every real value."""
    exponents = sorted(face_terms)
    start, end = exponents[0], exponents[-1]
    step = [b - a for a, b in zip(start, end, strict=True)]
    length = gcd(*[abs(s) for s in step])
    axis = next(j for j, s in enumerate(step) if s)
    t = Dummy("t", real=True)
    powers = {a: (a[axis] - start[axis]) * length // step[axis] for a in exponents}
    if not all(value.is_Rational for value in face_terms.values()):
        return NewtonDegenerate(f"edge polynomial {written} has irrational coefficients of mixed kind")
    polynomial = Poly(sum(c * t ** powers[a] for a, c in face_terms.items()), t, domain="QQ")
    roots = polynomial.count_roots()
    shown = str(polynomial.as_expr()).replace(str(t), "t")
    if roots == 0:
        return f"edge {start}-{end}: {written} reduces to {shown}, which has no real root (Sturm)"
    odd = any(k % 2 and factor.count_roots() for factor, k in polynomial.sqf_list()[1])
    if odd:
        return NewtonDegenerate(f"edge polynomial {written} changes sign", negative=True)
    return NewtonDegenerate(f"edge polynomial {written} has a multiple real root off the axes (t in {shown})")


def _higher_face(
    face_terms: Terms, written: str, coordinates: Sequence[Symbol], minimum: bool
) -> str | NewtonDegenerate:
    if not all(value.is_Rational for value in face_terms.values()):
        return NewtonDegenerate(f"face polynomial {written} has irrational coefficients of mixed kind")
    polynomial = expression_of(face_terms, coordinates)
    for values in product((-1, 1, -2, 2, Rational(1, 2), Rational(-1, 2)), repeat=len(coordinates)):
        sample = polynomial.xreplace(dict(zip(coordinates, map(sympy.sympify, values), strict=True)))
        if sample < 0:
            return NewtonDegenerate(f"face polynomial {written} is negative at {values}", negative=True)
        if sample == 0:
            return NewtonDegenerate(f"face polynomial {written} vanishes at {values}")
    if not no_singular_zero(polynomial, coordinates):
        return NewtonDegenerate(f"face polynomial {written} is not proven free of singular zeros off the axes")
    shown = f"face {sorted(face_terms)}: {written} has no singular zero off the axes (Groebner basis 1)"
    if minimum:
        return f"{shown}, and a zero that is not singular cannot occur at a minimum"
    try:
        below = _negative_slice(face_terms)
    except UndecidedError as error:
        return NewtonDegenerate(f"face polynomial {written} may be negative: {error}", undecided=True)
    if below is not None:
        return NewtonDegenerate(f"face polynomial {written} {below}", negative=True)
    return f"{shown} and is nowhere negative, so that it has no zero at all"


def no_singular_zero(form: Expr, coordinates: Sequence[Symbol]) -> bool:
    """Whether a Groebner basis shows that an initial form has no singular zero off the axes."""
    auxiliary = Dummy("auxiliary")
    system = [form, sympy.Mul(*coordinates) * auxiliary - 1, *[w * sympy.diff(form, w) for w in coordinates]]
    return sympy.groebner(system, *coordinates, auxiliary, order="grevlex").exprs == [1]


def _negative_slice(face_terms: Terms) -> str | None:
    """Where a face polynomial is negative; scaling by the face's normals sets as many coordinates to 1 or -1."""
    exponents = sorted(face_terms)
    directions = Matrix([[a - b for a, b in zip(e, exponents[0], strict=True)] for e in exponents[1:]])
    free = set(directions.rref()[1])
    held = [j for j in range(len(exponents[0])) if j not in free]
    for signs in product((1, -1), repeat=len(held)):
        sliced: dict[Monomial, Expr] = {}
        for exponent, coefficient in face_terms.items():
            rest = tuple(e if j in free else 0 for j, e in enumerate(exponent))
            turned = [s for s, j in zip(signs, held, strict=True) if exponent[j] % 2]
            sliced[rest] = sliced.get(rest, 0) + coefficient * sympy.prod(turned)
        below = why_negative(sliced)
        if below is not None:
            return f"{below} where coordinates {held} are {signs}"
    return None


def _below(a: Monomial, b: Monomial) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True))


def _dot(a: Sequence, b: Sequence) -> Rational:
    return sum((sympy.sympify(x) * y for x, y in zip(a, b, strict=True)), sympy.Integer(0))


def _dimension(face: Sequence[Monomial]) -> int:
    if len(face) == 1:
        return 0
    return Matrix([[x - y for x, y in zip(a, face[0], strict=True)] for a in face[1:]]).rank()
