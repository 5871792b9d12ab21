"""Symbols of generalisation at temperature: more of :mod:`theory.symbols`, whose tables they join."""

from __future__ import annotations

from theory.symbols import _define, _real

sample_size = _define("sample_size", "n", "examples [examples]")
inverse_temperature = _define("inverse_temperature", r"\beta", "power of the likelihood in the posterior [1]")
singular_fluctuation = _define(
    "singular_fluctuation", r"\nu", "beta/2 times the sum over examples of the posterior variance of log p [1]"
)
bayes_generalisation_error = _real(
    "bayes_generalisation_error", "B_g", "mean loss of the predictive distribution less the least loss [loss]"
)
bayes_training_error = _real("bayes_training_error", "B_t", "the same on the training examples [loss]")
gibbs_generalisation_error = _define(
    "gibbs_generalisation_error", "G_g", "mean loss of one draw from the posterior less the least loss [loss]"
)
gibbs_training_error = _real("gibbs_training_error", "G_t", "the same on the training examples [loss]")
parameter_count = _define("parameter_count", "d_w", "parameters of a regular model [1]")
prior_precision = _define(
    "prior_precision", r"\tau_0", "one over the variance of the normal prior; 0: a flat one", nonnegative=True
)
true_mean_square = _define(
    "true_mean_square", r"\mu_0^2", "square of one coordinate of the true mean", nonnegative=True
)
true_variance = _define("true_variance", r"\sigma_0^2", "true variance of an example; the model says 1")
wbic_mean = _real(
    "wbic_mean", r"\overline{\mathrm{WBIC}}", "mean of WBIC less n times the least loss on the examples [1]"
)
hot_fluctuation = _define("hot_fluctuation", r"\nu_0", "singular fluctuation in the limit of small beta [1]")

# One rectified unit
live_length = _define("live_length", "s_l", "length of the map of a unit that is alive [1]")
live_length_density = _define("live_length_density", r"\rho_l", "prior density of that length, given that it lives [1]")
signal = _define("signal", r"\delta_0", "length of the true map [1]")
live_free_energy = _real(
    "live_free_energy", r"\Delta F_l", "free energy of the phase with a live unit less that with a dead one [1]"
)
