r"""Blow-ups of an ideal whose coefficients are real algebraic numbers.

The steps of :mod:`theory.learning_coefficient.ideal_resolution` hold over any real field. Only where they ask for signs
and for real roots are they asked differently here:

* a polynomial of one parameter has no real root if its norm down to Q has none, or if it is quadratic with a negative
  discriminant;
* a sum of even monomials with positive coefficients, one of which never vanishes, never vanishes.

What is not shown to be without zeros is looked at in both cases, as over the rationals.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from sympy import Expr, Poly, Rational, Symbol
from sympy.polys.rings import PolyRing

from theory.learning_coefficient.ideal_resolution import Resolver, resolve_in
from theory.learning_coefficient.local_problem import LearningCoefficient
from theory.learning_coefficient.number_field import NumberField, field_of
from theory.learning_coefficient.pictures import Picture, Polynomial, UnresolvedError

# Arithmetic is slower than over the rationals, and factoring goes by norms of a larger degree.
_LARGEST_NORM, _LARGEST_COST, _MOST_PICTURES = 32, 150, 300


def resolve_over_field(
    generators: Sequence[Expr], coordinates: Sequence[Symbol], prior_exponents: Sequence[Rational]
) -> LearningCoefficient:
    """As :func:`ideal_resolution.resolve_ideal`, for coefficients that are algebraic numbers.

    Raises
    ------
    UnresolvedError
        If the blow-ups do not close within fixed bounds.
    """
    field = field_of(*generators)
    ring = PolyRing([str(c) for c in coordinates], field.domain, "grevlex")
    read = [ring.from_dict(field.terms(f, coordinates)) for f in generators]

    def over_field(first_size: int | None = None, in_cells: bool = False) -> Resolver:
        return _OverField(ring, field, first_size, in_cells)

    return resolve_in(ring, read, generators, prior_exponents, over_field)


class _OverField(Resolver):
    """Blow-ups over a number field: signs and real roots are those of the real numbers meant."""

    most_pictures = most_pictures_in_cells = _MOST_PICTURES

    def __init__(self, ring: PolyRing, field: NumberField, first_size: int | None, in_cells: bool) -> None:
        super().__init__(ring, first_size, in_cells)
        self.field = field

    def _too_long(self, picture: Picture) -> bool:
        degree = self.field.domain.mod.degree()
        norms = [(max(map(sum, g), default=0) * degree, len(g)) for g in picture.generators]
        return any(norm > _LARGEST_NORM or norm * terms > _LARGEST_COST for norm, terms in norms)

    def _factors(self, f: Polynomial) -> list[tuple[Polynomial, int]]:
        if f not in self.factored:
            constant, factors = f.factor_list()
            if prod((g**k for g, k in factors), start=self.ring.ground_new(constant)) != f:
                raise UnresolvedError("factors whose product is another polynomial")
            self.factored[f] = factors
        return self.factored[f]

    def _is_positive(self, number: Any) -> bool:
        return self.field.sign(self.field.domain.convert(number)) > 0

    def _never_zero(self, q: Polynomial, picture: Picture) -> bool:
        if q.is_ground or q.monic() in picture.nonzero:
            return True
        q = q if self._is_positive(q.LC) else -q
        if (
            not any(e % 2 for m in q for e in m)
            and any(all(self.ring.gens[i] in picture.nonzero for i, e in enumerate(m) if e) for m in q)
            and all(self._is_positive(c) for c in q.values())
        ):
            return True
        used = [i for i in range(self.n) if q.degree(i) > 0]
        return len(used) == 1 and self._has_no_root(q, used[0])

    def _has_no_root(self, q: Polynomial, t: int) -> bool:
        """Whether a polynomial of one parameter is shown to have no real root."""
        by_degree = {m[t]: c for m, c in q.items()}
        if max(by_degree) == 2:
            a, b, c = (by_degree.get(k, self.field.domain.zero) for k in (2, 1, 0))
            return self._is_positive(a * c * 4 - b * b)
        whole = Poly.from_dict({(k,): c for k, c in by_degree.items()}, self.ring.symbols[t], domain=self.field.domain)
        return whole.norm().count_roots() == 0
