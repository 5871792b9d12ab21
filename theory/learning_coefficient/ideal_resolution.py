r"""Resolution of a real ideal at a point by blow-ups of coordinate subspaces, worked on its generators.

A *picture* is a monomial w^a times an ideal (g_1, g_2, ...) and a volume element |w|^h dw, at a point where the *local*
coordinates are zero and the others, the *parameters*, take any real value off the zeros of a list of polynomials. Its
answer is the smallest value, then the largest multiplicity, over all of these points. Four exact steps lead on:

1. *Units* (factors that vanish nowhere in the picture) are dropped, and so are terms that a monomial generator divides;
   a monomial common to all generators moves into w^a.
2. *Coordinates.* A factor p of a generator whose slope in a local coordinate t is a unit, with t free of a and h,
   becomes the coordinate instead of t (implicit function theorem).
3. *Cases.* Whether a factor that depends on parameters only vanishes is decided by looking at both cases: where it does
   not it is a unit, where it does it is a new local coordinate.
4. *Blow-up* of w_i = 0, i in C. The exceptional fibre over the point is a projective space. It is cut by the first
   coordinate that is not zero, without those that a symmetry carries to an earlier one; or into the 2^|C| - 1 sets
   where given coordinates are zero and the others are not. Each part is a picture. The fibre is compact, so the
   neighbourhoods of its points cover one of the point below, and the worst of them decides.

Where every generator is a monomial the sum of squares is monomial-like and a linear programme decides:
lambda = min sum u_j (h_j + 1) over u >= 0 with 2 <u, a + b_i> >= 1 for all generators w^{b_i}, and the multiplicity is
the dimension of the set of minimisers plus one.

Source: Hironaka (1964), Annals of Mathematics 79 (blow-ups of smooth centres); Watanabe (2009), Algebraic Geometry and
Statistical Learning Theory, chapter 3; Lin (2011), chapter 2 (ideals).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import combinations, product
from typing import Any

from sympy import QQ, Expr, Poly, Rational, Symbol
from sympy.polys.rings import PolyRing

from theory.learning_coefficient.linear_programme import divides, linear_programme
from theory.learning_coefficient.local_problem import LearningCoefficient
from theory.learning_coefficient.pictures import (
    Picture,
    Polynomial,
    Resolved,
    UnresolvedError,
    cells_by_zeros,
    chart,
    divided,
    is_definite,
    monomials_free_of,
    size_of,
    with_power,
    worst,
)
from theory.learning_coefficient.substitution import (
    in_powers,
    linear_parts,
    place_at,
    substituted,
    value_at_place,
    without_powers,
)
from theory.learning_coefficient.symmetry import cells_by_the_first

_LARGEST_DEPTH, _LARGEST_CENTRE, _CENTRES_TRIED = 9, 5, 2
_FIRST_SIZES, _WHOLE_POINT, _FEW_GENERATORS = (0, 2, 3), 6, 4  # 0: all coordinates, where there are no more than six
_WHOLE_POINT_IN_CELLS, _MOST_TERMS, _MOST_TERMS_IN_CELLS = 16, 700, 60
_SAMPLES = (QQ(1), QQ(2), QQ(1, 2), QQ(7), QQ(1, 7))


class _Split(Exception):
    """Whether this factor vanishes must be decided by cases."""

    def __init__(self, factor: Polynomial) -> None:
        self.factor = factor


def resolve_ideal(
    generators: Sequence[Expr], coordinates: Sequence[Symbol], prior_exponents: Sequence[Rational]
) -> LearningCoefficient:
    """Learning coefficient of f_1^2 + f_2^2 + ... at the origin, for polynomials with rational coefficients.

    Raises
    ------
    UnresolvedError
        If the blow-ups do not close within fixed bounds, or meet points that are not rational.
    """
    ring = PolyRing([str(c) for c in coordinates], QQ, "grevlex")
    read = [ring.from_dict(Poly(f, *coordinates, domain=QQ).as_dict()) for f in generators]
    return resolve_in(ring, read, generators, prior_exponents, partial(Resolver, ring))


def resolve_in(
    ring: PolyRing,
    read: Sequence[Polynomial],
    generators: Sequence[Expr],
    prior_exponents: Sequence[Rational],
    make: Callable[..., Resolver],
) -> LearningCoefficient:
    """As :func:`resolve_ideal`, for generators `read` in a ring that the resolvers of `make` work in."""
    volume = tuple(Fraction(int(h.p), int(h.q)) for h in prior_exponents)
    if not any(read):
        raise UnresolvedError("every generator is zero")
    start = Picture(tuple(f for f in read if f), (0,) * ring.ngens, volume, (True,) * ring.ngens)
    found, resolver = _first_to_close(make, start)
    if found is None:
        raise UnresolvedError("the generators have no common zero at the point")
    value = Rational(found.value.numerator, found.value.denominator)
    sentences = (
        f"blow-ups of coordinate subspaces on the generators {', '.join(str(f) for f in generators)}: "
        f"{resolver.blow_ups} blow-ups, {resolver.pictures} pictures, every real point of the exceptional fibres",
        *(f"the picture that decides: {step}" for step in found.steps),
        f"smallest value, then largest multiplicity, over all pictures: {value}, {found.multiplicity}",
    )
    return LearningCoefficient(value, found.multiplicity, "blow-ups of the ideal", sentences)


def _first_to_close(make: Callable[..., Resolver], start: Picture) -> tuple[Resolved | None, Resolver]:
    """The answer of the first way that closes: cells by the first coordinate that is not zero, or by all of them.

    The latter begin as ranked, at all coordinates, at two or at three of them.
    """
    refusal: UnresolvedError | None = None
    sizes = (None, *_FIRST_SIZES) if len(start.generators) <= _FEW_GENERATORS else (None,)
    for resolver in (make(in_cells=True), *[make(size) for size in sizes]):
        try:
            return resolver.solve(start), resolver
        except UnresolvedError as error:
            refusal = refusal or error
    assert refusal is not None
    raise refusal


class Resolver:
    """Solves pictures, each once, and counts them; `first_size` is that of the first centre, 0 the largest one."""

    most_pictures, most_pictures_in_cells = 400, 2000

    def __init__(self, ring: PolyRing, first_size: int | None = None, in_cells: bool = False) -> None:
        self.ring, self.n, self.first_size, self.in_cells = ring, ring.ngens, first_size, in_cells
        self.pictures = self.blow_ups = 0
        self.known: dict[tuple, Resolved | None] = {}
        self.definite: dict[Polynomial, bool] = {}
        self.factored: dict[Polynomial, list[tuple[Polynomial, int]]] = {}

    def solve(self, picture: Picture) -> Resolved | None:
        """The worst point of a picture; None if the ideal vanishes at none of them."""
        self.pictures += 1
        most = self.most_pictures_in_cells if self.in_cells else self.most_pictures
        if self.pictures > most:
            raise UnresolvedError(f"more than {most} local pictures")
        if self._too_long(picture):
            raise UnresolvedError("a generator of too many terms")
        key = (
            frozenset(picture.generators),
            picture.powers,
            picture.volume,
            picture.local,
            picture.nonzero,
            picture.some_point,
            picture.base,
        )
        if key not in self.known:
            self.known[key] = self._solve(picture)
        return self.known[key]

    def _solve(self, picture: Picture) -> Resolved | None:
        if any(self._certain_unit(g, picture) for g in picture.generators):  # no need to know where others vanish
            picture = replace(picture, generators=(self.ring.one,))
        if self.in_cells and not picture.some_point:
            picture = divided(picture)
            if (factor := self._must_vanish(picture)) is not None:
                zero = self._graph_of(picture, factor)
                return None if zero is None else self.solve(zero)
        try:
            picture = self._simplified(picture)
            changed = self._straightened(picture)
        except _Split as split:
            return self._by_cases(picture, split.factor)
        if changed is not None:
            return self.solve(changed)
        if all(len(g) == 1 for g in picture.generators):
            return self._monomial(picture)
        if picture.depth >= _LARGEST_DEPTH:
            raise UnresolvedError(f"not resolved by {_LARGEST_DEPTH} blow-ups on top of each other")
        refusal: UnresolvedError | None = None
        centres = self._centres(picture)
        if picture.depth == 0 and self.first_size is not None:
            size = self.first_size or max(map(len, centres), default=0)
            centres = [centre for centre in centres if len(centre) == size]
        for centre in centres[: _CENTRES_TRIED if picture.depth < 2 else 1]:
            try:
                return self._blown_up(picture, centre)
            except UnresolvedError as error:
                refusal = refusal or error
        raise refusal or UnresolvedError("no coordinate subspace to blow up")

    def _too_long(self, picture: Picture) -> bool:
        """Whether factoring would take longer than is worth waiting for."""
        most = _MOST_TERMS_IN_CELLS if self.in_cells else _MOST_TERMS
        return any(len(g) > most for g in picture.generators)

    # -- units, monomials ---------------------------------------------------------------------------------------------

    def _factors(self, f: Polynomial) -> list[tuple[Polynomial, int]]:
        if f not in self.factored:
            self.factored[f] = f.factor_list()[1]
        return self.factored[f]

    def _at_point(self, f: Polynomial, local: Sequence[bool]) -> Polynomial:
        return self.ring.from_dict(
            {m: c for m, c in f.items() if not any(e and k for e, k in zip(m, local, strict=True))}
        )

    def _is_unit(self, f: Polynomial, picture: Picture) -> bool:
        """Whether f vanishes at no point of the picture; a factor for which that depends is raised as a case."""
        there = self._at_point(f, picture.local)
        if not there:
            return False
        unknown = [q for q, _ in self._factors(there) if not self._never_zero(q, picture)]
        if unknown:
            raise _Split(min(unknown, key=size_of))
        return True

    def _never_zero(self, q: Polynomial, picture: Picture) -> bool:
        if q.is_ground or q.monic() in picture.nonzero:
            return True
        used = [i for i in range(self.n) if q.degree(i) > 0]
        if len(used) == 1:
            return Poly(q.as_expr(), q.ring.symbols[used[0]]).count_roots() == 0
        q = q if q.LC > 0 else -q
        if all(c > 0 and not any(e % 2 for e in m) for m, c in q.items()) and any(
            all(self.ring.gens[i] in picture.nonzero for i, e in enumerate(m) if e) for m in q
        ):
            return True
        q = q if q.coeff(1) >= 0 else -q
        if len(used) != 2 or any(q.degree(i) % 2 for i in used):
            return False
        if q not in self.definite:
            self.definite[q] = is_definite(q, used)
        return self.definite[q]

    def _simplified(self, picture: Picture) -> Picture:
        """Drop units and what monomials divide, and move the common monomial into the powers."""
        generators = list(picture.generators)
        while True:
            before = set(generators)
            generators = [self._without_units(g, picture) for g in generators]
            generators = self._reduced([g for g in generators if g], picture)
            if set(generators) == before:
                break
        picture = divided(replace(picture, generators=tuple(generators)))
        ordered = tuple(sorted(dict.fromkeys(picture.generators), key=lambda g: (size_of(g), str(g))))
        return replace(picture, generators=ordered)

    def _without_units(self, g: Polynomial, picture: Picture) -> Polynomial:
        if len(g) == 1:
            ((monomial, _),) = g.items()
            for e, k, w in zip(monomial, picture.local, self.ring.gens, strict=True):
                if e and not k and w not in picture.nonzero:
                    raise _Split(w)
            kept = tuple(e if k else 0 for e, k in zip(monomial, picture.local, strict=True))
            return self.ring.from_dict({kept: QQ(1)})
        kept = self.ring.one
        for factor, power in self._factors(g):
            if not self._is_unit(factor, picture):
                kept *= factor.monic() ** power
        return kept

    def _reduced(self, generators: Sequence[Polynomial], picture: Picture) -> list[Polynomial]:
        unique = list(dict.fromkeys(generators))
        monomials = [next(iter(g)) for g in unique if len(g) == 1]
        minimal = [m for m in dict.fromkeys(monomials) if not any(o != m and divides(o, m) for o in monomials)]
        kept = [self.ring.from_dict({m: QQ(1)}) for m in minimal]
        for g in (g for g in unique if len(g) > 1):
            rest = self.ring.from_dict({m: c for m, c in g.items() if not any(divides(o, m) for o in minimal)})
            if rest:
                kept.append(rest)
        others = [g for g in kept if len(g) > 1]
        for g in sorted(others, key=size_of, reverse=True):
            divisors = [f for f in kept if f is not g and len(f) > 1]
            remainder = g.rem(divisors) if divisors else g
            if size_of(remainder) < size_of(g):
                kept = [f for f in kept if f is not g] + ([remainder] if remainder else [])
        return kept

    # -- coordinates and cases ----------------------------------------------------------------------------------------

    def _straightened(self, picture: Picture) -> Picture | None:
        """Make a smooth factor a coordinate, whole generators first; None if nothing is gained."""
        bent = [(g, f) for g in picture.generators if len(g) > 1 for f, _ in self._factors(g) if len(f) > 1]
        count = len(bent)
        for g, factor in sorted(bent, key=lambda pair: (len(self._factors(pair[0])) > 1, size_of(pair[1]))):
            whole = g.monic() == factor.monic()
            for t in range(self.n):
                if not picture.local[t] or picture.powers[t] or picture.volume[t] or factor.degree(t) < 1:
                    continue
                slope = factor.diff(self.ring.gens[t])
                if not self._certain_unit(slope, picture):
                    continue
                if factor.degree(t) == 1:
                    solved = self._solved_for(picture, factor, t)
                    if self._too_long(solved):
                        continue
                    if whole or self._bent_factors(self._simplified(solved)) < count:
                        return solved
                elif all(f == factor or f.degree(t) == 0 for _, f in bent) and monomials_free_of(picture, t):
                    new = self.ring.gens[t]
                    swapped = [g.exquo(factor**k) * new**k for g, k in with_power(picture.generators, factor)]
                    return replace(picture, generators=tuple(swapped))
        return None

    def _bent_factors(self, picture: Picture) -> int:
        return sum(len(f) > 1 for g in picture.generators if len(g) > 1 for f, _ in self._factors(g))

    def _certain_unit(self, f: Polynomial, picture: Picture) -> bool:
        try:
            return self._is_unit(f, picture)
        except _Split:
            return False

    def _solved_for(self, picture: Picture, factor: Polynomial, t: int) -> Picture:
        """The picture in the coordinate w_t' = factor = slope w_t + rest, denominators cleared."""
        variable = self.ring.gens[t]
        slope, rest = linear_parts(factor, t, self.ring)
        generators = tuple(substituted(g, t, variable - rest, slope, self.ring) for g in picture.generators)
        return replace(picture, generators=generators)

    def _by_cases(self, picture: Picture, factor: Polynomial) -> Resolved | None:
        if picture.some_point:
            raise UnresolvedError(f"the zeros of {factor.as_expr()} on an exceptional divisor are no graph")
        answers = [self.solve(replace(picture, nonzero=picture.nonzero | {factor.monic()}))]
        try:
            zero = self._where_zero(picture, factor)
        except UnresolvedError:
            slope = self._unknown_slope(picture, factor)
            if slope is None:
                raise
            return self._by_cases(picture, slope)  # on either side the zeros of the factor are met again
        if zero is not None:
            answers.append(self.solve(zero))
        return worst(answers)

    def _must_vanish(self, picture: Picture) -> Polynomial | None:
        """The simplest factor that is zero wherever the generators are, if a graph over the other parameters."""
        found = []
        for g in picture.generators:
            there = self._at_point(g, picture.local)
            unknown = [q for q, _ in self._factors(there) if not self._never_zero(q, picture)] if there else []
            if len(unknown) == 1 and self._graph_parameter(picture, unknown[0]) is not None:
                found.append(unknown[0])
        return min(found, key=size_of, default=None)

    def _unknown_slope(self, picture: Picture, factor: Polynomial) -> Polynomial | None:
        """A factor of a slope that decides whether the zeros of `factor` are a graph over the other parameters."""
        unknown = [
            q.monic()
            for t in range(self.n)
            if not picture.local[t] and factor.degree(t) == 1
            for q, _ in self._factors(linear_parts(factor, t, self.ring)[0])
            if not self._never_zero(q, picture)
        ]
        return min(unknown, key=size_of, default=None)

    def _where_zero(self, picture: Picture, factor: Polynomial) -> Picture | None:
        """The picture on factor = 0, a new local coordinate in place of a parameter; None if it is empty."""
        if self._graph_parameter(picture, factor) is None:
            return self._on_smooth_zeros(picture, factor)
        return self._graph_of(picture, factor)

    def _graph_parameter(self, picture: Picture, factor: Polynomial) -> int | None:
        """A parameter in which the factor is linear, with a slope that vanishes nowhere."""
        for t in range(self.n):
            if picture.local[t] or factor.degree(t) != 1:
                continue
            slope, _ = linear_parts(factor, t, self.ring)
            if all(self._never_zero(q, picture) for q, _ in self._factors(slope)):
                return t
        return None

    def _graph_of(self, picture: Picture, factor: Polynomial) -> Picture | None:
        """The picture on the zeros of a factor that are a graph over the other parameters; None if it is empty."""
        t = self._graph_parameter(picture, factor)
        assert t is not None
        slope, rest = linear_parts(factor, t, self.ring)
        variable = self.ring.gens[t]
        generators = tuple(substituted(g, t, variable - rest, slope, self.ring) for g in picture.generators)
        nonzero: set[Polynomial] = set()
        for q in picture.nonzero:
            moved = substituted(q, t, -rest, slope, self.ring)
            if not moved:
                return None
            nonzero |= {p.monic() for p, _ in self._factors(moved)}
        local = tuple(k or i == t for i, k in enumerate(picture.local))
        base = place_at(picture.base, t, -rest, slope, self.ring)
        return replace(picture, generators=generators, local=local, nonzero=frozenset(nonzero), base=base)

    def _on_smooth_zeros(self, picture: Picture, factor: Polynomial) -> Picture:
        """The picture on factor = 0 where a parameter occurs in powers of it alone and has a slope that never vanishes.

        The factor is a local coordinate in place of the parameter, which then occurs nowhere: what follows may not
        depend on the other parameters, and one real zero is shown by a change of sign inside an orthant.
        """
        gens = self.ring.gens
        for t in range(self.n):
            if picture.local[t] or factor.degree(t) < 1 or gens[t] not in picture.nonzero:
                continue
            slope = factor.diff(gens[t])
            moved = [in_powers(without_powers(g, gens[t]), factor, t, self.ring) for g in picture.generators]
            if (
                any(g is None for g in moved)
                or not all(self._never_zero(q, picture) for q, _ in self._factors(slope))
                or not self._has_real_zero(factor, picture)
            ):
                continue
            return replace(
                picture,
                generators=tuple(moved),
                local=tuple(k or i == t for i, k in enumerate(picture.local)),
                nonzero=frozenset(q for q in picture.nonzero if q.degree(t) <= 0),
                some_point=True,
                base=None,
            )
        raise UnresolvedError(f"the zeros of {factor.as_expr()} on an exceptional divisor are no graph")

    def _has_real_zero(self, factor: Polynomial, picture: Picture) -> bool:
        """Both signs within one orthant of the parameters, all of whose points the picture holds."""
        if not all(q in self.ring.gens for q in picture.nonzero):
            return False
        used = [i for i in range(self.n) if factor.degree(i) > 0]
        for orthant in product((1, -1), repeat=len(used)):
            seen = set()
            for sizes in product(_SAMPLES, repeat=len(used)):
                place = dict(zip(used, (s * v for s, v in zip(orthant, sizes, strict=True)), strict=True))
                seen.add(self._is_positive(value_at_place(factor, place)))
            if len(seen) == 2:
                return True
        return False

    def _is_positive(self, number: Any) -> bool:
        return number > 0

    # -- blow-ups and linear programmes -------------------------------------------------------------------------------

    def _centres(self, picture: Picture) -> list[tuple[int, ...]]:
        bent = [f for g in picture.generators if len(g) > 1 for f, _ in self._factors(g) if len(f) > 1]
        used = [i for i in range(self.n) if picture.local[i] and any(f.degree(i) > 0 for f in bent)]
        ranked = []
        whole = len(used) <= (_WHOLE_POINT_IN_CELLS if self.in_cells else _WHOLE_POINT)
        sizes = {*range(2, min(len(used), _LARGEST_CENTRE) + 1), *({len(used)} if whole else ())}
        for size in sorted(sizes - {0, 1}):
            for centre in combinations(used, size):
                orders = [min(sum(m[i] for i in centre) for m in f) for f in bent]
                if any(orders):
                    missed = sum(order == 0 for order in orders)
                    ranked.append((missed, Fraction(-sum(orders), size - 1), -size, centre))
        through_all = [centre for *_, centre in sorted(ranked)]
        steepest = [centre for *_, centre in sorted(ranked, key=lambda r: (r[1], *r))]
        return list(dict.fromkeys(centre for pair in zip(through_all, steepest, strict=True) for centre in pair))

    def _blown_up(self, picture: Picture, centre: tuple[int, ...]) -> Resolved | None:
        self.blow_ups += 1
        answers = []
        cells = cells_by_the_first(picture, centre) if self.in_cells else cells_by_zeros(centre)
        for off, free in cells:
            found = self.solve(chart(picture, centre, off, free))
            if found is not None:
                names = ", ".join(str(self.ring.symbols[i]) for i in centre)
                where = ", ".join(str(self.ring.symbols[i]) for i in off)
                step = f"blow up ({names}), on the fibre where {where} {'are' if len(off) > 1 else 'is'} not 0"
                answers.append(replace(found, steps=(step, *found.steps)))
        return worst(answers)

    def _monomial(self, picture: Picture) -> Resolved | None:
        exponents = [next(iter(g)) for g in picture.generators]
        whole = [tuple(2 * (p + e) for p, e in zip(picture.powers, m, strict=True)) for m in exponents]
        used = [i for i in range(self.n) if picture.local[i] and any(m[i] for m in whole)]
        if not all(any(m) for m in whole):
            return None
        rows = tuple(sorted({tuple(m[i] for i in used) for m in whole}))
        value, multiplicity = linear_programme(rows, tuple(picture.volume[i] + 1 for i in used))
        names = [str(self.ring.symbols[i]) for i in used]
        step = (
            f"monomials of the loss in ({', '.join(names)}): {list(rows)}, volume exponents "
            f"{[str(picture.volume[i]) for i in used]}: linear programme {value}, multiplicity {multiplicity}"
        )
        return Resolved(value, multiplicity, (step,))
