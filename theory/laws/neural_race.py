r"""Gated linear networks: each pathway learns as a deep linear network, and pathways race.

A gate g_p is 1 for the examples that pass pathway p and 0 for others. Given the gates the network is linear, and
gradient flow of half the mean square error moves every edge by the sum over the pathways through it.
"""

from __future__ import annotations

import sympy
from sympy import Matrix, Rational, Symbol, sqrt

from theory import network_symbols as nets
from theory import race_symbols as r
from theory.derivation import Derivation, Equation, demand, demand_zero, equality

_TESTS = ("tests/zoo/test_neural_race.py",)
_SOURCE = (
    "derived here, after Saxe, Sodhani & Lewallen (2022), The neural race reduction: dynamics of abstraction in gated "
    "networks, ICML"
)
_EDGES = sympy.symbols("b_1 b_2 b_3", positive=True)
_RATES = sympy.symbols("r_1 r_2 r_3", positive=True)


def derive_xor_loss() -> Derivation:
    """Loss of rectified units that answer one point of exclusive or each."""
    strength = nets.learned_strength
    points = [Matrix([one, two]) for one in (-1, 1) for two in (-1, 1)]
    total = sympy.Integer(0)
    for x in points:
        y = x[0] * x[1]
        correlation, covariance = y * x.T / 4, x * x.T / 4  # of the examples that pass, over all four
        side = x / sqrt(2)
        demand_zero((correlation * side)[0] * y - sqrt(2) / 4, "singular value")
        demand_zero((side.T * covariance * side)[0] - Rational(1, 2), "variance of the input along it")
        answer = (y * strength * side.T * x)[0]
        total += (y - answer) ** 2 / 8
    result = (1 - sqrt(2) * strength) ** 2 / 2
    demand_zero(sympy.expand(total - result), "half the mean square error")
    demand_zero(result.subs(strength, (sqrt(2) / 4) / Rational(1, 2)), "learned at s over d")
    return Derivation.of(
        result,
        "Let a rectified unit be active on one point $x$ of $\\{\\pm 1\\}^2$, whose answer is $x_1x_2$; points beside "
        "it lie on its border. The pathway of these units sees a quarter of the examples, so its correlation and its "
        "inputs' covariance are those of one example over four: along $x/\\sqrt 2$ they have",
        equality(nets.mode_correlation, sqrt(2) / 4),
        "and $d_\\alpha = 1/2$. The pathway of strength $a$, which obeys [eq:mode-strength], answers $\\sqrt 2\\,a$ "
        "times what is right. All four pathways are alike, and the loss is the result.",
    )


def _flow(edges: tuple[Symbol, ...]) -> list[sympy.Expr]:
    """Rates of a route's three edges for one mode."""
    s, d = nets.mode_correlation, nets.input_variance
    product = sympy.prod(edges)
    return [rate * product / edge * (s - d * product) for rate, edge in zip(_RATES, edges, strict=True)]


def derive_route_growth() -> Derivation:
    """Growth of a route's strength where its edges are balanced for their rates."""
    common = Symbol("c", positive=True)
    speeds = _flow(_EDGES)
    for i, j in ((0, 1), (1, 2)):
        kept = 2 * _EDGES[i] * speeds[i] / _RATES[i] - 2 * _EDGES[j] * speeds[j] / _RATES[j]
        demand_zero(kept, "squares over rates differ by a constant")
    balanced = dict(zip(_EDGES, [sqrt(rate) * common for rate in _RATES], strict=True))
    growth = sympy.Add(
        *(sympy.diff(sympy.prod(_EDGES), edge) * speed for edge, speed in zip(_EDGES, speeds, strict=True))
    ).subs(balanced)
    s, d, strength = nets.mode_correlation, nets.input_variance, r.route_strength
    result = 3 * r.route_rate ** Rational(2, 3) * strength ** Rational(4, 3) * (s - d * strength)
    root = sqrt(sympy.prod(_RATES))
    told = sympy.powdenest(result.subs({strength: root * common**3, r.route_rate: root}), force=True)
    demand_zero(sympy.powsimp(sympy.expand(growth - told), force=True), "growth of the product")
    return Derivation.of(
        result,
        "Edge $e$ of a route is on a share $r_e$ of the examples' pathways, so a mode's strength $b_e$ on it grows at "
        "a rate $\\dot b_e$. Of three edges with the strengths $b_1$, $b_2$, $b_3$ and the shares $r_1$, $r_2$, $r_3$ "
        "the first has the rate $\\dot b_1$,",
        equality(Symbol(r"\dot b_1"), speeds[0]),
        "and the others likewise. Then $b_e^2/r_e$ grow alike on all three, and from a small start become alike: "
        "$b_e = \\sqrt{r_e}\\,c$. The product of the edges is $B_r = R_r c^3$ with $R_r = \\sqrt{r_1r_2r_3}$, and $c$ "
        "grows at $R_r c^2(s_\\alpha - d_\\alpha B_r)$.",
    )


def derive_shared_route_rate() -> Derivation:
    """Rate of a route that all tasks share."""
    each = 1 / r.tasks  # chance of a task
    edges = (r.tasks / r.domains * each, r.tasks * each, r.tasks / r.domains * each)
    result = 1 / r.domains
    demand_zero(sqrt(sympy.prod(edges)) - result, "root of the product")
    return Derivation.of(
        result,
        "Each of $K_t$ tasks comes at the rate $1/K_t$ and each domain is in $K_t/M_d$ of them. The layer of an input "
        "domain and that of an output domain are therefore trained at the rate $1/M_d$, the layer between, which all "
        "share, at 1. The root of the product of the three is the result: the number of tasks is not in it.",
    )


def derive_dedicated_route_rate() -> Derivation:
    """Rate of a route that one task has to itself."""
    result = r.tasks ** Rational(-3, 2)
    demand_zero(sqrt(sympy.prod([1 / r.tasks] * 3)) - result, "root of the product")
    demand(sympy.simplify(result.subs(r.tasks, 4) - Rational(1, 8)) == 0, "four tasks")
    return Derivation.of(
        result,
        "All three layers are trained when the task comes, at the rate $1/K_t$. As there are at least $M_d$ tasks, "
        "$K_t^{-3/2} < 1/M_d$ [eq:shared-route-rate]: by [eq:route-growth] the shared route is the faster one.",
    )


def derive_race_constant() -> Derivation:
    """What two routes that race for the same mode keep."""
    s, d = nets.mode_correlation, nets.input_variance
    shared, own = r.shared_strength, r.dedicated_strength
    one, two = r.shared_route_rate, r.dedicated_route_rate
    left = s - d * (shared + own)
    speeds = {
        shared: 3 * one ** Rational(2, 3) * shared ** Rational(4, 3) * left,
        own: 3 * two ** Rational(2, 3) * own ** Rational(4, 3) * left,
    }
    result = two ** Rational(-2, 3) * own ** Rational(-1, 3) - one ** Rational(-2, 3) * shared ** Rational(-1, 3)
    drift = sympy.Add(*(sympy.diff(result, symbol) * speed for symbol, speed in speeds.items()))
    demand_zero(sympy.expand(drift), "no change")
    return Derivation.of(
        result,
        "Where a task has a shared and a route of its own at once, both see the same error: in [eq:route-growth] the "
        "bracket is $s_\\alpha - d_\\alpha(B_s + B_k)$ for both. So $\\dot B\\,R^{-2/3}B^{-4/3}$ is the same for both, "
        "and its integral, times the same constant, grows alike.",
        "With $B_s + B_k = s_\\alpha/d_\\alpha$ in the end it says what each route has won.",
    )


_MODE = {nets.mode_correlation: Rational(66, 100), nets.input_variance: Rational(1, 4)}
EQUATIONS = (
    Equation(
        "xor-pathway-loss",
        "Neural race: rectified units learn exclusive or",
        r.xor_loss,
        derive_xor_loss,
        "A network that is not linear, solved. Exact where each unit keeps to its own point.",
        {nets.learned_strength: Rational(1, 2)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "route-growth",
        "Neural race: how fast a route learns",
        r.route_growth,
        derive_route_growth,
        "Which of several routes learns a task. Exact for balanced, decoupled routes of three edges.",
        {**_MODE, r.route_rate: Rational(1, 4), r.route_strength: 1},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "shared-route-rate",
        "Neural race: a route that all tasks share",
        r.shared_route_rate,
        derive_shared_route_rate,
        "Sharing pools the examples of all tasks.",
        {r.domains: 4},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "dedicated-route-rate",
        "Neural race: a route for one task",
        r.dedicated_route_rate,
        derive_dedicated_route_rate,
        "What the shared route races against.",
        {r.tasks: 8},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "race-constant",
        "Neural race: what two routes keep",
        r.race_constant,
        derive_race_constant,
        "Both routes in one network. Exact for balanced, decoupled routes.",
        {
            r.shared_strength: Rational(1, 100),
            r.dedicated_strength: Rational(1, 100),
            r.shared_route_rate: Rational(1, 4),
            r.dedicated_route_rate: Rational(1, 22),
        },
        source=_SOURCE,
        tests=_TESTS,
    ),
)
