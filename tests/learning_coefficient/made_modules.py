"""Estimates of torch modules with a known learning coefficient."""

from __future__ import annotations

from slt_toys.learning_coefficient.deep_linear import half_squared_error
from slt_toys.learning_coefficient.estimator import local_learning_coefficient


def estimate(problem, **options):
    return local_learning_coefficient(
        problem.module, half_squared_error, (problem.inputs, problem.targets), examples=problem.examples, **options
    )
