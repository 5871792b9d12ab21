r"""Round trips of configurations along a ladder of temperatures that swap in alternate pairs."""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Expr, Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand, demand_zero, equality

_TESTS = ("tests/theory/laws/test_round_trips.py", "tests/exact/test_temperature_ladder.py")
_SOURCE = "Syed, Bouchard-Cote, Deligiannidis & Doucet (2022), J. R. Stat. Soc. B 84, 321; derived here otherwise"


def rounds_of_a_trip(acceptance: tuple[Expr, ...]) -> Expr:
    """Mean rounds that one configuration takes from the coldest temperature to the hottest and back.

    Hitting times of the walk on (level, direction), by a linear system: no use is made of the formula derived.
    """
    return 2 + _rounds_up(acceptance) + _rounds_up(acceptance[::-1])  # two rounds without a partner, at the ends


def _rounds_up(acceptance: tuple[Expr, ...]) -> Expr:
    pairs = len(acceptance)
    up = [*sympy.symbols(f"up:{pairs}"), sympy.Integer(0)]
    down = [*sympy.symbols(f"down:{pairs}")]
    equations = [1 + acceptance[i] * up[i + 1] + (1 - acceptance[i]) * down[i] - up[i] for i in range(pairs)]
    equations.append(1 + up[0] - down[0])
    equations += [
        1 + acceptance[i - 1] * down[i - 1] + (1 - acceptance[i - 1]) * up[i] - down[i] for i in range(1, pairs)
    ]
    return sympy.solve(equations, [*up[:-1], *down], dict=True)[0][up[0]]


@cache
def derive_round_trip_rate() -> Derivation:
    """1 / (2 + 2 sum (1 - A)/A) round trips a round."""
    odds = s.rejection_odds
    share, here, above = sympy.symbols("A_i p_i q_j", positive=True)
    # Shares p_i (moving up at level i) and q_i (moving down) of configurations that were last at the cold end.
    flow = share * (here - above)
    down_here = (1 - share) * here + share * above
    up_above = share * here + (1 - share) * above
    demand_zero(here - down_here - flow, "flow at the lower level")
    demand_zero(up_above - above - flow, "flow at the upper level")
    stream = Symbol("f", positive=True)
    drop = sympy.solve(Eq(flow, stream), above)[0] + stream  # p at the upper level, from p at the lower one
    demand_zero(here - drop - stream * (1 - share) / share, "drop from a level to the next")
    through = sympy.solve(Eq(1 - stream * odds, stream), stream)[0]
    result = Rational(1, 2) * through
    demand_zero(result - 1 / (2 + 2 * odds), "rate of all configurations")
    for pairs in (1, 2, 3):
        each = sympy.symbols(f"A_1:{pairs + 1}", positive=True)
        total = sum((1 - a) / a for a in each)
        rate = (pairs + 1) / rounds_of_a_trip(each)
        demand_zero(sympy.simplify(rate - result.subs(odds, total)), f"hitting times with {pairs} pairs")
    barrier, pairs = sympy.symbols("Lambda n", positive=True)
    cost = pairs * 2 * barrier / (1 - barrier / pairs)
    best = sympy.solve(sympy.diff(cost, pairs), pairs)
    demand(best == [2 * barrier], "number of pairs of least cost")
    up, low, next_up = sympy.symbols("p_i q_i p_j")
    return Derivation.of(
        result,
        "Levels $0, \\dots, n$ are temperatures; pairs $(0,1), (2,3), \\dots$ try to swap in even rounds, "
        "pairs $(1,2), (3,4), \\dots$ in odd ones. Idealised: a pair accepts with its mean acceptance, "
        "independently of all that went before, as if losses were drawn afresh between rounds. A configuration "
        "that was swapped upwards is next paired upwards again, one that was rejected is next paired with the "
        "level on its other side, and at an end it waits for one round and turns. So each configuration walks "
        "on levels with a direction, which it keeps when accepted and turns when rejected: $2(n+1)$ states, "
        "all equally likely in the long run, since a swap is a permutation of them.",
        "Of the configurations at level $i$ whose next pair is upwards, let a share $p_i$ have visited the cold end "
        "after the hot one; of those whose next pair is downwards a share $q_i$. With $j = i+1$ the pair of these "
        "levels, which accepts a share $A_i$, passes upwards the flow $f$, shares $p_i$ against shares $q_j$:",
        equality(stream, share * (up - Symbol("q_j"))),
        "After a round, $q_i = (1-A_i)p_i + A_i q_j$ and $p_j = A_i p_i + (1-A_i) q_j$, so",
        equality(up - low, stream),
        "at every level and for every pair: the flow is the same all along, and from one level to the next the "
        "share falls by",
        equality(up - next_up, stream * (1 - share) / share),
        "At the cold end $p_0 = 1$; at the hot end everything left turns, $p_n = f$. With the sum "
        "$S_A$ of $(1-A_i)/A_i$ this is $1 - fS_A = f$, and the flow is",
        equality(stream, through),
        "A configuration is in the state at the hot end with probability $1/(2(n+1))$ and completes the way up "
        "there with probability $f$. Each way up is one round trip, and there are $n+1$ configurations: $f/2$ "
        "in all. Check: the mean hitting times of the walk, from its linear equations, for two, three and four "
        "temperatures with any acceptances.",
        "With $n$ equal pairs in a barrier $\\Lambda$ ([eq:communication-barrier]), $A = 1 - \\Lambda/n$ and "
        "$S_A = \\Lambda/(1-\\Lambda/n)$. The rate tends to $1/(2+2\\Lambda)$ and never to zero: no diffusion. "
        "For a large barrier the work for a trip, $n$ chains for $2 S_A$ rounds, is least at $n = 2\\Lambda$, "
        "that is at an acceptance of one half.",
    )


EQUATIONS = (
    Equation(
        "round-trip-rate",
        "Round trips along the ladder",
        s.round_trip_rate,
        derive_round_trip_rate,
        "What a ladder is for: new configurations at the cold end that have been at the hot one. Their rate is what to "
        "compare ladders by. It is an upper estimate where losses remember their past between rounds.",
        {s.rejection_odds: 2},
        source=_SOURCE,
        tests=_TESTS,
    ),
)
