"""Symbols of rare escapes and of gates: more of :mod:`theory.symbols`, whose tables they join."""

from __future__ import annotations

from theory.symbols import _define, _real

gate_learning_coefficient = _define(
    "gate_learning_coefficient", r"\lambda_\perp", "learning coefficient of the loss across a gate [1]"
)
gate_constant = _define("gate_constant", r"C_\perp", "of the integral of exp(-loss/T) across a gate, before T's power")
well_constant = _define("well_constant", r"C_\alpha", "of the well's integral, before T's power")
line_integral = _define("line_integral", r"D_\ell", "integral of exp(L/T) along a line [length]")
line_capacity = _define("line_capacity", r"\kappa_\ell", "capacity of a line [loss/length]")
rate_power = _real("rate_power", r"\nu_k", "power of the temperature before the exponential of a rate [1]")
reach_probability = _define("reach_probability", "p_r", "probability to reach the next level first [1]")
departure_rate = _define("departure_rate", r"\phi", "rate of first crossings of the first level [1/time]")
trials = _define("trials", "N_t", "trials from a level [1]")
splitting_levels = _define("splitting_levels", "n_s", "levels from the first one to the target [1]")
splitting_variance = _define("splitting_variance", r"\mathrm{var}_r", "variance over squared mean of the product [1]")
best_share = _define("best_share", r"p_\star", "share of trials that should reach the next level [1]")
