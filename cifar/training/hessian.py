"""The largest eigenvalue of the Hessian of the loss, by Lanczos with full reorthogonalisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional


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
        The largest Ritz value, and the norm of its residual: some eigenvalue lies that near (Parlett 1980).
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
    basis = [start / start.norm()]
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(min(steps, size)):
        following = product(basis[-1])
        diagonal.append(float(following @ basis[-1]))
        for _ in range(2):  # once leaves rounding that grows into false copies of the eigenvalue
            for vector in basis:
                following = following - (following @ vector) * vector
        beside.append(float(following.norm()))
        if beside[-1] <= 1e-6 * max(map(abs, diagonal)):
            break
        basis.append(following / beside[-1])
    inner = torch.tensor(beside[:-1], dtype=torch.float64)
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64)) + torch.diag(inner, 1) + torch.diag(inner, -1)
    values, vectors = torch.linalg.eigh(matrix)
    return float(values[-1]), beside[-1] * abs(float(vectors[-1, -1]))
