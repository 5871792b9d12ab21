r"""Replica exchange: how often neighbouring temperatures swap, and how fast configurations travel along a ladder."""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Expr, Function, Integral, Matrix, Rational, Symbol, gamma

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_TESTS = ("tests/theory/laws/test_replica_exchange.py",)
_LADDER = (*_TESTS, "tests/exact/test_temperature_ladder.py")
_SYED = "Syed, Bouchard-Cote, Deligiannidis & Doucet (2022), J. R. Stat. Soc. B 84, 321"
_HERE = "derived here; the communication barrier is that of " + _SYED
_X, _Y = sympy.symbols("x y", real=True)
_U = Symbol("u", positive=True)


def derive_swap_acceptance() -> Derivation:
    """A = 2 P(L_b <= L_a), whatever the loss is."""
    cold, hot, gap = s.cold_temperature, s.hot_temperature, 1 / s.cold_temperature - 1 / s.hot_temperature
    volume, cold_sum, hot_sum = Function("v"), *sympy.symbols("Z_a Z_b", positive=True)
    cold_law, hot_law = (
        lambda e: volume(e) * sympy.exp(-e / cold) / cold_sum,
        lambda e: volume(e) * sympy.exp(-e / hot) / hot_sum,
    )
    swapped = cold_law(_Y) * hot_law(_X)
    demand_zero(swapped - sympy.exp(gap * (_X - _Y)) * cold_law(_X) * hot_law(_Y), "swapped energies")
    _check_with_exponential_laws()
    p_cold, p_hot = Function("p_a"), Function("p_b")
    result = 2 * Integral(p_cold(_X) * Integral(p_hot(_Y), (_Y, -sympy.oo, _X)), (_X, -sympy.oo, sympy.oo))
    return Derivation.of(
        result,
        "A swap of the configurations at $T_a < T_b$, with losses $x$ and $y$, is accepted with probability "
        "$\\min(1, e^{\\Delta(x-y)})$, $\\Delta = 1/T_a - 1/T_b$. Both laws have one density of states $v$: "
        "the density of the loss $x$ at $T_a$ is, with a normalisation $Z_a$,",
        equality(p_cold(_X), cold_law(_X)),
        "and likewise at $T_b$. Therefore",
        Eq(p_cold(_Y) * p_hot(_X), sympy.exp(s.inverse_temperature_gap * (_X - _Y)) * p_cold(_X) * p_hot(_Y)),
        "and the mean acceptance is the integral of $\\min(p_a(x)p_b(y), p_a(y)p_b(x))$ over $x$ and $y$. It "
        "does not change when $x$ and $y$ are exchanged, and where $y \\le x$ its first entry is the smaller "
        "one: the integral is twice that of $p_a(x)p_b(y)$ over $y \\le x$.",
        "In words: twice the probability that the loss at $T_b$ is below the loss at $T_a$. Check: for "
        "$v = 1$ on $x > 0$ the mean of the minimum is the same number.",
    )


def _check_with_exponential_laws() -> Expr:
    """Mean of min(1, e^(gap (x - y))) for the density of states 1 on x > 0, against twice a probability."""
    cold, more = s.cold_temperature, Symbol("T_more", positive=True)
    hot = cold + more
    low, further = sympy.symbols("low further", positive=True)  # the smaller loss, and how much larger the other is
    gap = 1 / cold - 1 / hot

    def both(x: Expr, y: Expr) -> Expr:
        return sympy.exp(-x / cold) / cold * sympy.exp(-y / hot) / hot

    def mean(expression: Expr) -> Expr:
        exponent = sympy.expand(sympy.log(sympy.powsimp(expression * cold * hot)), force=True)
        exponent = sympy.expand(sympy.expand_log(exponent, force=True))
        rates = [-exponent.diff(variable) for variable in (low, further)]
        demand_zero(exponent + rates[0] * low + rates[1] * further, "exponential")
        return 1 / (cold * hot * sympy.simplify(rates[0]) * sympy.simplify(rates[1]))

    surely = mean(both(low + further, low))
    perhaps = mean(both(low, low + further) * sympy.exp(-gap * further))
    demand_zero(surely + perhaps - 2 * surely, "twice a probability")
    demand_zero(2 * surely - 2 * cold / (cold + hot), "exponential laws")
    return 2 * surely


@cache
def _beta_density() -> Expr:
    """Density of u = X_b/(X_a + X_b) for independent X_a, X_b ~ Gamma(lambda)."""
    lam, total = s.learning_coefficient, Symbol("S", positive=True)
    share = Symbol("u", positive=True)
    parts = Matrix([(1 - share) * total, share * total])
    jacobian = sympy.simplify(parts.jacobian([share, total]).det())
    demand_zero(sympy.Abs(jacobian) - total, "change of variables")
    # (1-u)^(lambda-1) u^(lambda-1) / Gamma(lambda)^2 times the integral of S^(2 lambda - 1) e^(-S).
    rest = sympy.integrate(total ** (2 * lam - 1) * sympy.exp(-total), (total, 0, sympy.oo))
    density = share ** (lam - 1) * (1 - share) ** (lam - 1) * rest / gamma(lam) ** 2
    demand_zero(density - density.subs(share, 1 - share), "symmetric")
    return density


@cache
def derive_swap_acceptance_phase() -> Derivation:
    """A = 2 I_{T_a/(T_a+T_b)}(lambda, lambda) for a phase of learning coefficient lambda."""
    lam, cold, hot = s.learning_coefficient, s.cold_temperature, s.hot_temperature
    density = _beta_density()
    bound = sympy.solve(Eq(hot * _U, cold * (1 - _U)), _U)[0]
    result = 2 * sympy.betainc_regularized(lam, lam, 0, bound)
    integrand = 2 * density.subs(_U, bound) * bound.diff(cold)
    demand_zero(sympy.gammasimp(sympy.simplify((result.diff(cold) / integrand).rewrite(gamma))) - 1, "incomplete beta")
    unit_exponent = 2 * sympy.integrate(sympy.simplify(density.subs(lam, 1)), (_U, 0, bound))
    exponential = _check_with_exponential_laws().subs(Symbol("T_more", positive=True), hot - cold)
    demand_zero(unit_exponent - exponential, "exponential laws")
    return Derivation.of(
        result,
        "Where a phase is homogeneous, and in any of multiplicity 1 at low temperature, the volume below a "
        "loss is proportional to $(L-L_\\alpha)^\\lambda$, so that $X = (L - L_\\alpha)/T$ has the density "
        "$x^{\\lambda-1}e^{-x}/\\Gamma(\\lambda)$, at any temperature. With $X_a$ and $X_b$ the condition "
        "$L_b \\le L_a$ of [eq:swap-acceptance] is $T_b X_b \\le T_a X_a$, and with their sum $S$ and "
        "$u = X_b/S$ it is $u \\le T_a/(T_a+T_b)$. The sum integrates out and leaves $u$ with the density",
        density,
        "a symmetric beta density, whose integral is the regularised incomplete beta function "
        "$I_x(\\lambda,\\lambda)$. Check: for $\\lambda = 1$ the acceptance is that of exponential laws, "
        "$2T_a/(T_a+T_b)$. Since it depends on the ratio of the temperatures alone, a ladder of equal factors "
        "accepts equally often everywhere.",
    )


@cache
def derive_swap_acceptance_normal() -> Derivation:
    """A = erfc(sigma Delta / 2) for normal energies."""
    deviation, gap, mean = s.energy_deviation, s.inverse_temperature_gap, Symbol("E_a", real=True)
    exponent = -((_Y - mean) ** 2) / (2 * deviation**2)
    shifted = exponent.subs(mean, mean + deviation**2 * gap)
    demand_zero(sympy.expand(exponent + gap * _Y - shifted).diff(_Y), "tilted normal density")
    distance = Symbol("D", real=True)
    scaled = Symbol("t", real=True)  # D = 2 deviation t + deviation^2 gap
    edge = sympy.solve(Eq(2 * deviation * scaled + deviation**2 * gap, 0), scaled)[0]
    below = sympy.integrate(sympy.exp(-(scaled**2)) / sympy.sqrt(sympy.pi), (scaled, -sympy.oo, edge))
    result = sympy.erfc(deviation * gap / 2)
    demand_zero(sympy.expand_func((2 * below).rewrite(sympy.erf) - result.rewrite(sympy.erf)), "tail of a normal law")
    law = sympy.exp(-((distance - deviation**2 * gap) ** 2) / (4 * deviation**2)) / (
        2 * deviation * sympy.sqrt(sympy.pi)
    )
    demand_zero(
        law.subs(distance, 2 * deviation * scaled + deviation**2 * gap) * 2 * deviation
        - sympy.exp(-(scaled**2)) / sympy.sqrt(sympy.pi),
        "standard form",
    )
    return Derivation.of(
        result,
        "Let the loss at $T_a$ be normal with a mean $E_a$. At $T_b$ its density is multiplied by "
        "$e^{\\Delta y}$, which moves a normal density and does not widen it:",
        equality(exponent + gap * _Y, shifted + sympy.expand(exponent + gap * _Y - shifted)),
        "So the losses differ by a normal number $D = L_b - L_a$ of mean $\\sigma_L^2\\Delta$ and variance "
        "$2\\sigma_L^2$, of density",
        law,
        "and twice the probability of $D \\le 0$ is the result.",
    )


@cache
def derive_swap_rejection() -> Derivation:
    """1 - A = Delta <|L - L'|> / 2 to first order in Delta."""
    gap = s.inverse_temperature_gap
    _check_three_levels()
    normal = sympy.series(derive_swap_acceptance_normal().result, gap, 0, 2).removeO()
    deviation, scaled = s.energy_deviation, Symbol("t", positive=True)
    # A difference of two normal losses is 2 deviation t with density exp(-t^2)/sqrt(pi).
    difference = 2 * sympy.integrate(
        2 * deviation * scaled * sympy.exp(-(scaled**2)) / sympy.sqrt(sympy.pi), (scaled, 0, sympy.oo)
    )
    demand_zero(1 - normal - gap * difference / 2, "normal losses")
    return Derivation.of(
        gap * s.mean_energy_difference / 2,
        "By [eq:swap-acceptance] the rejected share is $P(L_b > L_a) - P(L_b \\le L_a)$, the mean of "
        "$\\mathrm{sgn}(y-x)$ over $p_a(x)p_b(y)$. For small $\\Delta$, $p_b(y)$ is $p_a(y)(1 + \\Delta y)$ up to a "
        "factor that does not depend on $y$. Two equal laws give the sign a mean of zero, which leaves $\\Delta$ "
        "times the mean of $y\\,\\mathrm{sgn}(y-x)$ over $p_a(x)p_a(y)$. Exchanging $x$ and $y$ turns it into the "
        "mean of $-x\\,\\mathrm{sgn}(y-x)$; half the sum of the two is $\\frac12\\langle|y-x|\\rangle$.",
        "Check: a loss with three levels of any probabilities, where losses may be equal; and normal losses of "
        "deviation $\\sigma_L$, for which it is to first order, as in [eq:swap-acceptance-normal],",
        1 - normal,
    )


def _check_three_levels() -> None:
    """First-order rejection for losses e_1 < e_2 < e_3 of any weights, by the sum of minima."""
    gap = s.inverse_temperature_gap
    weights = sympy.symbols("w_1:4", positive=True)
    step_1, step_2 = sympy.symbols("step_1 step_2", positive=True)
    levels = (sympy.Integer(0), step_1, step_1 + step_2)
    tilted = [weight * sympy.exp(gap * level) for weight, level in zip(weights, levels, strict=True)]
    cold, hot = [w / sum(weights) for w in weights], [w / sum(tilted) for w in tilted]
    # The minimum of p_a(x) p_b(y) and p_a(y) p_b(x): the larger loss at the cold temperature, the smaller at the hot.
    pairs = [(i, j) for i in range(3) for j in range(3)]
    accepted = sympy.Add(*(cold[max(i, j)] * hot[min(i, j)] for i, j in pairs))
    distance = sympy.Add(*(cold[i] * cold[j] * (levels[max(i, j)] - levels[min(i, j)]) for i, j in pairs))
    demand_zero(sympy.simplify(accepted.subs(gap, 0) - 1), "equal temperatures")
    demand_zero(sympy.simplify(-accepted.diff(gap).subs(gap, 0) - distance / 2), "three levels")


@cache
def derive_communication_barrier() -> Derivation:
    """Lambda = Gamma(lambda + 1/2) / (sqrt(pi) Gamma(lambda)) log(T_b/T_a) for a phase."""
    lam, temp, cold, hot = s.learning_coefficient, s.temperature, s.cold_temperature, s.hot_temperature
    density = _beta_density()
    # |X - X'| = S |1 - 2u| with <S> = 2 lambda; the integral over u < 1/2 is that of a derivative.
    primitive = (_U * (1 - _U)) ** lam / lam * gamma(2 * lam) / gamma(lam) ** 2
    demand_zero(sympy.simplify(primitive.diff(_U) / ((1 - 2 * _U) * density)) - 1, "primitive")
    half_distance = lam * 2 * primitive.subs(_U, Rational(1, 2))
    compact = gamma(lam + Rational(1, 2)) / (sympy.sqrt(sympy.pi) * gamma(lam))
    demand_zero(sympy.gammasimp(half_distance / compact) - 1, "compact form")
    factor = Symbol("factor", positive=True)
    inverse = Symbol("b", positive=True)
    between = sympy.integrate(factor / inverse, (inverse, 1 / hot, 1 / cold))
    demand_zero(sympy.expand_log(between - factor * sympy.log(hot / cold), force=True), "integral")
    result = compact * sympy.log(hot / cold)
    # Check: the first order of the exact acceptance in log(T_b/T_a).
    ratio = Symbol("rho", real=True)
    exact = derive_swap_acceptance_phase().result.subs(hot, cold * sympy.exp(ratio))
    slope = sympy.simplify((-exact.diff(ratio)).subs(ratio, 0).rewrite(gamma))
    demand_zero(sympy.gammasimp(sympy.simplify(slope / compact)) - 1, "first order of the exact acceptance")
    half = sympy.simplify(compact.subs(lam, Rational(1, 2)))
    demand_zero(half - 1 / sympy.pi, "one regular direction")
    barrier_integral = Integral(s.mean_energy_difference / (2 * temp**2), (temp, cold, hot))
    capacity = Symbol("C_L", positive=True)
    return Derivation.of(
        result,
        "Many small steps from $T_a$ to $T_b$ reject together, by [eq:swap-rejection] and "
        "$d(1/T) = -dT/T^2$, the communication barrier",
        equality(s.communication_barrier, barrier_integral),
        "whose integrand is taken at the temperature $T$. Cut into $n$ equal parts it gives $n$ pairs that "
        "each reject close to $\\Lambda_T/n$. In a phase of learning coefficient $\\lambda$ the loss is $T X$ "
        "as in [eq:swap-acceptance-phase], $|X - X'| = S|1-2u|$ with $\\langle S\\rangle = 2\\lambda$, and so, "
        "$u$ having a density with a primitive at hand,",
        equality(s.mean_energy_difference / (2 * temp), compact),
        "Check: this is the first order of [eq:swap-acceptance-phase] in $\\log(T_b/T_a)$. For a regular "
        "direction it is $1/\\pi$.",
        "Where many parts make the loss nearly normal, of variance $\\sigma_L^2 = C_L T^2$ with a heat "
        "capacity $C_L$, the same mean is, by [eq:swap-acceptance-normal],",
        equality(s.mean_energy_difference / (2 * temp), sympy.sqrt(capacity / sympy.pi)),
    )


_EXAMPLE = {
    s.learning_coefficient: Rational(1, 2),
    s.cold_temperature: Rational(1, 10),
    s.hot_temperature: Rational(1, 2),
    s.inverse_temperature_gap: 8,
    s.energy_deviation: Rational(1, 5),
    s.mean_energy_difference: Rational(1, 10),
}

EQUATIONS = (
    Equation(
        "swap-acceptance",
        "Acceptance of a swap",
        s.swap_acceptance,
        derive_swap_acceptance,
        "Chains that cannot leave a phase at the temperature of interest can at a higher one. If chains at several "
        "temperatures swap configurations, the cold one gets the hot one's mobility, provided that swaps are accepted: "
        "their laws of the loss must overlap. How much, exactly?",
        source="derived here; compare " + _SYED,
        tests=_LADDER,
    ),
    Equation(
        "swap-acceptance-phase",
        "Acceptance of a swap within a phase",
        s.swap_acceptance,
        derive_swap_acceptance_phase,
        "Within a phase the learning coefficient alone decides which steps in temperature are possible: the smaller "
        "it is, the longer they may be.",
        _EXAMPLE,
        tests=_LADDER,
    ),
    Equation(
        "swap-acceptance-normal",
        "Acceptance of a swap, many parts",
        s.swap_acceptance,
        derive_swap_acceptance_normal,
        "A loss with many independent parts is nearly normal, and only its standard deviation matters, which grows as "
        "the root of their number: so must the number of temperatures.",
        _EXAMPLE,
        source="derived here; known for Gaussian energies",
        tests=_LADDER,
    ),
    Equation(
        "swap-rejection",
        "Rejected swaps of a small step",
        s.swap_rejection,
        derive_swap_rejection,
        "To first order in the gap $\\Delta$, what a small step in temperature costs can be read off draws at one "
        "temperature, whatever the loss is.",
        _EXAMPLE,
        source=_HERE,
        tests=(*_TESTS, "tests/exact/test_energy_law.py"),
    ),
    Equation(
        "communication-barrier",
        "Communication barrier of a phase",
        s.communication_barrier,
        derive_communication_barrier,
        "What a whole ladder rejects, if its steps are small, does not depend on where the temperatures are put, and "
        "tells how many are needed.",
        _EXAMPLE,
        source=_HERE,
        tests=_LADDER,
    ),
)
