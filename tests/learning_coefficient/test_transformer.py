"""The transformer of the benchmarks at default settings: what its estimate says, and how many gradients it takes."""

from __future__ import annotations

import pytest

from benchmarks.transformer import problem
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.seeds import fresh_seed

MOST = 60_000  # gradients of one copy: two minutes of two processors that take 4 ms for each


@pytest.mark.slow
def test_a_transformer_without_a_gap_is_doubted_by_name_within_few_gradients(monkeypatch):
    module, loss, data, tokens = problem(seed=fresh_seed() % 2**32, count=16)
    taken, plain = [], StackedLoss.values_and_gradients

    def counted(self, parameters, rows=None):
        taken.append(len(parameters))
        return plain(self, parameters, rows)

    monkeypatch.setattr(StackedLoss, "values_and_gradients", counted)
    found = local_learning_coefficient(module, loss, data, examples=tokens, seed=fresh_seed() % 10**6)
    assert not found.trusted and "the localisation takes" in found.verdict
    assert "never moved" not in found.verdict and found.acceptance > 0.2
    assert 0 < found.estimate < sum(p.numel() for p in module.parameters()) / 2
    assert sum(taken) < MOST
