"""Symbols of two wells and of a balanced minimum: more of :mod:`theory.symbols`, whose tables they join."""

from __future__ import annotations

from theory.symbols import _define, _real

well_odds = _define("well_odds", r"O_w", "chance of the sharp well over that of the wide one [1]")
flat_noise_odds = _define("flat_noise_odds", r"\tilde O_w", "the same where noise goes with curvature [1]")
energy_gap = _define("energy_gap", r"\Delta_E", "loss of the wide well less that of the sharp one [loss]")
sharp_curvature = _define("sharp_curvature", "h_A", "curvature of the sharp well [loss/length^2]")
wide_curvature = _define("wide_curvature", "h_B", "curvature of the wide well [loss/length^2]")
sharp_reach = _define("sharp_reach", "a_A", "distance of the sharp well's minimum from the wells' border [length]")
wide_reach = _define("wide_reach", "a_B", "distance of the wide well's minimum from the wells' border [length]")
noise_per_curvature = _define("noise_per_curvature", r"\theta_h", "diffusion coefficient over curvature [length^2]")
undersampling = _define("undersampling", r"\alpha_N", "examples per dimension at which the wells weigh the same [1]")
imbalance = _real("imbalance", "c_u", "squared first weight less squared second weight")
next_imbalance = _real("next_imbalance", "c_u'", "the same after a step")
square_sum = _define("square_sum", "h_u", "sum of both weights' squares, curvature of the loss across its minima")
batch_square_gradient = _define("batch_square_gradient", r"\overline{g^2}", "mean square of a minibatch's gradient g")
weight_product = _real("weight_product", "b_u", "product of both weights")
imbalance_growth = _define("imbalance_growth", r"\dot V_c", "growth of the variance of the imbalance per flow time")
