r"""Exact draws from a normal law cut by a wall: exp(-q(y)) at distance y >= 0 of the wall, q = q_1 y + q_2 y^2."""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Expr, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand, demand_zero, equality

_SOURCE = "Robert (1995), Statistics and Computing 5, 121, in other notation"
_Y = Symbol("y", positive=True)
# Strictly inside their range, which spares sympy case distinctions.
_SLOPE, _BEND = Symbol("q_slope", positive=True), Symbol("q_bend", positive=True)


def _shown(expression: Expr) -> Expr:
    return expression.subs({_SLOPE: s.wall_slope, _BEND: s.wall_bend})


@cache
def acceptance_of_rate() -> tuple[Symbol, Expr, Expr]:
    """The rate r, log of target over proposal at its largest, and the acceptance as a function of r."""
    rate = Symbol("r", positive=True)
    exponent = (rate - _SLOPE) * _Y - _BEND * _Y**2  # of target over proposal, times r
    place = sympy.solve(exponent.diff(_Y), _Y)[0]
    demand_zero(place - (rate - _SLOPE) / (2 * _BEND), "where the ratio is largest")
    largest = exponent.subs(_Y, place)
    demand_zero(largest - (rate - _SLOPE) ** 2 / (4 * _BEND), "largest ratio")
    total = sympy.integrate(sympy.exp(-_SLOPE * _Y - _BEND * _Y**2), (_Y, 0, sympy.oo))
    return rate, largest, rate * total * sympy.exp(-largest)


@cache
def derive_truncated_normal_rate() -> Derivation:
    """Rate of the exponential proposal that is accepted most often."""
    rate, largest, acceptance = acceptance_of_rate()
    condition = sympy.expand(2 * _BEND * rate * sympy.simplify(sympy.log(rate).diff(rate) - largest.diff(rate)))
    demand_zero(condition - (2 * _BEND + _SLOPE * rate - rate**2), "optimality")
    demand_zero(acceptance.diff(rate) / acceptance - condition / (2 * _BEND * rate), "derivative of the acceptance")
    result = (_SLOPE + sympy.sqrt(_SLOPE**2 + 8 * _BEND)) / 2
    demand_zero(condition.subs(rate, result), "root of the condition")
    other = sympy.expand(condition / (rate - result)).subs(rate, (_SLOPE - sympy.sqrt(_SLOPE**2 + 8 * _BEND)) / 2)
    demand_zero(sympy.simplify(other), "the other root")
    demand(sympy.simplify((8 * _BEND) / (_SLOPE + sympy.sqrt(_SLOPE**2 + 8 * _BEND))).is_positive, "it is negative")
    demand((sympy.log(rate) - largest).diff(rate, 2).is_negative, "a maximum")
    demand_zero(_shown(result).subs(s.wall_slope, 0) - sympy.sqrt(2 * s.wall_bend), "no slope")
    ratio = Symbol("M", positive=True)
    return Derivation.of(
        _shown(result),
        "Distances are proposed from an exponential law of rate $r \\ge q_1$, which has the density $re^{-ry}$. "
        "What is wanted over what is proposed is largest at a distance $y = (r - q_1)/(2q_2)$, where it is $M$:",
        equality(ratio, _shown(sympy.exp(largest) / rate)),
        "A proposal is accepted with the probability $e^{-q(y)}/(M r e^{-ry})$, which leaves accepted ones "
        "with the density wanted, and of all proposals the share $\\int_0^\\infty e^{-q} dy/M$ is accepted. "
        "Its logarithm is $\\log r - (r - q_1)^2/(4q_2)$ up to a constant, concave in $r$, and largest where",
        equality(_shown(rate**2 - _SLOPE * rate - 2 * _BEND), 0),
        "One root is negative, the other one is the rate. Without a slope it is $\\sqrt{2q_2}$, one over the "
        "deviation of the normal law; without a bend it is $q_1$, and nothing is rejected.",
    )


@cache
def derive_truncated_normal_acceptance() -> Derivation:
    """Share of proposals accepted; at the best rate at least sqrt(pi/(2e)), where the wall cuts the normal in half."""
    rate, _, acceptance = acceptance_of_rate()
    result = _shown(acceptance.subs(rate, s.proposal_rate))
    half = result.subs({s.wall_slope: 0, s.proposal_rate: sympy.sqrt(2 * s.wall_bend)})
    least = sympy.sqrt(sympy.pi / (2 * sympy.E))
    demand_zero(half - least, "acceptance without a slope")
    # How the acceptance changes with the slope.
    total = sympy.integrate(sympy.exp(-_SLOPE * _Y - _BEND * _Y**2), (_Y, 0, sympy.oo))
    first, second = -total.diff(_SLOPE) / total, total.diff(_SLOPE, 2) / total
    change = (rate - _SLOPE) / (2 * _BEND) - first
    demand_zero(sympy.log(acceptance).diff(_SLOPE) - change, "change with the slope")
    best = (_SLOPE + sympy.sqrt(_SLOPE**2 + 8 * _BEND)) / 2
    demand_zero((best - _SLOPE) / (2 * _BEND) - 1 / best, "first term at the best rate")
    demand_zero(_SLOPE * first + 2 * _BEND * second - 1, "mean and mean square")
    demand_zero(_SLOPE / best + 2 * _BEND / best**2 - 1, "one over the best rate solves the equation")
    mean, mean_square = sympy.symbols("m_1 m_2", positive=True)
    return Derivation.of(
        result,
        "It is $\\int_0^\\infty e^{-q} dy/M$ of the derivation of [eq:truncated-normal-rate], for any rate, "
        "with the integral",
        _shown(total),
        "At the best rate and without a slope, where the wall cuts the normal law in half, it is",
        least,
        "about .76, and this is the worst case. For as $q_1$ grows, the logarithm of the acceptance changes by "
        "$(r_y-q_1)/(2q_2) - m_1 = 1/r_y - m_1$, where $m_1$ is the mean distance; the rate is the best one, "
        "so that its own change does not count. Integrals of $\\frac{d}{dy} (y e^{-q})$ show that $m_1$ and "
        "the mean square $m_2$ obey",
        equality(_shown(_SLOPE * mean + 2 * _BEND * mean_square), 1),
        "and a mean square is at least a squared mean: $q_1 m_1 + 2 q_2 m_1^2 \\le 1$. With equality $m_1$ "
        "would be $1/r_y$, so it is at most that, and the acceptance at the best rate rises with the slope.",
    )


_EXAMPLE = {s.wall_slope: 1, s.wall_bend: 1, s.proposal_rate: 2}

EQUATIONS = (
    Equation(
        "truncated-normal-rate",
        "Best proposal at a wall",
        s.proposal_rate,
        derive_truncated_normal_rate,
        "Between walls a conditional law is a normal one cut off, and the mean may lie far outside: drawing from the "
        "normal law until a draw falls inside could take for ever. From a wall where the loss rises inwards, "
        "$q(y) = (L - L_{\\text{wall}})/T = q_1 y + q_2 y^2$ at distance $y$, an exponential proposal is better. Of "
        "which rate?",
        _EXAMPLE,
        source=_SOURCE,
    ),
    Equation(
        "truncated-normal-acceptance",
        "Acceptance at a wall",
        s.proposal_acceptance,
        derive_truncated_normal_acceptance,
        "How many proposals a draw takes: with the best rate less than 1.32 on average, whatever slope and bend are. "
        "A second wall, where the loss is higher, cuts off proposals as well, but only those beyond it.",
        _EXAMPLE,
        source=_SOURCE,
    ),
)
