"""What the numbers of a module's type cannot tell apart, in units of the temperature."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from slt_toys.learning_coefficient.stacked_loss import StackedLoss

TRIES = 4  # vectors of rounding errors


@dataclass(frozen=True)
class Resolution:
    """Errors of energies that come from the type of the numbers alone.

    Attributes
    ----------
    type
        Its name.
    energy
        Mean error of nβ (L - L(w*)): measured against double precision, or nβ times the loss times the type's epsilon
        where there is nothing more precise.
    rounding
        Energy that rounding all parameters once adds.
    """

    type: str
    energy: float
    rounding: float


def resolution(loss: StackedLoss, twin: StackedLoss | None, points: Tensor, *, n_beta: float) -> Resolution:
    """Errors of energies at points (copies, parameters), with the same loss in double precision, if there is one."""
    kind = loss.start.dtype
    rounding = _rounding(twin or loss, loss.start, points, n_beta)
    here, start = loss.values(points), loss.values(loss.start[None])
    if twin is None:
        energy = n_beta * torch.finfo(kind).eps * float(torch.cat([here, start]).abs().max())
    else:
        there = twin.values(points.double()) - twin.values(twin.start[None])
        energy = abs(n_beta * float((here - start - there).mean()))
    return Resolution(str(kind).removeprefix("torch."), energy, rounding)


def _rounding(loss: StackedLoss, start: Tensor, points: Tensor, n_beta: float) -> float:
    """nβ/2 times the mean of δ·Hδ, with δ uniform within half the spacing of numbers as large as the parameters."""
    sizes = points.double().square().mean(0).sqrt().maximum(start.double().abs())
    spacing = torch.finfo(start.dtype).eps * 2.0 ** torch.floor(torch.log2(sizes.clamp(min=1e-300)))
    generator = torch.Generator().manual_seed(0)
    errors = torch.rand((TRIES, len(start)), generator=generator, dtype=torch.float64).to(sizes.device) - 0.5
    errors = (errors * spacing).to(loss.start.dtype)
    turned = torch.stack([loss.hessian_products(error[None])[0] for error in errors])
    return abs(n_beta * float((errors.double() * turned.double()).sum(1).mean()) / 2)
