r"""Domains with boundaries through the point: polynomial inequalities, and priors that switch there.

A domain is cut into pieces on which finitely many irreducible factors f_1, ..., f_k that vanish at the point are >= 0.
Each piece is mapped to a whole neighbourhood of the origin, where the other methods apply:

1. *Cones.* If all f_i are linear, the piece is a cone times a linear space. It is cut into simplicial cones w = R t,
   t >= 0, exactly.
2. *Smooth boundaries.* If the gradients of the f_i are linearly independent and f_i = slope w_j + rest with a slope
   that does not vanish, t_i = f_i is a coordinate in place of w_j.
3. *Squares.* With t_i = s_i^2 the orthant t >= 0 is covered 2^k times by all s, and dt = 2^k |s_1 ... s_k| ds: the
   question on the orthant is the same on the whole space, with the loss pulled back and |s_1 ... s_k| in the prior.
4. *Other smooth boundaries,* for ideals: s^2 - f generates a hypersurface that covers the domain twice; with it the
   ideal has value + 1/2 in one more dimension, and |s| in the prior.

Sets of measure zero do not count: > and >= are the same. Pieces may overlap, as the worst of them decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import sympy
from sympy import Abs, Expr, Heaviside, Integer, Matrix, Max, Min, Piecewise, Poly, Symbol
from sympy.core.relational import Equality, GreaterThan, Relational, StrictGreaterThan, Unequality
from sympy.logic.boolalg import And, Boolean, Not, Or, to_dnf

from theory.learning_coefficient.algebraic import (
    NotAlgebraicError,
    expression_of,
    is_zero,
    shifted_terms,
    sign,
    value_at,
)
from theory.learning_coefficient.arguments import check_symbols, shown
from theory.learning_coefficient.cones import simplicial_cones

_MOST_PIECES = 64


@dataclass(frozen=True)
class Chart:
    """A piece of the domain as a neighbourhood of the origin of `coordinates`.

    `images` are the old coordinates in the new ones, `density` what the change of variables gives to the prior,
    `hypersurfaces` the generators s^2 - f to add to an ideal, worth 1/2 each.
    """

    coordinates: tuple[Symbol, ...]
    images: dict[Symbol, Expr]
    density: Expr
    hypersurfaces: tuple[Expr, ...]
    sentence: str


class NoChartError(ValueError):
    """A piece of the domain is neither a cone nor bounded by smooth, independent boundaries."""


def weighed_pieces(density: Expr, conditions: Sequence[Boolean]) -> list[tuple[Expr, tuple[Relational, ...]]]:
    """Densities without switches, each with inequalities that hold where it counts; `conditions` hold everywhere."""
    pieces = []
    for value, condition in _cases(density):
        if value == 0:
            continue
        whole = to_dnf(And(condition, *conditions), simplify=False)
        for part in whole.args if isinstance(whole, Or) else (whole,):
            atoms = part.args if isinstance(part, And) else (part,)
            if sympy.false in atoms or any(isinstance(a, Equality) for a in atoms):  # empty, or of measure zero
                continue
            kept = tuple(a for a in atoms if a is not sympy.true and not isinstance(a, Unequality))
            pieces.append((value, kept))
    if len(pieces) > _MOST_PIECES:
        raise ValueError(f"domain: has {len(pieces)} pieces; expected at most {_MOST_PIECES}")
    return list(dict.fromkeys(pieces))


def _cases(density: Expr) -> list[tuple[Expr, Boolean]]:
    """Steps, maxima and cases of a density as one list of cases."""
    steps = density.atoms(Heaviside)
    density = density.xreplace({s: Piecewise((1, s.args[0] > 0), (0, True)) for s in steps})
    signs = density.atoms(sympy.sign)
    density = density.xreplace({s: Piecewise((1, s.args[0] > 0), (-1, True)) for s in signs})
    for kind in (Max, Min):
        density = density.xreplace({e: e.rewrite(Piecewise) for e in density.atoms(kind)})
    folded = sympy.piecewise_fold(density)
    if not isinstance(folded, Piecewise):
        return [(folded, sympy.true)]
    cases, before = [], []
    for value, condition in folded.args:
        cases.append((value, And(condition, *[Not(c) for c in before])))
        before.append(condition)
    return cases


def charts_of(
    relations: Iterable[Relational], coordinates: Sequence[Symbol], point: Sequence[Expr]
) -> list[tuple[Chart, ...]]:
    """Charts of every full-dimensional piece of {all relations hold} at the point; none where it is not inside.

    Raises
    ------
    ValueError
        If an inequality is no polynomial one in the coordinates.
    NoChartError
        If a piece has boundaries for which there is no chart.
    """
    there = {c: c + p for c, p in zip(coordinates, point, strict=True)}
    options: list[list[tuple[Expr, ...]]] = []
    for relation in relations:
        active = _active(relation, coordinates, point)
        if active is None:
            return []
        options.append(active)
    pieces = {tuple(dict.fromkeys(f for part in chosen for f in part)) for chosen in product(*options)}
    if len(pieces) > _MOST_PIECES:
        raise ValueError(f"domain: has {len(pieces)} pieces at the point; expected at most {_MOST_PIECES}")
    found = []
    for piece in sorted(pieces, key=str):
        boundaries = [f for f in piece if not any(sympy.expand(f + g) == 0 for g in piece)]
        if len(boundaries) < len(piece):  # f >= 0 and -f >= 0: no interior
            continue
        charts = _charts(boundaries, tuple(coordinates))
        moved = tuple(_from_point(chart, there) for chart in charts)
        if moved:
            found.append(moved)
    return found


def _from_point(chart: Chart, there: dict[Symbol, Expr]) -> Chart:
    return replace(chart, images={c: there[c].xreplace({c: chart.images[c]}) for c in there})


def _active(
    relation: Relational, coordinates: Sequence[Symbol], point: Sequence[Expr]
) -> list[tuple[Expr, ...]] | None:
    """Sets of factors, zero at the point (moved to the origin), any of which is >= 0 where the relation holds.

    [()] where it holds all around the point, None where it fails all around.
    """
    above = isinstance(relation, GreaterThan | StrictGreaterThan)
    difference = sympy.expand((relation.lhs - relation.rhs) * (1 if above else -1))
    check_symbols("domain", difference, coordinates)
    if not difference.is_polynomial(*coordinates):
        raise ValueError(f"domain: {relation} is no polynomial inequality in {', '.join(map(str, coordinates))}")
    try:
        size = sign(value_at(difference, coordinates, point))
        if size:
            return [()] if size > 0 else None
        terms = shifted_terms(difference, coordinates, point)
    except NotAlgebraicError as error:
        raise ValueError(f"domain: {relation}: {error}") from None
    if not terms:  # 0 >= 0
        return [()]
    if not all(c.is_Rational for c in terms.values()):
        raise ValueError(f"domain: {relation} has irrational coefficients at the point; expected rational ones")
    constant, factors = sympy.factor_list(expression_of(terms, coordinates), *coordinates)
    overall, odd = sign(constant), []
    for factor, power in factors:
        value = value_at(factor, coordinates, [Integer(0)] * len(coordinates))
        if not is_zero(value):
            overall *= sign(value) ** power
        elif power % 2:
            odd.append(factor)
    patterns = [p for p in product((1, -1), repeat=len(odd)) if overall * sympy.prod(p) > 0]
    return [tuple(sympy.expand(s * f) for s, f in zip(p, odd, strict=True)) for p in patterns] or None


def _charts(boundaries: list[Expr], coordinates: tuple[Symbol, ...]) -> list[Chart]:
    if not boundaries:
        return [Chart(coordinates, {c: c for c in coordinates}, Integer(1), (), "the point is inside the domain")]
    if all(Poly(f, *coordinates).total_degree() == 1 for f in boundaries):
        return _linear_charts(boundaries, coordinates)
    return [_smooth_chart(boundaries, coordinates)]


def _fresh(count: int, taken: Iterable[Symbol]) -> list[Symbol]:
    names = {c.name for c in taken}
    stem = next(s for s in ("s", "side", "side_") if not any(name.startswith(s) for name in names))
    return [Symbol(f"{stem}{i}", real=True) for i in range(1, count + 1)]


def _linear_charts(boundaries: list[Expr], coordinates: tuple[Symbol, ...]) -> list[Chart]:
    matrix = Matrix([[sympy.diff(f, c) for c in coordinates] for f in boundaries])
    pivots = matrix.rref()[1]
    lines = matrix.nullspace()  # one per remaining coordinate, where it is the identity
    rest = [i for i in range(len(coordinates)) if i not in pivots]
    sides = _fresh(len(pivots), coordinates)
    listed = ", ".join(f"{f} >= 0" for f in boundaries)
    charts = []
    cones = simplicial_cones([list(matrix.row(i).extract([0], list(pivots))) for i in range(matrix.rows)])
    for number, rays in enumerate(cones, 1):
        images = dict.fromkeys(coordinates, Integer(0))
        for side, ray in zip(sides, rays, strict=True):
            for i, v in zip(pivots, ray, strict=True):
                images[coordinates[i]] += v * side**2
        for j, line in zip(rest, lines, strict=True):
            for c, v in zip(coordinates, line, strict=True):
                images[c] += v * coordinates[j]
        text = ", ".join(f"{c} = {image}" for c, image in images.items() if image != c)
        of = f" (part {number} of {len(cones)})" if len(cones) > 1 else ""
        density = Abs(sympy.Mul(*sides))
        sentence = f"boundaries {listed}{of}: {text} covers the cone evenly, the prior times {density}"
        charts.append(Chart((*sides, *[coordinates[j] for j in rest]), images, density, (), sentence))
    return charts


def _smooth_chart(boundaries: list[Expr], coordinates: tuple[Symbol, ...]) -> Chart:
    """Boundaries as squares one by one: in place of a coordinate where one can be solved for, else a hypersurface."""
    origin = (Integer(0),) * len(coordinates)
    gradients = Matrix([[value_at(sympy.diff(f, c), coordinates, origin) for c in coordinates] for f in boundaries])
    listed = ", ".join(f"{f} >= 0" for f in boundaries)
    if gradients.rank() < len(boundaries):
        raise NoChartError(f"the boundaries {listed} have dependent gradients and are not all linear")
    sides = _fresh(len(boundaries), coordinates)
    images: dict[Symbol, Expr] = {c: c for c in coordinates}
    kept, surfaces = list(coordinates), []
    for side, boundary in zip(sides, boundaries, strict=True):
        here = sympy.together(boundary.xreplace(images))
        solved = _solved(here, side, [c for c in kept if c in coordinates], (*kept, *sides))
        if solved is None:
            surfaces.append(boundary - side**2)
            continue
        coordinate, value = solved
        images = {c: sympy.together(e.xreplace({coordinate: value})) for c, e in images.items()}
        kept.remove(coordinate)
    surfaces = [sympy.fraction(sympy.together(s.xreplace(images)))[0] for s in surfaces]
    text = ", ".join(f"{f} = {s}**2" for f, s in zip(boundaries, sides, strict=True))
    density = Abs(sympy.Mul(*sides))
    sentence = f"smooth boundaries {listed}, gradients independent: {text} covers the domain, the prior times {density}"
    return Chart((*sides, *kept), images, density, tuple(map(sympy.expand, surfaces)), sentence)


def _solved(f: Expr, side: Symbol, candidates: Sequence[Symbol], names: Sequence[Symbol]) -> tuple[Symbol, Expr] | None:
    """A coordinate in which the numerator of f - side^2 is linear, with slope not zero at the origin, and its value."""
    above, below = sympy.fraction(f)
    equation = sympy.expand(above - side**2 * below)
    zero = dict.fromkeys(names, Integer(0))
    for c in candidates:
        if Poly(equation, c).degree() == 1:
            slope = sympy.diff(equation, c)
            if slope.xreplace(zero) != 0:
                return c, sympy.together(-(equation.xreplace({c: Integer(0)})) / slope)
    return None


def read_relations(items: Iterable[Any]) -> tuple[Boolean, ...]:
    """Inequalities as sympy booleans, checked to be combinations of <, <=, >, >=."""
    read = []
    for item in items:
        if not isinstance(item, bool | Boolean):
            raise ValueError(f"domain: expected inequalities such as x >= 0, got {shown(item)}")
        if item in (True, False, sympy.true, sympy.false):
            raise ValueError(f"domain: {item} is no condition; expected inequalities such as x >= 0")
        for atom in item.atoms(Relational) or [item]:
            if not isinstance(atom, Relational) or isinstance(atom, Equality | Unequality):
                raise ValueError(f"domain: {atom} is no inequality of >=, <=, > or <")
        read.append(item)
    return tuple(read)
