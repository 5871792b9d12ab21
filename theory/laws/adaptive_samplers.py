r"""Two samplers of networks' weights that do not sample the posterior: RMSProp's scales, and one thermostat for all.

Both are exact in their limits, and known to a letter away from them: a quadratic direction tells what they converge to.
"""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol, pi, sqrt

from theory import estimator_symbols as e
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero

_LI = "derived here; the sampler: Li, Chen, Carlson & Carin (2016), AAAI, arXiv 1512.07666"
_DING = "derived here; the sampler: Ding, Fang, Babbush, Chen, Skeel & Neven (2014), NeurIPS"
_STIFF = Symbol("a", positive=True)

_TESTS = ("tests/learning_coefficient/test_unadjusted_steps.py",)


def derive_rmsprop_energy() -> Derivation:
    """Energy of one quadratic direction whose step follows its own slope: short memory, small step."""
    w, floor, a = Symbol("w", positive=True), e.slope_floor, _STIFF  # even: half the line is enough
    scale = 1 / (floor + a * w)
    density = sympy.exp(-a * w**2 / 2) / scale
    flux = scale * a * w * density / 2 + sympy.diff(scale * density, w) / 2
    demand_zero(flux, "no flux in the stationary law of the Ito equation")
    mass, first = (sympy.integrate(part * density, (w, 0, sympy.oo)) for part in (sympy.S.One, a * w**2 / 2))
    share = floor * sqrt(pi / (2 * a))
    told = (share / 2 + 1) / (share + 1)
    demand_zero(first / mass - told, "mean energy")
    demand_zero(sympy.limit(told, floor, 0) - 1, "no floor")
    demand_zero(sympy.limit(told, floor, sympy.oo) - Rational(1, 2), "a large floor")
    result = told.subs(a, s.n_beta * s.curvature)
    return Derivation.of(
        result,
        "A step $\\epsilon G(w)$ with $G = 1/(\\delta_g + |U'|)$ for a minus log density $U = aw^2/2$, "
        "$a = n\\beta h$, and without the term that corrects for the slope of $G$, is in the limit of small steps "
        "an Ito equation whose stationary density is not $e^{-U}$ but $e^{-U}/G$:",
        density,
        "Its mean of $aw^2/2$ is the result: between one half, where $\\delta_g$ is large, and 1, where it is nothing. "
        "A memory of slopes that is long against the relaxation of the direction makes $G$ a constant, and the energy "
        "one half; a short one doubles the learning coefficient.",
    )


def derive_thermostat_energy() -> Derivation:
    """Energy of one quadratic direction under the published steps of a Nose-Hoover thermostat."""
    square, mixed, place = sympy.symbols("P R Q", real=True)  # <p^2>, <w p>, <w^2>
    h, xi, a = Symbol("tau", positive=True), e.friction, _STIFF
    noise = 2 * e.kinetic_scale * xi * h  # the noise put in is 2 A tau with A = kinetic_scale times the friction
    keeps = 1 - xi * h
    new_square = keeps**2 * square - 2 * keeps * h * a * mixed + (h * a) ** 2 * place + noise
    crossed = keeps * mixed - h * a * place
    new_place = place + 2 * h * crossed + h**2 * new_square
    found = sympy.solve(
        [new_square - square, crossed + h * new_square - mixed, new_place - place], [square, mixed, place], dict=True
    )[0]
    told = e.kinetic_scale * (1 - xi * h / 2) / (1 - xi * h / 2 - h**2 * a / 4) / 2
    demand_zero(a * found[place] / 2 - told, "potential energy")
    kinetic = e.kinetic_scale / (1 - xi * h / 2 - h**2 * a / 4)
    demand_zero(found[square] - kinetic, "mean square of the momentum")
    result = told.subs({h: sqrt(s.step_size), a: s.n_beta * s.curvature})
    return Derivation.of(
        result,
        "Steps $p \\leftarrow (1-\\xi_*\\tau)p - \\tau aw + \\sqrt{2k_*\\xi_*\\tau}\\,\\eta$ and "
        "$w \\leftarrow w + \\tau p$, with $\\tau = \\sqrt\\epsilon$, $a = n\\beta h$ and a standard normal $\\eta$, "
        "leave the second moments as they are. Solved for, that of the momentum is",
        kinetic.subs({h: Symbol("tau", positive=True), a: _STIFF}),
        "and $a/2$ times that of the weight is the result. The thermostat moves its friction until the mean of $p^2$ "
        "over all directions is 1, whatever the step: it cannot see that stiff directions are too hot and soft "
        "ones too cold, nor that the noise of minibatches differs between directions.",
    )


EQUATIONS = (
    Equation(
        "rmsprop-energy",
        "Energy of a direction under Langevin steps scaled by RMSProp",
        s.measured_energy,
        derive_rmsprop_energy,
        "Scales that follow the slope of the same draw change the law that is sampled.",
        {s.n_beta: 1000, s.curvature: 1, e.slope_floor: 10},
        source=_LI,
        tests=_TESTS,
    ),
    Equation(
        "thermostat-energy",
        "Energy of a direction under a Nose-Hoover thermostat",
        s.measured_energy,
        derive_thermostat_energy,
        "A thermostat that all directions share holds their mean temperature, and no more.",
        {s.n_beta: 1000, s.curvature: 1, s.step_size: Rational(1, 2000), e.friction: 1, e.kinetic_scale: 1},
        source=_DING,
        tests=_TESTS,
    ),
)
