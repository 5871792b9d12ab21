"""Energies on a branch of minima, against quadrature, autograd and themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient import branch_energy as module
from slt_toys.learning_coefficient.branch_energy import branch_energy
from slt_toys.learning_coefficient.deep_linear import DeepLinear, deep_linear_problem, half_squared_error
from tests.seeds import fresh_seed


def held_by_quadrature(factors, best, moment, n_beta, localisation, across_too=0.0) -> float:
    """nβ (E[L] - min L) of L = m (w₁w₂ - p)²/2 on a grid, held to the start along the flat direction.

    And across it, if asked for, by a share of the stiffness.
    """
    start = np.array(factors)
    across = start[::-1] / np.linalg.norm(start)
    along = np.array([-across[1], across[0]])
    u, v = np.linspace(-0.9, 0.9, 1201), np.linspace(-6, 6, 601) * localisation**-0.5
    w = start[:, None, None] + across[:, None, None] * u[:, None] + along[:, None, None] * v[None, :]
    energies = n_beta * moment * (w[0] * w[1] - best) ** 2 / 2
    stiffness = n_beta * moment * start @ start
    mass = np.exp(-energies - (localisation * v[None, :] ** 2 + across_too * stiffness * u[:, None] ** 2) / 2)
    return float((energies * mass).sum() / mass.sum())


@pytest.mark.parametrize("n", [300, 3000])
def test_one_unit_against_quadrature(n):
    """Where only the product of two numbers counts; what holds it otherwise is seen."""
    problem = deep_linear_problem((1, 1, 1), 1, examples=n, noise=0.0, seed=fresh_seed())
    n_beta = n / np.log(n)
    found = branch_energy(problem, n_beta, seed=fresh_seed())
    network = module._Network.of(problem)
    factors, moment = network.start.tolist(), network.moments.item()
    exact = held_by_quadrature(factors, network.best.item(), moment, n_beta, found.localisation)
    assert abs(found.energy - exact) < 5 * found.standard_error
    assert found.standard_error < 0.003
    other = held_by_quadrature(factors, network.best.item(), moment, n_beta, found.localisation, across_too=0.05)
    assert abs(found.energy - other) > 5 * found.standard_error, "held across the branch by a twentieth"


@pytest.mark.parametrize("widths", [(2, 3), (3, 2, 4), (2, 4, 3, 2)])
def test_slope_and_hessian_are_those_of_autograd(widths):
    rng = np.random.default_rng(fresh_seed())
    shapes = [(b, a) for a, b in pairwise(widths)]
    factors = tuple(rng.standard_normal(shape) for shape in shapes)
    x = rng.standard_normal((9, widths[0]))
    network = module._Network(factors, x.T @ x / 9, rng.standard_normal((widths[-1], widths[0])))
    inputs, targets = torch.from_numpy(x), torch.from_numpy(x @ network.best.T)

    def loss(w: torch.Tensor) -> torch.Tensor:
        parts = w.split([factor.size for factor in factors])
        names = {f"factors.{k}": part.view(shapes[k]) for k, part in enumerate(parts)}
        made = DeepLinear([torch.from_numpy(factor) for factor in factors])
        return half_squared_error(torch.func.functional_call(made, names, (inputs,)), targets)

    start = torch.from_numpy(network.start)
    slope, hessian = network.slope_and_hessian(network.start)
    assert float(network.losses(list(factors))) == pytest.approx(float(loss(start)), rel=1e-10)
    assert slope == pytest.approx(torch.func.grad(loss)(start).numpy(), rel=1e-9, abs=1e-9)
    assert hessian == pytest.approx(torch.func.hessian(loss)(start).numpy(), rel=1e-9, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("widths", "rank"), [((5, 3, 5), 2), ((6, 2, 6), 1), ((5, 4, 4, 5), 2)])
def test_two_runs_agree_and_go_to_the_coefficient(widths, rank):
    """At n = 1e3 more than λ, by a hundredth or so, whatever the chains; from 1e5 on λ."""
    seed = fresh_seed()

    def runs(n: int) -> list[module.BranchEnergy]:
        problem = deep_linear_problem(widths, rank, examples=n, noise=0.1, seed=seed)
        return [branch_energy(problem, n / np.log(n), seed=fresh_seed()) for _ in range(2)]

    few, many = runs(1000), runs(100_000)
    exact = float(deep_linear_problem(widths, rank, examples=1000, seed=seed).exact.value)
    for first, second in (few, many):
        assert abs(first.energy - second.energy) < 5 * np.hypot(first.standard_error, second.standard_error)
        assert max(first.standard_error, second.standard_error) <= 0.002 * exact
    assert all(abs(each.energy - exact) < 5 * each.standard_error + 0.001 * exact for each in many)
    assert all(0 < each.energy - exact < 0.04 * exact for each in few)


def test_a_crossing_is_refused():
    problem = deep_linear_problem((3, 3, 3), 0, examples=1000, noise=0.1, minimum="crossing", seed=fresh_seed())
    with pytest.raises(ValueError, match=r"problem: fewer than 7 of its directions are curved"):
        branch_energy(problem, 100.0)
