"""Symbols of networks with weight decay, which hold a mode back or set a temperature: more of :mod:`theory.symbols`."""

from __future__ import annotations

from theory.symbols import _define

# Grokking as escape: an aligned mode under weight decay
layers = _define("layers", "D", "layers of a linear network [1]")
width = _define("width", "n", "inputs, outputs and units of each hidden layer [1]")
mode_target = _define("mode_target", "s", "singular value that the data ask of the mode [1]")
layer_strength = _define("layer_strength", "u", "singular value of each layer along the mode [1]", nonnegative=True)
weight_decay = _define("weight_decay", r"\gamma", "weight decay: half of it times the squared weights is in the loss")
aligned_loss = _define("aligned_loss", "V", "loss along the mode with all layers alike [loss]")
saddle_strength = _define("saddle_strength", r"u_\ddagger", "strength of each layer at the saddle [1]")
escape_speedup = _define("escape_speedup", "A", "escape rate of the whole network over that of its aligned mode [1]")
weight_virial = _define("weight_virial", r"\mathcal{W}", "mean of a weight times its slope [loss]", real=True)
square_gain = _define("square_gain", r"\mathcal{G}", "growth of half a weight's mean square per time [loss]", real=True)
slope_square = _define("slope_square", r"\mathcal{Q}", "mean square of a weight's slope [loss^2]", nonnegative=True)
# Weights that act by their direction alone
sphere_gradient = _define("sphere_gradient", r"\tilde g^2", "squared gradient of a step at unit norm [loss^2]")
norm = _define("norm", r"|w|", "norm of the weights [1]")
next_norm_square = _define("next_norm_square", r"|w'|^2", "squared norm after a step [1]")
stationary_norm = _define("stationary_norm", r"|w|_*^4", "fourth power of the norm in equilibrium [1]")
effective_rate = _define("effective_rate", r"\eta_{\rm e}", "learning rate over the squared norm [1/loss]")
initial_norm_power = _define("initial_norm_power", r"|w_0|^4", "fourth power of the norm at the start [1]")
steps_taken = _define("steps_taken", "t", "steps taken", nonnegative=True)
norm_power = _define("norm_power", r"|w_t|^4", "fourth power of the norm after a number of steps [1]")
dimension = _define("dimension", "d", "weights that share a norm, at least 2 [1]")
example_variance = _define("example_variance", r"\sigma^2", "variance of an example's gradient by direction [loss^2]")
self_set_temperature = _define("self_set_temperature", r"T_{\rm e}", "temperature of the direction [loss]")
field = _define("field", "k", "half the loss from the best to the worst direction [loss]")
mean_alignment = _define("mean_alignment", r"\bar c", "mean cosine between weights and best direction [1]")
# A neuron that learns with effort
input_mean = _define("input_mean", r"\mu_x", "mean of the input times its label [1]")
input_square = _define("input_square", r"\Sigma_x", "mean square of the input [1]")
neuron_weight = _define("neuron_weight", r"w_t", "weight of the neuron [1]", nonnegative=True)
learning_time = _define("learning_time", r"t_w", "flow time since the start", nonnegative=True)
