"""Temperature at which two phases weigh the same, in closed form with Lambert's function."""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol, log

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand, demand_zero, equality

_HALF = Rational(1, 2)


def _crossover(branch: int) -> Derivation:
    dl, dlam, dc = s.loss_difference, s.learning_coefficient_difference, s.free_energy_constant_difference
    x = s.crossover_n_beta
    argument = dl / dlam * sympy.exp(-dc / dlam)
    lambert = sympy.LambertW(argument, branch) if branch else sympy.LambertW(argument)
    result = dlam / dl * lambert
    # Substitute back: W e^W = argument gives log(W) = log(argument) - W on either branch.
    w = Symbol("W")
    logarithm = log(dlam / dl) + log(argument) - w
    balance = dl * (dlam / dl * w) + dlam * logarithm + dc
    demand_zero(sympy.expand_log(sympy.expand(balance), force=True), "crossover condition")
    if branch == 0:
        cases = ((1, 2, 3), (1, 2, -3), (-1, 2, 5))
    else:
        cases = ((-1, 2, 5), (Rational(-1, 50), Rational(1, 4), _HALF))
    for case in cases:
        values = dict(zip((dl, dlam, dc), map(sympy.sympify, case), strict=True))
        if branch and not -sympy.exp(-1) < argument.xreplace(values) < 0:
            raise AssertionError("test case off the branch")
        root = sympy.N(result.xreplace(values), 30)
        if not root.is_real:
            continue
        left = (dl * x + dlam * log(x) + dc).xreplace({**values, x: root})
        demand(bool(abs(sympy.N(left)) < sympy.Float("1e-20")), "numeric crossover")
    return Derivation.of(
        result,
        "Two phases of equal multiplicity weigh the same where their free energies agree,",
        equality(dl * x + dlam * log(x) + dc, 0),
        "Divide by $\\Delta\\lambda$, exponentiate, and put $y = x^* \\Delta L/\\Delta\\lambda$:",
        equality(Symbol("y") * sympy.exp(Symbol("y")), argument),
        "which is solved by $y = W(\\cdot)$. If $\\Delta L$ and $\\Delta\\lambda$ have one sign the right-hand "
        "side is positive, only the principal branch is real, and there is exactly one crossover. If the signs "
        "differ there are two crossovers as long as the right-hand side is above $-1/e$; branch $-1$ is the one "
        "at large $n\\beta$, where the law holds.",
    )


def derive_crossover() -> Derivation:
    """Crossover at large n beta: branch -1 of the Lambert function."""
    return _crossover(-1)


def derive_crossover_principal() -> Derivation:
    """Crossover on the principal branch of the Lambert function."""
    return _crossover(0)


EQUATIONS = (
    Equation(
        "crossover",
        "Crossover between two phases",
        s.crossover_n_beta,
        derive_crossover,
        "The temperature of a first-order transition between phases: below it the phase with the lower loss wins.",
        {
            s.loss_difference: Rational(-1, 50),
            s.learning_coefficient_difference: Rational(1, 4),
            s.free_energy_constant_difference: _HALF,
        },
        source="derived here; Lambert W as in Corless et al. (1996), Adv. Comput. Math. 5",
    ),
    Equation(
        "crossover-principal",
        "Crossover on the principal branch",
        s.crossover_n_beta,
        derive_crossover_principal,
        "The other solution: usually at so small an $n\\beta$ that the asymptotic free energies do not hold, but the "
        "only one when $\\Delta L$ and $\\Delta\\lambda$ have the same sign.",
        {
            s.loss_difference: Rational(1, 50),
            s.learning_coefficient_difference: Rational(1, 4),
            s.free_energy_constant_difference: -2,
        },
    ),
)
