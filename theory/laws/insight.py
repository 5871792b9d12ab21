r"""Insight: a gate held shut by an L1 penalty opens when noise has carried its weight far enough.

A cue that has become useful enters through a gate g times a weight w. Near g = w = 0 one step of learning with rate
a, pull c and penalty l is dw = a c g + noise, dg = a (c w - l sgn g) + noise, both noises of variance s^2. The gate
is fast, so that it has the stationary law of its own drift; its mean drives the weight.
"""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol, exp, log, oo

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero

_SOURCE = (
    "derived here for the gated network of Löwe et al. (2024), Abrupt and spontaneous strategy switches emerge in "
    "simple regularised neural networks, PLoS Computational Biology 20, e1012505"
)
_TESTS = ("tests/zoo/test_insight.py",)
_U = s.scaled_weight


def derive_gate_drift() -> Derivation:
    """Drift of u = c w / l with the gate in its stationary law, in units of the variance of its noise per step."""
    gate = Symbol("g", nonnegative=True)
    weight = s.gate_penalty * _U / s.cue_pull
    opened, closed = Symbol("k_+", positive=True), Symbol("k_-", positive=True)  # rates of both exponential sides
    mass = sympy.integrate(exp(-opened * gate), (gate, 0, oo)) + sympy.integrate(exp(-closed * gate), (gate, 0, oo))
    first = sympy.integrate(gate * exp(-opened * gate), (gate, 0, oo)) - sympy.integrate(
        gate * exp(-closed * gate), (gate, 0, oo)
    )
    mean = sympy.simplify(first / mass)
    demand_zero(mean - (1 / opened - 1 / closed), "mean of two exponential sides")
    rates = {
        opened: 2 * s.learning_rate * (s.gate_penalty - s.cue_pull * weight) / s.parameter_noise**2,
        closed: 2 * s.learning_rate * (s.gate_penalty + s.cue_pull * weight) / s.parameter_noise**2,
    }
    # The stationary law of dg = a (c w - l sgn g) + s dB: no current on either side.
    for rate, side in ((opened, 1), (closed, -1)):
        drift = s.learning_rate * (side * s.cue_pull * weight - s.gate_penalty)
        density = exp(-rates[rate] * gate)
        current = drift * density - s.parameter_noise**2 / 2 * sympy.diff(density, gate)
        demand_zero(current, f"current on side {side}")
    speed = s.learning_rate * s.cue_pull * mean.subs(rates) * s.cue_pull / s.gate_penalty
    variance = (s.cue_pull * s.parameter_noise / s.gate_penalty) ** 2
    result = _U / (1 - _U**2)
    demand_zero(speed / variance - result, "drift over variance")
    return Derivation.of(
        result,
        "Given the weight, the gate's drift is $\\eta(c_r w \\mp \\lambda_1)$ on its two sides, and its noise has the "
        "variance $\\sigma_\\theta^2$. No current flows in its stationary law, which falls exponentially on both "
        "sides, with the rates",
        rates[opened],
        "and the same with a plus. Its mean is the difference of the two inverse rates. The weight drifts with "
        "$\\eta c_r$ times that. In $u = c_r w/\\lambda_1$ the gate opens for good at $|u| = 1$, where one rate "
        "vanishes. The noise of $u$ has the variance per step",
        variance,
        "and the drift of $u$, divided by it, is free of every constant.",
    )


def derive_insight_time() -> Derivation:
    """Mean time from u = 0 to |u| = 1 of a diffusion with that drift."""
    drift = derive_gate_drift().result
    slope = -(1 - _U**2) * log((1 + _U) / (1 - _U))
    demand_zero(sympy.simplify(sympy.diff(slope, _U) / 2 + drift * slope + 1), "backward equation of the mean time")
    demand_zero(slope.subs(_U, 0), "symmetric about 0")
    # Minus the slope from 0 to 1, by a primitive.
    primitive = (_U - _U**3 / 3) * log((1 + _U) / (1 - _U)) + Rational(2, 3) * log(1 - _U**2) - _U**2 / 3
    demand_zero(sympy.simplify(sympy.diff(primitive, _U) + slope), "primitive of the slope")
    end = sympy.limit(primitive, _U, 1, dir="-")
    demand_zero(primitive.subs(_U, 0), "start")
    demand_zero(end - (4 * log(2) - 1) / 3, "mean in units of the variance")
    result = (4 * log(2) - 1) / 3 * (s.gate_penalty / (s.cue_pull * s.parameter_noise)) ** 2
    temperature = s.parameter_noise**2 / (2 * s.learning_rate)
    flow = sympy.simplify(result * s.learning_rate * temperature)
    demand_zero(flow - (4 * log(2) - 1) / 6 * (s.gate_penalty / s.cue_pull) ** 2, "in flow time, times temperature")
    return Derivation.of(
        result,
        "The mean time $M(u)$ obeys $M''/2 + M' u/(1-u^2) = -1$ [eq:gate-drift], with $M(\\pm 1) = 0$, in units of "
        "one step over the variance. It is integrated by $1/(1-u^2)$:",
        slope,
        "The integral from 0 to 1 is $(4\\ln 2 - 1)/3$. The noise of a step makes the temperature "
        "$T = \\sigma_\\theta^2/2\\eta$, so in flow time the mean falls as $1/T$: it is diffusive, and no law of "
        "Arrhenius.",
    )


_NUMBERS = {s.gate_penalty: Rational(1, 10), s.cue_pull: 1, s.parameter_noise: Rational(1, 2000)}
EQUATIONS = (
    Equation(
        "gate-drift",
        "Insight: the drift of a weight behind a gate",
        s.gate_drift,
        derive_gate_drift,
        "Holds where the gate is faster than its weight, for noise far above what one step of the penalty moves.",
        {_U: Rational(1, 2)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "insight-time",
        "Insight: how long it takes",
        s.insight_time,
        derive_insight_time,
        "Without noise it takes for ever: the penalty holds the gate, and the gate the weight.",
        _NUMBERS,
        source=_SOURCE,
        tests=_TESTS,
    ),
)
