r"""Epoch-wise double descent of linear regression: the risk of one feature over time, its best time, and alignment.

n examples, many more than features, of independent features of variance v; answers have noise of variance s^2. The
loss is half the mean square, so that a feature of variance v is learnt at the rate v.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Rational, Symbol, exp, log, sqrt

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand, demand_zero, equality
from theory.laws.generalisation import derive_optimal_ridge_error

_SOURCE = (
    "derived here for the setting of Heckel & Yilmaz (2021), Early stopping in deep networks: double descent and how "
    "to eliminate it, ICLR, arXiv:2007.10099"
)
_TESTS = ("tests/zoo/test_double_descent.py",)
_VARIANCE, _ENERGY, _FLOOR = s.feature_variance, s.feature_signal, s.feature_noise
_RATE, _TIME, _STEPS = s.learning_rate, s.elapsed_time, s.epochs_done


def derive_feature_risk_step() -> Derivation:
    """Risk of one feature after so many steps of gradient descent, by its linear recursion."""
    start, pull, k = Symbol("d_0", real=True), Symbol("xi", real=True), _STEPS
    keep = 1 - _RATE * _VARIANCE
    # d' = (1 - ηv) d + η √v ξ, with ξ the noise of the answers along the feature.
    solved = keep**k * start + (1 - keep**k) * pull / sqrt(_VARIANCE)
    step = keep * solved + _RATE * sqrt(_VARIANCE) * pull
    demand_zero(sympy.powsimp(sympy.expand(solved.subs(k, k + 1) - step)), "one step")
    demand_zero(solved.subs(k, 0) - start, "start")
    square = sympy.expand(_VARIANCE * solved**2)
    signal, noise = (square.coeff(x, 2) for x in (start, pull))
    result = _ENERGY * keep ** (2 * k) + _FLOOR * (1 - keep**k) ** 2
    demand_zero(sympy.powsimp(signal * _ENERGY / _VARIANCE + noise * _FLOOR - result), "mean of the square")
    return Derivation.of(
        result,
        "With many more examples than features the second moments of the examples are the true ones, and a step of "
        "gradient descent moves the distance $d$ of a weight to the truth by $-\\eta v d + \\eta\\sqrt{v}\\,\\xi$, "
        "where $\\xi$ of variance $\\varsigma^2/n$ is what the noise of the answers has along the feature. After $k$ "
        "steps from $d_0$ it is",
        solved,
        "The risk is $v\\,\\overline{d^2}$: signal that is left, and noise that has been fitted.",
    )


def derive_feature_risk_flow() -> Derivation:
    """The same for small steps, at a temperature."""
    steps, small = derive_feature_risk_step().result, Symbol("h", positive=True)
    flow = sympy.limit(sympy.log((1 - small * _VARIANCE) ** (_TIME / small)), small, 0, "+")
    demand_zero(flow + _VARIANCE * _TIME, "many small steps")
    quiet = steps.subs((1 - _RATE * _VARIANCE) ** _STEPS, exp(-_VARIANCE * _TIME))
    quiet = quiet.subs((1 - _RATE * _VARIANCE) ** (2 * _STEPS), exp(-2 * _VARIANCE * _TIME))
    diffused = s.temperature * (1 - exp(-2 * _VARIANCE * _TIME)) / _VARIANCE
    demand_zero(sympy.diff(diffused, _TIME) + 2 * _VARIANCE * diffused - 2 * s.temperature, "white noise")
    return Derivation.of(
        quiet + _VARIANCE * diffused,
        "Let the steps of [eq:feature-risk-step] be small: $(1-\\eta v)^k$ becomes",
        exp(-_VARIANCE * _TIME),
        "White noise of temperature $T$ gives the weight the variance",
        diffused,
        "of which the risk holds $v$ times.",
    )


def derive_feature_best_time() -> Derivation:
    """When the risk of one feature is least."""
    risk = derive_feature_risk_flow().result.subs(s.temperature, 0)
    result = log(1 + _ENERGY / _FLOOR) / _VARIANCE
    slope = sympy.diff(risk, _TIME)
    demand_zero(slope.subs(_TIME, result), "slope at the best time")
    least = sympy.simplify(risk.subs(_TIME, result))
    demand_zero(least - _ENERGY * _FLOOR / (_ENERGY + _FLOOR), "least risk")
    bend = sympy.diff(risk, _TIME, 2).subs(_TIME, result).subs({_ENERGY: 1, _FLOOR: 1, _VARIANCE: 1})
    demand(bool(bend > 0), "a least one")
    return Derivation.of(
        result,
        "The slope of [eq:feature-risk-flow] at $T = 0$ vanishes once, where the risk is",
        least,
        "Features of unlike variance have their best times far apart: what the fast ones lose after theirs, the slow "
        "ones win back until their own. That is the double descent.",
    )


def derive_ridge_alignment() -> Derivation:
    """Share of the truth that ridge regression of one scale recovers, by the resolvent."""
    alpha, ridge = s.examples_per_input, s.scaled_ridge
    m = sympy.simplify((derive_optimal_ridge_error().result - 1).subs(s.signal_to_noise, 1 / ridge))
    demand_zero(1 - ridge * m - alpha * m / (1 + m), "equation of the resolvent")
    result = sympy.simplify(1 - ridge * m)
    root = Symbol("a")
    return Derivation.of(
        result,
        "Ridge regression recovers the share $\\lambda_h/(\\lambda_h+\\gamma)$ of each mode, on average "
        "$1 - \\gamma m(-\\gamma)$ with the trace of the resolvent $m$, which is known from [eq:optimal-ridge-error].",
        "With $a = 1 + 1/m$ it is",
        equality(Symbol("r"), alpha / root),
    )


def _equation(label: str, title: str, left: Any, derive: Any, motivation: str, example: dict, source: str) -> Equation:
    return Equation(label, title, left, derive, motivation, example, source=source, tests=_TESTS)


_HECKEL = {_ENERGY: Rational(81, 400), _FLOOR: Rational(1, 10), _VARIANCE: 1}
EQUATIONS = (
    _equation(
        "feature-risk-step",
        "Linear regression: the risk of one feature after so many epochs",
        s.feature_risk,
        derive_feature_risk_step,
        "The excess risk is its sum over features. Exact for many more examples than features.",
        {**_HECKEL, _RATE: Rational(1, 10), _STEPS: 12},
        _SOURCE,
    ),
    _equation(
        "feature-risk-flow",
        "Linear regression: the risk of one feature over flow time",
        s.feature_risk,
        derive_feature_risk_flow,
        "What temperature adds does not depend on how fast the feature is, but for when it comes.",
        {_ENERGY: 1, _FLOOR: 1, _VARIANCE: 1, _TIME: Rational(7, 10), s.temperature: 0},
        _SOURCE,
    ),
    _equation(
        "feature-best-time",
        "Linear regression: when to stop for one feature",
        s.best_time,
        derive_feature_best_time,
        "Double descent needs two groups of features with best times far apart.",
        {_ENERGY: 1, _FLOOR: Rational(1, 5), _VARIANCE: Rational(1, 100)},
        _SOURCE,
    ),
    _equation(
        "ridge-alignment",
        "Ridge regression: the share of the truth that it recovers",
        s.recovered_share,
        derive_ridge_alignment,
        "Each of the two groups of features is given this, as if it were alone, in an approximation of the epoch-wise "
        "curve that puts a ridge for a time.",
        {s.examples_per_input: Rational(13, 7), s.scaled_ridge: Rational(1, 10)},
        "Pezeshki, Mitra, Bengio & Lajoie (2022), Multi-scale feature learning dynamics: insights for double descent, "
        "ICML, arXiv:2112.03215; derived here",
    ),
)
