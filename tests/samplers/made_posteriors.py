"""Posteriors of layers and between walls, for the tests of Gibbs sampling."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import sympy
from scipy import stats

from slt_toys.potentials.phases import Phase
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import Gibbs, sample
from tests.samplers.checks import Array

CHAINS = 50_000
Boundary = Literal["natural", "reflecting"]
HALF = sympy.Rational(1, 2)


def potential_of(energy: sympy.Expr, names: str, box, boundary: Boundary = "natural", **parameters: float) -> Potential:
    coordinates = sympy.symbols(names, real=True, seq=True)
    phase = Phase("whole", (sympy.S.Zero,) * len(coordinates), sympy.true, sympy.S.Zero, HALF * len(coordinates))
    values = tuple((name, sympy.nsimplify(value)) for name, value in parameters.items())
    return Potential("test", energy, coordinates, values, (box,) * len(coordinates), (phase,), boundary)


def swept(
    potential: Potential, n_beta: float, start: Array, seed: int | list[int], sweeps: int = 1, width=None
) -> Array:
    return sample(
        potential, Gibbs(width), n_beta=n_beta, chains=len(start), steps=sweeps, thin=sweeps, seed=seed, initial=start,
        diagnose=False,
    )["w"].values[:, 0]  # fmt: skip


@lru_cache
def network() -> Potential:
    """Two layers of a linear network with weight decay: each layer is normal given the other."""
    a1, a2, b1, b2 = sympy.symbols("a1 a2 b1 b2", real=True)
    fit = (a1 * b1 + a2 * b2 - 1) ** 2 + (a1 * b2 - HALF) ** 2
    return potential_of(fit + (a1**2 + a2**2 + b1**2 + b2**2) / 5, "a1 a2 b1 b2", (-9.0, 9.0))


LOW, HIGH = -1.0, 2.0


def between_walls(a: float, b: float) -> Potential:
    w, p, q = sympy.symbols("w p q", real=True)
    return potential_of(p * w**2 + q * w, "w", (LOW, HIGH), "reflecting", p=a, q=b)


def exact_cut_normal(a: float, b: float):
    """scipy's laws, of which the far tail of a normal is an exponential to rounding."""
    if a > 0 and abs(b) < 1e4 * a:
        deviation, mean = (0.5 / a) ** 0.5, -0.5 * b / a
        return stats.truncnorm((LOW - mean) / deviation, (HIGH - mean) / deviation, mean, deviation)
    if b == 0:
        return stats.uniform(LOW, HIGH - LOW)
    falling = stats.truncexpon(abs(b) * (HIGH - LOW), 0, 1 / abs(b))

    class Reflected:
        def cdf(self, x):
            return falling.cdf(x - LOW) if b > 0 else 1 - falling.cdf(HIGH - x)

    return Reflected()
