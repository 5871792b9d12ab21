"""Symbols of networks that learn a tree or a teacher: more of :mod:`theory.symbols`, whose tables they join."""

from __future__ import annotations

from theory.symbols import _define, _real

# Semantic development: modes of a linear network that learns a tree
mode_correlation = _define(
    "mode_correlation", r"s_\alpha", "singular value of the input-output correlation [1/flow time]"
)
input_variance = _define("input_variance", r"d_\alpha", "variance of the inputs along the mode [1]")
learned_strength = _define("learned_strength", "a", "what the network maps the mode's input to, along its output [1]")
initial_mode_strength = _define("initial_mode_strength", "a_0", "strength of a balanced mode at the start [1]")
mode_half_time = _define("mode_half_time", r"t_{1/2}", "time until half of a mode is learned [flow time]", real=True)
hidden_units = _define("hidden_units", "N_h", "units of the hidden layer [1]")
earlier_modes = _define("earlier_modes", "j", "modes that are learned before [1]", nonnegative=True)
initial_weight_deviation = _define(
    "initial_weight_deviation", r"\epsilon_w", "standard deviation of every weight at the start [1]"
)
tree_levels = _define("tree_levels", "D", "levels of a binary tree, the root's among them [1]")
tree_level = _define("tree_level", "k_n", "level of the features that a direction tells apart first; 0 is the root [1]")
tree_singular_value = _define("tree_singular_value", r"\sigma_{k_n}", "singular value of features by items [1]")
parent_feature_strength = _define(
    "parent_feature_strength", "p", "what the network says of the parent's feature, 1 in the end [1]", nonnegative=True
)
learned_share = _define("learned_share", "r_n", "strength of a mode over its strength in the end [1]", nonnegative=True)
feature_strength = _real("feature_strength", "p'", "what the network says of a feature, for an item that has it [1]")
illusory_strength = _real("illusory_strength", r"\bar p'", "the same for an item of the sibling, which has it not [1]")

# Convex descent: two starts, and layers of a deep linear network
ridge_strength = _define("ridge_strength", "m", "strength of the ridge, half m |w|^2, in the loss [loss/length^2]")
steps_done = _define("steps_done", "t", "steps of gradient descent done [1]", nonnegative=True)
distance_left = _define("distance_left", r"d_t/d_0", "distance of two runs over that at their start, at most [1]")
balance_change = _real("balance_change", r"\Delta D_{ij}", "change of an entry of two layers' imbalance in a step")
square_slope_before = _real(
    "square_slope_before", r"(G_l^T G_l)_{ij}", "that entry of the first layer's gradient squared"
)
square_slope_behind = _real(
    "square_slope_behind", r"(G_{l+1} G_{l+1}^T)_{ij}", "that entry of the second layer's gradient squared"
)
mode_strength = _define("mode_strength", r"\sigma", "singular value of the product of all layers")
mode_pull = _real("mode_pull", r"f_\sigma", "minus the loss's gradient along the mode, u^T (-grad L) v")
mode_growth = _real("mode_growth", r"\dot\sigma", "growth of the singular value per flow time")

# Teacher and student: averages over the local fields of two-layer networks
field_variances = tuple(
    _define(f"field_variance_{a}", f"C_{{{a}{a}}}", f"variance of the local field {a} [1]") for a in "abcd"
)
field_covariances = {
    (i, j): _real(f"field_covariance_{a}{b}", f"C_{{{a}{b}}}", f"covariance of the local fields {a} and {b} [1]")
    for i, a in enumerate("abcd")
    for j, b in enumerate("abcd")
    if i < j
}
field_slope_product = _define("field_slope_product", "J_2", "mean of g'(a) g'(b) over Gaussian fields [1]")
field_product = _real("field_product", "I_2", "mean of g(a) g(b) over Gaussian fields [1]")
field_drift = _real("field_drift", "I_3", "mean of g'(a) b g(c) over Gaussian fields [1]")
field_noise = _real("field_noise", "I_4", "mean of g'(a) g'(b) g(c) g(d) over Gaussian fields [1]")
overlap_noise = _real("overlap_noise", r"\dot Q_{ik}", "growth of two units' covariance by noise, per unit of time")
first_output_weight = _real("first_output_weight", "v_i", "output weight of the first unit [1]")
second_output_weight = _real("second_output_weight", "v_k", "output weight of the second unit [1]")
squared_slope_error = _real("squared_slope_error", "D_{ik}", "mean of both units' slopes times the squared error [1]")
label_noise = _define("label_noise", r"\sigma_y", "standard deviation of the noise of labels [1]")
teacher_units = _define("teacher_units", "M_t", "hidden units of the teacher [1]")
student_units = _define("student_units", "K_s", "hidden units of the student, at least as many [1]")
student_error = _define(
    "student_error", r"\epsilon_g", "half the mean squared error in the end, without label noise [1]"
)
