"""Whether directions in which the loss has no curvature are flat: along a branch of minima, or of a higher order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slt_toys.learning_coefficient.curvature import Spectrum
from slt_toys.learning_coefficient.stacked_loss import StackedLoss

Array = NDArray[np.float64]

# Of the localised chains' own width in a flat direction, from narrow to wide.
WIDTHS = 10.0 ** np.arange(-1.0, 3.01, 0.125)
FAR = 1e4  # in units of the temperature: no chain goes there
PAIRS = 16  # of points opposite to each other, so that odd orders fall out
ROUNDS = 100  # of descent onto the branch; each leaves a share of about the width times the branch's curvature
LEFT = 1e-12  # of energy above the branch, where descent ends
STRAIGHT = 0.3  # of the way along a branch: by more than that it has bent away, or was lost
UNITS = 100.0  # of the numbers' epsilon by which two losses may differ
JUMP = 100.0  # in a step of a third: no power does that, but a wall where a unit that was dead comes to life
TURN = 0.5  # radians along a sphere, at most
DESCENT = 200  # steps down, half of them along the sphere
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
    reach
        Width [length] of the points whose energy is that of the temperature; None where none was met.
    """

    rise: float
    allowed: float
    width: float
    reach: float | None = None

    @property
    def flat(self) -> bool:
        """Whether nothing rises beyond what is allowed."""
        return self.rise <= self.allowed


def flatness(
    loss: StackedLoss, known: Spectrum, *, n_beta: float, directions: NDArray[np.bool_] | None = None
) -> Flatness | None:
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
    directions
        Which of them are looked along; None for those without curvature.

    Returns
    -------
    Flatness or None
        None where the spectrum is not exact, nothing is flat, nothing holds the chains, or no point comes down.
    """
    flat = torch.from_numpy(np.abs(known.curvature) <= known.floor if directions is None else directions)
    if known.vectors is None or not bool(flat.any()) or not (known.pull > 0).all():
        return None
    generator = torch.Generator().manual_seed(0)  # where one looks is no matter of chance
    drawn = torch.randn((PAIRS, int(flat.sum())), generator=generator, dtype=torch.float64)
    away = torch.cat([torch.zeros_like(drawn[:1]), drawn, -drawn]) / float(known.pull[0]) ** 0.5
    narrow, last, reach = None, 0.0, None
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
        if reach is None and rise >= 1 and now.rise > allowed and len(seen) > 0:
            share = np.log(rise) / np.log(rise / last) if last > 0 else 0.0
            reach = float(width * (WIDTHS[0] / WIDTHS[1]) ** min(share, 1.0)) / float(known.pull[0]) ** 0.5
        seen.append(now)
        last = rise
        if rise > FAR:
            break
    found = max(seen, key=lambda there: there.rise / there.allowed, default=None)
    return None if found is None else replace(found, reach=reach)


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


def lowest_rise(
    loss: StackedLoss, vectors: Tensor, stiffness: Array, flat: NDArray[np.bool_], radius: float, *, n_beta: float
) -> float:
    """nβ (L - L(w*)) at the lowest points found so far out in flat directions, once the others have relaxed.

    Descent from random points, turn about along the sphere and by Newton steps in the other directions. Where the loss
    rises in every direction it is high; where branches of minima cross, their arms lead out at no height.

    Parameters
    ----------
    loss
        In double precision where it can be.
    vectors, stiffness
        Of directions as columns; in those not flat the stiffness is that of Newton steps, nβh.
    flat
        Which of them the sphere lies in.
    radius
        Of it [length].
    n_beta
        nβ [1/loss].
    """
    generator = torch.Generator().manual_seed(0)
    where = torch.from_numpy(flat)
    u = torch.randn((2 * PAIRS, int(flat.sum())), generator=generator, dtype=torch.float64)
    at = torch.zeros((2 * PAIRS, len(flat)), dtype=torch.float64, device=vectors.device)
    at[:, where] = radius * (u / u.norm(dim=1, keepdim=True)).to(at)
    newton = torch.from_numpy(np.where(flat, 0.0, 1 / np.where(flat, 1.0, stiffness))).to(at)
    start, kind = loss.start.double(), loss.start.dtype
    reference = loss.values(loss.start[None])[0]
    turn, share = torch.full_like(at[:, :1], TURN), torch.ones_like(at[:, :1])
    height, slopes = _height(loss, start, vectors, at, kind)
    for step in range(DESCENT):
        if step % 2:
            tangent = slopes * where.to(at)
            tangent = tangent - at * ((tangent * at * where.to(at)).sum(1, keepdim=True) / radius**2) * where.to(at)
            size = tangent.norm(dim=1, keepdim=True).clamp(min=1e-300)
            to = at - turn * radius * tangent / size
            length = (to * where.to(at)).norm(dim=1, keepdim=True)
            to = torch.where(where.to(at.device), to * (radius / length), to)
        else:
            to = at - share * n_beta * slopes * newton
        there, slopes_there = _height(loss, start, vectors, to, kind)
        better = (there < height)[:, None]
        at, slopes = torch.where(better, to, at), torch.where(better, slopes_there, slopes)
        height = torch.where(better[:, 0], there, height)
        factor = torch.where(better, 1.5, 0.4)
        if step % 2:
            turn = (turn * factor).clamp(max=TURN)
        else:
            share = (share * factor).clamp(max=1.0)
    return float(n_beta * (height - reference).min())


def _height(loss: StackedLoss, start: Tensor, vectors: Tensor, at: Tensor, kind: torch.dtype) -> tuple[Tensor, Tensor]:
    """Losses of points given by their components, infinite where they are none, and slopes along the directions."""
    losses, slopes = loss.values_and_gradients((start + at @ vectors.mT).to(kind))
    return torch.where(torch.isfinite(losses), losses, torch.inf), slopes.double() @ vectors
