r"""The diagonal linear network beta = u^2 - v^2: weight decay and batch noise act through the effective initialisation.

With loss (1/4n) sum of r^2, r = X beta - y, a step along the minibatch gradient multiplies u_j by 1 - rate g_j and v_j
by 1 + rate g_j, where g_j is the minibatch mean of r x_j. Without noise and in continuous time u v is conserved, and
the interpolator that is reached depends on the start through alpha^2 = u v alone.
"""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol, exp

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_TESTS = ("tests/zoo/test_zoo.py",)
_SOURCE = (
    "derived here; Pesme, Pillaud-Vivien & Flammarion (2021), Implicit bias of SGD for diagonal linear networks, "
    "NeurIPS, arXiv:2106.09524"
)


def derive_effective_initialisation_step() -> Derivation:
    """Factor by which u v changes in one step."""
    u, v, x, rest, target = sympy.symbols("u v x rest target", real=True)
    g, rate = s.network_gradient, s.learning_rate
    residual = (u**2 - v**2) * x + rest - target
    loss = residual**2 / 4
    demand_zero(sympy.diff(loss, u) - residual * x * u, "gradient of u")
    demand_zero(sympy.diff(loss, v) + residual * x * v, "gradient of v")
    result = 1 - rate**2 * g**2
    demand_zero((u * (1 - rate * g)) * (v * (1 + rate * g)) / (u * v) - result, "product after a step")
    return Derivation.of(
        result,
        "With $\\beta = u^2 - v^2$ the gradients are $g u$ and $-g v$, where $g$ is the mean of $r x$ over the "
        "minibatch, so a step makes of $uv$",
        (u * (1 - rate * g)) * (v * (1 + rate * g)),
        "The terms of first order cancel. Only the square of the gradient acts, and always downwards.",
    )


def derive_effective_initialisation_shift() -> Derivation:
    """Shift of ln(u v) by batch noise while the loss falls."""
    rate, batch, feature = s.learning_rate, s.batch_size, s.feature_second_moment
    squared_residual = 4 * s.loss_integral / s.elapsed_time  # its mean over the time: the loss is a quarter of it
    variance = squared_residual * feature / batch
    per_step = -(rate**2) * variance
    first = sympy.series(sympy.log(1 - rate**2 * s.network_gradient**2), rate, 0, 4).removeO()
    demand_zero(first + rate**2 * s.network_gradient**2, "logarithm to second order")
    result = -4 * rate * feature * s.loss_integral / batch
    demand_zero(per_step * s.elapsed_time / rate - result, "sum over steps")
    return Derivation.of(
        result,
        "By [eq:effective-initialisation-step] a step adds to $\\ln uv$, to second order,",
        first,
        "Near interpolation the full gradient is small against its noise. If residual and feature are "
        "independent, the noise of a batch of $B$ examples drawn with replacement has the variance $\\langle "
        "r^2\\rangle \\langle x^2\\rangle / B$, and $\\langle r^2\\rangle$ is four times the loss. Both are "
        "approximations; the step itself is exact.",
        "Sum over the steps of the time $t_e$, $t_e/\\eta$ in number. The noise acts in proportion to the "
        "loss: early, and then no more.",
    )


def derive_effective_initialisation_decay() -> Derivation:
    """Effective initialisation after weight decay, whenever it was applied."""
    time = Symbol("t", nonnegative=True)
    u, v, g = (sympy.Function(name)(time) for name in ("u", "v", "g"))
    decay = sympy.Function("lambda_w")(time)
    change = sympy.diff(u * v, time).subs({sympy.diff(u, time): -(g + decay) * u, sympy.diff(v, time): (g - decay) * v})
    demand_zero(change + 2 * decay * u * v, "rate of change of u v")
    result = s.initial_scale * exp(-s.decay_integral)
    course = s.initial_scale**2 * exp(-2 * sympy.Integral(decay, (time, 0, time)))
    demand_zero(sympy.diff(course, time) + 2 * decay * course, "solution")
    return Derivation.of(
        result,
        "In gradient flow with weight decay $\\lambda_w(t)$ the gradient drops out of",
        equality(sympy.Derivative(u * v, time), -2 * decay * u * v),
        "so $uv = \\alpha^2 e^{-2\\Lambda}$, where $\\Lambda$ is the integral of the decay: *when* it was "
        "applied does not matter. If training ends in interpolation, neither does the order for the result.",
    )


EQUATIONS = (
    Equation(
        "effective-initialisation-step",
        "Diagonal network: one step",
        s.effective_scale_factor,
        derive_effective_initialisation_step,
        "What SGD does to the quantity that gradient flow conserves. Exact for any batch.",
        {s.learning_rate: Rational(3, 100), s.network_gradient: 1},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "effective-initialisation-shift",
        "Diagonal network: shift by batch noise",
        s.effective_scale_shift,
        derive_effective_initialisation_shift,
        "A critical period for batch noise: it acts while there is loss, in the first percent of training.",
        {s.learning_rate: Rational(3, 100), s.batch_size: 1, s.feature_second_moment: 1, s.loss_integral: 2},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "effective-initialisation-decay",
        "Diagonal network: weight decay has no date",
        s.effective_scale,
        derive_effective_initialisation_decay,
        "An exact null: early and late weight decay of the same integral end in the same interpolator.",
        {s.initial_scale: 1, s.decay_integral: 1},
        tests=_TESTS,
    ),
)
