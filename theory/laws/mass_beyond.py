r"""How much mass can lie above a level, from a lower bound of the loss.

If L(w) >= a |w|^p - b everywhere, the integral of exp(-L/T) over any set of points above a level is bounded, whatever
the loss does there. So a box that holds every point below the level misses no more.
"""

from __future__ import annotations

import sympy
from sympy import Symbol, gamma

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand, demand_zero

_PLACE = Symbol("w", positive=True)
_LOSS = Symbol("L", real=True)


def derive_mass_above_a_level() -> Derivation:
    """exp(-(1-s) level/T) times the integral of exp(-s (a |w|^p - b)/T)."""
    a, p, b = s.growth_amount, s.growth_power, s.growth_constant
    t, level, share = s.temperature, s.loss_level, s.tail_share
    # The first factor falls with the loss, so above the level it is at most what it is there.
    first = sympy.exp(-(1 - share) * _LOSS / t)
    above = Symbol("u", positive=True)
    ratio = sympy.simplify(first.subs(_LOSS, level + above) / first.subs(_LOSS, level))
    demand_zero(ratio - sympy.exp(-(1 - share) * above / t), "the factor that falls with the loss")
    strength = Symbol("c", positive=True)
    for power in (1, 2, 4, sympy.Rational(1, 2)):
        exact = 2 * sympy.integrate(sympy.exp(-strength * _PLACE**power), (_PLACE, 0, sympy.oo))
        demand_zero(
            exact / (2 * gamma(1 + 1 / sympy.S(power)) * strength ** (-1 / sympy.S(power))) - 1, f"power {power}"
        )
    integral = 2 * gamma(1 + 1 / p) * (t / (share * a)) ** (1 / p)
    result = sympy.exp(-(1 - share) * level / t) * sympy.exp(share * b / t) * integral
    return Derivation.of(
        result,
        "For $0 < s \\le 1$ write the weight of a point as a product; above the level $\\ell$ the first factor is at "
        "most what it is there, whatever the loss:",
        sympy.Le(
            sympy.exp(-_LOSS / t), sympy.exp(-(1 - share) * level / t) * sympy.exp(-share * _LOSS / t), evaluate=False
        ),
        "In the second put $L \\ge a_p|w|^p - b$ and integrate over the whole line, by the Gamma integral (checked for "
        "$p = 1/2, 1, 2, 4$):",
        sympy.exp(share * b / t) * integral,
        "In more coordinates the integrals multiply. The best $s$ is looked for; a large $b$ wants a small one.",
    )


def derive_logarithmic_growth_integral() -> Derivation:
    """Integral of (1 + |w|^p)^(-a/T) over the line."""
    a, p, t = s.growth_amount, s.growth_power, s.temperature
    result = 2 / p * gamma(1 / p) * gamma(a / t - 1 / p) / gamma(a / t)
    for power, strength in ((1, 2), (1, 3), (2, 1), (2, 2), (2, 3)):
        exact = 2 * sympy.integrate((1 + _PLACE**power) ** -strength, (_PLACE, 0, sympy.oo))
        demand_zero(sympy.simplify(exact - result.subs({p: power, a: strength, t: 1})), f"power {power}, {strength}")
    edge = Symbol("R", positive=True)
    tail = sympy.integrate(_PLACE ** (-p * a / t), (_PLACE, edge, sympy.oo), conds="none")
    demand(sympy.simplify(tail.subs({p: 2, a: 1, t: 1}) - 1 / edge) == 0, "tail of the power")
    return Derivation.of(
        result,
        "A loss that grows like $a_p\\log(1+|w|^p)$ leaves a power of $|w|$. With $u = |w|^p/(1+|w|^p)$ it is a Beta "
        "integral (checked for five pairs of $p$ and $a_p/T$)",
        sympy.Integral((1 + _PLACE**p) ** (-a / t), (_PLACE, 0, sympy.oo)),
        "which exists only while $p\\,a_p > T$: hotter than $p\\,a_p$ there is no posterior on the line.",
    )


EQUATIONS = (
    Equation(
        "mass-beyond-a-level",
        "Mass above a level",
        s.mass_above,
        derive_mass_above_a_level,
        "A box must hold the mass, and nobody can look at every point outside it. A lower bound of the loss says how "
        "much the rest can weigh at most, in the units of the partition function.",
        {
            s.growth_amount: 1, s.growth_power: 2, s.growth_constant: 1, s.temperature: 1, s.loss_level: 30,
            s.tail_share: sympy.Rational(1, 10),
        },
    ),
    Equation(
        "logarithmic-growth-integral",
        "Partition function of logarithmic growth",
        s.growth_integral,
        derive_logarithmic_growth_integral,
        "Student's tails: the loss tends to infinity, and still a hot enough question has no answer.",
        {s.growth_amount: 1, s.growth_power: 2, s.temperature: 1},
    ),
)  # fmt: skip
