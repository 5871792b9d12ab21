"""Bounds of expressions from below and above by powers of the sizes of their coordinates.

On one orthant, or wherever no sign is known, an expression is enclosed term by term: exponentials are positive and
outgrow every power, squares and logarithms of 1 + squares are nowhere negative, sines and hyperbolic tangents stay
between -1 and 1, logarithms stay below every power. What cannot be bounded has no bound, which proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import sympy

from .damping import by_bump, by_growth, exponent_of, least_quadratic
from .lower_bounds import LowerBound, Terms, least_of, outweighed, separable

__all__ = ["Sides", "plus"]

Pair = tuple[Terms | None, Terms | None]
WITHIN: dict[type, float] = {sympy.sin: 1.0, sympy.cos: 1.0, sympy.tanh: 1.0, sympy.erf: 1.0, sympy.atan: math.pi / 2}
ODD = (sympy.tanh, sympy.erf, sympy.atan)  # of the sign of what they are taken of
MOST_TERMS = 400
SLOW = Fraction(1, 8)  # a logarithm is bounded by powers up to this


def plus(*parts: Terms | None) -> Terms | None:
    """The sum of terms; None where one is not known."""
    total: dict = {}
    for part in parts:
        if part is None:
            return None
        for powers, c in part.items():
            total[powers] = total.get(powers, 0.0) + c
    return {powers: c for powers, c in total.items() if c}


def times(terms: Terms, factor: float) -> Terms:
    """Multiply by a number that is not negative."""
    return {powers: c * factor for powers, c in terms.items()} if factor else {}


def multiplied(first: Terms, second: Terms) -> Terms | None:
    """The product of two sums; None where it is too long."""
    if len(first) * len(second) > MOST_TERMS:
        return None
    return plus(
        *(
            {tuple(a + b for a, b in zip(p, q, strict=True)): c * k}
            for (p, c), (q, k) in product(first.items(), second.items())
        )
    )


class Sides:
    """Lower and upper bounds of expressions where every coordinate has a known sign, or any.

    Parameters
    ----------
    coordinates
        d symbols.
    signs
        For each +1 or -1 for a half line, 0 for the whole.
    """

    def __init__(self, coordinates: Sequence[sympy.Symbol], signs: Sequence[int]) -> None:
        self.coordinates = tuple(coordinates)
        self.signs = tuple(signs)
        self.highest = 2  # power that an exponential must outgrow
        self._known: dict[sympy.Expr, Pair] = {}
        self._least: dict[sympy.Expr, float] = {}

    def constant(self, value: float) -> Terms:
        """A number as terms."""
        return {tuple(Fraction(0) for _ in self.coordinates): value} if value else {}

    def lower(self, expression: sympy.Expr) -> Terms | None:
        """Terms that are nowhere above the expression, or None."""
        return self.both(expression)[0]

    def upper(self, expression: sympy.Expr) -> Terms | None:
        """Terms that are nowhere below the expression, or None."""
        return self.both(expression)[1]

    def least(self, expression: sympy.Expr) -> float:
        """A number that is nowhere above the expression; -inf where none is known."""
        if expression not in self._least:
            found = self.lower(expression)
            known = -math.inf if found is None else least_of(found)
            known = max(known, 0.0) if known < 0 and self._is_square_like(expression) else known
            if expression.is_Add:
                known = max(known, sum(self.least(term) for term in expression.args))
            elif not expression.free_symbols:
                known = float(sympy.N(expression, 30))
            self._least[expression] = max(known, least_quadratic(expression, self.coordinates))
        return self._least[expression]

    def most(self, expression: sympy.Expr) -> float:
        """A number that is nowhere below the expression; inf where none is known."""
        found = self.upper(expression)
        known = math.inf if found is None else -least_of({p: -c for p, c in found.items()})
        return min(known, -least_quadratic(-expression, self.coordinates))

    def is_nonnegative(self, expression: sympy.Expr) -> bool:
        """Whether the expression is known to be nowhere negative."""
        return self._is_square_like(expression) or self.least(expression) >= 0

    def is_positive(self, expression: sympy.Expr) -> bool:
        """Whether the expression is known to be positive everywhere."""
        return self.least(expression) > 0 or self._log_of_positive(expression)

    def both(self, expression: sympy.Expr) -> Pair:
        """Terms below and above the expression."""
        if expression not in self._known:
            low, high = self._both(expression)
            self._known[expression] = (_finite(low), _finite(high))
        return self._known[expression]

    # ---- by the kind of expression ---------------------------------------------------------------------------------
    def _both(self, e: sympy.Expr) -> Pair:
        if not e.free_symbols:
            value = float(sympy.N(e, 30))
            return self.constant(value), self.constant(value)
        if e.is_polynomial(*self.coordinates):
            return self._polynomial(e)
        if e.is_Add:
            parts = [self.both(term) for term in e.args]
            return plus(*(low for low, _ in parts)), plus(*(high for _, high in parts))
        if e.is_Mul:
            return self._product(e)
        if isinstance(e, sympy.Abs):
            return self._size(e.args[0])
        if isinstance(e, sympy.exp):
            return self._exponential(e.args[0])
        if e.is_Pow and e.exp.is_Rational:
            return self._power(e.base, e.exp)
        if isinstance(e, sympy.log):
            return self._logarithm(e.args[0])
        if isinstance(e, sympy.cosh | sympy.sinh):
            return self.both(e.rewrite(sympy.exp))
        if type(e) in WITHIN:
            most = self.constant(WITHIN[type(e)])
            if isinstance(e, ODD):
                if self.is_nonnegative(e.args[0]):
                    return {}, most
                if self.is_nonnegative(-e.args[0]):
                    return _negated(({}, most))
            return _negated((most, most))[0], most
        return None, None

    def is_finite(self, e: sympy.Expr) -> bool:
        """Whether the expression is known to be a finite real number everywhere."""
        if not e.free_symbols or e.is_polynomial(*self.coordinates):
            return bool(e.is_real or e.free_symbols)
        if not all(self.is_finite(a) for a in e.args):
            return False
        if e.is_Pow and e.exp.is_Rational:
            whole = e.exp.is_Integer
            return (whole or self.is_nonnegative(e.base)) if e.exp > 0 else self.least(e.base) > 0
        if isinstance(e, sympy.log):
            return self.is_positive(e.args[0])
        return e.is_Add or e.is_Mul or type(e) in (*WITHIN, sympy.exp, sympy.cosh, sympy.sinh, sympy.Abs)

    def _log_of_positive(self, e: sympy.Expr) -> bool:
        """An exponential, or a sum of such and of positive numbers, is positive although nothing is below it."""
        parts = self._exponentials(e)
        return all(n.is_positive and (rest == 1 or isinstance(rest, sympy.exp)) for n, rest in parts)

    def _exponentials(self, e: sympy.Expr) -> list[tuple[sympy.Expr, sympy.Expr]]:
        """Terms as a number times the rest, products of exponentials joined."""
        terms = sympy.Add.make_args(sympy.expand(e.rewrite(sympy.exp) if e.has(sympy.cosh, sympy.sinh) else e))
        parts = [t.as_independent(*self.coordinates, as_Add=False) for t in terms]
        return [(number, sympy.powsimp(rest)) for number, rest in parts]

    def _polynomial(self, e: sympy.Expr) -> Pair:
        low: dict = {}
        high: dict = {}
        for powers, c in sympy.Poly(e, *self.coordinates).terms():
            value, key = float(c), tuple(map(Fraction, powers))
            odd = [sign for sign, power in zip(self.signs, powers, strict=True) if power % 2]
            known = math.prod(odd)
            low[key] = known * value if known else -abs(value)
            high[key] = known * value if known else abs(value)
        return plus(low), plus(high)

    def _magnitudes(self, e: sympy.Expr) -> tuple[Terms | None]:
        """Terms with positive coefficients above |e|."""
        low, high = self.both(e)
        if low is None or high is None:
            return (None,)
        return ({p: max(abs(low.get(p, 0.0)), abs(high.get(p, 0.0))) for p in {*low, *high}},)

    def _product(self, e: sympy.Expr) -> Pair:
        number, rest = e.as_coeff_Mul()
        if number != 1:
            low, high = self.both(rest)
            size = abs(float(number))
            sides = (None if low is None else times(low, size), None if high is None else times(high, size))
            return sides if number > 0 else _negated(sides)
        numerator, denominator = sympy.fraction(e)
        if denominator.free_symbols and (divided := self._divided(numerator, denominator)) is not None:
            return divided
        exponents = [f.args[0] for f in e.args if isinstance(f, sympy.exp)]
        if len(exponents) > 1:
            others = [f for f in e.args if not isinstance(f, sympy.exp)]
            return self.both(sympy.Mul(*others, sympy.exp(sympy.Add(*exponents), evaluate=False)))
        rest, most = self._share(e.args)
        if most < math.inf:
            (size,) = self._magnitudes(sympy.Mul(*rest))
            if size is None:
                return None, None
            high = times(size, most)
            return ({} if self.is_nonnegative(sympy.Mul(*rest)) else _negated((high, high))[0]), high
        flipped = [self.is_nonnegative(-f) and not self.is_nonnegative(f) for f in e.args]
        factors = [-f if flip else f for f, flip in zip(e.args, flipped, strict=True)]
        return _negated(self._product_of(factors)) if sum(flipped) % 2 else self._product_of(factors)

    def _product_of(self, factors: Sequence[sympy.Expr]) -> Pair:
        exact: Terms | None = self.constant(1.0)
        for sides in map(self.both, factors):
            exact = multiplied(exact, sides[0]) if exact is not None and sides[0] and sides[0] == sides[1] else None
        if exact is not None:
            return exact, exact
        high: Terms | None = self._damped(factors)
        if high is None:
            high = self.constant(1.0)
            for factor in factors:
                (size,) = self._magnitudes(factor)
                high = None if size is None or high is None else multiplied(high, size)
        if not all(self.is_nonnegative(f) for f in factors):
            return (None if high is None else {p: -c for p, c in high.items()}), high
        return self._product_of_nonnegative(factors), high

    def _damped(self, factors: Sequence[sympy.Expr]) -> Terms | None:
        """Above |∏ factors| where one of them falls off and so bounds powers of the others."""
        for damping in factors:
            if (known := exponent_of(damping)) is None:
                continue
            sizes: Terms | None = self.constant(1.0)
            for factor in factors:
                (own,) = self._magnitudes(factor) if factor is not damping else (self.constant(1.0),)
                sizes = None if own is None or sizes is None else multiplied(sizes, own)
            if sizes is None:
                continue
            if (bounded := by_bump(sizes, known[0], self.coordinates)) is not None:
                return bounded
            low = self.lower(known[0])
            found = None if low is None else outweighed(low)
            if found is not None and any(any(p) for p in found[0]) and found[1] < 600:
                return times(by_growth(sizes, found[0]), math.exp(found[1]) * known[1])
        return None

    def _share(self, factors: Sequence[sympy.Expr]) -> tuple[list[sympy.Expr], float]:
        """What is left of the factors without exp(n u) / (k exp(u) + ...)^n, and (1/k)^n, which is above that."""
        for below in factors:
            if not (below.is_Pow and below.base.is_Add and below.exp.is_Integer and below.exp < 0):
                continue
            if not self._log_of_positive(below.base):
                continue
            for number, rest in self._exponentials(below.base):
                for above in factors:
                    if isinstance(above, sympy.exp) and sympy.expand(above.args[0] + below.exp * _argument(rest)) == 0:
                        return [f for f in factors if f not in (above, below)], float(number**below.exp)
        return list(factors), math.inf

    def _product_of_nonnegative(self, factors: Sequence[sympy.Expr]) -> Terms:
        """The product of bounds that are positive, or of what is surely positive and one factor's bound, or 0."""
        least = [max(self.least(f), 0.0) for f in factors]
        best: Terms | None = self.constant(1.0)
        for floor, low in zip(least, map(self.lower, factors), strict=True):
            found = outweighed(low) if low and any(c < 0 for c in low.values()) else None
            low = found[0] if found is not None and found[1] <= 0 else low
            positive = low if low and all(c > 0 for c in low.values()) else self.constant(floor)
            best = None if best is None else multiplied(best, positive)
        best = best or {}
        for i, factor in enumerate(factors):
            others = math.prod(x for k, x in enumerate(least) if k != i)
            low = self.lower(factor)
            if others > 0 and low is not None and _height(low) > _height(best):
                best = times(low, others)
        return best

    def _divided(self, numerator: sympy.Expr, denominator: sympy.Expr) -> Pair | None:
        """A quotient of polynomials in one coordinate: what it tends to, and a bounded rest."""
        used = sorted((numerator * denominator).free_symbols, key=str)
        if len(used) != 1 or not (numerator.is_polynomial(*used) and denominator.is_polynomial(*used)):
            return None
        whole, rest = sympy.div(sympy.Poly(numerator, *used), sympy.Poly(denominator, *used))
        floor = self.least(sympy.expand(denominator))
        (size,) = self._magnitudes(rest.as_expr())
        below = self.lower(sympy.expand(denominator))
        if not floor > 0 or size is None or below is None or (found := outweighed(below)) is None:
            return None
        # |r/q| <= Σ r_m x^m / q: where x <= R by the floor of q, beyond by its leading power, R such that half of it
        # is left.
        degree = sympy.Poly(denominator, *used).degree()
        i = self.coordinates.index(used[0])
        leading = sum(c for p, c in found[0].items() if p[i] == degree and sum(p) == degree)
        if not leading > 0:
            return None
        edge = max(floor / leading, 2 * max(found[1], 0.0) / leading) ** (1 / degree)
        most = sum(
            c * edge ** float(p[i]) / floor + 2 * c * edge ** float(p[i] - degree) / leading for p, c in size.items()
        )
        low, high = self.both(whole.as_expr())
        return plus(low, self.constant(-most)), plus(high, self.constant(most))

    def _size(self, inner: sympy.Expr) -> Pair:
        low, high = self.both(inner)
        (most,) = self._magnitudes(inner)
        if self.is_nonnegative(inner):
            return low, high
        if self.is_nonnegative(-inner):
            return _negated((low, high))
        options = [{}, *(t for t in (low, None if high is None else {p: -c for p, c in high.items()}) if t is not None)]
        if inner.is_polynomial(*self.coordinates):  # a sum is at least one term less all others
            sizes = {tuple(map(Fraction, p)): abs(float(c)) for p, c in sympy.Poly(inner, *self.coordinates).terms()}
            options += [{p: c if p == one else -c for p, c in sizes.items()} for one in sizes]
        return max(options, key=_height), most

    def _exponential(self, inner: sympy.Expr) -> Pair:
        low, most = self.lower(inner), self.most(inner)
        high = self.constant(math.exp(most)) if most < 600 else None
        found = None if low is None else outweighed(low)
        if found is None:
            return {}, high
        left, constant = found
        growing = {p: c for p, c in left.items() if any(p)}
        if not growing:
            return self.constant(math.exp(min(-constant, 600.0))), high
        smallest = min(sum(p) for p in growing)
        n = math.ceil(self.highest / smallest) + 1
        if n < 2:
            return plus(self.constant(1.0), low), high  # exp(u) >= 1 + u
        raised = {tuple(n * x for x in p): c**n / math.factorial(n) for p, c in growing.items()}
        if constant < 5:
            # exp(u) >= 1 + u^n/n! for u >= 0, and (Σ c x^p)^n >= Σ c^n x^np.
            factor = math.exp(-constant)
            return plus(self.constant(factor), times(raised, factor)), high
        # exp(u) >= u^n/n! for u >= 0, and (v - C)^n >= 2^(1-n) v^n - C^n.
        lost = constant**n / math.factorial(n)
        return plus(times(raised, 2.0 ** (1 - n)), self.constant(-lost)), high

    def _power(self, base: sympy.Expr, exponent: sympy.Rational) -> Pair:
        r = Fraction(int(exponent.p), int(exponent.q))
        if exponent.is_Integer and exponent > 0:
            return self._whole_power(base, int(exponent))
        floor = self.least(base)
        if r < 0:
            if not floor > 0:
                return None, None
            return {}, self.constant(floor ** float(r))
        if not self.is_nonnegative(base):
            return None, None
        low, (high,) = self.lower(base), self._magnitudes(base)
        upper = None if high is None else times(_raised(high, r), len(high) ** max(float(r) - 1, 0.0))
        found = None if low is None else outweighed(low)
        if found is None:
            return {}, upper
        left, constant = found
        if constant <= 0:
            left = plus(left, self.constant(-constant)) or {}
        if not left:
            return {}, upper
        # (a - C)^r >= a^r - C^r for r <= 1, 2^(1-r) a^r - C^r beyond; (Σ a)^r >= Σ a^r / n^(1-r).
        share = len(left) ** min(float(r) - 1, 0.0) * 2 ** min(1 - float(r), 0.0)
        lost = self.constant(-(max(constant, 0.0) ** float(r)))
        return plus(times(_raised(left, r), share), lost), upper

    def _whole_power(self, base: sympy.Expr, n: int) -> Pair:
        low, (size,) = self.lower(base), self._magnitudes(base)
        if low and low == self.upper(base):
            exact: Terms | None = self.constant(1.0)
            for _ in range(n):
                exact = None if exact is None else multiplied(exact, low)
            if exact is not None:
                return exact, exact
        high = self.constant(1.0)
        for _ in range(n):
            high = None if size is None or high is None else multiplied(high, size)
        if self.is_nonnegative(base) and low is not None and (found := outweighed(low)) is not None:
            left, constant = found
            lost = self.constant(-(max(constant, 0.0) ** n))
            return plus(times(_raised(left, Fraction(n)), 2.0 ** (1 - n)), lost), high
        if n % 2 == 0:
            return self._even_power(base, n), high
        return None if high is None else {p: -c for p, c in high.items()}, high

    def _even_power(self, base: sympy.Expr, n: int) -> Terms:
        """(p + q)^n for a polynomial p and a bounded q: at least p^n/2^(n-1) - max |q|^n."""
        terms = sympy.Add.make_args(base)
        main = sympy.Add(*(t for t in terms if t.is_polynomial(*self.coordinates) and t.free_symbols))
        rest = max(self.most(base - main), -self.least(base - main))
        low = self.lower(sympy.expand(main**n)) if main != 0 and rest < math.inf else None
        if low is None or base == main:
            return {}
        return plus(times(low, 2.0 ** (1 - n)), self.constant(-(rest**n))) or {}

    def _logarithm(self, inner: sympy.Expr) -> Pair:
        floor, most = self.least(inner), self.most(inner)
        if 0 < most < math.inf:  # bounded on both sides, or from above alone
            return (self.constant(math.log(floor)) if floor > 0 else None), self.constant(math.log(most))
        terms = self._exponentials(inner)
        if any(isinstance(rest, sympy.exp) for _, rest in terms) and all(
            number.is_positive and self.is_nonnegative(rest) for number, rest in terms
        ):
            # A sum of positive terms is at least each of them: log Σ A exp(u) >= log A + u.
            options: list[Terms | None] = [self.constant(math.log(floor))] if floor > 0 else []
            sizes: list[Terms | None] = []
            for number, rest in terms:
                shift = math.log(float(number))
                if isinstance(rest, sympy.exp):
                    options.append(plus(self.lower(rest.args[0]), self.constant(shift)))
                    sizes.append(plus(*self._magnitudes(rest.args[0]), self.constant(abs(shift))))
                else:
                    size = self.most(rest)
                    sizes.append(self.constant(abs(math.log(size) + shift)) if 0 < size < math.inf else None)
            known = [t for t in options if t is not None]
            return (max(known, key=_height) if known else None), plus(self.constant(math.log(len(terms))), *sizes)
        if not floor > 0:
            return None, None
        (size,) = self._magnitudes(inner)
        if size is None:
            return self.constant(math.log(floor)), None
        top = max(*map(sum, size), Fraction(1))
        r = SLOW / top  # log y <= y^r / r
        return self.constant(math.log(floor)), times(_raised(size, r), 1 / float(r))

    def _is_square_like(self, e: sympy.Expr) -> bool:
        """Nowhere negative by its form."""
        if e.is_number:
            return bool(e >= 0)
        if e.is_Pow and e.exp.is_Rational:
            return (e.exp.is_Integer and e.exp % 2 == 0) or (
                self.is_nonnegative(e.base) if e.exp > 0 else self.least(e.base) > 0
            )
        if e.is_Add or e.is_Mul:
            return all(self._is_square_like(a) for a in e.args)
        if isinstance(e, sympy.log):
            return self.least(e.args[0] - 1) >= 0
        return isinstance(e, sympy.exp | sympy.cosh | sympy.Abs)

    # ---- growth like a logarithm -----------------------------------------------------------------------------------
    def logarithmic(self, expression: sympy.Expr) -> LowerBound | None:
        """A bound for a sum of logarithms whose other terms are bounded below."""
        terms = sympy.Add.make_args(expression)
        logs = [(t.as_coeff_Mul()) for t in terms if isinstance(t.as_coeff_Mul()[1], sympy.log)]
        rest = sum((self.least(t) for t in terms if not isinstance(t.as_coeff_Mul()[1], sympy.log)), 0.0)
        d = len(self.coordinates)
        amounts, powers, constant = [0.0] * d, [math.inf] * d, -rest
        for number, inner in logs:
            if number < 0 or not (floor := self.least(inner.args[0])) > 0:
                return None
            used = [i for i, w in enumerate(self.coordinates) if inner.has(w)]
            low = self.lower(inner.args[0])
            own = None if low is None else separable({tuple(p[i] for i in used): c for p, c in low.items()})
            if own is None:
                constant -= float(number) * math.log(floor)
                continue
            # P >= floor and P >= Σ a x^p - b, so P >= g (1 + Σ a x^p / a_0) with a share s of the second.
            least = min(own.amounts)
            share = floor / (floor + own.constant + least) if own.constant + least > 0 else 0.5
            constant -= float(number) * math.log(min(share * least, floor))
            for i, p in zip(used, own.powers, strict=True):
                amounts[i] += float(number) / len(used)
                powers[i] = min(powers[i], p)
        if not all(amounts) or not math.isfinite(constant):
            return None
        return LowerBound(tuple(amounts), tuple(powers), constant + math.log(2) * sum(amounts), True)


def _argument(e: sympy.Expr) -> sympy.Expr:
    """u of exp(u), 0 of 1."""
    return e.args[0] if isinstance(e, sympy.exp) else sympy.S.Zero


def _finite(terms: Terms | None) -> Terms | None:
    return terms if terms is not None and all(map(math.isfinite, terms.values())) else None


def _negated(sides: Pair) -> Pair:
    low, high = ((None if side is None else {p: -c for p, c in side.items()}) for side in sides)
    return high, low


def _raised(terms: Terms, r: Fraction) -> Terms:
    """Σ (c x^p)^r of positive terms."""
    return plus(*({tuple(x * r for x in p): c ** float(r)} for p, c in terms.items() if c > 0)) or {}


def _height(terms: Terms) -> tuple[float, float]:
    """The highest power with a positive coefficient that nothing negative tops, then that coefficient."""
    positive = max(((float(sum(p)), c) for p, c in terms.items() if c > 0 and any(p)), default=(0.0, 0.0))
    negative = max((float(sum(p)) for p, c in terms.items() if c < 0 and any(p)), default=0.0)
    return positive if positive[0] > negative else (-negative, 0.0)
