r"""Where the end of the critical period goes when the learning rate falls faster, at one batch size.

[eq:confound] keeps temperature and flow time left together as long as the decay stays. Another decay parts them, and
parts both from flow time spent and from a clock that counts epochs.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Expr, Rational, Symbol, log

from theory import symbols as s
from theory.derivation import Derivation, demand, demand_zero, equality
from theory.laws.confound import derive_confound
from theory.laws.scaling import derive_remaining_langevin_time, derive_scaling_variable, exponential_schedule, labelled

_E = Symbol("e'", real=True)  # the end at the other decay
# decays as exp(-rate), so that powers of them are simplified
_RATE, _OTHER = sympy.symbols("a b", positive=True)


def _left() -> Expr:
    """Langevin time left from epoch e on, summed over whole epochs, by epoch, batch size and decay."""
    return derive_remaining_langevin_time().result.subs(s.scaling_variable, derive_scaling_variable().result)


def _demand_equal(quantity: Expr, end: Expr, what: str) -> None:
    """The quantity at the end at one decay is that at the end found at the other."""
    moved = quantity.subs({s.decay: s.other_decay, s.epoch: _E}, simultaneous=True).subs(_E, end)
    rates = {s.decay: sympy.exp(-_RATE), s.other_decay: sympy.exp(-_OTHER)}
    ratio = sympy.expand_log(log((moved / quantity).subs(rates)), force=True)
    demand_zero(sympy.simplify(ratio), what)


@cache
def derive_end_at_another_decay() -> Derivation:
    """The end at another decay if the temperature at the switch decides."""
    temperature, _ = exponential_schedule()
    result = s.epoch * log(s.decay) / log(s.other_decay)
    _demand_equal(temperature, result, "equal temperature")
    demand(not result.has(s.batch_size, s.initial_learning_rate, s.gradient_variance), "only the decays are left")
    moved = equality(s.initial_learning_rate * s.other_decay**_E, s.initial_learning_rate * s.decay**s.epoch)
    return Derivation.of(
        result,
        "Batch size, noise and momentum are the same in both runs, so that temperatures at the switch are equal where "
        "learning rates are:",
        moved,
        "Take logarithms. The end is counted in e-foldings of the learning rate, whatever an epoch is worth.",
    )


@cache
def derive_end_at_another_decay_time_left() -> Derivation:
    """The end at another decay if the flow time left after the switch decides."""
    left = _left()
    by_temperature = derive_end_at_another_decay().result
    result = by_temperature + log((1 - s.other_decay) / (1 - s.decay)) / log(s.other_decay)
    _demand_equal(left, result, "equal time left")
    per_temperature = derive_confound().result / s.temperature
    other = per_temperature.subs(s.decay, s.other_decay)
    demand_zero(per_temperature / other - (1 - s.other_decay) / (1 - s.decay), "time left at one temperature")
    sooner = (result - by_temperature).subs({s.decay: Rational(93, 100), s.other_decay: Rational(9, 10)})
    demand(bool(sooner < 0), "sooner than by temperature where the rate falls faster")
    return Derivation.of(
        result,
        "The Langevin time left after the switch is",
        left,
        "A rate that falls faster leaves less of it at the same temperature, by the factor",
        (1 - s.decay) / (1 - s.other_decay),
        "so that the same time is left earlier than the same temperature is reached. The runs are followed for ever; "
        "where they end, what they leave out is taken off.",
    )


@cache
def derive_end_at_another_decay_time_spent() -> Derivation:
    """The end at another decay if the flow time spent before the switch decides."""
    _, per_epoch = exponential_schedule()
    whole = _left().subs(s.epoch, 0)
    spent = whole * (1 - s.decay**s.epoch)
    demand_zero(spent - (whole - _left()), "what is spent is what is not left")
    demand_zero(sympy.simplify(spent.subs(s.epoch, 1) / per_epoch.subs(s.epoch, 0)) - 1, "one epoch")
    share = (1 - s.other_decay) * (1 - s.decay**s.epoch) / (1 - s.decay)
    result = log(1 - share) / log(s.other_decay)
    _demand_equal(spent, result, "equal time spent")
    kept = Symbol("x", positive=True)  # decay^e where all that the other run will ever spend has been spent
    (solved,) = sympy.solve(1 - share.subs(s.decay**s.epoch, kept), kept)
    last = (s.decay - s.other_decay) / (1 - s.other_decay)
    demand_zero(solved - last, "all is spent")
    return Derivation.of(
        result,
        "The Langevin time spent before the switch is what the whole run has less what is left,",
        spent,
        "A rate that falls faster needs more epochs to spend as much, and never spends all that the slower one does. "
        "The latest end of the slower one that the other still reaches, if only at its infinity, is at",
        equality(s.decay**s.epoch, last),
    )


EQUATIONS = (
    labelled(
        "end-at-another-decay",
        "The end at another decay, temperature",
        s.critical_period_end,
        derive_end_at_another_decay,
        "One end $e$ is known at a decay $\\gamma$. The same network is trained with the same batches and a learning "
        "rate that falls by $\\gamma'$. If temperature decides, the end moves as $1/|\\ln\\gamma|$. A clock that "
        "counts epochs, as learning by heart does, stays where it is.",
        epoch=30,
        other_decay=Rational(9, 10),
    ),
    labelled(
        "end-at-another-decay-time-left",
        "The end at another decay, flow time left",
        s.critical_period_end,
        derive_end_at_another_decay_time_left,
        "Batch sizes cannot tell temperature from flow time left, [eq:confound]. Another decay can.",
        epoch=60,
        other_decay=Rational(9, 10),
    ),
    labelled(
        "end-at-another-decay-time-spent",
        "The end at another decay, flow time spent",
        s.critical_period_end,
        derive_end_at_another_decay_time_spent,
        "And if the flow time under the deficit decides, the end comes later where the rate falls faster.",
        epoch=3,
        other_decay=Rational(9, 10),
    ),
)
