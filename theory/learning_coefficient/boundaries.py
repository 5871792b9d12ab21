"""Polynomial boundaries of a domain for :mod:`theory.learning_coefficient.strata`: which are met, and how they are cut.

Where boundaries g_k >= 0 are met, each gets a coordinate s_k with g_k = s_k^2. The domain is then the hypersurfaces
g_k - s_k^2 = 0, with |s_k| in the prior: g_k is a coordinate where the gradients are independent, and dg_k is
2 s_k ds_k. A hypersurface's equation among the generators adds 1/2 to the value, as the square of a coordinate of its
own does, and nothing to the multiplicity; it is taken off again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations, product
from typing import Any

import sympy
from sympy import And, Expr, Matrix, Symbol
from sympy.core.relational import GreaterThan, StrictGreaterThan
from sympy.logic.boolalg import Or, to_dnf

from theory.learning_coefficient.arguments import check_symbols, exact_expression
from theory.learning_coefficient.domain import read_relations

_MOST_BOUNDARIES, _MOST_PIECES = 8, 64


def pieces(domain: Any, coordinates: Sequence[Symbol]) -> list[tuple[Expr, ...]]:
    """Polynomials that are all >= 0, for each piece of the domain; pieces overlap at most where one of them is 0.

    Products are taken apart: x y >= 0 is a piece where both factors are positive, and one where both are negative.

    Raises
    ------
    ValueError
        If the domain is no list of polynomial inequalities with rational coefficients, or has too many pieces.
    """
    if domain is None:
        return [()]
    items = list(domain) if isinstance(domain, Iterable) and not isinstance(domain, str) else [domain]
    if any(isinstance(item, str) for item in items):
        from theory.learning_coefficient.text import read_relation  # needed by few

        known = {c.name: c for c in coordinates}
        items = [read_relation("domain", item, known) if isinstance(item, str) else item for item in items]
    whole = to_dnf(And(*read_relations(items)), simplify=False)
    found: list[tuple[Expr, ...]] = []
    for part in whole.args if isinstance(whole, Or) else (whole,):
        options = [_options(atom, coordinates) for atom in (part.args if isinstance(part, And) else (part,))]
        if math.prod(map(len, options)) + len(found) > _MOST_PIECES:
            raise ValueError(f"domain: has more than {_MOST_PIECES} pieces; ask for some of them at a time")
        found += [tuple(dict.fromkeys(f for chosen in each for f in chosen)) for each in product(*options)]
    longest = max(map(len, found), default=0)
    if longest > _MOST_BOUNDARIES:
        raise ValueError(f"domain: {longest} inequalities; expected at most {_MOST_BOUNDARIES}")
    return list(dict.fromkeys(found))


def _options(relation: Any, coordinates: Sequence[Symbol]) -> list[tuple[Expr, ...]]:
    """Sets of factors that are >= 0, any of which makes the relation hold."""
    if relation in (sympy.true, sympy.false):
        return [()] if relation is sympy.true else []
    constant, factors = sympy.factor_list(_difference(relation, coordinates), *coordinates)
    odd = [factor for factor, power in factors if power % 2]
    signs = [chosen for chosen in product((1, -1), repeat=len(odd)) if constant * math.prod(chosen) >= 0]
    return [tuple(sympy.expand(s * f) for s, f in zip(chosen, odd, strict=True)) for chosen in signs]


def _difference(relation: Any, coordinates: Sequence[Symbol]) -> Expr:
    above = isinstance(relation, GreaterThan | StrictGreaterThan)
    difference = exact_expression("domain", sympy.expand((relation.lhs - relation.rhs) * (1 if above else -1)))
    check_symbols("domain", difference, coordinates)
    polynomial = difference.as_poly(*coordinates)
    if polynomial is None or not (polynomial.domain.is_QQ or polynomial.domain.is_ZZ):
        raise ValueError(f"domain: {relation} is no polynomial inequality with rational coefficients")
    return difference


def met_together(boundaries: Sequence[Expr]) -> list[tuple[Expr, ...]]:
    """Sets of boundaries that may be met at one point, none of them first."""
    return [chosen for size in range(len(boundaries) + 1) for chosen in combinations(boundaries, size)]


def dependent_zeros(
    generators: Sequence[Expr], met: Sequence[Expr], free: Sequence[Symbol], coordinates: Sequence[Symbol]
) -> tuple[Expr, ...] | None:
    """Polynomials whose common zeros are those of the generators where the boundaries' gradients along `free` depend.

    None where they have none, over the complex numbers.
    """
    gradients = Matrix(len(met), len(free), lambda row, column: sympy.diff(met[row], free[column]))
    minors = [
        sympy.expand(gradients.extract(list(range(len(met))), list(columns)).det())
        for columns in combinations(range(len(free)), len(met))
    ]
    together = [f for f in (*generators, *met, *minors) if f != 0]
    if any(f.is_number for f in together):
        return None
    basis = sympy.groebner(together, *coordinates, order="grevlex").exprs if together and coordinates else []
    return None if basis == [1] else tuple(basis)


def solve_boundaries(
    met: Sequence[Expr], images: dict[Symbol, Expr], free: Sequence[Symbol]
) -> tuple[dict[Symbol, Expr], tuple[Symbol, ...], tuple[Expr, ...]]:
    """Boundaries put into the coordinates' images: g = c^2 where g is linear in c.

    Returns the images, the coordinates that are sides now, and the boundaries in which no coordinate of `free` is so.
    """
    solved: list[Symbol] = []
    surfaces: list[Expr] = []
    for g in met:
        here = sympy.expand(g.xreplace(images))
        for c in free:
            slope = here.coeff(c, 1)
            if c not in solved and slope.is_number and slope != 0 and sympy.degree(here, c) == 1:
                image = sympy.expand((c**2 - here.coeff(c, 0)) / slope)
                images = {name: sympy.expand(value.xreplace({c: image})) for name, value in images.items()}
                surfaces = [sympy.expand(f.xreplace({c: image})) for f in surfaces]
                solved.append(c)
                break
        else:
            surfaces.append(here)
    return images, tuple(solved), tuple(surfaces)


def fresh_sides(count: int, coordinates: Sequence[Symbol]) -> tuple[Symbol, ...]:
    """Names for as many boundaries."""
    taken = {c.name for c in coordinates}
    stem = next(s for s in ("side", "side_", "side__") if not any(name.startswith(s) for name in taken))
    return tuple(Symbol(f"{stem}{number}", real=True) for number in range(1, count + 1))
