"""Lower bounds of energies by powers of single coordinates: L >= Σ a_i |w_i|^p_i - b, or with logarithms.

Between an energy and such a bound stand sums of terms c ∏ x_i^m_i in the sizes x_i = |w_i|, with rational powers and
coefficients of either sign (:data:`Terms`). Whether the positive terms outweigh the negative ones is decided by their
powers alone where a negative term lies inside the Newton polytope, by their coefficients where it lies on its
boundary; both by the inequality of weighted means, so every constant is explicit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.special import gammaln

__all__ = ["LowerBound", "Terms", "least_of", "outweighed", "separable", "weights_of"]

Array = NDArray[np.float64]
Powers = tuple[Fraction, ...]
Terms = Mapping[Powers, float]  # Σ coefficient ∏ x_i^power over x >= 0

ON_THE_BOUNDARY = 1e-7  # how near to 1 a sum of weights counts as 1
MOST_USED_UP = 1 - 1e-6  # of a positive term on the boundary, by negative ones


@dataclass(frozen=True)
class LowerBound:
    """L(w) >= Σ_i g_i(|w_i|) - constant, everywhere.

    Attributes
    ----------
    amounts, powers
        g_i(x) = amount x^power, or amount log(1 + x^power) where ``logarithmic``; each of length d, positive.
    constant
        In units of loss.
    logarithmic
        Whether the growth is that of a logarithm.
    """

    amounts: tuple[float, ...]
    powers: tuple[float, ...]
    constant: float
    logarithmic: bool = False

    def __call__(self, points: Array) -> Array:
        """The bound at points (..., d)."""
        grown = np.abs(points) ** np.array(self.powers)
        return (np.array(self.amounts) * (np.log1p(grown) if self.logarithmic else grown)).sum(axis=-1) - self.constant

    def reach(self, level: float) -> Array:
        """Sizes of the coordinates, shape (d,), beyond which the energy is above a level."""
        share = max(level + self.constant, 0.0) / np.array(self.amounts)
        with np.errstate(over="ignore"):
            return (np.expm1(share) if self.logarithmic else share) ** (1 / np.array(self.powers))

    def log_integral(self, temperature: float) -> float:
        """An upper bound of log ∫ exp(-L/temperature) over the whole space; infinite where there is none."""
        return float(self._log_integrals(np.array([temperature]))[0])

    def _log_integrals(self, temperatures: Array) -> Array:
        """The same at temperatures of shape (n,)."""
        total = self.constant / temperatures
        for amount, power in zip(self.amounts, self.powers, strict=True):
            strength = amount / temperatures
            if self.logarithmic:
                # [eq:logarithmic-growth-integral]
                room = np.where(strength * power > 1, strength - 1 / power, np.nan)
                own = math.log(2 / power) + gammaln(1 / power) + gammaln(room) - gammaln(strength)
                total = total + np.where(np.isnan(room), np.inf, own)
            else:
                total = total + math.log(2) + gammaln(1 + 1 / power) - np.log(strength) / power
        return total

    def log_mass_beyond(self, level: float, temperature: float) -> float:
        """An upper bound of the log of the integral of exp(-L/temperature) over any part of the space above a level.

        Above it exp(-L/T) <= exp(-(1-s) level/T) exp(-s L/T) for every share s; the best of many is taken
        [eq:mass-beyond-a-level]. For logarithms the part within a reach and what lies beyond it are bounded apart.
        """
        shares = np.concatenate([np.geomspace(1e-9, 0.1, 40), np.linspace(0.12, 1.0, 45)])
        best = float((-(1 - shares) * level / temperature + self._log_integrals(temperature / shares)).min())
        whole = self.log_integral(temperature)
        if not self.logarithmic or not math.isfinite(whole):
            return best
        for high in level + temperature * np.linspace(-20.0, 20.0, 41):
            reach = self.reach(high)
            if not ((reach > 1) & (reach < 1e150)).all():
                continue
            tails = []
            for amount, power, edge in zip(self.amounts, self.powers, reach, strict=True):
                steep = amount * power / temperature
                # One coordinate's share of the whole integral, from ∫_R x^-ps dx.
                alone = LowerBound((amount,), (power,), 0.0, True).log_integral(temperature)
                tails.append(math.log(2 / (steep - 1)) + (1 - steep) * math.log(edge) - alone)
            inside = float(np.log(2 * reach).sum()) - level / temperature
            best = min(best, float(np.logaddexp(inside, whole + np.logaddexp.reduce(tails))))
        return best

    def words(self, names: Sequence[str]) -> str:
        """The bound as a formula."""
        parts = []
        for name, amount, power in zip(names, self.amounts, self.powers, strict=True):
            grown = f"|{name}|" + ("" if power == 1 else f"**{power:.4g}")
            parts.append(f"{amount:.3g} " + (f"log(1 + {grown})" if self.logarithmic else grown))
        sign = "-" if self.constant > 0 else "+"
        return " + ".join(parts) + (f" {sign} {abs(self.constant):.3g}" if self.constant else "")

    def weakest(self, other: LowerBound) -> LowerBound:
        """A bound below both."""
        if self.logarithmic != other.logarithmic:
            one, two = (self, other) if self.logarithmic else (other, self)
            # x^p >= log(1 + x^p)
            return one.weakest(LowerBound(two.amounts, two.powers, two.constant, True))
        amounts = tuple(map(min, self.amounts, other.amounts))
        powers = tuple(map(min, self.powers, other.powers))
        # x^p >= x^q - 1 and log(1+x^p) >= log(1+x^q) - log 2 where p >= q.
        lost = math.log(2) if self.logarithmic else 1.0
        slack = [
            lost * a * any(p != q for q in (p1, p2))
            for a, p, p1, p2 in zip(amounts, powers, self.powers, other.powers, strict=True)
        ]
        return LowerBound(amounts, powers, max(self.constant, other.constant) + sum(slack), self.logarithmic)


def weights_of(power: Powers, by: Sequence[Powers]) -> Array | None:
    """Weights λ >= 0 with a small sum and power = Σ λ_v v; None if there are none.

    The smallest sum, unless powers of single coordinates already give one below 1.
    """
    weights = np.zeros(len(by))
    used = {i for i, x in enumerate(power) if x}
    highest: dict[int, tuple[Fraction, int]] = {}
    for k, v in enumerate(by):
        alone = [i for i, x in enumerate(v) if x]
        if len(alone) == 1 and alone[0] in used:
            highest[alone[0]] = max(highest.get(alone[0], (v[alone[0]], k)), (v[alone[0]], k))
    if len(highest) == len(used):
        for i in used:
            weights[highest[i][1]] = float(power[i] / highest[i][0])
        if weights.sum() < 1 - ON_THE_BOUNDARY or len(power) > 12:
            return weights
    usable = [k for k, v in enumerate(by) if all(i in used for i, x in enumerate(v) if x)]
    if not usable:
        return None
    columns = np.array([[float(by[k][i]) for k in usable] for i in sorted(used)])
    wanted = [float(power[i]) for i in sorted(used)]
    found = scipy.optimize.linprog(np.ones(len(usable)), A_eq=columns, b_eq=wanted, method="highs")
    if found.status != 0:
        return None
    weights[:] = 0.0
    weights[usable] = np.where(found.x > 1e-12, found.x, 0.0)
    return weights


def outweighed(terms: Terms) -> tuple[dict[Powers, float], float] | None:
    """Positive terms that are left, and a constant, with Σ terms >= Σ left - constant everywhere; or None.

    Every negative term is a weighted mean of positive ones, and of the constant where it lies inside the Newton
    polytope; there it costs as little as is wished, on the boundary it costs what its coefficient says.
    """
    zero = tuple(Fraction(0) for _ in next(iter(terms), ()))
    positive = {v: c for v, c in terms.items() if c > 0 and v != zero}
    constant = -terms.get(zero, 0.0)
    inside, used = [], dict.fromkeys(positive, 0.0)
    by = list(positive)
    for power, c in terms.items():
        if c >= 0 or power == zero:
            continue
        weights = weights_of(power, by)
        if weights is None or weights.sum() > 1 + ON_THE_BOUNDARY:
            return None
        if weights.sum() < 1 - ON_THE_BOUNDARY:
            inside.append((-c, weights))
            continue
        size = math.exp(sum(w * math.log(positive[v]) for v, w in zip(by, weights, strict=True) if w))
        for v, w in zip(by, weights, strict=True):
            used[v] += -c / size * w
    if max(used.values(), default=0.0) > MOST_USED_UP:
        return None
    left = {v: c * (1 - used[v]) for v, c in positive.items()}
    users = np.zeros(len(by))
    for _, weights in inside:
        users += weights > 0
    spend = np.array([left[v] for v in by]) / (2 * np.maximum(users, 1.0))
    for c, weights in inside:
        held = weights > 0
        rest = 1 - weights.sum()
        log_size = math.log(c) - float((weights[held] * np.log(spend[held] / weights[held])).sum())
        if not log_size / rest < 600:
            return None
        constant += rest * math.exp(log_size / rest)
    return {v: c - s * n for (v, c), s, n in zip(left.items(), spend, users, strict=True)}, constant


def least_of(terms: Terms) -> float:
    """A lower bound of Σ terms over all x >= 0; -inf where none is found."""
    found = outweighed(terms)
    return -math.inf if found is None else -found[1]


def separable(terms: Terms) -> LowerBound | None:
    """The bound by single coordinates that Σ terms gives, or None where some coordinate has no power of its own."""
    found = outweighed(terms)
    if found is None:
        return None
    left, constant = found
    dimension = len(next(iter(left), ()))
    best: list[tuple[Fraction, float] | None] = [None] * dimension
    for powers, c in left.items():
        alone = [i for i, p in enumerate(powers) if p]
        if len(alone) == 1 and c > 0:
            own = (powers[alone[0]], c)
            best[alone[0]] = max(best[alone[0]] or own, own)
    if not dimension or any(b is None for b in best):
        return None
    return LowerBound(tuple(float(b[1]) for b in best if b), tuple(float(b[0]) for b in best if b), float(constant))
