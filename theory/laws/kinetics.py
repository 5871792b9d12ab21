r"""How long a Langevin path needs to change phase: mean first passage and the (singular) Eyring-Kramers laws.

All times are for dw = -L'(w) dt + sqrt(2T) dW in one coordinate.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Expr, Function, Integral, Rational, Symbol, exp, gamma

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_SINGULAR = "derived here; regular case Eyring (1935), Kramers (1940)"
_HEIGHT = Symbol("y", real=True)
_INNER = Symbol("z", real=True)


def derive_mean_first_passage() -> Derivation:
    """Mean first passage time from the backward equation, for any loss."""
    loss = Function("L", real=True)
    x, low, high, temp = s.start, s.reflecting_end, s.absorbing_end, s.temperature
    slope = Function("v")(x)
    factor = exp(-loss(x) / temp)
    equation = temp * sympy.diff(slope, x) - sympy.diff(loss(x), x) * slope + 1
    demand_zero(sympy.diff(factor * slope, x) - factor * (equation - 1) / temp, "integrating factor")
    inner = Integral(exp(-loss(_INNER) / temp), (_INNER, low, x))
    solved = -exp(loss(x) / temp) / temp * inner
    demand_zero(equation.subs(slope, solved).doit(), "slope of the mean first passage time")
    demand_zero(solved.subs(x, low).doit(), "reflecting end")
    outer = exp(loss(_HEIGHT) / temp) * Integral(exp(-loss(_INNER) / temp), (_INNER, low, _HEIGHT))
    result = Integral(outer, (_HEIGHT, x, high)) / temp
    demand_zero(sympy.diff(result, x) - solved, "mean first passage time from its slope")
    demand_zero(result.subs(x, high).doit(), "absorbing end")
    tau = Function(r"\tau")(x)
    return Derivation.of(
        result,
        "The mean time to absorption solves the backward equation",
        equality(temp * tau.diff(x, 2) - loss(x).diff(x) * tau.diff(x), -1),
        "with $\\tau'(a_0) = 0$ (reflecting) and $\\tau(b_0) = 0$ (absorbing). Multiplied by $e^{-L/T}/T$ the "
        "left side is the derivative of $e^{-L/T}\\tau'$, so",
        equality(tau.diff(x), solved),
        "and a second integration, from $b_0$, gives the result. Both ends and the equation are checked "
        "by substitution.",
    )


@cache
def half_line_moment(power: Expr, half_order: Expr) -> Expr:
    """Integral of u^power exp(-u^(2 half_order)) over u > 0, by the substitution q = u^(2 half_order)."""
    level, exponent = Symbol("q", positive=True), Symbol("p", positive=True)
    base = sympy.integrate(level ** (exponent - 1) * exp(-level), (level, 0, sympy.oo))
    place = level ** (1 / (2 * half_order))
    jacobian = sympy.diff(place, level)
    integrand = sympy.powsimp(sympy.expand_power_base(place**power * jacobian))
    demand_zero(
        sympy.simplify(integrand * 2 * half_order / level ** ((power + 1) / (2 * half_order) - 1)) - 1,
        "substitution in the moment",
    )
    return base.subs(exponent, (power + 1) / (2 * half_order)) / (2 * half_order)


@cache
def well_integral_of(half_order: Expr, coefficient: Expr, temperature: Expr) -> Expr:
    """Integral of exp(-coefficient |w|^(2 half_order) / temperature) over the line."""
    scale = (temperature / coefficient) ** (1 / (2 * half_order))
    result = 2 * gamma(1 + 1 / (2 * half_order)) * scale
    demand_zero(sympy.gammasimp(2 * scale * half_line_moment(sympy.Integer(0), half_order) / result) - 1, "well")
    return result


def derive_well_integral() -> Derivation:
    """Integral of the Boltzmann factor over a well a |w|^(2k)."""
    k, a, temp = s.well_half_order, s.well_coefficient, s.temperature
    result = well_integral_of(k, a, temp)
    w = Symbol("w", real=True)
    for order in (1, 2, 3):
        direct = sympy.integrate(exp(-a * w ** (2 * order) / temp), (w, -sympy.oo, sympy.oo))
        demand_zero(sympy.gammasimp(direct / result.subs(k, order)) - 1, f"direct integral, k = {order}")
    u = Symbol("u", positive=True)
    return Derivation.of(
        result,
        "Measure $w$ in units of $(T/a)^{1/2k}$: the integral is twice that length times",
        Integral(exp(-(u ** (2 * k))), (u, 0, sympy.oo)),
        "a Gamma integral in $q = u^{2k}$,",
        gamma(1 / (2 * k)) / (2 * k),
        "and $x\\Gamma(x) = \\Gamma(1+x)$. Direct integration agrees for $k = 1, 2, 3$.",
    )


@cache
def derive_singular_eyring_kramers() -> Derivation:
    """Escape rate from a well |w|^(2k) over a barrier -|w|^(2j) at low temperature."""
    temp, height = s.temperature, s.barrier_height
    well = well_integral_of(s.well_half_order, s.well_coefficient, temp)
    barrier = well_integral_of(s.barrier_half_order, s.barrier_coefficient, temp)
    passage = exp(height / temp) * well * barrier / temp
    result = temp / (well * barrier) * exp(-height / temp)
    demand_zero(result * passage - 1, "rate times mean first passage time")
    power = sympy.simplify(temp * sympy.diff(sympy.log(result) + height / temp, temp))
    demand_zero(power - (1 - 1 / (2 * s.well_half_order) - 1 / (2 * s.barrier_half_order)), "power of the temperature")
    return Derivation.of(
        result,
        "In [eq:mean-first-passage] the outer integral is concentrated at the barrier and the inner one, for $y$ "
        "near it, in the well. Up to exponentially small terms the double integral is a well's times a barrier's, "
        "$I_\\ddagger$:",
        equality(
            s.mean_first_passage_time,
            exp(height / temp) * s.well_integral * Symbol(r"I_\ddagger", positive=True) / temp,
        ),
        "where both integrals are [eq:well-integral], for the well",
        equality(s.well_integral, well),
        "and for the barrier turned upside down",
        equality(Symbol(r"I_\ddagger"), barrier),
        "The rate is one over the mean first passage time.",
    )


def derive_singular_eyring_kramers_power() -> Derivation:
    """Power of the temperature in front of the exponential: 1 - lambda of the well - lambda of the barrier."""
    temp = s.temperature
    rate = derive_singular_eyring_kramers().result
    power = sympy.simplify(temp * sympy.diff(sympy.log(rate) + s.barrier_height / temp, temp))
    result = 1 - s.learning_coefficient - s.barrier_learning_coefficient
    demand_zero(
        power
        - result.subs(
            {
                s.learning_coefficient: 1 / (2 * s.well_half_order),
                s.barrier_learning_coefficient: 1 / (2 * s.barrier_half_order),
            }
        ),
        "power of the temperature",
    )
    return Derivation.of(
        result,
        "Differentiate the logarithm of [eq:singular-eyring-kramers], without its exponential:",
        power,
        "and recognise the learning coefficients $1/(2k)$ and $1/(2j)$ of "
        "[eq:normal-crossing-learning-coefficient]. So $\\log r = -n\\beta\\,\\Delta L_\\ddagger + (\\lambda + "
        "\\lambda_\\ddagger - 1)\\log n\\beta + \\mathrm{const}$: singularity enters the mixing time.",
    )


def derive_eyring_kramers() -> Derivation:
    """Regular case k = j = 1 with curvatures."""
    singular = derive_singular_eyring_kramers().result
    values = {
        s.well_half_order: 1,
        s.barrier_half_order: 1,
        s.well_coefficient: s.well_curvature / 2,
        s.barrier_coefficient: s.barrier_curvature / 2,
    }
    result = (
        sympy.sqrt(s.well_curvature * s.barrier_curvature) / (2 * sympy.pi) * exp(-s.barrier_height / s.temperature)
    )
    demand_zero(sympy.simplify(singular.subs(values) / result) - 1, "regular wells")
    return Derivation.of(
        result,
        "Put $k = j = 1$, $a = h_\\alpha/2$, $b = h_\\ddagger/2$ into [eq:singular-eyring-kramers]; "
        "$\\Gamma(3/2) = \\sqrt\\pi/2$ and the powers of $T$ cancel.",
        singular.subs({s.well_half_order: 1, s.barrier_half_order: 1}),
    )


def relative_correction(half_order: Symbol, linear: Symbol, quadratic: Symbol) -> tuple[Expr, Expr, Expr]:
    """(coefficient, integrand at second order, first-order integrand) of the corrected well integral.

    The well is a w^(2k) (1 + linear w + quadratic w^2); with w = delta u the integrand exp(-u^(2k)(1 + ...)) is
    expanded in delta = (T/a)^(1/2k) and each power of u replaced by its moment.
    """
    delta, u, level = Symbol("delta", positive=True), Symbol("u", real=True), Symbol("q", positive=True)
    factor = exp(-level * (linear * delta * u + quadratic * delta**2 * u**2))  # level stands for u^(2k)
    first = sympy.diff(factor, delta).subs(delta, 0)
    second = sympy.expand(sympy.diff(factor, delta, 2).subs(delta, 0) / 2)
    whole = half_line_moment(sympy.Integer(0), half_order)
    total = sympy.Integer(0)
    for term in sympy.Add.make_args(second):
        coefficient, _ = term.as_independent(u, level)
        power = sympy.degree(term, u) + 2 * half_order * sympy.degree(term, level)
        total += coefficient * half_line_moment(power, half_order) / whole
    demand_zero(first + level * linear * u, "first order is odd in u and integrates to zero")
    return total, second, first


@cache
def derive_kramers_correction() -> Derivation:
    """Coefficient of (T/a)^(1/k) in the relative correction of the well integral."""
    k, c1, c2 = s.well_half_order, s.well_linear_correction, s.well_quadratic_correction
    total, second, _ = relative_correction(k, c1, c2)
    prefactor = 3 * gamma(3 / (2 * k)) / (2 * k * gamma(1 / (2 * k)))
    result = prefactor * (c1**2 / 2 * (1 + 3 / (2 * k)) - c2)
    demand_zero(sympy.gammasimp(sympy.expand((total - result) / prefactor)), "Gamma moments of the correction")
    demand_zero(result.subs(k, 1) - (Rational(15, 16) * c1**2 - Rational(3, 4) * c2), "regular well")
    return Derivation.of(
        result,
        "Let the well be $a w^{2k}(1 + c_1 w + c_2 w^2 + \\dots)$ and $w = \\delta u$ with $\\delta = "
        "(T/a)^{1/2k}$. The first order in $\\delta$ is odd and vanishes; the second order multiplies "
        "$e^{-u^{2k}}$ by (with $q = u^{2k}$)",
        second,
        "Each power of $u$ is replaced by its Gamma moment:",
        total,
        "and $\\delta^2 = (T/a)^{1/k}$. For $k=1$ the coefficient is $\\tfrac{15}{16}c_1^2 - \\tfrac34 c_2$.",
    )


def derive_mean_first_passage_ratio() -> Derivation:
    """Exact mean first passage time over the singular law, to leading order."""
    well = derive_kramers_correction().result
    barrier = well.subs(
        {
            s.well_half_order: s.barrier_half_order,
            s.well_linear_correction: s.barrier_linear_correction,
            s.well_quadratic_correction: s.barrier_quadratic_correction,
        },
        simultaneous=True,
    )
    temp = s.temperature
    at_well = (temp / s.well_coefficient) ** (1 / s.well_half_order)
    at_barrier = (temp / s.barrier_coefficient) ** (1 / s.barrier_half_order)
    result = 1 + well * at_well + barrier * at_barrier
    exact = (1 + well * at_well) * (1 + barrier * at_barrier)
    demand_zero(exact - result - well * barrier * at_well * at_barrier, "product of the two corrections")
    flat = result.subs(
        dict.fromkeys((s.well_linear_correction, s.well_quadratic_correction), 0)
        | dict.fromkeys((s.barrier_linear_correction, s.barrier_quadratic_correction), 0)
    )
    demand_zero(flat - 1, "pure powers need no correction")
    return Derivation.of(
        result,
        "The mean first passage time is a product of a well integral and a barrier integral; each brings its own "
        "factor $1 + \\kappa\\,(T/a)^{1/k}$ of [eq:kramers-correction]. Multiply and drop what is smaller.",
        "The ratio tends to 1 like $T^{\\min(1/k, 1/j)}$, unless the coefficient vanishes.",
    )


_K = {s.well_half_order: 1, s.well_coefficient: 4}
_B = {s.barrier_half_order: 1, s.barrier_coefficient: 2}
EQUATIONS = (
    Equation(
        "mean-first-passage",
        "Mean first passage time",
        s.mean_first_passage_time,
        derive_mean_first_passage,
        "The exact answer in one dimension, by two nested integrals; every law below is a limit of it.",
        source="Gardiner, Handbook of Stochastic Methods, section 5.5; derived here",
    ),
    Equation(
        "well-integral",
        "Integral over a well",
        s.well_integral,
        derive_well_integral,
        "Volume of a well at temperature $T$: the learning coefficient $1/(2k)$ is its power of $T$.",
        {**_K, s.temperature: Rational(1, 10)},
    ),
    Equation(
        "singular-eyring-kramers",
        "Singular Eyring-Kramers law",
        s.escape_rate,
        derive_singular_eyring_kramers,
        "Escape rate from a degenerate well over a degenerate barrier, as the temperature goes to zero. The loss near "
        "the well is $L_\\alpha + a|w|^{2k}$, near the barrier $L_\\ddagger - b|w|^{2j}$.",
        {**_K, **_B, s.barrier_height: 1, s.temperature: Rational(1, 10)},
        source=_SINGULAR,
    ),
    Equation(
        "singular-eyring-kramers-power",
        "Power of the temperature in the escape rate",
        s.rate_temperature_power,
        derive_singular_eyring_kramers_power,
        "The smaller the learning coefficient of a well, the higher the power of $T$ in front of the exponential: at "
        "low temperature singular wells are left more slowly than regular ones behind the same barrier.",
        {s.learning_coefficient: Rational(1, 4), s.barrier_learning_coefficient: Rational(1, 2)},
        source=_SINGULAR,
    ),
    Equation(
        "eyring-kramers",
        "Eyring-Kramers law",
        s.escape_rate,
        derive_eyring_kramers,
        "The classical law for regular wells and barriers.",
        {s.well_curvature: 8, s.barrier_curvature: 4, s.barrier_height: 1, s.temperature: Rational(1, 10)},
        source="Eyring (1935); Kramers (1940), Physica 7; derived here",
    ),
    Equation(
        "kramers-correction",
        "Leading correction of the well integral",
        s.kramers_correction,
        derive_kramers_correction,
        "How fast the law becomes exact: the first deviation of a well from a pure power.",
        {s.well_half_order: 1, s.well_linear_correction: 1, s.well_quadratic_correction: Rational(1, 4)},
    ),
    Equation(
        "mean-first-passage-ratio",
        "Approach to the singular law",
        s.mean_first_passage_ratio,
        derive_mean_first_passage_ratio,
        "Exact mean first passage time from the well to beyond the barrier, over the time the singular law predicts.",
        {
            **_K,
            **_B,
            s.temperature: Rational(1, 10),
            s.well_linear_correction: 1,
            s.well_quadratic_correction: Rational(1, 4),
            s.barrier_linear_correction: 0,
            s.barrier_quadratic_correction: Rational(-1, 2),
        },
    ),
)
