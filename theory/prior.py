"""What matters of a prior density at a point: the factors that vanish there and their exponents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from sympy import Abs, Expr, Integer, Rational, Symbol

from theory.algebraic import is_zero, sign, value_at
from theory.local_form import vanishing_order


@dataclass(frozen=True)
class Prior:
    """`powers`: (coordinate, h) where the prior vanishes like |w_j - p_j|^h; `others`: vanishing factors "
    "that mix coordinates.
    """

    powers: tuple[tuple[Symbol, Rational], ...]
    others: tuple[tuple[Expr, Rational], ...]

    def exponent(self, coordinate: Symbol) -> Rational:
        """Exponent h of |w_j - p_j| in the prior, 0 where it does not vanish."""
        return sum((h for c, h in self.powers if c == coordinate), Integer(0))

    def mixed_in(self, coordinates: Sequence[Symbol]) -> bool:
        """Whether a vanishing factor ties several of the coordinates together."""
        return any(factor.free_symbols & set(coordinates) for factor, _ in self.others)

    def vanishes_in(self, coordinates: Sequence[Symbol]) -> bool:
        """Whether the prior vanishes along any of the coordinates."""
        return any(self.exponent(c) for c in coordinates) or self.mixed_in(coordinates)

    def all_factors(self, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> list[tuple[Expr, Rational]]:
        """Every vanishing factor in `coordinates`, the powers written as w_j - p_j."""
        places = dict(zip(coordinates, point, strict=True))
        found = [(c - places[c], self.exponent(c)) for c in coordinates if self.exponent(c)]
        return found + [(f, h) for f, h in self.others if f.free_symbols & set(coordinates)]


def read_prior(prior: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> Prior:
    """Split `prior` into its factors vanishing at `point`; the others must be positive there.

    Raises
    ------
    ValueError
        If the prior is negative, holds unknown symbols, or has a factor with a negative or irrational exponent.
    """
    if prior.free_symbols - set(coordinates):
        unknown = ", ".join(sorted(map(str, prior.free_symbols - set(coordinates))))
        raise ValueError(f"prior: depends on {unknown}, which are no coordinates; substitute values")
    powers: dict[Symbol, Rational] = {}
    others: list[tuple[Expr, Rational]] = []
    for part in sympy.Mul.make_args(_factorised(prior)):
        base, exponent = part.as_base_exp()
        inside = base.args[0] if isinstance(base, Abs) else base
        if not inside.free_symbols or not is_zero(value_at(inside, coordinates, point)):
            if not isinstance(base, Abs) and sign(value_at(part, coordinates, point)) <= 0:
                raise ValueError(f"prior: factor {part} is not positive at the point; a density must be")
            continue
        if not exponent.is_Rational or exponent < 0:
            raise ValueError(f"prior: factor {part} has exponent {exponent}; expected a rational exponent >= 0")
        symbols = tuple(c for c in coordinates if inside.has(c))
        if len(symbols) == 1:
            (symbol,) = symbols
            order = vanishing_order(inside, symbol, point[list(coordinates).index(symbol)])
            powers[symbol] = powers.get(symbol, Integer(0)) + exponent * order
        else:
            others.append((inside, exponent))
    return Prior(tuple(powers.items()), tuple(others))


def _factorised(prior: Expr) -> Expr:
    try:
        return sympy.factor(prior)
    except sympy.polys.polyerrors.PolynomialError:
        return prior
