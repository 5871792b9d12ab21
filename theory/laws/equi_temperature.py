"""Equi-temperature curves: learning rate at the end of the critical period against batch size, under any schedule."""

from __future__ import annotations

import sympy
from sympy import Symbol, exp, log

from theory import symbols as s
from theory.derivation import Derivation, demand, demand_zero
from theory.laws.power_law import derive_critical_temperature_power_law, power_law_schedule
from theory.laws.scaling import exponential_schedule, labelled, temperature_and_time


def derive_learning_rate_halvings() -> Derivation:
    """Halvings of the learning rate until a critical temperature is reached, whatever the schedule."""
    temperature, _ = temperature_and_time(s.learning_rate)
    (rate,) = sympy.solve(temperature - s.critical_temperature, s.learning_rate)
    result = log(s.initial_learning_rate / rate) / log(2)
    halved = sympy.expand_log(result.subs(s.batch_size, s.batch_size / 2) - result, force=True)
    demand_zero(sympy.simplify(halved - 1), "one halving of the learning rate per halving of the batch")
    shift = -log(2) / log(s.decay)
    fallen, _ = exponential_schedule()
    ratio = sympy.simplify(fallen.subs(s.epoch, s.epoch + shift) / fallen)
    demand_zero(sympy.simplify(ratio - sympy.Rational(1, 2)), "in epochs: [eq:epochs-per-halving]")
    return Derivation.of(
        result,
        "The temperature [eq:sgd-temperature] falls to $T^*$ at the learning rate",
        rate,
        "Count how often the learning rate has halved until then. Halving the batch adds exactly one, if $T^*$ "
        "does not depend on $B$. This holds for any schedule, so curves of different schedules and decays can "
        "be compared in this unit; under exponential decay one halving is [eq:epochs-per-halving] epochs.",
    )


def derive_equi_temperature_slope_power_law() -> Derivation:
    """Slope of the equi-temperature curve under a power law, with the drift of the critical temperature."""
    height, p, temp = s.barrier_height, s.schedule_power, s.critical_temperature
    power = 2 + s.rate_temperature_power - 1 / p
    initial, _ = power_law_schedule()
    log_hazard = power * log(temp) - height / temp + log(initial.subs(s.epoch, 0)) / p
    drift = -sympy.diff(log_hazard, s.batch_size) * s.batch_size / (sympy.diff(log_hazard, temp) * temp)
    drift = sympy.simplify(drift.subs(height, s.reduced_barrier * temp))
    result = 1 + 1 / (p * (power + s.reduced_barrier))
    demand_zero(sympy.simplify(1 + drift - result), "slope of ln(B T*) in ln B")
    demand_zero(sympy.limit(result, p, sympy.oo) - 1, "a steep power law is an exponential")
    # The same from the closed form of the critical temperature, at numbers.
    closed = derive_critical_temperature_power_law().result
    values = {
        s.dataset_size: 20_000, s.gradient_variance: 3000, s.initial_learning_rate: sympy.Rational(1, 20),
        s.momentum: 0, s.attempt_rate: 1, s.critical_hazard: log(2), s.rate_temperature_power: sympy.Rational(1, 4),
        s.schedule_power: sympy.Rational(3, 2), s.barrier_height: 1,
    }  # fmt: skip
    of_batch = closed.subs(values)
    at = {s.batch_size: 64}
    measured = 1 + (sympy.diff(log(of_batch), s.batch_size) * s.batch_size).subs(at)
    expected = result.subs(s.reduced_barrier, s.barrier_height / of_batch.subs(at)).subs(values)
    demand(abs(sympy.N(measured - expected, 30)) < 1e-20, "derivative of the closed form")
    hazard = Symbol("h", positive=True)
    return Derivation.of(
        result,
        "By [eq:critical-temperature-power-law] the escapes left at the critical temperature number, up to a constant,",
        hazard * initial.subs(s.epoch, 0) ** (1 / p) * temp**power * exp(-height / temp),
        "and stay the same along the curve, so that $T^*$ drifts: $d\\ln T^*/d\\ln B =$",
        drift,
        "The learning rate at the end goes as $B\\,T^*$, hence the slope. It exceeds one, since smaller "
        "batches end later, with longer stays at each temperature; it falls to one as the barrier grows, and "
        "for $p \\to \\infty$, an exponential.",
    )


EQUATIONS = (
    labelled(
        "learning-rate-halvings",
        "Equi-temperature curve",
        s.learning_rate_halvings,
        derive_learning_rate_halvings,
        "A unit in which the ends of critical periods of different problems and schedules lie on parallel lines.",
        critical_temperature=sympy.Rational(1, 5),
    ),
    labelled(
        "equi-temperature-slope-power-law",
        "Slope of the equi-temperature curve, power law",
        s.equi_temperature_slope,
        derive_equi_temperature_slope_power_law,
        "Under a power law the critical temperature itself moves with the batch size; by how much is known.",
        schedule_power=1,
        rate_temperature_power=0,
        reduced_barrier=4,
    ),
)
