"""Energies as a reader expects them: the highest power first."""

from __future__ import annotations

from typing import Any

import sympy
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter


def _degree(term: sympy.Expr) -> int:
    symbols = sorted(term.free_symbols, key=str)
    polynomial = term.as_poly(*symbols) if symbols else None
    return 0 if polynomial is None else int(polynomial.total_degree())


class _HighestFirst:
    def _as_ordered_terms(self, expression: sympy.Expr, order: Any = None) -> list[sympy.Expr]:
        return sorted(expression.as_ordered_terms(order), key=_degree, reverse=True)


class _Latex(_HighestFirst, LatexPrinter):
    pass


class _Text(_HighestFirst, StrPrinter):
    pass


def energy_latex(energy: sympy.Expr) -> str:
    r"""In LaTeX.

    Examples
    --------
    >>> w = sympy.Symbol("w")
    >>> energy_latex((w**2 - 1)**2 - 3*w/20)
    '\\left(w^{2} - 1\\right)^{2} - \\frac{3 w}{20}'
    """
    return _Latex().doprint(energy)


def energy_text(energy: sympy.Expr) -> str:
    """As Python writes it."""
    return _Text().doprint(energy)
