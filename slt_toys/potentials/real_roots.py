"""Real roots, with multiplicities, of polynomials in one coordinate whose coefficients are exact real numbers.

Rational and algebraic coefficients are left to sympy. A polynomial that holds one transcendental constant, such as pi,
is a polynomial over the rational functions of that constant: no algebraic relation can hold by chance, so square-free
parts are exact. Their roots are closed forms where the degree is low, else :class:`RealRoot`. Two transcendental
constants, and numbers that are not known to be transcendental, are refused: nobody knows whether pi + e is rational.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import mpmath
import sympy
from sympy.polys.rootisolation import RealInterval

from .coefficient_fields import GENERATOR, CoefficientField
from .expressions import ExpressionError

__all__ = [
    "RealRoot", "common_real_roots", "count_real_roots", "is_algebraic", "real_roots", "real_sign",
]  # fmt: skip

HIGH_DEGREE = 10  # of polynomials whose roots are narrowed down here
NARROW = Fraction(1, 10**70)  # width over size
_VARIABLE = sympy.Symbol("_root", real=True)  # a name that no user's energy can hold


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
    roots: dict[sympy.Expr, int] = {}
    for factor, multiplicity in coefficients.square_free_parts(coefficients.common_divisor(expressions, w), w):
        if coefficients.constant is None:
            roots |= dict.fromkeys(map(_narrowed, factor.real_roots(multiple=True)), multiplicity)
        else:
            # Irreducible factors where sympy finds them, for closed forms; nothing else depends on it.
            for part in [factor] if factor.has(GENERATOR) else [part for part, _ in factor.factor_list()[1]]:
                roots |= dict.fromkeys(_roots_of_factor(coefficients.restored(part.as_expr()), w), multiplicity)
    return dict(sorted(roots.items(), key=lambda item: sympy.N(item[0], 30)))


def _narrowed(root: sympy.Expr) -> sympy.Expr:
    """The same root; one of sympy's gets an interval so narrow that its digits are at hand.

    sympy would narrow it by continued fractions, which takes as many steps as a root is near to a short fraction.
    """
    if not isinstance(root, sympy.CRootOf) or root.poly.degree() < HIGH_DEGREE:
        return root
    coefficients = [int(c) for c in root.poly.all_coeffs()]
    interval: Any = root._get_interval()  # pyright: ignore[reportAttributeAccessIssue]
    low, high = (Fraction(int(x.numerator), int(x.denominator)) for x in (interval.a, interval.b))
    if low == high:
        return root

    def positive(x: Fraction) -> bool:
        value = Fraction(0)
        for c in coefficients:
            value = value * x + c
        return value > 0

    at_high = positive(high)  # no end is a root: the polynomial is irreducible
    while high - low > NARROW * max(abs(low), abs(high)) or low < 0 < high:
        middle = (low + high) / 2
        low, high = (low, middle) if positive(middle) == at_high else (middle, high)
    ends = tuple(sympy.QQ(x.numerator, x.denominator) for x in (low, high))
    narrow = RealInterval(ends, [sympy.ZZ(c) for c in coefficients], sympy.ZZ)
    root._set_interval(narrow)  # pyright: ignore[reportAttributeAccessIssue]
    return root


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


# ---- roots over a transcendental constant --------------------------------------------------------------------------
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
