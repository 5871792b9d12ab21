"""Registry of the labelled equations that code, prose and figures cite by label."""

from __future__ import annotations

import re

from theory.derivation import Derivation, DerivationError, Equation
from theory.laws import (
    barrier_spectrum,
    confound,
    crossover,
    diagonal_network,
    equi_temperature,
    flow_time,
    fluctuation_dissipation,
    free_energy,
    gibbs,
    inertia,
    kinetics,
    langevin_bias,
    localisation,
    normal_crossing,
    pathways,
    power_law,
    recorded_passage,
    replica_exchange,
    reshuffling,
    rival_models,
    round_trips,
    scaling,
    schedules,
    sgd,
    splitting_bias,
    truncated_normal,
)

BY_SUBJECT: dict[str, tuple[Equation, ...]] = {
    "free_energy": normal_crossing.EQUATIONS + free_energy.EQUATIONS + crossover.EQUATIONS,
    "kinetics": kinetics.EQUATIONS + recorded_passage.EQUATIONS,
    "sgd": sgd.EQUATIONS
    + reshuffling.EQUATIONS
    + fluctuation_dissipation.EQUATIONS
    + inertia.EQUATIONS
    + langevin_bias.EQUATIONS
    + localisation.EQUATIONS,
    "scaling": scaling.EQUATIONS
    + power_law.EQUATIONS
    + equi_temperature.EQUATIONS
    + flow_time.EQUATIONS
    + schedules.EQUATIONS
    + confound.EQUATIONS
    + barrier_spectrum.EQUATIONS,
    "samplers": gibbs.EQUATIONS
    + truncated_normal.EQUATIONS
    + replica_exchange.EQUATIONS
    + round_trips.EQUATIONS
    + splitting_bias.EQUATIONS,
    "zoo": rival_models.EQUATIONS + pathways.EQUATIONS + diagonal_network.EQUATIONS,
}

EQUATIONS: dict[str, Equation] = {}
for _equations in BY_SUBJECT.values():
    for _equation in _equations:
        if _equation.label in EQUATIONS:
            raise ValueError(f"label {_equation.label} is used twice")
        EQUATIONS[_equation.label] = _equation


def linked(text: str, pages: str) -> str:
    """Text whose labels ``[eq:...]`` link to the theory pages, which stand at ``pages``, such as "theory/pages/"."""
    subjects = {equation.label: subject for subject, equations in BY_SUBJECT.items() for equation in equations}

    def link(match: re.Match[str]) -> str:
        label = match.group(1)
        equation(label)
        return f"[eq:{label}]({pages}{subjects[label]}.md#{label})"

    return re.sub(r"\[eq:([a-z0-9-]+)\](?!\()", link, text)


def equation(label: str) -> Equation:
    """Look up an equation.

    Raises
    ------
    ValueError
        If no equation has this label.
    """
    if label not in EQUATIONS:
        raise ValueError(f"label: no equation is called {label!r}; known are {', '.join(sorted(EQUATIONS))}")
    return EQUATIONS[label]


__all__ = ["BY_SUBJECT", "EQUATIONS", "Derivation", "DerivationError", "Equation", "equation", "linked"]
