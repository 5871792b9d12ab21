"""Energies with irrational coefficients, and the same in decimals."""

from __future__ import annotations

import sympy

w = sympy.Symbol("w", real=True)
pi, sqrt, Rational = sympy.pi, sympy.sqrt, sympy.Rational


def in_decimals(energy: sympy.Expr) -> sympy.Expr:
    """Every coefficient of the expanded energy to 40 digits, as a rational number."""
    symbols = sorted(energy.free_symbols, key=str)
    terms = sympy.Poly(sympy.expand(energy), *symbols).terms()
    return sympy.Add(*(
        Rational(str(sympy.N(c, 40))) * sympy.prod(s**e for s, e in zip(symbols, powers, strict=True))
        for powers, c in terms
    ))  # fmt: skip
