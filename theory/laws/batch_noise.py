r"""Least squares by SGD on minibatches: moments of a step, for examples drawn again and for ever new ones.

delta is the distance of the weights to where gradient descent ends, in the eigenbasis of the inputs' second moments.
"""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_SOURCE = (
    "derived here; the closure is that of Paquette, Paquette, Adlam & Pennington (2022), Homogenization of SGD in "
    "high-dimensions, arXiv:2205.07069, in discrete steps"
)
_TESTS = ("tests/zoo/test_batch_double_descent.py",)
_RATE, _BATCH = s.learning_rate, s.batch_size
_CURVATURE, _MOMENT, _VARIANCE, _SQUARE = s.mode_curvature, s.mode_moment, s.mode_variance, s.mode_loss_square


def derive_minibatch_variance_step() -> Derivation:
    """Variance of one mode after a step on a minibatch drawn from fixed examples."""
    mean, h = Symbol("d", real=True), _CURVATURE
    moment = mean**2 + _VARIANCE
    one = _SQUARE * h - h**2 * moment  # of one example's gradient about the gradient of all
    second = (1 - _RATE * h) ** 2 * moment + _RATE**2 * one / _BATCH
    after = second - ((1 - _RATE * h) * mean) ** 2
    result = (1 - _RATE * h) ** 2 * _VARIANCE + _RATE**2 / _BATCH * (_SQUARE * h - h**2 * _MOMENT)
    demand_zero(after - result.subs(_MOMENT, moment), "second moment less the square of the mean")
    return Derivation.of(
        result,
        "A step on $B$ examples drawn with replacement is $\\delta' = (1-\\eta h)\\delta$ on average, with a noise "
        "whose variance is $\\eta^2/B$ that of one example's gradient. The mean square of the latter is the mean of "
        "$x^2 r^2$, input times residual squared, and is taken as the product of means:",
        _SQUARE * h,
        "with the mean square residual. That is the closure, exact for many inputs without a preferred one. Subtract "
        "the square of the mean gradient, which is $h^2\\overline{\\delta^2}$, and that of the mean from the second "
        "moment.",
    )


def _fourth_moments() -> None:
    """E x_i² (x.δ)² = λ_i Σλδ² + 2 λ_i² δ_i² for independent normal inputs, from their moments."""
    variances, places = sympy.symbols("l_1 l_2", positive=True), sympy.symbols("d_1 d_2", real=True)
    inputs = sympy.symbols("x_1 x_2", real=True)
    polynomial = sympy.Poly(inputs[0] ** 2 * (inputs[0] * places[0] + inputs[1] * places[1]) ** 2, *inputs)
    normal = {0: 1, 1: 0, 2: 1, 3: 0, 4: 3}
    found = sympy.Integer(0)
    for powers, coefficient in polynomial.terms():
        found += coefficient * sympy.prod(
            variances[i] ** Rational(powers[i], 2) * normal[powers[i]] for i in range(2)
        )  # fmt: skip
    total = sum(variances[i] * places[i] ** 2 for i in range(2))
    demand_zero(found - variances[0] * total - 2 * variances[0] ** 2 * places[0] ** 2, "fourth moment")


def derive_streaming_moment_step() -> Derivation:
    """Second moment of one mode after a step on new normal examples: exact."""
    _fourth_moments()
    h, loss, noise = _CURVATURE, s.double_excess_loss, s.answer_noise
    one = h * loss + 2 * h**2 * _MOMENT + h * noise  # E (x_i (x.δ - ε))²
    examples = Symbol("b", positive=True, integer=True)  # pairs of one with itself, of their square
    gradient = (one * examples + examples * (examples - 1) * h**2 * _MOMENT) / examples**2
    second = _MOMENT - 2 * _RATE * h * _MOMENT + _RATE**2 * gradient.subs(examples, _BATCH)
    result = _MOMENT * (1 - 2 * _RATE * h) + _RATE**2 * (
        (1 + 1 / _BATCH) * h**2 * _MOMENT + h / _BATCH * (loss + noise)
    )
    demand_zero(sympy.expand(second - result), "second moment of the step")
    return Derivation.of(
        result,
        "With new normal examples at every step the gradient of one example has the second moment $\\overline{g^2}$:",
        equality(Symbol(r"\overline{g^2}"), sympy.expand(one)),
        "by the fourth moments of normal numbers. In a mean over $B$ examples, $B$ of the $B^2$ pairs are of an "
        "example with itself; in the others the gradients are independent given the weights.",
    )


def derive_streaming_stationary_loss() -> Derivation:
    """Excess loss at which those moments stand still."""
    h, loss, noise, total = _CURVATURE, s.double_excess_loss, s.answer_noise, s.stability_sum
    step = derive_streaming_moment_step().result
    (still,) = sympy.solve(step - _MOMENT, _MOMENT)
    share = h / (2 - _RATE * h * (1 + 1 / _BATCH))
    demand_zero(sympy.simplify(h * still - _RATE / _BATCH * share * (loss + noise)), "a mode that stands still")
    (found,) = sympy.solve(loss - _RATE / _BATCH * total * (loss + noise), loss)
    result = _RATE * noise / (2 * _BATCH) * total / (1 - _RATE / _BATCH * total)
    demand_zero(sympy.simplify(found / 2 - result), "half the sum over modes")
    return Derivation.of(
        result,
        "Set $\\delta$'s second moment equal before and after [eq:streaming-moment-step]. Times its curvature it is "
        "$(\\eta/B)(2L + \\varsigma^2)$ times",
        share,
        "Sum over modes, with $\\Sigma_s$ the sum of the latter, and solve for the excess loss $L$. It is finite where "
        "$\\eta\\Sigma_s/B < 1$.",
    )


_STEP = {_RATE: Rational(1, 50), _BATCH: 4, _CURVATURE: 1, _MOMENT: Rational(1, 10)}
EQUATIONS = (
    Equation(
        "minibatch-variance-step",
        "SGD on least squares: the variance of one mode after a step",
        s.next_mode_variance,
        derive_minibatch_variance_step,
        "The mean follows gradient descent, whatever the batch; the batch is in the variance alone.",
        {**_STEP, _VARIANCE: Rational(1, 20), _SQUARE: 1},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "streaming-moment-step",
        "SGD on new normal examples: the second moment of one mode after a step",
        s.next_mode_moment,
        derive_streaming_moment_step,
        "Exact, so that a simulation must agree with it within its sampling error.",
        {**_STEP, s.double_excess_loss: 1, s.answer_noise: Rational(1, 4)},
        source="derived here",
        tests=_TESTS,
    ),
    Equation(
        "streaming-stationary-loss",
        "SGD on new normal examples: the excess loss at which it stands still",
        s.stationary_excess_loss,
        derive_streaming_stationary_loss,
        "Where rate over batch reaches the inverse of the sum it diverges.",
        {_RATE: Rational(1, 50), _BATCH: 4, s.stability_sum: 6, s.answer_noise: Rational(1, 4)},
        source="derived here",
        tests=_TESTS,
    ),
)
