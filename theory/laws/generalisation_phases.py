r"""Two phases of a network of one rectified unit: dead, or alive. Which holds the posterior, at which n and beta.

The map is f = max(a, 0) w with four outputs, standard normal weights a and w, noise of variance 1, and a true map of
length delta. With a < 0 the unit is dead, f = 0, and no weight matters: the learning coefficient is 0.
"""

from __future__ import annotations

import sympy
from sympy import Integer, Rational, Symbol, exp, log, oo, pi, sqrt

from theory import generalisation_symbols as g
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero

_TESTS = ("tests/zoo/test_generalisation_phases.py",)
_OUTPUTS = 4


def derive_live_length_density() -> Derivation:
    """Density of a |w| for a half-normal a and four normal weights w."""
    a, length = Symbol("a", positive=True), g.live_length
    radius = Symbol("r", positive=True)
    of_weights = radius**3 * exp(-(radius**2) / 2) / 2  # length of four normal weights
    demand_zero(sympy.integrate(of_weights, (radius, 0, oo)) - 1, "density of a length in four dimensions")
    # Glasser: the integral of exp(-(a - s/a)^2/2) over a > 0 does not depend on s, as u = a - s/a shows.
    u = Symbol("u", real=True)
    place = (u + sqrt(u**2 + 4 * length)) / 2
    demand_zero(sympy.simplify(place - length / place - u), "place a of u")
    demand_zero(sympy.simplify(sympy.diff(place, u) + sympy.diff(place, u).subs(u, -u)) - 1, "slopes of u and -u")
    gauss = sympy.integrate(exp(-(u**2) / 2), (u, 0, oo))
    base = exp(-length) * gauss  # integral of exp(-a^2/2 - s^2/2a^2)
    # Each derivative by s, over -s, brings down one more 1/a^2.
    fourth = base
    for _ in range(2):
        fourth = sympy.simplify(-sympy.diff(fourth, length) / length)
    result = sympy.simplify(sqrt(2 / pi) * length**3 / 2 * fourth)
    told = (1 + length) * exp(-length) / 2
    demand_zero(result - told, "density")
    demand_zero(sympy.integrate(told, (length, 0, oo)) - 1, "mass")
    demand_zero(sympy.integrate(length**2 * told, (length, 0, oo)) - _OUTPUTS, "mean square: that of a times that of w")
    integrand = 2 * exp(-(a**2) / 2) / sqrt(2 * pi) * of_weights.subs(radius, length / a) / a
    written = sqrt(2 / pi) * length**3 / (2 * a**4) * exp(-(a**2) / 2 - length**2 / (2 * a**2))
    demand_zero(integrand / written - 1, "integrand")
    return Derivation.of(
        told,
        "Given the input weight $a > 0$, the length $s_l = a|w|$ has the density of four normal weights' length, "
        "stretched. Its mean over $a$ is an integral over",
        written,
        "Complete the square, $a^2 + s_l^2/a^2 = (a - s_l/a)^2 + 2s_l$. In $u = a - s_l/a$ the slopes $da/du$ at $u$ "
        "and $-u$ add up to 1, so that the integral of $e^{-a^2/2 - s_l^2/2a^2}$ is",
        base,
        "Two derivatives by $s_l$, each over $-s_l$, bring the factor $a^{-4}$ down.",
    )


def derive_live_free_energy() -> Derivation:
    """Free energies of both phases: the dead one exactly, the live one by its regular minimum, with training noise."""
    x, delta, beta, n = s.n_beta, g.signal, g.inverse_temperature, g.sample_size
    density = derive_live_length_density().result.subs(g.live_length, delta)
    sphere = 2 * pi**2 * delta**3  # area of the sphere of that radius in four dimensions
    line = Symbol("f", real=True)
    gauss = sympy.integrate(exp(-x * line**2 / 2), (line, -oo, oo)) ** _OUTPUTS
    demand_zero(gauss - (2 * pi / x) ** 2, "integral over the four outputs")
    half = Rational(1, 2)
    live = half * density / sphere * gauss  # with the loss of the best map on the training examples as zero
    # Mean of |least-squares map|^2: each output has noise of variance 1/n.
    loss = half * x * (delta**2 + Integer(_OUTPUTS) / n)
    dead = half * exp(-loss)
    constant = -log((1 + delta) * exp(-delta) / delta**3)
    result = -n * beta * delta**2 / 2 - 2 * beta + 2 * log(n * beta) + constant
    found = (-log(live) + log(half) - loss).subs(x, n * beta)
    demand_zero(sympy.expand_log(found - result, force=True), "difference of free energies")
    demand_zero(-log(dead) + log(half) - loss, "free energy of the dead phase")
    return Derivation.of(
        sympy.expand(result),
        "The dead phase has half of the prior and one likelihood, that of $f = 0$. The live one has the other half, "
        "the prior density of the true map [eq:live-length-density], spread over directions,",
        density / sphere,
        "and the Gaussian integral",
        gauss,
        "since at $f \\ne 0$ it is regular in its four outputs, $\\lambda = 2$. The least-squares map is longer than "
        "the true one by the noise of the examples, $4/n$ in its mean square, which makes the term $-2\\beta$.",
    )


EQUATIONS = (
    Equation(
        "live-length-density",
        "One rectified unit: the prior of its length",
        g.live_length_density,
        derive_live_length_density,
        "All that the posterior knows of the weights; the direction is uniform.",
        {g.live_length: Rational(1, 50)},
        tests=_TESTS,
    ),
    Equation(
        "live-free-energy",
        "One rectified unit: dead or alive",
        g.live_free_energy,
        derive_live_free_energy,
        "The dead phase has loss and no volume to lose, the live one the opposite: where this is 0 the posterior "
        "jumps, in $n$ as in $\\beta$. In $n\\beta$ it is solved by [eq:crossover].",
        {g.sample_size: 40000, g.inverse_temperature: 1, g.signal: Rational(1, 50)},
        tests=_TESTS,
    ),
)
