"""Parts of a network: which elements are meant, and exact coefficients of restricted losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from slt_toys.learning_coefficient.deep_linear import deep_linear_problem, half_squared_error
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.parts import PartOfLoss, chosen, part_of
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.learning_coefficient.test_estimator import regression
from tests.seeds import fresh_seed


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2, bias=False), nn.Linear(2, 2)
        self.last = nn.Linear(2, 2, bias=False)
        self.last.weight = self.first.weight
        self.second.bias.requires_grad_(False)

    def forward(self, x):
        return self.last(torch.tanh(self.second(torch.tanh(self.first(x)))))


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("first", [1, 1, 1, 1, 0, 0, 0, 0]),
        ("last.weight", [1, 1, 1, 1, 0, 0, 0, 0]),
        (["second"], [0, 0, 0, 0, 1, 1, 1, 1]),
        ("sec*.w*", [0, 0, 0, 0, 1, 1, 1, 1]),
        (["first", "second.weight"], [1] * 8),
        ({"first.weight": np.array([[True, False], [False, True]])}, [1, 0, 0, 1, 0, 0, 0, 0]),
        ({"first": False, "second.weight": torch.tensor([[False, True]] * 2)}, [0, 0, 0, 0, 0, 1, 0, 1]),
        (lambda name, p: p > 10 if name == "first.weight" else True, [0, 0, 0, 0, 1, 1, 1, 1]),
    ],
)
def test_what_is_meant(parameters, expected):
    assert chosen(Tied(), parameters).int().tolist() == expected


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("third", r"'third' fits no parameter that is trained; there are first\.weight, second\.weight, last\.weight$"),
        ("second.bias", "'second.bias' fits no parameter that is trained"),
        ({"first.weight": torch.ones(2, 2)}, "type torch.float32 and shape .* truth values of shape"),
        ({"first.weight": torch.ones(2, dtype=torch.bool)}, r"shape \(2,\) for 'first.weight'"),
        (lambda name, p: False, "no element is chosen"),
        (3, "3 must be names, a mapping of names to masks, a function, or None for all"),
        ([], "must be names"),
        (["first", 2], "must be names"),
    ],
)
def test_bad_choices_take_one_line(parameters, words):
    with pytest.raises(ValueError, match=f"^parameters: .*{words}") as raised:
        chosen(Tied(), parameters)
    assert "\n" not in str(raised.value)


class Recurrent(nn.Module):
    """Taken one copy at a time."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.GRU(2, 2, batch_first=True), nn.Linear(2, 1)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


@pytest.mark.parametrize("module", [Tied(), Recurrent()])
def test_values_slopes_and_curvatures_are_those_of_the_whole(module):
    rng = np.random.default_rng(fresh_seed())
    shape = (6, 3, 2) if isinstance(module, Recurrent) else (6, 2)
    inputs, width = torch.from_numpy(rng.standard_normal(shape)), 1 if isinstance(module, Recurrent) else 2
    targets = torch.from_numpy(rng.standard_normal((6, width)))
    whole = StackedLoss(module.double(), half_squared_error, inputs, targets)
    which = torch.from_numpy(rng.random(len(whole.start)) < 0.5)
    which[0] = True
    part = PartOfLoss(whole, which)
    moved = part.start + 0.1 * torch.from_numpy(rng.standard_normal((3, len(part.start))))
    filled = whole.start.repeat(3, 1)
    filled[:, which] = moved
    values, slopes = part.values_and_gradients(moved)
    expected = whole.values_and_gradients(filled)
    assert torch.allclose(values, expected[0]) and torch.allclose(slopes, expected[1][:, which])
    vector = torch.zeros_like(whole.start)
    vector[which] = torch.from_numpy(rng.standard_normal(len(part.start)))
    assert torch.allclose(part.hessian_products(vector[None, which]), whole.hessian_products(vector[None])[:, which])
    assert torch.allclose(part.values(part.start[None]), whole.values(whole.start[None]))


def test_all_parameters_are_no_restriction_to_the_bit():
    module, data = regression()
    whole = StackedLoss(module, half_squared_error, *data)
    assert part_of(whole, module, "weight") is whole and part_of(whole, module, None) is whole
    same = [
        local_learning_coefficient(module, half_squared_error, data, draws=20, seed=3, parameters=each)
        for each in (None, "weight")
    ]
    assert same[0].estimate == same[1].estimate and (same[0].energies == same[1].energies).all()


def test_columns_of_a_linear_regression_count_one_half_each():
    module, data = regression()
    for mask in ([True, False, False], [True, False, True]):
        found = local_learning_coefficient(
            module, half_squared_error, data, draws=100, seed=fresh_seed(),
            parameters={"weight": torch.tensor([mask])},
        )  # fmt: skip
        assert abs(found.estimate - sum(mask) / 2) < 5 * found.standard_error, mask
        assert found.standard_error < 0.15


@pytest.mark.slow
def test_one_layer_of_a_deep_linear_network():
    """With the other layer fixed the loss is a quadratic of rank 5 · 3, less than the network's own 2 · 9.5."""
    problem = deep_linear_problem((5, 3, 5), 2, noise=0.1, seed=fresh_seed() % 2**32)
    data = problem.inputs, problem.targets
    name = next(iter(dict(problem.module.named_parameters())))
    found = local_learning_coefficient(
        problem.module, half_squared_error, data, examples=problem.examples, parameters=name, seed=fresh_seed()
    )
    exact = 5 * np.linalg.matrix_rank(list(problem.module.parameters())[1].detach().numpy(), tol=1e-6) / 2
    assert abs(found.estimate - exact) < 5 * found.standard_error and exact < float(problem.exact.value)
