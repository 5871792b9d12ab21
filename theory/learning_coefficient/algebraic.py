"""Exact zero tests and signs of real algebraic numbers (rationals, roots, `CRootOf`), and shifts of polynomials.

An algebraic number is written as a polynomial in *atoms* (`CRootOf` objects and radicals of rationals); reducing it
by the minimal polynomial of every atom gives a short form. With one atom the short form is unique, so it is zero
exactly when it reads 0; with several the minimal polynomial of the whole number decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy
from sympy import CRootOf, Dummy, Expr, Poly, Pow, Rational, S, Symbol

Monomial = tuple[int, ...]
Terms = Mapping[Monomial, Expr]
_ENTIRE = (sympy.Add, sympy.Mul, Symbol, sympy.exp, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh, sympy.tanh, sympy.erf)
_VARIABLE = Dummy("algebraic_variable")


class NotAlgebraicError(ValueError):
    """A number whose sign or vanishing cannot be decided exactly."""


def algebraic_atoms(*expressions: Expr) -> dict[Expr, tuple[Dummy, Poly]]:
    """Atoms of the algebraic numbers inside `expressions`, each with a stand-in symbol and its minimal polynomial."""
    atoms: dict[Expr, tuple[Dummy, Poly]] = {}
    for expression in expressions:
        for root in expression.atoms(CRootOf):
            if root not in atoms:
                symbol = Dummy(f"root_{len(atoms)}")
                atoms[root] = (symbol, _minimal_factor(root, symbol))
        for power in expression.atoms(Pow):
            base, exponent = power.as_base_exp()
            if base.is_Rational and exponent.is_Rational and not exponent.is_Integer:
                radical = Pow(base, Rational(1, exponent.q))
                if radical.is_Rational or radical in atoms or not radical.is_real:
                    continue
                symbol = Dummy(f"root_{len(atoms)}")
                atoms[radical] = (symbol, _minimal_factor(radical, symbol))
    return atoms


def _minimal_factor(number: Expr, symbol: Dummy) -> Poly:
    return Poly(sympy.minimal_polynomial(number, symbol), symbol, domain="QQ")


def replace_atoms(expression: Expr, atoms: Mapping[Expr, tuple[Dummy, Poly]]) -> Expr:
    """`expression` with every algebraic atom replaced by its stand-in symbol."""
    replaced = expression.xreplace({atom: symbol for atom, (symbol, _) in atoms.items()})

    def radical(base: Expr, exponent: Expr) -> Expr:
        root = Pow(base, Rational(1, exponent.q))
        return atoms[root][0] ** exponent.p if root in atoms else Pow(base, exponent)

    return replaced.replace(
        lambda e: e.is_Pow and e.base.is_Rational and e.exp.is_Rational and not e.exp.is_Integer,
        lambda e: radical(e.base, e.exp),
    )


def reduce_by_atoms(expression: Expr, atoms: Mapping[Expr, tuple[Dummy, Poly]]) -> Expr:
    """Short form, written in the atoms again, of a polynomial in the stand-in symbols of `atoms`."""
    value = sympy.expand(expression)
    for symbol, minimal in atoms.values():
        if value.has(symbol):
            value = sympy.expand(sympy.rem(value, minimal.as_expr(), symbol))
    return value.xreplace({symbol: atom for atom, (symbol, _) in atoms.items()})


def reduce_number(number: Expr) -> Expr:
    """Short form of an algebraic number; anything that is not a polynomial in its atoms is returned simplified."""
    number = sympy.sympify(number)
    if number.is_Rational:
        return number
    atoms = algebraic_atoms(number)
    if not atoms:
        return sympy.simplify(number)
    replaced = replace_atoms(number, atoms)
    if not replaced.is_polynomial(*[symbol for symbol, _ in atoms.values()]):
        return number
    return reduce_by_atoms(replaced, atoms)


def is_zero(number: Expr) -> bool:
    """Whether a real number is exactly zero.

    Raises
    ------
    NotAlgebraicError
        If it looks like zero numerically but no exact method decides.
    """
    value = reduce_number(number)
    if value.is_Rational:
        return bool(value == 0)
    _demand_finite(value, number)
    if abs(sympy.N(value, 40)) > Rational(1, 10**25):
        return False
    try:
        return sympy.minimal_polynomial(value, _VARIABLE) == _VARIABLE
    except (NotImplementedError, sympy.polys.polyerrors.PolynomialError, ValueError):
        pass
    decided = value.is_zero
    if decided is None:
        raise NotAlgebraicError(f"cannot decide exactly whether {number} is zero")
    return bool(decided)


def _demand_finite(value: Expr, number: Expr) -> None:
    size = abs(sympy.N(value, 40))
    if not (size.is_Number and size.is_finite):
        raise NotAlgebraicError(f"{number} is not a finite number")


def sign(number: Expr) -> int:
    """Exact sign (-1, 0, 1) of a real number."""
    value = reduce_number(number)
    if value.is_Rational:
        return int(sympy.sign(value))
    if is_zero(value):
        return 0
    for digits in (20, 60, 200, 1000):
        approximate = sympy.N(value, digits)
        if not approximate.is_real:
            raise NotAlgebraicError(f"{number} is not a real number")
        if abs(approximate) > Pow(10, -digits // 2):
            return 1 if approximate > 0 else -1
    raise NotAlgebraicError(f"cannot decide the sign of {number}")


def rename_symbols(expression: Expr, names: Mapping[Symbol, Symbol]) -> Expr:
    """Rename free symbols and leave the bound variable inside each `CRootOf` alone, which `xreplace` does not."""
    roots = {root: Dummy() for root in expression.atoms(CRootOf)}
    renamed = expression.xreplace(roots).xreplace(dict(names))
    return renamed.xreplace({stand_in: root for root, stand_in in roots.items()})


def is_analytic_at(expression: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> bool:
    """Whether sums, products, powers and entire functions (and log) make `expression` real analytic at the point."""
    own = set(coordinates)
    for part in sympy.preorder_traversal(expression):
        if isinstance(part, CRootOf) or not isinstance(part, Expr) or not part.free_symbols & own:
            continue
        if isinstance(part, Pow):
            if not _is_analytic_power(part, coordinates, point):
                return False
        elif isinstance(part, sympy.log):
            if sign(value_at(part.args[0], coordinates, point)) <= 0:
                return False
        elif not isinstance(part, _ENTIRE):
            return False
    return True


def _is_analytic_power(power: Pow, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> bool:
    """Whole powers of anything that does not vanish (if negative); all other powers of something positive."""
    if power.exp.is_Integer and power.exp >= 0:
        return True
    size = sign(value_at(power.base, coordinates, point))
    return size != 0 if power.exp.is_Integer else size > 0


def value_at(expression: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> Expr:
    """Exact value of `expression` at an algebraic point, in short form."""
    return reduce_number(expression.xreplace(dict(zip(coordinates, point, strict=True))))


def shifted_terms(expression: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> dict[Monomial, Expr]:
    """Coefficients of the polynomial `expression(point + w)` in w, zeros left out, decided exactly."""
    atoms = algebraic_atoms(expression, *point)
    moved = replace_atoms(expression, atoms).xreplace(
        {symbol: symbol + replace_atoms(value, atoms) for symbol, value in zip(coordinates, point, strict=True)}
    )
    stand_ins = [symbol for symbol, _ in atoms.values()]
    try:
        polynomial = Poly(sympy.expand(moved), *coordinates, *stand_ins, domain="QQ")
    except (sympy.polys.polyerrors.PolynomialError, sympy.polys.polyerrors.CoercionFailed):
        raise NotAlgebraicError(f"{expression} has coefficients that are not algebraic numbers") from None
    collected: dict[Monomial, Expr] = {}
    dimension = len(coordinates)
    for exponents, coefficient in polynomial.terms():
        monomial = exponents[:dimension]
        stand_in_part = sympy.Mul(*[s**e for s, e in zip(stand_ins, exponents[dimension:], strict=True)])
        collected[monomial] = collected.get(monomial, S.Zero) + coefficient * stand_in_part
    reduced = {monomial: reduce_by_atoms(value, atoms) for monomial, value in collected.items()}
    return {monomial: value for monomial, value in reduced.items() if not is_zero(value)}


def expression_of(terms: Terms, coordinates: Sequence[Expr]) -> Expr:
    """The polynomial with these coefficients, term by term."""
    return sympy.Add(*[c * sympy.Mul(*[w**e for w, e in zip(coordinates, a, strict=True)]) for a, c in terms.items()])
