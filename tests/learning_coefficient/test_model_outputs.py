"""Models as Hugging Face writes them: the estimate is that of the same loss written plainly; tied weights are one."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn

from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.seeds import fresh_seed

TOKENS, WIDTH = 4, 3


class ModelOutput(OrderedDict):
    """Read by name and by key, without what is None, as theirs is."""

    def __init__(self, **values):
        super().__init__((name, value) for name, value in values.items() if value is not None)

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class LanguageModel(nn.Module):
    def __init__(self, tied=True):
        super().__init__()
        self.embedding, self.head = nn.Embedding(TOKENS, WIDTH), nn.Linear(WIDTH, TOKENS, bias=False)
        if tied:
            self.head.weight = self.embedding.weight

    def forward(self, input_ids, attention_mask=None, labels=None):
        logits = self.head(self.embedding(input_ids))
        return ModelOutput(loss=None if labels is None else cross_entropy(logits, labels), logits=logits)


class Logits(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model(input_ids).logits


def cross_entropy(logits, labels):
    return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


def data():
    ids = torch.randint(TOKENS, (12, 6))
    return ids, ids.roll(-1, 1)


def test_a_tied_weight_is_one_parameter_and_has_both_slopes():
    torch.manual_seed(fresh_seed())
    ids, labels = data()
    model = LanguageModel().double()
    stacked = StackedLoss(model, cross_entropy_of_logits, {"input_ids": ids}, labels)
    assert stacked.start.shape == (TOKENS * WIDTH,)
    assert StackedLoss(
        LanguageModel(tied=False).double(), cross_entropy_of_logits, {"input_ids": ids}, labels
    ).start.shape == (2 * TOKENS * WIDTH,)
    loss = model(ids, labels=labels).loss
    values, slopes = stacked.values_and_gradients(stacked.start[None])
    assert float(values[0]) == pytest.approx(float(loss.detach()), rel=1e-12)
    assert torch.allclose(slopes[0], torch.autograd.grad(loss, model.embedding.weight)[0].reshape(-1), atol=1e-12)


def cross_entropy_of_logits(output, labels):
    return cross_entropy(output.logits, labels)


@pytest.mark.slow
def test_three_ways_to_say_a_loss_have_one_estimate():
    torch.manual_seed(fresh_seed())
    ids, labels = data()
    model, seed = LanguageModel().double(), fresh_seed()
    found = [
        local_learning_coefficient(
            module, loss, given, examples=ids.numel(), n_beta=20.0, chains=4, draws=20, seed=seed
        ).estimate
        for module, loss, given in (
            (model, lambda output, _: output.loss, ({"input_ids": ids, "labels": labels}, None)),
            (model, lambda output, _: output["loss"], ({"input_ids": ids, "labels": labels}, None)),
            (Logits(model), cross_entropy, (ids, labels)),
        )
    ]
    assert found[1] == pytest.approx(found[0], rel=1e-6) and found[2] == pytest.approx(found[0], rel=1e-6)
