"""Symbols of estimators of a learning coefficient: more of :mod:`theory.symbols`, whose tables they join."""

from __future__ import annotations

from theory.symbols import _define, _real

energy_variance = _real("energy_variance", r"{\rm Var}_E", "variance of n beta (loss - loss of the phase) [1]")
colder_n_beta = _define("colder_n_beta", r"(n\beta)_2", "a second, larger n beta [1/loss]")
mean_loss = _real("mean_loss", r"\bar L_1", "mean loss at n beta [loss]")
colder_mean_loss = _real("colder_mean_loss", r"\bar L_2", "mean loss at the colder n beta [loss]")
two_temperature_estimate = _real(
    "two_temperature_estimate", r"\lambda_{12}", "learning coefficient by the mean losses at two temperatures [1]"
)
free_energy_rise = _real("free_energy_rise", r"F_{12}", "free energy at the colder n beta less that at the other [1]")
slope_floor = _define("slope_floor", r"\delta_g", "what RMSProp adds to the root of the mean square slope [1/length]")
friction = _define("friction", r"\xi_*", "mean friction of a thermostat [1/root of the step's unit]")
kinetic_scale = _define("kinetic_scale", "k_*", "noise put in over mean friction: a thermostat's temperature [1]")
