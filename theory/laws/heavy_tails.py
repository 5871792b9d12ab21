r"""Heavy-tailed gradient noise: stable, with infinite variance. Escapes are single jumps, not climbs."""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Symbol, cos, gamma, pi, sin

from theory import symbols as s
from theory.derivation import Derivation, Equation, Step, demand_zero

_TESTS = ("tests/theory/laws/test_heavy_tails.py",)
_JUMPS = "Imkeller & Pavlyukevich (2006), Stochastic Processes and their Applications 116, 611; derived here"


@cache
def derive_stable_jumps() -> Derivation:
    """Coefficient of the jump density of symmetric stable noise with characteristic function exp(-t |k|^alpha)."""
    alpha, point = s.stability, Symbol("u", positive=True)
    power = Symbol("p", positive=True)
    # Integral of (1 - cos u) u^(-1-alpha) by parts is that of sin(u) u^(-alpha) over alpha: a Mellin transform.
    transform = sympy.mellin_transform(sin(point), point, power)[0]
    demand_zero(sympy.gammasimp(transform / (gamma(power) * sin(pi * power / 2))) - 1, "Mellin transform of the sine")
    integral = gamma(1 - alpha) * sin(pi * (1 - alpha) / 2) / alpha
    result = gamma(1 + alpha) * sin(pi * alpha / 2) / pi
    product = 2 * result * integral
    reflected = product.subs(gamma(1 - alpha), pi / (gamma(alpha) * sin(pi * alpha))).subs(
        gamma(1 + alpha), alpha * gamma(alpha)
    )
    demand_zero(
        sympy.simplify(sympy.expand_trig(reflected.subs(alpha, 2 * power / pi)) - 1), "2 c times the integral is 1"
    )
    demand_zero(result.subs(alpha, 1) - 1 / pi, "Cauchy noise")
    demand_zero(sympy.limit(result, alpha, 2), "normal noise does not jump")
    return Derivation(
        result,
        (
            Step(
                "Jumps of size $u$ at the rate $c|u|^{-1-\\alpha_s}du$ give the characteristic function "
                "$e^{-t|k|^{\\alpha_s}}$ if $2c\\int_0^\\infty(1-\\cos ku)u^{-1-\\alpha_s}du = |k|^{\\alpha_s}$. By "
                "parts the integral at $k = 1$ is",
                gamma(1 - alpha) * cos(pi * alpha / 2) / alpha,
            ),
            Step("so $c$ follows with $\\Gamma(1-x)\\Gamma(x) = \\pi/\\sin\\pi x$. Checks: $1/\\pi$ at 1, 0 at 2."),
        ),
    )


@cache
def derive_stable_escape_rate() -> Derivation:
    """Rate of jumps that reach beyond the border of a phase."""
    alpha, scale, width = s.stability, s.noise_scale, s.well_width
    size = Symbol("u", positive=True)
    density = s.jump_coefficient * scale**alpha * size ** (-1 - alpha)
    tail = sympy.integrate(density, (size, width, sympy.oo), conds="none")
    result = s.jump_coefficient / alpha * (scale / width) ** alpha
    demand_zero(sympy.powsimp(sympy.expand_power_base(tail / result, force=True), force=True) - 1, "tail of the jumps")
    return Derivation(
        result,
        (
            Step(
                "Small noise keeps the weights near the minimum, to which they return in a time that does not depend "
                "on it, until one jump of at least the width of the well on that side. In units of the scale jumps are "
                "those of [eq:stable-jumps], so at the rate",
                Eq(s.escape_rate, sympy.Integral(density, (size, width, sympy.oo)), evaluate=False),
            ),
            Step(
                "A power of the noise. The width stands in it, the height of the barrier does not: nothing is "
                "activated."
            ),
        ),
    )


@cache
def derive_stable_noise_scale() -> Derivation:
    """Scale per Langevin time of SGD with stable noise."""
    alpha, eta, batch, own = s.stability, s.learning_rate, s.batch_size, s.example_scale
    of_mean = own * batch ** (1 / alpha) / batch
    per_step = eta * of_mean
    per_time = per_step * (1 / eta) ** (1 / alpha)
    result = own * (eta / batch) ** (1 - 1 / alpha)
    demand_zero(sympy.powsimp(sympy.expand_power_base(per_time / result, force=True), force=True) - 1, "scale")
    normal = result.subs(alpha, 2) ** 2
    demand_zero(
        normal.subs(own, sympy.sqrt(s.gradient_variance / 2)) - eta * s.gradient_variance / (2 * batch), "normal noise"
    )
    rate = derive_stable_escape_rate().result.subs(s.noise_scale, result)
    power = sympy.simplify(eta * sympy.diff(sympy.log(rate), eta))
    demand_zero(power - (alpha - 1), "power of the rate")
    return Derivation(
        result,
        (
            Step(
                "The sum of $n$ stable numbers has $n^{1/\\alpha_s}$ times their scale. So a minibatch has",
                of_mean,
            ),
            Step("and $1/\\eta$ steps of $\\eta$ times that, one unit of Langevin time,", per_time),
            Step(
                "At $\\alpha_s = 2$, if $s_1 = \\sigma/\\sqrt2$, its square is the temperature of "
                "[eq:sgd-temperature]. Put into [eq:stable-escape-rate], the rate goes as $(\\eta/B)^{\\alpha_s-1}$: "
                "it does depend on $\\eta/B$ alone, like an activated one, but as a power."
            ),
        ),
    )


EQUATIONS = (
    Equation(
        "stable-jumps",
        "Jumps of stable noise",
        s.jump_coefficient,
        derive_stable_jumps,
        "Gradient noise with heavy tails has no variance, hence no temperature. What does it do instead?",
        {s.stability: sympy.Rational(3, 2)},
        source="Samorodnitsky & Taqqu (1994), Stable Non-Gaussian Random Processes; derived here",
        tests=_TESTS,
    ),
    Equation(
        "stable-escape-rate",
        "Escape rate with stable noise",
        s.escape_rate,
        derive_stable_escape_rate,
        "How fast heavy-tailed noise leaves a phase, as its scale goes to zero.",
        {
            s.jump_coefficient: sympy.Rational(3, 10),
            s.stability: sympy.Rational(3, 2),
            s.noise_scale: sympy.Rational(1, 5),
            s.well_width: 1,
        },
        source=_JUMPS,
        tests=_TESTS,
    ),
    Equation(
        "stable-noise-scale",
        "Scale of stable gradient noise",
        s.noise_scale,
        derive_stable_noise_scale,
        "What learning rate and batch size do to it, in Langevin time.",
        {
            s.example_scale: 10,
            s.learning_rate: sympy.Rational(1, 100),
            s.batch_size: 64,
            s.stability: sympy.Rational(3, 2),
        },
        tests=_TESTS,
    ),
)
