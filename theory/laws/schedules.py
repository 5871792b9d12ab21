r"""Constant and step schedules, and what a fixed total of epochs changes.

As in `theory.laws.scaling`: the deficit ends at epoch e, then the clean loss is learned. Escapes number int r dt with
the rate r = r_0 T^s exp(-barrier/T) of [eq:singular-eyring-kramers]; a share exp(-that) stays.
"""

from __future__ import annotations

import sympy
from sympy import Expr, Rational, Symbol, exp, log

from theory import symbols as s
from theory.derivation import Derivation, demand, demand_zero
from theory.laws.scaling import exponential_schedule, labelled, temperature_and_time

_LATER = Symbol("u", positive=True)


def derive_hazard_per_epoch() -> Derivation:
    """Expected number of escapes in one epoch at learning rate eta."""
    temperature, per_epoch = temperature_and_time(s.learning_rate)
    rate = s.attempt_rate * s.temperature**s.rate_temperature_power * exp(-s.barrier_height / s.temperature)
    result = (rate * per_epoch).xreplace({s.temperature: temperature})
    ratio = Symbol("q", positive=True)
    scaled = result.subs(
        {s.learning_rate: ratio * s.learning_rate, s.batch_size: ratio * s.batch_size}, simultaneous=True
    )
    demand_zero(sympy.simplify(scaled / result) - 1, "linear scaling leaves it unchanged")
    return Derivation.of(
        result,
        "At temperature $T$ the well is left at the rate",
        rate,
        "for the time of one epoch, [eq:epoch-time],",
        per_epoch,
        "at the temperature [eq:sgd-temperature]. Learning rate and batch size enter as $\\eta/B$ only.",
    )


def derive_critical_period_end_constant() -> Derivation:
    """End of the critical period at a constant learning rate and a fixed total of epochs."""
    escapes = s.hazard_per_epoch * (s.total_epochs - s.epoch)
    result = s.total_epochs - s.critical_hazard / s.hazard_per_epoch
    demand_zero(escapes.subs(s.epoch, result) - s.critical_hazard, "hazard left at the end")
    further = Symbol("E", positive=True)
    demand(not (s.hazard_per_epoch * further).has(s.epoch), "fixed further epochs: no dependence on the switch")
    return Derivation.of(
        result,
        "Nothing anneals: every epoch after the switch brings the same number of escapes, in all",
        escapes,
        "Set this to $\\Lambda$. The end is counted back from the end of training: an escape time, not a "
        "temperature, decides. Batch size acts through the temperature and the clock in [eq:hazard-per-epoch], so "
        "exponentially in $B$: halving the batch raises the temperature, and $e^*$ comes later.",
        "With a fixed number of *further* epochs the escapes do not depend on $e$ at all: there is no critical "
        "period, except for what the deficit itself still has to fill after its start.",
    )


def derive_critical_period_end_step_decay() -> Derivation:
    """End of the critical period within a stage of a piecewise constant schedule."""
    start, level = Symbol("eta_level", positive=True), Symbol("n", integer=True)
    temperature, per_epoch = temperature_and_time(start * s.decay**level)
    moved = {level: level + 1, s.batch_size: s.decay * s.batch_size}
    for quantity, what in ((temperature, "temperature"), (per_epoch, "Langevin time of an epoch")):
        demand_zero(sympy.simplify(quantity.subs(moved, simultaneous=True) / quantity) - 1, f"{what}: one stage later")
    escapes = (s.stage_end - s.epoch) * s.hazard_per_epoch + s.later_hazard
    result = s.stage_end - (s.critical_hazard - s.later_hazard) / s.hazard_per_epoch
    demand_zero(escapes.subs(s.epoch, result) - s.critical_hazard, "hazard left")
    constant = derive_critical_period_end_constant().result
    demand_zero(result.subs({s.later_hazard: 0, s.stage_end: s.total_epochs}) - constant, "a single stage")
    return Derivation.of(
        result,
        "Within a stage, with $\\Lambda_>$ escapes still to come in later stages, the escapes left number",
        escapes,
        "Set this to $\\Lambda$; the stage that holds $e^*$ is the one with $\\Lambda_> < \\Lambda \\le "
        "\\Lambda_> + D\\ell$. Where a drop changes the hazard by a large factor, $\\ell$ is huge in one stage "
        "and negligible in the next, and $e^*$ sits at the drop for a whole range of batch sizes: a staircase.",
        "What is invariant: if every stage lasts $D$ epochs and multiplies the learning rate by $\\gamma$, going one "
        "stage later with a batch $\\gamma$ times as large leaves temperature and clock unchanged (checked), so "
        "$e^*(\\gamma B) = e^*(B) + D$ *exactly*, for any pair of potentials (runs long enough, start forgotten). "
        "Between these the law of [eq:critical-period-end-exponential], with $\\gamma^{1/D}$ per epoch, holds only up "
        "to a function of $\\log B/\\log\\gamma$ of period one. With arbitrary stages nothing is invariant.",
    )


def derive_finite_horizon_correction_flow_time() -> Derivation:
    """End of the critical period with a fixed total, if flow time left decides: exact."""
    _, per_epoch = exponential_schedule()
    left = per_epoch / (1 - s.decay)
    finite = left - left.subs(s.epoch, s.total_epochs)
    demand_zero(
        sympy.simplify(finite / left) - (1 - s.decay ** (s.total_epochs - s.epoch)), "share of the time that is left"
    )
    result = log(s.decay**s.endless_critical_period_end + s.decay**s.total_epochs) / log(s.decay)
    power = s.decay**s.endless_critical_period_end + s.decay**s.total_epochs
    balance = finite.subs(s.decay**s.epoch, power) - left.subs(s.epoch, s.endless_critical_period_end)
    demand_zero(sympy.simplify(balance), "equal times")
    distance = Symbol("d", positive=True)
    shift = log(1 + s.decay**distance) / log(s.decay)
    whole = sympy.expand_log(result.subs(s.total_epochs, s.endless_critical_period_end + distance), force=True)
    target = s.endless_critical_period_end + shift
    demand_zero(
        sympy.simplify(exp(log(s.decay) * whole) / exp(log(s.decay) * target)) - 1, "the same written as a shift"
    )
    return Derivation.of(
        result,
        "Stopping at $E_t$ leaves of the time of [eq:remaining-langevin-time] only the share",
        1 - s.decay ** (s.total_epochs - s.epoch),
        "The switch must come earlier for the same time to be left: $\\gamma^{e^*}(1-\\gamma^{E_t-e^*}) = "
        "\\gamma^{e^*_\\infty}$, and so the result. The shift is, with $d = E_t - e^*_\\infty$,",
        shift,
        "to first order $-\\gamma^d/|\\ln\\gamma|$: it dies out as slowly as the learning rate itself.",
    )


def _tail(reduced: Expr) -> Expr:
    """x^(-1-s) E_(2+s)(x) = int_x^oo y^(-2-s) e^(-y) dy: escapes to come, in units of a constant, at barrier/T = x."""
    power = 1 + s.rate_temperature_power
    return reduced ** (-power) * sympy.expint(1 + power, reduced)


def derive_finite_horizon_correction() -> Derivation:
    """Shift of the end of the critical period by a fixed total of epochs, from the hazard, to first order."""
    x, power, y = s.reduced_barrier, s.rate_temperature_power, _LATER
    lower = Symbol("E_lower")
    slope = _tail(y).diff(y)
    # Recurrence n E_(n+1) = e^(-x) - x E_n with n = 1 + s.
    slope = slope.subs(sympy.expint(power + 1, y), lower).subs(
        sympy.expint(power + 2, y), (exp(-y) - y * lower) / (power + 1)
    )
    demand_zero(slope + y ** (-2 - power) * exp(-y), "derivative of the tail")
    temperature, _ = exponential_schedule()
    hazard = derive_hazard_per_epoch().result.subs(s.learning_rate, s.initial_learning_rate * s.decay**s.epoch)
    ratio = s.barrier_height / temperature  # barrier/T as a function of the epoch
    demand_zero(sympy.simplify(ratio.diff(s.epoch) / ratio) + log(s.decay), "barrier/T grows by |ln decay| an epoch")
    constant = sympy.simplify(hazard / (ratio ** (-1 - power) * exp(-ratio)))
    demand_zero(sympy.simplify(constant.diff(s.epoch)), "hazard is a constant times x^(-1-s) e^(-x)")
    growth = s.decay ** -(s.total_epochs - s.epoch)
    integrand = (x / y) ** (1 + power) * exp(x - y) / y
    demand_zero(
        sympy.powsimp(integrand * x ** (-1 - power) * exp(-x), force=True) - y ** (-2 - power) * exp(-y), "integrand"
    )
    result = sympy.Integral(integrand, (y, x * growth, sympy.oo)) / log(s.decay)
    return Derivation.of(
        result,
        "Let $\\Lambda_\\infty(e)$ escapes come after $e$ if the schedule goes on for ever. With a fixed total "
        "$\\Lambda_\\infty(e) - \\Lambda_\\infty(E_t) = \\Lambda$. To first order in what is lost, $\\delta e^* = "
        "\\Lambda_\\infty(E_t)/\\Lambda_\\infty'(e^*)$, and $-\\Lambda_\\infty'$ is the hazard per epoch "
        "[eq:hazard-per-epoch].",
        "Under exponential decay $x = \\Delta L_\\ddagger/T$ grows by the factor $1/\\gamma$ per epoch and the "
        "hazard per epoch is a constant times $x^{-1-s}e^{-x}$. Integrated over all later epochs it is the "
        "same constant times, with the exponential integral $E_\\nu$,",
        _tail(y) / -log(s.decay),
        "Divide, with $x_\\ddagger$ at $e^*$ (here $e$). Fixed *further* epochs give the same with "
        "$E_t - e$ fixed: then the correction is the same number for every batch size, and the scaling theorem "
        "is exact. With a fixed total it grows as $e^*$ nears $E_t$: small batches appear to shift less.",
        "Unlike [eq:finite-horizon-correction-flow-time] it dies out like $e^{-x_\\ddagger(\\gamma^{-d}-1)}$, "
        "doubly exponentially in $d = E_t - e^*$: if temperature decides, the end of training hardly matters. A way to "
        "tell temperature from flow time. Continuous epochs, no return over the barrier.",
    )


EQUATIONS = (
    labelled(
        "hazard-per-epoch",
        "Escapes per epoch",
        s.hazard_per_epoch,
        derive_hazard_per_epoch,
        "What follows counts escapes from the phase the deficit preferred.",
        learning_rate=Rational(1, 20),
        attempt_rate=1,
        rate_temperature_power=0,
        barrier_height=Rational(17, 20),
    ),
    labelled(
        "critical-period-end-constant",
        "End of the critical period, constant learning rate",
        s.critical_period_end,
        derive_critical_period_end_constant,
        "Is there a critical period without annealing? Only if training ends at a fixed total.",
        total_epochs=240,
        critical_hazard=log(2),
        hazard_per_epoch=Rational(1, 100),
    ),
    labelled(
        "critical-period-end-step-decay",
        "End of the critical period, step decay",
        s.critical_period_end,
        derive_critical_period_end_step_decay,
        "Most published schedules drop the learning rate in steps. The critical period then tends to end at a drop.",
        stage_end=100,
        critical_hazard=log(2),
        later_hazard=Rational(1, 10),
        hazard_per_epoch=Rational(1, 10),
    ),
    labelled(
        "finite-horizon-correction-flow-time",
        "Fixed totals, if flow time left decides",
        s.critical_period_end,
        derive_finite_horizon_correction_flow_time,
        "The scaling theorem assumes a fixed number of further epochs. Published runs also use fixed totals; how far "
        "off is the theorem then?",
        endless_critical_period_end=60,
        total_epochs=120,
    ),
    labelled(
        "finite-horizon-correction",
        "Fixed totals, if escapes decide",
        s.horizon_shift,
        derive_finite_horizon_correction,
        "The same for the temperature law.",
        reduced_barrier=Rational(21, 5),
        rate_temperature_power=0,
        total_epochs=75,
        epoch=Rational(583, 10),
    ),
)
