r"""Two logistic pathways: Fisher information rises and falls, and what a deficit does falls from the start.

Each pathway is a product of two weights, u_k v_k, and the logit of a label y = +1 or -1 at the input x = y is
y (u_a v_a + u_b v_b) = y s. Balanced weights u_k = v_k stay balanced; p_k = u_k v_k. A deficit takes the input of b
away.
"""

from __future__ import annotations

import sympy
from sympy import Ei, Eq, Rational, Symbol, exp, log, tanh

from theory import symbols as s
from theory.derivation import Derivation, Equation, Step, demand, demand_zero

_TESTS = ("tests/zoo/test_zoo.py",)
_SOURCE = (
    "derived here; Achille, Rovere & Soatto (2019), Critical learning periods in deep networks, ICLR, for the Fisher "
    "information that rises and falls"
)
_WEIGHTS = sympy.symbols("u_a v_a u_b v_b", positive=True)


def _velocities() -> tuple[sympy.Expr, ...]:
    """Gradient flow of the mean of log(1 + exp(-s)) over the labels."""
    u_a, v_a, u_b, v_b = _WEIGHTS
    loss = log(1 + exp(-(u_a * v_a + u_b * v_b)))
    return tuple(-sympy.diff(loss, weight) for weight in _WEIGHTS)


def _along(quantity: sympy.Expr, velocities: tuple[sympy.Expr, ...]) -> sympy.Expr:
    """How fast a function of the weights changes along the flow."""
    return sympy.Add(*(sympy.diff(quantity, w) * velocity for w, velocity in zip(_WEIGHTS, velocities, strict=True)))


def derive_logistic_flow_time() -> Derivation:
    """Gradient flow time from one logit to another."""
    u_a, v_a, u_b, v_b = _WEIGHTS
    velocities = _velocities()
    total = u_a * v_a + u_b * v_b
    rate = _along(total, velocities)
    for u, v in ((u_a, v_a), (u_b, v_b)):
        unbalance = u**2 - v**2
        demand_zero(_along(unbalance, velocities), "balance is kept")
    speed = 2 * s.logit / (1 + exp(s.logit))
    demand_zero(rate.subs({v_a: u_a, v_b: u_b}) - speed.subs(s.logit, u_a**2 + u_b**2), "growth of the logit")
    result = (log(s.logit / s.initial_logit) + Ei(s.logit) - Ei(s.initial_logit)) / 2
    demand_zero(sympy.diff(result, s.logit) - 1 / speed, "time per logit")
    demand_zero(result.subs(s.logit, s.initial_logit), "start")
    return Derivation(
        result,
        (
            Step("Balanced weights stay balanced, and the logit grows at the rate", speed),
            Step(
                "The same holds for one pathway alone, with its own logit. Integrate one over the rate; "
                "$\\mathrm{Ei}$ is the exponential integral. Growth is exponential near 0 and logarithmic in the end."
            ),
        ),
    )


def derive_logistic_fisher_trace() -> Derivation:
    """Trace of the Fisher information of all weights."""
    u_a, v_a, u_b, v_b = _WEIGHTS
    logit = s.logit
    trace = sympy.Integer(0)
    for label in (1, -1):  # labels that the model itself draws, at one input; the other input is its mirror image
        chance = 1 / (1 + exp(-label * (u_a * v_a + u_b * v_b)))
        trace += chance * sympy.Add(*(sympy.diff(log(chance), weight) ** 2 for weight in _WEIGHTS))
    result = 2 * logit * exp(logit) / (1 + exp(logit)) ** 2
    balanced = {v_a: u_a, v_b: u_b}
    demand_zero(trace.subs(balanced) - result.subs(logit, u_a**2 + u_b**2), "expected squared gradient")
    slope = sympy.diff(log(result), logit)
    demand_zero((slope - (1 / logit - tanh(logit / 2))).rewrite(exp), "slope of its logarithm")
    demand(sympy.limit(result, logit, 0) == 0 and sympy.limit(result, logit, sympy.oo) == 0, "it vanishes at both ends")
    return Derivation(
        result,
        (
            Step(
                "The Fisher information is the mean of the squared gradient of the log likelihood over labels that the "
                "model itself draws. Its trace, over the four balanced weights, is a function of the logit alone."
            ),
            Step(
                "It vanishes at both ends and has one maximum in between, where",
                Eq(logit * tanh(logit / 2), 1, evaluate=False),
            ),
            Step(
                "that is at a logit of 1.54: it rises while the pathways grow and falls as the labels become certain."
            ),
        ),
    )


def derive_logistic_pathway_share() -> Derivation:
    """The deprived pathway's share of the logit, conserved on clean data."""
    u_a, v_a, u_b, v_b = _WEIGHTS
    a, b = s.pathway_open, s.pathway_deprived
    result = b / (a + b)
    put = {a: u_a * v_a, b: u_b * v_b}
    velocities = _velocities()
    share = result.subs(put, simultaneous=True)
    change = _along(share, velocities)
    demand_zero(change.subs({v_a: u_a, v_b: u_b}), "conserved on clean data")
    onset = Symbol("p", positive=True)
    odds = 2 / (1 + exp(onset))  # d ln(p_a/p_b)/dt when the deficit begins at p_a = p_b = p
    demand(sympy.simplify(sympy.diff(odds, onset)).is_negative is True, "falls with the state at the onset")
    return Derivation(
        result,
        (
            Step(
                "On clean data both pathways grow by the same factor, so the share is conserved: a loss of share is "
                "never made good, whatever the flow time that is left."
            ),
            Step(
                "Under the deficit only $p_a$ grows. If it begins at $p_a = p_b = p$, the logarithm of $p_a/p_b$ rises "
                "at first at the rate",
                odds,
            ),
            Step(
                "which falls from the start of training on. So the earliest window costs most, long before the "
                "Fisher information has its maximum."
            ),
        ),
    )


EQUATIONS = (
    Equation(
        "logistic-flow-time",
        "Logistic pathways: flow time",
        s.elapsed_time,
        derive_logistic_flow_time,
        "When the logit has grown so far: exact, from the first step on.",
        {s.initial_logit: Rational(1, 100), s.logit: Rational(3, 2)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "logistic-fisher-trace",
        "Logistic pathways: trace of the Fisher information",
        s.fisher_trace,
        derive_logistic_fisher_trace,
        "A solvable network in which the Fisher information rises and falls during training, as it does in networks.",
        {s.logit: Rational(3, 2)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "logistic-pathway-share",
        "Logistic pathways: the deprived pathway's share",
        s.pathway_share,
        derive_logistic_pathway_share,
        "What a deficit does to the split, and that nothing undoes it at temperature 0.",
        {s.pathway_open: Rational(3, 4), s.pathway_deprived: Rational(1, 4)},
        source=_SOURCE,
        tests=_TESTS,
    ),
)
