r"""Linearly solvable control: choosing the next state costs its information, and the Bellman equation turns linear.

A state has two next states, which come with chances p and 1 - p by themselves. Control may choose other chances a and
1 - a at the cost of the control cost times the Kullback-Leibler divergence of both. With z = exp(-v/control cost), the
*desirability*, for the least mean cost v until the end, one linear equation is left.
"""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol, exp, log

from theory import desirability_symbols as c
from theory.derivation import Derivation, Equation, demand_zero, equality

_TESTS = ("tests/zoo/test_subtask_discovery.py",)
_SOURCE = "Todorov (2006), Linearly-solvable Markov decision problems, NIPS; derived here"
_CHANCE = Symbol("a", positive=True)


def _total() -> sympy.Expr:
    """Mean cost of a step at chance a and of what follows."""
    p, cost = c.passive_chance, c.control_cost
    information = _CHANCE * log(_CHANCE / p) + (1 - _CHANCE) * log((1 - _CHANCE) / (1 - p))
    first, second = (-cost * log(z) for z in c.desirabilities)
    return c.state_cost + cost * information + _CHANCE * first + (1 - _CHANCE) * second


def _best() -> sympy.Expr:
    p, (first, second) = c.passive_chance, c.desirabilities
    return p * first / (p * first + (1 - p) * second)


def derive_controlled_chance() -> Derivation:
    """The chance that costs least."""
    result = _best()
    slope = sympy.diff(_total(), _CHANCE)
    odds = sympy.simplify(result / (1 - result))
    p, (first, second) = c.passive_chance, c.desirabilities
    demand_zero(odds - p * first / ((1 - p) * second), "odds of the best chance")
    at_best = c.control_cost * (log(odds) - log(p / (1 - p)) - log(first / second))
    demand_zero(sympy.expand_log(sympy.simplify(at_best), force=True), "slope at the best chance")
    general = c.control_cost * (log(_CHANCE / (1 - _CHANCE)) - log(p / (1 - p)) - log(first / second))
    demand_zero(sympy.expand_log(slope - general, force=True), "slope")
    demand_zero(sympy.diff(_total(), _CHANCE, 2) - c.control_cost / (_CHANCE * (1 - _CHANCE)), "it is convex")
    return Derivation.of(
        result,
        "The cost of a step and of what follows, with $v = -\\lambda_c\\ln z$ for both next states, is",
        _total(),
        "It is convex in $a$, and its slope vanishes where the odds are $p_c z_1 : (1-p_c) z_2$. The control cost is "
        "the temperature of this choice: at a high one the state moves as if by itself.",
    )


def derive_desirability() -> Derivation:
    """The least cost, as a desirability."""
    p, (first, second) = c.passive_chance, c.desirabilities
    result = exp(-c.state_cost / c.control_cost) * (p * first + (1 - p) * second)
    mean = p * first + (1 - p) * second
    # At the best chances a/p = z_1/mean and (1-a)/(1-p) = z_2/mean, so both logarithms of z cancel.
    best = _best()
    demand_zero(best / p - first / mean, "first ratio")
    demand_zero(sympy.together((1 - best) / (1 - p) - second / mean), "second ratio")
    cost = c.control_cost
    least = c.state_cost + sum(
        chance * (cost * (log(z) - log(mean)) - cost * log(z)) for chance, z in ((best, first), (1 - best, second))
    )
    demand_zero(sympy.simplify(least - (c.state_cost - cost * log(mean))), "least cost")
    demand_zero(
        sympy.expand_log(-cost * log(result), force=True) - (c.state_cost - cost * log(mean)), "its desirability"
    )
    return Derivation.of(
        result,
        "At the chance of [eq:controlled-chance] the divergence takes off what the next states cost, and leaves",
        equality(c.cost_to_go, c.state_cost - cost * log(mean)),
        "so that $z = e^{-v/\\lambda_c}$ is linear in the desirabilities of the next states, and through them in those "
        "of the ends. Tasks that differ in their ends alone compose: their desirabilities add as the ends' do.",
    )


_VALUES = {c.passive_chance: Rational(1, 2), c.desirabilities[0]: 1, c.desirabilities[1]: Rational(1, 2)}
EQUATIONS = (
    Equation(
        "controlled-chance",
        "Linearly solvable control: the best move",
        c.controlled_chance,
        derive_controlled_chance,
        "Where to, if any move is allowed and costs what it surprises. Held to two next states; more go alike.",
        _VALUES,
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "desirability",
        "Linearly solvable control: a linear Bellman equation",
        c.desirability,
        derive_desirability,
        "One matrix solves all tasks at once, and a factorisation of it finds what they have in common.",
        {**_VALUES, c.state_cost: Rational(1, 10), c.control_cost: 1},
        source=_SOURCE,
        tests=_TESTS,
    ),
)
