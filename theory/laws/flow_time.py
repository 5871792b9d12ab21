"""Rival laws: the end of the critical period if gradient flow time decides, and not temperature."""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol, exp, log

from theory import symbols as s
from theory.derivation import Derivation, demand, demand_zero, equality
from theory.laws.scaling import (
    derive_critical_period_end_exponential,
    derive_remaining_langevin_time,
    derive_scaling_variable,
    exponential_schedule,
    labelled,
)
from theory.laws.sgd import derive_epoch_time

_LATER = Symbol("u", positive=True)


def derive_critical_period_end_flow_time() -> Derivation:
    """Rival: a fixed gradient flow time spent under the deficit decides, exponential decay."""
    _, per_epoch = exponential_schedule()
    e = Symbol("e_count", integer=True, positive=True)
    start = per_epoch.subs(s.epoch, 0)
    spent = start * (1 - s.decay**e) / (1 - s.decay)
    demand_zero(spent.subs(e, e + 1) - spent - per_epoch.subs(s.epoch, e), "sum over epochs, induction step")
    demand_zero(spent.subs(e, 1) - start, "sum over epochs, first epoch")
    remaining = 1 - s.flow_time * (1 - s.decay) / start
    result = log(remaining) / log(s.decay)
    demand_zero(spent.subs(e, result).subs(s.decay**result, remaining) - s.flow_time, "flow time spent")
    demand_zero(sympy.simplify(exp(result * log(s.decay)) - remaining), "logarithm")
    slope = sympy.limit(sympy.diff(result, s.batch_size), s.batch_size, 0)
    constant = derive_critical_period_end_flow_time_constant().result
    demand_zero(
        sympy.limit(result.subs(s.decay, 1 - _LATER), _LATER, 0)
        - constant.subs(s.learning_rate, s.initial_learning_rate),
        "no decay",
    )
    demand(not slope.has(s.batch_size), "linear for small batches")
    return Derivation.of(
        result,
        "The flow time spent in $e$ epochs is (geometric sum, proved by induction)",
        spent.subs(e, s.epoch),
        "Set it to $t_c$ and solve. A larger batch makes fewer steps per epoch, so $e^*$ comes *later*, where the "
        "temperature law says earlier; for large $B$ the schedule is exhausted before $t_c$ is reached and $e^*$ "
        "is infinite.",
    )


def derive_critical_period_end_flow_time_constant() -> Derivation:
    """Rival: fixed flow time spent, constant learning rate."""
    per_epoch = derive_epoch_time().result
    result = s.flow_time * s.batch_size * (1 - s.momentum) / (s.learning_rate * s.dataset_size)
    demand_zero(result * per_epoch - s.flow_time, "flow time spent")
    return Derivation.of(
        result, "Each epoch spends the same flow time; divide. $e^*$ is proportional to $B$.", per_epoch
    )


def derive_critical_period_end_flow_time_left() -> Derivation:
    """Rival: a fixed gradient flow time left after the switch decides, exponential decay."""
    left = derive_remaining_langevin_time().result.subs(s.scaling_variable, derive_scaling_variable().result)
    start = s.flow_time * (1 - s.momentum) * (1 - s.decay) / (s.initial_learning_rate * s.dataset_size)
    result = (log(start) + log(s.batch_size)) / log(s.decay)
    power = sympy.exp(sympy.expand(result * log(s.decay)))  # decay^e* at the solution
    demand_zero(left.subs(s.decay**s.epoch, power) - s.flow_time, "flow time left")
    theorem = derive_critical_period_end_exponential().result
    demand_zero(theorem.subs(s.epoch_offset, log(start) / log(s.decay)) - result, "same law as the temperature")
    return Derivation.of(
        result,
        "[eq:remaining-langevin-time] set to $t_c$:",
        equality(left, s.flow_time),
        "This is [eq:critical-period-end-exponential] with another $e_0$: the same shift per halving. What is "
        "*left* cannot be told from temperature under exponential decay; what is *spent* can.",
    )


EQUATIONS = (
    labelled(
        "critical-period-end-flow-time",
        "Rival: flow time spent, exponential decay",
        s.critical_period_end,
        derive_critical_period_end_flow_time,
        "Perhaps temperature has nothing to do with it, and what matters is how far gradient flow has carried the "
        "weights under the deficit.",
        flow_time=500,
    ),
    labelled(
        "critical-period-end-flow-time-constant",
        "Rival: flow time spent, constant learning rate",
        s.critical_period_end,
        derive_critical_period_end_flow_time_constant,
        "The same without decay.",
        flow_time=500,
        learning_rate=Rational(1, 20),
    ),
    labelled(
        "critical-period-end-flow-time-left",
        "Rival: flow time left, exponential decay",
        s.critical_period_end,
        derive_critical_period_end_flow_time_left,
        "Or what matters is how much flow is left for the recovery.",
        flow_time=500,
    ),
)
