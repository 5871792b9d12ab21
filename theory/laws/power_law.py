"""End of the critical period when the learning rate falls as a power of the epoch."""

from __future__ import annotations

import sympy
from sympy import Eq, Expr, Rational, Symbol, exp, log

from theory import symbols as s
from theory.derivation import Derivation, demand, demand_zero, equality
from theory.laws.scaling import labelled, temperature_and_time

_LATER = Symbol("u", positive=True)


def power_law_schedule() -> tuple[Expr, Expr]:
    """Temperature and Langevin time per epoch at epoch e under a power law."""
    return temperature_and_time(s.initial_learning_rate * (1 + s.epoch) ** (-s.schedule_power))


def derive_critical_period_end_power_law() -> Derivation:
    """End of the critical period under a power-law schedule, at a given critical temperature."""
    temperature, _ = power_law_schedule()
    place = sympy.solve(Eq(temperature.subs(s.epoch, _LATER - 1), s.critical_temperature), _LATER)[0]
    at_start = temperature.subs(s.epoch, 0)
    result = (at_start / s.critical_temperature) ** (1 / s.schedule_power) - 1
    demand_zero(sympy.powdenest(place / (1 + result), force=True) - 1, "solved for the epoch")
    exponent = sympy.simplify(s.batch_size * sympy.diff(log(1 + result), s.batch_size))
    demand_zero(exponent + 1 / s.schedule_power, "power of the batch size")
    return Derivation.of(
        result,
        "With $\\eta = \\eta_0(1+e)^{-p}$",
        equality(s.temperature, temperature),
        "reaches $T^*$ at an epoch with $1 + e^* \\propto B^{-1/p}$. The schedule has no scale of its own, so "
        "halving the batch multiplies $1+e^*$ by $2^{1/p}$ instead of adding to it. $T^*$ itself still depends on "
        "$B$, logarithmically: [eq:critical-temperature-power-law].",
    )


def derive_remaining_langevin_time_power_law() -> Derivation:
    """Langevin time left under a power law with p > 1 (it diverges for p <= 1)."""
    _, per_epoch = power_law_schedule()
    excess = Symbol("excess", positive=True)  # p - 1
    tail = sympy.integrate(_LATER ** (-(1 + excess)), (_LATER, 1 + s.epoch, sympy.oo))
    total = sympy.simplify(per_epoch * (1 + s.epoch) ** s.schedule_power * tail.subs(excess, s.schedule_power - 1))
    result = (
        s.initial_learning_rate
        * s.dataset_size
        / (s.batch_size * (1 - s.momentum))
        * (1 + s.epoch) ** (1 - s.schedule_power)
        / (s.schedule_power - 1)
    )
    demand_zero(sympy.powsimp(sympy.simplify(total / result)) - 1, "tail of the power law")
    temperature, _ = power_law_schedule()
    by_temperature = sympy.simplify(result / (2 * s.dataset_size * temperature / s.gradient_variance * (1 + s.epoch)))
    demand_zero(by_temperature - 1 / (s.schedule_power - 1), "remaining time through the temperature")
    return Derivation.of(
        result,
        "Integrate $(1+e)^{-p}$, to which the time per epoch is proportional, from $e$ on ($p > 1$):",
        sympy.powsimp(tail.subs(excess, s.schedule_power - 1)),
        "Written with the temperature it is $2NT(1+e)/(\\sigma^2(p-1))$: not a function of $T$ alone, and at "
        "equal $T$ it grows with the epoch. If remaining time decided, then $1+e^* \\propto B^{-1/(p-1)}$: the "
        "two readings, one and the same under exponential decay, part under a power law.",
    )


def derive_critical_temperature_power_law() -> Derivation:
    """Critical temperature under a power law, with its logarithmic dependence on batch size, in closed form."""
    temp, height, p = s.temperature, s.barrier_height, s.schedule_power
    temperature, per_epoch = power_law_schedule()
    initial = Symbol("T_0", positive=True)
    demand_zero(temperature / temperature.subs(s.epoch, 0) - (1 + s.epoch) ** -p, "temperature is a power law")
    epoch_of = (initial / temp) ** (1 / p) - 1
    per_temperature = sympy.simplify(
        per_epoch.subs(s.epoch, epoch_of) * -sympy.diff(epoch_of, temp)
    )  # Langevin time per fall of temperature
    rate = s.attempt_rate * temp**s.rate_temperature_power * exp(-height / temp)
    # The hazard integral over temperatures below T is dominated by its upper end: divide by d(-height/T)/dT.
    hazard = sympy.simplify(rate * per_temperature / sympy.diff(-height / temp, temp))
    hazard = sympy.simplify(hazard.subs(initial, temperature.subs(s.epoch, 0)))
    power = 2 + s.rate_temperature_power - 1 / p
    scale = sympy.simplify(sympy.powsimp(hazard * exp(height / temp) / temp**power, force=True))
    demand(not scale.has(temp), "hazard is a constant times T^q exp(-barrier/T)")
    expected = (
        2
        * s.dataset_size
        * s.attempt_rate
        / (p * height * s.gradient_variance)
        * (s.gradient_variance * s.initial_learning_rate / (2 * s.batch_size * (1 - s.momentum))) ** (1 / p)
    )
    demand_zero(sympy.powdenest(sympy.powsimp(sympy.simplify(scale / expected), force=True), force=True) - 1, "scale")
    y = Symbol("y", positive=True)
    argument = height / power * (expected / s.critical_hazard) ** (1 / power)
    result = height / (power * sympy.LambertW(argument))
    # Put T = barrier/(q y) into hazard = critical hazard: y e^y must equal the argument.
    balance = expected / s.critical_hazard * temp**power * exp(-height / temp)
    logarithm = sympy.expand_log(log(balance.subs(temp, height / (power * y))), force=True)
    target = sympy.expand_log(power * (log(argument) - log(y) - y), force=True)
    demand_zero(sympy.simplify(sympy.expand(logarithm - target)), "Lambert form of the hazard condition")
    return Derivation.of(
        result,
        "Escapes after the switch number $\\int r\\,dt$ with $r = r_0 T^s e^{-\\Delta L_\\ddagger/T}$ "
        "([eq:singular-eyring-kramers]). Under the power law, with temperature $T_0$ at epoch 0, the Langevin "
        "time spent per fall of temperature is",
        per_temperature.subs(initial, Symbol("T_0", positive=True)),
        "The integral over all temperatures below the present one is dominated by the present one; to leading "
        "order in $T/\\Delta L_\\ddagger$ the number of escapes is",
        expected * temp**power * exp(-height / temp),
        "The critical point is where this equals $\\Lambda$ ($\\ln 2$ for half the mass). With $T = \\Delta "
        "L_\\ddagger/(q y)$ and $q = 2 + s - 1/p$ the condition reads $y e^y = $",
        argument,
        "solved by Lambert's $W$. The batch size stands inside $W$ as $B^{-1/(pq)}$: a logarithmic correction to "
        "[eq:critical-period-end-power-law]. ($q>0$ is assumed.)",
    )


def derive_bayesian_temperature() -> Derivation:
    """Temperature when the learning rate is inversely proportional to the examples seen: the Bayesian reading."""
    seen = s.dataset_size * (1 + s.epoch)
    temperature, _ = power_law_schedule()
    harmonic = temperature.subs(s.schedule_power, 1)
    coefficient = sympy.simplify(harmonic * s.batch_size * seen)
    demand(not coefficient.has(s.epoch, s.batch_size), "temperature times batch size times examples seen is a constant")
    result = s.examples_coefficient / (s.batch_size * s.dataset_size * (1 + s.epoch))
    demand_zero(result.subs(s.examples_coefficient, coefficient) - harmonic, "temperature of the harmonic schedule")
    return Derivation.of(
        result,
        "For $p=1$",
        equality(s.temperature, harmonic),
        "Counting examples, $n = N(1+e)$, this is $c_n/(Bn)$ with",
        Eq(s.examples_coefficient, coefficient),
        "A Bayesian who has seen $n$ examples holds a posterior of $n\\beta \\propto n$, the same power law in "
        "the epoch. [eq:critical-period-end-power-law] then gives $1 + e^* \\propto 1/B$: a power law, not a "
        "logarithm. For $p \\le 1$ the remaining time is infinite, but the number of escapes stays finite, "
        "because the barrier over the temperature grows.",
    )


EQUATIONS = (
    labelled(
        "critical-period-end-power-law",
        "End of the critical period, power law",
        s.critical_period_end,
        derive_critical_period_end_power_law,
        "Another schedule, another law: the logarithm is not a property of networks but of exponential decay.",
        schedule_power=1,
        critical_temperature=Rational(1, 10),
    ),
    labelled(
        "remaining-langevin-time-power-law",
        "Remaining Langevin time, power law",
        s.remaining_langevin_time,
        derive_remaining_langevin_time_power_law,
        "Under a power law temperature and remaining time are no longer the same function: an arm that separates them.",
        schedule_power=2,
        epoch=10,
    ),
    labelled(
        "critical-temperature-power-law",
        "Critical temperature, power law",
        s.critical_temperature,
        derive_critical_temperature_power_law,
        "The temperature at which escapes cease depends on how much time there is; hence logarithms.",
        schedule_power=1,
        barrier_height=1,
        attempt_rate=1,
        rate_temperature_power=0,
        critical_hazard=log(2),
    ),
    labelled(
        "bayesian-temperature",
        "The Bayesian reading",
        s.temperature,
        derive_bayesian_temperature,
        "If temperature stands for one over the number of examples seen, the schedule is harmonic.",
        examples_coefficient=3_840_000,
        epoch=9,
    ),
)
