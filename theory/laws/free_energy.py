r"""Free energy of a phase at large n beta, from the poles of its zeta function.

With K = loss - loss of the phase, zeta(z) = integral of K^z times the prior. Its largest pole, at z = -lambda
of order m, fixes how much volume lies below a small loss, and so the free energy
-log integral exp(-n beta K) of the phase.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Expr, Rational, Symbol, gamma, log

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality
from theory.laws.normal_crossing import WATANABE, crossing_zeta

_HALF = Rational(1, 2)
_LEVEL = Symbol("t", positive=True)
_DEPTH = Symbol("u", positive=True)


@cache
def laplace_of_pole(order: int) -> tuple[Expr, Expr]:
    """(state density, exact Laplace transform) that belong to the pole 1 / (z + lambda)^order of a zeta function."""
    lam, x = s.learning_coefficient, s.n_beta
    density = _LEVEL ** (lam - 1) * (-log(_LEVEL)) ** (order - 1) / sympy.factorial(order - 1)
    # Mellin transform with t = e^(-u): integral_0^oo e^(-(z + lambda) u) u^(order-1) du / (order-1)!.
    moved = (density * _LEVEL**s.zeta_argument * _LEVEL).subs(_LEVEL, sympy.exp(-_DEPTH))
    exponent = Symbol("c", positive=True)
    moved = sympy.powsimp(sympy.expand_log(moved, force=True)).subs(lam, exponent - s.zeta_argument)
    mellin = sympy.integrate(sympy.simplify(moved), (_DEPTH, 0, sympy.oo))
    demand_zero(mellin - exponent**-order, f"state density of a pole of order {order}")
    power = Symbol("q", positive=True)
    # Powers of log t are derivatives of t^(q-1) by q: integral_0^oo e^(-x t) t^(q-1) dt = Gamma(q) x^(-q).
    base = sympy.integrate(_LEVEL ** (power - 1) * sympy.exp(-x * _LEVEL), (_LEVEL, 0, sympy.oo))
    demand_zero(base - gamma(power) * x**-power, "Gamma integral")
    transform = (-1) ** (order - 1) * sympy.diff(gamma(power) * x**-power, power, order - 1)
    return density, transform.subs(power, lam) / sympy.factorial(order - 1)


@cache
def derive_free_energy_constant() -> Derivation:
    """Constant of the free energy from the leading coefficient of the zeta function."""
    lam, x = s.learning_coefficient, s.n_beta
    for order in (1, 2, 3):
        _, transform = laplace_of_pole(order)
        large = Symbol("ell", positive=True)
        shape = sympy.expand(sympy.expand_log(transform * x**lam)).subs(log(x), large)
        leading = sympy.limit(shape / large ** (order - 1), large, sympy.oo)
        demand_zero(leading - gamma(lam) / gamma(order), f"leading partition function, order {order}")
    result = -log(s.pole_coefficient * gamma(lam) / gamma(s.multiplicity))
    return Derivation.of(
        result,
        "A pole $c_m/(z+\\lambda)^m$ of the zeta function is the Mellin transform of the state density (checked "
        "for $m = 1, 2, 3$)",
        s.pole_coefficient * _LEVEL ** (lam - 1) * (-log(_LEVEL)) ** (s.multiplicity - 1) / gamma(s.multiplicity),
        "Integrate it against $e^{-n\\beta t}$. Powers of $\\log t$ are derivatives by $\\lambda$ of the Gamma "
        "integral, whose largest term keeps all of them on $(n\\beta)^{-\\lambda}$:",
        s.pole_coefficient * gamma(lam) / gamma(s.multiplicity) * x**-lam * log(x) ** (s.multiplicity - 1),
        "Minus the logarithm of the factor in front is the constant.",
    )


def derive_phase_free_energy() -> Derivation:
    """Free energy of a phase: n beta L + lambda log n beta - (m - 1) log log n beta + C."""
    x, lam, m = s.n_beta, s.learning_coefficient, s.multiplicity
    constant = derive_free_energy_constant().result
    partition = sympy.exp(-x * s.loss) * sympy.exp(-constant) * x**-lam * log(x) ** (m - 1)
    result = x * s.loss + lam * log(x) - (m - 1) * log(log(x)) + s.free_energy_constant
    large = Symbol("u", positive=True)  # n beta > e, so that log log n beta is real
    difference = (-log(partition) - result.subs(s.free_energy_constant, constant)).subs(x, sympy.exp(large + 1))
    demand_zero(sympy.expand_log(difference, force=True), "minus log of the partition function")
    return Derivation.of(
        result,
        "With [eq:free-energy-constant] the partition function of the phase is asymptotically",
        sympy.exp(-x * s.loss) * sympy.exp(-s.free_energy_constant) * x**-lam * log(x) ** (m - 1),
        "and the free energy is minus its logarithm.",
    )


def derive_well_constant() -> Derivation:
    """Constant of the well a |w|^(2k): from the pole, and checked against the exact integral."""
    k, a, z = s.well_half_order, s.well_coefficient, s.zeta_argument
    w = Symbol("w", positive=True)
    zeta = 2 * s.prior_density * a**z * sympy.integrate(w ** (2 * k * z), (w, 0, 1))
    pole = 1 / (2 * k)
    coefficient = sympy.simplify(sympy.limit(zeta * (z + pole), z, -pole))
    general = derive_free_energy_constant().result
    constant = general.subs({s.pole_coefficient: coefficient, s.learning_coefficient: pole, s.multiplicity: 1})
    result = -log(2 * s.prior_density * gamma(1 + 1 / (2 * k)) * a ** (-1 / (2 * k)))
    demand_zero(sympy.exp(constant - result) - 1, "constant of the well")
    for order in (1, 2, 3):
        line = Symbol("w", real=True)
        exact = sympy.integrate(sympy.exp(-s.n_beta * a * line ** (2 * order)), (line, -sympy.oo, sympy.oo))
        expected = (sympy.exp(-result) / s.prior_density * s.n_beta ** (-pole)).subs(k, order)
        demand_zero(sympy.gammasimp(exact / expected) - 1, f"integral over the well, k = {order}")
    return Derivation.of(
        result,
        "Zeta function of $a|w|^{2k}$ on $[-1, 1]$ with prior density $\\varphi_0$",
        Eq(s.zeta, zeta),
        "has its pole at $-1/(2k)$ with coefficient",
        Eq(s.pole_coefficient, coefficient),
        "to be put into [eq:free-energy-constant] with $m=1$. The Gaussian-like integral agrees for $k=1,2,3$.",
    )


def derive_crossing_constant() -> Derivation:
    """Constant of w_1^(2k) w_2^(2k) on the unit square with uniform prior."""
    k, z = s.well_half_order, s.zeta_argument
    zeta = (
        crossing_zeta(2)
        .subs(dict.fromkeys(s.crossing_half_orders[:2], k))
        .subs(dict.fromkeys(s.prior_exponents[:2], 0))
    )
    pole = 1 / (2 * k)
    coefficient = sympy.simplify(sympy.limit(sympy.cancel(zeta * (z + pole) ** 2), z, -pole))
    general = derive_free_energy_constant().result
    result = general.subs({s.pole_coefficient: coefficient, s.learning_coefficient: pole, s.multiplicity: 2})
    return Derivation.of(
        result,
        "On $[0,1]^2$ both coordinates share the pole",
        equality(s.zeta, sympy.factor(zeta)),
        "which is double, with coefficient",
        Eq(s.pole_coefficient, coefficient),
        "On $[-1,1]^2$ the square counts four times: subtract $\\log 4$.",
    )


def derive_energy_law() -> Derivation:
    """Mean energy of a phase: n beta dF/d(n beta), with the first correction in 1/log(n beta)."""
    x, lam, m, c = s.n_beta, s.learning_coefficient, s.multiplicity, s.energy_offset
    shifted = lam * log(x) - (m - 1) * log(log(x) + c) + s.free_energy_constant
    result = lam - (m - 1) / (log(x) + c)
    demand_zero(x * sympy.diff(shifted, x) - result, "derivative of the free energy")
    return Derivation.of(
        result,
        "Beyond the leading term the logarithm comes with a constant, $\\log n\\beta + c$ "
        "([eq:energy-offset]). The energy is $n\\beta\\,\\partial F/\\partial(n\\beta)$ of",
        shifted,
    )


def derive_energy_offset() -> Derivation:
    """Constant beside log(n beta): minus digamma(lambda) plus the ratio of the two leading pole coefficients."""
    lam, x = s.learning_coefficient, s.n_beta
    result = -sympy.digamma(lam) + s.next_pole_coefficient / s.pole_coefficient
    ell = Symbol("ell", positive=True)
    for order in (2, 3, 4):
        total = s.pole_coefficient * laplace_of_pole(order)[1] + s.next_pole_coefficient * laplace_of_pole(order - 1)[1]
        shape = sympy.expand(sympy.expand_log(total * x**lam / gamma(lam))).subs(log(x), ell)
        polynomial = sympy.Poly(sympy.expand(shape), ell)
        leading, second = (polynomial.coeff_monomial(ell ** (order - 1)), polynomial.coeff_monomial(ell ** (order - 2)))
        demand_zero(second / leading - (order - 1) * result, f"two leading terms, order {order}")
    return Derivation.of(
        result,
        "The poles $c_m/(z+\\lambda)^m + c_{m-1}/(z+\\lambda)^{m-1}$ together give $Z$ proportional to "
        "$\\ell^{m-1} + (m-1)\\,c\\,\\ell^{m-2}+\\dots \\approx (\\ell + c)^{m-1}$ in $\\ell = \\log n\\beta$. "
        "Reading off $c$ (checked for $m = 2, 3, 4$; exact for $m = 2$) gives the offset.",
        "For $w_1^2w_2^2$ on the unit square $c_{m-1}=0$ and $-\\psi(1/2) = \\gamma_E + 2\\log 2 = 1.9635$ with "
        "Euler's constant $\\gamma_E$: at $n\\beta = 144.76$ the energy is $0.3559$, far from $\\lambda = 1/2$.",
    )


EQUATIONS = (
    Equation(
        "free-energy-constant",
        "Constant of the free energy",
        s.free_energy_constant,
        derive_free_energy_constant,
        "Between two phases of equal loss and learning coefficient the constant decides; it also sets where "
        "a crossover is.",
        {s.pole_coefficient: 1, s.learning_coefficient: _HALF, s.multiplicity: 1},
        source=WATANABE,
    ),
    Equation(
        "free-energy-constant-well",
        "Constant of a one-dimensional well",
        s.free_energy_constant,
        derive_well_constant,
        "For the well $a|w|^{2k}$ everything is explicit.",
        {s.well_half_order: 1, s.well_coefficient: _HALF, s.prior_density: 1},
        source=WATANABE,
    ),
    Equation(
        "free-energy-constant-crossing",
        "Constant of a two-dimensional crossing",
        s.free_energy_constant,
        derive_crossing_constant,
        "The same for $w_1^{2k}w_2^{2k}$ on the unit square, the simplest case with multiplicity two.",
        {s.well_half_order: 1},
        source=WATANABE,
    ),
    Equation(
        "phase-free-energy",
        "Free energy of a phase",
        s.phase_free_energy,
        derive_phase_free_energy,
        "Loss against volume: the first term is the loss, the second the price of a small volume. A phase with larger "
        "loss but smaller learning coefficient wins at small $n\\beta$.",
        {s.n_beta: 1000, s.loss: 0, s.learning_coefficient: _HALF, s.multiplicity: 1, s.free_energy_constant: 0},
        source=WATANABE,
    ),
    Equation(
        "energy-law",
        "Energy of a phase",
        s.phase_energy,
        derive_energy_law,
        "Equipartition for singular phases: the mean excess loss measures the learning coefficient. With multiplicity "
        "above one the approach is only logarithmic, so the finite value has to be quoted beside the limit.",
        {
            s.n_beta: Rational("144.76"),
            s.learning_coefficient: _HALF,
            s.multiplicity: 2,
            s.energy_offset: sympy.EulerGamma + 2 * log(2),
        },
        source=WATANABE,
    ),
    Equation(
        "energy-offset",
        "Offset of the energy law",
        s.energy_offset,
        derive_energy_offset,
        "The constant that makes the energy law accurate at attainable $n\\beta$.",
        {s.learning_coefficient: _HALF, s.pole_coefficient: 1, s.next_pole_coefficient: 0},
    ),
)
