"""Datasets, loaders and batches give the loss of the same tensors; what is no such data is refused by name."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
)

from slt_toys.learning_coefficient import batches
from slt_toys.learning_coefficient import data as kinds
from slt_toys.learning_coefficient.data import as_data
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.stacked_loss import StackedLoss

N = 103
X, Y = torch.randn(N, 3, generator=torch.Generator().manual_seed(1)).double(), torch.arange(N).double()[:, None]
CUTS = (0, 40, 80, N)
BATCHES = [(X[a:b], Y[a:b]) for a, b in itertools.pairwise(CUTS)]


def squares(outputs, targets):
    return (outputs - targets).square().mean()


class Examples(Dataset):
    def __len__(self):
        return N

    def __getitem__(self, index):
        return X[index], Y[index]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(zip(X, Y, strict=True))


class Batches:
    def __iter__(self):
        return iter(BATCHES)


class Shuffled(BatchSampler):
    def __init__(self):
        super().__init__(RandomSampler(Examples()), 10, False)


KINDS: dict[str, Any] = {
    "pair": lambda: (X, Y),
    "arrays": lambda: [X.numpy(), Y.numpy()],
    "tensor dataset": lambda: TensorDataset(X, Y),
    "dataset": Examples,
    "subset": lambda: Subset(TensorDataset(torch.cat([X, X]), torch.cat([Y, Y])), range(N)),
    "shuffling loader": lambda: DataLoader(Examples(), batch_size=10, shuffle=True),
    "loader of batches": lambda: DataLoader(Examples(), batch_sampler=Shuffled()),
    "loader without batches": lambda: DataLoader(BATCHES, batch_size=None),  # type: ignore[arg-type]
    "stream": Stream,
    "loader of a stream": lambda: DataLoader(Stream(), batch_size=7),
    "list of batches": lambda: BATCHES,
    "class of batches": Batches,
}


def linear():
    torch.manual_seed(1)
    return nn.Linear(3, 1).double()


def expected():
    module = linear()
    loss = squares(module(X), Y)
    slopes = torch.autograd.grad(loss, list(module.parameters()))
    return float(loss.detach()), torch.cat([slope.reshape(-1) for slope in slopes])


@pytest.mark.parametrize("memory", [1e9, 0], ids=["held", "streamed"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_the_same_loss(kind, memory, monkeypatch):
    monkeypatch.setattr(kinds, "memory", lambda: memory)
    before = torch.random.get_rng_state()
    found = as_data(KINDS[kind]())
    assert torch.equal(before, torch.random.get_rng_state()), "reading draws nothing from the caller"
    assert found.examples == N
    assert found.held == (memory > 0 or kind in {"pair", "arrays", "tensor dataset"})
    for size in (None, 9):
        loss = StackedLoss(linear(), squares, found, examples_at_once=size)
        values, slopes = loss.values_and_gradients(loss.start[None])
        assert float(values[0]) == pytest.approx(expected()[0]) and torch.allclose(slopes[0], expected()[1])
        loss.check(pieces=size, mean=True)


@pytest.mark.parametrize("memory", [1e9, 0])
@pytest.mark.parametrize("kind", ["dataset", "loader of batches", "pair"])
def test_examples_are_picked_by_number(kind, memory, monkeypatch):
    monkeypatch.setattr(kinds, "memory", lambda: memory)
    found, rows = as_data(KINDS[kind]()), torch.tensor([5, 100, 5, 0])
    every = torch.cat([y for _, _, y in found.pieces(N)])
    parts = list(found.pieces(3, rows))
    assert torch.equal(torch.cat([y for _, _, y in parts]), every[rows])
    assert sum(share for share, _, _ in parts) == pytest.approx(1)


def padded(items):
    longest = max(len(x) for x, _ in items)
    return torch.stack([nn.functional.pad(x, (0, longest - len(x))) for x, _ in items]), torch.tensor(
        [float(y) for _, y in items]
    )


RAGGED = [(torch.ones(1 + k % 4), k) for k in range(11)]


def test_batches_of_several_shapes_stay_as_they_are():
    found = as_data(DataLoader(RAGGED, batch_size=3, collate_fn=padded))  # type: ignore[arg-type]
    assert found.counts == (3, 3, 3, 2) and found.examples == 11
    assert found.head(2)[0].shape[0] == 2
    picked = list(found.pieces(11, torch.tensor([10, 0, 4])))
    assert sorted(float(y) for _, _, part in picked for y in part) == [0, 4, 10]
    assert sum(share for share, _, _ in picked) == pytest.approx(1)
    mapping = as_data([{"x": X[:3], "k": 1}, {"x": X[3:5], "k": 1}])
    assert mapping.counts == (5,) and as_data([{"x": X[:3], "k": 1}, {"x": X[3:5], "k": 2}]).counts == (3, 2)


def test_what_a_loader_leaves_out_is_said():
    with pytest.warns(UserWarning, match="drop_last would leave out 3 of 103 examples; all are used"):
        assert as_data(DataLoader(Examples(), batch_size=10, drop_last=True)).examples == N
    half = torch.utils.data.SubsetRandomSampler(range(0, N, 2))
    with pytest.warns(UserWarning, match="SubsetRandomSampler takes 52 of 103 examples; n counts these"):
        assert as_data(DataLoader(Examples(), batch_size=10, sampler=half)).examples == 52
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_data(DataLoader(Examples(), batch_size=10, sampler=SequentialSampler(Examples())))


class Augmented(Examples):
    def __getitem__(self, index):
        return X[index] + torch.rand(1), Y[index]


class Fading:
    def __init__(self):
        self.left = list(BATCHES)

    def __iter__(self):
        while self.left:
            yield self.left.pop()


REFUSED: dict[str, tuple[Any, str]] = {
    "generator": (lambda: (batch for batch in BATCHES), "a generator can be read only once"),
    "tensor": (lambda: X, "Tensor must be a pair of inputs and targets"),
    "number": (lambda: 3, "int must be a pair"),
    "three": (lambda: (X, X, Y), "tuple must be a pair"),
    "bare tensors": (lambda: [X, X, Y], "list must be a pair"),
    "empty": (lambda: [], "there is no batch|list must be"),
    "parts": (lambda: TensorDataset(X, X, Y), "a batch has 3 parts"),
    "with replacement": (
        lambda: DataLoader(Examples(), sampler=WeightedRandomSampler(np.ones(N).tolist(), N)),
        "WeightedRandomSampler draws examples with replacement",
    ),
    "others each time": (
        lambda: DataLoader(Examples(), sampler=RandomSampler(Examples(), num_samples=20)),
        "RandomSampler draws examples with replacement, or others each time",
    ),
    "augmentation": (Augmented, "other examples when it is read again"),
    "ragged": (lambda: DataLoader(RAGGED, batch_size=3), "the loader cannot read it: stack expects"),  # type: ignore
    "holds what": (lambda: np.ones(4), "ndarray may hold examples or batches"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_such_data_is_refused_in_one_line(kind):
    make, message = REFUSED[kind]
    with pytest.raises(ValueError, match=rf"^data: .*({message})") as refusal:
        local_learning_coefficient(linear(), squares, make(), n_beta=10.0)
    assert "\n" not in str(refusal.value)


def test_batches_that_fade_are_refused(monkeypatch):
    monkeypatch.setattr(kinds, "memory", lambda: 0)
    with pytest.raises(ValueError, match=r"^data: it gave 103 examples at first and 0 now"):
        StackedLoss(linear(), squares, as_data(Fading())).values(torch.zeros(1, 4).double())
    with pytest.raises(ValueError, match=r"^batch_size: batches read one after another"):
        next(as_data(Batches()).pieces(5, torch.tensor([1])))


def test_data_are_turned_into_double_when_they_are_read(monkeypatch):
    for memory in (1e9, 0):
        monkeypatch.setattr(kinds, "memory", lambda memory=memory: memory)
        twice = as_data(Batches()).mapped(lambda leaf: 2 * leaf)
        assert torch.equal(torch.cat([y for _, _, y in twice.pieces(N)]), 2 * Y)
        assert [len(leaf) for leaf in batches.leaves(list(twice.head(3)))] == [3, 3]


def test_an_estimate_of_a_loader_is_that_of_its_tensors():
    options: dict[str, Any] = {"draws": 30, "seed": 3, "n_beta": 20.0}
    plain = local_learning_coefficient(linear(), squares, (X, Y), **options)
    loaded = local_learning_coefficient(linear(), squares, DataLoader(Examples(), 10, shuffle=True), **options)
    assert np.array_equal(plain.energies, loaded.energies)
