"""Symbols of look-up tables and of functions of mean zero: more of :mod:`theory.symbols`, whose tables they join."""

from __future__ import annotations

from theory.symbols import _define

drawn_probability = _define("drawn_probability", "P_j", "probability that a table gives cell j [1]")
own_share = _define("own_share", "s_j", "share of column j that its own cell has [1]")
shares_elsewhere = _define("shares_elsewhere", "e_j", "sum of the shares of other columns that cell j has [1]")
columns = _define("columns", "n_c", "columns of a table [1]")
epoch_distance = _define(
    "epoch_distance", r"\varepsilon_e", "largest total variation distance of an epoch's laws, over cells [1]"
)
looked_up_epochs = _define("looked_up_epochs", "n_e", "epochs that are looked up [1]")
path_distance = _define("path_distance", r"\varepsilon_p", "total variation distance of the laws of whole paths [1]")
field_divergence = _define("field_divergence", r"g_\nabla", "divergence of a field [field/length]")
loss_along_field = _define(
    "loss_along_field", "L_g", "slope of the loss along a field, times its size [loss·field/length]"
)
zero_mean_function = _define("zero_mean_function", r"\zeta_g", "a function of mean zero [loss·field/length]")
