"""Mixtures of mechanisms: the share of runs that end stuck, an epoch of two states, what counts tell of a share."""

from __future__ import annotations

import sympy
from sympy import Eq, Function, ImmutableMatrix, Rational, Symbol, exp

from theory import symbols as s
from theory.derivation import Derivation, Equation, Step, demand, demand_zero


def derive_mixture_of_mechanisms() -> Derivation:
    """p_i = f P_i + (1 - f) Q_i, the law of total probability."""
    decided = sympy.symbols("n_1 n_2", positive=True)  # runs that the mechanism decides, and the others
    stuck = decided[0] * s.share_by_mechanism + decided[1] * s.share_by_rest
    result = s.mechanism_share * s.share_by_mechanism + (1 - s.mechanism_share) * s.share_by_rest
    demand_zero(stuck / sum(decided) - result.subs(s.mechanism_share, decided[0] / sum(decided)), "shares of the runs")
    return Derivation(
        result,
        (
            Step(
                "Each run is decided by one mechanism. Of $n_1 + n_2$ runs of cell $i$, $n_1 = f\\,(n_1+n_2)$ are "
                "decided by this one, so that as many are stuck on average",
                stuck,
            ),
            Step(
                "and their share is linear in $f$. So the likelihood of binomial counts is concave in the shares $f$ "
                "of all mechanisms together: it has one maximum. A mechanism with thresholds, by which a run is stuck "
                "if a variable $x_i$ is beyond its own, has any monotone function of $x_i$ as $P_i$, which is itself "
                "a mixture of steps."
            ),
        ),
    )


def derive_two_state_epoch() -> Derivation:
    """Stuck share after an epoch of constant rates, on clean data."""
    time = s.elapsed_time
    share = Function("p")
    k, ratio, start = s.rate_out, s.rate_ratio, s.first_stuck_share
    rest = ratio / (1 + ratio)
    result = rest + (start - rest) * exp(-k * (1 + ratio) * time)
    master = Eq(share(time).diff(time), -k * share(time) + k * ratio * (1 - share(time)))
    demand_zero(result.diff(time) - (-k * result + k * ratio * (1 - result)), "the master equation")
    demand_zero(result.subs(time, 0) - start, "the start of the epoch")
    return Derivation(
        result,
        (
            Step(
                "A run is stuck or not. On clean data it leaves the stuck state at a rate $k$ and returns at "
                "$k\\rho_k$, with $\\rho_k=e^{-c/T}$ by an energy difference $c$. Within an epoch both are constant:",
                master,
            ),
            Step(
                "Under the deficit the states change places. The share at the end of an epoch is linear in that at "
                "its start, so epochs compose."
            ),
        ),
    )


def derive_information_about_a_share() -> Derivation:
    """Information about f that a nuisance parameter leaves, of two cells: zero where the two slopes are parallel."""
    w, d, q = (
        (s.first_weight, s.second_weight), (s.first_contrast, s.second_contrast), (s.first_nuisance, s.second_nuisance)
    )  # fmt: skip
    x, n = Symbol("x", nonnegative=True), Symbol("n", positive=True)
    p = s.stuck_share
    score = sympy.diff(x * sympy.log(p) + (n - x) * sympy.log(1 - p), p)
    spread = sympy.diff(score, p).subs(x, n * p)  # expected: the second derivative is linear in x
    demand_zero(spread + n / (p * (1 - p)), "information of a cell about its share")
    fisher = ImmutableMatrix(2, 2, lambda a, b: sum(w[i] * (d, q)[a][i] * (d, q)[b][i] for i in range(2)))
    left = sympy.simplify(fisher.det() / fisher[1, 1])
    result = w[0] * w[1] * (d[0] * q[1] - d[1] * q[0]) ** 2 / (w[0] * q[0] ** 2 + w[1] * q[1] ** 2)
    demand_zero(left - result, "what the nuisance leaves")
    factor = Symbol("a", real=True)
    parallel = result.subs({q[0]: factor * d[0], q[1]: factor * d[1]}, simultaneous=True)
    demand(sympy.simplify(parallel) == 0, "parallel slopes tell nothing")
    return Derivation(
        result,
        (
            Step(
                "The information of $n$ binomial runs about their share $p_i$ is minus the mean second derivative of "
                "the log likelihood,",
                n / (p * (1 - p)),
            ),
            Step("so with slopes $d_i=P_i-Q_i$ in $f$ and $q_i$ in another parameter two cells have", fisher),
            Step(
                "What they tell of $f$ if the other parameter is free is the determinant over the corner that belongs "
                "to it. With more cells and parameters it is the squared length of $\\sqrt{W}d$ without its projection "
                "on all $\\sqrt{W}q$. It is zero where $d$ is among the $q$: where temperature is a function of flow "
                "time left ([eq:confound]) and any function of that is allowed, no number of runs tells the two apart."
            ),
        ),
    )


def derive_apparent_energy_difference() -> Derivation:
    """Energy difference by which temperature alone has the resting share of a mixture with a constant share."""
    c, t, f, q = s.resting_difference, s.temperature, s.mechanism_share, s.share_by_rest
    own = 1 / (1 + exp(c / t))
    mixed = f * own + (1 - f) * q
    result = t * sympy.log((1 - mixed) / mixed)
    demand_zero(1 / (1 + exp(result / t)) - mixed, "the resting share of the mixture")
    demand_zero(result.subs(f, 1).subs(c, 2).subs(t, 1) - 2, "temperature alone")
    small = Symbol("epsilon", positive=True)
    slope = sympy.diff(result.subs(q, Rational(1, 2)).subs(f, 1 - small), small).subs(small, 0)
    demand_zero(slope.rewrite(exp) + (t * sympy.sinh(c / t)).rewrite(exp), "first order in the constant's share")
    return Derivation(
        result,
        (
            Step(
                "Runs that are at rest at the temperature $T$ at which they freeze are stuck with a share",
                own,
            ),
            Step("and in a mixture with a constant share $Q_i$", mixed),
            Step(
                "Temperature alone has this resting share at another energy difference, the result. So at one $T$ no "
                "number of runs tells a constant share from another energy difference. To first order and for "
                "$Q_i=\\frac12$ the difference falls by $1-f$ times",
                t * sympy.sinh(c / t),
            ),
            Step(
                "Only its change with $T$, between arms that freeze at different temperatures, tells the two apart: "
                "their slopes are nearly parallel ([eq:information-about-a-share]). If the free energy difference is "
                "known at the freezing temperature, one cell at rest is enough."
            ),
        ),
    )


EQUATIONS = (
    Equation(
        "mixture-of-mechanisms",
        "A mixture of mechanisms",
        s.stuck_share,
        derive_mixture_of_mechanisms,
        "How much of it is temperature? The question has an answer with an interval if each run is decided by one "
        "mechanism.",
        {s.mechanism_share: Rational(4, 5), s.share_by_mechanism: Rational(1, 2), s.share_by_rest: Rational(1, 4)},
    ),
    Equation(
        "two-state-epoch",
        "One epoch of two states",
        s.stuck_share,
        derive_two_state_epoch,
        "The thermal share of a system that is not known: four parameters, attempts, barrier and two energy "
        "differences, fix the rates of every epoch.",
        {s.first_stuck_share: Rational(4, 5), s.rate_out: 1, s.rate_ratio: Rational(1, 4), s.elapsed_time: 2},
    ),
    Equation(
        "information-about-a-share",
        "What counts tell of a share",
        s.share_information,
        derive_information_about_a_share,
        "The standard error of a share is one over the square root of this; it says before any run whether a design "
        "can tell two mechanisms apart.",
        {
            s.first_weight: 400,
            s.second_weight: 400,
            s.first_contrast: Rational(1, 2),
            s.second_contrast: Rational(-1, 4),
            s.first_nuisance: 1,
            s.second_nuisance: 1,
        },
        source="Schur complement of the Fisher information (Bickel et al. 1993); derived here",
    ),
    Equation(
        "apparent-energy-difference",
        "A constant share in place of an energy difference",
        s.apparent_difference,
        derive_apparent_energy_difference,
        "Why a two-state law that fits its own energy differences cannot tell temperature from a constant share.",
        {
            s.resting_difference: Rational(3, 10),
            s.temperature: Rational(1, 4),
            s.mechanism_share: Rational(4, 5),
            s.share_by_rest: Rational(1, 2),
        },
    ),
)
