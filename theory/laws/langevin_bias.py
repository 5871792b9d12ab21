r"""Bias of the unadjusted (Euler) Langevin scheme to first order in its step, for any loss, with walls or without."""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Expr, Function, Rational, Symbol, gamma

from theory import symbols as s
from theory.derivation import Derivation, Equation, Story, demand_zero, equality
from theory.laws.sgd import derive_euler_maruyama_variance

_W = Symbol("w", positive=True)


@cache
def modified_loss_correction() -> tuple[Expr, Story]:
    """L_1 of the modified loss L + time_step L_1 that one Euler step samples to first order, L = Function("L")(w)."""
    w, temp = _W, s.temperature
    loss, test = Function("L")(w), Function("phi")(w)
    slope = loss.diff(w)
    # One step: w' = w - L' dt + sqrt(2 T dt) xi. Mean of phi(w') to second order in dt.
    noise, root = Symbol("xi"), Symbol("root_dt", positive=True)
    move = -slope * root**2 + sympy.sqrt(2 * temp) * root * noise
    taylor = sum((test.diff(w, j) * move**j / sympy.factorial(j) for j in range(1, 5)), sympy.Integer(0))
    normal = {1: 0, 2: 1, 3: 0, 4: 3}
    polynomial = sympy.Poly(sympy.expand(taylor), noise, root)
    orders = {2: sympy.Integer(0), 4: sympy.Integer(0)}
    for (power, order), coefficient in polynomial.terms():
        if order in orders:
            orders[order] += coefficient * normal.get(power, 1)
    generator = temp * test.diff(w, 2) - slope * test.diff(w)
    second = slope**2 * test.diff(w, 2) / 2 - temp * slope * test.diff(w, 3) + temp**2 * test.diff(w, 4) / 2
    demand_zero(orders[2] - generator, "generator")
    demand_zero(orders[4] - second, "second order of one step")
    # Stationary density exp(-L/T)(1 + dt u): A_1^*(rho u) + A_2^* rho = 0.
    density = sympy.exp(-loss / temp)
    correction = temp * loss.diff(w, 2) / 2 - slope**2 / 4
    tilt = -correction / temp
    flux = temp * (density * tilt).diff(w) + slope * density * tilt  # A_1^*(rho u) is its derivative
    adjoint = (
        (slope**2 * density / 2).diff(w) + (temp * slope * density).diff(w, 2) + (temp**2 * density / 2).diff(w, 3)
    )  # A_2^* rho is its derivative
    demand_zero(sympy.expand((flux + adjoint) / density), "no probability flux to first order")
    story = (
        "One Euler step $w' = w - L'\\Delta t + \\sqrt{2T\\Delta t}\\,\\xi$ changes the mean of a function "
        "$\\varphi$ by $\\Delta t\\,\\mathcal A_1\\varphi + \\Delta t^2\\mathcal A_2\\varphi$, where "
        "$\\mathcal A_1 = T\\partial^2 - L'\\partial$ is the Langevin generator and "
        "$\\mathcal A_2 = \\frac12 L'^2\\partial^2 - T L'\\partial^3 + \\frac12 T^2\\partial^4$.",
        "A density $e^{-L/T}(1+\\Delta t\\,u)$ is stationary to first order if $\\mathcal A_1^*(e^{-L/T}u) + "
        "\\mathcal A_2^* e^{-L/T} = 0$. That is one integration: the flux vanishes for $u = -L_1/T$ with",
        equality(Symbol("L_1"), correction),
        "So the scheme samples the modified loss $L + \\Delta t\\,L_1$: flatter where the slope is large.",
    )
    return correction, story


@cache
def derive_unadjusted_langevin_bias_monomial() -> Derivation:
    """Mean energy n beta <a |w|^(2k)> of the Euler scheme, to first order in the step."""
    w, temp, dt = _W, s.temperature, s.time_step
    half, scale = s.well_half_order, s.well_coefficient
    correction, story = modified_loss_correction()
    loss = scale * w ** (2 * half)
    tilt = sympy.expand(-correction.subs(Function("L")(w), loss).doit() / temp)

    def mean(expression: Expr) -> Expr:
        """Mean over exp(-a |w|^(2k)/T) on the half line, term by term: <w^q> = (T/a)^(q/2k) G((q+1)/2k)/G(1/2k)."""
        total = sympy.Integer(0)
        for term in sympy.Add.make_args(sympy.expand(sympy.powsimp(sympy.expand(expression)))):
            power = sympy.simplify(w * term.diff(w) / term)
            coefficient = sympy.powsimp(term / w**power)
            ratio = gamma((power + 1) / (2 * half)) / gamma(1 / (2 * half))
            total += coefficient * (temp / scale) ** (power / (2 * half)) * ratio
        return total

    covariance = mean(loss * tilt) - mean(loss) * mean(tilt)
    plain = 1 / (2 * half)
    demand_zero(sympy.gammasimp(mean(loss) / temp) - plain, "energy law without the bias")
    bias = sympy.gammasimp(sympy.powsimp(sympy.simplify(covariance / temp), force=True))
    order = 1 / half
    expected = (
        (2 * half - 1) * scale**order * temp ** (1 - order) * gamma(1 - order / 2) / (4 * half * gamma(1 + order / 2))
    )
    demand_zero(sympy.gammasimp(sympy.powsimp(bias / expected, force=True)) - 1, "compact form")
    result = plain + dt * expected
    quadratic = derive_euler_maruyama_variance().result * s.curvature / (2 * temp)
    first_order = sympy.series(quadratic, dt, 0, 2).removeO().subs(s.curvature, 2 * scale)
    demand_zero(result.subs(half, 1) - first_order, "quadratic well, exact variance to first order")
    return Derivation.of(
        result,
        *story,
        "To first order the mean of $L$ shifts by $\\Delta t$ times its covariance with $u$. For "
        "$L = a|w|^{2k}$ the tilt is",
        equality(Symbol("u"), tilt),
        "and $\\langle|w|^q\\rangle = (T/a)^{q/2k}\\,\\Gamma(\\frac{q+1}{2k})/\\Gamma(\\frac1{2k})$ gives "
        "the result. Check: for $k=1$ it is [eq:euler-maruyama-variance] to first order.",
        "In units of the relaxation the step is $\\Delta t\\,a^{1/k}T^{1-1/k}$: the flatter the well, the "
        "weaker the bias at low temperature. With the step $\\epsilon$ of [eq:unadjusted-langevin-bias], "
        "$\\Delta t = \\epsilon n\\beta/2$. For $k>1$ the scheme diverges from far away, however small the "
        "step: the law describes it as long as that has not happened, or with walls.",
    )


@cache
def derive_unadjusted_langevin_bias_of_mean() -> Derivation:
    """Shift of any mean by the Euler scheme to first order in its step, folded back at reflecting walls or without."""
    w, temp, dt = Symbol("w", real=True), s.temperature, s.time_step
    loss, phi = Function("L")(w), Function("phi")(w)
    rho, slope = sympy.exp(-loss / temp), loss.diff(w)
    # What a fold at a wall w = 0 adds to E phi is E(|y|^3 - y^3) / 6 times phi''', for y = s (x - u) and s x deep.
    u, x, scale = sympy.symbols("u x s", positive=True)
    folded = sympy.integrate((scale * (u - x)) ** 3 / 3, (x, 0, u)) * scale
    layer = sympy.integrate(folded * sympy.exp(-(u**2) / 2) / sympy.sqrt(2 * sympy.pi), (u, 0, sympy.oo))
    fold = sympy.simplify(layer.subs(scale, sympy.sqrt(2 * temp * dt)))
    demand_zero(fold - temp**2 * dt**2 / 2, "what folding adds")
    second = slope**2 * phi.diff(w, 2) / 2 - temp * slope * phi.diff(w, 3) + temp**2 * phi.diff(w, 4) / 2
    edge = temp**2 * rho * phi.diff(w, 3) / 2 - temp * rho * slope * phi.diff(w, 2) / 2
    volume = temp * loss.diff(w, 2) * phi.diff(w, 2) / 2
    demand_zero((rho * second - edge.diff(w) - rho * volume) / rho, "second order of one step, by parts")
    # The third derivatives of edge and fold cancel; the rest of the edge is taken into the volume.
    left = -slope * (temp * phi.diff(w, 3) - slope * phi.diff(w, 2)) / 2
    demand_zero((rho * (left - volume) + temp * (rho * slope * phi.diff(w, 2)).diff(w) / 2) / rho, "edge taken in")
    poisson = temp * phi.diff(w, 2) - slope * phi.diff(w)  # f - <f>
    gradient = poisson.diff(w) + loss.diff(w, 2) * phi.diff(w)  # f' + L'' phi'
    demand_zero(left + slope * gradient / 2, "gradient of Poisson's equation")
    closing = slope * loss.diff(w, 2) * phi.diff(w) + slope**2 * poisson / (2 * temp)
    demand_zero((rho * closing - (rho * slope**2 * phi.diff(w) / 2).diff(w)) / rho, "covariance, by parts")
    result = dt * (s.mean_slope_product / 2 - s.slope_covariance / (4 * temp))
    quadratic = {s.mean_slope_product: s.curvature * temp, s.slope_covariance: s.curvature * temp**2}
    exact = s.curvature * derive_euler_maruyama_variance().result / 2
    first_order = sympy.series(exact, dt, 0, 2).removeO() - temp / 2
    demand_zero(result.subs(quadratic) - first_order, "energy of a quadratic well")
    return Derivation.of(
        result,
        "Let $\\varphi$ solve Poisson's equation $T\\varphi'' - L'\\varphi' = f - \\langle f\\rangle$, with "
        "$\\varphi' = 0$ at a wall. The scheme's stationary mean of $f$ differs from $\\langle f\\rangle$ by "
        "$-\\Delta t$ times the mean of $\\mathcal A_2\\varphi$, the second order of one step in the "
        "derivation of [eq:unadjusted-langevin-bias-monomial], and by what folding at walls adds.",
        "A step that ends at $y$ beyond the wall $w = 0$ is folded to $|y|$. To leading order that changes the "
        "mean of $\\varphi$ by its third derivative times $(|y|^3 - y^3)/6$. Integrated over the layer beside "
        "the wall it adds the density there, times $\\varphi'''$, times",
        fold,
        "By parts, the mean of $\\mathcal A_2\\varphi$ has the same term at the wall with the other sign. What is "
        "left is, for $f$'s bias, $\\frac{\\Delta t}2\\langle L'(T\\varphi''' - L'\\varphi'')\\rangle = "
        "\\frac{\\Delta t}2\\langle L'(f' + L''\\varphi')\\rangle$: no wall appears in it.",
        "The mean of $L'L''\\varphi'$ is $-1/2T$ times the covariance of $f$ and $L'^2$, by parts again. "
        "In more coordinates the slopes are gradients, and every wall of a box is met alone.",
        "Check: in a quadratic well, $f = L$, it is [eq:euler-maruyama-variance] to first order.",
    )


EQUATIONS = (
    Equation(
        "unadjusted-langevin-bias-monomial",
        "Bias of unadjusted Langevin at a singular minimum",
        s.monomial_energy,
        derive_unadjusted_langevin_bias_monomial,
        "At a singular minimum the bias of the quadratic well is no guide: the curvature is zero at the minimum and "
        "grows away from it. Backward error analysis finds the loss that the scheme really samples, and from it the "
        "learning coefficient $1/(2k)$ that it really measures.",
        {s.well_half_order: 2, s.well_coefficient: 1, s.temperature: Rational(1, 100), s.time_step: Rational(1, 10)},
        source="derived here; modified equations: Shardlow (2006), SIAM J. Numer. Anal. 44; Abdulle, Vilmart & "
        "Zygalakis (2014), SIAM J. Numer. Anal. 52",
    ),
    Equation(
        "unadjusted-langevin-bias-of-mean",
        "Bias of unadjusted Langevin in any mean",
        s.mean_bias,
        derive_unadjusted_langevin_bias_of_mean,
        "How far off is what a run measured? The means on the right can be taken over the run's own draws, whatever "
        "the loss, in any number of coordinates, between reflecting walls too: the bias is known without a second run.",
        {s.temperature: 1, s.time_step: Rational(1, 10), s.mean_slope_product: 1, s.slope_covariance: 1},
        tests=("tests/samplers/test_step_bias.py",),
    ),
)
