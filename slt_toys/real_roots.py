"""Real roots, with multiplicities, of polynomials in one coordinate whose coefficients are exact real numbers.

Rational and algebraic coefficients are left to sympy. A polynomial that holds one transcendental constant, such as pi,
is a polynomial over the rational functions of that constant: no algebraic relation can hold by chance, so square-free
parts are exact. Their roots are closed forms where the degree is low, else :class:`RealRoot`. Two transcendental
constants, and numbers that are not known to be transcendental, are refused: nobody knows whether pi + e is rational.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import mpmath
import sympy
from sympy.polys.constructor import construct_domain
from sympy.polys.polyerrors import BasePolynomialError

from .expressions import ExpressionError

__all__ = [
    "CoefficientField",
    "RealRoot",
    "common_real_roots",
    "count_real_roots",
    "is_algebraic",
    "real_roots",
    "real_sign",
]

# Names that no user's energy can hold.
_VARIABLE = sympy.Symbol("_root", real=True)
_CONSTANT = sympy.Symbol("_constant", positive=True)
_GENERATOR = sympy.Symbol("_generator", real=True)
# Transcendental at every algebraic number that is not a zero of theirs (Hermite, Lindemann and Weierstrass).
_LINDEMANN = (sympy.log, sympy.sin, sympy.cos, sympy.tan, sympy.sinh, sympy.cosh, sympy.tanh, sympy.atan)
LARGEST_EXTENSION = 64  # degree of the field of algebraic coefficients
LARGEST_MIXED_DEGREE = 32  # of that field times that of a polynomial which has multiple roots and holds a constant too


class RealRoot(sympy.Expr):
    """The real root number ``index`` of a square-free polynomial, counted upwards from 0; a number.

    Unlike sympy's ``CRootOf`` its coefficients may hold a transcendental constant.
    """

    is_number = True
    is_real = is_extended_real = is_finite = is_complex = is_commutative = True

    def __new__(cls, polynomial: sympy.Expr, index: sympy.Integer | int) -> RealRoot:  # noqa: D102
        return super().__new__(cls, sympy.sympify(polynomial), sympy.Integer(index))

    @property
    def free_symbols(self) -> set[sympy.Basic]:
        """None: the variable is bound."""
        return set()

    def _eval_subs(self, old: sympy.Basic, new: sympy.Basic) -> RealRoot:
        return self  # the variable is bound

    def _eval_evalf(self, prec: int) -> sympy.Float:
        with mpmath.workprec(prec + 20):
            value = _isolated(self.args[0], mpmath.mp.dps)[int(self.args[1])]
            return sympy.Float._new(value._mpf_, prec)

    def _sympystr(self, printer: Any) -> str:
        return f"RealRoot({printer._print(self.args[0])}, {self.args[1]})"

    def _latex(self, printer: Any) -> str:
        return rf"\text{{root}} \approx {printer._print(self.evalf(6))}"


def real_roots(expression: sympy.Expr, w: sympy.Symbol) -> dict[sympy.Expr, int]:
    """Real roots of a polynomial in ``w`` in increasing order, each with its multiplicity.

    Parameters
    ----------
    expression
        Not 0; its coefficients are rational, algebraic, or hold one transcendental constant such as pi.
    w
        Its variable.

    Raises
    ------
    ExpressionError
        In one line, for other coefficients.
    """
    return common_real_roots([expression], w)


def common_real_roots(expressions: Sequence[sympy.Expr], w: sympy.Symbol) -> dict[sympy.Expr, int]:
    """Real roots that polynomials in ``w`` share, as :func:`real_roots` of their greatest common divisor.

    Raises
    ------
    ExpressionError
        In one line, for coefficients that it does not know.
    """
    try:
        coefficients = CoefficientField.of(expressions, (w,))
    except ExpressionError:
        # A common factor of any kind moves no root.
        expressions = [sympy.Poly(e, w).monic().as_expr() for e in expressions]
        coefficients = CoefficientField.of(expressions, (w,))
    found: dict[sympy.Expr, int] = {}
    for factor, multiplicity in coefficients.square_free_parts(coefficients.common_divisor(expressions, w), w):
        if coefficients.constant is None:
            found |= dict.fromkeys(factor.real_roots(multiple=True), multiplicity)
        else:
            for part in _factors(factor):
                found |= dict.fromkeys(_roots_of_factor(coefficients.restored(part.as_expr()), w), multiplicity)
    return dict(sorted(found.items(), key=lambda item: sympy.N(item[0], 30)))


def count_real_roots(expression: sympy.Expr, w: sympy.Symbol) -> int:
    """Number of different real roots of a polynomial in ``w``, 0 for a constant."""
    return len(real_roots(expression, w)) if sympy.sympify(expression).has(w) else 0


def is_algebraic(*expressions: sympy.Expr) -> bool:
    """Whether every number in the expressions is known to be algebraic."""
    return all(
        bool(e.is_algebraic) if e.is_number else is_algebraic(*e.args)
        for e in map(sympy.sympify, expressions)
        if isinstance(e, sympy.Expr)
    )


def real_sign(number: sympy.Expr) -> int:
    """Sign of a number that is known not to be 0, from its digits.

    Raises
    ------
    ExpressionError
        Where a thousand digits do not tell it from 0.
    """
    for digits in (20, 60, 200, 1000):
        value = sympy.N(number, digits)
        if abs(value) > sympy.Float(10) ** (-digits // 2):
            return 1 if value > 0 else -1
    raise ExpressionError(f"energy: the sign of {sympy.sstr(number)[:60]!r} cannot be told; write decimals instead")


# ---- fields of coefficients ----------------------------------------------------------------------------------------
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
            values[_GENERATOR] = domain.to_sympy(domain.unit)
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
        own = [*symbols, *((_GENERATOR,) if self.relations else ())]
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
        degree = sympy.degree(expression, w) * sympy.degree(self.relations[0], _GENERATOR)
        if degree > LARGEST_MIXED_DEGREE:
            raise ExpressionError(
                f"energy mixes roots with {self.constant} to a degree of {degree}; at most {LARGEST_MIXED_DEGREE} is "
                "supported, so write decimals instead"
            )
        # Yun's algorithm (1976), with divisors from Gröbner bases.
        found, power = [], 1
        repeated = self._divisor(expression, sympy.diff(expression, w), w)
        single = self._quotient(expression, repeated, w)
        while single.has(w):
            common = self._divisor(single, repeated, w)
            part = self._quotient(single, common, w)
            if part.has(w):
                found.append((sympy.Poly(part, w), power))
            single, repeated, power = common, self._quotient(repeated, common, w), power + 1
        return found

    def _square_free_at_a_number(self, expression: sympy.Expr, w: sympy.Symbol) -> bool:
        """Whether a rational number in the constant's place leaves a square-free polynomial of the same degree.

        Then its discriminant, a polynomial in the constant, is not 0 there, so it is 0 at no transcendental number.
        """
        there = expression.xreplace(
            {_CONSTANT: sympy.Rational(355, 226), **{g: self.values[g] for g in self.values if g != _CONSTANT}}
        )
        polynomial = sympy.Poly(sympy.expand(there), w, extension=True if self.relations else None)
        return polynomial.degree() == sympy.degree(expression, w) and bool(polynomial.is_sqf)

    def _divisor(self, one: sympy.Expr, two: sympy.Expr, w: sympy.Symbol) -> sympy.Expr:
        return self.common_divisor([one, two], w)  # what stands in is left alone

    def _quotient(self, dividend: sympy.Expr, divisor: sympy.Expr, w: sympy.Symbol) -> sympy.Expr:
        """Exact quotient by a divisor that is monic in ``w``, reduced by the relation."""
        options: dict[str, Any] = {"order": "lex", "domain": self.domain}
        if divisor.has(w):
            dividend = sympy.reduced(dividend, [divisor, *self.relations], w, _GENERATOR, **options)[0][0]
        return sympy.reduced(dividend, list(self.relations), w, _GENERATOR, **options)[1]


def _in_generator(coefficients: Sequence[Any]) -> sympy.Expr:
    return sympy.Poly([sympy.QQ.to_sympy(c) for c in coefficients], _GENERATOR).as_expr()


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


# ---- roots over a transcendental constant --------------------------------------------------------------------------
def _factors(polynomial: sympy.Poly) -> list[sympy.Poly]:
    """Irreducible factors where sympy finds them, for closed forms; nothing else depends on it."""
    if polynomial.has(_GENERATOR):
        return [polynomial]
    return [factor for factor, _ in polynomial.factor_list()[1]]


def _roots_of_factor(expression: sympy.Expr, w: sympy.Symbol) -> list[sympy.Expr]:
    polynomial = sympy.Poly(expression, w)
    coefficients = polynomial.all_coeffs()
    n, leading, last = polynomial.degree(), coefficients[0], coefficients[-1]
    if n == 1:
        return [sympy.cancel(-last / leading)]
    if n == 2:
        middle, discriminant = coefficients[1], sympy.expand(coefficients[1] ** 2 - 4 * leading * last)
        if real_sign(discriminant) < 0:
            return []
        half = sympy.sqrt(sympy.cancel(discriminant / (4 * leading**2)))
        return [sympy.cancel(-middle / (2 * leading)) + side * half for side in (-1, 1)]
    if all(c == 0 for c in coefficients[1:-1]):
        power = sympy.cancel(-last / leading)
        positive = real_sign(power) > 0
        root = (power if positive else -power) ** sympy.Rational(1, n)
        if n % 2:
            return [root if positive else -root]
        return [-root, root] if positive else []
    bound = sympy.expand(expression).xreplace({w: _VARIABLE})
    return [RealRoot(bound, index) for index in range(len(_isolated(bound, 30)))]


@lru_cache(maxsize=1024)
def _isolated(polynomial: sympy.Expr, digits: int) -> tuple[mpmath.mpf, ...]:
    """Increasing real roots of a square-free polynomial, to so many digits.

    By Smith (1970) the discs of radius n |f(z_i)| / |a Π_j (z_i - z_j)| hold all roots, and one each where they are
    disjoint. A disc on the real axis then holds a real root, since roots come in conjugate pairs.
    """
    coefficients = sympy.Poly(polynomial, _VARIABLE).all_coeffs()
    work = digits + 15
    while work < 4000:
        with mpmath.workdps(work):
            numbers = [mpmath.mpf(sympy.Float(sympy.N(c, work), work)._mpf_) for c in coefficients]
            try:
                roots = mpmath.polyroots(numbers, maxsteps=200, extraprec=2 * work)
            except mpmath.libmp.NoConvergence:
                work *= 2
                continue
            # What may be real is put on the axis before its disc is drawn.
            near = mpmath.mpf(10) ** (-work // 2)
            roots = [mpmath.mpc(z.real, 0 if abs(z.imag) < near * max(1, abs(z)) else z.imag) for z in roots]
            radii = [_smith_radius(numbers, roots, i) for i in range(len(roots))]
            tight = all(r < mpmath.mpf(10) ** -digits * max(1, abs(z)) for z, r in zip(roots, radii, strict=True))
            apart = all(
                abs(roots[i] - roots[j]) > radii[i] + radii[j] for i in range(len(roots)) for j in range(i)
            ) and all(z.imag == 0 or abs(z.imag) > r for z, r in zip(roots, radii, strict=True))
            if tight and apart:
                return tuple(sorted(z.real for z in roots if z.imag == 0))
        work *= 2
    raise ExpressionError(
        f"energy: the roots of {sympy.sstr(polynomial)[:60]!r} lie too close together to be told apart"
    )


def _smith_radius(coefficients: list[mpmath.mpf], roots: list[mpmath.mpc], i: int) -> mpmath.mpf:
    apart = coefficients[0]
    for j, other in enumerate(roots):
        if j != i:
            apart *= roots[i] - other
    if apart == 0:
        return mpmath.inf
    return len(roots) * abs(mpmath.polyval(coefficients, roots[i]) / apart)
