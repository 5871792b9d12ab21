"""Symbols of noise that differs by direction: more of :mod:`theory.symbols`, whose tables they join."""

from __future__ import annotations

from theory.symbols import _define, _real

curvatures = tuple(
    _define(f"curvature_{j}", f"h_{j}", f"curvature along direction {j} [loss/length^2]") for j in (1, 2)
)
directions = tuple(_define(f"direction_{j}", f"w_{j}", f"place along direction {j}", real=True) for j in (1, 2))
diffusions = tuple(
    _define(f"diffusion_{name}", f"D_{{{name}}}", f"entry {name} of the diffusion matrix [loss]", real=True)
    for name in ("11", "12", "22")
)
gradient_covariance = _real(
    "gradient_covariance", "C_{12}", "covariance of two directions of one example's gradient [loss^2/length^2]"
)
weight_covariance = _real(
    "weight_covariance", r"\Sigma_{12}", "stationary covariance of the weights along the two [length^2]"
)
alignment = _define("alignment", "c", "gradient covariance over Hessian, where they are proportional [loss]")
direction_temperature = _define("direction_temperature", "T_1", "curvature times variance along direction 1 [loss]")
valley_lean = _define("valley_lean", "a_v", "second coordinate over the first along a leaning valley [1]", real=True)
variance_ratio = _define(
    "variance_ratio", "r_v", "gradient variance in the second coordinate over that in the first [1]"
)
valley_temperature = _define("valley_temperature", r"T_{\rm v}", "temperature of the motion along a valley [loss]")
quasi_potential = _real("quasi_potential", r"V_{\rm q}", "quasi-potential: -log density to leading order [1]")
path_norm = _define("path_norm", r"\|\varphi'\|", "length of a path's tangent in the metric of the inverse noise")
drift_norm = _define("drift_norm", r"\|b\|", "length of the drift in the same metric")
path_drift = _define("path_drift", r"\langle\varphi',b\rangle", "their inner product in that metric", real=True)
action_density = _define("action_density", r"s'", "action per unit of the path's parameter", nonnegative=True)
