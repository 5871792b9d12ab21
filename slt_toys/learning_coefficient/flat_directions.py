"""Whether directions in which the loss has no curvature are flat: along a branch of minima, or of a higher order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from slt_toys.learning_coefficient.curvature import Spectrum
from slt_toys.learning_coefficient.stacked_loss import StackedLoss

# Of the localised chains' own width in a flat direction, from narrow to wide.
WIDTHS = 10.0 ** np.arange(-1.0, 2.01, 0.125)
PAIRS = 16  # of points opposite to each other, so that odd orders fall out
ROUNDS = 100  # of descent onto the branch; each leaves a share of about the width times the branch's curvature
LEFT = 1e-12  # of energy above the branch, where descent ends
STRAIGHT = 0.3  # of the way along a branch: by more than that it has bent away, or was lost
UNITS = 100.0  # of the numbers' epsilon by which two losses may differ
JUMP = 100.0  # in a step of a third: no power does that, but a wall where a unit that was dead comes to life
ALLOWANCE = 0.005  # of the noise of the data in flat directions, which on a bent branch is of all even orders


@dataclass(frozen=True)
class Flatness:
    """Energy of points in flat directions, once curved directions have relaxed, at the width where most is seen.

    Attributes
    ----------
    rise
        Mean of nβ (L - L(w*)) beyond what grows with the square of the width.
    allowed
        What rounding and the noise of the data may make of nothing.
    width
        How far out, in the localised chains' own width.
    """

    rise: float
    allowed: float
    width: float

    @property
    def flat(self) -> bool:
        """Whether nothing rises beyond what is allowed."""
        return self.rise <= self.allowed


def flatness(loss: StackedLoss, known: Spectrum, *, n_beta: float) -> Flatness | None:
    """How far the loss rises along flat directions, from a tenth of the localised chains' width outwards.

    Points are drawn in the directions without curvature; in the others Newton steps bring them down. On a smooth branch
    of minima they come back to the start's loss, but for the data's noise, which grows like the square of the width. At
    a crossing of branches, or where the loss is of fourth order, the rise grows faster. No chain is needed, so that no
    fluctuation hides a rise that this localisation makes small.

    Parameters
    ----------
    loss
        In double precision where it can be.
    known
        Exact spectrum in unscaled coordinates.
    n_beta
        nβ [1/loss].

    Returns
    -------
    Flatness or None
        None where the spectrum is not exact, nothing is flat, nothing holds the chains, or no point comes down.
    """
    flat = torch.from_numpy(np.abs(known.curvature) <= known.floor)
    if known.vectors is None or not bool(flat.any()) or not (known.pull > 0).all():
        return None
    generator = torch.Generator().manual_seed(0)  # where one looks is no matter of chance
    drawn = torch.randn((PAIRS, int(flat.sum())), generator=generator, dtype=torch.float64)
    away = torch.cat([torch.zeros_like(drawn[:1]), drawn, -drawn]) / float(known.pull[0]) ** 0.5
    narrow, last = None, 0.0
    seen: list[Flatness] = []
    for width in WIDTHS:
        seen_there = _at(loss, known, n_beta, flat, float(width) * away.to(loss.start.device))
        if seen_there is None:
            break
        rise, noise, rounding = seen_there
        squares = (width / WIDTHS[0]) ** 2
        narrow = rise if narrow is None else narrow
        allowed = ALLOWANCE * noise + (1 + squares) * rounding
        now = Flatness(rise - narrow * squares, allowed, float(width))
        if seen and now.rise > JUMP * (seen[-1].allowed + abs(last)):
            break
        seen.append(now)
        last = rise
    return max(seen, key=lambda there: there.rise / there.allowed, default=None)


def _at(
    loss: StackedLoss, known: Spectrum, n_beta: float, flat: Tensor, away: Tensor
) -> tuple[float, float, float] | None:
    """Mean rise at points `away` (the first at the start), sizes of noise and rounding; None where they are lost."""
    assert known.vectors is not None
    curvature = torch.from_numpy(known.curvature).to(away)
    across, along = known.vectors[:, ~flat], known.vectors[:, flat]
    begun = loss.start.double() + away @ along.mT
    points = begun
    left = torch.full_like(away[:, 0], torch.inf)
    for _ in range(ROUNDS):
        slopes = n_beta * loss.values_and_gradients(points.to(loss.start.dtype))[1].double() @ across
        left = (slopes**2 / curvature[~flat]).sum(1) / 2
        if bool((left <= LEFT).all()) or not bool(torch.isfinite(left).all()):
            break
        points = points - (slopes / curvature[~flat]) @ across.mT
    bent = (points - begun - (points - begun)[0]).norm(dim=1) > STRAIGHT * away.norm(dim=1)
    losses = loss.values(points.to(loss.start.dtype))
    if bool(bent.any()) or not bool((left <= LEFT).all() & torch.isfinite(losses).all()):
        return None
    slope = n_beta * loss.values_and_gradients(loss.start[None])[1][0].double() @ along
    squares, lines = away[1:] ** 2 * curvature[flat] / 2, away[1:] * slope
    rises = n_beta * (losses[1:] - losses[0]) - squares.sum(1) - lines.sum(1)
    noise = (squares.abs().sum(1) + lines.abs().sum(1)).mean()
    rounding = UNITS * torch.finfo(loss.start.dtype).eps * n_beta * float(losses.abs().max())
    return float(rises.mean()), float(noise), rounding + 10 * LEFT
