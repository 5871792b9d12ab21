"""Plain layers by hand give what torch.func gives; anything else is left to it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from slt_toys.learning_coefficient import stacked_loss
from slt_toys.learning_coefficient.plain_layers import by_hand
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.seeds import fresh_seed


def squares(outputs, targets):
    return (outputs - targets).square().mean()


def of_classes(outputs, targets):
    return nn.functional.cross_entropy(outputs, targets)


X = torch.randn(12, 3, generator=torch.Generator().manual_seed(1)).double()
LABELS = torch.arange(12) % 4
SOME = torch.where(LABELS == 2, -100, LABELS)


def network(*layers):
    return nn.Sequential(*layers).double()


KNOWN = {
    "one layer": (lambda: nn.Linear(3, 4).double(), nn.functional.mse_loss, X @ torch.ones(3, 4).double()),
    "without bias": (lambda: network(nn.Linear(3, 4, bias=False), nn.Tanh(), nn.Linear(4, 4)), squares, X @ X[:4].mT),
    "labels": (
        lambda: network(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 5), nn.GELU(), nn.Linear(5, 4)),
        nn.functional.cross_entropy,
        LABELS,
    ),
    "ignored labels": (lambda: network(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4)), nn.functional.cross_entropy, SOME),
    "nested": (
        lambda: network(network(nn.Flatten(), nn.Linear(3, 5)), nn.Dropout(0.5), nn.Linear(5, 4)),
        of_classes,
        LABELS,
    ),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_by_hand_is_what_torch_says(kind):
    make, loss, targets = KNOWN[kind]
    torch.manual_seed(fresh_seed())
    stacked = StackedLoss(make(), loss, X, targets)
    w = stacked.start + 0.3 * torch.randn(5, len(stacked.start)).double()
    ours = stacked.values_and_gradients(w)
    assert stacked._by_hand is not None
    stacked._by_hand = None
    theirs = stacked.values_and_gradients(w)
    assert torch.allclose(ours[0], theirs[0]) and torch.allclose(ours[1], theirs[1])


def test_positions_within_an_example():
    torch.manual_seed(fresh_seed())
    module = network(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    stacked = StackedLoss(module, squares, X.view(4, 3, 3), torch.ones(4, 3, 2).double())
    w = 1.1 * stacked.start.repeat(3, 1)
    ours = stacked.values_and_gradients(w)[1]
    assert stacked._by_hand is not None
    stacked._by_hand = None
    assert torch.allclose(ours, stacked.values_and_gradients(w)[1])


def hooked():
    module = nn.Linear(3, 4)
    module.register_forward_hook(lambda *given: given[-1].square())
    return module


def frozen():
    module = network(nn.Linear(3, 4), nn.Linear(4, 4))
    module[0].requires_grad_(False)
    return module


def shared():
    layer = nn.Linear(3, 3)
    return network(layer, nn.Tanh(), layer)


class Own(nn.Linear):
    def forward(self, x):
        return super().forward(x).square()


@pytest.mark.parametrize(
    "make",
    [
        hooked, frozen, shared, lambda: network(nn.Linear(3, 4), nn.Softmax(-1)), lambda: Own(3, 4),
        lambda: parametrizations.weight_norm(nn.Linear(3, 4)), lambda: network(nn.Linear(3, 4), nn.Flatten(0)),
    ],
)  # fmt: skip
def test_other_modules_are_left_alone(make):
    module = make()
    trained = {name: p.shape for name, p in module.named_parameters() if p.requires_grad}
    assert by_hand(module, trained, squares) is None


def test_what_torch_does_not_say_is_not_relied_on(monkeypatch):
    """The general way is the judge: a wrong way by hand is given up at the first evaluation."""
    wrong = lambda *_: lambda flat, x, y: flat.square().sum(1)  # noqa: E731
    monkeypatch.setattr(stacked_loss, "by_hand", wrong)
    stacked = StackedLoss(nn.Linear(3, 4).double(), squares, X, X @ X[:4].mT)
    values, _ = stacked.values_and_gradients(stacked.start[None])
    assert stacked._by_hand is None
    with torch.no_grad():
        layer = stacked._module
        assert float(values[0]) == pytest.approx(float(squares(layer(X), X @ X[:4].mT)))
