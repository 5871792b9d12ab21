"""How steep a loss of a higher order becomes where chains go, which no curvature at the minimum tells.

Leapfrogs that are right for most of w⁶, where it is flat, are unstable where it is steep: chains come there too seldom,
and stay for long. Their energy is then too low, and so are its errors, since what is missing is seen by none.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slt_toys.learning_coefficient.stacked_loss import StackedLoss

Array = NDArray[np.float64]

HIGHEST = 12.0  # in units of the temperature, more than half of every direction: beyond it nothing is missing
RAYS = 16
DOUBLINGS = 60
HALVINGS = 30
LENGTH = 2 * np.pi  # of a trajectory, in units of how far chains go: several times across
MOST_LEAPFROGS = 64
AT_ONCE = 64  # points evaluated at once


def stiffest(loss: StackedLoss, vectors: Tensor, scales: Array, which: NDArray[np.bool_], *, n_beta: float) -> float:
    """Largest stiffness along some directions, in units of the scales, where the loss is as high as chains climb.

    Parameters
    ----------
    loss
        In double precision where it can be.
    vectors, scales
        Directions as columns, and how far chains go in each [length].
    which
        Those of a higher order, or nearly so.
    n_beta
        nβ [1/loss].
    """
    generator = torch.Generator().manual_seed(0)  # where one looks is no matter of chance
    along = (vectors * torch.from_numpy(scales).to(vectors))[:, torch.from_numpy(which)]
    count = along.shape[1]
    drawn = torch.randn((RAYS, count), generator=generator, dtype=torch.float64)
    rays = torch.cat([torch.eye(count, dtype=torch.float64)[:RAYS], drawn / drawn.norm(dim=1, keepdim=True)])
    ways = rays.to(along) @ along.mT
    found = 0.0
    for way, far in zip(ways, _lengths(loss, ways, HIGHEST + count / 2, n_beta), strict=True):
        there = loss.moved_to(loss.start.double() + far * way)
        products = there.hessian_products(along.mT.to(loss.start)).double()
        matrix = n_beta * products @ along
        if bool(torch.isfinite(matrix).all()):
            found = max(found, float(torch.linalg.eigvalsh((matrix + matrix.mT) / 2).abs().max()))
    return found


def narrowed(loss: StackedLoss, vectors: Tensor, scales: Array, *, n_beta: float) -> Array:
    """How far chains go in each direction [length]: scales, halved where the loss has risen by the temperature before.

    Parameters
    ----------
    loss, vectors, n_beta
        As for `stiffest`.
    scales
        How far they would go by the curvature at the start.
    """
    found, left = scales.copy(), np.arange(len(scales))
    start, reference = loss.start.double(), loss.values(loss.start[None])[0]
    for _ in range(HALVINGS):
        steps = (vectors[:, left] * torch.from_numpy(found[left]).to(vectors)).mT
        sides = [
            torch.cat([loss.values((start + sign * part).to(loss.start.dtype)) for part in steps.split(AT_ONCE)])
            for sign in (1.0, -1.0)
        ]
        rises = (n_beta * ((sides[0] + sides[1]) / 2 - reference)).cpu().numpy()
        left = left[~(rises <= 1.0)]
        if not len(left):
            break
        found[left] /= 2
    return found


def _lengths(loss: StackedLoss, ways: Tensor, height: float, n_beta: float) -> Tensor:
    """How far one may go each way until the loss has risen by this height, in units of the temperature."""
    reference = loss.values(loss.start[None])[0]

    def low(far: Tensor) -> Tensor:
        losses = loss.values((loss.start.double() + far[:, None] * ways).to(loss.start.dtype))
        return n_beta * (losses - reference) <= height

    far = torch.full((len(ways),), 1e-3, dtype=torch.float64, device=ways.device)
    for _ in range(DOUBLINGS):
        rises = low(far)
        if not bool(rises.any()):
            break
        far = torch.where(rises, 2 * far, far)
    near = far / 2
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        rises = low(middle)
        near, far = torch.where(rises, middle, near), torch.where(rises, far, middle)
    return near
