"""Losses of one function of the parameters, as torch modules."""

from __future__ import annotations

import torch
from torch import nn

from slt_toys.learning_coefficient.curvature import Spectrum, spectrum
from slt_toys.learning_coefficient.stacked_loss import StackedLoss

DOUBLE = torch.float64
ONES = torch.ones(2, 1, dtype=DOUBLE)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mean(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return outputs.mean()


class Loss(nn.Module):
    """A module whose output is a given function of its weights."""

    def __init__(self, function, start, dtype=DOUBLE):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(start, dtype=dtype))
        self.function = function

    def forward(self, x):
        return x * self.function(self.w)


def stacked(function, start, dtype=DOUBLE) -> StackedLoss:
    return StackedLoss(Loss(function, start, dtype), mean, ONES.to(dtype), ONES.to(dtype))


def quadratic(curvatures, at=None) -> StackedLoss:
    h = torch.tensor(curvatures, dtype=DOUBLE)
    return stacked(lambda w: (h * w**2).sum() / 2, [0.0] * len(curvatures) if at is None else at)


def of(loss: StackedLoss, n_beta: float = 10.0, localisation: float = 3.0, scales=None) -> Spectrum:
    scales = torch.ones_like(loss.start) if scales is None else torch.tensor(scales, dtype=DOUBLE)
    return spectrum(loss, n_beta=n_beta, localisation=localisation, scales=scales, generator=generator())
