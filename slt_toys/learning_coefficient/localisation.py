"""Which directions a localisation may hold, how wide chains go in each, and how deep the loss falls from the start.

One number for all directions freezes those that the loss holds more softly: with a Hessian of condition number 10⁴ and
γ a hundredth of the largest stiffness nearly all of them. Here every curved direction has a γ of a hundredth of its own
stiffness, so that rescaled or shifted inputs, which mix parameters linearly, change nothing; none beside flat ones,
which bend into them. In directions without curvature a hundredth of the largest is kept where they are flat, or as much
as keeps chains where the branch has not yet turned; where the loss rises in a higher order, or branches of minima
cross, it is made so weak that the loss, not the localisation, holds the chains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from slt_toys.learning_coefficient.curvature import Eigen, eigen
from slt_toys.learning_coefficient.flat_directions import (
    Flatness,
    arms_lead_out,
    flatness,
    lowest_rise,
    polished,
    straight_on,
)
from slt_toys.learning_coefficient.stacked_loss import StackedLoss

Array = NDArray[np.float64]

SHARE = 0.01  # of a direction's stiffness: its localisation
NOISE_HELD = 8.0  # times the most negative curvature: as weak as a localisation may be
FREE = 0.05  # of the loss's own hold: a weaker localisation lets the loss hold the chains
HELD = 4.0  # in units of the temperature: where the loss has risen so much, it holds the chains
HALVINGS = 60
NEARER = 8.0  # times nearer than its curvature says, a rise is that of a higher order
FALLS = 0.25  # of the quadratic's rise, below which the loss no longer holds a direction
ROUNDS = 3  # in which directions are found not to be flat
LOWEST = 16  # directions of negative curvature that are gone along
WAY_DOWN = 10.0 ** np.arange(-1.0, 1.51, 0.25)  # along them, in the width of a curvature of the other sign
POINTS = 64  # evaluated at once


@dataclass(frozen=True)
class Hold:
    """Localisation and scale of each eigenvector of the Hessian.

    Attributes
    ----------
    pulls
        γ [1/length²], shape (directions,).
    scales
        How far chains go [length]: units in which they are run.
    flat
        Which directions count as flat, or as of a higher order.
    flatness
        What the loss does along these; None where nothing is flat or it is not seen.
    free
        Whether they are not flat, but the loss holds chains there, not the localisation.
    drop
        By how much the loss falls below the start's along directions of negative curvature, or down a slope in flat
        ones, nβ times.
    bent
        Whether flat directions are held more strongly, lest chains go where the branch has turned.
    """

    pulls: Array
    scales: Array
    flat: NDArray[np.bool_]
    flatness: Flatness | None
    free: bool
    drop: float
    bent: bool = False

    @property
    def localisation(self) -> float:
        """γ of flat directions, or else the weakest of all."""
        chosen = self.pulls[self.flat] if self.flat.any() else self.pulls
        return float(chosen.min())


def hold(loss: StackedLoss, known: Eigen, *, n_beta: float, localisation: float | None) -> Hold:
    """Localisation and scales, from losses around the start alone.

    Parameters
    ----------
    loss
        In double precision where it can be, from the `bottom`.
    known
        Its eigenvectors there.
    n_beta
        nβ [1/loss].
    localisation
        γ of all directions; None to choose it for each.
    """
    curvature, chosen = known.curvature, localisation is None
    flat = curvature <= known.floor
    drop, lowest = _drop(loss, known, n_beta), max(0.0, -float(curvature[0]))
    if localisation is None:
        pulls = np.where(flat, 0.0, SHARE * curvature)
        tight = SHARE * float(curvature[-1]) if not flat.all() else 1 / (SHARE * _size_of_parameters(loss))
        tight = max(tight, NOISE_HELD * lowest)
    else:
        pulls, tight = np.full_like(curvature, localisation), localisation
    loose = tight if tight > 0 else SHARE * float(curvature[-1])
    stiffness = np.where(flat, loose, curvature + pulls)
    scales = stiffness**-0.5 if (stiffness > 0).all() else np.ones_like(stiffness)
    widths, falls = _widths(loss, known, n_beta, np.flatnonzero(~flat), scales)
    flat = flat | (widths < scales / NEARER)
    found = None
    if flat.any() and tight > 0:
        found = flatness(
            loss, known.spectrum(np.full_like(pulls, tight), np.ones_like(pulls)), n_beta=n_beta, directions=flat
        )
    if chosen:
        pulls = np.where(falls, widths**-2, pulls)
        # A branch bends into curved directions: pulled back there, chains feel it as energy that no quadratic knows.
        pulls[~flat & ~falls & flat.any()] = 0.0
        pulls[flat] = tight
    free = bent = False
    if chosen and found is not None and found.flat:
        straight = straight_on(loss, known.vectors, flat, tight**-0.5, n_beta=n_beta)
        bent = straight < tight**-0.5
        widths[flat], pulls[flat] = straight, straight**-2
    if found is not None and not found.flat and found.reach is not None:
        widths[flat] = found.reach if chosen else min(found.reach, tight**-0.5)
        if chosen:
            pulls[flat] = max(SHARE / found.reach**2, NOISE_HELD * lowest)
        if (pulls[flat] * found.reach**2 <= FREE).all():
            stiffness, far = np.maximum(curvature, pulls), float(pulls[flat][0]) ** -0.5
            free = lowest_rise(loss, known.vectors, stiffness, flat, far, n_beta=n_beta) >= HELD
            free &= not arms_lead_out(loss, known.vectors, stiffness, flat, found.reach, n_beta=n_beta)
    return Hold(pulls, widths, flat, found, free, drop, bent)


def _size_of_parameters(loss: StackedLoss) -> float:
    """Mean square of the parameters; 1 where they are all 0."""
    return float(loss.start.double().square().mean()) or 1.0


def _rises(loss: StackedLoss, known: Eigen, n_beta: float, which: NDArray[np.intp], by: Array) -> Array:
    """nβ (L - L(w*)) at both sides of the start, shape (2, directions)."""
    start, reference = loss.start.double(), float(loss.values(loss.start[None])[0])
    found = np.empty((2, len(which)))
    for first in range(0, len(which), POINTS):
        part = slice(first, first + POINTS)
        steps = torch.from_numpy(by[part]).to(start)[:, None] * known.vectors[:, which[part]].mT
        for side, sign in enumerate((1.0, -1.0)):
            found[side, part] = loss.values((start + sign * steps).to(loss.start.dtype)).cpu().numpy()
    return n_beta * (found - reference)


def _widths(
    loss: StackedLoss, known: Eigen, n_beta: float, which: NDArray[np.intp], scales: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """How far chains go in each direction, and whether the loss lets go of it there.

    Halved until the loss, on the mean of both sides, has risen by no more than the temperature, and by no less than a
    share of what the curvature says.
    """
    widths, falls = scales.copy(), np.zeros(len(scales), dtype=bool)
    left = which
    for _ in range(HALVINGS):
        rise = _rises(loss, known, n_beta, left, widths[left]).mean(0)
        low = rise < FALLS * known.curvature[left] * widths[left] ** 2 / 2
        again = ~(rise <= 1) | low
        falls[left[low]] = True
        left = left[again]
        if not len(left):
            break
        widths[left] /= 2
    return widths, falls


def _drop(loss: StackedLoss, known: Eigen, n_beta: float) -> float:
    """How deep the loss falls along directions of negative curvature, and down the slope in flat ones."""
    lowest = 0.0
    which = np.flatnonzero(known.curvature < -known.rounding)[:LOWEST]
    if len(which):
        own = np.abs(known.curvature[which]) ** -0.5
        lowest = min(float(np.nanmin(_rises(loss, known, n_beta, which, far * own))) for far in WAY_DOWN)
    down = torch.from_numpy(np.where(known.curvature <= known.floor, -known.slope, 0.0)).to(known.vectors)
    if float(down.norm()) > 0:
        way = known.vectors @ (down / down.norm()) * _size_of_parameters(loss) ** 0.5
        far = torch.from_numpy(WAY_DOWN / WAY_DOWN[-1]).to(way)[:, None]
        heights = loss.values((loss.start.double() + far * way).to(loss.start.dtype)) - loss.values(loss.start[None])
        lowest = min(lowest, float(np.nanmin(n_beta * heights.cpu().numpy())))
    return max(0.0, -lowest)


def bottom(loss: StackedLoss, known: Eigen, *, n_beta: float) -> tuple[StackedLoss, Eigen]:
    """The loss from the bottom across its flat directions, and its eigenvectors there (with the start's slope).

    So that what the noise of the data does to flat directions is not taken for curvature. Where there are none, and no
    curvature is negative, nothing changes.
    """
    slope = loss.values_and_gradients(loss.start[None])[1][0]
    for _ in range(ROUNDS):
        flat = known.curvature <= known.floor
        if flat.all() or known.floor <= known.rounding:
            break
        stiffness = np.maximum(known.curvature, known.floor)
        loss = loss.moved_to(polished(loss, known.vectors, stiffness, flat, n_beta=n_beta))
        known = eigen(loss, n_beta=n_beta, slope=slope)
        if (known.curvature <= known.floor).sum() == flat.sum():
            break
    return loss, known
