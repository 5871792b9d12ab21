r"""Many independent subsystems with a spread of barriers: a smooth decline, whose slope is the spectrum of barriers."""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Expr, Rational, Symbol, exp, gamma, log, pi, sqrt

from theory import symbols as s
from theory.derivation import Derivation, demand_zero, equality
from theory.laws.scaling import labelled

_HEIGHT = Symbol("y", positive=True)  # barrier over temperature


def _scale() -> Expr:
    """Argument of Lambert's W: escapes per e-fold of the learning rate of a barrier of zero height."""
    return s.attempt_rate * s.temperature**s.rate_temperature_power * s.epoch_time / -log(s.decay)


def _log_escapes(barrier: Expr) -> Expr:
    """Log of the escapes still to come, to leading order in T/barrier: hazard per epoch over T |ln decay| / barrier."""
    return log(_scale()) + log(s.temperature / barrier) - barrier / s.temperature


@cache
def derive_sliding_barrier() -> Derivation:
    """The barrier that one escape is expected to cross after the switch."""
    temp, power = s.temperature, s.rate_temperature_power
    start, y = Symbol("x", positive=True), _HEIGHT
    # int_e^oo hazard de = c int_x^oo y^(-2-s) e^(-y) dy with y = barrier/T; its upper tail starts like x^(-2-s) e^(-x).
    ratio = sympy.limit(
        (start ** (-2 - power) * exp(-start)).diff(start) / (-(start ** (-2 - power)) * exp(-start)), start, sympy.oo
    )
    demand_zero(ratio - 1, "leading term of the hazard integral, l'Hospital")
    result = temp * sympy.LambertW(_scale())
    argument = Symbol("A", positive=True)
    balance = _log_escapes(temp * y) - (log(_scale()) - log(y) - y)
    demand_zero(balance.subs(log(s.decay), -Symbol("rate", positive=True)), "escapes in y")
    solved = sympy.solve(Eq(y * exp(y), argument), y)[0]
    demand_zero(solved - sympy.LambertW(argument), "one expected escape")
    return Derivation.of(
        result,
        "Under exponential decay $\\Delta L_\\ddagger/T$ grows by $|\\ln\\gamma|$ of itself per epoch. So the "
        "hazard $r_0 T^s e^{-\\Delta L_\\ddagger/T}t_1$ per epoch falls by $|\\ln\\gamma|\\,\\Delta "
        "L_\\ddagger/T$ of itself, and to leading order in $T/\\Delta L_\\ddagger$ the escapes to come number",
        exp(-s.barrier_height / temp)
        * s.attempt_rate
        * temp**power
        * s.epoch_time
        * temp
        / (s.barrier_height * -log(s.decay)),
        "One escape is expected where $y = \\Delta L_\\ddagger/T$ solves $y e^y = $",
        _scale(),
    )


@cache
def _sliding() -> tuple[Expr, Expr]:
    """Reduced barrier y = W(..) at one expected escape, and d(sliding barrier)/d(epoch)."""
    y, rate = _HEIGHT, log(s.decay)
    # T and the time of an epoch both fall by |ln decay|; dW = W/(1+W) dlog(argument).
    slope = s.temperature * y * (rate + rate * (1 + s.rate_temperature_power) / (1 + y))
    epoch = Symbol("e", real=True)
    moving = {s.temperature: s.temperature * exp(rate * epoch), s.epoch_time: s.epoch_time * exp(rate * epoch)}
    barrier = derive_sliding_barrier().result.xreplace(moving)
    direct = barrier.diff(epoch).subs(epoch, 0)
    direct = direct.subs(sympy.LambertW(_scale()), y)
    demand_zero(sympy.together(sympy.simplify(direct - slope)), "slope of the sliding barrier")
    return y, slope


@cache
def derive_kernel_width() -> Derivation:
    """Width in the barrier height over which the stuck probability rises."""
    log_escapes = _log_escapes(s.barrier_height)
    slope = sympy.simplify(log_escapes.diff(s.barrier_height)).subs(s.barrier_height, s.sliding_barrier)
    result = s.temperature * s.sliding_barrier / (s.temperature + s.sliding_barrier)
    demand_zero(slope + 1 / result, "slope of the log of the escapes")
    return Derivation.of(
        result,
        "The log of the number of escapes to come falls with the barrier height; its slope is",
        slope,
        "at the sliding barrier. The width is minus one over it: a little less than the temperature.",
    )


@cache
def derive_kernel() -> Derivation:
    """Probability to be stuck behind a barrier: a Gumbel law in its height."""
    result = exp(-exp(-(s.barrier_height - s.sliding_barrier) / s.kernel_width))
    median = s.sliding_barrier - s.kernel_width * log(log(2))
    demand_zero(result.subs(s.barrier_height, median) - Rational(1, 2), "median")
    standard = Symbol("z", real=True)
    density = exp(-standard - exp(-standard))
    demand_zero(exp(-exp(-standard)).diff(standard) - density, "density")
    frequency = Symbol("q", real=True)
    # Moment generating function of the standard Gumbel law: <e^(tz)> = Gamma(1 - t), by u = e^(-z).
    u, t = Symbol("u", positive=True), Symbol("t", negative=True)
    demand_zero(sympy.integrate(u ** (-t) * exp(-u), (u, 0, sympy.oo)) - gamma(1 - t), "moment generating function")
    variance = sympy.diff(log(gamma(1 - t)), t, 2).subs(t, 0)
    demand_zero(sympy.simplify(variance - pi**2 / 6), "variance")
    damping = pi * frequency / sympy.sinh(pi * frequency)
    return Derivation.of(
        result,
        "Escapes are rare and independent, so the share that stays is $\\exp(-\\Lambda)$. Near the sliding "
        "barrier $\\log\\Lambda$ is linear in the height, with the slope of [eq:barrier-spectrum-kernel-width]; "
        "at it $\\Lambda = 1$. Half is stuck at",
        equality(s.barrier_height, median),
        "The kernel, its derivative, has the standard deviation",
        pi * s.kernel_width / sqrt(6),
        "How well can it be undone? With $u = e^{-z}$ its moment generating function is $\\Gamma(1-t)$, so a "
        "ripple of the spectrum of wave number $k$ is damped, with $q = k\\kappa_G$, by $|\\Gamma(1-iq)| $, the "
        "square root of",
        damping,
        "that is by $e^{-\\pi q/2}$: with relative noise $\\varepsilon$ in the curve no deconvolution recovers "
        "wave numbers above $k = 2\\ln(1/\\varepsilon)/(\\pi\\kappa_G)$.",
    )


@cache
def derive_barrier_spectrum() -> Derivation:
    """Density of barriers from the slope of the decline."""
    y, slope = _sliding()
    speed = slope.subs(y, s.sliding_barrier / s.temperature)
    power = s.rate_temperature_power
    compact = log(s.decay) * s.sliding_barrier * (1 + (1 + power) * s.temperature / (s.temperature + s.sliding_barrier))
    demand_zero(sympy.together(speed - compact), "slope in units of loss")
    result = -s.decline_slope / compact
    density = sympy.Function("rho")
    edge, e, height = sympy.Function("b")(s.epoch), s.epoch, Symbol("ell", positive=True)
    stuck = sympy.Integral(density(height), (height, edge, sympy.oo))
    demand_zero(stuck.diff(e).doit() + density(edge) * edge.diff(e), "slope of a sharp decline")
    return Derivation.of(
        result,
        "The mean stuck probability is $S(e) = \\int\\rho(\\ell)\\,P_{\\mathrm{stuck}}(e;\\ell)\\,d\\ell$, a "
        "convolution with the kernel of [eq:barrier-spectrum-kernel]. For a spectrum that is wide against the "
        "kernel this is the share of barriers above the sliding one, and $S' = -\\rho(\\Delta "
        "L^\\dagger)\\,d\\Delta L^\\dagger/de$. (To next order the density belongs to the mean of the kernel, "
        "Euler's constant times $\\kappa_G$ above $\\Delta L^\\dagger$.)",
        "From [eq:sliding-barrier], as temperature and clock fall together, the barrier slides by",
        compact,
        "per epoch. Divide.",
    )


@cache
def derive_resolution() -> Derivation:
    """Standard deviation in epochs of one subsystem's decline."""
    y, slope = _sliding()
    width = derive_kernel_width().result.subs(s.sliding_barrier, s.temperature * y)
    result = pi / (sqrt(6) * -log(s.decay) * (2 + s.rate_temperature_power + s.reduced_barrier))
    demand_zero(sympy.together(pi / sqrt(6) * width / -slope - result.subs(s.reduced_barrier, y)), "kernel over slope")
    return Derivation.of(
        result,
        "The kernel's standard deviation over the speed at which the barrier slides, with $y=x_\\ddagger$,",
        "Two subsystems whose ends are closer than this make one decline, however often one records. Recording "
        "more rarely than this blurs the curve further; more often gains nothing but averaging.",
    )


@cache
def derive_separation() -> Derivation:
    """Smallest distance of two barriers that a noisy decline tells from one."""
    z, u = Symbol("z", real=True), Symbol("u", positive=True)
    distance, noise, points = s.barrier_separation, s.relative_noise, s.points_per_width
    kernel = sympy.Function("P")
    pair = (kernel(z + distance / 2) + kernel(z - distance / 2)) / 2 - kernel(z)
    leading = sympy.limit(sympy.series(pair, distance, 0, 3).removeO().doit() / distance**2, distance, 0)
    demand_zero(leading - kernel(z).diff(z, 2) / 8, "two barriers minus one")
    density = exp(-z - exp(-z))
    # With u = e^(-z), dz = -du/u: f = u e^(-u) and f' = f (u - 1).
    demand_zero((density.diff(z) - density * (exp(-z) - 1)).rewrite(exp), "slope of the density")
    curvature = sympy.integrate(sympy.expand((u * (u - 1)) ** 2 / u) * exp(-2 * u), (u, 0, sympy.oo))
    demand_zero(curvature - Rational(1, 8), "integral of the squared slope")
    overlap = sympy.integrate(sympy.expand(u**2 * (u - 1) / u) * exp(-2 * u), (u, 0, sympy.oo))
    demand_zero(overlap, "the slope of the density against the density: what one barrier gains by moving")
    share = sympy.integrate(sympy.expand(u**2 / u) * exp(-2 * u), (u, 0, sympy.oo)) ** 2 / curvature
    demand_zero(share - Rational(1, 2), "the slope of the density against the level")
    size = (distance**2 / (8 * s.kernel_width**2)) ** 2 * curvature * points / noise**2
    result = sympy.root(512 * noise**2 * s.detection_size**2 / points, 4) * s.kernel_width
    demand_zero(size.subs(distance, result) - s.detection_size**2, "smallest distance")
    return Derivation.of(
        result,
        "Two barriers of one weight, $\\delta_\\ddagger$ apart, decline like one between them but for $f'(z)$ "
        "times the following, where $f$ is the density of [eq:barrier-spectrum-kernel] in kernel widths $z$.",
        s.barrier_separation**2 / (8 * s.kernel_width**2),
        "Moving the one barrier adds a multiple of $f$, and $\\int f f'\\,dz = 0$: it cannot imitate this. Nor "
        "can its weight, which a level of $\\ell$ widths above the decline fixes but for a share $1/(2\\ell)$ "
        "of the squared difference. The integral of $f'^2$ is",
        curvature,
        "With noise in every point the squared difference, in squared standard errors, is",
        size,
        "Set it to $z_\\Sigma^2$, where $z_\\Sigma$ is the sum of the normal quantiles of the level and of the "
        "power of a one-sided test. The distance falls only as the square root of the noise: to halve it takes "
        "four times smaller errors, sixteen times as many runs.",
    )


EQUATIONS = (
    labelled(
        "sliding-barrier",
        "The sliding barrier",
        s.sliding_barrier,
        derive_sliding_barrier,
        "Which barriers can still be crossed after epoch $e$? Those below a height that slides down as the learning "
        "rate decays. Temperature and clock are those at the switch.",
        attempt_rate=1,
        rate_temperature_power=0,
        temperature=Rational(1, 5),
        epoch_time=7,
    ),
    labelled(
        "barrier-spectrum-kernel-width",
        "Width of the kernel",
        s.kernel_width,
        derive_kernel_width,
        "The step between barriers that are crossed and barriers that are not is not sharp.",
        temperature=Rational(1, 5),
        sliding_barrier=Rational(4, 5),
    ),
    labelled(
        "barrier-spectrum-kernel",
        "Stuck probability and barrier height",
        s.stuck_probability,
        derive_kernel,
        "Its shape is universal.",
        barrier_height=1,
        sliding_barrier=Rational(4, 5),
        kernel_width=Rational(4, 25),
    ),
    labelled(
        "barrier-spectrum",
        "The barrier spectrum",
        s.barrier_density,
        derive_barrier_spectrum,
        "One system of two phases gives a sharp kink, a population of them a smooth decline. The slope of the decline "
        "is the density of their barriers.",
        decline_slope=Rational(1, 100),
        sliding_barrier=Rational(4, 5),
        temperature=Rational(1, 5),
        rate_temperature_power=0,
    ),
    labelled(
        "barrier-spectrum-resolution",
        "Resolution of the spectrum in epochs",
        s.resolution_epochs,
        derive_resolution,
        "When do the separate transitions of a population become visible?",
        reduced_barrier=4,
        rate_temperature_power=0,
    ),
    labelled(
        "barrier-spectrum-separation",
        "Two barriers told apart",
        s.barrier_separation,
        derive_separation,
        "A kernel that is known can be undone further than its width. How close may two barriers be?",
        kernel_width=Rational(4, 25),
        relative_noise=Rational(1, 100),
        points_per_width=4,
        detection_size=Rational(329, 100),
    ),
)
