"""The network with attention as a torch module: the steps and the measure of the one by hand."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from slt_toys.zoo.attention_module import AttentionModule, train  # noqa: E402
from slt_toys.zoo.attention_network import Network, Problem, first_parts, gradients, minibatch  # noqa: E402
from slt_toys.zoo.attention_network import train as train_by_hand  # noqa: E402
from tests.seeds import fresh_seed  # noqa: E402

SMALL = Network(dimensions=8, hidden=24, context=5, items=60, batch_size=16, attention_decay=1e-2, memory_decay=5e-3)


def by_hand(network: Network, seed: int, steps: int):
    """Parameters after steps of written-out gradients, by the definition of SGD with weight decay."""
    random = np.random.default_rng(seed)
    problem = Problem.drawn(network, random)
    parts = first_parts(network, random)
    for _ in range(steps):
        batch = minibatch(random, network.batch_size, network.context, network.items)
        slopes = gradients(problem.items, problem.labels, *batch, parts)
        decays = (network.attention_decay, None, *(network.memory_decay,) * 3)
        for part, slope, decay in zip(parts, slopes, decays, strict=True):
            own = np.array([network.attention_decay, network.memory_decay]) if decay is None else decay
            part -= (network.learning_rate * (slope + own * part)).astype(np.float32)
    return parts


def test_torch_takes_the_same_steps():
    seed = fresh_seed()
    module = train(SMALL, seed, 60, 60)[1]
    for own, other in zip(module.parts(), by_hand(SMALL, seed, 60), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-3, atol=2e-4)
    undecayed = train(Network(8, 24, 5, 60, 16), seed, 60, 60)[1]
    assert np.abs(undecayed.parts()[2] - module.parts()[2]).max() > 1e-2


def test_the_module_begins_where_the_network_does():
    parts = first_parts(SMALL, np.random.default_rng(fresh_seed()))
    for own, other in zip(AttentionModule(parts).parts(), parts, strict=True):
        assert np.array_equal(own, other)


def test_both_have_the_same_accuracies_while_rounding_is_small():
    seed = fresh_seed()
    own, other = train(SMALL, seed, 100, 50)[0], train_by_hand(SMALL, seed, 100, 50)
    assert np.abs(own - other).max() <= 0.02
    assert np.array_equal(own, train(SMALL, seed, 100, 50)[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "ends"),
    [
        ({}, (0.96, 1.0)),
        ({"attention_decay": 1e-3}, (0.45, 0.62)),
        ({"attention_decay": 1e-3, "items": 50}, (0.4, 0.6)),
    ],
    ids=["no decay", "decay of attention", "few items"],
)
def test_what_becomes_of_in_context_learning_in_torch(options, ends):
    """As of the network by hand."""
    accuracy = train(Network(**options), fresh_seed())[0][:, 0]
    assert ends[0] <= accuracy[-1] <= ends[1]
