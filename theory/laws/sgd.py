r"""Stochastic gradient descent as a sampler: its temperature, its clock and its discretisation.

Heavy ball as it is coded: v <- momentum v + g, w <- w - learning_rate v, where g is the gradient over a minibatch of
`batch_size` examples drawn with replacement, so g = grad L + noise of variance gradient_variance / batch_size per
coordinate, independent from step to step.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Expr, Matrix, MatrixSymbol, Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, Story, demand_zero, equality

_LEAD = "derived here; compare Mandt, Hoffman & Blei (2017), JMLR 18, and Smith et al. (2018), ICLR"


def heavy_ball_matrices() -> tuple[Matrix, Matrix]:
    """One step of heavy-ball SGD in a quadratic well: (w, v) -> M (w, v) + noise vector * gradient noise."""
    h, eta, mu = s.curvature, s.learning_rate, s.momentum
    w, v, noise = sympy.symbols("w v xi", real=True)
    new_v = mu * v + h * w + noise
    new_w = w - eta * new_v
    step = Matrix([new_w, new_v])
    return step.jacobian([w, v]), step.jacobian([noise])


def stationary_covariance(step: Matrix, noise: Matrix) -> Matrix:
    """Solution S of the discrete Lyapunov equation S = step S step^T + noise in two coordinates."""
    first, mixed, second = sympy.symbols("S_11 S_12 S_22", real=True)
    covariance = Matrix([[first, mixed], [mixed, second]])
    residual = (covariance - step * covariance * step.T - noise).applyfunc(sympy.expand)
    solution = sympy.solve([residual[0, 0], residual[0, 1], residual[1, 1]], [first, mixed, second], dict=True)[0]
    solved = covariance.xreplace(solution).applyfunc(sympy.factor)
    for entry in solved - step * solved * step.T - noise:
        demand_zero(entry, "Lyapunov equation")
    return solved


@cache
def heavy_ball_covariance() -> Matrix:
    """Stationary covariance of (w, v) from the discrete Lyapunov equation S = M S M^T + noise covariance."""
    step, noise = heavy_ball_matrices()
    return stationary_covariance(step, s.gradient_variance / s.batch_size * noise * noise.T)


@cache
def derive_sgd_time_and_temperature() -> tuple[Expr, Expr, Story]:
    """Langevin time per step and temperature that heavy-ball SGD has in the limit of small steps."""
    eta, mu = s.learning_rate, s.momentum
    kick, displacement = sympy.symbols("xi D", real=True)
    total = sympy.solve(Eq(displacement, -eta * kick + mu * displacement), displacement)[0]
    per_gradient = eta / (1 - mu)
    demand_zero(-total / kick - per_gradient, "response to one gradient")
    step_variance = per_gradient**2 * s.gradient_variance / s.batch_size
    unknown = sympy.symbols("T_unknown", positive=True)
    matched = sympy.solve(Eq(step_variance, 2 * unknown * per_gradient), unknown)[0]
    temperature = eta * s.gradient_variance / (2 * s.batch_size * (1 - mu))
    demand_zero(matched - temperature, "noise matched with 2 T dt")
    covariance = heavy_ball_covariance()
    small_steps = eta * sympy.limit(s.curvature * covariance[0, 0] / eta, eta, 0)
    demand_zero(small_steps - temperature, "small-step limit of the stationary variance")
    story = (
        "A gradient $\\xi$ moves $w$ by $-\\eta\\xi$ at once, and what is left of its velocity after a step is "
        "$\\mu$ times what it was, so its total displacement $D$ solves",
        equality(displacement, -eta * kick + mu * displacement),
        "with the solution",
        equality(displacement, -per_gradient * kick),
        "The loss gradient therefore drifts $w$ by $-\\nabla L$ times the Langevin time of one step",
        equality(s.time_step, per_gradient),
        "and minibatch noise of variance $\\sigma^2/B$ adds this variance per step, to be matched with "
        "$2T\\Delta t$ of $dw = -\\nabla L\\,dt + \\sqrt{2T}\\,dW$:",
        equality(2 * s.temperature * s.time_step, step_variance),
    )
    return per_gradient, temperature, story


@cache
def derive_sgd_temperature() -> Derivation:
    """T = learning_rate gradient_variance / (2 batch_size (1 - momentum))."""
    _, temperature, story = derive_sgd_time_and_temperature()
    closing = (
        "Check: the small-step limit of curvature times stationary variance, from the Lyapunov equation of "
        "[eq:sgd-temperature-quadratic], is the same expression."
    )
    return Derivation.of(temperature, *story, closing)


@cache
def derive_epoch_time() -> Derivation:
    """Langevin time of one epoch of N/B steps."""
    per_step, _, _ = derive_sgd_time_and_temperature()
    result = per_step * s.dataset_size / s.batch_size
    demand_zero(result.subs(s.momentum, 0) - s.learning_rate * s.dataset_size / s.batch_size, "no momentum")
    return Derivation.of(
        result,
        "One step lasts (derivation of [eq:sgd-temperature])",
        equality(s.time_step, per_step),
        "and an epoch has $N/B$ steps. Without momentum this is $\\eta N/B$. With momentum the clock "
        "runs $1/(1-\\mu)$ times faster; writing $\\eta N/B$ there would be wrong by that factor.",
    )


def derive_sgd_temperature_quadratic() -> Derivation:
    """Exact temperature of discrete heavy-ball SGD in a quadratic well."""
    step, noise = heavy_ball_matrices()
    covariance = heavy_ball_covariance()
    measured = sympy.factor(s.curvature * covariance[0, 0])
    correction = sympy.factor(
        s.temperature
        / measured.subs(
            s.gradient_variance, sympy.solve(Eq(s.temperature, derive_sgd_temperature().result), s.gradient_variance)[0]
        )
    )
    damping = s.learning_rate * s.curvature / (2 * (1 + s.momentum))
    demand_zero(correction - (1 - damping), "correction factor")
    result = s.temperature / (1 - damping)
    third = result.subs({s.learning_rate: Rational(1, 2), s.momentum: 0, s.curvature: 1})
    demand_zero(third / s.temperature - Rational(4, 3), "learning rate 1/2, curvature 1")
    return Derivation.of(
        result,
        "With $L = hw^2/2$ one step is linear, $(w, v) \\to M (w, v) + \\xi\\, n$, where",
        equality(MatrixSymbol("M", 2, 2), step),
        "and",
        equality(MatrixSymbol("n", 2, 1), noise),
        "The stationary covariance solves $S = M S M^\\top + (\\sigma^2/B)\\, n n^\\top$; its first "
        "entry $S_{ww}$ gives",
        equality(s.curvature * Symbol("S_ww"), measured),
        "Written with $T$ of [eq:sgd-temperature], $T / (h S_{ww})$ is",
        1 - damping,
    )


def derive_unadjusted_langevin_bias() -> Derivation:
    """Mean energy of unadjusted Langevin in a quadratic well, exactly 1/2 without the bias."""
    variance = Symbol("V", positive=True)
    factor = 1 - s.step_size * s.n_beta * s.curvature / 2
    solved = sympy.factor(sympy.solve(Eq(variance, factor**2 * variance + s.step_size), variance)[0])
    energy = sympy.factor(s.n_beta * s.curvature * solved / 2)
    result = Rational(1, 2) / (1 - s.step_size * s.n_beta * s.curvature / 4)
    demand_zero(energy - result, "energy of unadjusted Langevin")
    return Derivation.of(
        result,
        "In a well of curvature $h$ the step $w \\leftarrow w - (\\epsilon n\\beta/2) \\nabla L + "
        "\\sqrt\\epsilon\\,\\xi$ multiplies $w$ by a number and adds noise, so its stationary variance solves",
        equality(s.stationary_variance, factor**2 * s.stationary_variance + s.step_size),
        "that is",
        equality(s.stationary_variance, solved),
        "and the energy is $n\\beta h V/2$; half a degree of freedom is recovered as $\\epsilon\\to 0$.",
    )


def derive_euler_maruyama_variance() -> Derivation:
    """Stationary variance of the Euler scheme for dw = -grad L dt + sqrt(2T) dW in a quadratic well."""
    variance = Symbol("V", positive=True)
    h, dt = s.curvature, s.time_step
    solved = sympy.solve(Eq(variance, (1 - h * dt) ** 2 * variance + 2 * s.temperature * dt), variance)[0]
    result = s.temperature / (h * (1 - h * dt / 2))
    demand_zero(solved - result, "Euler-Maruyama variance")
    sgd = derive_sgd_temperature_quadratic().result.subs(s.momentum, 0)
    demand_zero(h * result.subs(dt, s.learning_rate) - sgd, "Euler step equals plain SGD")
    return Derivation.of(
        result,
        "One Euler step multiplies $w$ by $1 - h\\Delta t$ and adds variance $2T\\Delta t$:",
        equality(s.stationary_variance, (1 - h * dt) ** 2 * s.stationary_variance + 2 * s.temperature * dt),
        "Check: with $\\Delta t = \\eta$ this is [eq:sgd-temperature-quadratic] without momentum. Plain SGD *is* "
        "an Euler scheme.",
    )


EQUATIONS = (
    Equation(
        "sgd-temperature",
        "Temperature of SGD",
        s.temperature,
        derive_sgd_temperature,
        "Minibatch noise shakes the weights as a temperature does. In the limit of small steps the stationary law is "
        "$\\exp(-L/T)$ with this temperature, if the gradient noise is isotropic, additive and independent between "
        "steps (sampling with replacement). Halving the batch doubles the temperature.",
        {s.learning_rate: Rational(1, 20), s.gradient_variance: 3072, s.batch_size: 128, s.momentum: 0},
        source=_LEAD,
    ),
    Equation(
        "epoch-time",
        "Langevin time of an epoch",
        s.epoch_time,
        derive_epoch_time,
        "How long the Langevin equation has to run to reproduce one epoch of training.",
        {s.learning_rate: Rational(1, 20), s.dataset_size: 50_000, s.batch_size: 128, s.momentum: 0},
        source=_LEAD,
    ),
    Equation(
        "sgd-temperature-quadratic",
        "Exact temperature in a quadratic well",
        s.quadratic_temperature,
        derive_sgd_temperature_quadratic,
        "Steps are not small in stiff directions. In a quadratic well the discrete dynamics can be solved: the "
        "variance is $T_h/h$ with $T_h$ above $T$ and diverging at the edge of stability, $\\eta h = 2(1+\\mu)$.",
        {s.learning_rate: Rational(1, 20), s.momentum: Rational(9, 10), s.curvature: 10, s.temperature: 1},
        source=_LEAD,
    ),
    Equation(
        "unadjusted-langevin-bias",
        "Bias of unadjusted Langevin",
        s.measured_energy,
        derive_unadjusted_langevin_bias,
        "An unadjusted sampler overestimates the energy of every stiff direction, and so the learning coefficient. "
        "The bias is known exactly where the loss is quadratic: use it to choose the step or to correct.",
        {s.step_size: Rational(1, 1000), s.n_beta: 1000, s.curvature: 1},
        source="derived here; Roberts & Tweedie (1996), Bernoulli 2",
    ),
    Equation(
        "euler-maruyama-variance",
        "Bias of an Euler step",
        s.stationary_variance,
        derive_euler_maruyama_variance,
        "The same bias in units of Langevin time: what a sampler with time step $\\Delta t$ really samples "
        "in a quadratic well.",
        {s.temperature: 1, s.curvature: 1, s.time_step: Rational(1, 10)},
    ),
)
