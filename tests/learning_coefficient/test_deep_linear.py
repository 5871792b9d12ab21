"""Deep linear problems: the branch chosen, the minimum, and the law of the data."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient.deep_linear import best_branch, deep_linear_problem, half_squared_error
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.seeds import fresh_generator
from theory.learning_coefficient.networks import deep_linear_network


def test_half_the_codimension_is_the_learning_coefficient():
    """Counting equations on branches knows nothing of the theorem's formula."""
    for widths in itertools.chain(
        itertools.product(range(1, 5), repeat=3), itertools.product(range(1, 4), repeat=4), [(50, 50, 50)]
    ):
        for rank in range(min(widths) + 1):
            assert best_branch(widths, rank)[0] == 2 * deep_linear_network(widths, rank).value


@pytest.mark.parametrize(("widths", "rank"), [((5, 3, 5), 2), ((5, 4, 4, 5), 2), ((4, 6, 3), 1)])
@pytest.mark.parametrize("minimum", ["typical", "crossing"])
def test_the_parameters_are_at_a_minimum(widths, rank, minimum):
    problem = deep_linear_problem(widths, rank, noise=0.0, minimum=minimum, seed=4)
    assert half_squared_error(problem.module(problem.inputs), problem.targets).item() < 1e-24
    factors = [factor.detach() for factor in problem.module.factors]
    product = factors[0]
    for factor in factors[1:]:
        product = factor @ product
    assert np.linalg.matrix_rank(product.numpy(), tol=1e-8) == rank
    stacked = StackedLoss(problem.module, half_squared_error, problem.inputs, problem.targets)
    hessian = stacked.hessian_products(torch.eye(len(stacked.start), dtype=torch.float64))
    curved = int((torch.linalg.eigvalsh(hessian) > 1e-6).sum())
    codimension = 2 * deep_linear_network(widths, rank).value
    assert curved == codimension if minimum == "typical" else curved < codimension


def test_rows_have_the_law_of_many_examples():
    """Mean and variance of the loss of a fixed map over data sets: those of n independent examples."""
    rng = fresh_generator()
    examples, repeats = 40, 800
    zero = torch.zeros(2, 3, dtype=torch.float64)
    found = np.empty(repeats)
    direct = np.empty(repeats)
    for k in range(repeats):
        problem = deep_linear_problem((3, 2, 2), 1, examples=examples, seed=int(rng.integers(2**31)))
        found[k] = float(half_squared_error(problem.inputs @ zero.mT, problem.targets))
        first, second = (factor.detach().numpy() for factor in problem.module.factors)
        x = rng.standard_normal((examples, 3))
        y = x @ (second @ first).T + rng.standard_normal((examples, 2))
        direct[k] = (y**2).sum() / (2 * examples)
    error = np.sqrt((found.var() + direct.var()) / repeats)
    assert abs(found.mean() - direct.mean()) < 5 * error
    assert abs(np.log(found.var() / direct.var())) < 5 * np.sqrt(2 * 2.5 / repeats)
    assert abs(found.mean() - direct.mean() * 1.3) > 12 * error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((3, 3), 1), "widths: got"),
        (((3, 2, 3), 4), "rank: 4 is above"),
    ],
)
def test_bad_problems_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        deep_linear_problem(*arguments)
    with pytest.raises(ValueError, match="examples: 4 are fewer"):
        deep_linear_problem((3, 2, 3), 1, examples=4)
    with pytest.raises(ValueError, match="minimum: 'flat' is unknown"):
        deep_linear_problem((3, 2, 3), 1, minimum="flat")  # pyright: ignore[reportArgumentType]
