"""The largest eigenvalue of the Hessian of the loss, by Lanczos."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from slt_toys.learning_coefficient.lanczos import lanczos


def top_eigenvalue(
    network: nn.Module, batches: Sequence[tuple[torch.Tensor, torch.Tensor]], *, steps: int = 20, seed: int = 0
) -> tuple[float, float]:
    """Largest eigenvalue of the Hessian of the mean cross-entropy, and how far it may be off.

    Parameters
    ----------
    network
        Taken with its batch statistics as they are.
    batches
        Images and labels; the mean is over all of them.
    steps
        Hessian-vector products.
    seed
        Of the starting vector.

    Returns
    -------
    tuple
        The largest Ritz value, and the norm of its residual: some eigenvalue lies that near.
    """
    network.eval()
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    examples = sum(len(labels) for _, labels in batches)

    def product(direction: torch.Tensor) -> torch.Tensor:
        parts = torch.split(direction, [parameter.numel() for parameter in parameters])
        total = torch.zeros_like(direction)
        for images, labels in batches:
            loss = functional.cross_entropy(network(images), labels, reduction="sum") / examples
            slopes = torch.autograd.grad(loss, parameters, create_graph=True)
            along = sum(
                ((slope.flatten() * part).sum() for slope, part in zip(slopes, parts, strict=True)),
                torch.zeros((), device=direction.device),
            )
            turned = torch.autograd.grad(along, parameters)
            total += torch.cat([values.flatten() for values in turned])
        return total

    size = sum(parameter.numel() for parameter in parameters)
    start = torch.randn(size, generator=torch.Generator().manual_seed(seed)).to(parameters[0].device)
    ritz = lanczos(product, start, steps)
    return float(ritz.values[-1]), float(ritz.residuals[-1])
