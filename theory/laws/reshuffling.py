r"""Sampling without replacement: how much colder than [eq:sgd-temperature] a quadratic well is.

Each epoch visits every example once, in a fresh random order cut into M = N/B minibatches. The noise of the minibatches
then sums to zero over the epoch. Additive noise, heavy ball as in `theory.laws.sgd`. `gradient_variance` is the sample
variance over the N examples (divisor N - 1).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import cache

import sympy
from sympy import Eq, Expr, Matrix, MatrixSymbol, Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, Story, demand, demand_zero, equality
from theory.laws.sgd import heavy_ball_covariance

_X = Symbol("x", positive=True)  # learning rate times curvature
_SIZE = Symbol("M", positive=True)
_LATER = Symbol("t", nonnegative=True)


@cache
def minibatch_noise_covariance() -> tuple[Expr, Expr, Story]:
    """Variance of a minibatch's noise and covariance of two minibatches of one epoch, sampled without replacement."""
    examples, batch, variance = s.dataset_size, s.batch_size, s.gradient_variance
    unknown = Symbol("c", real=True)
    own = variance * (1 - 1 / examples)  # population variance: the sample variance has divisor N - 1
    pair = sympy.solve(Eq(examples * own + examples * (examples - 1) * unknown, 0), unknown)[0]
    demand_zero(pair + variance / examples, "covariance of two examples")
    diagonal = (batch * own + batch * (batch - 1) * pair) / batch**2
    ratio = examples / batch
    demand_zero(diagonal - variance / batch * (1 - 1 / ratio), "variance of a minibatch")
    demand_zero(pair + variance / (batch * ratio), "covariance of two minibatches")
    demand_zero(diagonal + (ratio - 1) * pair, "the noise of an epoch sums to zero")
    story = (
        "Put the $N$ examples in random order. Their noise sums to zero, so two of them have the covariance "
        "$-\\sigma^2/N$ ($\\sigma^2$ with divisor $N-1$). Averaging over minibatches of $B$, with $M = N/B$, "
        "gives the noise $\\xi_i$ of step $i$ of an epoch the covariance "
        "$\\langle\\xi_i\\xi_j\\rangle = (\\sigma^2/B)(\\delta_{ij} - 1/M)$. (Minibatches fixed once and "
        "visited in random order give the same, with $\\sigma^2(1-1/M)/B$ the mean square of their noise.)",
    )
    return diagonal, pair, story


@cache
def derive_position_variance() -> Derivation:
    """Temperature factor t steps into an epoch, without momentum."""
    x, size, later = _X, _SIZE, _LATER
    keep = 1 - x
    *_, story = minibatch_noise_covariance()

    def noise(power: Expr, count: Expr) -> Expr:
        """Variance that `count` steps of an epoch add, in units of (learning rate)^2 sigma^2 / B."""
        return (1 - power**2) / (1 - keep**2) - ((1 - power) / x) ** 2 / size

    count = Symbol("n", integer=True, positive=True)
    power = Symbol("a_n", positive=True)
    # One more step: multiply the old noise by keep, add the new; its covariance with the old is -1/M per step.
    grown = keep**2 * noise(power, count) + (1 - 1 / size) - 2 * keep * (1 - power) / x / size
    demand_zero(sympy.together(noise(keep * power, count) - grown), "noise after one more step")
    demand_zero(noise(sympy.Integer(1), count), "no noise before the first step")
    whole, part = Symbol("a_M", positive=True), Symbol("a_t", positive=True)
    first = noise(whole, size) / (1 - whole**2)  # stationary: V_0 = a^(2M) V_0 + noise of an epoch
    variance = part**2 * first + noise(part, later)
    # f = h V / T with V in units of (learning rate)^2 sigma^2 / B and T = learning rate sigma^2 / (2 B)
    factor = 2 * x * variance
    bracket = (1 - part) ** 2 + part**2 * (1 - whole) / (1 + whole)
    compact = 1 / (1 - x / 2) - 2 / (size * x) * bracket
    demand_zero(sympy.together(factor - compact), "compact form")
    eta_h = s.learning_rate * s.curvature
    values = {whole: (1 - x) ** size, part: (1 - x) ** later}
    result = compact.xreplace(values).xreplace({x: eta_h, size: s.steps_per_epoch, later: s.steps_into_epoch})
    return Derivation.of(
        result,
        *story,
        "With $x = \\eta h$, $a = 1 - x$ and $w_{t} = a^t w_0 - \\eta\\sum_{i<t} a^{t-1-i}\\xi_i$, the first "
        "$t$ steps of an epoch add to the variance, in units of $\\eta^2\\sigma^2/B$ (proved step by step),",
        noise(Symbol("a") ** later, later),
        "Where an epoch starts, $w_0$ does not know the new order, so $V_0 = a^{2M}V_0 + Q_M$ and then "
        "$V_t = a^{2t}V_0 + Q_t$. Multiply by $h/T$. The first term is sampling with replacement, "
        "[eq:sgd-temperature-quadratic]; the rest is what the sum rule takes away. For a slow "
        "mode the variance is least between two epochs and largest in the middle, as for a Brownian bridge.",
    )


@cache
def derive_temperature_factor() -> Derivation:
    """Temperature factor, mean over the positions of an epoch, without momentum."""
    x, size, count = _X, _SIZE, Symbol("n", integer=True, positive=True)
    whole = Symbol("a_M", positive=True)
    once = (1 - whole) / (size * x)  # mean of a^t over t = 0 ... M - 1
    twice = (1 - whole**2) / (size * (1 - (1 - x) ** 2))  # mean of a^(2t)
    for power, mean in ((1, once), (2, twice)):
        total = (size * mean).subs(whole, (1 - x) ** count)
        step = sympy.expand_power_exp(total.subs(count, count + 1) - total - (1 - x) ** (power * count))
        demand_zero(sympy.together(sympy.expand_power_base(step)), "geometric sum")
    bracket = 1 - 2 * once + twice * (1 + (1 - whole) / (1 + whole))
    mean = 1 / (1 - x / 2) - 2 / (size * x) * bracket
    compact = 1 / (1 - x / 2) - 2 / (size * x) * (1 - 2 * (1 - x) * (1 - whole) / (size * x * (2 - x)))
    demand_zero(sympy.together(mean - compact), "compact form")
    small = compact.xreplace({whole: (1 - x) ** 3, size: sympy.Integer(3)})
    by_hand = derive_position_variance().result
    eta_h = s.learning_rate * s.curvature
    places = [by_hand.subs({s.steps_into_epoch: t, s.steps_per_epoch: 3}) for t in range(3)]
    demand_zero(sympy.together(sum(places) / 3 - small.subs(x, eta_h)), "three steps an epoch, summed by hand")
    result = compact.xreplace({whole: (1 - x) ** size}).xreplace({x: eta_h, size: s.steps_per_epoch})
    return Derivation.of(
        result,
        "Average [eq:reshuffling-position-variance] over $t$: two geometric sums, with $a_M = (1-x)^M$,",
        once,
        "and",
        twice,
        "The bracket becomes",
        sympy.factor(bracket),
        "Check: three steps an epoch, added up by hand, give the same.",
    )


@cache
def momentum_factor() -> tuple[Expr, Symbol, Symbol, Story]:
    """Factor with momentum through p, q of M-step matrix A^M = p A - momentum q 1, and the steps that lead to it."""
    x, mu, size = _X, s.momentum, _SIZE
    one_step = Matrix([[1 - x, -mu], [x, mu]])  # of (w, learning rate * velocity)
    covariance = heavy_ball_covariance().subs(s.curvature, x / s.learning_rate)
    scaling = sympy.diag(1, s.learning_rate)
    unit = s.learning_rate**2 * s.gradient_variance / s.batch_size
    replaced = (scaling * covariance * scaling / unit).applyfunc(sympy.factor)
    kick = Matrix([-1, 1])
    for entry in replaced - one_step * replaced * one_step.T - kick * kick.T:
        demand_zero(entry, "Lyapunov equation in units of the learning rate")
    demand_zero(one_step.det() - mu, "determinant of one step")
    high, low = sympy.symbols("p_M q_M", real=True)
    identity = sympy.eye(2)
    power = high * one_step - mu * low * identity
    inverse = (identity - one_step).inv()
    weight = (identity + one_step) * inverse - 2 / size * one_step * (identity - power) * inverse**2
    factor = sympy.factor(2 * x * (1 - mu) * ((identity - weight / size) * replaced)[0, 0])
    story = (
        "Averaged over the positions of an epoch, two noises $k$ steps apart share an epoch with probability "
        "$(1-|k|/M)_+$, so their covariance is $(\\sigma^2/B)(\\delta_{k0} - (1-|k|/M)_+/M)$. The averaged variance "
        "of a linear response to it is the one with replacement less $\\frac1M\\sum_{|k|<M}(1-|k|/M)R_k$, where $R_k "
        "= (A^k S)_{ww}$ is the autocovariance with replacement. In $(w, \\eta v)$ one step is",
        equality(MatrixSymbol("A", 2, 2), one_step),
        "and the sum is $(G S)_{ww}$ with $G = (1+A)(1-A)^{-1} - \\frac2M A(1-A^M)(1-A)^{-2}$. By Cayley and "
        "Hamilton $A^M = p_M A - \\mu q_M$ with $p_M = (r_+^M - r_-^M)/(r_+-r_-)$, $q_M = p_{M-1}$ and $r_\\pm$ "
        "the roots of $r^2 - (1+\\mu-x)r + \\mu$. Then $f = 2x(1-\\mu)((1 - G/M)S)_{ww}$.",
    )
    return factor, high, low, story


@cache
def derive_temperature_factor_momentum() -> Derivation:
    """Temperature factor, mean over the positions of an epoch, with momentum."""
    x, mu, size = _X, s.momentum, _SIZE
    factor, high, low, story = momentum_factor()
    whole = Symbol("a_M", positive=True)
    plain = factor.subs(mu, 0).xreplace({high: whole / (1 - x)})
    without = derive_temperature_factor().result
    without = without.xreplace({s.learning_rate: x / s.curvature, s.steps_per_epoch: size})
    demand_zero(sympy.together(plain - without.xreplace({(1 - x) ** size: whole})), "no momentum")
    trace = 1 + mu - x
    discriminant = trace**2 - 4 * mu
    root = sympy.sqrt(sympy.Abs(discriminant)) * sympy.I ** ((1 - sympy.sign(discriminant)) / 2)
    fast, slow = (trace + root) / 2, (trace - root) / 2
    values = {high: (fast**size - slow**size) / root, low: (fast ** (size - 1) - slow ** (size - 1)) / root}
    number = factor.xreplace(values).subs({x: Rational(1, 20), mu: Rational(9, 10), size: 64})
    demand(bool(abs(sympy.N(number, 20) - 0.942) < 0.02 * 0.942), "64 steps an epoch, momentum .9: simulated .942")
    names = {x: s.learning_rate * s.curvature, size: s.steps_per_epoch}
    result = factor.xreplace(values).xreplace(names)
    return Derivation.of(
        result,
        *story,
        "Multiplied out this is the formula above.",
        "Check: without momentum this is [eq:reshuffling-temperature-factor]. The roots are complex for an "
        "underdamped mode; the factor is real. `theory.laws.reshuffling.temperature_factor` computes $p_M$ by "
        "recurrence instead and has no trouble where the roots coincide.",
        shown=factor.xreplace(names),
        abbreviations={symbol: value.xreplace(names) for symbol, value in values.items()},
    )


@cache
def derive_slow_mode_limit() -> Derivation:
    """Leading term of the factor for slow modes, learning rate * curvature * M -> 0."""
    mu, size = s.momentum, _SIZE
    factor, high, low, _ = momentum_factor()
    slow, tail = Symbol("delta", positive=True), Symbol("mu_M", positive=True)  # r_+ = 1 - delta, mu^M
    root = 1 - slow

    def power(exponent: Expr) -> Expr:
        return sum((sympy.ff(exponent, j) / sympy.factorial(j) * (-slow) ** j for j in range(5)), sympy.Integer(0))

    other = mu / root
    values = {
        _X: (1 - root) * (root - mu) / root,
        high: (power(size) - tail * power(-size)) / (root - other),
        low: (power(size - 1) - tail / mu * power(1 - size)) / (root - other),
    }
    expanded = sympy.expand_func(factor.xreplace(values) / values[_X])
    leading = sympy.factor(sympy.limit(sympy.together(expanded), slow, 0))
    compact = (
        size / (3 * (1 - mu))
        - 2 * mu / ((1 - mu) ** 2 * (1 + mu))
        - (1 - 8 * mu + mu**2) / (3 * size * (1 - mu) ** 3)
        - 4 * mu**2 * (1 - tail) / (size**2 * (1 - mu) ** 4 * (1 + mu))
    )
    demand_zero(sympy.together(leading - compact), "compact form")
    plain = sympy.factor(leading.subs({tail: 0}).subs(mu, 0))
    demand_zero(plain - (size**2 - 1) / (3 * size), "no momentum")
    for steps in (2, 3):
        trace = [sympy.Integer(0), sympy.Integer(1)]
        for _ in range(steps):
            trace.append(sympy.expand((1 + mu - _X) * trace[-1] - mu * trace[-2]))
        direct = factor.xreplace({high: trace[steps], low: trace[steps - 1], size: sympy.Integer(steps)})
        limit = sympy.limit(sympy.together(direct / _X), _X, 0)
        demand_zero(sympy.together(limit - leading.subs({tail: mu**steps, size: steps})), f"{steps} steps an epoch")
    eta_h = s.learning_rate * s.curvature
    result = eta_h * compact.xreplace({tail: mu**size}).xreplace({size: s.steps_per_epoch})
    y = Symbol("y", positive=True)  # relaxations in one epoch
    ends = 1 - 2 / y * sympy.tanh(y / 2)
    boundary = derive_position_variance().result.subs(s.steps_into_epoch, 0)
    boundary = boundary.xreplace({s.learning_rate: y / (size * s.curvature), s.steps_per_epoch: size})
    demand_zero(sympy.limit(boundary, size, sympy.oo) - ends.rewrite(sympy.exp), "between two epochs")
    demand_zero(sympy.series(ends, y, 0, 4).removeO() - y**2 / 12, "between two epochs, slow")
    return Derivation.of(
        result,
        "In the factor of [eq:reshuffling-temperature-factor-momentum] put $r_+ = 1 - \\delta$, so "
        "$r_- = \\mu/r_+$ and $x = (1-r_+)(r_+-\\mu)/r_+$, expand the powers of $r_+$ to fourth order and let "
        "$\\delta\\to 0$. Checked against two and three steps an epoch by direct multiplication. The leading "
        "term is $M\\eta h/(3(1-\\mu))$, a third of the relaxation in one epoch: Brownian bridges from epoch "
        "to epoch. Without momentum the coefficient is",
        plain,
        "Between two epochs a slow mode is colder still. With $y = \\eta h M$, many small steps an epoch and no "
        "momentum, [eq:reshuffling-position-variance] at $t=0$ becomes the following, $y^2/12$ to leading order:",
        ends,
    )


def temperature_factor(stiffness: float, momentum: float, steps: int) -> float:
    """Compute [eq:reshuffling-temperature-factor] and [eq:reshuffling-temperature-factor-momentum] for any momentum.

    Parameters
    ----------
    stiffness
        Learning rate times curvature, between 0 and 2 (1 + momentum).
    momentum
        In [0, 1).
    steps
        Minibatches in an epoch, at least 1.

    Returns
    -------
    float
        Curvature times stationary variance over the temperature of [eq:sgd-temperature].

    Raises
    ------
    ValueError
        For values outside these ranges.
    """
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must lie in [0, 1), not {momentum}")
    if not 0 < stiffness < 2 * (1 + momentum):
        raise ValueError(
            f"stiffness must lie strictly between 0 and 2 (1 + momentum) = {2 * (1 + momentum):g}, not {stiffness}"
        )
    if steps < 1 or steps != int(steps):
        raise ValueError(f"steps must be a whole number of at least 1, not {steps}")
    with localcontext() as context:
        context.prec = 50  # the closed form cancels where stiffness * steps is small
        x, mu = Decimal(stiffness), Decimal(momentum)
        low, high = Decimal(0), Decimal(1)
        for _ in range(int(steps) - 1):
            low, high = high, (1 + mu - x) * high - mu * low
        return float(_compiled()(x, mu, Decimal(steps), high, low))


@cache
def _compiled() -> Callable[..., Decimal]:
    factor, high, low, _ = momentum_factor()
    return sympy.lambdify([_X, s.momentum, _SIZE, high, low], factor, modules="math")


_EXAMPLE = {
    s.learning_rate: Rational(1, 20),
    s.curvature: 1,
    s.steps_per_epoch: 64,
    s.momentum: Rational(9, 10),
    s.steps_into_epoch: 0,
}

EQUATIONS = (
    Equation(
        "reshuffling-position-variance",
        "Reshuffling: temperature within an epoch",
        s.position_factor,
        derive_position_variance,
        "Training code rarely draws minibatches independently: it shuffles the examples and goes through all of them. "
        "Then the noise of an epoch adds up to nothing, and what one minibatch pushed the others take back. In a "
        "quadratic well, without momentum, $t$ steps into an epoch the temperature is $f_t$ times "
        "[eq:sgd-temperature].",
        _EXAMPLE,
    ),
    Equation(
        "reshuffling-temperature-factor",
        "Reshuffling: temperature factor",
        s.temperature_factor,
        derive_temperature_factor,
        "The same averaged over the epoch, which is what a thermometer reads off a long trajectory. Stiff modes forget "
        "within an epoch and do not notice; slow modes are cold. So under reshuffling temperature depends on "
        "curvature, and SGD is no Gibbs sampler of one temperature.",
        _EXAMPLE,
    ),
    Equation(
        "reshuffling-temperature-factor-momentum",
        "Reshuffling: temperature factor with momentum",
        s.temperature_factor,
        derive_temperature_factor_momentum,
        "With momentum modes relax $1/(1-\\mu)$ times faster per step, so more of them escape the cooling.",
        _EXAMPLE,
    ),
    Equation(
        "reshuffling-slow-mode-limit",
        "Reshuffling: slow modes",
        s.temperature_factor,
        derive_slow_mode_limit,
        "How cold slow modes get: their temperature vanishes in proportion to their curvature, so their variance no "
        "longer grows as the well widens. Holds to first order in $\\eta h M/(1-\\mu)$.",
        {**_EXAMPLE, s.learning_rate: Rational(1, 2000)},
    ),
)
