"""The toy model of superposition: its exact loss by a sum over inputs, its polygons and their learning coefficients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient.superposition import (
    FEATURES,
    HIDDEN,
    POLYGONS,
    Superposition,
    Training,
    phase,
    polygon,
    population_loss,
)
from tests.learning_coefficient.made_losses import generator
from tests.seeds import fresh_generator, fresh_seed

# Losses of the polygons as published with the model (Chen et al. 2023, and its successors).
PUBLISHED = {"6": 0.048192, "5+": 0.061799, "5": 0.068743}


@pytest.mark.parametrize("scale", [0.05, 0.7, 2.0])
def test_the_loss_by_a_sum_over_inputs(scale):
    rng = fresh_generator()
    columns, bias = scale * rng.standard_normal((HIDDEN, FEATURES)), 0.3 * rng.standard_normal(FEATURES)
    u = (np.arange(20_000) + 0.5) / 20_000
    total = 0.0
    for i in range(FEATURES):
        wanted = np.zeros((len(u), FEATURES))
        wanted[:, i] = u
        outputs = np.maximum(0, u[:, None] * (columns.T @ columns[:, i]) + bias)
        total += ((wanted - outputs) ** 2).sum(1).mean() / FEATURES
    found = population_loss(torch.tensor(columns), torch.tensor(bias))
    assert float(found) == pytest.approx(total, rel=1e-6)
    module = Superposition(columns, bias)
    assert float(module(torch.ones(2, 1, dtype=torch.float64)).detach().mean()) == pytest.approx(total / 2, rel=1e-6)


@pytest.mark.parametrize("name", POLYGONS)
def test_polygons_are_minima_whose_rank_is_twice_their_coefficient(name):
    """By the Hessian at the minimum: across a smooth set of minima λ is half its rank; along it nothing changes."""
    seed = fresh_seed()
    model = polygon(name, generator(seed))
    start = torch.cat([model.columns.detach().reshape(-1), model.bias.detach()])

    def loss(w: torch.Tensor) -> torch.Tensor:
        return population_loss(w[: HIDDEN * FEATURES].view(HIDDEN, FEATURES), w[HIDDEN * FEATURES :])

    assert float(loss(start)) == pytest.approx(PUBLISHED[name], abs=1e-6)
    assert float(torch.func.grad(loss)(start).norm()) < 1e-12
    curvatures = torch.linalg.eigvalsh(torch.func.hessian(loss)(start)).numpy()
    rank = int((curvatures > 1e-8).sum())
    assert curvatures.min() > -1e-10 and rank == 2 * POLYGONS[name][2]
    assert phase(model.columns.detach().numpy(), model.bias.detach().numpy()) == name
    # The rest are symmetries, at any distance: the plane turns, and a dead column with a negative bias is free.
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    moved, bias = turn @ model.columns.detach(), model.bias.detach().clone()
    free = 1
    if name == "5":
        free += 3
        moved[:, -1] += 0.05 * torch.randn(2, generator=generator(seed), dtype=torch.float64)
        bias[-1] -= 0.1
    assert float(population_loss(moved, bias)) == pytest.approx(float(loss(start)), abs=1e-13)
    assert rank + free == len(start)


def test_training_goes_down_a_staircase():
    states = dict(Training(seed=12).states([0, 100, 260, 1500]))
    losses = [float(population_loss(state["columns"], state["bias"])) for state in states.values()]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(PUBLISHED["5"], abs=1e-5)
    assert losses[1] - losses[-1] > 0.03, "the control: a plateau above"
    again = dict(Training(seed=12).states([0, 100]))
    assert torch.equal(again[100]["columns"], states[100]["columns"])
