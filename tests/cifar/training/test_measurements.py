"""Measurements against loops over examples and dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from cifar.study.stages import Recipe, Stage, stages
from cifar.training.gradients import fisher_trace, gradient_noise
from cifar.training.hessian import top_eigenvalue
from cifar.training.measurements import Measuring, measure
from cifar.training.training import Trainer


def small_network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)).eval()


def some_data(count: int = 90) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(count, 6), torch.randint(0, 3, (count,))


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


def test_top_eigenvalue_is_that_of_the_dense_hessian():
    network, (images, labels) = small_network(), some_data()
    names = [name for name, _ in network.named_parameters()]
    shapes = [parameter.shape for parameter in network.parameters()]

    def loss(flat: torch.Tensor) -> torch.Tensor:
        parts = torch.split(flat, [shape.numel() for shape in shapes])
        weights = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
        return functional.cross_entropy(torch.func.functional_call(network, weights, (images,)), labels)

    flat = torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
    exact = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, flat)).max()
    value, error = top_eigenvalue(network, [(images[:40], labels[:40]), (images[40:], labels[40:])], steps=30)
    assert value == pytest.approx(float(exact), rel=1e-3) and error < 1e-2 * value
    rough, uncertain = top_eigenvalue(network, [(images, labels)], steps=2)
    assert rough <= value * (1 + 1e-5) and uncertain > error and abs(value - rough) <= uncertain * (1 + 1e-3)


class Fixed(nn.Module):
    """A linear classifier of two classes at weights 0: every chance is one half."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2, bias=False)
        nn.init.zeros_(self.layer.weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images)


def test_measurements_of_a_classifier_at_zero_by_hand():
    """Gradients are (1/2, -1/2) times the image, up to the sign; the Hessian has half the second moments' values."""
    images = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0], [2.0, 0.0, 0.0]])
    labels = torch.tensor([0, 1, 0, 1])
    pairs = [(images[:3], labels[:3]), (images[3:], labels[3:])]
    squares = np.array([4.0, 1.0, 9.0, 4.0]) / 2
    trace = fisher_trace(Fixed(), pairs, seed=int(torch.seed() % 2**31))
    assert trace["fisher_trace"] == pytest.approx((squares.mean(), squares.std(ddof=1) / 2))
    assert trace["fisher_trace/layer"] == pytest.approx(trace["fisher_trace"])
    # per-example gradients: s_i (1/2, -1/2) ⊗ x_i with s = -1, 1, -1, 1
    each = np.array([[-2.0, 0, 0], [0, 1.0, 0], [0, 0, -3.0], [2.0, 0, 0]])
    covariance = each.var(0, ddof=1).sum() / 2
    square = (each.mean(0) ** 2).sum() / 2 - covariance / 4
    noise = gradient_noise(Fixed(), pairs)
    assert noise["gradient_noise_trace"] == (pytest.approx(covariance), None)
    assert square < 0 and "noise_scale" not in noise
    same = gradient_noise(Fixed(), [(images, torch.tensor([0, 0, 0, 0]))])
    alike = np.abs(each) * [1, 1, 1]
    covariance = alike.var(0, ddof=1).sum() / 2
    scale = covariance / ((alike.mean(0) ** 2).sum() / 2 - covariance / 4)
    assert (same["noise_scale"][0] if scale > 0 else None) == (pytest.approx(scale, rel=1e-5) if scale > 0 else None)
    with pytest.raises(ValueError, match="batches: 1 images have no covariance"):
        gradient_noise(Fixed(), [(images[:1], labels[:1])])
    # second moments: diag(8, 1, 9)/4, of which the softmax at one half keeps a half
    assert top_eigenvalue(Fixed(), pairs)[0] == pytest.approx(9 / 8, rel=1e-5)
    start = torch.randn(6, generator=torch.Generator().manual_seed(3))
    start = start / start.norm()
    half = torch.tensor([8.0, 1.0, 9.0]) / 16
    turned = torch.stack([half * (start[:3] - start[3:]), half * (start[3:] - start[:3])]).flatten()
    value = float(start @ turned)
    first = top_eigenvalue(Fixed(), pairs, steps=1, seed=3)
    assert first == pytest.approx((value, float((turned - value * start).norm())), rel=1e-5)


def test_a_state_is_measured_whole_and_left_as_it_was(device_data):
    parts = stages(Stage(1, "blur"), Stage(1))
    trainer = Trainer(Recipe("fully_connected", 16, 2, batch_size=40, data="made"), device_data)
    for _ in range(2):
        trainer.run_epoch(parts)
    before = trainer.state()
    found = measure(trainer, parts, Measuring(fisher=16, hessian=16, lanczos_steps=4))
    assert all(torch.equal(a, b) for a, b in zip(before["momentum"], trainer.state()["momentum"], strict=True))
    for name, values in trainer.network.named_parameters():
        assert torch.equal(values, before["network"][name])
    expected = {f"{kind}_{what}" for kind in ("train", "test", "deficit_train") for what in ("loss", "accuracy")}
    assert expected | {"fisher_trace", "gradient_noise_trace", "hessian_top_eigenvalue"} <= set(found)
    assert measure(trainer, parts, Measuring(fisher=16, hessian=16, lanczos_steps=4)) == found


def test_the_learning_coefficient_of_a_state_repeats(device_data):
    parts = stages(Stage(0), Stage(3))
    trainer = Trainer(Recipe("logistic_regression", batch_size=40, data="made"), device_data)
    for _ in range(3):
        trainer.run_epoch(parts)
    few = Measuring(fisher=0, hessian=0, learning_coefficient=20, chains=2, draws=20)
    first, second = (measure(trainer, parts, few) for _ in range(2))
    assert first["learning_coefficient"] == second["learning_coefficient"]
    assert first["learning_coefficient_trusted"] == second["learning_coefficient_trusted"]
    without = [found["learning_coefficient_without_burn_in"][0] for found in (first, second)]
    assert without[0] == pytest.approx(without[1], rel=1e-12, nan_ok=True)
