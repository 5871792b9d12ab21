"""Networks and batches small enough for dense answers."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


def small_network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)).eval()


def some_data(count: int = 90) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(count, 6), torch.randint(0, 3, (count,))


def check_gradients(ours: nn.Module, theirs: nn.Module, device: torch.device) -> None:
    """That two ways through the same parameters, in double precision, have the same gradients."""
    drawn = torch.Generator().manual_seed(0)
    images = torch.randn(40, 3, 32, 32, generator=drawn, dtype=torch.float64)
    labels = torch.randint(0, 10, (40,), generator=drawn).to(device)
    images = images.to(device).contiguous(memory_format=torch.channels_last)
    found = []
    for network in (ours, theirs):
        theirs.zero_grad()
        functional.cross_entropy(network(images), labels).backward()
        found.append([parameter.grad.clone() for parameter in theirs.parameters() if parameter.grad is not None])
    assert found[0] and len(found[0]) == len(list(theirs.parameters()))
    for first, second in zip(*found, strict=True):
        assert (first - second).norm() <= 1e-11 * second.norm() + 1e-13
    assert not torch.equal(found[0][0], torch.zeros_like(found[0][0]))
