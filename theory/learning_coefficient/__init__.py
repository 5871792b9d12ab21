"""Exact learning coefficients (real log canonical thresholds) and multiplicities."""

from theory.learning_coefficient.engine import rlct
from theory.learning_coefficient.local_problem import LearningCoefficient, LearningCoefficientRefused

__all__ = ["LearningCoefficient", "LearningCoefficientRefused", "rlct"]
