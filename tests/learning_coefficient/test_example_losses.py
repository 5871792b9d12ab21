"""Losses of single examples: against a loop, and their fluctuations against a normal law."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from slt_toys.learning_coefficient.deep_linear import half_squared_error
from slt_toys.learning_coefficient.example_losses import ExampleLosses, Fluctuations
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.seeds import fresh_seed


def stacked(module: nn.Module, loss, inputs, targets) -> StackedLoss:
    return StackedLoss(module.double(), loss, inputs, targets)


class LastOfSequence(nn.Module):
    """Recurrent layers are taken one copy at a time."""

    def __init__(self):
        super().__init__()
        self.layer = nn.GRU(2, 3, batch_first=True)

    def forward(self, x):
        return self.layer(x)[0][:, -1]


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3)), (5, 4)),
        (nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), (5, 4)),
        (LastOfSequence(), (5, 6, 2)),
    ],
)
def test_they_are_those_of_a_loop(module, shape):
    rng = np.random.default_rng(fresh_seed())
    inputs, targets = torch.from_numpy(rng.standard_normal(shape)), torch.from_numpy(rng.standard_normal((5, 3)))
    whole = stacked(module, half_squared_error, inputs, targets)
    copies = whole.start + 0.1 * torch.from_numpy(rng.standard_normal((2, len(whole.start))))
    found = ExampleLosses(whole)(copies)
    assert found.shape == (2, 5)
    for row, flat in enumerate(copies):
        module.eval()
        torch.nn.utils.vector_to_parameters(flat, module.parameters())
        for k in range(5):
            alone = half_squared_error(module(inputs[k : k + 1]), targets[k : k + 1])
            assert float(found[row, k]) == pytest.approx(float(alone.detach()), rel=1e-9)
    assert torch.allclose(found.mean(1), whole.values(copies))


def test_a_loss_that_is_no_mean_over_examples_is_refused():
    inputs = torch.arange(6, dtype=torch.float64)[:, None]
    with pytest.raises(ValueError, match=r"^loss: .* as the mean over each on its own; .*reduction='mean'"):
        ExampleLosses(stacked(nn.Linear(1, 1), lambda out, y: ((out - y) ** 2).sum(), inputs, inputs + 1))


def test_fluctuations_are_variances_and_predictive_losses_over_all_draws_and_less_one_chain():
    rng = np.random.default_rng(fresh_seed())
    inputs, targets = torch.from_numpy(rng.standard_normal((7, 2))), torch.from_numpy(rng.standard_normal((7, 1)))
    losses = ExampleLosses(stacked(nn.Linear(2, 1), half_squared_error, inputs, targets))
    start = losses._loss.start
    drawn = start + torch.from_numpy(rng.standard_normal((9, 4, len(start))))
    sums = Fluctuations(losses, 4)
    for each in drawn:
        sums.add(each)
    every = torch.stack([losses(each) for each in drawn]).numpy() - losses(start[None]).numpy()
    variance, predictive = sums.jackknifed()
    for number, kept in enumerate([[0, 1, 2, 3], [1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]):
        part = every[:, kept].reshape(-1, 7)
        assert variance[number] == pytest.approx(part.var(0).mean(), rel=1e-9)
        assert predictive[number] == pytest.approx(-np.log(np.exp(-part).mean(0)).mean(), rel=1e-9)
