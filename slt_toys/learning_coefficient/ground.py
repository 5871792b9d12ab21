"""What chains are to sample, and all that is known of it before one has moved: posterior, spectra, localisation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from slt_toys.learning_coefficient import curvature, many_directions, steep_walls
from slt_toys.learning_coefficient.chains import ACCEPTANCE, OWN_COORDINATES, Posterior, Sampler
from slt_toys.learning_coefficient.curvature import (
    MOST_LEAPFROGS,
    STIFFEST_STEP,
    Eigen,
    Spectrum,
    largest_curvature,
    spectrum,
)
from slt_toys.learning_coefficient.localisation import SHARE, Hold, bottom, hold
from slt_toys.learning_coefficient.profiles import profile_energy
from slt_toys.learning_coefficient.single_slopes import single_slopes
from slt_toys.learning_coefficient.stacked_loss import StackedLoss

STEEPER = 0.5  # stiffness in units of how far chains go, of a quadratic 1
RESOLVED = 0.01  # of the temperature: by how much single numbers may err in one loss


@dataclass(frozen=True)
class Ground:
    """What chains run on.

    Attributes
    ----------
    posterior
        With its loss in the type of numbers that resolves it.
    twin
        The loss in double precision, None where the posterior's is.
    known, bare
        Spectrum in the chains' and in the module's coordinates.
    top
        Largest curvature [loss/length²].
    localisation
        γ of flat directions, or the weakest of all.
    hold
        How directions are held; None where they are not known one by one.
    height
        By how much the start lies above the bottom across flat directions, nβ times; None where one did not go there.
    many
        Whether chains run in scaled coordinates of many parameters.
    steep
        Largest stiffness where chains climb along directions of a higher order; None where the loss holds none there.
    minimum
        The loss at the bottom across flat directions, and its eigenvectors; None where these are not known.
    """

    posterior: Posterior
    twin: StackedLoss | None
    known: Spectrum
    bare: Spectrum
    top: float
    localisation: float
    hold: Hold | None = None
    height: float | None = None
    many: bool = False
    steep: float | None = None
    minimum: tuple[StackedLoss, Eigen] | None = None

    @property
    def ruling(self) -> Spectrum:
        """What steps have to follow: directions in whose units chains run are as stiff as those units say."""
        if self.posterior.vectors is None:
            return self.known
        return replace(self.known, stiffness=np.maximum(self.known.stiffness, 1.0))

    def leapfrogs(self, step_size: float) -> int:
        """Leapfrogs in a quarter turn; the most where a higher order has flat parts to cross and walls to mind."""
        if self.steep is not None:
            return min(math.ceil(steep_walls.LENGTH / math.sqrt(step_size)), steep_walls.MOST_LEAPFROGS)
        if self.hold is not None and self.hold.flatness is not None and not self.hold.flatness.flat:
            return MOST_LEAPFROGS // 2
        if self.many:
            return many_directions.leapfrogs(self.known, step_size)
        return self.ruling.leapfrogs(step_size)

    @property
    def largest_step(self) -> float:
        """Beyond which leapfrogs are unstable where the loss is steep."""
        return math.inf if self.steep is None else STIFFEST_STEP / max(self.steep, 1.0)

    @cached_property
    def profiled(self) -> float | None:
        """Energy of the curved directions by their profiles; None where others are flat, or profiles do not tell."""
        if self.minimum is None or self.hold is None or not self.posterior.balanced:
            return None
        held = self.hold
        loss, known = self.minimum
        return profile_energy(loss, known, held.pulls, held.scales, ~held.flat, n_beta=self.posterior.n_beta)

    def weaker(self, factor: float) -> Posterior:
        """The posterior at a localisation so many times weaker."""
        return replace(self.posterior, localisation=self.posterior.localisation / factor)


def ground(
    stacked: StackedLoss, sampler: Sampler, n_beta: float, localisation: float | None, generator: torch.Generator
) -> Ground:
    """Look at the loss around the start.

    Raises
    ------
    ValueError
        For a curvature that is not finite, or nothing to hold the chains.
    """
    twin = stacked.doubled()
    precise = twin or stacked
    if twin is not None and not _resolves(stacked, n_beta):
        stacked, twin = twin, None
    if len(stacked.start) > curvature.EXACT_UP_TO:
        return _by_quadrature(stacked, twin, sampler, n_beta, localisation, generator)
    known = curvature.eigen(precise, n_beta=n_beta)
    top = float(known.curvature[-1])
    if localisation == 0 and not top > 0:
        raise ValueError(
            "localisation: 0 leaves nothing to hold the chains where the loss has no positive curvature; give a "
            "positive number"
        )
    if sampler in OWN_COORDINATES and localisation is None and top > 0:
        localisation = SHARE * top
    lowest, known = bottom(precise, known, n_beta=n_beta)
    height = None
    if lowest is not precise:
        height = n_beta * float(precise.values(precise.start[None])[0] - lowest.values(lowest.start[None])[0])
    found = hold(lowest, known, n_beta=n_beta, localisation=localisation)
    ones = np.ones_like(known.curvature)
    bare = known.spectrum(found.pulls, ones)
    if sampler in OWN_COORDINATES:
        posterior = Posterior(stacked, n_beta, found.localisation, torch.ones_like(stacked.start))
        bare = known.spectrum(np.full_like(ones, found.localisation), ones)
        return Ground(posterior, twin, bare, bare, top / n_beta, found.localisation, found, height)
    like = stacked.start
    posterior = Posterior(
        stacked, n_beta, torch.from_numpy(found.pulls).to(like), torch.from_numpy(found.scales).to(like),
        known.vectors.to(like), torch.from_numpy(np.flatnonzero(found.flat)).to(like.device),
        balanced=found.free or not bool(found.flat.any()),
    )  # fmt: skip
    scaled = known.spectrum(found.pulls, found.scales)
    # Directions of a higher order, and those whose loss soon rises faster than its curvature says.
    climbed = ~found.flat & (scaled.stiffness < STEEPER) if posterior.balanced else np.zeros_like(found.flat)
    climbed |= found.flat & found.free
    steep = None
    if climbed.any():
        steep = steep_walls.stiffest(lowest, known.vectors, found.scales, climbed, n_beta=n_beta)
    return Ground(
        posterior, twin, scaled, bare, top / n_beta, found.localisation, found, height, steep=steep,
        minimum=(lowest, known),
    )  # fmt: skip


def _resolves(loss: StackedLoss, n_beta: float) -> bool:
    """Whether the type of the numbers tells losses apart that differ by the temperature."""
    height = abs(float(loss.values(loss.start[None])[0]))
    return loss.start.dtype == torch.float32 and n_beta * torch.finfo(torch.float32).eps * height <= RESOLVED


def _by_quadrature(
    stacked: StackedLoss,
    twin: StackedLoss | None,
    sampler: Sampler,
    n_beta: float,
    localisation: float | None,
    generator: torch.Generator,
) -> Ground:
    """The same of many parameters, whose directions are not known one by one; for plain SGLD one localisation."""
    precise = twin or stacked
    top = largest_curvature(precise, generator=generator)
    if not localisation and not top > 0:
        raise ValueError(
            "module: the loss has no positive curvature at its parameters; bring it to a minimum, or give localisation"
            if localisation is None
            else "localisation: 0 leaves nothing to hold the chains where the loss has no positive curvature; give a "
            "positive number"
        )
    if sampler not in OWN_COORDINATES:
        return _in_scales(stacked, twin, sampler, n_beta, localisation, generator, top)
    if localisation is None:
        localisation = SHARE * n_beta * top
    scales = torch.ones_like(precise.start)
    common: dict[str, Any] = {"n_beta": n_beta, "localisation": localisation, "generator": generator}
    known = spectrum(precise, scales=scales, **common)
    posterior = Posterior(stacked, n_beta, localisation, scales.to(stacked.start))
    return Ground(posterior, twin, known, known, top, localisation)


def _in_scales(
    stacked: StackedLoss,
    twin: StackedLoss | None,
    sampler: Sampler,
    n_beta: float,
    localisation: float | None,
    generator: torch.Generator,
    top: float,
) -> Ground:
    """The same in scaled coordinates, with the stiffest directions shrunk."""
    known = many_directions.coordinates(twin or stacked, n_beta=n_beta, generator=generator)
    found = many_directions.held(twin or stacked, known, n_beta=n_beta, localisation=localisation, generator=generator)
    like = stacked.start
    posterior = Posterior(
        stacked, n_beta, found.pulls.to(like), known.scales.to(like), deflation=known.deflation.to(like)
    )
    if sampler in ACCEPTANCE:  # others have no test that would mend what slopes err by
        posterior = replace(posterior, lead=single_slopes(posterior, found.spectrum.largest))
    return Ground(posterior, twin, found.spectrum, found.spectrum, top, found.localisation, many=True)
