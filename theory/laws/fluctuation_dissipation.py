r"""Fluctuation-dissipation relations of heavy-ball SGD: what stationarity alone implies, for any loss and any noise.

Heavy ball as in `theory.laws.sgd`: v <- momentum v + g, w <- w - learning_rate v, with a minibatch gradient g whose
mean at w is grad L(w). One coordinate is written; sums over coordinates are dot products and traces.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Expr, Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality
from theory.laws.sgd import heavy_ball_covariance

_SOURCE = "Yaida (2019), Fluctuation-dissipation relations for stochastic gradient descent, ICLR, arXiv:1810.00004"


@cache
def stationary_moments() -> tuple[dict[Symbol, Expr], dict[Symbol, Expr]]:
    """Stationarity of <w^2>, <wv> and <v^2> solved for <wv>, <v^2> and <w grad L>; values of all moments in a bowl.

    Returns
    -------
    tuple
        The solution in terms of <v grad L> and <g^2>, and every moment in a quadratic well.
    """
    eta, mu = s.learning_rate, s.momentum
    w, v, g = sympy.symbols("w v g", real=True)
    wv, vv, wg, vg, gg = moments()
    mean = {w * v: wv, v**2: vv, w * g: wg, v * g: vg, g**2: gg}
    new_v = mu * v + g
    new_w = w - eta * new_v

    def change(after: Expr, before: Expr) -> Expr:
        """Mean change of a square in one step."""
        polynomial = sympy.Poly(sympy.expand(after - before), w, v, g)
        terms = (c * mean[w**i * v**j * g**k] for (i, j, k), c in polynomial.terms())
        return sum(terms, sympy.Integer(0))

    balances = [change(new_w**2, w**2), change(new_w * new_v, w * v), change(new_v**2, v**2)]
    solution = sympy.solve(balances, [wv, vv, wg], dict=True)[0]
    covariance, noise = heavy_ball_covariance(), s.gradient_variance / s.batch_size
    h = s.curvature
    bowl = {
        wv: covariance[0, 1],
        vv: covariance[1, 1],
        wg: h * covariance[0, 0],
        vg: h * covariance[0, 1],
        gg: h**2 * covariance[0, 0] + noise,
    }
    for symbol, value in solution.items():
        demand_zero(sympy.together(bowl[symbol] - value.xreplace(bowl)), f"Lyapunov solution, {symbol}")
    return solution, bowl


def moments() -> tuple[Symbol, Symbol, Symbol, Symbol, Symbol]:
    """Stationary <wv>, <v^2>, <w grad L>, <v grad L> and <g^2>."""
    wv, vg = sympy.symbols("C_wv C_vg", real=True)
    return wv, s.velocity_second_moment, s.virial, vg, s.gradient_second_moment


@cache
def derive_fluctuation_dissipation() -> Derivation:
    """Without momentum: <w . grad L> = learning rate / 2 times the trace of <g g>."""
    solution, bowl = stationary_moments()
    second = s.gradient_second_moment
    eta = s.learning_rate
    expanded = sympy.expand((Symbol("w") - eta * Symbol("g")) ** 2 - Symbol("w") ** 2)
    result = eta * second / 2
    demand_zero(solution[s.virial].subs(s.momentum, 0) - result, "no momentum")
    small_steps = sympy.limit(bowl[s.virial].subs(s.momentum, 0) / eta, eta, 0) * eta
    demand_zero(small_steps - eta * s.gradient_variance / (2 * s.batch_size), "small steps in a quadratic well")
    return Derivation.of(
        result,
        "One step without momentum changes $w^2$ by",
        expanded,
        "In the stationary state the mean change is zero. The minibatch was drawn independently of $w$, so "
        "$\\langle w g\\rangle = \\langle w\\,\\partial L\\rangle$, and summing over coordinates gives the "
        "relation. Nothing else was assumed: no small steps, no quadratic loss, no isotropic noise. "
        "$\\tilde C$ is the second moment of the minibatch gradient, not its covariance.",
        "It is a thermometer: where steps are small and noise is isotropic each coordinate's share is the "
        "temperature of [eq:sgd-temperature], the equipartition of $w\\,\\partial L$.",
    )


@cache
def derive_fluctuation_dissipation_momentum() -> Derivation:
    """With momentum: <w . grad L> = learning rate (1 + momentum) / 2 times <v . v>."""
    solution, bowl = stationary_moments()
    wv, vv, flow, along, second = moments()
    eta, mu = s.learning_rate, s.momentum
    result = eta * (1 + mu) * vv / 2
    demand_zero(solution[flow] - result.xreplace({vv: solution[vv]}), "in terms of the velocity")
    demand_zero(sympy.together(bowl[flow] - result.xreplace(bowl)), "Lyapunov solution")
    through_gradient = eta / (2 * (1 - mu)) * (second + 2 * mu * along)
    demand_zero(sympy.together(solution[flow] - through_gradient), "in terms of gradients")
    return Derivation.of(
        result,
        "Stationarity of $\\langle w^2\\rangle$: with $v'$ the new velocity, $\\langle w v'\\rangle = "
        "\\frac\\eta2\\langle v^2\\rangle$. Of $C_{wv} = \\langle w v\\rangle$: it equals $\\langle w v'\\rangle "
        "- \\eta\\langle v^2\\rangle$, so",
        equality(wv, -eta * vv / 2),
        "and $\\langle wv'\\rangle = \\mu\\langle wv\\rangle + \\langle w\\,\\partial L\\rangle$ gives the "
        "relation. Stationarity of $\\langle v^2\\rangle$ adds a second one, "
        "with $C_{vg} = \\langle v\\cdot\\nabla L\\rangle$, $v$ before the step,",
        equality((1 - mu**2) * vv, 2 * mu * along + second),
        "Eliminating the velocity,",
        equality(flow, through_gradient),
        "Check: both hold for the exact covariance of [eq:sgd-temperature-quadratic], for any step.",
    )


_EXAMPLE = {
    s.learning_rate: Rational(1, 20),
    s.momentum: Rational(9, 10),
    s.gradient_second_moment: 24,
    s.velocity_second_moment: 126,
}

EQUATIONS = (
    Equation(
        "fluctuation-dissipation",
        "Fluctuation-dissipation relation",
        s.virial,
        derive_fluctuation_dissipation,
        "How does one read the temperature off a trajectory, without trusting a model of the noise? Stationarity alone "
        "ties a mean that measures dissipation to one that measures noise. If they disagree, training has not become "
        "stationary, or minibatches are not drawn independently of the weights.",
        _EXAMPLE,
        source=_SOURCE,
    ),
    Equation(
        "fluctuation-dissipation-momentum",
        "Fluctuation-dissipation relation with momentum",
        s.virial,
        derive_fluctuation_dissipation_momentum,
        "With momentum the velocity takes the place of the gradient noise: what has to be measured is at hand in the "
        "optimiser's state.",
        _EXAMPLE,
        source=_SOURCE,
    ),
)
