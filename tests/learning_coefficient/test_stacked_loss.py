"""The loss of stacked parameters is the module's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from slt_toys.learning_coefficient.data import as_data
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.seeds import fresh_seed


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.second(self.drop(torch.relu(self.norm(self.first(x)))))


@pytest.mark.parametrize("batch_norm", ["frozen", "batch"])
def test_stacked_loss_is_the_modules_own(batch_norm):
    torch.manual_seed(fresh_seed())
    module = Network().double()
    module.norm.running_mean += 0.3  # pyright: ignore[reportOperatorIssue]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    x, labels = torch.randn(12, 3).double(), torch.randint(0, 2, (12,))
    stacked = StackedLoss(module, nn.functional.cross_entropy, x, labels, batch_norm=batch_norm)
    values, slopes = stacked.values_and_gradients(torch.stack([stacked.start, 1.1 * stacked.start]))
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    module.train(batch_norm == "batch")
    module.drop.eval()
    loss = nn.functional.cross_entropy(module(x), labels)
    loss.backward()
    expected = torch.cat([p.grad.reshape(-1) for p in module.parameters() if p.grad is not None])
    assert float(values[0]) == pytest.approx(float(loss.detach()))
    assert torch.allclose(slopes[0], expected)
    assert abs(float(values[1] - values[0])) > 1e-6
    if batch_norm == "frozen":
        pieces = StackedLoss(module, nn.functional.cross_entropy, x, labels, examples_at_once=5)
        assert torch.allclose(pieces.values_and_gradients(stacked.start[None])[1][0], expected)
    step, v = 1e-5, torch.randn_like(stacked.start)
    around = stacked.values_and_gradients(torch.stack([stacked.start + step * v, stacked.start - step * v]))[1]
    assert torch.allclose(stacked.hessian_products(v[None])[0], (around[0] - around[1]) / (2 * step), atol=1e-6)


def test_another_start_is_another_hessian():
    stacked = StackedLoss(
        Network().double(), nn.functional.mse_loss, torch.ones(4, 3).double(), torch.ones(4, 2).double()
    )
    there = stacked.moved_to(2 * stacked.start)
    v = torch.randn_like(stacked.start)[None]
    assert torch.equal(there.start, 2 * stacked.start) and torch.equal(there.values(v), stacked.values(v))
    assert not torch.allclose(there.hessian_products(v), stacked.hessian_products(v))
    assert there.curvature_error == 0


def test_products_with_the_hessian_of_some_examples():
    torch.manual_seed(fresh_seed())
    module, x, y = (
        nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double(),
        torch.randn(50, 3),
        torch.ones(50, 2),
    )
    data = as_data((x.double(), y.double()))
    some = StackedLoss(module, nn.functional.mse_loss, data, curvature_examples=20)
    whole, of_some = (
        StackedLoss(module, nn.functional.mse_loss, data),
        StackedLoss(module, nn.functional.mse_loss, data.some(20)),
    )
    v = torch.randn(2, len(some.start)).double()
    assert data.some(20).examples == 20 and data.some(50) is data
    assert torch.allclose(some.hessian_products(v), of_some.hessian_products(v))
    assert not torch.allclose(some.hessian_products(v), whole.hessian_products(v))
    assert torch.equal(some.values_and_gradients(v)[1], whole.values_and_gradients(v)[1])
    some._differences = True
    assert torch.allclose(some.hessian_products(v), of_some.hessian_products(v), rtol=1e-4, atol=1e-7)
