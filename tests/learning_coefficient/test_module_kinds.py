"""Modules and data as people have them: attention, recurrence, tied weights, checkpoints, mappings, arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.seeds import fresh_seed

DOUBLE = torch.float64
WIDTH, LENGTH, EXAMPLES = 4, 3, 6


def squares(outputs, targets):
    return (outputs - targets).square().mean()


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.MultiheadAttention(WIDTH, 2, batch_first=True)

    def forward(self, x):
        return self.heads(x, x, x, need_weights=False)[0]


class Product(nn.Module):
    """Attention as it is written by hand, causal."""

    def __init__(self):
        super().__init__()
        self.mixed = nn.Linear(WIDTH, 3 * WIDTH)

    def forward(self, x):
        query, key, value = self.mixed(x).chunk(3, -1)
        return nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cells = kind(WIDTH, WIDTH, batch_first=True)

    def forward(self, x):
        return self.cells(x)[0]


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, WIDTH)
        self.last.weight = self.first.weight

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)))


class Checkpointed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.layers, self.reentrant = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh()), reentrant
        self.last = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return self.last(checkpoint(self.layers, self.layers[0](x), use_reentrant=self.reentrant))


class Output(NamedTuple):
    loss: torch.Tensor | None
    logits: torch.Tensor


class Named(nn.Module):
    """Takes names and gives its own loss, as language models do."""

    def __init__(self):
        super().__init__()
        self.embedding, self.last = nn.Embedding(5, WIDTH), nn.Linear(WIDTH, 5)

    def forward(self, ids, mask=None, labels=None):
        logits = self.last(self.embedding(ids) * (1.0 if mask is None else mask[..., None]))
        return Output(None if labels is None else nn.functional.cross_entropy(logits.mT, labels), logits)


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.mixed = nn.Bilinear(WIDTH, WIDTH, WIDTH)

    def forward(self, x, y):
        return self.mixed(x, y)


SEQUENCES = {
    "attention by hand": Product,
    "multi-head attention": Attention,
    "transformer layer": lambda: nn.TransformerEncoderLayer(WIDTH, 2, 8, dropout=0.1, batch_first=True),
    "transformer": lambda: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(WIDTH, 2, 8, batch_first=True), 2, enable_nested_tensor=False
    ),
    "LSTM": lambda: Recurrent(nn.LSTM),
    "GRU": lambda: Recurrent(nn.GRU),
    "tied weights": Tied,
    "checkpoint": lambda: Checkpointed(False),
    "reentrant checkpoint": lambda: Checkpointed(True),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(WIDTH, WIDTH)),
}


def sequences(dtype=DOUBLE) -> Any:
    return torch.randn(EXAMPLES, LENGTH, WIDTH, dtype=dtype), torch.randn(EXAMPLES, LENGTH, WIDTH, dtype=dtype)


def held_against_training(module, loss, data, call):
    """Value, slope and one product with the Hessian, of the module itself, by autograd and differences."""
    stacked = StackedLoss(module, loss, *data)
    stacked.check(pieces=None, mean=True)
    module = module.eval()

    def slope_at(flat):
        with torch.no_grad():
            nn.utils.vector_to_parameters(flat, module.parameters())
        module.zero_grad()
        value = loss(call(module), data[1])
        value.backward()
        return float(value.detach()), torch.cat([p.grad.reshape(-1) for p in module.parameters()])  # type: ignore[union-attr]

    direction = torch.randn_like(stacked.start)
    points = torch.stack([stacked.start, stacked.start + 0.1 * direction])
    values, slopes = stacked.values_and_gradients(points)
    for point, value, slope in zip(points, values, slopes, strict=True):
        expected, expected_slope = slope_at(point)
        assert float(value) == pytest.approx(expected, rel=1e-9)
        assert torch.allclose(slope, expected_slope, atol=1e-9)
    assert torch.allclose(stacked.values(points), values)
    step = 1e-5
    ends = [slope_at(stacked.start + sign * step * direction)[1] for sign in (1, -1)]
    product = stacked.hessian_products(torch.stack([direction, 2 * direction]))
    assert torch.allclose(product[0], (ends[0] - ends[1]) / (2 * step), atol=1e-6)
    assert torch.allclose(product[1], 2 * product[0], atol=1e-6)


@pytest.mark.parametrize("kind", SEQUENCES)
def test_modules_are_what_they_are_in_training(kind):
    torch.manual_seed(fresh_seed())
    module, data = SEQUENCES[kind]().double(), sequences()
    held_against_training(module, squares, data, lambda module: module(data[0]))


def test_several_inputs_named_inputs_and_losses_of_outputs():
    torch.manual_seed(fresh_seed())
    x, y = (torch.randn(EXAMPLES, WIDTH, dtype=DOUBLE) for _ in range(2))
    held_against_training(Pair().double(), squares, ((x, y), x), lambda module: module(x, y))
    ids, labels = (torch.randint(0, 5, (EXAMPLES, LENGTH)) for _ in range(2))
    named = {"ids": ids, "mask": torch.ones(EXAMPLES, LENGTH, dtype=DOUBLE), "labels": labels}
    held_against_training(
        Named().double(), lambda output, targets: output.loss, (named, None), lambda module: module(**named)
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["transformer layer", "LSTM", "checkpoint"])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_estimates_of_them_run(kind, dtype):
    torch.manual_seed(fresh_seed())
    data = sequences(dtype)
    found = local_learning_coefficient(
        SEQUENCES[kind]().to(dtype), squares, data, n_beta=10.0, chains=2, draws=20, seed=fresh_seed()
    )
    assert np.isfinite(found.energies).all()


def test_arrays_are_tensors():
    torch.manual_seed(fresh_seed())
    module, (x, y) = nn.Linear(WIDTH, WIDTH).double(), sequences()
    options: dict[str, Any] = {"n_beta": 10.0, "chains": 2, "draws": 20, "seed": fresh_seed()}
    one = local_learning_coefficient(module, squares, (x, y), **options)
    other = local_learning_coefficient(module, squares, (x.numpy(), y.numpy()), **options)
    assert np.array_equal(one.energies, other.energies)


def test_without_a_second_derivative_differences_of_gradients_are_taken():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # pyright: ignore[reportIncompatibleMethodOverride]
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):  # pyright: ignore[reportIncompatibleMethodOverride]
            return 3 * ctx.saved_tensors[0] ** 2 * g

    class Cubic(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(WIDTH, WIDTH)

        def forward(self, x):
            return Cube.apply(self.linear(x))

    torch.manual_seed(fresh_seed())
    data = sequences()
    held_against_training(Cubic().double(), squares, data, lambda module: module(data[0]))


def test_a_gradient_that_is_not_the_losss_is_refused():
    class Straight(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(WIDTH, WIDTH)

        def forward(self, x):
            y = self.linear(x)
            return y + (y.sign() - y).detach()

    with pytest.raises(ValueError, match=r"^module: its gradient says .*; gradients must be those of the loss$"):
        StackedLoss(Straight().double(), squares, *sequences()).check(pieces=None, mean=True)


X, Y = torch.ones(4, 2), torch.ones(4, 1)


@pytest.mark.parametrize(
    ("module", "loss", "data", "message"),
    [
        (nn.Linear(2, 1), squares, (X.double(), Y), "give data of the module's type of numbers"),
        (nn.Linear(3, 1), squares, (X, Y), "give inputs of the shape that the module takes"),
        (nn.Linear(2, 1), squares, ((X, X), Y), "several inputs are a tuple, named ones a mapping"),
        (nn.Linear(2, 1), squares, ({"x": X}, Y), "several inputs are a tuple, named ones a mapping"),
        (nn.Linear(2, 1), lambda o, t: o.loss, (X, None), r"such as lambda output, targets: output\.loss"),
        (nn.Linear(2, 1), squares, (X, np.array(["a"] * 4)), "data: targets hold an array of type <U1"),
        (nn.Linear(2, 1), squares, (X, object()), "data: targets hold a object; they must be tensors"),
        (nn.Linear(2, 1), squares, ((X, X[:2]), Y), "data: 4 and 2 inputs and 4 targets; they must be as many"),
        (nn.Linear(2, 1), squares, (None, Y), "data: no inputs and 4 targets"),
        (nn.Linear(2, 1), lambda o, t: o.detach().mean(), (X, Y), "gradients must be those of the loss"),
        (nn.Linear(2, 1), squares, X, "data: Tensor must be a pair of inputs and targets"),
    ],
)
def test_what_cannot_be_evaluated_is_told_in_one_line(module, loss, data, message):
    with pytest.raises(ValueError, match=message) as refusal:
        local_learning_coefficient(module, loss, data, n_beta=10.0)
    assert "\n" not in str(refusal.value)
