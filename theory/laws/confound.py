r"""Temperature or time? Under exponential decay they are one function; what each arm predicts for the end e*.

An arm changes learning rate, batch size, gradient noise, decay or the number of epochs of a control run that follows
[eq:scaling-variable]. Three hypotheses about what decides are followed through the change: the temperature at the
switch, the gradient flow time left after it, the gradient flow time spent before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy
from sympy import Basic, Eq, Expr, Rational, Symbol, log

from theory import symbols as s
from theory.derivation import Derivation, demand, demand_zero
from theory.laws.scaling import derive_remaining_langevin_time, derive_scaling_variable, exponential_schedule, labelled
from theory.laws.sgd import derive_epoch_time, derive_sgd_temperature

_K = Symbol("k", positive=True)
_NONE = Symbol(r"\text{none}")


@dataclass(frozen=True)
class Arm:
    """One experimental arm and how far it moves e*, in epochs of the control run; None where no end exists.

    Attributes
    ----------
    name : str
    temperature_ratio, clock_ratio : sympy.Expr
        Temperature and Langevin time per epoch over those of the control run, at epoch 0.
    epoch_stretch : sympy.Expr
        Epochs of the arm per epoch of the control run.
    temperature, flow_time_left, flow_time_spent : sympy.Expr or None
        Shift of e* under each hypothesis. The last depends on e*, here `epoch`.
    verdict : str
        What the arm can tell apart.
    """

    name: str
    temperature_ratio: Expr
    clock_ratio: Expr
    epoch_stretch: Expr
    temperature: Expr | None
    flow_time_left: Expr | None
    flow_time_spent: Expr | None
    verdict: str


def _ratios(changes: dict[Symbol, Expr]) -> tuple[Expr, Expr]:
    quantities = (derive_sgd_temperature().result, derive_epoch_time().result)
    first, second = (sympy.simplify(q.subs(changes, simultaneous=True) / q) for q in quantities)
    return first, second


@cache
def arm_shifts() -> tuple[Expr, Expr, Expr]:
    """Shifts under the three hypotheses for given ratios, decay stretched so that an arm anneals like the control."""
    ratio, clock, stretch = s.temperature_ratio, s.clock_ratio, s.epoch_stretch
    e, moved = s.epoch, Symbol("moved", real=True)  # e* of control and arm, the latter in epochs of the control
    temperature, per_epoch = exponential_schedule()
    speed = per_epoch.subs(e, 0)  # per epoch of the control, counted continuously
    left, left_arm = speed * s.decay**e, clock * stretch * speed * s.decay**moved
    spent, spent_arm = speed * (1 - s.decay**e), clock * stretch * speed * (1 - s.decay**moved)
    by_temperature = -log(ratio) / log(s.decay)
    by_left = -log(clock * stretch) / log(s.decay)
    by_spent = log(1 - (1 - s.decay**e) / (clock * stretch)) / log(s.decay) - e
    arm_temperature = ratio * temperature.subs(e, moved)
    for ours, control, shift, what in (
        (arm_temperature, temperature, by_temperature, "temperature"),
        (left_arm, left, by_left, "flow time left"),
        (spent_arm, spent, by_spent, "flow time spent"),
    ):
        demand_zero(_exponentials(ours.subs(moved, e + shift) - control), f"equal {what}")
    return by_temperature, by_left, by_spent


def _exponentials(expression: Expr) -> Expr:
    """Rewrite decay^(.. log(q)/log(decay)) as q."""
    rate = Symbol("rate", negative=True)  # log(decay)
    return sympy.simplify(sympy.expand(expression.subs(s.decay, sympy.exp(rate))))


@cache
def arm_table() -> tuple[Arm, ...]:
    """SCIENCE section 5's arms: the exact shift of e* under each hypothesis."""
    one = sympy.Integer(1)
    by_temperature, by_left, by_spent = arm_shifts()
    rate, batch, variance = s.learning_rate, s.batch_size, s.gradient_variance
    annealed = (
        ("halve the batch", {batch: batch / 2}, one, "spent, which comes earlier, against the other two"),
        ("linear scaling, k times learning rate and batch", {rate: _K * rate, batch: _K * batch}, one, "nothing"),
        ("flow-time matched: batch and epochs doubled", {batch: 2 * batch}, one * 2, "temperature against both times"),
        ("added gradient noise", {variance: variance + batch * s.added_noise}, one, "temperature against both times"),
    )
    rows = []
    for name, changes, stretch, verdict in annealed:
        ratio, clock = _ratios(changes)
        values = {s.temperature_ratio: ratio, s.clock_ratio: clock, s.epoch_stretch: stretch}
        first, left, spent = (sympy.simplify(shift.xreplace(values)) for shift in (by_temperature, by_left, by_spent))
        rows.append(Arm(name, ratio, clock, stretch, first, left, spent, verdict))
    # No annealing: the temperature at the switch and the endless time left do not depend on the switch.
    constant = (1 - s.decay**s.epoch) / -log(s.decay) - s.epoch
    speed = exponential_schedule()[1].subs(s.epoch, 0)
    spent = speed * (1 - s.decay**s.epoch) / -log(s.decay)
    demand_zero(speed * (s.epoch + constant) - spent, "flow time spent at a constant rate")
    rows.append(Arm("constant learning rate", one, one, one, None, None, constant, "spent against the others"))
    # A restart at the switch gives every switch the temperature and the time left of epoch 0; what was spent stays.
    rows.append(
        Arm("learning rate reset at the switch", one, one, one, None, None, one * 0, "spent against the others")
    )
    return tuple(rows)


def derive_confound() -> Derivation:
    """Remaining Langevin time as a function of the temperature alone, under exponential decay."""
    temperature, _ = exponential_schedule()
    left = derive_remaining_langevin_time().result.subs(s.scaling_variable, derive_scaling_variable().result)
    result = 2 * s.dataset_size * s.temperature / (s.gradient_variance * (1 - s.decay))
    demand_zero(result.subs(s.temperature, temperature) - left, "remaining time through the temperature")
    demand(not result.has(s.batch_size, s.learning_rate, s.momentum, s.epoch), "no batch size, rate or epoch left")
    story: list[str | Basic] = [
        "Temperature at the switch and Langevin time left after it are",
        Eq(s.temperature, temperature),
        "and",
        Eq(s.remaining_langevin_time, left),
        "Their ratio contains neither epoch nor batch size, learning rate or momentum. So a *proof*: no choice of "
        "these tells temperature from time left, as long as $N$, $\\sigma^2$ and $\\gamma$ stay. What can is in "
        "the arms below. Each line gives the shift of $e^*$, in epochs of the control run, if temperature, flow "
        "time left or flow time spent decides; $e$ is $e^*$ of the control run.",
    ]
    for arm in arm_table():
        shifts = [
            _NONE if shift is None else shift for shift in (arm.temperature, arm.flow_time_left, arm.flow_time_spent)
        ]
        story += [f"*{arm.name[0].upper()}{arm.name[1:]}* (tells apart: {arm.verdict}):", sympy.Tuple(*shifts)]
    story += [
        "*None* means that every switch has the same temperature or the same time left, and recovery does not "
        "depend on it; with a fixed total the time left does, [eq:critical-period-end-constant]. A loss threshold "
        "follows flow time spent if training speed does, and is otherwise not fixed by these symbols. Spent flow "
        "time where the logarithm's argument is negative is never reached."
    ]
    return Derivation.of(result, *story)


def _derive(number: int, text: str) -> Derivation:
    conditions = (
        "The arm has this temperature at $e'$, in epochs of the control: $q_T\\,T_0\\gamma^{e'}$. Equal to "
        "$T_0\\gamma^{e}$:",
        "An epoch of the control lasts $q_e$ epochs of the arm, each $q_t$ times as long. So flow time left is "
        "$q_t q_e\\,\\gamma^{e'}$ in the units in which it is $\\gamma^e$ in the control:",
        "Flow time spent is $q_t q_e(1-\\gamma^{e'})$ in the units in which it is $1-\\gamma^e$ in the control:",
    )
    return Derivation.of(arm_shifts()[number], conditions[number], arm_shifts()[number], text)


def derive_arm_shift_temperature() -> Derivation:
    """Shift of e* in an arm if temperature decides."""
    return _derive(0, "Hotter arms end later.")


def derive_arm_shift_flow_time_left() -> Derivation:
    """Shift of e* in an arm if the flow time left decides."""
    return _derive(1, "Arms with a faster clock end later.")


def derive_arm_shift_flow_time_spent() -> Derivation:
    """Shift of e* in an arm if the flow time spent decides."""
    return _derive(2, "Arms with a faster clock end earlier. The shift is not a constant: it depends on $e^*$.")


def derive_flow_time_matched_arm() -> Derivation:
    """Shift of e* in the flow-time matched arm if temperature decides; zero under both flow-time hypotheses."""
    (arm,) = (row for row in arm_table() if row.name.startswith("flow-time matched"))
    demand(arm.flow_time_left == 0 and arm.flow_time_spent == 0, "flow time is matched")
    assert arm.temperature is not None
    result = log(2) / log(s.decay)
    demand_zero(arm.temperature - result, "temperature halves")
    whole_epochs = (1 + sympy.sqrt(s.decay)) / 2  # sum of the arm over that of the control
    geometric = (1 / (1 - sympy.sqrt(s.decay))) / 2 * (1 - s.decay)
    demand_zero(geometric - whole_epochs, "whole epochs")
    return Derivation.of(
        result,
        "Double the batch and the number of epochs and let the learning rate fall by $\\sqrt\\gamma$ per epoch. "
        "Each epoch lasts half as long and there are twice as many, so flow time at every stage is that of the "
        "control, while the temperature is half:",
        sympy.Tuple(arm.temperature_ratio, arm.clock_ratio * arm.epoch_stretch),
        "In whole epochs, not continuous ones, the flow time left is not quite matched; it is smaller by the factor",
        whole_epochs,
    )


EQUATIONS = (
    labelled(
        "confound",
        "The confound of temperature and time",
        s.remaining_langevin_time,
        derive_confound,
        "That $e^*$ shifts by $\\ln2/|\\ln\\gamma|$ per halving of the batch is no evidence for a temperature: flow "
        "time left predicts the same, always.",
        temperature=Rational(1, 5),
    ),
    labelled(
        "arm-shift-temperature",
        "Shift in an arm, temperature",
        s.arm_shift,
        derive_arm_shift_temperature,
        "An arm multiplies the temperature by $q_T$.",
        temperature_ratio=2,
    ),
    labelled(
        "arm-shift-flow-time-left",
        "Shift in an arm, flow time left",
        s.arm_shift,
        derive_arm_shift_flow_time_left,
        "The same arm under the rival hypothesis.",
        clock_ratio=2,
        epoch_stretch=1,
    ),
    labelled(
        "arm-shift-flow-time-spent",
        "Shift in an arm, flow time spent",
        s.arm_shift,
        derive_arm_shift_flow_time_spent,
        "And under the other one.",
        clock_ratio=2,
        epoch_stretch=1,
        epoch=60,
    ),
    labelled(
        "flow-time-matched-arm",
        "The flow-time matched arm",
        s.arm_shift,
        derive_flow_time_matched_arm,
        "One arm leaves every flow time as it is and halves the temperature. If $e^*$ moves by this, in epochs of the "
        "control, temperature decides; if it stays, time does.",
    ),
)
