"""Is a polynomial non-negative? A proof, a point where it is negative, or neither: never a guess from samples.

1. *Sum of squares as written.* Sums and products of even powers with positive coefficients are non-negative.
2. *Circuit number.* A positive combination of even monomials at affinely independent exponents a_i plus one more
   monomial c x^b with b = sum l_i a_i inside them is non-negative exactly when -c (or |c|, where x^b takes both signs)
   is at most prod (c_i/l_i)^(l_i): the inequality of weighted means and its case of equality.
3. *Sample points of an open decomposition.* Over the complement of the zeros of leading coefficient and discriminant
   the real roots of an irreducible factor neither meet nor vanish, so one sample point of every open cell shows every
   sign that it takes on an open set; and a polynomial that is negative somewhere is negative on an open set.

Source: Iliman and de Wolff (2016), Amoebas, nonnegative polynomials and sums of squares supported on circuits,
Research in the Mathematical Sciences 3; Strzebonski (2000), Solving systems of strict polynomial inequalities,
Journal of Symbolic Computation 29 (the open decomposition).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, islice, pairwise, product
from math import comb, gcd

import sympy
from sympy import Dummy, Expr, Integer, Matrix, Poly, Pow, Rational, Symbol

from theory.learning_coefficient.algebraic import Monomial, NotAlgebraicError, Terms, expression_of, sign

_MOST_SAMPLES = 4000
_LARGEST_SIMPLEX_COUNT = 2000
# Highest total degree at which the open decomposition is tried, by number of variables: its cost explodes.
_LARGEST_DEGREE = {1: 200, 2: 24, 3: 4}
_LARGEST_SPARSE_DEGREE, _SPARSE = 6, 12  # in three variables, for so few terms
_GRID = (1, -1, 2, -2, Rational(1, 2), Rational(-1, 2), 3, -3, Rational(1, 3), Rational(-1, 3))


class UndecidedError(ValueError):
    """Neither a proof of non-negativity nor a negative value was found."""


def is_even(exponent: Monomial) -> bool:
    """Whether a monomial is a square."""
    return not any(e % 2 for e in exponent)


def is_sum_of_squares(expression: Expr) -> bool:
    """Whether a real expression reads as sums and products of even powers with non-negative coefficients."""
    if not expression.free_symbols:
        try:
            return sign(expression) >= 0
        except NotAlgebraicError:
            return False
    if isinstance(expression, sympy.Add):
        return all(is_sum_of_squares(term) for term in expression.args)
    if isinstance(expression, sympy.Mul):
        return all(is_sum_of_squares(factor) for factor in expression.args)
    if isinstance(expression, Pow) and expression.exp.is_Integer and expression.exp > 0:
        return bool(expression.exp % 2 == 0) or is_sum_of_squares(expression.base)
    return False


def why_negative(terms: Terms) -> str | None:
    """None if the polynomial with these rational terms is proved to be >= 0 everywhere, else where it is not.

    Raises
    ------
    UndecidedError
        If it has too many variables or too high a degree for a proof, and no negative value was found.
    """
    terms = {a: c for a, c in terms.items() if c != 0}
    used = [j for j in range(len(next(iter(terms), ()))) if any(a[j] for a in terms)]
    reduced = {tuple(a[j] for j in used): c for a, c in terms.items()}
    if all(is_even(a) and c > 0 for a, c in reduced.items()):
        return None
    if not used:
        return f"is {next(iter(reduced.values()))}"
    # x^(2k) in place of x with t >= 0, x^(2k+1) with any real t: smaller degrees.
    steps = [gcd(*[a[i] for a in reduced]) for i in range(len(used))]
    small = {tuple(e // g for e, g in zip(a, steps, strict=True)): c for a, c in reduced.items()}
    half_line = [g % 2 == 0 for g in steps]
    for sample in _sign_samples(half_line):
        if expression_of(small, list(map(sympy.sympify, sample))) < 0:
            return _shown(sample, steps, used, len(next(iter(terms))))
    nonnegative = _by_circuit(reduced)
    if nonnegative is not None:
        return None if nonnegative else "is negative by its circuit number"
    variables = [Dummy(f"x{i}", real=True) for i in range(len(used))]
    polynomial = Poly.from_dict(small, *variables, domain="QQ")
    limit = _LARGEST_DEGREE.get(len(variables), 0)
    if len(variables) == 3 and len(small) <= _SPARSE:
        limit = _LARGEST_SPARSE_DEGREE
    if polynomial.total_degree() > limit:
        raise UndecidedError(
            f"no negative value was found, but {len(variables)} variables and degree {polynomial.total_degree()} are "
            "beyond the proof that there is none"
        )
    return _by_open_cells(polynomial, half_line)


def _shown(sample: Sequence[Expr], steps: Sequence[int], used: Sequence[int], dimension: int) -> str:
    place = [Integer(1)] * dimension
    for j, value, step in zip(used, sample, steps, strict=True):
        place[j] = value if step == 1 else sympy.real_root(value, step)
    return f"is negative at {tuple(place)}"


def _sign_samples(half_line: Sequence[bool]) -> Iterable[tuple[Expr, ...]]:
    axes = [[v for v in _GRID if v > 0] if half else list(_GRID) for half in half_line]
    return islice(product(*axes), _MOST_SAMPLES)


def _by_circuit(terms: Terms) -> bool | None:
    """Sign of a circuit polynomial, or whether a sum of circuits shows the polynomial to be >= 0; None if unknown."""
    good = {a: c for a, c in terms.items() if c > 0 and is_even(a)}
    bad = {a: c for a, c in terms.items() if a not in good}
    simplex_count = sum(comb(len(good), size) for size in range(1, len(next(iter(terms))) + 2))
    if not good or simplex_count > _LARGEST_SIMPLEX_COUNT:
        return None
    if len(bad) > 1:
        good = {a: c / len(bad) for a, c in good.items()}  # every term that may be negative gets an equal share
    for exponent, coefficient in bad.items():
        simplices = list(_simplices(exponent, list(good)))
        best = max((_circuit_number(good, simplex) for simplex in simplices), default=None, key=sympy.N)
        if best is None or sign(abs(coefficient) - best) > 0:
            # A single circuit: its number decides either way.
            return False if len(bad) == 1 and len(simplices) == 1 and len(simplices[0]) == len(good) else None
    return True


def _simplices(inside: Monomial, corners: Sequence[Monomial]) -> Iterable[dict[Monomial, Rational]]:
    """Corners of simplices with positive weights of mean `inside`."""
    dimension = len(inside)
    for size in range(2, dimension + 2):
        for chosen in combinations(corners, size):
            matrix = Matrix([[a[i] for a in chosen] for i in range(dimension)] + [[1] * size])
            if matrix.rank() < size:
                continue
            right = Matrix([*inside, 1])
            if matrix.row_join(right).rank() > size:
                continue
            weights = (matrix.T * matrix).LUsolve(matrix.T * right)
            if all(w > 0 for w in weights):
                yield dict(zip(chosen, weights, strict=True))


def _circuit_number(good: Terms, weights: Mapping[Monomial, Rational]) -> Expr:
    return sympy.Mul(*[(good[a] / w) ** w for a, w in weights.items()])


def _by_open_cells(polynomial: Poly, half_line: Sequence[bool]) -> str | None:
    constant, factors = polynomial.factor_list()
    overall: Expr = constant
    for factor, power in factors:
        if power % 2 == 0:
            continue
        signs = {sympy.sign(factor(*sample)) for sample in _samples([factor], factor.gens, half_line)} - {0}
        if len(signs) == 2:
            return "changes sign"
        overall = overall * signs.pop()
    return None if overall > 0 else "is negative"


def _samples(
    polynomials: Sequence[Poly], variables: Sequence[Symbol], half_line: Sequence[bool]
) -> list[tuple[Rational, ...]]:
    """A point of every open cell on which irreducible polynomials keep their signs; `half_line`: only x_i > 0."""
    last, before = variables[-1], variables[:-1]
    if not before:
        return [(value,) for value in _between_roots(polynomials, half_line[-1])]
    lower = _samples(_projection(polynomials, last, before), before, half_line[:-1])
    samples = []
    for sample in lower:
        there = [
            Poly(p.as_expr().xreplace(dict(zip(before, sample, strict=True))), last, domain="QQ") for p in polynomials
        ]
        samples += [(*sample, value) for value in _between_roots([p for p in there if not p.is_zero], half_line[-1])]
    return samples


def _projection(polynomials: Sequence[Poly], last: Symbol, before: Sequence[Symbol]) -> list[Poly]:
    """Irreducible factors of leading coefficients, discriminants and resultants in the last variable."""
    inside = [Poly(p.as_expr(), last) for p in polynomials]
    conditions = [p.LC() for p in inside] + [p.discriminant() for p in inside if p.degree() > 1]
    rising = [p for p in inside if p.degree() > 0]
    conditions += [sympy.resultant(p.as_expr(), q.as_expr(), last) for p, q in combinations(rising, 2)]
    factors: dict[Expr, Poly] = {}
    for expression in conditions:
        poly = Poly(expression, *before, domain="QQ")
        if poly.is_zero or poly.is_ground:
            continue
        for factor, _ in poly.factor_list()[1]:
            factors[factor.as_expr()] = factor
    return list(factors.values())


def _between_roots(polynomials: Sequence[Poly], half_line: bool) -> list[Rational]:
    """Rational numbers between all neighbouring real roots and beyond them; only positive ones on a half line."""
    moving = [p for p in polynomials if p.degree() > 0]
    if half_line:
        moving.append(Poly(moving[0].gen if moving else Dummy("t"), *(moving[0].gens if moving else ())))
    if not moving:
        return [Integer(1)]
    whole = sympy.prod(moving[1:], start=moving[0]).sqf_part()
    eps = Rational(1, 10**3)
    intervals = [interval for interval, _ in whole.intervals(eps=eps)]
    while any(a[1] >= b[0] for a, b in pairwise(intervals)):
        eps = eps / 1000
        intervals = [interval for interval, _ in whole.intervals(eps=eps)]
    if not intervals:
        return [Integer(1)]
    values = [sympy.floor(intervals[0][0]) - 1, sympy.ceiling(intervals[-1][1]) + 1]
    values += [(a[1] + b[0]) / 2 for a, b in pairwise(intervals)]
    return [v for v in values if not half_line or v > 0]
