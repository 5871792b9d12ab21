"""Coordinates and localisation where there are too many parameters for all eigenvectors of the Hessian.

Each parameter has a scale such that rows of the scaled Hessian are equally long (equilibration; Bradley 2010), so that
inputs in other units change nothing. Of the scaled Hessian the stiffest eigenvectors are found by Lanczos and shrunk
until they are as stiff as the stiffest of the rest. One localisation in these units holds the rest: as strong as takes
but little of the energy by the quadratic, and as weak as chains can cross in a bounded number of leapfrogs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slt_toys.learning_coefficient.chains import Deflation
from slt_toys.learning_coefficient.curvature import Spectrum, excess_of, quadrature, rounding_of
from slt_toys.learning_coefficient.lanczos import lanczos
from slt_toys.learning_coefficient.stacked_loss import StackedLoss

Array = NDArray[np.float64]

ROUNDS, ROUND_PROBES = 4, 8  # of equilibration
NO_ROW = 1e-12  # of the longest: rows so short are those of parameters that the loss does not see
WIDEST = 1e6  # scale of a parameter, in units of their geometric mean
LANCZOS_STEPS = 256
SEEN = 10**8  # parameters times examples: of more data a part is enough for coordinates, which need not be exact
FOUND = 0.05  # of its Ritz value: the residual below which an eigenvector counts as found
STRONGEST, WEAKEST = 1e-2, 1e-3  # localisation in units of the stiffest of the rest
TAKEN = 0.05  # of the energy, which the strongest may take; it is added back
UNSEEN = 0.01  # of the energy's standard deviation: what may be lost for good
NOISE_HELD = 8.0  # times the most negative curvature
DRAWS = 40  # in which a trajectory has to forget the start
FORGOTTEN = 1e-3  # of the energy, which may be left of the start by then
MOST_LEAPFROGS = 48


@dataclass(frozen=True)
class Coordinates:
    """w = w* + D (I + V (f - 1) Vᵀ) z.

    Attributes
    ----------
    scales
        D, of geometric mean 1, shape (parameters,).
    deflation
        V and f.
    edge
        Curvature nβh, in scaled coordinates, of the stiffest that is not shrunk.
    """

    scales: Tensor
    deflation: Deflation
    edge: float


def coordinates(loss: StackedLoss, *, n_beta: float, generator: torch.Generator) -> Coordinates:
    """Scales of the parameters, and the stiffest directions.

    Raises
    ------
    ValueError
        Where curvatures are not finite.
    """
    loss = loss.thinned(max(1, SEEN // len(loss.start)))
    scales = equilibrated(loss, generator=generator)

    def product(v: Tensor) -> Tensor:
        return n_beta * scales * loss.hessian_products((scales * v)[None])[0]

    drawn = torch.randn(len(loss.start), generator=generator, dtype=loss.start.dtype, device=loss.start.device)
    ritz = lanczos(product, drawn, LANCZOS_STEPS)
    if not np.isfinite(ritz.values).all():
        raise ValueError("module: the curvature of its loss is not finite in its type of numbers; use another type")
    values, found = ritz.values[::-1], (ritz.residuals <= FOUND * ritz.values)[::-1]
    # The last is left, since it says how stiff the rest is.
    count = min(int(np.argmin(found)) if not found.all() else len(found) - 1, len(values) - 1)
    edge = float(values[count])
    if edge <= 0:
        count, edge = 0, float(values[0])
    vectors = ritz.vectors.flip(0)[:count].mT
    factors = torch.from_numpy(np.sqrt(edge / values[:count]).copy()).to(vectors)
    return Coordinates(scales, Deflation(vectors, factors), edge)


def equilibrated(loss: StackedLoss, *, generator: torch.Generator) -> Tensor:
    """Scales of geometric mean 1 that make rows of the scaled Hessian about equally long, shape (parameters,)."""
    scales = torch.ones_like(loss.start, dtype=torch.float64)
    for _ in range(ROUNDS):
        drawn = torch.randn(
            (ROUND_PROBES, len(scales)), generator=generator, dtype=loss.start.dtype, device=loss.start.device
        )
        turned = loss.hessian_products(scales.to(drawn) * drawn).double()
        rows = scales * turned.square().mean(0).sqrt()
        seen = rows > NO_ROW * rows.max()
        if not bool(seen.any()):
            return torch.ones_like(loss.start)
        scales = torch.where(seen, scales * rows.clamp(min=1e-300).rsqrt(), torch.nan)
        scales = scales / scales[seen].log().mean().exp()
        scales = torch.where(seen, scales, 1.0).clamp(1 / WIDEST, WIDEST)
    return scales.to(loss.start.dtype)


@dataclass(frozen=True)
class Held:
    """Localisation of each parameter [1/length²], the same in scaled coordinates, and the spectrum in these."""

    pulls: Tensor
    localisation: float
    spectrum: Spectrum


def held(
    loss: StackedLoss,
    known: Coordinates,
    *,
    n_beta: float,
    localisation: float | None,
    generator: torch.Generator,
) -> Held:
    """The localisation of many parameters, the same for all scaled directions unless one is given for the parameters.

    The strongest that takes but little, between a thousandth and a hundredth of the edge.
    """
    scales, deflation = known.scales, known.deflation

    def curved(z: Tensor) -> Tensor:
        return deflation.of(scales * (n_beta * loss.hessian_products((scales * deflation.of(z))[None])[0]))

    def pulled(z: Tensor) -> Tensor:
        unit = torch.ones_like(scales) if localisation is None else localisation * scales**2
        return deflation.of(unit * deflation.of(z))

    def stiffness(z: Tensor) -> Tensor:
        return curved(z) + chosen * pulled(z)

    slope = deflation.of(n_beta * scales * loss.values_and_gradients(loss.start[None])[1][0])
    chosen = 0.0 if localisation is None else 1.0
    values, weight, probe, forms = quadrature(stiffness, pulled, loss.start, generator=generator)
    rounding = rounding_of(values, loss.start.dtype)
    free = Spectrum(values, chosen * forms, weight, probe, 0.0, rounding)
    if localisation is None:
        chosen = _chosen(known, free)
        free = replace(free, stiffness=values + chosen * forms, pull=chosen * forms)
        pulls = chosen / scales**2
    else:
        pulls = torch.full_like(scales, localisation)
    return Held(
        pulls,
        chosen if localisation is None else localisation,
        replace(free, start_excess=excess_of(stiffness, slope)),
    )


def _chosen(known: Coordinates, free: Spectrum) -> float:
    """γ in scaled coordinates."""
    counts = free.curvature > free.floor
    curvature, weight = free.curvature[counts], free.weight[counts]
    tried = known.edge * np.geomspace(STRONGEST, WEAKEST, 9)
    shares = [g / (curvature + g) for g in tried]
    # What is taken is added back but for its square, which has to be less than an estimate's error.
    most = 2 * UNSEEN * np.sqrt(weight.sum() / 2)
    good = [
        g
        for g, share in zip(tried, shares, strict=True)
        if (weight * share).sum() <= TAKEN * weight.sum() and (weight * share**2).sum() <= most
    ]
    return max(float(good[0] if good else tried[-1]), NOISE_HELD * max(0.0, -free.lowest_curvature))


def leapfrogs(known: Spectrum, step_size: float) -> int:
    """Leapfrogs of trajectories in which soft directions that carry energy forget their start in a run's burn-in."""
    held = (known.curvature > known.floor) & (known.stiffness > 0)
    if not held.any():
        return known.leapfrogs(step_size)
    share = known.weight[held] * known.curvature[held] / known.stiffness[held]
    turn = np.sqrt(step_size * known.stiffness[held])
    length = np.linspace(0.7, 1.3, 13)[:, None]
    for count in range(known.leapfrogs(step_size), MOST_LEAPFROGS):
        left = (np.cos(count * turn * length) ** 2).mean(0) ** DRAWS
        if (share * left).sum() <= FORGOTTEN * share.sum():
            return count
    return MOST_LEAPFROGS
