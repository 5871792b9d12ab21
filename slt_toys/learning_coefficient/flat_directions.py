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
WIDTHS = 10.0 ** np.arange(-1.0, 3.01, 0.25)
FAR_WIDTHS = 10.0 ** np.arange(-1.0, 8.01, 0.25)  # where no direction has a curvature, and so nothing a length
SOFT = 0.25  # of the temperature: energy of points in flat directions
NEGLIGIBLE = 1e-3  # of the temperature
FAR = 1e4  # in units of the temperature: no chain goes there
PAIRS = 8  # of points opposite to each other, so that odd orders fall out
ROUNDS = 50  # of descent onto the branch; each leaves a share of about the width times the branch's curvature
LEFT = 1e-12  # of energy above the branch, where descent ends
STRAIGHT = 0.3  # of the way along a branch: by more than that it has bent away, or was lost
UNITS = 100.0  # of the numbers' epsilon by which two losses may differ
JUMP = 1e3  # in a step of three quarters: no power does that, but a wall where a unit that was dead comes to life
TURN = 0.5  # radians along a sphere, at most
DESCENT = 150  # steps down, half of them along a sphere if there is one
NEAR = 1 / 30  # of the reach: where orders are told apart
LOWER = 0.05  # of the typical energy at that distance: a way out of a higher order
AS_CURVED = 0.1  # of the typical curvature at that distance
TURNED = 0.1  # of the temperature for each flat direction: a rise straight on, off a branch that bends
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
    soft
        Whether energies reach a share of the temperature, however they grow: a curvature that was taken for noise.
    """

    rise: float
    allowed: float
    width: float
    reach: float | None = None
    soft: bool = False

    @property
    def flat(self) -> bool:
        """Whether nothing rises beyond what is allowed."""
        return self.rise <= self.allowed and not self.soft


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
    unit = float(known.pull[0]) ** -0.5
    away = torch.cat([torch.zeros_like(drawn[:1]), drawn, -drawn]) * unit
    narrow, before, reach = None, None, None
    seen: list[Flatness] = []
    for width in FAR_WIDTHS if bool(flat.all()) else WIDTHS:
        there = _at(loss, known, n_beta, flat, float(width) * away.to(loss.start.device), before)
        if there is None:
            break
        squares = (width / WIDTHS[0]) ** 2
        narrow = there if narrow is None else narrow
        allowed = NEGLIGIBLE + ALLOWANCE * there.noise + there.rounding + squares * narrow.rounding
        soft = there.energy > max(SOFT, allowed)
        now = Flatness(there.rise - narrow.rise * squares, allowed, float(width), soft=soft)
        if seen and before is not None and now.rise > JUMP * (squares * before.rounding + abs(before.rise)):
            break
        if reach is None and soft and there.energy >= 1:
            last = there.energy if before is None else before.energy
            share = np.log(there.energy) / np.log(there.energy / last) if 0 < last < there.energy else 0.0
            reach = float(width * (WIDTHS[0] / WIDTHS[1]) ** min(share, 1.0)) * unit
        seen.append(now)
        before = there
        if there.rise > FAR:
            break
    if not seen:
        return None
    found = max(seen, key=lambda at: at.rise / at.allowed)
    return replace(found, reach=reach, soft=any(at.soft for at in seen))


@dataclass(frozen=True)
class _There:
    """Mean rise at points, mean size of their energy, sizes of noise and rounding, and the way that they relaxed."""

    rise: float
    energy: float
    noise: float
    rounding: float
    offset: Tensor


def _at(
    loss: StackedLoss, known: Spectrum, n_beta: float, flat: Tensor, away: Tensor, before: _There | None
) -> _There | None:
    """Points `away` (the first at the start) once they have relaxed; None where they are lost."""
    assert known.vectors is not None
    curvature = torch.from_numpy(known.curvature).to(away)
    across, along = known.vectors[:, ~flat], known.vectors[:, flat]
    begun = loss.start.double() + away @ along.mT
    # A branch bends away like the square of the width.
    points = begun if before is None else begun + before.offset * (WIDTHS[1] / WIDTHS[0]) ** 2
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
    energies = n_beta * (losses[1:] - losses[0])
    rises = energies - squares.sum(1) - lines.sum(1)
    noise = (squares.abs().sum(1) + lines.abs().sum(1)).mean()
    rounding = UNITS * torch.finfo(loss.start.dtype).eps * n_beta * float(losses.abs().max())
    size = (energies[:PAIRS] + energies[PAIRS:]).abs().mean() / 2
    descent = 0.0 if bool(flat.all()) else 10 * LEFT  # where nothing is curved none is made
    return _There(float(rises.mean()), float(size), float(noise), rounding + descent, points - begun)


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
    return float(_descended(loss, vectors, stiffness, flat, at, n_beta, radius)[0].min())


def arms_lead_out(
    loss: StackedLoss, vectors: Tensor, stiffness: Array, flat: NDArray[np.bool_], reach: float, *, n_beta: float
) -> bool:
    """Whether the lowest ways out of a minimum of a higher order are arms of a crossing; arguments: `lowest_rise`.

    Where directions differ in order and do not mix, such as w₁⁴ + w₂⁶, the loss has no curvature across its lowest way
    out. Across an arm, such as those of (w₁w₂)² + w₁⁶ + w₂⁶, it is curved as elsewhere at that distance: then the
    energy comes to its limit slowly, like 1/log nβ, and no chain sees how much is missing.
    """
    if flat.sum() < 2:
        return False
    radius = NEAR * reach
    generator = torch.Generator().manual_seed(0)
    u = torch.randn((2 * PAIRS, int(flat.sum())), generator=generator, dtype=torch.float64)
    at = torch.zeros((2 * PAIRS, len(flat)), dtype=torch.float64, device=vectors.device)
    at[:, torch.from_numpy(flat)] = radius * (u / u.norm(dim=1, keepdim=True)).to(at)
    low, lowest = _descended(loss, vectors, stiffness, flat, at, n_beta, radius)
    typical = (n_beta * (loss.values(loss.start + at @ vectors.mT) - loss.values(loss.start[None]))).cpu().numpy()
    if not low.min() < LOWER * np.median(typical):
        return False
    across = [_curvature_across(loss, vectors, flat, point) for point in (lowest[int(low.argmin())], *at[:3])]
    return across[0] > AS_CURVED * float(np.median(across[1:]))


def _curvature_across(loss: StackedLoss, vectors: Tensor, flat: NDArray[np.bool_], at: Tensor) -> float:
    """Largest curvature along flat directions, at right angles to the way there, once the others have relaxed."""
    where = torch.from_numpy(flat).to(at.device)
    there = loss.moved_to(loss.start.double() + vectors @ at)
    products = torch.cat([there.hessian_products(part) for part in vectors.mT.to(loss.start).split(PAIRS)]).double()
    whole = products @ vectors
    mixed = whole[where][:, ~where]
    own = whole[where][:, where]
    if bool((~where).any()):
        own = own - mixed @ torch.linalg.solve(whole[~where][:, ~where], mixed.mT)
    way = at[where] / at[where].norm()
    off = torch.eye(len(way), dtype=way.dtype, device=way.device) - torch.outer(way, way)
    return float(torch.linalg.eigvalsh(off @ (own + own.mT) @ off / 2).abs().max())


def straight_on(loss: StackedLoss, vectors: Tensor, flat: NDArray[np.bool_], width: float, *, n_beta: float) -> float:
    """A width [length], at most that given, at which chains in flat directions have not left them yet.

    A branch of minima bends: at points straight on the loss has risen, like the fourth power of the width, and where it
    has risen by much the directions that were flat are stiff, and those that were stiff are others. Steps made for the
    start do not lead there and back, whatever their size.

    Parameters
    ----------
    loss, vectors, flat, n_beta
        As for `lowest_rise`.
    width
        The largest [length].
    """
    generator = torch.Generator().manual_seed(0)
    where = torch.from_numpy(flat).to(vectors.device)
    drawn = torch.randn((PAIRS, int(flat.sum())), generator=generator, dtype=torch.float64).to(vectors)
    away = torch.cat([drawn, -drawn]) @ vectors[:, where].mT
    reference, most = float(loss.values(loss.start[None])[0]), TURNED * float(flat.sum())
    for _ in range(ROUNDS):
        losses = loss.values((loss.start.double() + width * away).to(loss.start.dtype))
        rise = n_beta * float(losses.mean() - reference)
        if rise <= most:
            break
        width *= max(0.5, 0.99 * (most / rise) ** 0.25) if np.isfinite(rise) else 0.5
    return width


def polished(loss: StackedLoss, vectors: Tensor, stiffness: Array, flat: NDArray[np.bool_], *, n_beta: float) -> Tensor:
    """Parameters at the bottom across flat directions, in double precision: arguments as for `lowest_rise`.

    At the true parameters the noise of the data leaves a slope, and with it curvatures of either sign along a branch of
    minima that bends: at the bottom both are gone.
    """
    at = torch.zeros((1, len(flat)), dtype=torch.float64, device=vectors.device)
    at = _descended(loss, vectors, stiffness, flat, at, n_beta, None)[1]
    return loss.start.double() + (at @ vectors.mT)[0]


def _descended(
    loss: StackedLoss, vectors: Tensor, stiffness: Array, flat: NDArray[np.bool_], at: Tensor, n_beta: float,
    radius: float | None,
) -> tuple[Array, Tensor]:  # fmt: skip
    """Energies and components of points once they have come down: across flat directions, and along a sphere in them.

    Newton steps, of which each point takes a share that it finds, in turn with turns along the sphere, if there is one.
    """
    where = torch.from_numpy(flat).to(at.device)
    newton = torch.from_numpy(np.where(flat, 0.0, 1 / np.where(flat, 1.0, stiffness))).to(at)
    start, kind = loss.start.double(), loss.start.dtype
    reference = loss.values(loss.start[None])[0]
    sizes = torch.full((2, len(at), 1), TURN, dtype=torch.float64, device=at.device)
    height, slopes = _height(loss, start, vectors, at, kind)
    for step in range(DESCENT):
        turning = radius is not None and step % 2
        size = sizes[int(turning)]
        if radius is not None and step % 2:
            along = at * where
            tangent = slopes * where
            tangent = tangent - along * (tangent * along).sum(1, keepdim=True) / radius**2
            to = along - size * radius * tangent / tangent.norm(dim=1, keepdim=True).clamp(min=1e-300)
            to = to * radius / to.norm(dim=1, keepdim=True) + at * ~where
        else:
            to = at - 2 * size * n_beta * slopes * newton
        there, slopes_there = _height(loss, start, vectors, to, kind)
        better = (there < height)[:, None]
        at, slopes = torch.where(better, to, at), torch.where(better, slopes_there, slopes)
        height = torch.where(better[:, 0], there, height)
        sizes[int(turning)] = (size * torch.where(better, 1.5, 0.4)).clamp(max=TURN)
    return (n_beta * (height - reference)).cpu().numpy(), at


def _height(loss: StackedLoss, start: Tensor, vectors: Tensor, at: Tensor, kind: torch.dtype) -> tuple[Tensor, Tensor]:
    """Losses of points given by their components, infinite where they are none, and slopes along the directions."""
    losses, slopes = loss.values_and_gradients((start + at @ vectors.mT).to(kind))
    return torch.where(torch.isfinite(losses), losses, torch.inf), slopes.double() @ vectors
