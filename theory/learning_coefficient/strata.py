"""The worst point of a set of minima in any dimension: every stratum of the zeros of an ideal, within a box.

The pictures of :mod:`theory.learning_coefficient.ideal_resolution` have *parameters* that take any real value but zero.
Here all coordinates that are not zero are parameters at first. Cases are made of what vanishes: off the zeros of a
factor it is a unit, on them it is a local coordinate; where those zeros are no graph, cases of the slope come first. So
every real zero of the ideal lies in one of finitely many pictures, each of one value and multiplicity, and the worst of
them decides.

At an end of the box x = lo + s^2 brings |s| into the prior, and likewise x = hi - s^2; boundaries of a polynomial
domain are those of :mod:`theory.learning_coefficient.boundaries`. A picture counts if a point of it is found inside;
should one that is not found be worse than the worst that is, the question is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, product
from typing import Any

import sympy
from sympy import QQ, Abs, Expr, Integer, Poly, Rational, Symbol
from sympy.polys.rings import PolyRing

from theory.learning_coefficient.arguments import check_arguments, ordered, shown
from theory.learning_coefficient.boundaries import (
    dependent_zeros,
    fresh_sides,
    met_together,
    pieces,
    solve_boundaries,
)
from theory.learning_coefficient.ideal_resolution import Picture, Resolved, Resolver, UnresolvedError
from theory.learning_coefficient.local_problem import LearningCoefficient, LearningCoefficientRefused

_SIMPLE = ((1, 2), (-1, 2), (1, 1), (-1, 1), (1, 3), (-2, 3), (3, 2), (-2, 1), (3, 1), (7, 1))
_VALUES = tuple(QQ(p, q) for p, q in _SIMPLE)
_NEXT_STEP = "ask at points of interest: rlct(generators, point=...)"
_MOST_TRIALS = 3000
Side = tuple[Rational | None, Rational | None]
End = tuple[Rational, int]
Found = tuple[Resolved, tuple[Rational, ...] | None]


@dataclass(frozen=True)
class WorstPoint:
    """The decisive `result`, a rational `point` that has it, and (value, multiplicity, point) of every picture found.

    Points are None where no simple rational one is seen.
    """

    result: LearningCoefficient
    point: tuple[Rational, ...] | None
    strata: tuple[tuple[Rational, int, tuple[Rational, ...] | None], ...]


def rlct_on_set(
    generators: Iterable[Expr],
    coordinates: Sequence[Symbol],
    box: Mapping[Symbol, Sequence[Any]] | None = None,
    prior: Expr | int = 1,
    domain: Any = None,
) -> WorstPoint:
    """Smallest value, then largest multiplicity, of f_1^2 + f_2^2 + ... over all its zeros in a box and a domain.

    Parameters
    ----------
    generators : iterable of sympy.Expr
        Polynomials with rational coefficients.
    coordinates : sequence of sympy.Symbol, length d
    box : mapping of coordinates to (lo, hi), optional
        Rational ends, None for an open side; coordinates that are left out are free. Points on its boundary count, with
        what lies outside of the box cut off.
    prior : sympy.Expr
        Positive, or a product of Abs(w_j)^(h_j) with h_j > -1 that may vanish on axes.
    domain : inequality or str, or a list or tuple of them, optional
        Polynomial inequalities with rational coefficients, such as x + y <= 1, that hold together, or combined by & and
        |. Points on the boundary count. Boundaries that meet at a zero must have independent gradients there.

    Raises
    ------
    LearningCoefficientRefused
        If there is no zero inside, a stratum cannot be resolved, one as bad as the answer is not known to reach inside,
        or boundaries may meet at a zero with dependent gradients.
    ValueError
        If an argument is malformed.
    """
    generators = tuple(generators) if not isinstance(generators, Expr | str) else (generators,)
    coordinates = ordered("coordinates", coordinates)
    exact, coordinates, _ = check_arguments("generators", generators, coordinates, (0,) * len(coordinates))
    for f in exact:
        polynomial = f.as_poly(*coordinates)
        if polynomial is None or not (polynomial.domain.is_QQ or polynomial.domain.is_ZZ):
            raise ValueError(f"generators: {f} is no polynomial with rational coefficients")
    if not any(f != 0 for f in exact):
        raise ValueError("generators: expected at least one that is not zero")
    sides, exponents = tuple(_box(box, coordinates)), tuple(_exponents(prior, coordinates))
    parts = [_Bounds(sides, exponents, above) for above in pieces(domain, coordinates)]
    found: list[Found] = []
    missed: list[Resolved] = []
    try:
        for bounds in parts:
            for met, ends in product(met_together(bounds.above), product(*map(_ends, sides))):
                if met:
                    _check_independent(exact, coordinates, bounds, ends, met)
                reader = _Strata(exact, coordinates, bounds, ends, met)
                reader.run()
                found += reader.found
                missed += reader.missed
    except UnresolvedError as error:
        raise LearningCoefficientRefused(f"a stratum is not resolved: {error}", next_step=_NEXT_STEP) from None
    return _decided(found, missed, exact, [bounds.above for bounds in parts if bounds.above])


@dataclass(frozen=True)
class _Bounds:
    """Sides of the box, exponents of the prior, and what is at least 0 in the domain."""

    sides: tuple[Side, ...]
    exponents: tuple[Fraction, ...]
    above: tuple[Expr, ...]


def _ends(side: Side) -> list[End | None]:
    """Ways to lie within a side: inside, or at one of its ends."""
    lo, hi = side
    return [None, *[(end, way) for end, way in ((lo, 1), (hi, -1)) if end is not None]]


def _check_independent(
    generators: Sequence[Expr], coordinates: Sequence[Symbol], bounds: _Bounds, ends: Sequence[End | None],
    met: Sequence[Expr],
) -> None:  # fmt: skip
    """Refuse boundaries that may meet, at a zero inside, with dependent gradients in coordinates of an even prior."""
    free = [c for c, end, h in zip(coordinates, ends, bounds.exponents, strict=True) if end is None and h == 0]
    at = {c: end[0] for c, end in zip(coordinates, ends, strict=True) if end is not None}
    dependent = dependent_zeros(
        [f.xreplace(at) for f in generators],
        [g.xreplace(at) for g in met],
        free,
        [c for c in coordinates if c not in at],
    )
    if dependent is None:
        return
    inside = not dependent
    if dependent:
        others = replace(bounds, above=tuple(g for g in bounds.above if g not in met))
        reader = _Strata(dependent, coordinates, others, ends)
        reader.run()
        inside = bool(reader.found or reader.missed)
    if inside:
        listed = ", ".join(f"{g} >= 0" for g in met)
        beside = " (ends of the box and axes of the prior among them)" if at or len(free) < len(coordinates) else ""
        raise LearningCoefficientRefused(
            f"the boundaries {listed} may meet at a common zero with dependent gradients{beside}",
            next_step=_NEXT_STEP,
        )


def _decided(
    found: Sequence[Found],
    missed: Sequence[Resolved],
    generators: Sequence[Expr],
    above: Sequence[Sequence[Expr]],
) -> WorstPoint:
    def badness(answer: Resolved) -> tuple[Fraction, int]:
        return answer.value, -answer.multiplicity

    worst = min(found, key=lambda pair: (*badness(pair[0]), pair[1] is None), default=None)
    doubtful = min(missed, key=badness, default=None)
    if doubtful is not None and (worst is None or badness(doubtful) < badness(worst[0])):
        raise LearningCoefficientRefused(
            f"a stratum that may be the worst is not known to reach into {_place(above)}",
            _rational(doubtful.value),
            None if worst is None else _rational(worst[0].value),
            _NEXT_STEP,
        )
    if worst is None:
        raise LearningCoefficientRefused(f"the generators have no common zero in {_place(above)}")
    answer, point = worst
    where = "points that are not rational" if point is None else f"{point}"
    strata = dict.fromkeys((_rational(a.value), a.multiplicity, p) for a, p in found)
    sentences = (
        f"strata of the zeros of {', '.join(map(str, generators))}, by cases of what vanishes: {len(found)} pictures",
        *_said_of(above),
        *(f"the picture that decides: {step}" for step in answer.steps),
        f"smallest value, then largest multiplicity: {answer.value}, {answer.multiplicity}, attained at {where}",
    )
    result = LearningCoefficient(_rational(answer.value), answer.multiplicity, "minimum over strata", sentences)
    return WorstPoint(result, point, tuple(strata))


def _said_of(above: Sequence[Expr]) -> list[str]:
    if not above:
        return []
    listed = ", ".join(f"{g} >= 0" for g in above)
    return [
        f"boundaries {listed}: where g >= 0 is met, g = s^2 joins the generators with |s| in the prior, less its 1/2"
    ]


def _place(above: Sequence[Sequence[Expr]]) -> str:
    return "the domain" if above else "the box"


def _rational(value: Fraction) -> Rational:
    return Rational(value.numerator, value.denominator)


def _box(box: Mapping[Symbol, Sequence[Any]] | None, coordinates: Sequence[Symbol]) -> list[Side]:
    given = {} if box is None else dict(box)
    if unknown := set(given) - set(coordinates):
        raise ValueError(f"box: {', '.join(map(str, unknown))} is no coordinate")
    sides: list[Side] = []
    for c in coordinates:
        pair = given.get(c, (None, None))
        if len(tuple(pair)) != 2:
            raise ValueError(f"box: {c}: expected two ends (lo, hi), got {shown(pair)}")
        lo, hi = (None if e is None else sympy.sympify(e) for e in pair)
        if any(e is not None and not e.is_Rational for e in (lo, hi)):
            raise ValueError(f"box: {c}: expected rational ends or None, got {shown(pair)}")
        if lo is not None and hi is not None and lo >= hi:
            raise ValueError(f"box: {c}: expected lo < hi, got {shown(pair)}")
        sides.append((lo, hi))
    return sides


def _exponents(prior: Expr | int, coordinates: Sequence[Symbol]) -> list[Fraction]:
    exponents: dict[Symbol, Rational] = {c: Integer(0) for c in coordinates}
    for part in sympy.Mul.make_args(sympy.sympify(prior)):
        base, power = part.as_base_exp()
        inside = base.args[0] if isinstance(base, Abs) else base
        even = power.is_Integer and power % 2 == 0
        if part.is_number and part > 0:
            continue
        if inside not in exponents or not (isinstance(base, Abs) or even) or not power.is_Rational:
            raise ValueError(f"prior: {part} is no power of Abs of a coordinate; expected a product of such")
        exponents[inside] += power
    if bad := [c for c, h in exponents.items() if h <= -1]:
        raise ValueError(f"prior: its exponent of {bad[0]} leaves no finite mass; expected above -1")
    return [Fraction(int(h.p), int(h.q)) for h in exponents.values()]


class _Strata(Resolver):
    """All pictures of the zeros for one choice, coordinate by coordinate, of zero, not zero, or one end of the box."""

    def __init__(
        self,
        generators: Sequence[Expr],
        coordinates: Sequence[Symbol],
        bounds: _Bounds,
        ends: Sequence[End | None],
        met: Sequence[Expr] = (),
    ) -> None:
        images = {c: c if e is None else e[0] + e[1] * c**2 for c, e in zip(coordinates, ends, strict=True)}
        even = [c for c, e, h in zip(coordinates, ends, bounds.exponents, strict=True) if e is None and h == 0]
        images, solved, surfaces = solve_boundaries(met, images, even)
        own = fresh_sides(len(surfaces), coordinates)
        names = (*coordinates, *own)
        super().__init__(PolyRing([str(c) for c in names], QQ, "grevlex"))
        self.sides = (*bounds.sides, *[(None, None)] * len(own))
        self.ends = (*ends, *[None] * len(own))
        self.exponents = (*bounds.exponents, *[Fraction(1)] * len(own))
        self.surfaces, self.cut = len(own), [c in solved for c in coordinates]
        self.found: list[Found] = []
        self.missed: list[Resolved] = []

        def read(f: Expr) -> Any:
            return self.ring.from_dict(Poly(f, *names, domain=QQ).as_dict())

        moved = [read(f.xreplace(images)) for f in generators]
        moved += [read(g - side**2) for g, side in zip(surfaces, own, strict=True)]
        self.generators = tuple(f for f in moved if f)
        self.images = [*[read(images[c]) for c in coordinates], *self.ring.gens[len(coordinates) :]]
        self.others = [read(g) for g in bounds.above if g not in met]
        self.bounded = bool(bounds.above) or any(end is not None for side in bounds.sides for end in side)

    def run(self) -> None:
        """Visit every picture: first which coordinates are zero, as parameters are not."""
        held = [end is not None or cut for end, cut in zip(self.ends, self.cut, strict=False)]
        choices = [(True,) if here else (False, True) for here in (*held, *[True] * self.surfaces)]
        for zero in product(*choices):
            volume, cuts = [], (*self.cut, *[False] * self.surfaces)
            for end, h, local, cut in zip(self.ends, self.exponents, zero, cuts, strict=True):
                at_end = 1 + (2 * h if end is not None and end[0] == 0 else 0)  # x = s^2 has dx = 2 s ds
                volume.append(Fraction(0) if not local else Fraction(1) if cut else h if end is None else at_end)
            gone = [(g, 0) for g, local in zip(self.ring.gens, zero, strict=True) if local]
            base = [(image.subs(gone) if gone else image, self.ring.one) for image in self.images]
            apart = frozenset(g for g, local in zip(self.ring.gens, zero, strict=True) if not local)
            powers = (0,) * self.n
            self.solve(Picture(self.generators, powers, tuple(volume), tuple(zero), apart, base=tuple(base)))

    def _monomial(self, picture: Picture) -> Resolved | None:
        answer = super()._monomial(picture)
        if answer is None or self._is_outside(picture):
            return None
        answer = replace(answer, value=answer.value - Fraction(self.surfaces, 2))
        point = self._point_inside(picture)
        if point is None and self.bounded:
            self.missed.append(answer)
            return None
        self.found.append((answer, point))
        return answer

    def _is_outside(self, picture: Picture) -> bool:
        """Whether a coordinate is seen to be beyond an end of the box all over the picture."""
        for (above, below), (lo, hi), end in zip(picture.base or (), self.sides, self.ends, strict=bool(picture.base)):
            if end is not None:
                continue
            gaps = [(above - QQ.from_sympy(hi) * below) * below] if hi is not None else []
            gaps += [(QQ.from_sympy(lo) * below - above) * below] if lo is not None else []
            # Sums of squares: the coordinate is at the end or beyond, and at the end there is another picture.
            if any(all(c > 0 and not any(e % 2 for e in m) for m, c in gap.items()) for gap in gaps):
                return True
        if picture.base is None:
            return False
        return any(
            all(c < 0 and not any(e % 2 for e in m) for m, c in self._over(g, picture).items()) for g in self.others
        )

    def _over(self, g: Any, picture: Picture) -> Any:
        """A polynomial on the picture, times an even power of denominators: of the same sign."""
        assert picture.base is not None
        degree = max((sum(powers) for powers in g), default=0)
        degree += degree % 2
        common = self.ring.one
        for _, below in picture.base:
            common *= below
        total = self.ring.zero
        for powers, coefficient in g.items():
            term = self.ring.ground_new(coefficient)
            for (above, below), power in zip(picture.base, powers, strict=True):
                if power:
                    term *= (above * common.exquo(below)) ** power
            total += term * common ** (degree - sum(powers))
        return total

    def _within(self, i: int, value: Any) -> bool:
        """Whether a value of coordinate i lies inside; an end counts only where the picture is cut at it."""
        (lo, hi), end, number = self.sides[i], self.ends[i], QQ.to_sympy(value)
        if end is not None and number == end[0]:
            return True
        return (lo is None or number > lo) and (hi is None or number < hi)

    def _point_inside(self, picture: Picture) -> tuple[Rational, ...] | None:
        """A point of the picture within the box, from simple values of its parameters."""
        if picture.base is None:
            return None
        free = [i for i in range(self.n) if not picture.local[i]]
        for values in islice(product(self._trial_values(), repeat=len(free)), _MOST_TRIALS):
            place = dict(zip(free, values, strict=True))
            full = list(zip(self.ring.gens, [place.get(i, QQ(0)) for i in range(self.n)], strict=True))
            if any(q.evaluate(full) == 0 for q in picture.nonzero):
                continue
            below = [f.evaluate(full) for _, f in picture.base]
            if not all(below):
                continue
            point = [f.evaluate(full) / b for (f, _), b in zip(picture.base, below, strict=True)]
            here = list(zip(self.ring.gens, point, strict=True))
            if all(self._within(i, v) for i, v in enumerate(point)) and all(g.evaluate(here) > 0 for g in self.others):
                return tuple(QQ.to_sympy(value) for value in point[: self.n - self.surfaces])
        return None

    def _trial_values(self) -> tuple[Any, ...]:
        own = []
        for lo, hi in self.sides:
            if lo is not None and hi is not None:
                own += [(lo + hi) / 2, (2 * lo + hi) / 3]
            elif lo is not None or hi is not None:
                own.append(lo + 1 if lo is not None else hi - 1)  # type: ignore[operator]
        return tuple(dict.fromkeys((*[QQ.from_sympy(v) for v in own if v], *_VALUES)))


__all__ = ["WorstPoint", "rlct_on_set"]
