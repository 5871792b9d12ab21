r"""Gradient descent on a regularised convex loss forgets its start: two runs on the same examples come together.

The logistic loss of an example, ln(1 + exp(-s)), has the curvature p(1 - p) between 0 and 1/4 in the score s, where p
is the chance told. With ½ m |w|² added, every curvature of the loss is m at least, so that a step brings two points
together by 1 - rate m at least.
"""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol

from theory import network_symbols as nets
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand, demand_zero, equality

_TESTS = ("tests/zoo/test_small_networks.py",)


def _curvature_of_the_logistic_loss() -> None:
    """It is p(1 - p), which is positive and a quarter at most."""
    score, chance = Symbol("score", real=True), Symbol("chance", positive=True)
    told = 1 / (1 + sympy.exp(-score))
    loss = sympy.log(1 + sympy.exp(-score))
    demand_zero(sympy.diff(loss, score, 2) - told * (1 - told), "curvature of the logistic loss")
    demand_zero(Rational(1, 4) - chance * (1 - chance) - (Rational(1, 2) - chance) ** 2, "a quarter at most")


def derive_regularised_descent_contraction() -> Derivation:
    """Distance of two runs after some steps over that at the start, at most."""
    _curvature_of_the_logistic_loss()
    rate, least, steps = s.learning_rate, nets.ridge_strength, nets.steps_done
    most = Symbol("Lambda_max", nonnegative=True)  # the largest curvature of the examples
    share = Symbol("x", positive=True)  # of it, along some direction
    least_factor, factor = 1 - rate * least, 1 - rate * (least + share * most / (1 + share))
    demand_zero(least_factor - factor - rate * share * most / (1 + share), "no direction is slower than without data")
    top = 1 - rate * (least + most)
    demand_zero(least_factor + top - (2 - rate * (2 * least + most)), "none swings wider, while this is not negative")
    demand(sympy.simplify(factor.subs(most, 0) - least_factor) == 0, "where there are no data it is just that")
    result = least_factor**steps
    demand_zero(result.subs(steps, steps + 1) - least_factor * result, "one step more")
    demand_zero(result.subs(steps, 0) - 1, "at the start")
    return Derivation.of(
        result,
        "Two runs at $w$ and $w'$ have gradients that differ by $\\bar H (w - w')$, with the Hessian's mean $\\bar H$ "
        "on the way between them. A step therefore makes of their difference $(w-w')_t$ the next one, $(w-w')_{t+1}$:",
        equality(
            Symbol(r"(w-w')_{t+1}"),
            (1 - rate * Symbol(r"\bar H")) * Symbol(r"(w-w')_t"),
        ),
        "The loss of examples is convex: for the logistic loss, curvatures $p(1-p)$ between 0 and a quarter. With "
        "$\\tfrac12 m|w|^2$ every curvature of $\\bar H$ is $m + \\lambda$ with $0 \\le \\lambda \\le "
        "\\lambda_{\\max}$. Its factor $1 - \\eta(m+\\lambda)$ is largest in size where $\\lambda = 0$, as long as "
        "$\\eta(2m + \\lambda_{\\max}) \\le 2$.",
        "So the distance shrinks by $1 - \\eta m$ in a step, at least, and by just that in directions in which no "
        "example has a part. The same holds if both runs see the same minibatches.",
    )


EQUATIONS = (
    Equation(
        "regularised-descent-contraction",
        "A regularised convex loss forgets its start",
        nets.distance_left,
        derive_regularised_descent_contraction,
        "Why a warm start cannot matter there: an upper bound, and exact perpendicular to the examples.",
        {s.learning_rate: Rational(1, 2), nets.ridge_strength: Rational(1, 10), nets.steps_done: 20},
        source="derived here; the argument is that of strongly convex optimisation, Nesterov (2004), Introductory "
        "Lectures on Convex Optimization, section 2.1",
        tests=_TESTS,
    ),
)
