"""LaTeX of formulas as the pages show them: rearranged to read well, never without proof that nothing changed."""

from __future__ import annotations

import re
from typing import Any

import sympy
from sympy import Add, Basic, Eq, Expr, Mul, Pow
from sympy.printing.latex import LatexPrinter

from theory.derivation import demand_zero
from theory.symbols import SYMBOL_LATEX


class _Printer(LatexPrinter):
    """The standard printer with the notation of the field for a few functions."""

    def _as_ordered_terms(self, expr: Any, order: Any = None) -> list[Any]:
        # A sum opens with a positive number or else with a term that has no minus sign, if there is one.
        terms = super()._as_ordered_terms(expr, order=order)
        plain = [i for i, term in enumerate(terms) if not term.could_extract_minus_sign()]
        opening = next((i for i in plain if terms[i].is_Number), plain[0] if plain else 0)
        return [terms[opening], *terms[:opening], *terms[opening + 1 :]]

    def _print_polygamma(self, expression: Any, exp: Any = None) -> str:
        order, argument = expression.args
        name = r"\psi" if order == 0 else rf"\psi^{{({self._print(order)})}}"
        text = rf"{name}\left({self._print(argument)}\right)"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    def _print_betainc_regularized(self, expression: Any, exp: Any = None) -> str:
        first, second, _, high = (self._print(argument) for argument in expression.args)
        if expression.args[2] != 0:
            return super()._print_betainc_regularized(expression, exp=exp)
        text = rf"I_{{{high}}}\left({first}, {second}\right)"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    def _print_Piecewise(self, expression: Any) -> str:
        # 1 where a condition holds and 0 elsewhere is Iverson's bracket.
        if len(expression.args) == 2 and [value for value, _ in expression.args] == [1, 0]:
            return rf"\left[{self._print(expression.args[0][1])}\right]"
        return super()._print_Piecewise(expression)


def latex(expression: Basic) -> str:
    """LaTeX of an expression, free of the backslash pairs and spaces that Markdown would swallow."""
    text = _Printer({"symbol_names": SYMBOL_LATEX, "order": "rev-lex"}).doprint(expression)
    text = text.replace(r"\left((n\beta) \right)", r"\left(n\beta \right)")
    return re.sub(r"\\, ?", " ", text).replace("\\\\", r"\cr ")


def readable(formula: Basic) -> Basic:
    """Rearrange signs and numbers of a formula's fractions: -a/(2 m - 2) becomes a/(2 (1 - m)).

    Raises
    ------
    DerivationError
        If the rearranged formula cannot be shown to be the given one.
    """
    if isinstance(formula, Eq):
        return Eq(readable(formula.lhs), readable(formula.rhs), evaluate=False)
    if not isinstance(formula, Expr) or not formula.atoms(Pow) or isinstance(formula, sympy.MatrixExpr):
        return formula
    shown = _rearranged(formula)
    if shown == formula:
        return formula
    return shown


def _rearranged(expression: Expr) -> Expr:
    if expression.is_Atom or isinstance(expression, (sympy.Integral, sympy.Derivative)):
        return expression
    if not isinstance(expression, (Add, Mul, Pow)):
        return expression
    parts = [_rearranged(part) for part in expression.args]  # pyright: ignore[reportArgumentType]
    if isinstance(expression, Pow):
        return Pow(*parts)
    rebuilt = expression.func(*parts)
    return _positive_denominators(rebuilt) if isinstance(rebuilt, (Mul, Pow)) else rebuilt


def _positive_denominators(product: Expr) -> Expr:
    """Take whole numbers out of the sums in the denominator; give them the sign that rids the product of its minus."""
    number, rest = product.as_coeff_Mul()
    sums, others = [], []
    for factor in Mul.make_args(rest):
        base, power = factor.as_base_exp()
        if isinstance(base, Add) and power.is_Integer and power.is_negative:
            content, inner = base.primitive()
            if content.is_Integer:
                number *= content**power
            else:
                inner = base
            sums.append((inner, power))
        else:
            others.append(factor)
    # A sum may turn its sign if that makes its constant positive; one minus momentum or decay goes first.
    turnable = [i for i, (base, power) in enumerate(sums) if power.is_odd and base.as_coeff_Add()[0].is_negative]
    turnable.sort(key=lambda i: sums[i][0].free_symbols.isdisjoint(_BELOW_ONE))
    if not sums:
        return product
    count = len(turnable)
    if (count % 2 == 1) != bool(number.is_negative):
        count -= 1
    for i in turnable[: max(count, 0)]:
        base, power = sums[i]
        sums[i] = (-base, power)
        number = -number
    turned = Mul(number, *others, *(Pow(base, power) for base, power in sums))
    # One over both: their denominators hold the sums, which multiply out.
    demand_zero(1 / turned - 1 / product, "rearranged for display")
    return turned


_BELOW_ONE = {symbol for symbol in SYMBOL_LATEX if symbol.name in {"momentum", "decay"}}  # pyright: ignore
