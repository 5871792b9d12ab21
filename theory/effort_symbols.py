"""Symbols of learning with effort, of a neuron and of two layers: more of :mod:`theory.symbols`."""

from __future__ import annotations

from theory.symbols import _define

effort_cost = _define("effort_cost", r"c_g", "cost of a squared effort per time [loss]")
last_effort = _define("last_effort", r"g_H", "best effort at the horizon [1]", real=True)
seen_weight = _define("seen_weight", r"w_H", "weight of the neuron at the horizon [1]", nonnegative=True)
layer_gain = _define("layer_gain", r"G_\ell", "one and the effort of a layer: factor of its weights [1]")
geared_strength = _define("geared_strength", r"a_G", "product of both layers' weights along a mode [1]")
