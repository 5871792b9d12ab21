"""The top eigenvalue is that of the dense Hessian."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from cifar.training.hessian import top_eigenvalue
from tests.cifar.training.made_networks import small_network, some_data


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
