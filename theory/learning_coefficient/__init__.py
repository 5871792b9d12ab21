"""Exact learning coefficients (real log canonical thresholds) and multiplicities."""

from typing import TYPE_CHECKING, Any

from theory.learning_coefficient.door import rlct
from theory.learning_coefficient.ideal import rlct_of_ideal
from theory.learning_coefficient.latent_variable_models import factor_analysis, gaussian_mixture
from theory.learning_coefficient.local_problem import LearningCoefficient, LearningCoefficientRefused
from theory.learning_coefficient.minimum_set import LearningCoefficientOnSet, rlct_on_plane_curve, rlct_on_points
from theory.learning_coefficient.models import rlct_of_model
from theory.learning_coefficient.networks import deep_linear_network, reduced_rank_regression, tanh_network

if TYPE_CHECKING:
    from theory.learning_coefficient.strata import rlct_on_set

__all__ = [
    "LearningCoefficient",
    "LearningCoefficientOnSet",
    "LearningCoefficientRefused",
    "deep_linear_network",
    "factor_analysis",
    "gaussian_mixture",
    "reduced_rank_regression",
    "rlct",
    "rlct_of_ideal",
    "rlct_of_model",
    "rlct_on_plane_curve",
    "rlct_on_points",
    "rlct_on_set",
    "tanh_network",
]


def __getattr__(name: str) -> Any:
    """What few ask for is loaded when it is asked for."""
    if name == "rlct_on_set":
        from theory.learning_coefficient.strata import rlct_on_set

        return rlct_on_set
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
