"""Rare passages cut into pieces: the rate by renewal, the error of a product of shares, and the best share."""

from __future__ import annotations

import sympy
from sympy import Eq, Rational, Symbol

from theory import escape_symbols as e
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero

_TESTS = ("tests/samplers/test_escape_rate.py",)


def derive_passage_by_renewal() -> Derivation:
    """Mean passage time from the rate of departures and the probability that one of them arrives."""
    p, rate, k = e.reach_probability, e.departure_rate, Symbol("k", positive=True, integer=True)
    miss = Symbol("q", positive=True)
    # Σ k q^(k-1) is the derivative of the geometric series.
    mean = sympy.diff(1 / (1 - miss), miss).subs(miss, 1 - p) * p
    demand_zero(sympy.simplify(mean - 1 / p), "mean number of departures")
    time = Symbol("t", positive=True)
    result = sympy.solve(Eq(mean / time, rate), time)[0]
    demand_zero(sympy.simplify(result - 1 / (rate * p)), "time")
    return Derivation.of(
        1 / (rate * p),
        "Put a chain back to the start whenever it has arrived. Call a departure the first time that it reaches the "
        "first level since it was at the start's score. Let a share $p_r$ of departures arrive before they are back. "
        "The number $k$ of departures up to an arrival then has the mean",
        Eq(sympy.Sum(k * p * (1 - p) ** (k - 1), (k, 1, sympy.oo)), 1 / p, evaluate=False),
        "by the derivative of the geometric series, also where departures differ in their prospects, if $p_r$ is the "
        "mean of these over all departures. One arrival comes in each mean passage time $t$, so departures come at "
        "the rate",
        Eq(rate, 1 / (p * time)),
        "which is solved for the time. Nothing was said of the size of $p_r$, of steps or of reversibility.",
    )


def derive_splitting_variance() -> Derivation:
    """Relative variance of a product of independent shares of trials."""
    p, trials, levels = e.reach_probability, e.trials, e.splitting_levels
    z = Symbol("z", positive=True)
    generating = (1 - p + p * z) ** trials
    mean = sympy.diff(generating, z).subs(z, 1)
    second = (sympy.diff(generating, z, 2) + sympy.diff(generating, z)).subs(z, 1)
    demand_zero(sympy.simplify(mean / trials - p), "mean share")
    share = sympy.simplify(second / trials**2 / p**2)
    result = (1 + (1 - p) / (p * trials)) ** levels - 1
    demand_zero(sympy.simplify(share - (1 + (1 - p) / (p * trials))), "second moment")
    return Derivation.of(
        result,
        "Of $N_t$ independent trials of probability $p_r$ the number that succeed has the generating function",
        Eq(Symbol("G"), generating),
        "of $z$. Its derivative at $z = 1$ is the mean, so that the share of successes has the mean $p_r$: the product "
        "of shares over levels, each from states that the level before has left, has the product of probabilities "
        "as its mean. With the second derivative, the mean square of the share over its squared mean is",
        Eq(Symbol("R"), share),
        "and these ratios multiply over independent levels. Trials depend on where they begin, which adds to this; "
        "the scatter of independent groups has it all.",
    )


def derive_best_splitting_share() -> Derivation:
    """The share of trials per level that makes price times variance least, for a given whole probability."""
    p = e.reach_probability
    product = (1 - p) / (p * sympy.log(p) ** 2)
    slope = sympy.simplify(sympy.diff(product, p) * p**2 * sympy.log(p) ** 3)
    demand_zero(sympy.simplify(slope + sympy.log(p) + 2 * (1 - p)), "stationary")
    result = -sympy.LambertW(-2 * sympy.exp(-2)) / 2
    # With W e^W = -2 e^(-2), -W/2 is e^(-2 - W), of which the logarithm is known.
    lambert = Symbol("W", negative=True)
    demand_zero(sympy.expand(2 * (1 + lambert / 2) + (-2 - lambert)), "root")
    return Derivation.of(
        result,
        "To come through by a given whole probability takes a number of levels inverse to $\\log p_r$. The price "
        "of $N_t$ trials a level grows with that number, and so does the relative variance, $(1 - p_r)/(p_r N_t)$ a "
        "level. Their product is, up to a factor that does not depend on $p_r$,",
        product,
        "It is least where",
        Eq(2 * (1 - p) + sympy.log(p), 0),
        f"With $p_r = e^{{-2-W}}$ this is $We^W = -2e^{{-2}}$; the root below 1, {float(result):.3f}, lies on the main "
        "branch of Lambert's function.",
    )


EQUATIONS = (
    Equation(
        "passage-by-renewal",
        "Mean passage time from departures",
        s.mean_first_passage_time,
        derive_passage_by_renewal,
        "How often chains depart, times the share that arrives, is the rate of escapes; no other law is asked for.",
        {e.departure_rate: Rational(1, 10), e.reach_probability: Rational(1, 1000)},
        source="derived here; used by Allen, Warren & ten Wolde (2005)",
        tests=_TESTS,
    ),
    Equation(
        "splitting-variance",
        "Error of multilevel splitting",
        e.splitting_variance,
        derive_splitting_variance,
        "The least relative variance that so many trials a level can have, and how the price grows with the barrier.",
        {e.reach_probability: Rational(1, 5), e.trials: 1000, e.splitting_levels: 20},
        source="Cérou & Guyader (2007); derived here",
        tests=_TESTS,
    ),
    Equation(
        "best-splitting-share",
        "How far apart levels should be",
        e.best_share,
        derive_best_splitting_share,
        "Levels that a fifth of trials reach cost least for a given error.",
        {},
        source="derived here",
        tests=_TESTS,
    ),
)
