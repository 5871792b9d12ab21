"""The mean over tokens, in pieces and at once."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from slt_toys.learning_coefficient.data import as_data
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from slt_toys.learning_coefficient.tokens import count_tokens, token_loss
from tests.seeds import fresh_seed


def ragged():
    torch.manual_seed(fresh_seed())
    inputs, targets = torch.randn(20, 5, 3).double(), torch.randint(0, 4, (20, 5))
    for row in range(10):
        targets[row, 1 + row % 4 :] = -100
    return inputs, targets


def mean_over_tokens(logits, targets):
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def test_tokens_are_counted():
    inputs, targets = ragged()
    assert count_tokens((inputs, targets)) == int((targets >= 0).sum()) < 100
    assert count_tokens([(inputs[:3], targets[:3]), (inputs[3:], targets[3:])]) == int((targets >= 0).sum())
    assert count_tokens((inputs, targets), ignore_index=2) == int((targets != 2).sum())


def test_pieces_of_a_mean_over_tokens_of_ragged_examples_are_refused_with_the_remedy():
    data = ragged()
    module = nn.Linear(3, 4).double()
    plain = StackedLoss(module, mean_over_tokens, as_data(data), examples_at_once=10)
    with pytest.raises(ValueError, match=r"^loss: .* take token_loss; "):
        plain.check(pieces=10, mean=True)
    whole = StackedLoss(module, mean_over_tokens, as_data(data))
    for size in (None, 10, 3):
        found = StackedLoss(module, token_loss(data), as_data(data), examples_at_once=size)
        found.check(pieces=size, mean=True)
        assert float(found.values(found.start[None])) == pytest.approx(float(whole.values(whole.start[None])))


def test_other_targets_are_refused():
    inputs, targets = ragged()
    for wrong in (inputs, None, (targets, targets)):
        with pytest.raises(ValueError, match=r"^data: targets must be one tensor of whole numbers"):
            count_tokens((inputs, wrong))
    with pytest.raises(ValueError, match=r"^data: every target is 1, which is ignored"):
        count_tokens((inputs, torch.ones_like(targets)), ignore_index=1)
