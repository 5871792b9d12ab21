"""Addition modulo a prime: the network can do it exactly, and training sees some pairs before it knows all."""

from __future__ import annotations

import math

import pytest
import torch

from slt_toys.learning_coefficient.modular_addition import ModularAddition, Training, measured, squared_error
from tests.learning_coefficient.made_losses import generator


def test_waves_add():
    """(cos x + cos y)² holds cos(x + y): at a number of phases the rest averages out."""
    p, phases = 7, 8
    module = ModularAddition(p, phases, generator())
    angle = 2 * math.pi * torch.arange(p, dtype=torch.float64) / p
    turn = math.pi * torch.arange(phases, dtype=torch.float64)[:, None] / phases * 2
    with torch.no_grad():
        module.left.copy_(torch.cos(angle + turn))
        module.right.copy_(torch.cos(angle + turn))
        module.out.copy_(torch.cos(angle + 2 * turn.T[0][:, None]).mT)
    every = torch.cartesian_prod(torch.arange(p), torch.arange(p))
    data = every, every.sum(1) % p
    assert measured(module, data)[1] == 1.0
    with torch.no_grad():
        module.left.copy_(module.left.roll(1, 1))
    assert measured(module, data)[1] < 0.5, "the control"


def test_the_loss_is_a_mean_over_pairs():
    scores, sums = torch.randn((4, 5), generator=generator(), dtype=torch.float64), torch.tensor([0, 3, 4, 1])
    by_hand = sum(
        float(((row - torch.eye(5, dtype=torch.float64)[k]) ** 2).sum()) for row, k in zip(scores, sums, strict=True)
    )
    assert float(squared_error(scores, sums)) == pytest.approx(by_hand / 8)


def test_training_learns_what_it_sees():
    training = Training(modulus=7, hidden=8)
    seen, held = training.parts()
    pairs = {tuple(pair) for part in (seen, held) for pair in part[0].tolist()}
    assert len(pairs) == 49 == len(seen[0]) + len(held[0])
    module, found = training.module(), []
    for step, state in training.states([0, 300]):
        module.load_state_dict(state)
        found.append((step, measured(module, seen)[0]))
    assert [step for step, _ in found] == [0, 300] and found[1][1] < found[0][1] / 3
    assert torch.equal(dict(training.states([0]))[0]["left"], training.module().left)
