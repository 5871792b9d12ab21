"""Toy models of singular learning theory.

Theory says it, a toy shows it, a sampler checks it, CIFAR-10 is asked the same question: which phase does the
tempered posterior prefer, how long does a sampler take to change phase, when does the critical period end?

``__all__`` is the public API; each name is imported when it is first used, and modules below may move. Start with
``python -m slt_toys.phase_diagram``, or with ``slt_toys.Potential.from_expression``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__: str  # found when it is asked for

if TYPE_CHECKING:
    from figures.plotting import plot
    from theory.learning_coefficient import rlct

    from .exact.committor_score import committor_score
    from .exact.energy_path import minimum_energy_path
    from .exact.equilibrium import phase_table
    from .exact.gates import gate, gate_rate
    from .exact.kinetics import mean_first_passage_time
    from .exact.minimum_action import least_action_path
    from .exact.phase_boundaries import crossover, learning_coefficient_by_quadrature
    from .exact.quasi_potential import quasi_potential
    from .exact.refinement import refined_passage_time
    from .exact.saddles import saddle_rate, saddles
    from .exact.temperature_ladder import temperature_ladder
    from .fits.ends import half_depth, half_stuck_mass, hinge
    from .learning_coefficient.checkpoints import track
    from .learning_coefficient.deep_linear import deep_linear_problem, half_squared_error
    from .learning_coefficient.estimator import local_learning_coefficient
    from .learning_coefficient.side_by_side import learning_coefficient_estimators
    from .potentials.catalogue import find_pair, find_potential
    from .potentials.conditionals import conditionals
    from .potentials.example_catalogue import additive_examples, linear_regression, two_phase_regression_examples
    from .potentials.examples import Examples, GaussianGradients
    from .potentials.potential import Potential, PotentialPair, declare_phase
    from .protocol.by_rates import stuck_by_rates
    from .protocol.exact import exact_stuck_probability
    from .protocol.sampled import sampled_stuck
    from .protocol.schedule import Ending
    from .protocol.tabled import tabled_runs, tabled_stuck
    from .protocol.training import ConstantRate, ExponentialDecay, PowerDecay, Training
    from .reference.laws import law
    from .samplers import (
        MALA,
        SGD,
        SGLD,
        Gibbs,
        OverdampedLangevin,
        RandomWalkMetropolis,
        ReplicaExchange,
        Stage,
        UnderdampedLangevin,
        annealing_schedule,
        largest_stable_step,
        sample,
        sample_stages,
    )
    from .samplers.diagnostics import diagnose
    from .samplers.draws_file import draws_to_tree, read_draws, write_draws
    from .samplers.escape_rate import sample_escape_rate
    from .samplers.estimate import estimate_mean
    from .samplers.first_passage import sample_first_passage
    from .samplers.foreign_draws import draws_from_tree, summarise_draws
    from .samplers.passage_estimate import estimate_passage_time
    from .thermometers.sgd_temperature import inverse_temperature
else:
    _MODULES = {
        "figures.plotting": "plot",
        "theory.learning_coefficient": "rlct",
        "slt_toys.exact.equilibrium": "phase_table",
        "slt_toys.exact.committor_score": "committor_score",
        "slt_toys.exact.energy_path": "minimum_energy_path",
        "slt_toys.exact.gates": "gate gate_rate",
        "slt_toys.exact.kinetics": "mean_first_passage_time",
        "slt_toys.exact.minimum_action": "least_action_path",
        "slt_toys.exact.phase_boundaries": "crossover learning_coefficient_by_quadrature",
        "slt_toys.exact.quasi_potential": "quasi_potential",
        "slt_toys.exact.refinement": "refined_passage_time",
        "slt_toys.exact.saddles": "saddle_rate saddles",
        "slt_toys.exact.temperature_ladder": "temperature_ladder",
        "slt_toys.fits.ends": "half_depth half_stuck_mass hinge",
        "slt_toys.learning_coefficient.checkpoints": "track",
        "slt_toys.learning_coefficient.deep_linear": "deep_linear_problem half_squared_error",
        "slt_toys.learning_coefficient.estimator": "local_learning_coefficient",
        "slt_toys.learning_coefficient.side_by_side": "learning_coefficient_estimators",
        "slt_toys.potentials.catalogue": "find_pair find_potential",
        "slt_toys.potentials.conditionals": "conditionals",
        "slt_toys.potentials.example_catalogue": "additive_examples linear_regression two_phase_regression_examples",
        "slt_toys.potentials.examples": "Examples GaussianGradients",
        "slt_toys.potentials.potential": "Potential PotentialPair declare_phase",
        "slt_toys.protocol.by_rates": "stuck_by_rates",
        "slt_toys.protocol.exact": "exact_stuck_probability",
        "slt_toys.protocol.sampled": "sampled_stuck",
        "slt_toys.protocol.schedule": "Ending",
        "slt_toys.protocol.tabled": "tabled_runs tabled_stuck",
        "slt_toys.protocol.training": "ConstantRate ExponentialDecay PowerDecay Training",
        "slt_toys.reference.laws": "law",
        "slt_toys.samplers": "Gibbs MALA OverdampedLangevin RandomWalkMetropolis ReplicaExchange SGD SGLD Stage "
        "UnderdampedLangevin annealing_schedule largest_stable_step sample sample_stages",
        "slt_toys.samplers.diagnostics": "diagnose",
        "slt_toys.samplers.draws_file": "draws_to_tree read_draws write_draws",
        "slt_toys.samplers.escape_rate": "sample_escape_rate",
        "slt_toys.samplers.estimate": "estimate_mean",
        "slt_toys.samplers.first_passage": "sample_first_passage",
        "slt_toys.samplers.foreign_draws": "draws_from_tree summarise_draws",
        "slt_toys.samplers.passage_estimate": "estimate_passage_time",
        "slt_toys.thermometers.sgd_temperature": "inverse_temperature",
    }
    _MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}

    def __getattr__(name: str):
        if name == "__version__":
            return _version()
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
        return value


def _version() -> str:
    """The version that is installed, from the repository's tags; "unknown" where the code was never installed."""
    from importlib import metadata

    try:
        found = metadata.version("slt-toys")
    except metadata.PackageNotFoundError:
        found = "unknown"
    globals()["__version__"] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "MALA", "SGD", "SGLD", "ConstantRate", "Ending", "Examples", "ExponentialDecay", "GaussianGradients", "Gibbs",
    "OverdampedLangevin", "Potential", "PotentialPair", "PowerDecay", "RandomWalkMetropolis", "ReplicaExchange",
    "Stage", "Training", "UnderdampedLangevin", "additive_examples", "annealing_schedule", "committor_score",
    "conditionals", "crossover", "declare_phase", "deep_linear_problem", "diagnose", "draws_from_tree", "draws_to_tree",
    "estimate_mean", "estimate_passage_time", "exact_stuck_probability", "find_pair", "find_potential", "gate",
    "gate_rate", "half_depth", "half_squared_error", "half_stuck_mass", "hinge", "inverse_temperature",
    "largest_stable_step", "law", "learning_coefficient_by_quadrature", "learning_coefficient_estimators",
    "least_action_path", "linear_regression", "local_learning_coefficient", "mean_first_passage_time",
    "minimum_energy_path", "phase_table", "plot", "quasi_potential", "read_draws", "refined_passage_time", "rlct",
    "saddle_rate", "saddles", "sample", "sample_escape_rate", "sample_first_passage", "sample_stages", "sampled_stuck",
    "stuck_by_rates", "summarise_draws", "tabled_runs", "tabled_stuck", "temperature_ladder", "track",
    "two_phase_regression_examples", "write_draws",
]  # fmt: skip
