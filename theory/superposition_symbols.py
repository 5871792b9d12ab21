"""Symbols of toy models of superposition: more of :mod:`theory.symbols`, whose tables they join."""

from __future__ import annotations

from theory.symbols import _define, _real

start_output = _define("start_output", "f_0", "output at input 0 [1]", nonnegative=True)
end_output = _define("end_output", "f_1", "output at input 1 [1]", nonnegative=True)
active_length = _define("active_length", "h_f", "share of the inputs for which an output is not 0 [1]")
active_square = _define("active_square", r"\overline{f^2}", "mean square of an output over its inputs [loss]")
active_moment = _define("active_moment", r"\overline{uf}", "mean of input times output [loss]")
features = _define("features", "c_f", "features in the dictionary [1]")
polygon_sides = _define("polygon_sides", "k_p", "columns that make a regular polygon [1]")
column_square = _define("column_square", "s_c", "squared length of a column [1]")
neighbour_cosine = _define("neighbour_cosine", "c_c", "cosine of two neighbouring columns [1]")
feature_bias = _real("feature_bias", "b_c", "bias of a column's output [1]")
polygon_loss = _define("polygon_loss", "L_k", "population loss of a polygon's own features [loss]")
dead_feature_loss = _define("dead_feature_loss", "L_+", "loss of a feature without column, at its best bias [loss]")
