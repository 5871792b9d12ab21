"""Symbols of gated linear networks whose routes race: more of :mod:`theory.symbols`, whose tables they join."""

from __future__ import annotations

from theory.symbols import _define, _real

xor_loss = _define("xor_loss", r"L_\oplus", "half the mean square error of the four answers [loss]", nonnegative=True)
route_strength = _define("route_strength", "B_r", "product of a mode's strengths on a route's three edges [1]")
route_growth = _real("route_growth", r"\dot B_r", "growth of that product per flow time")
route_rate = _define("route_rate", "R_r", "root of the product of a route's three rates [1]")
shared_route_rate = _define("shared_route_rate", "R_s", "that of the route that all tasks share [1]")
dedicated_route_rate = _define("dedicated_route_rate", "R_k", "that of a route of one task [1]")
domains = _define("domains", "M_d", "input domains, and as many output domains [1]")
tasks = _define("tasks", "K_t", "tasks, pairs of an input and an output domain [1]")
shared_strength = _define("shared_strength", "B_s", "strength of the route that all tasks share [1]")
dedicated_strength = _define("dedicated_strength", "B_k", "strength of a task's own route beside it [1]")
race_constant = _real("race_constant", "C_r", "constant of motion of two routes that race [1]")
