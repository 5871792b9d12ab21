"""The zoo: solvable models of learning, one file a model, each with equations, exact law and simulator.

A new model is one file and one line of :data:`NAMES`; ``tests/zoo/test_zoo.py`` then runs its checks. Where it has an
experiment of its own, ``figures/zoo_NAME.py`` draws it. ``python -m slt_toys.zoo list`` lists them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import ZooModel

    ZOO: tuple[ZooModel, ...]

NAMES = (
    "coopetition",
    "insight",
    "semantic_development",
    "teacher_student",
    "generalisation_dynamics",
    "double_descent",
    "batch_double_descent",
    "bottleneck",
    "memorising_saddle",
    "deep_linear_pathways",
    "diagonal_linear_network",
    "small_networks",
    "matrix_completion",
    "logistic_pathways",
    "generalisation_at_temperature",
    "generalisation_phases",
    "in_context_transience",
    "energy_entropy",
    "neural_race",
    "subtask_discovery",
    "superposition",
    "grokking_as_escape",
    "scale_invariant_weights",
    "learning_effort",
)


def __getattr__(name: str) -> object:
    """``ZOO``, the models themselves, loaded when asked for: a command's --help needs none of them."""
    if name != "ZOO":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    models = tuple(import_module(f"{__name__}.{each}").MODEL for each in NAMES)
    globals()["ZOO"] = models
    return models
