r"""One step of SGD as a transition density, with momentum and without replacement, for grids that solve it exactly.

Gaussian gradient noise of standard deviation `step_noise` in one coordinate; momentum as in `theory.laws.sgd`, the
noise of an epoch as in `theory.laws.reshuffling`.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Expr, Matrix, Symbol, eye, ones

from theory import symbols as s
from theory.derivation import Derivation, Equation, Step, Story, demand_zero
from theory.laws.reshuffling import minibatch_noise_covariance
from theory.laws.sgd import heavy_ball_covariance, heavy_ball_matrices

_TESTS = ("tests/theory/laws/test_sgd_kernels.py",)
_NORMAL = Symbol("xi", real=True)


def _pushed(image: Expr, target: Symbol) -> Expr:
    """Density of an increasing or decreasing image of a standard normal."""
    solved = sympy.solve(Eq(image, target), _NORMAL)[0]
    density = sympy.exp(-(solved**2) / 2) / sympy.sqrt(2 * sympy.pi)
    return density * sympy.Abs(sympy.diff(solved, target))


@cache
def derive_transition_density() -> Derivation:
    """Density of the weight after one step without momentum."""
    image = s.coordinate - s.learning_rate * (s.loss_slope + s.step_noise * _NORMAL)
    result = sympy.simplify(_pushed(image, s.next_coordinate))
    end = s.next_coordinate
    demand_zero(sympy.integrate(result, (end, -sympy.oo, sympy.oo)) - 1, "a probability")
    mean = sympy.integrate(result * end, (end, -sympy.oo, sympy.oo))
    demand_zero(mean - (s.coordinate - s.learning_rate * s.loss_slope), "mean")
    # stationary in a quadratic well: V = (1 - eta h)^2 V + (eta s)^2
    variance = Symbol("V", positive=True)
    keep = 1 - s.learning_rate * s.curvature
    stationary = sympy.solve(Eq(variance, keep**2 * variance + (s.learning_rate * s.step_noise) ** 2), variance)[0]
    known = heavy_ball_covariance()[0, 0].subs(s.momentum, 0)
    known = known.subs(s.gradient_variance, s.step_noise**2 * s.batch_size)
    demand_zero(sympy.together(stationary - known), "stationary variance in a quadratic well")
    return Derivation(
        result,
        (
            Step(
                "A step takes $w$ to $w - \\eta(L' + s\\xi)$ with $\\xi$ standard normal. Solve for $\\xi$ and change "
                "variables.",
                Eq(s.next_coordinate, image, evaluate=False),
            ),
            Step(
                "Check: it integrates to 1, its mean is $w - \\eta L'$, and in a quadratic well its stationary "
                "variance is that of [eq:sgd-temperature-quadratic] at $\\mu = 0$,",
                stationary,
            ),
        ),
    )


@cache
def derive_momentum_transition() -> Derivation:
    """Density of the momentum buffer after one step."""
    image = s.momentum * s.momentum_buffer + s.loss_slope + s.step_noise * _NORMAL
    result = sympy.simplify(_pushed(image, s.next_momentum_buffer))
    end = s.next_momentum_buffer
    demand_zero(sympy.integrate(result, (end, -sympy.oo, sympy.oo)) - 1, "a probability")
    w, v = sympy.symbols("w v", real=True)
    step, _ = heavy_ball_matrices()
    new = s.momentum * v + s.curvature * w
    demand_zero((step * Matrix([w, v]))[1] - new, "the buffer of a heavy ball")
    demand_zero((step * Matrix([w, v]))[0] - (w - s.learning_rate * new), "its weight")
    # Nesterov: w' = w - eta (g + mu v') with g = v' - mu v; x = w + eta mu v moves by -eta v'
    ahead = s.learning_rate * s.momentum
    weight = w - s.learning_rate * (end - s.momentum * v + s.momentum * end)
    demand_zero(weight + ahead * end - (w + ahead * v - s.learning_rate * end), "the position of Nesterov's momentum")
    return Derivation(
        result,
        (
            Step(
                "Given weight and buffer the new buffer is normal,",
                Eq(s.next_momentum_buffer, image, evaluate=False),
            ),
            Step(
                "and the heavy ball's weight then moves by $-\\eta v'$, without any more noise. Nesterov's moves by "
                "$-\\eta(g + \\mu v')$ with $g = v' - \\mu v$, so $x = w + \\eta\\mu v$ moves by $-\\eta v'$. On a "
                "grid whose spacings in $x$ and $v$ have the ratio $\\eta$ that is a shift by whole points."
            ),
            Step("Check: the mean is one step of [eq:sgd-temperature-quadratic] in a quadratic well."),
        ),
    )


@cache
def _bridge() -> tuple[Expr, Expr, Story]:
    """Mean and variance of the next noise of an epoch given the sum of those before it."""
    size, done = Symbol("M", positive=True), Symbol("t", nonnegative=True)
    *_, lead = minibatch_noise_covariance()
    # (1 - J/M)^-1 = 1 + J/(M - t) on t steps, as J^2 = t J
    own, inverse = Symbol("a"), Symbol("b")
    demand_zero(
        sympy.together((own - 1 / size - done * own / size).subs(own, 1 / (size - done))), "inverse of the covariance"
    )
    for count in (1, 2, 3):
        total = 5
        covariance = eye(count) - ones(count, count) / total
        demand_zero((covariance.inv() - eye(count) - ones(count, count) / (total - count)).norm(), f"{count} steps")
    answer = -(1 + done * inverse) / size
    mean = sympy.factor(answer.subs(inverse, 1 / (size - done)))
    demand_zero(sympy.together(mean + 1 / (size - done)), "mean per sum")
    variance = 1 - 1 / size - (done + done**2 / (size - done)) / size**2
    demand_zero(sympy.together(variance - (1 - 1 / (size - done))), "variance")
    # the sum's variance t(M - t)/M, step by step, and nothing is left at the end
    spread = done * (size - done) / size
    keep = 1 - 1 / (size - done)
    demand_zero(sympy.together(spread.subs(done, done + 1) - keep**2 * spread - keep), "variance of the sum")
    demand_zero(spread.subs(done, size), "the sum at the end")
    steps = (
        *lead,
        (
            "Let $u$ be the noise of a step in units of $\\sigma/\\sqrt{B}$. Normal noise with the covariance "
            "$1 - J/M$ ($J$ is all ones) is conditioned on $t$ steps by their covariance's inverse, "
            "$1 + J/(M-t)$. Only their sum $S$ remains: the next $u$ has the mean $-S/(M-t)$ and the variance "
            "$1 - 1/M - (t + t^2/(M-t))/M^2 = 1 - 1/(M-t)$."
        ),
        (
            "So $(w, S)$ is Markov. The noise moves $w$ by $-\\eta s u$ and $S$ by $u$, so that $w + \\eta s S$ "
            "does not feel it. $S$ has the variance $t(M-t)/M$, and the last step brings it back to 0 with no noise."
        ),
    )
    return mean * s.noise_so_far, variance, steps


@cache
def derive_bridge_step() -> Derivation:
    """Variance of the next noise."""
    _, variance, steps = _bridge()
    size, done = Symbol("M", positive=True), Symbol("t", nonnegative=True)
    result = sympy.simplify(variance.subs(size, s.steps_left + done))
    demand_zero(result - (1 - 1 / s.steps_left), "in steps left")
    return Derivation.of(1 - 1 / s.steps_left, *steps)


@cache
def derive_bridge_mean() -> Derivation:
    """Mean of the next noise."""
    mean, *_ = _bridge()
    size, done = Symbol("M", positive=True), Symbol("t", nonnegative=True)
    result = sympy.simplify(mean.subs(size, s.steps_left + done))
    demand_zero(result + s.noise_so_far / s.steps_left, "in steps left")
    return Derivation.of(result, "In the derivation of [eq:epoch-bridge-step].")


EQUATIONS = (
    Equation(
        "sgd-transition-density",
        "One step as a transition density",
        s.step_density,
        derive_transition_density,
        "SGD with Gaussian gradient noise is a Markov chain in discrete time, whatever its step. Its transition "
        "density needs no small steps, and the noise may depend on the weight: what a grid computes with it holds "
        "where the Langevin equation does not.",
        {s.learning_rate: sympy.Rational(1, 20), s.step_noise: 5, s.coordinate: 1, s.next_coordinate: 1,
         s.loss_slope: 1},
        tests=_TESTS,
    ),
    Equation(
        "sgd-momentum-transition",
        "One step with momentum",
        s.step_density,
        derive_momentum_transition,
        "With momentum weight and buffer together are a Markov chain. All its noise enters the buffer.",
        {s.momentum: sympy.Rational(1, 2), s.step_noise: 5, s.momentum_buffer: 2, s.next_momentum_buffer: 1,
         s.loss_slope: 1},
        tests=_TESTS,
    ),
    Equation(
        "epoch-bridge-mean",
        "Reshuffling: mean of the next noise",
        s.bridge_mean,
        derive_bridge_mean,
        "What an epoch's minibatches pushed one way, those that are left have to take back.",
        {s.noise_so_far: 8, s.steps_left: 200},
        tests=_TESTS,
    ),
    Equation(
        "epoch-bridge-step",
        "Reshuffling: variance of the next noise",
        s.bridge_variance,
        derive_bridge_step,
        "Without replacement the noise of an epoch is a bridge: weight and noise so far are a Markov chain, which a "
        "grid solves in any potential, where [eq:reshuffling-temperature-factor] holds in a quadratic well.",
        {s.steps_left: 200},
        tests=_TESTS,
    ),
)  # fmt: skip
