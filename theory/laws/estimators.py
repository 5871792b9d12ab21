r"""Estimators of a learning coefficient from chains at one temperature or several, and how far apart they may lie.

All follow from the free energy F as a function of x = n beta: the mean energy is x F', its variance -x^2 F''.
"""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol, log

from theory import estimator_symbols as e
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero
from theory.laws.free_energy import derive_energy_law
from theory.laws.localisation import derive_localised_energy

_HALF = Rational(1, 2)
_SOURCE = "Watanabe (2013), A widely applicable Bayesian information criterion, JMLR 14, 867-897; derived here"
_W = Symbol("w", real=True)

_TESTS = ("tests/learning_coefficient/test_rungs.py",)


def derive_energy_variance() -> Derivation:
    """Variance of the energy: mean energy less its derivative by log n beta."""
    x, lam, m, c = s.n_beta, s.learning_coefficient, s.multiplicity, s.energy_offset
    partition = sympy.Function("Z")(x)  # the integral of exp(-x K); moments of K are its derivatives
    mean = -sympy.diff(partition, x) / partition
    second = sympy.diff(partition, x, 2) / partition
    variance = x**2 * (second - mean**2)
    energy = x * mean
    demand_zero(variance - (energy - x * sympy.diff(energy, x)), "variance of the energy")
    told = derive_energy_law().result
    result = lam - (m - 1) / (log(x) + c) - (m - 1) / (log(x) + c) ** 2
    demand_zero(told - x * sympy.diff(told, x) - result, "of the energy law")
    return Derivation.of(
        result,
        "Moments of the excess loss are derivatives of the partition function by $n\\beta$, so that the variance of "
        "the energy is the mean energy less its derivative by $\\log n\\beta$. Put in [eq:energy-law]:",
        told,
        "It needs no loss at the minimum. Where $m = 1$ it is $\\lambda$, as the mean energy is; elsewhere the two lie "
        "apart by $(m-1)/(\\log n\\beta + c)^2$, at every prior: an alarm.",
    )


def derive_localised_energy_variance() -> Derivation:
    """Variance of the energy of one quadratic direction under the localised posterior."""
    stiffness = s.n_beta * s.curvature + s.localisation
    weight = sympy.exp(-stiffness * _W**2 / 2)
    energy = s.n_beta * s.curvature * _W**2 / 2
    mass, first, second = (
        sympy.integrate(part * weight, (_W, -sympy.oo, sympy.oo)) for part in (sympy.S.One, energy, energy**2)
    )
    result = _HALF * (s.n_beta * s.curvature / stiffness) ** 2
    demand_zero(second / mass - (first / mass) ** 2 - result, "variance of a localised direction")
    demand_zero(result - 2 * derive_localised_energy().result ** 2, "twice the square of the mean")
    return Derivation.of(
        result,
        "The energy of a normal direction is its mean times the square of a standard normal number, whose variance is "
        "2: twice the square of [eq:localised-energy]. With the localisation counted in, the weight is",
        weight,
        "A direction that the localisation freezes loses its share of the variance faster than that of the mean.",
    )


def derive_two_temperature_estimate() -> Derivation:
    """Learning coefficient by the mean losses at two temperatures."""
    lam, x, y = s.learning_coefficient, s.n_beta, e.colder_n_beta
    result = (e.mean_loss - e.colder_mean_loss) / (1 / x - 1 / y)
    put = {e.mean_loss: s.loss + lam / x, e.colder_mean_loss: s.loss + lam / y}
    demand_zero(result.subs(put) - lam, "multiplicity one")
    h, pull = s.curvature, s.localisation
    one = {e.mean_loss: h / (2 * (x * h + pull)), e.colder_mean_loss: h / (2 * (y * h + pull))}
    localised = x * y * h**2 / (2 * (x * h + pull) * (y * h + pull))
    demand_zero(result.subs(one) - localised, "one localised direction")
    return Derivation.of(
        result,
        "Where the multiplicity is one, the mean loss is a line in the temperature, whose slope is $\\lambda$ and "
        "whose end is the least loss:",
        s.loss + lam / x,
        "Two temperatures give the slope without the loss at any minimum; a start above the minimum moves nothing. One "
        "localised direction gives the geometric mean of the variances [eq:localised-energy-variance] at the two:",
        localised,
    )


def derive_localised_free_energy() -> Derivation:
    """Rise of the free energy of one localised direction between two temperatures, by thermodynamic integration."""
    x, y, h, pull = s.n_beta, e.colder_n_beta, s.curvature, s.localisation
    result = _HALF * log((y * h + pull) / (x * h + pull))
    energy = derive_localised_energy().result
    demand_zero(sympy.diff(result, y) - (energy / x).subs(x, y), "derivative by the colder n beta")
    demand_zero(result.subs(y, x), "nothing between equal temperatures")
    demand_zero(result.subs(pull, 0) - _HALF * log(y / x), "without localisation")
    return Derivation.of(
        result,
        "The derivative of the free energy by $\\log n\\beta$ is the mean energy, so that its rise between two "
        "temperatures is the integral of [eq:localised-energy]. Over the logarithm of their ratio it is $\\lambda$ "
        "where nothing is localised and $m = 1$ [eq:phase-free-energy]:",
        _HALF * log(y / x),
    )


EQUATIONS = (
    Equation(
        "energy-variance",
        "Variance of the energy",
        e.energy_variance,
        derive_energy_variance,
        "A second estimate from the very same chains.",
        {
            s.n_beta: Rational("144.76"),
            s.learning_coefficient: _HALF,
            s.multiplicity: 2,
            s.energy_offset: sympy.EulerGamma + 2 * log(2),
        },
        tests=_TESTS,
    ),
    Equation(
        "localised-energy-variance",
        "Variance of the energy of a localised direction",
        e.energy_variance,
        derive_localised_energy_variance,
        "What the localisation takes of it is known, as for the mean.",
        {s.n_beta: 1000, s.curvature: 1, s.localisation: 100},
        tests=_TESTS,
    ),
    Equation(
        "two-temperature-estimate",
        "Learning coefficient by two temperatures",
        e.two_temperature_estimate,
        derive_two_temperature_estimate,
        "Chains at several temperatures need not know where the minimum is.",
        {s.n_beta: 100, e.colder_n_beta: 1000, e.mean_loss: Rational(1, 100), e.colder_mean_loss: Rational(1, 1000)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "localised-free-energy",
        "Free energy between two temperatures, of a localised direction",
        e.free_energy_rise,
        derive_localised_free_energy,
        "Thermodynamic integration gives the free energy itself, up to a constant.",
        {s.n_beta: 100, e.colder_n_beta: 1000, s.curvature: 1, s.localisation: 10},
        tests=_TESTS,
    ),
)
