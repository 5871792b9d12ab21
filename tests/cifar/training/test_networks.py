"""The published networks have the published sizes."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cifar.study.stages import Recipe
from cifar.sweep.plan import image_cost, plan
from cifar.training.networks import PaddedConvolution, make_network, multiply_adds, pad_channels
from cifar.training.training import Trainer
from tests.cifar.made_studies import small, training_cost


def test_published_networks_have_the_published_sizes():
    sizes = {name: sum(p.numel() for p in make_network(name).parameters()) for name in ("all_cnn", "resnet18_imagenet")}
    assert sizes["resnet18_imagenet"] == 11_689_512  # as every implementation of it
    channels = [3, 96, 96, 192, 192, 192, 192, 192]
    by_hand = sum(9 * a * b for a, b in pairwise(channels)) + 192 * 192 + 192 * 10
    by_hand += 2 * (sum(channels[1:]) + 192 + 10)
    assert sizes["all_cnn"] == by_hand
    assert multiply_adds(make_network("logistic_regression")) == 30720
    for name, width, words in (("vgg", 8, "network: 'vgg'"), ("all_cnn", 0, "width: 0"), ("all_cnn", 12, "width: 12")):
        with pytest.raises(ValueError, match=words):
            make_network(name, width=width)


def test_the_cost_of_a_network_is_that_of_the_literature():
    by_hand = 1024 * 9 * (3 * 96 + 96 * 96) + 256 * 9 * (96 * 192 + 2 * 192 * 192)
    by_hand += 64 * (9 * 2 * 192 * 192 + 192 * 192 + 192 * 10)
    assert multiply_adds(make_network("all_cnn")) == by_hand
    small_stem = make_network("resnet18")
    assert multiply_adds(small_stem) == 555_422_720 and sum(p.numel() for p in small_stem.parameters()) == 11_173_962
    assert multiply_adds(make_network("resnet18_imagenet"), 224) == 1_814_073_344
    assert multiply_adds(make_network("fully_connected", width=16, depth=2)) == 3072 * 16 + 16 * 8 + 8 * 10
    assert small_stem.training, "counting leaves a network in the mode that it was in"
    for name in ("all_cnn", "resnet18_imagenet"):
        assert training_cost(name) == 6 * multiply_adds(make_network(name))
    (unit,) = plan(small(batch_sizes=(40,), switch_epochs=(0,)).runs("x"))
    assert image_cost(unit, classes=10, size=32) == 6 * 3072 * 10


def test_weights_by_fan_out_have_the_variance_of_their_outputs():
    network = make_network("resnet18", width=64, initialisation="fan_out", seed=int(torch.seed() % 2**31))
    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d) and layer.weight.numel() > 1e4]
    assert len(layers) > 10
    for layer in layers:
        outputs, _, height, width = layer.weight.shape
        count = layer.weight.numel()
        ratio = float(layer.weight.detach().double().var()) / (2 / (outputs * height * width))
        assert abs(ratio - 1) < 6 * (2 / count) ** 0.5
    same = [make_network("resnet18", width=8, seed=3, initialisation=kind) for kind in ("torch", "torch", "fan_out")]
    first, second, other = (next(iter(network.parameters())) for network in same)
    assert torch.equal(first, second) and not torch.equal(first, other)


def _how_far_padding_moves(name: str) -> float:
    """The largest norm of a change of an output or a gradient by padding, in units of that tensor's own norm."""
    torch.manual_seed(5)
    plain = make_network(name, width=8, seed=5).double().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    found = {}
    for padded in (False, True):
        pad_channels(plain, padded)
        plain.zero_grad()
        outputs = plain(images)
        torch.nn.functional.cross_entropy(outputs, torch.arange(4)).backward()
        found[padded] = [outputs.detach(), *(weight.grad.clone() for weight in plain.parameters())]
    shapes = {name: tuple(value.shape) for name, value in plain.state_dict().items()}
    assert shapes == {name: tuple(value.shape) for name, value in make_network(name, width=8).state_dict().items()}
    return max(float((one - other).norm() / one.norm()) for one, other in zip(found[False], found[True], strict=True))


@pytest.mark.parametrize("name", ["all_cnn", "resnet18", "resnet18_imagenet"])
def test_padded_channels_change_no_output_and_no_gradient(name, monkeypatch):
    # A sum's rounding goes with its terms, not with the one entry it leaves: hence norms. Over 60 seeds 9e-13 at most:
    # four images normalised by their own statistics lose three digits of sixteen.
    assert _how_far_padding_moves(name) < 1e-10
    right = torch.nn.functional.pad
    monkeypatch.setattr(torch.nn.functional, "pad", lambda tensor, widths: right(tensor, widths, value=1e-3))
    assert _how_far_padding_moves(name) > 1e-8, "the control: padding that is not zero is seen"


def test_padding_gives_the_convolution_multiples_of_eight(monkeypatch):
    seen, whole = [], torch.nn.functional.conv2d

    def watched(images, weight, *rest):
        seen.append(tuple(weight.shape[:2]))
        assert images.is_contiguous(memory_format=torch.channels_last)
        return whole(images, weight, *rest)

    network = pad_channels(make_network("all_cnn", width=8), True).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    monkeypatch.setattr(torch.nn.functional, "conv2d", watched)
    network(torch.randn(4, 3, 32, 32).contiguous(memory_format=torch.channels_last))
    assert all(inputs % 8 == 0 and outputs % 8 == 0 for outputs, inputs in seen) and len(seen) == 9
    seen.clear()
    pad_channels(network, False)(torch.randn(4, 3, 32, 32).contiguous(memory_format=torch.channels_last))
    assert (seen[0], seen[-1]) == ((8, 3), (10, 16)), "the control: left alone, two of them are no multiples"


@pytest.mark.parametrize(("kind", "precision", "padded"), [("cuda", "bfloat16", True), ("cuda", "float32", False),
                                                           ("cpu", "bfloat16", False)])  # fmt: skip
def test_only_a_gpu_in_bfloat16_pads(kind, precision, padded, monkeypatch):
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *_, **__: self)
    trainer: Any = Trainer.__new__(Trainer)
    trainer.recipe = Recipe("all_cnn", 8, precision=precision)
    trainer.data = SimpleNamespace(device=torch.device(kind), classes=10, size=32)
    network = trainer._fresh(0)
    assert {one.padded for one in network.modules() if isinstance(one, PaddedConvolution)} == {padded}
