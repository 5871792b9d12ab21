r"""Polynomials with algebraic coefficients over one number field Q(theta), theta real: exact factors and signs.

The radicals and `CRootOf` in the coefficients span a field with a primitive element theta. In it every number has one
form only, so that it is zero exactly when it reads 0; its sign is that of the real number that it stands for, never
that of a conjugate.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import sympy
from sympy import QQ, Expr, Integer, Poly, Symbol
from sympy.polys.numberfields import primitive_element

from theory.learning_coefficient.algebraic import algebraic_atoms, is_zero, reduce_number, replace_atoms, sign
from theory.learning_coefficient.pictures import UnresolvedError

# Factoring goes down to the norm, whose degree is that of the polynomial times that of the field.
_LARGEST_FIELD, _MOST_TERMS, _LARGEST_NORM = 4, 24, 24


class NumberField:
    """Q(theta) as a domain of sympy, with the atoms that it was made for."""

    def __init__(self, atoms: Sequence[Expr]) -> None:
        chosen = min(tuple(atoms), _of_primes(atoms), key=_degree)
        if _degree(chosen) > _LARGEST_FIELD:
            raise UnresolvedError("the coefficients span a number field of a large degree")
        if len(chosen) == 1:
            theta, images = chosen[0], [[1, 0]]
        else:
            _, weights, images = primitive_element(list(chosen), ex=True)
            theta = sympy.Add(*[w * a for w, a in zip(weights, chosen, strict=True)])
        self.domain = QQ.algebraic_field(theta)
        self.images = {a: self.domain([QQ(c) for c in image]) for a, image in zip(chosen, images, strict=True)}
        for atom in atoms:
            if atom not in self.images:
                roots = [(self.images[root], k) for root, k in _prime_roots(atom)]
                self.images[atom] = prod((root**k for root, k in roots), start=self.domain.one)
        if not all(is_zero(self.domain.to_sympy(image) - a) for a, image in self.images.items()):
            raise UnresolvedError("the coefficients are not written in one number field")

    def sign(self, number: Any) -> int:
        """Sign of the real number that an element of the field stands for."""
        return sign(self.domain.to_sympy(number))

    def terms(self, f: Expr, coordinates: Sequence[Symbol]) -> dict[tuple[int, ...], Any]:
        """Coefficients of a polynomial as elements of the field."""
        atoms = algebraic_atoms(f)
        names = [stand_in for stand_in, _ in atoms.values()]
        images = [self.images[a] for a in atoms]
        try:
            read = Poly(sympy.expand(replace_atoms(f, atoms)), *coordinates, *names, domain=QQ)
        except (sympy.PolynomialError, sympy.CoercionFailed):
            raise UnresolvedError(f"{f} has coefficients that are not algebraic numbers") from None
        collected: dict[tuple[int, ...], Any] = {}
        for exponents, c in read.rep.to_dict().items():
            monomial, powers = tuple(exponents[: len(coordinates)]), exponents[len(coordinates) :]
            value = prod((image**e for image, e in zip(images, powers, strict=True)), start=self.domain.convert(c))
            collected[monomial] = collected.get(monomial, self.domain.zero) + value
        return {m: c for m, c in collected.items() if c}


def _degree(atoms: Sequence[Expr]) -> int:
    """Product of the degrees: at least that of the field."""
    return prod(minimal.degree() for _, minimal in algebraic_atoms(*atoms).values())


def _prime_roots(atom: Expr) -> list[tuple[Expr, int]]:
    """Roots of primes, with powers, whose product is a root of a whole number; the atom itself for any other."""
    base, exponent = atom.as_base_exp()
    if not (base.is_Integer and base > 0):
        return [(atom, 1)]
    return [(sympy.Pow(p, exponent), k) for p, k in sympy.factorint(base).items()]


def _of_primes(atoms: Sequence[Expr]) -> tuple[Expr, ...]:
    return tuple(dict.fromkeys(root for atom in atoms for root, _ in _prime_roots(atom)))


def field_of(*expressions: Expr) -> NumberField:
    """The number field of all coefficients.

    Raises
    ------
    UnresolvedError
        If its degree may be too large to work in, or there is no irrational algebraic coefficient.
    """
    atoms = tuple(sorted(algebraic_atoms(*expressions), key=sympy.default_sort_key))
    if not atoms:
        raise UnresolvedError("no coefficient is an irrational algebraic number")
    return _field(atoms)


@lru_cache(maxsize=16)
def _field(atoms: tuple[Expr, ...]) -> NumberField:
    return NumberField(atoms)


def factored_over_field(f: Expr, coordinates: Sequence[Symbol]) -> tuple[Expr, list[tuple[Expr, int]]] | None:
    """Constant and irreducible factors with their powers, a written product part by part; None if f is too large."""
    constant: Expr = Integer(1)
    powers: dict[Expr, int] = {}
    for part in sympy.Mul.make_args(f):
        base, power = part.as_base_exp() if part.free_symbols and part.is_Pow else (part, Integer(1))
        found = _factors_of_part(base, coordinates) if power.is_Integer and power > 0 else None
        if found is None:
            return None
        constant *= found[0] ** power
        for factor, k in found[1]:
            powers[factor] = powers.get(factor, 0) + k * int(power)
    return reduce_number(constant), list(powers.items())


def _factors_of_part(f: Expr, coordinates: Sequence[Symbol]) -> tuple[Expr, list[tuple[Expr, int]]] | None:
    if not f.free_symbols:
        return f, []
    try:
        field = field_of(f) if algebraic_atoms(f) else None
        terms = field.terms(f, coordinates) if field else dict(Poly(f, *coordinates, domain=QQ).rep.to_dict())
    except (UnresolvedError, sympy.PolynomialError, sympy.CoercionFailed):
        return None
    domain = field.domain if field else QQ
    degree = domain.mod.degree() if field else 1
    if not terms or len(terms) > _MOST_TERMS or max(map(sum, terms)) * degree > _LARGEST_NORM:
        return None
    whole = Poly.from_dict(terms, *coordinates, domain=domain)
    constant, factors = whole.factor_list()
    if prod((g**k for g, k in factors), start=Poly(constant, *coordinates, domain=domain)) != whole:
        return None
    # Leading coefficients go to the constant: factors from several parts are the same where their zeros are.
    constant = sympy.Mul(constant, *[g.LC() ** k for g, k in factors])
    return constant, [(g.monic().as_expr(), k) for g, k in factors]
