"""Registry of the labelled equations that code, prose and figures cite by label."""

from __future__ import annotations

import re
from difflib import get_close_matches

from theory.derivation import Equation
from theory.laws import (
    adaptive_samplers,
    anisotropic_noise,
    another_decay,
    attention,
    barrier_spectrum,
    basins,
    batch_noise,
    checkpoints,
    confound,
    convex_descent,
    coopetition,
    crossover,
    diagonal_network,
    discrete_escape,
    double_descent,
    energy_entropy,
    equi_temperature,
    estimators,
    few_bits,
    fisher_information,
    flow_time,
    fluctuation_dissipation,
    free_energy,
    generalisation,
    generalisation_at_temperature,
    generalisation_phases,
    gibbs,
    grokking_escape,
    heavy_tails,
    inertia,
    insight,
    kinetics,
    langevin_bias,
    layer_balance,
    learning_effort,
    linear_control,
    localisation,
    look_up_tables,
    mass_beyond,
    measured_noise,
    mechanisms,
    minibatch_energy,
    multilevel_splitting,
    neural_race,
    noisy_diffusion,
    normal_crossing,
    pathways,
    power_law,
    recorded_passage,
    replica_exchange,
    reshuffling,
    rival_models,
    round_trips,
    saddles,
    scale_invariant,
    scaling,
    schedules,
    semantic_development,
    sgd,
    sgd_kernels,
    splitting_bias,
    superposition,
    teacher_student,
    truncated_normal,
    zero_mean_fields,
)

_LAWS = {
    "free_energy": (normal_crossing, free_energy, crossover, mass_beyond, basins, estimators),
    "kinetics": (kinetics, saddles, recorded_passage),
    "sgd": (
        sgd,
        sgd_kernels,
        reshuffling,
        fluctuation_dissipation,
        inertia,
        langevin_bias,
        localisation,
        checkpoints,
        minibatch_energy,
        adaptive_samplers,
        noisy_diffusion,
        discrete_escape,
        anisotropic_noise,
        heavy_tails,
    ),
    "scaling": (
        scaling,
        power_law,
        equi_temperature,
        flow_time,
        schedules,
        confound,
        another_decay,
        mechanisms,
        barrier_spectrum,
        measured_noise,
    ),
    "samplers": (
        gibbs,
        truncated_normal,
        replica_exchange,
        round_trips,
        splitting_bias,
        few_bits,
        multilevel_splitting,
        look_up_tables,
        zero_mean_fields,
    ),
    "zoo": (
        rival_models,
        pathways,
        diagonal_network,
        fisher_information,
        coopetition,
        insight,
        attention,
        generalisation_at_temperature,
        generalisation_phases,
        semantic_development,
        teacher_student,
        convex_descent,
        layer_balance,
        generalisation,
        double_descent,
        batch_noise,
        energy_entropy,
        neural_race,
        linear_control,
        superposition,
    ),
    "weight_decay": (grokking_escape, scale_invariant, learning_effort),
}
BY_SUBJECT: dict[str, tuple[Equation, ...]] = {
    subject: tuple(equation for law in laws for equation in law.EQUATIONS) for subject, laws in _LAWS.items()
}

EQUATIONS: dict[str, Equation] = {}
SUBJECT_OF: dict[str, str] = {}
for _subject, _equations in BY_SUBJECT.items():
    for _equation in _equations:
        if _equation.label in EQUATIONS:
            raise ValueError(f"label {_equation.label} is used twice")
        EQUATIONS[_equation.label], SUBJECT_OF[_equation.label] = _equation, _subject


def linked(text: str, pages: str) -> str:
    """Text whose labels ``[eq:...]`` link to the theory pages, which stand at ``pages``, such as "theory/pages/"."""

    def link(match: re.Match[str]) -> str:
        label = match.group(1)
        equation(label)
        return f"[eq:{label}]({pages}{SUBJECT_OF[label]}.md#{label})"

    return re.sub(r"\[eq:([a-z0-9-]+)\](?!\()", link, text)


def equation(label: str) -> Equation:
    """Look up an equation.

    Raises
    ------
    ValueError
        If no equation has this label.
    """
    if label not in EQUATIONS:
        near = get_close_matches(label, EQUATIONS, 3, 0.4) or list(EQUATIONS)[:3]
        raise ValueError(
            f"label: no equation is called {label[:60]!r}; of {len(EQUATIONS)} the nearest are {', '.join(near)}"
        )
    return EQUATIONS[label]
