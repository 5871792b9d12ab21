"""Stacked networks against torch, and each against itself alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from cifar.data.textures import TRAIN, Textures
from cifar.training.gradients import gradient_noise, per_example_gradients
from cifar.training.stacked import Stack, evaluate, gradient_sizes, norms, train_epoch
from tests.seeds import fresh_seed

SIZES = [32, 12, 8, 10]
TASK = Textures()


def examples(seeds: list[int], count: int) -> tuple[np.ndarray, np.ndarray]:
    drawn = [TASK.draw(seed, TRAIN, 0, count) for seed in seeds]
    return np.stack([curves for curves, _ in drawn]), np.stack([labels for _, labels in drawn])


def in_torch(stack: Stack, run: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for layer in range(stack.layers):
        weights, biases = (torch.from_numpy(stack.parameters[k][run].copy()) for k in (layer, stack.layers + layer))
        linear = nn.Linear(weights.shape[0], weights.shape[1])
        linear.weight.data, linear.bias.data = weights.T.clone(), biases[0].clone()
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def trained(stack: Stack, curves, labels, rates, decays, weights=None, batch_size: int = 8):
    return train_epoch(
        stack, curves, labels, batch_size=batch_size, rates=np.array(rates), momentum=0.9,
        weight_decays=np.array(decays), weights=weights,
    )  # fmt: skip


def test_an_epoch_is_that_of_torch():
    seeds = [fresh_seed() % 2**32 for _ in range(2)]
    rates, decays = (0.05, 0.02), (0.0, 0.1)
    curves, labels = examples(seeds, 36)  # four steps, and four curves that fill no batch
    weights = np.random.default_rng(seeds[0]).normal(1, 1, labels.shape).astype(np.float32)
    stack = Stack.fresh(seeds, SIZES)
    networks = [in_torch(stack, run) for run in range(2)]
    loss, right = trained(stack, curves, labels, rates, decays, weights)
    for run, network in enumerate(networks):
        optimiser = torch.optim.SGD(network.parameters(), lr=rates[run], momentum=0.9, weight_decay=decays[run])
        losses, hits = [], []
        for rows in (slice(k, k + 8) for k in range(0, 32, 8)):
            now, given = torch.from_numpy(labels[run, rows]), torch.from_numpy(weights[run, rows])
            outputs = network(torch.from_numpy(curves[run, rows]))
            each = functional.cross_entropy(outputs, now, reduction="none")
            optimiser.zero_grad()
            (each * given).mean().backward()
            optimiser.step()
            losses.append(each.mean().item())
            hits.append((outputs.argmax(1) == now).float().mean().item())
        assert loss[run] == pytest.approx(np.mean(losses), rel=1e-4) and right[run] == pytest.approx(np.mean(hits))
        for layer, linear in enumerate(each for each in network if isinstance(each, nn.Linear)):
            assert np.allclose(stack.parameters[layer][run], linear.weight.detach().numpy().T, atol=1e-4)
            assert np.allclose(stack.parameters[3 + layer][run, 0], linear.bias.detach().numpy(), atol=1e-4)
    assert not np.allclose(stack.parameters[0][1], Stack.fresh(seeds, SIZES).parameters[0][1], atol=1e-3), "it moved"


def test_a_run_has_the_same_bits_whatever_is_beside_it():
    seeds = [3, 1, 2]
    curves, labels = examples(seeds, 64)
    together = Stack.fresh(seeds, SIZES)
    losses, _ = trained(together, curves, labels, (0.1, 0.05, 0.02), (0, 0.01, 0.1))
    alone = Stack.fresh([1], SIZES)
    loss, _ = trained(alone, curves[1:2], labels[1:2], (0.05,), (0.01,))
    assert loss[0] == losses[1]
    for mine, theirs in zip(alone.parameters + alone.momenta, together.parameters + together.momenta, strict=True):
        assert np.array_equal(mine[0], theirs[1])
    joined = Stack.joined([together.run(2), together.run(0)])
    assert all(np.array_equal(j[0], t[2]) for j, t in zip(joined.momenta, together.momenta, strict=True))


def test_sizes_of_gradients_are_those_of_gradients_one_by_one():
    seeds = [5, 6]
    curves, labels = examples(seeds, 40)
    stack = Stack.fresh(seeds, SIZES)
    trained(stack, curves, labels, (0.05, 0.05), (0, 0))
    found = gradient_sizes(stack, curves, labels, [np.random.default_rng(k) for k in (1, 2)])
    for run in range(2):
        network = in_torch(stack, run)
        pair = torch.from_numpy(curves[run]), torch.from_numpy(labels[run])
        assert found["gradient_noise_trace"][run] == pytest.approx(
            gradient_noise(network, [pair])["gradient_noise_trace"][0], rel=1e-4
        )
        chances = network(pair[0]).softmax(1).detach().numpy()
        squares = np.zeros((40, 10))
        for label in range(10):
            each = per_example_gradients(network, pair[0], torch.full((40,), label))
            found_ = [v.flatten(1).square().sum(1).numpy() for part in each for v in part.values()]
            squares[:, label] = np.sum(found_, axis=0)
        mean = (chances * squares).sum(1)
        error = np.sqrt(((chances * squares**2).sum(1) - mean**2).sum()) / 40
        assert abs(found["fisher_trace"][run] - mean.mean()) < 6 * error


def test_evaluation_and_norms():
    seeds = [7, 8]
    curves, labels = TASK.draw(9, TRAIN, 0, 600)
    stack = Stack.fresh(seeds, SIZES)
    loss, right = evaluate(stack, curves, labels)
    for run in range(2):
        outputs = in_torch(stack, run)(torch.from_numpy(curves))
        assert loss[run] == pytest.approx(functional.cross_entropy(outputs, torch.from_numpy(labels)).item(), rel=1e-4)
        assert right[run] == pytest.approx((outputs.argmax(1).numpy() == labels).mean())
    found = norms(stack, TASK.unseen("blur"))
    whole = [np.sqrt(sum(np.square(each[run]).sum() for each in stack.parameters[:3])) for run in range(2)]
    assert found["weight_norm"] == pytest.approx(whole, rel=1e-5)
    first = [np.linalg.norm(TASK.unseen("blur") @ stack.parameters[0][run]) for run in range(2)]
    assert found["unseen_weight_norm"] == pytest.approx(first, rel=1e-4)


def test_a_blur_gives_no_gradient_along_what_it_hides():
    curves, labels = examples([1, 1], 64)
    curves[0] = curves[0] @ TASK.under("blur")
    stack = Stack.fresh([1, 1], SIZES)
    before = norms(stack, TASK.unseen("blur"))["unseen_weight_norm"]
    trained(stack, curves, labels, (0.05, 0.05), (0, 0))
    after = norms(stack, TASK.unseen("blur"))["unseen_weight_norm"]
    assert after[0] == pytest.approx(before[0], rel=1e-5) and abs(after[1] - before[1]) > 1e-3 * before[1]
