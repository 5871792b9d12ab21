"""The Fisher trace and the noise of gradients against exact expectations and loops."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from cifar.training.gradients import fisher_trace, gradient_noise
from tests.cifar.training.made_networks import small_network, some_data


def gradient(network: nn.Module, image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    loss = functional.cross_entropy(network(image[None]), label[None])
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(network.parameters()))])


def test_fisher_trace_is_the_exact_expectation_over_labels():
    network, (images, labels) = small_network(), some_data(400)
    chances = network(images).softmax(1).detach()
    exact = sum(
        float(chances[i, y]) * float(gradient(network, images[i], torch.tensor(y)).square().sum())
        for i in range(len(images))
        for y in range(3)
    ) / len(images)
    seed = int(torch.seed() % 2**31)
    found = fisher_trace(network, [(images[:150], labels[:150]), (images[150:], labels[150:])], seed=seed)
    value, error = found["fisher_trace"]
    assert error is not None and abs(value - exact) < 5 * error
    layers = sum(value for name, (value, _) in found.items() if "/" in name)
    assert layers == pytest.approx(value)
    assert set(found) == {"fisher_trace", "fisher_trace/0", "fisher_trace/1", "fisher_trace/3"}
    # the control: true labels instead of the network's own give another number
    wrong = sum(float(gradient(network, x, y).square().sum()) for x, y in zip(images, 0 * labels, strict=True)) / 400
    assert abs(wrong - exact) > 2 * error


def test_gradient_noise_is_the_covariance_of_a_loop():
    network, (images, labels) = small_network(), some_data()
    each = torch.stack([gradient(network, x, y) for x, y in zip(images, labels, strict=True)]).double()
    found = gradient_noise(network, [(images[:50], labels[:50]), (images[50:], labels[50:])])
    trace = float(each.var(0).sum())
    assert found["gradient_noise_trace"][0] == pytest.approx(trace, rel=1e-4)
    squared = float(each.mean(0).square().sum()) - trace / len(each)
    assert ("noise_scale" in found) is (squared > 0)
    one_sided = gradient_noise(network, [(images, 0 * labels)])  # the mean gradient is large: the scale is defined
    each = torch.stack([gradient(network, x, y) for x, y in zip(images, 0 * labels, strict=True)]).double()
    trace = float(each.var(0).sum())
    squared = float(each.mean(0).square().sum()) - trace / len(each)
    assert one_sided["noise_scale"] == (pytest.approx(trace / squared, rel=1e-4), None)
