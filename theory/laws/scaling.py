r"""Which combination of epoch and batch size decides, and so how the end of the critical period moves with batch size.

The deficit ends at epoch e; afterwards training goes on with a learning rate that follows the absolute epoch.
Temperature is [eq:sgd-temperature] and time runs as in [eq:epoch-time].
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Expr, Rational, Symbol, log

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand, demand_zero, equality
from theory.laws.sgd import derive_epoch_time, derive_sgd_temperature

REFERENCE_RUN = {
    s.initial_learning_rate: Rational(1, 20),
    s.decay: Rational(97, 100),
    s.dataset_size: 50_000,
    s.gradient_variance: 3072,
    s.batch_size: 128,
    s.momentum: 0,
}


def labelled(label: str, title: str, left: Symbol, derivation, motivation: str, **example: object) -> Equation:
    """Equation of this subject, with the values of the reference run for its example."""
    values = {**REFERENCE_RUN, **{getattr(s, name): value for name, value in example.items()}}
    return Equation(label, title, left, derivation, motivation, values)


@cache
def temperature_and_time(learning_rate: Expr) -> tuple[Expr, Expr]:
    """Temperature and Langevin time per epoch at a given learning rate."""
    temperature = derive_sgd_temperature().result.subs(s.learning_rate, learning_rate)
    return temperature, derive_epoch_time().result.subs(s.learning_rate, learning_rate)


def exponential_schedule() -> tuple[Expr, Expr]:
    """Temperature and Langevin time per epoch at epoch e when the learning rate decays by `decay` per epoch."""
    return temperature_and_time(s.initial_learning_rate * s.decay**s.epoch)


def _in_theta(expression: Expr, what: str) -> Expr:
    """Write an expression in (epoch, batch size) through theta alone, or fail."""
    batch = s.decay**s.epoch / s.scaling_variable
    rewritten = sympy.powsimp(sympy.simplify(expression.subs(s.batch_size, batch)))
    demand(not rewritten.has(s.epoch, s.batch_size), f"{what} depends on theta alone")
    return rewritten


@cache
def derive_scaling_variable() -> Derivation:
    """The scaling variable: temperature and Langevin clock depend on (e, B) through decay^e / B only."""
    temperature, per_epoch = exponential_schedule()
    result = s.decay**s.epoch / s.batch_size
    in_theta = _in_theta(temperature, "temperature")
    # Fokker-Planck in theta: p_t = A(T) p with dt = per_epoch de becomes p_theta = A(T) p dt/dtheta.
    clock = sympy.simplify(per_epoch / sympy.diff(result, s.epoch))
    demand(not clock.has(s.epoch, s.batch_size), "Langevin time per unit of theta is a constant")
    further = Symbol("E", positive=True)
    end = sympy.simplify(result.subs(s.epoch, s.epoch + further) / result)
    demand(not end.has(s.epoch, s.batch_size), "a fixed number of further epochs scales theta")
    return Derivation.of(
        result,
        "With $\\eta = \\eta_0\\gamma^e$ the temperature is",
        equality(s.temperature, temperature),
        "and it depends on epoch and batch size only through $\\theta$:",
        in_theta,
        "So does the clock. Langevin time per unit of $\\theta$ (negative: $\\theta$ falls) is a constant,",
        clock,
        "so the Fokker-Planck equation $\\partial_t p = \\mathcal A_{T} p$, rewritten in $\\theta$, contains neither "
        "$e$ nor $B$. After a fixed number $E$ of further epochs $\\theta$ has shrunk by the constant factor",
        end,
        "Therefore two runs with equal $\\theta$ at the switch end alike, *for any pair of potentials*, provided "
        "that (i) the state at the switch is fixed by $\\theta$ as well: the deficit phase has forgotten its "
        "start, be it by equilibrium or because every run started at large $\\theta$; (ii) the run goes on for a "
        "fixed number of further epochs or for ever; a fixed *total* $E_t$ ends at $\\theta = \\gamma^{E_t}/B$ "
        "and breaks the scaling unless nothing happens there any more; (iii) temperature is taken as continuous "
        "in $e$ or the shifts below are whole epochs; (iv) steps are small against every curvature (the continuous "
        "limit); (v) gradient noise has one variance, or one that the weights fix: where it depends on $e$ and $B$ "
        "otherwise, [eq:end-shift-measured-noise] takes its place.",
    )


@cache
def derive_remaining_langevin_time() -> Derivation:
    """Langevin time from epoch e on, under exponential decay, summed over whole epochs."""
    _, per_epoch = exponential_schedule()
    # decay = 1/(1 + rate): the geometric series converges by construction.
    rate, count = Symbol("rate", positive=True), Symbol("j", integer=True, nonnegative=True)
    series = sympy.summation((1 / (1 + rate)) ** count, (count, 0, sympy.oo))
    demand_zero(series - (1 + rate) / rate, "geometric series")
    geometric = sympy.simplify(((1 + rate) / rate).subs(rate, 1 / s.decay - 1))
    total = per_epoch * geometric
    in_theta = _in_theta(total, "remaining time")
    result = s.initial_learning_rate * s.dataset_size * s.scaling_variable / ((1 - s.momentum) * (1 - s.decay))
    demand_zero(in_theta - result, "remaining time in theta")
    return Derivation.of(
        result,
        "The learning rates of the epochs to come form a geometric series of sum",
        geometric,
        "so the Langevin time left is",
        total,
        "again a function of $\\theta$ alone. Temperature and remaining time are *the same function* of $(e, B)$: "
        "under exponential decay no experiment that only varies these two can tell temperature from flow time.",
    )


@cache
def derive_critical_period_end_exponential() -> Derivation:
    """End of the critical period under exponential decay."""
    theta = derive_scaling_variable().result
    solved = sympy.solve(Eq(theta, s.critical_scaling_variable), s.epoch)[0]
    offset = sympy.expand_log(solved, force=True).subs(s.batch_size, 1)
    result = s.epoch_offset + log(s.batch_size) / log(s.decay)
    demand_zero(sympy.expand_log(solved, force=True) - result.subs(s.epoch_offset, offset), "solved for the epoch")
    return Derivation.of(
        result,
        "Recovery fails at one value of the scaling variable,",
        equality(theta, s.critical_scaling_variable),
        "Take logarithms; the part without $B$ is",
        equality(s.epoch_offset, offset),
        "Momentum, gradient variance, learning rate and the shape of the potentials enter $e_0$ only.",
    )


def derive_epochs_per_halving() -> Derivation:
    """Shift of the end of the critical period when the batch size is halved."""
    law = derive_critical_period_end_exponential().result
    shift = sympy.expand_log(law.subs(s.batch_size, s.batch_size / 2) - law, force=True)
    result = log(2) / -log(s.decay)
    demand_zero(sympy.simplify(shift) - result, "difference of two ends")
    demand(bool(abs(result.subs(s.decay, Rational(97, 100)).evalf() - Rational(2276, 100)) < 0.005), "22.76 at .97")
    return Derivation.of(
        result,
        "Take [eq:critical-period-end-exponential] at $B/2$ and at $B$ and subtract; $\\log\\gamma$ is negative.",
    )


EQUATIONS = (
    labelled(
        "scaling-variable",
        "Scaling variable",
        s.scaling_variable,
        derive_scaling_variable,
        "Epoch and batch size enter a run in several places. Under exponential decay they all collapse into "
        "one number.",
        epoch=50,
    ),
    labelled(
        "remaining-langevin-time",
        "Remaining Langevin time",
        s.remaining_langevin_time,
        derive_remaining_langevin_time,
        "Time left to recover, if the schedule is followed for ever.",
        scaling_variable=Rational(1, 640),
    ),
    labelled(
        "critical-period-end-exponential",
        "End of the critical period, exponential decay",
        s.critical_period_end,
        derive_critical_period_end_exponential,
        "The main prediction: the end of the critical period is linear in the logarithm of the batch size, with a "
        "slope fixed by the schedule alone.",
        epoch_offset=240,
    ),
    labelled(
        "epochs-per-halving",
        "Shift per halving of the batch",
        s.epochs_per_halving,
        derive_epochs_per_halving,
        "The prediction without a free parameter.",
    ),
)
