r"""Noise made of a few random bits: which laws a weak scheme may take in place of a normal one, and what they leave.

A scheme of weak order one asks of the noise of a step the mean, the square and the cube of a normal number, one of
order two also its fourth and fifth power (Talay 1990; Kloeden & Platen 1992, §14.1).
"""

from __future__ import annotations

import sympy
from sympy import Eq, Expr, Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero

_TESTS = ("tests/kernels/test_few_bits.py", "tests/samplers/test_few_bits.py")


def derive_four_point_noise() -> Derivation:
    """Squares of two sizes with a given probability of the larger one, from the second and the fourth moment."""
    q, small, large = s.rare_probability, s.small_square, Symbol("b", positive=True)
    second = sympy.expand((1 - q) * small + q * large - 1)
    of_large = sympy.solve(second, large)[0]
    fourth = (1 - q) * small**2 + q * large**2 - 3
    spread = sympy.sqrt(2 * q / (1 - q))
    result: Expr = 1 - spread
    demand_zero(sympy.simplify(fourth.subs(large, of_large).subs(small, result)), "fourth moment")
    demand_zero(result.subs(q, Rational(1, 3)), "at a third the small size is none: the three-point law")
    return Derivation.of(
        result,
        "A symmetric law has no odd moments. Let its size be $\\sqrt b$ with probability $q$ and $\\sqrt a$ otherwise. "
        "The second moment is that of a normal number if",
        Eq((1 - q) * small + q * large, 1),
        "where $a$ is the square asked for, hence",
        Eq(large, of_large),
        "The fourth moment is that of a normal number if",
        Eq((1 - q) * small**2 + q * large**2, 3),
        "This is then a square in $a - 1$, whose root below 1 is taken. At $q = 1/3$ nothing is left of the small "
        "size: the three-point law $0, \\pm\\sqrt3$. At $q = 1/4$ two random bits choose the size and one the sign.",
    )


def derive_few_point_kurtosis() -> Derivation:
    """Fourth cumulant of Euler's scheme in a quadratic well over the square of its variance."""
    fourth, factor, kick = s.noise_fourth_moment, Symbol("f", real=True), Symbol("k", positive=True)
    cumulant, variance = sympy.symbols("K V", real=True)
    of_cumulant = sympy.solve(Eq(cumulant, factor**4 * cumulant + kick**2 * (fourth - 3)), cumulant)[0]
    of_variance = sympy.solve(Eq(variance, factor**2 * variance + kick), variance)[0]
    share = sympy.factor(sympy.simplify(of_cumulant / of_variance**2))
    square = (1 - s.curvature * s.time_step) ** 2
    result = (fourth - 3) * (1 - square) / (1 + square)
    demand_zero(sympy.simplify(share.subs(factor, 1 - s.curvature * s.time_step) - result), "kurtosis")
    return Derivation.of(
        result,
        "With $L = hw^2/2$ a step of Euler's scheme is $w' = fw + \\sqrt k\\,\\xi$, where $f = 1 - h\\Delta t$, "
        "$k = 2T\\Delta t$, and $\\xi$ has variance 1 and fourth moment $\\mu_4$. Variances $V$ and fourth "
        "cumulants $K$ of independent numbers add, so that",
        Eq(variance, factor**2 * variance + kick),
        "and",
        Eq(cumulant, factor**4 * cumulant + kick**2 * (fourth - 3)),
        "and the ratio is",
        Eq(cumulant / variance**2, share),
        "of which $f$ is put in. The variance is that of normal noise, whatever the law. Signs alone, "
        "$\\mu_4 = 1$, leave $-2h\\Delta t$ for small steps, of first order whatever the scheme; "
        "$\\mu_4 = 3$ leaves nothing.",
    )


EQUATIONS = (
    Equation(
        "four-point-noise",
        "Noise of three random bits",
        s.small_square,
        derive_four_point_noise,
        "A sign, and a size of two by a few bits, have all moments that a weak scheme of second order asks for.",
        {s.rare_probability: Rational(1, 4)},
        source="Kloeden & Platen (1992), §14.2, for three points; derived here",
        tests=_TESTS[:1],
    ),
    Equation(
        "few-point-kurtosis",
        "What signs leave in a quadratic well",
        s.excess_kurtosis,
        derive_few_point_kurtosis,
        "The bias of noise that has not the fourth moment of a normal number, where it can be written down.",
        {s.noise_fourth_moment: 1, s.curvature: 1, s.time_step: Rational(1, 2)},
        source="derived here",
        tests=_TESTS[1:],
    ),
)
