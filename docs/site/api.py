"""The reference of the public API: one page a name, from its docstring."""

from __future__ import annotations

import importlib

GROUPS = {
    "Energies": "Potential PotentialPair declare_phase find_potential find_pair Examples GaussianGradients "
    "additive_examples linear_regression two_phase_regression_examples conditionals",
    "Sampling": "sample sample_stages estimate_mean estimate_passage_time sample_first_passage "
    "sample_escape_rate Stage annealing_schedule OverdampedLangevin UnderdampedLangevin MALA RandomWalkMetropolis "
    "Gibbs ReplicaExchange SGD SGLD "
    "largest_stable_step temperature_ladder read_draws write_draws",
    "Exact answers": "phase_table crossover mean_first_passage_time refined_passage_time saddles saddle_rate gate "
    "gate_rate committor_score minimum_energy_path least_action_path quasi_potential "
    "learning_coefficient_by_quadrature law",
    "Training and its critical period": "Training ConstantRate ExponentialDecay PowerDecay Ending inverse_temperature "
    "exact_stuck_probability sampled_stuck tabled_stuck tabled_runs stuck_by_rates half_stuck_mass half_depth hinge",
    "Learning coefficients": "rlct local_learning_coefficient learning_coefficient_estimators track "
    "deep_linear_problem half_squared_error",
}
EXPERIMENTS = (
    "phase_diagram", "temperature", "critical_period", "equi_temperature", "smooth_decline", "interval_coverage",
    "four_way_check",
)  # fmt: skip


def grouped() -> dict[str, list[str]]:
    """The public names by subject; a name that no group has stands under "More"."""
    import slt_toys

    groups = {subject: names.split() for subject, names in GROUPS.items()}
    known = {name for names in groups.values() for name in names}
    if strange := known - set(slt_toys.__all__):
        raise ValueError(f"{sorted(strange)} are not in slt_toys.__all__; mend GROUPS in docs/site/api.py")
    if more := sorted(set(slt_toys.__all__) - known):
        groups["More"] = more
    return groups


def configuration(experiment: str) -> str:
    """The name of an experiment's configuration."""
    module = importlib.import_module(f"slt_toys.{experiment}")
    found = [name for name, value in vars(module).items() if getattr(value, "NAME", None) == experiment]
    if len(found) != 1:
        raise ValueError(f"slt_toys.{experiment} has {len(found)} configurations of that NAME; it needs one")
    return found[0]


def _table(module: str, names: list[str]) -> str:
    lines = "\n".join(f"   {name}" for name in names)
    return (
        f"```{{eval-rst}}\n.. currentmodule:: {module}\n\n"
        ".. autosummary::\n   :toctree: generated\n   :nosignatures:\n\n"
        f"{lines}\n```\n"
    )


def api_pages() -> dict[str, str]:
    """The page of the reference; Sphinx writes one more for each name on it."""
    text = [
        "# Reference\n",
        "`from slt_toys import ...` is the public API. Each name is imported when it is first used. Everything else "
        "can be reached by its module, and may move.\n",
    ]
    for subject, names in grouped().items():
        text += [f"## {subject}\n", _table("slt_toys", names)]
    text += [
        "## Experiments\n",
        "Each command is a configuration, whose fields are its options; `run()` returns its dataset.\n",
    ]
    text += [_table(f"slt_toys.{name}", [configuration(name)]) for name in EXPERIMENTS]
    return {"docs/api/index.md": "\n".join(text)}
