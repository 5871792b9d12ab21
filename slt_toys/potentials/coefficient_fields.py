"""The exact field in which a polynomial's coefficients lie: rationals, roots, and one transcendental constant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy.polys.constructor import construct_domain
from sympy.polys.polyerrors import BasePolynomialError

from .expressions import ExpressionError

__all__ = ["CoefficientField"]

# Names that no user's energy can hold.
_CONSTANT = sympy.Symbol("_constant", positive=True)
GENERATOR = sympy.Symbol("_generator", real=True)
# Transcendental at every algebraic number that is not a zero of theirs (Hermite, Lindemann and Weierstrass).
_LINDEMANN = (sympy.log, sympy.sin, sympy.cos, sympy.tan, sympy.sinh, sympy.cosh, sympy.tanh, sympy.atan)
LARGEST_EXTENSION = 64  # degree of the field of algebraic coefficients
LARGEST_MIXED_DEGREE = 32  # of that field times that of a polynomial which has multiple roots and holds a constant too


@dataclass(frozen=True)
class CoefficientField:
    """A field in which 0 can be told from every other number, and the way into it and back.

    Roots and a transcendental constant together make a symbol ``s`` for a generator of the field of the roots, with
    its minimal polynomial as one more relation: sympy's rational functions over algebraic fields do not end.

    Attributes
    ----------
    domain
        sympy's: the rationals, an algebraic extension, or the rational functions of a constant.
    constant
        The transcendental constant, or None.
    relations
        Minimal polynomial of ``s``, or nothing.
    replacements
        Symbols by the numbers that they stand in for.
    values
        Numbers by symbol, to put them in again.
    """

    domain: Any
    constant: sympy.Expr | None = None
    relations: tuple[sympy.Expr, ...] = ()
    replacements: Mapping[sympy.Expr, sympy.Expr] = field(default_factory=dict)
    values: Mapping[sympy.Symbol, sympy.Expr] = field(default_factory=dict)

    @classmethod
    def of(cls, expressions: Iterable[sympy.Expr], coordinates: Iterable[sympy.Symbol]) -> CoefficientField:
        """Field of the coefficients of polynomials in the coordinates.

        Raises
        ------
        ExpressionError
            In one line, where their coefficients are in no such field.
        """
        algebraic: set[sympy.Expr] = set()
        powers: dict[sympy.Expr, set[sympy.Rational]] = {}
        for expression in expressions:
            _collect(sympy.sympify(expression), set(coordinates), algebraic, powers)
        if len(powers) > 1:
            raise _refusal(*powers)
        domain = _algebraic_field(algebraic)
        if not powers:
            return cls(domain)
        ((base, exponents),) = powers.items()
        root = sympy.ilcm(1, *(e.q for e in exponents))
        replacements = {base**e: _CONSTANT ** (e * root) for e in exponents}
        constant = base ** sympy.Rational(1, root)
        values, relations = {_CONSTANT: constant}, ()
        if domain.is_Algebraic:
            values[GENERATOR] = domain.to_sympy(domain.unit)
            relations = (_in_generator(domain.mod.to_list()),)
            replacements |= {number: _in_generator(domain.from_sympy(number).to_list()) for number in algebraic}
        return cls(sympy.QQ.frac_field(_CONSTANT), constant, relations, replacements, values)

    def stand_in(self, expression: sympy.Expr) -> sympy.Expr:
        """The expression with symbols in place of the numbers."""
        return sympy.sympify(expression).xreplace(dict(self.replacements))

    def restored(self, expression: sympy.Expr) -> sympy.Expr:
        """The numbers put in again."""
        return expression.xreplace(dict(self.values))

    def basis(self, expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol]) -> sympy.GroebnerBasis:
        """Lexicographic Gröbner basis of polynomials, the relation among them, with stand-ins."""
        own = [*symbols, *((GENERATOR,) if self.relations else ())]
        generators = [*map(self.stand_in, expressions), *self.relations]
        return sympy.groebner(generators, *own, order="lex", domain=self.domain)

    def common_divisor(self, expressions: Sequence[sympy.Expr], w: sympy.Symbol) -> sympy.Expr:
        """Greatest common divisor of polynomials in ``w``, with stand-ins."""
        if len(expressions) == 1:
            return self.stand_in(expressions[0])
        if self.relations:
            # Over a field there are two elements, the relation and the divisor.
            return next((e for e in self.basis(expressions, (w,)).exprs if e.has(w)), sympy.S.One)
        divisor = sympy.Poly(0, w, domain=self.domain)
        for expression in expressions:
            divisor = sympy.gcd(divisor, sympy.Poly(self.stand_in(expression), w, domain=self.domain))
        return divisor.as_expr()

    def square_free_parts(self, expression: sympy.Expr, w: sympy.Symbol) -> list[tuple[sympy.Poly, int]]:
        """Square-free parts without common roots, each with its multiplicity, of a polynomial with stand-ins."""
        if self.constant is not None and self._square_free_at_a_number(expression, w):
            return [(sympy.Poly(expression, w), 1)]
        if not self.relations:
            parts = sympy.Poly(expression, w, domain=self.domain).sqf_list()[1]
            return [(part, power) for part, power in parts if part.degree() > 0]
        degree = sympy.degree(expression, w) * sympy.degree(self.relations[0], GENERATOR)
        if degree > LARGEST_MIXED_DEGREE:
            raise ExpressionError(
                f"energy mixes roots with {self.constant} to a degree of {degree}; at most {LARGEST_MIXED_DEGREE} is "
                "supported, so write decimals instead"
            )
        # Yun's algorithm (1976), with divisors from Gröbner bases; what stands in is left alone.
        parts, power = [], 1
        repeated = self.common_divisor([expression, sympy.diff(expression, w)], w)
        single = self._quotient(expression, repeated, w)
        while single.has(w):
            common = self.common_divisor([single, repeated], w)
            part = self._quotient(single, common, w)
            if part.has(w):
                parts.append((sympy.Poly(part, w), power))
            single, repeated, power = common, self._quotient(repeated, common, w), power + 1
        return parts

    def _square_free_at_a_number(self, expression: sympy.Expr, w: sympy.Symbol) -> bool:
        """Whether a rational number in the constant's place leaves a square-free polynomial of the same degree.

        Then its discriminant, a polynomial in the constant, is not 0 there, so it is 0 at no transcendental number.
        """
        there = expression.xreplace(
            {_CONSTANT: sympy.Rational(355, 226), **{g: self.values[g] for g in self.values if g != _CONSTANT}}
        )
        polynomial = sympy.Poly(sympy.expand(there), w, extension=True if self.relations else None)
        return polynomial.degree() == sympy.degree(expression, w) and bool(polynomial.is_sqf)

    def _quotient(self, dividend: sympy.Expr, divisor: sympy.Expr, w: sympy.Symbol) -> sympy.Expr:
        """Exact quotient by a divisor that is monic in ``w``, reduced by the relation."""
        options: dict[str, Any] = {"order": "lex", "domain": self.domain}
        if divisor.has(w):
            dividend = sympy.reduced(dividend, [divisor, *self.relations], w, GENERATOR, **options)[0][0]
        return sympy.reduced(dividend, list(self.relations), w, GENERATOR, **options)[1]


def _in_generator(coefficients: Sequence[Any]) -> sympy.Expr:
    return sympy.Poly([sympy.QQ.to_sympy(c) for c in coefficients], GENERATOR).as_expr()


def _collect(
    e: sympy.Expr,
    coordinates: set[sympy.Symbol],
    algebraic: set[sympy.Expr],
    powers: dict[sympy.Expr, set[sympy.Rational]],
) -> None:
    """Sort the irrational numbers in an expression: algebraic ones, and powers of transcendental ones by base."""
    if e in coordinates or e.is_Rational:
        return
    if not e.is_number:
        for argument in e.args:
            _collect(argument, coordinates, algebraic, powers)
        return
    if e.is_algebraic:
        algebraic.add(e)
        return
    base, exponent = e.as_base_exp()
    if e.is_Add or e.is_Mul or (e.is_Pow and exponent.is_Integer):
        for argument in (base,) if e.is_Pow else e.args:
            _collect(argument, coordinates, algebraic, powers)
    elif exponent.is_Rational and base in (sympy.pi, sympy.E):
        powers.setdefault(base, set()).add(exponent)
    elif _is_transcendental(e):
        powers.setdefault(e, set()).add(sympy.S.One)
    else:
        raise _refusal(e)


def _is_transcendental(e: sympy.Expr) -> bool:
    base, exponent = e.as_base_exp()
    if base == sympy.E:
        return bool(exponent.is_algebraic and exponent.is_zero is False)
    if e.is_Pow and exponent.is_Rational:
        try:
            return CoefficientField.of([base], ()).constant is not None
        except ExpressionError:
            return False
    # Where the argument is 0 or the value algebraic, sympy has said so.
    return isinstance(e, _LINDEMANN) and bool(e.args[0].is_algebraic)


def _algebraic_field(numbers: Collection[sympy.Expr]) -> Any:
    if not numbers:
        return sympy.QQ
    try:
        domain = construct_domain(sorted(numbers, key=sympy.default_sort_key), extension=True)[0]
    except (BasePolynomialError, NotImplementedError, ValueError, RecursionError):
        raise _refusal(*numbers) from None
    if domain.is_ZZ or domain.is_QQ:
        return sympy.QQ
    if not domain.is_Algebraic or domain.mod.degree() > LARGEST_EXTENSION:
        raise _refusal(*numbers)
    return domain


def _refusal(*numbers: sympy.Expr) -> ExpressionError:
    shown = ", ".join(sorted(sympy.sstr(number)[:40] for number in numbers)[:4])
    return ExpressionError(
        f"energy holds {shown}, whose algebraic relations are not known; use rational numbers, roots and one constant "
        "such as pi, or write decimals"
    )
