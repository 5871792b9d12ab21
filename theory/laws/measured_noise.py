r"""The end of the critical period where the gradient variance depends on epoch and batch size.

The closed form [eq:critical-period-end-exponential] supposes one variance. Where it is measured, the end is where the
temperature [eq:sgd-temperature] with the variance of that epoch and batch size falls to one critical value.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Function, Rational, Symbol, exp, log

from theory import symbols as s
from theory.derivation import Derivation, Step, demand, demand_zero
from theory.laws.scaling import derive_critical_period_end_exponential, exponential_schedule, labelled


def _slope(variance: sympy.Expr) -> sympy.Expr:
    """de*/d ln B on a curve of equal temperature, for a variance given as a function of epoch and batch size."""
    temperature, _ = exponential_schedule()
    level = log(temperature.subs(s.gradient_variance, variance))
    return -s.batch_size * sympy.diff(level, s.batch_size) / sympy.diff(level, s.epoch)


def _shift_by_one_variance(shift: sympy.Expr) -> sympy.Expr:
    """The shift by one variance; one fixed by γ^e/B gives the same, one in proportion to B none at all."""
    # 1. One variance.
    closed = derive_critical_period_end_exponential().result
    constant = shift.subs({s.noise_batch_exponent: 0, s.noise_epoch_rate: 0})
    demand_zero(constant - s.batch_size * sympy.diff(closed, s.batch_size), "closed form at constant variance")
    # 2. A variance that the scaling variable fixes, as it does in a state that has forgotten its start.
    theta = Symbol("x", positive=True)
    of_theta = Function("g", positive=True)
    inner = s.decay**s.epoch / s.batch_size
    at_theta = _slope(of_theta(theta).subs(theta, inner)).doit()
    for example in (theta, exp(theta), theta / (1 + theta)):
        made = _slope(example.subs(theta, inner))
        demand_zero(sympy.expand_log(sympy.simplify(made) - constant, force=True), "variance fixed by theta")
    demand(at_theta.has(s.decay), "of theta")
    # 3. A variance in proportion to B.
    demand_zero(shift.subs(s.noise_batch_exponent, 1), "no shift when variance over B does not depend on B")
    return constant


def _end_shift_steps(one_variance: sympy.Expr) -> tuple[Step, ...]:
    """In words, with the shift by one variance."""
    return (
        Step(
            "Three conditions: the start is forgotten but for what the variance shows of it; steps are small "
            "enough for one temperature; mixing is decided near the end, by the temperature there and not by how "
            "long it lasted. Then there is one critical temperature $T^*$ for all batch sizes, and the end is "
            "where",
            Eq(
                s.critical_temperature,
                s.initial_learning_rate * s.decay**s.critical_period_end
                * Function(r"\sigma^2")(s.critical_period_end, s.batch_size)
                / (2 * s.batch_size * (1 - s.momentum)),
                evaluate=False,
            ),
        ),
        Step(
            "Differentiate the logarithm along the curve $e^*(B)$, with "
            "$a_e = \\partial\\ln\\sigma^2/\\partial e$ and $a_B = \\partial\\ln\\sigma^2/\\partial\\ln B$:",
            Eq(
                (log(s.decay) + s.noise_epoch_rate) * s.end_shift + s.noise_batch_exponent - 1, 0, evaluate=False
            ),
        ),
        Step("One variance, $a_e = a_B = 0$, gives back [eq:critical-period-end-exponential]:", one_variance),
        Step(
            "So does *any* variance that is a function of $\\theta = \\gamma^e/B$ alone: then "
            "$a_e = -a_B\\ln\\gamma$ and the factor $1-a_B$ cancels. Noise that depends on the weights breaks "
            "nothing while the state at the switch is fixed by $\\theta$; only a state that remembers its past "
            "does, such as one that is still learning examples by heart."
        ),
        Step(
            "There is no shift where $\\eta\\sigma^2/B$ does not depend on $B$, $a_B = 1$. Where "
            "$a_e > -\\ln\\gamma$ the temperature *rises* with the epoch and the law cannot speak of a fall below "
            "$T^*$: code refuses there."
        ),
    )  # fmt: skip


@cache
def derive_end_shift_measured_noise() -> Derivation:
    """Shift of the end with the batch size, by the measured variance's two logarithmic derivatives."""
    variance = Function("V", positive=True)(s.epoch, s.batch_size)
    slope = _slope(variance)
    result = (1 - s.noise_batch_exponent) / (log(s.decay) + s.noise_epoch_rate)
    derivatives = {
        s.noise_batch_exponent: s.batch_size * sympy.diff(log(variance), s.batch_size),
        s.noise_epoch_rate: sympy.diff(log(variance), s.epoch),
    }
    demand_zero(slope - result.subs(derivatives), "implicit derivative")
    constant = _shift_by_one_variance(result)
    return Derivation(result, _end_shift_steps(constant))


@cache
def derive_memorised_variance() -> Derivation:
    """Gradient variance of labels that are learned by heart, one weight for each example."""
    rate, visits = s.initial_learning_rate * s.decay**s.epoch, Symbol("k", positive=True)
    # One visit of an example in a minibatch of B takes the share eta c^2/B of its residual; an epoch is one visit.
    share = rate * s.memory_rate / s.batch_size
    kept = sympy.limit((1 - share / visits) ** (2 * visits), visits, sympy.oo)
    demand_zero(kept - exp(-2 * share), "continuous limit of visits")
    epoch = Symbol("y", positive=True)
    # decay = exp(-q), so that the integral over epochs is of an exponential.
    q = Symbol("q", positive=True)
    spent = sympy.integrate(s.initial_learning_rate * exp(-q * epoch), (epoch, 0, s.epoch)).subs(q, -log(s.decay))
    result = s.gradient_variance * exp(-2 * s.memory_rate * sympy.simplify(spent) / s.batch_size)
    demand_zero(
        sympy.diff(log(result), s.epoch).simplify() + 2 * share, "the variance falls by the square of what is learned"
    )
    slope = sympy.simplify(_slope(result))
    shown = sympy.limit(slope, s.memory_rate, sympy.oo)
    demand(bool(shown.subs({s.decay: Rational(9, 10), s.epoch: 10, s.batch_size: 4}).evalf() > 0), "later with B")
    return Derivation(
        result,
        (
            Step(
                "A label that means nothing is learned by a weight of its own, whose input is $c$. Each visit in a "
                "minibatch of $B$ takes a share of its residual,",
                share,
            ),
            Step("An epoch is one visit on average; in the limit of small shares the squared residual keeps", kept),
            Step("The learning rates of all epochs so far add up to", sympy.simplify(spent)),
            Step(
                "and the gradient noise that this label gives to shared weights falls as its squared residual. It "
                "depends on $e$ and $B$ by the flow time spent, not by $\\theta$. Small batches learn by heart sooner, "
                "in epochs; where that wins, [eq:end-shift-measured-noise] is positive: the end comes *later* for "
                "larger batches. The limit of fast learning is",
                shown,
            ),
        ),
    )  # fmt: skip


@cache
def derive_temperature_drift() -> Derivation:
    """How the critical temperature itself moves when the variance does."""
    per_epoch = Symbol("k_e", positive=True)
    height, temp, variance = s.barrier_height, s.critical_temperature, s.gradient_variance
    # eta N/B in T and sigma^2, from [eq:sgd-temperature] at mu = 0.
    temperature, time = exponential_schedule()
    clock = sympy.simplify(time / temperature * s.temperature)
    demand_zero(clock - 2 * s.dataset_size * s.temperature / variance, "an epoch's duration at a temperature")
    hazard = log(per_epoch * clock.subs(s.temperature, temp)) - height / temp
    drift = sympy.simplify(-sympy.diff(hazard, variance) * variance / (sympy.diff(hazard, temp) * temp))
    result = 1 / (1 + s.reduced_barrier)
    demand_zero(drift.subs(height, s.reduced_barrier * temp) - result, "escapes in an epoch stay the same")
    return Derivation(
        result,
        (
            Step("At a given temperature an epoch lasts, in Langevin time,", clock),
            Step(
                "so that less noise at the same temperature means longer epochs. Escapes in an epoch of a barrier "
                "$\\Delta L$ are as many, up to a constant, as",
                clock.subs(s.temperature, temp) * exp(-height / temp),
            ),
            Step(
                "and they stay the same along the curve if $T^*$ moves with the variance by this power. It is small "
                "for a high barrier. One critical temperature for all batch sizes leaves it out."
            ),
        ),
    )


@cache
def derive_escapes_left() -> Derivation:
    """Escapes still to come of a stuck run whose temperature falls by the schedule and by the variance."""
    x, fall, rate, y = (
        Symbol("x", positive=True),
        Symbol("q", positive=True),
        Symbol("r", positive=True),
        s.reduced_barrier,
    )
    # Temperature falls as exp(-q x), an epoch's duration, as the learning rate, as exp(-r x).
    hazard = s.attempt_rate * s.epoch_time * exp(-rate * x) * exp(-y * exp(fall * x))
    share = rate / fall
    left = s.attempt_rate * s.epoch_time / rate * (exp(-y) - y**share * sympy.uppergamma(1 - share, y))
    # d/dx of the escapes left from x on, where y has grown and an epoch has become short, is minus the hazard there.
    moved = left.subs({y: y * exp(fall * x), s.epoch_time: s.epoch_time * exp(-rate * x)})
    slope = sympy.simplify(sympy.expand_power_base(sympy.powsimp(moved.diff(x) / hazard), force=True))
    demand_zero(sympy.simplify(slope + 1), "escapes to come fall by the hazard")
    late = left.subs({rate: 1, fall: 2, s.attempt_rate: 1, s.epoch_time: 1, y: 60})
    demand(bool(0 < late.evalf() < exp(-60)), "none are left in the end")
    result = left.subs({rate: -log(s.decay), fall: -log(s.decay) - s.noise_epoch_rate})
    return Derivation(
        result,
        (
            Step(
                "A run that is stuck at the switch leaves, in an epoch, with the hazard $h = r_0 "
                "e^{-\\Delta L/T}t_1$. Its share obeys $dP/de = -hP$, so that $P_{\\mathrm{stuck}} = e^{-\\Lambda}$ "
                "with the escapes still to come, $\\Lambda = \\int_e^\\infty h\\,de$. **Half stuck mass is where "
                "$\\ln 2$ are left**, whatever the schedule and the noise, as long as runs that left do not come back."
            ),
            Step(
                "Let noise go on being learned away, at the rate $a_e < 0$ of its logarithm. Then the temperature "
                "falls by $q = -\\ln\\gamma - a_e$ per epoch, the time of an epoch by $r = -\\ln\\gamma$, and the "
                "hazard $x$ epochs on is",
                hazard,
            ),
            Step(
                "With $u = x_\\ddagger e^{qx}$, $x_\\ddagger = \\Delta L/T$, and by parts, the integral is an "
                "incomplete gamma function. "
                "One critical temperature [eq:end-shift-measured-noise] leaves out how long it lasts: where noise "
                "falls fast, fewer escapes are left at the same temperature, and the end comes sooner."
            ),
        ),
    )


EQUATIONS = (
    labelled(
        "end-shift-measured-noise",
        "Shift of the end where gradient noise is measured",
        s.end_shift,
        derive_end_shift_measured_noise,
        "The closed form needs one gradient variance. A network's changes with epoch and batch size; measured, it "
        "gives another shift.",
        noise_batch_exponent=Rational(1, 2),
        noise_epoch_rate=Rational(-1, 10),
    ),
    labelled(
        "memorised-variance",
        "Gradient variance of labels learned by heart",
        s.memorised_variance,
        derive_memorised_variance,
        "The smallest case in which the variance depends on epoch and batch size other than by the scaling variable.",
        memory_rate=9,
        epoch=10,
    ),
    labelled(
        "temperature-drift-measured-noise",
        "Drift of the critical temperature with the gradient variance",
        s.temperature_drift,
        derive_temperature_drift,
        "What the law of one critical temperature leaves out when the variance changes.",
        reduced_barrier=4,
    ),
    labelled(
        "escapes-left-measured-noise",
        "Escapes still to come where noise is learned away",
        s.escapes_left,
        derive_escapes_left,
        "One critical temperature leaves out how long a temperature lasts. Counting escapes does not.",
        attempt_rate=Rational(1, 2),
        epoch_time=20,
        reduced_barrier=4,
        noise_epoch_rate=Rational(-1, 50),
    ),
)
