"""What matters of a prior density at a point: the factors that vanish there and their exponents.

Steps, absolute values and cases are read as what they are near the point; where they switch at the point itself the
prior is refused. Factors that do not vanish there must be continuous; the others must be powers of analytic functions.
A density may not be negative: the signs of all factors are followed, and a sign that is not known is passed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from sympy import Abs, Dummy, Expr, Integer, Rational, Symbol

from theory.learning_coefficient.algebraic import NotAlgebraicError, is_analytic_at, is_zero, sign, value_at
from theory.learning_coefficient.local_form import vanishing_order
from theory.learning_coefficient.local_pieces import local_piece


@dataclass(frozen=True)
class Prior:
    """`powers`: (coordinate, h) where the prior vanishes like |w_j - p_j|^h; `others`: vanishing factors that mix
    coordinates. `sign` is that of all factors but the `unsigned` ones, whose own sign is still to be shown.
    """

    powers: tuple[tuple[Symbol, Rational], ...] = ()
    others: tuple[tuple[Expr, Rational], ...] = ()
    sign: int = 1
    unsigned: tuple[tuple[Expr, Rational], ...] = ()

    def exponent(self, coordinate: Symbol) -> Rational:
        """Exponent h of |w_j - p_j| in the prior, 0 where it does not vanish."""
        return sum((h for c, h in self.powers if c == coordinate), Integer(0))

    def share_of_bounded(self) -> Rational:
        """What is left of a lower bound that holds for bounded priors: 1 + h for the most negative exponent h.

        By Hoelder: if K^(-z) is integrable for z < v and |w|^(h p) for p < 1/|h|, |w|^h K^(-z) is for z < v (1 + h).
        """
        return 1 + min([Integer(0), *[self.exponent(c) for c, _ in self.powers]])

    def mixed_in(self, coordinates: Sequence[Symbol]) -> bool:
        """Whether a vanishing factor ties several of the coordinates together."""
        return any(factor.free_symbols & set(coordinates) for factor, _ in self.others)

    def vanishes_in(self, coordinates: Sequence[Symbol]) -> bool:
        """Whether the prior vanishes along any of the coordinates."""
        return any(self.exponent(c) for c in coordinates) or self.mixed_in(coordinates)

    def all_factors(self, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> list[tuple[Expr, Rational]]:
        """Every vanishing factor in `coordinates`, the powers written as w_j - p_j."""
        places = dict(zip(coordinates, point, strict=True))
        powers = [(c - places[c], self.exponent(c)) for c in coordinates if self.exponent(c)]
        return powers + [(f, h) for f, h in self.others if f.free_symbols & set(coordinates)]


class _Reader:
    """Gathers the factors of one prior at one point."""

    def __init__(self, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> None:
        self.coordinates, self.point = tuple(coordinates), tuple(point)
        self.powers: dict[Symbol, Rational] = {}
        self.odd: dict[Symbol, bool] = {}
        self.others: list[tuple[Expr, Rational]] = []
        self.unsigned: list[tuple[Expr, Rational]] = []
        self.sign = 1
        self.negative: Expr | None = None  # a factor to name should the whole be negative

    def add(self, part: Expr) -> None:
        """Take one factor of the prior into account."""
        base, exponent = part.as_base_exp()
        absolute = isinstance(base, Abs)
        inside = base.args[0] if absolute else base
        varies = bool(exponent.free_symbols) or not base.free_symbols
        if varies or not self._vanishes(inside, part):
            if not _is_continuous_at(part, self.coordinates, self.point):
                raise ValueError(f"prior: factor {part} is not known to be continuous at {self.point}")
            self._multiply_sign(part, sign(value_at(part, self.coordinates, self.point)))
            return
        if not exponent.is_Rational:
            raise ValueError(f"prior: factor {part} has exponent {exponent}; expected a rational exponent above -1")
        if not is_analytic_at(inside, self.coordinates, self.point):
            raise ValueError(f"prior: factor {part} vanishes at the point and is no power of an analytic function")
        symbols = [c for c in self.coordinates if inside.has(c)]
        signed = not absolute and not (exponent.is_Integer and exponent % 2 == 0)
        if len(symbols) > 1:
            if exponent < 0:
                raise ValueError(
                    f"prior: factor {part} has exponent {exponent} and mixes coordinates; expected an exponent >= 0 "
                    "(negative ones of single coordinates and of boundaries of a domain)"
                )
            self.others.append((inside, exponent))
            if signed:
                self.unsigned.append((inside, exponent))
            return
        symbol = symbols[0]
        place = self.point[self.coordinates.index(symbol)]
        order = vanishing_order(inside, symbol, place)
        self.powers[symbol] = self.powers.get(symbol, Integer(0)) + exponent * order
        if signed:
            self._follow_sign(part, symbol, order, exponent, sign(_derivative(inside, symbol, place, order)))

    def _multiply_sign(self, part: Expr, factor_sign: int) -> None:
        self.sign *= factor_sign
        if factor_sign <= 0:
            self.negative = part

    def _vanishes(self, inside: Expr, part: Expr) -> bool:
        try:
            return is_zero(value_at(inside, self.coordinates, self.point))
        except (NotAlgebraicError, TypeError):
            raise ValueError(f"prior: the value of factor {part} at {self.point} is not known") from None

    def _follow_sign(self, part: Expr, symbol: Symbol, order: int, exponent: Rational, leading: int) -> None:
        """Sign of (leading (w - p)^order)^exponent, on either side of p."""
        if exponent.is_Integer:
            self._multiply_sign(part, leading)
            self.odd[symbol] = self.odd.get(symbol, False) != bool(order % 2)
        elif order % 2 or leading < 0:
            raise ValueError(f"prior: factor {part} is not real on every side of the point; write an Abs")


def _derivative(function: Expr, symbol: Symbol, place: Expr, order: int) -> Expr:
    return value_at(sympy.diff(function, symbol, order), (symbol,), (place,))


def read_prior(prior: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> Prior:
    """Split `prior` into its factors vanishing at `point`.

    Raises
    ------
    ValueError
        If the prior is negative, changes sign, is not known to be continuous, switches or vanishes identically at the
        point, has no finite mass there, or a factor with an irrational exponent, or a negative one that mixes
        coordinates.
    """
    here = local_piece("prior", prior, coordinates, point)
    if here == 0:
        raise ValueError("prior: is zero near the point; expected a density that is positive nearby")
    reader = _Reader(coordinates, point)
    for part in _parts(here):
        try:
            reader.add(part)
        except NotAlgebraicError as error:
            raise ValueError(f"prior: factor {part}: {error}") from None
    for symbol, exponent in reader.powers.items():
        if exponent <= -1:
            raise ValueError(
                f"prior: its exponent {exponent} of {symbol} at the point leaves no finite mass; expected above -1"
            )
    for symbol, odd in reader.odd.items():
        if odd:
            raise ValueError(
                f"prior: {prior} changes sign with {symbol} at the point; a density is never negative (write an Abs)"
            )
    if reader.sign <= 0 and not reader.unsigned:
        raise ValueError(f"prior: factor {reader.negative} is not positive at the point; a density must be")
    return Prior(tuple(reader.powers.items()), tuple(reader.others), reader.sign, tuple(reader.unsigned))


def _is_continuous_at(expression: Expr, coordinates: Sequence[Symbol], point: Sequence[Expr]) -> bool:
    """Whether an analytic function of the coordinates and of absolute values makes up the expression."""
    if not expression.free_symbols:
        return True
    names, places = list(coordinates), list(point)
    plain = expression
    for absolute in sorted(expression.atoms(Abs), key=sympy.default_sort_key):
        if not plain.has(absolute):  # inside another one
            continue
        if not _is_continuous_at(absolute.args[0], coordinates, point):
            return False
        stand_in = Dummy("absolute", real=True)
        plain = plain.xreplace({absolute: stand_in})
        names.append(stand_in)
        places.append(value_at(absolute, coordinates, point))
    return is_analytic_at(plain, names, places)


def _parts(prior: Expr) -> list[Expr]:
    """Factors of the prior, those inside absolute values one by one."""
    parts = []
    for part in sympy.Mul.make_args(_factorised(prior)):
        base, exponent = part.as_base_exp()
        if isinstance(base, Abs) and exponent.is_Rational:
            inside = [factor.as_base_exp() for factor in sympy.Mul.make_args(_factorised(base.args[0]))]
            if all(power.is_Rational for _, power in inside):
                parts += [Abs(factor) ** (power * exponent) for factor, power in inside]
                continue
        parts.append(part)
    return parts


def _factorised(prior: Expr) -> Expr:
    try:
        return sympy.factor(prior)
    except sympy.polys.polyerrors.PolynomialError:
        return prior
