r"""What second-order Langevin schemes sample: Heun's, Leimkuhler and Matthews', the splittings BAOAB, ABOBA and OBABO.

A letter is the exact flow of one part of dx = p dt, dp = -h x dt - friction p dt + noise: A moves the place, B the
momentum by the force, O damps and kicks the momentum. A letter that stands twice takes half of the step each time.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Expr, Matrix, Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality
from theory.laws.sgd import stationary_covariance

_TESTS = ("tests/samplers/test_step_bias.py",)
_DECAY = Symbol("c", positive=True)


@cache
def splitting_covariance(splitting: str) -> Matrix:
    """Stationary covariance of place and momentum (unit mass), from S = M S M^T + noise of one step."""
    h, dt = s.curvature, s.time_step
    step, noise = sympy.eye(2), sympy.zeros(2)
    for letter in splitting:
        part = dt / splitting.count(letter)
        flow = {
            "A": Matrix([[1, part], [0, 1]]),
            "B": Matrix([[1, 0], [-h * part, 1]]),
            "O": Matrix([[1, 0], [0, _DECAY]]),
        }[letter]
        step, noise = flow * step, flow * noise * flow.T
        if letter == "O":
            noise += Matrix([[0, 0], [0, s.temperature * (1 - _DECAY**2)]])
    return stationary_covariance(step, noise)


def derive_obabo_variance() -> Derivation:
    """V = T / (h (1 - h dt^2 / 4)) of OBABO, whatever the friction."""
    h, dt = s.curvature, s.time_step
    result = s.temperature / (h * (1 - h * dt**2 / 4))
    covariance = splitting_covariance("OBABO")
    demand_zero(covariance[0, 0] - result, "variance of the place")
    demand_zero(covariance[1, 1] - s.temperature, "Maxwell's law")
    return Derivation.of(
        result,
        "With $L = hw^2/2$ every letter is linear in place and momentum, and O, which multiplies the momentum "
        "by $c$, adds noise of variance $T(1-c^2)$. The stationary covariance solves $S = MSM^\\top + N$, $M$ "
        "the product of the letters. For OBABO the momentum keeps variance $T$, and the place has",
        "variance",
        equality(s.stationary_variance, result),
        "The friction has dropped out. It diverges at leapfrog's limit of stability, $h\\Delta t^2 = 4$.",
    )


def derive_baoab_variance() -> Derivation:
    """V = T / h of BAOAB and of ABOBA at any stable step."""
    result = s.temperature / s.curvature
    for splitting in ("BAOAB", "ABOBA"):
        demand_zero(splitting_covariance(splitting)[0, 0] - result, f"variance of {splitting}")
    momentum = sympy.factor(splitting_covariance("BAOAB")[1, 1])
    demand_zero(momentum - s.temperature * (1 - s.curvature * s.time_step**2 / 4), "momentum of BAOAB")
    return Derivation.of(
        result,
        "The covariance of [eq:obabo-variance]'s derivation, with the letters in the order BAOAB or ABOBA, has "
        "the exact variance of the place whatever step and friction. The momenta pay: after BAOAB's step theirs is",
        momentum,
        "In other wells the places have a bias too, of second order in the step.",
    )


def derive_heun_variance() -> Derivation:
    """V of Heun's scheme: drift averaged over a predictor that takes the step's noise along."""
    h, dt = s.curvature, s.time_step
    place, noise = sympy.symbols("w xi", real=True)
    predictor = place - h * place * dt + noise
    new = sympy.expand(place - h * (place + predictor) * dt / 2 + noise)
    factor, gain = new.coeff(place), new.coeff(noise)
    variance = Symbol("V", positive=True)
    solved: Expr = sympy.solve(Eq(variance, factor**2 * variance + gain**2 * 2 * s.temperature * dt), variance)[0]
    result = s.temperature / h * (2 - h * dt) / (2 - h * dt + h**2 * dt**2 / 2)
    demand_zero(solved - result, "Heun's variance")
    demand_zero(sympy.series(result * h / s.temperature, dt, 0, 3).removeO() - 1 + h**2 * dt**2 / 4, "small steps")
    return Derivation.of(
        result,
        "With $L = hw^2/2$ one step, whose noise $\\xi$ has variance $2T\\Delta t$, gives",
        new,
        "so that the stationary variance solves",
        Eq(s.stationary_variance, factor**2 * s.stationary_variance + 2 * s.temperature * dt * gain**2),
        "It is too small by $h^2\\Delta t^2/4$ for small steps: Heun's scheme is too cold where Euler's is hot.",
    )


def derive_leimkuhler_matthews_variance() -> Derivation:
    """V = T / h of Leimkuhler and Matthews' scheme; in any well no bias of first order."""
    h, dt, temperature = s.curvature, s.time_step, s.temperature
    behind, noise = sympy.symbols("y xi", real=True)
    place = behind + noise / 2
    new = sympy.expand(behind - h * place * dt + noise)
    factor, gain, kick = new.coeff(behind), new.coeff(noise), 2 * temperature * dt
    of_behind: Expr = gain**2 * kick / (1 - factor**2)
    result = temperature / h
    demand_zero(of_behind + kick / 4 - result, "variance of the place")
    demand_zero(_first_order_of_leimkuhler_matthews(), "bias of first order in any well")
    return Derivation.of(
        result,
        "The scheme is Euler's with the mean of two steps' noises, $w' = w - L'(w)\\Delta t + (\\xi + \\xi')/2$, each "
        "of variance $2T\\Delta t$. The place less half of its last noise, $y = w - \\xi/2$, is a Markov chain. With "
        "$L = hw^2/2$ it goes to",
        new,
        "so that $y$ has the variance",
        sympy.factor(of_behind),
        "and $w = y + \\xi/2$ that plus a quarter of $2T\\Delta t$: the exact one, at any stable step. In any well, if "
        "$\\rho$ is the tempered posterior, $\\rho - T\\Delta t\\rho''/4$ is stationary for $y$ but for terms of the "
        "order $\\Delta t^2$, and half of a noise makes $\\rho$ of it: the bias of first order, which Euler's has, "
        "is gone. What two steps share in noise is wrong in time: escapes are not those of the equation.",
    )


def _first_order_of_leimkuhler_matthews() -> Expr:
    """What the step changes at order dt^2 in rho - T dt rho''/4; zero if that is stationary to first order.

    The step's mean, square, cube and fourth power to order dt^2 are those of -dt L'(y + xi/2) + xi with xi^2 = 2 T dt.
    """
    w, temperature = s.coordinate, s.temperature
    loss = sympy.Function("L")(w)
    density = sympy.exp(-loss / temperature)
    slope = loss.diff(w)
    second = (
        (temperature / 4 * slope.diff(w, 2) * density).diff(w)
        + ((slope**2 / 2 - temperature * slope.diff(w)) * density).diff(w, 2)
        + (temperature * slope * density).diff(w, 3)
        + (temperature**2 / 2 * density).diff(w, 4)
    )
    shifted = -temperature / 4 * density.diff(w, 2)
    first = (slope * shifted).diff(w) + temperature * shifted.diff(w, 2)
    return sympy.expand(sympy.simplify((first + second) / density))


EQUATIONS = (
    Equation(
        "obabo-variance",
        "Bias of OBABO",
        s.stationary_variance,
        derive_obabo_variance,
        "A splitting that keeps the momenta's law exactly has its bias in the places.",
        {s.temperature: 1, s.curvature: 1, s.time_step: Rational(1, 2)},
        source="Bussi & Parrinello (2007), Phys. Rev. E 75; derived here",
        tests=_TESTS,
    ),
    Equation(
        "baoab-variance",
        "BAOAB and ABOBA in a quadratic well",
        s.stationary_variance,
        derive_baoab_variance,
        "Two splittings have no bias in the places of a quadratic well, up to the limit of stability.",
        {s.temperature: 1, s.curvature: 1},
        source="Leimkuhler & Matthews (2013), Appl. Math. Res. eXpress 2013; derived here",
        tests=_TESTS,
    ),
    Equation(
        "leimkuhler-matthews-variance",
        "Leimkuhler and Matthews' scheme in a quadratic well",
        s.stationary_variance,
        derive_leimkuhler_matthews_variance,
        "One gradient a step, as Euler's, and no bias of first order: the noise is averaged over two steps.",
        {s.temperature: 1, s.curvature: 1},
        source="Leimkuhler & Matthews (2013), Appl. Math. Res. eXpress 2013; Vilmart (2015), SIAM J. Sci. Comput. 37; "
        "derived here",
        tests=("tests/samplers/test_leimkuhler_matthews.py",),
    ),
    Equation(
        "heun-variance",
        "Bias of Heun's scheme",
        s.stationary_variance,
        derive_heun_variance,
        "The same for an Euler step whose drift is averaged over a predictor.",
        {s.temperature: 1, s.curvature: 1, s.time_step: Rational(1, 2)},
        tests=_TESTS,
    ),
)
