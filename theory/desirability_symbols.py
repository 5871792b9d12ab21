"""Symbols of linearly solvable control: more of :mod:`theory.symbols`, whose tables they join."""

from __future__ import annotations

from theory.symbols import _define, _real

control_cost = _define("control_cost", r"\lambda_c", "cost of a unit of information that control puts in [loss]")
state_cost = _define("state_cost", "q_c", "cost of a step in a state [loss]")
passive_chance = _define("passive_chance", "p_c", "chance of the first of two next states without control [1]")
desirabilities = tuple(
    _define(f"desirability_{j}", f"z_{j}", f"desirability exp(-value/control cost) of next state {j} [1]")
    for j in (1, 2)
)
desirability = _define("desirability", "z_0", "desirability of the state itself [1]")
controlled_chance = _define("controlled_chance", "a_c", "best chance of the first of the two next states [1]")
cost_to_go = _real("cost_to_go", "v_c", "least mean cost until the end [loss]")
