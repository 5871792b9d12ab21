"""The local energy about any point of a loss: at a minimum what λ̂ is, on a slope or at a saddle defined all the same.

Chains sample exp(-nβ L̃(w) - (γ/2)|w - w*|²), where L̃(w) = L(w) - g·(w - w*) is the loss less its tangent at the point
w*: the neighbourhood is the localisation's, and the point is stationary in it. nβ (E[L̃] - L(w*)) is measured. Where
the loss is quadratic it is [eq:untilted-energy], and what the slope would take from it is [eq:tilt-effect], which is
told beside it: their difference is the estimate that samples L itself, [eq:tilted-energy]. In directions in which the
loss falls by more than the localisation allows, that is raised to twice the fall, so that each counts -½.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from slt_toys.learning_coefficient import curvature, steep_walls
from slt_toys.learning_coefficient.chains import ACCEPTANCE, Draws, Plan, Posterior, run_chains
from slt_toys.learning_coefficient.curvature import STIFFEST_STEP, Spectrum, eigen, spectrum
from slt_toys.learning_coefficient.ground import STEEPER
from slt_toys.learning_coefficient.localisation import SHARE
from slt_toys.learning_coefficient.number_resolution import resolution
from slt_toys.learning_coefficient.scatter import virial_of
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from slt_toys.learning_coefficient.verdict import (
    LARGEST_OFF,
    LARGEST_R_HAT,
    LARGEST_RESOLUTION,
    LARGEST_UNBALANCED,
    LARGEST_VIRIAL,
    LEAST_EFFECTIVE_SAMPLE_SIZE,
    LOWEST_ACCEPTANCE,
    burn_in_of,
)
from slt_toys.reference.laws import law
from slt_toys.samplers.statistics import ChainSummary, summarise

Array = NDArray[np.float64]

HELD = 2.0  # times what the loss falls with: each direction that falls counts -½
ADAPTING = 0.2  # of the draws
CONFIDENCE = 0.95
SOFTER = 0.1  # of the softest curved direction: a localisation that leaves it free


class LessTangent(StackedLoss):
    """A loss less its tangent at the start, which is then a stationary point; the start's loss stays."""

    def __init__(self, loss: StackedLoss):
        self.__dict__.update(loss.__dict__)
        self._stack()
        self.slope = loss.values_and_gradients(loss.start[None])[1][0]

    def values(self, parameters: Tensor) -> Tensor:
        """Mean losses, shape (copies,)."""
        return super().values(parameters) - self._tangent(parameters)

    def values_and_gradients(self, parameters: Tensor, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean losses (copies,) and gradients (copies, parameters), on all rows or some."""
        losses, slopes = super().values_and_gradients(parameters, rows)
        return losses - self._tangent(parameters), slopes - self.slope

    def _tangent(self, parameters: Tensor) -> Tensor:
        return (parameters - self.start).double() @ self.slope.double()


@dataclass(frozen=True)
class Look:
    """What is known of a point before a chain has moved, at a given localisation.

    Attributes
    ----------
    loss
        Less its tangent, in double precision where it can be.
    known
        Spectrum of the stiffness in the chains' coordinates.
    bare
        The same in the parameters' own.
    pulls, scales
        γ and the length of each direction, one for all where directions are not known one by one.
    value, slope
        The point's loss, and the length of its gradient [loss/length].
    tilt
        What the slope takes from the energy by the quadratic [eq:tilt-effect].
    falling
        How many directions fall by more than half of what the localisation holds.
    n_beta
        nβ [1/loss].
    steep
        Largest stiffness where chains climb along directions in which the loss rises faster than its curvature says, in
        units of the scales; None where it rises so in none, or directions are not known one by one.
    """

    loss: LessTangent
    known: Spectrum
    bare: Spectrum
    pulls: Array
    scales: Array
    value: float
    slope: float
    tilt: float
    falling: float
    n_beta: float
    steep: float | None = None


def look(stacked: StackedLoss, *, n_beta: float, localisation: float, generator: torch.Generator) -> Look:
    """Look at the loss about its start.

    Parameters
    ----------
    stacked
        The loss.
    n_beta
        nβ [1/loss].
    localisation
        γ of directions that do not fall by more than half of it [1/length²]; beyond 1024 parameters that of all, which
        is then raised where it does not hold the steepest fall.
    generator
        Of the random vectors that know the spectrum beyond 1024 parameters.

    Raises
    ------
    ValueError
        For a curvature that is not finite.
    """
    precise = stacked.doubled() or stacked
    loss = LessTangent(precise)
    value, slope = float(precise.values(precise.start[None])[0]), float(loss.slope.double().norm())
    if len(precise.start) > curvature.EXACT_UP_TO:
        return _by_quadrature(loss, n_beta, localisation, generator, value, slope)
    found = eigen(loss, n_beta=n_beta, slope=loss.slope)
    falls = np.maximum(0.0, -found.curvature)
    pulls = np.maximum(localisation, HELD * falls)
    scales = steep_walls.narrowed(loss, found.vectors, (found.curvature + pulls) ** -0.5, n_beta=n_beta)
    tilt = law("tilt-effect")(
        n_beta=1.0, curvature_at_start=found.curvature, localisation=pulls, slope_at_start=found.slope
    ).sum()
    known, bare = found.spectrum(pulls, scales), found.spectrum(pulls, np.ones_like(pulls))
    falling = float((HELD * falls > max(localisation, HELD * found.rounding)).sum())
    steep, climbed = None, known.stiffness < STEEPER
    if climbed.any():
        steep = steep_walls.stiffest(loss, found.vectors, scales, climbed, n_beta=n_beta)
    return Look(loss, known, bare, pulls, scales, value, slope, float(tilt), falling, n_beta, steep)


def _by_quadrature(
    loss: LessTangent, n_beta: float, localisation: float, generator: torch.Generator, value: float, slope: float
) -> Look:
    """The same of many parameters, whose directions are not known one by one."""
    ones = torch.ones_like(loss.start)
    found = spectrum(loss, scales=ones, n_beta=n_beta, localisation=localisation, generator=generator)
    fall = -found.lowest_curvature
    falling = float(found.weight[HELD * -found.curvature > max(localisation, HELD * found.rounding)].sum())
    if HELD * fall > localisation:
        more = HELD * fall - localisation
        found = replace(found, stiffness=found.stiffness + more, pull=found.pull + more)
    pull = max(localisation, HELD * fall)
    # Along the slope the curvature is about that of its Rayleigh quotient: a closed form for one direction.
    tilt = 0.0
    if slope > 0:
        way = loss.slope / slope
        along = n_beta * float((way * loss.hessian_products(way[None])[0]).sum())
        tilt = law("tilt-effect")(
            n_beta=1.0, curvature_at_start=along, localisation=pull, slope_at_start=n_beta * slope
        )
    one = np.ones(1)
    return Look(loss, found, found, pull * one, one, value, slope, float(tilt), falling, n_beta)


def chosen_localisation(stacked: StackedLoss, *, n_beta: float, generator: torch.Generator) -> float:
    """γ for all checkpoints of a track, from the last [1/length²].

    A hundredth of the largest stiffness nβh, or a tenth of that of the softest curved direction where this is less; but
    not so weak that the neighbourhood would be wider than the parameters are large.
    """
    precise = stacked.doubled() or stacked
    widest = 1 / (float(precise.start.double().square().mean()) or 1.0)
    if len(precise.start) > curvature.EXACT_UP_TO:
        found = curvature.largest_curvature(precise, generator=generator)
        return max(SHARE * n_beta * found, widest)
    known = eigen(precise, n_beta=n_beta)
    top = float(known.curvature[-1])
    softest = float(known.curvature[known.curvature > known.floor].min(initial=np.inf))
    return max(min(SHARE * top, SOFTER * softest), widest)


@dataclass(frozen=True)
class LocalEnergy:
    """A local energy, its error, and what speaks against its chains.

    Attributes
    ----------
    estimate
        The energy, and what the localisation takes from directions that rise, by the quadratic
        [eq:localisation-effect].
    standard_error, interval
        Of the estimate, from the means of independent chains; 95 % by Student's law.
    quadratic
        What the estimate would be were the loss quadratic.
    r_hat, effective_draws, acceptance
        Of the chains.
    doubts
        What speaks against them; none where it is empty.
    """

    estimate: float
    standard_error: float
    interval: tuple[float, float]
    quadratic: float
    r_hat: float
    effective_draws: float
    acceptance: float
    doubts: tuple[str, ...]


def local_energy(at: Look, *, chains: int, draws: int, generator: torch.Generator) -> LocalEnergy:
    """Measure it by Hamiltonian Monte Carlo, chains starting at the point."""
    ruling = replace(at.known, stiffness=np.maximum(at.known.stiffness, 1.0)) if len(at.pulls) > 1 else at.known
    step = ruling.step_for_acceptance(ACCEPTANCE["hmc"], leapfrogs=True)
    leapfrogs, largest = ruling.leapfrogs(step), math.inf
    if at.steep is not None:
        largest = STIFFEST_STEP / max(at.steep, 1.0)
        step = min(step, largest)
        leapfrogs = min(math.ceil(steep_walls.LENGTH / math.sqrt(step)), steep_walls.MOST_LEAPFROGS)
    plan = Plan("hmc", chains, draws, 1, step, leapfrogs, int(ADAPTING * draws), None, largest_step=largest)
    like = at.loss.start
    vectors = at.bare.vectors
    posterior = Posterior(
        at.loss,
        at.n_beta,
        torch.from_numpy(at.pulls).to(like),
        torch.from_numpy(at.scales).to(like),
        None if vectors is None else vectors.to(like),
        balanced=True,
    )
    drawn = run_chains(posterior, plan, generator=generator, advance=lambda _: None)
    dropped = max(drawn.adapted, burn_in_of(drawn.energies))
    kept = drawn.energies[:, dropped:]
    energy, effect = float(kept.mean()), _effect(at.bare)
    error = float(kept.mean(1).std(ddof=1)) / math.sqrt(len(kept))
    half = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, len(kept) - 1))
    summary = summarise(kept)
    estimate = energy + effect
    return LocalEnergy(
        estimate, error, (estimate - half, estimate + half), _quadratic(at.bare) + effect, float(summary[2]),
        float(summary[3]), drawn.acceptance, tuple(_doubts(at, drawn, dropped, summary, error)),
    )  # fmt: skip


def _quadratic(bare: Spectrum) -> float:
    values = law("untilted-energy")(n_beta=1.0, curvature_at_start=bare.curvature, localisation=bare.pull)
    return float((bare.weight * values).sum())


def _effect(bare: Spectrum) -> float:
    """Of all directions that rise: it goes to nothing with the curvature, so that it makes no jump along a track."""
    rises = bare.curvature > 0
    values = law("localisation-effect")(n_beta=1.0, curvature=bare.curvature[rises], localisation=bare.pull[rises])
    return float((bare.weight[rises] * values).sum())


def _doubts(at: Look, drawn: Draws, dropped: int, summary: ChainSummary, error: float) -> list[str]:
    kept = drawn.energies[:, dropped:]
    if not np.isfinite(kept).all():
        return ["diverged: the loss about the point rises too fast for the step; a stronger localisation"]
    if np.ptp(drawn.distances[:, -len(kept[0]) :]) == 0:
        return ["chains never moved: every proposal was refused or lost in rounding"]
    doubts = []
    if np.ptp(kept) > 0:
        if not float(summary[2]) <= LARGEST_R_HAT:
            doubts.append(f"chains do not agree: R-hat {summary[2]:.3g} above {LARGEST_R_HAT}; more draws")
        if not float(summary[3]) >= LEAST_EFFECTIVE_SAMPLE_SIZE:
            least = f"{LEAST_EFFECTIVE_SAMPLE_SIZE:.0f}"
            doubts.append(f"{summary[3]:.0f} effective draws, fewer than {least}; more draws")
    if drawn.acceptance < LOWEST_ACCEPTANCE:
        doubts.append(f"acceptance {drawn.acceptance:.2g}")
    off, of_off = virial_of(drawn, dropped) or (0.0, 0.0)
    if not abs(off) <= LARGEST_VIRIAL * of_off + LARGEST_UNBALANCED * drawn.last.shape[1]:
        doubts.append(
            f"no equilibrium: the way from the point times the slope is {off:+.3g} off the number of directions, its "
            "mean in equilibrium; more draws, or a stronger localisation"
        )
    # In a quadratic loss each direction counts between -½, where it falls, and ½.
    far, lowest, highest = LARGEST_OFF * error, -at.falling / 2, at.bare.weight.sum() / 2
    if not lowest - far <= float(kept.mean()) <= highest + far:
        doubts.append(
            f"not local: the energy {kept.mean():.3g} is none of a loss in which {at.falling:.0f} directions fall; a "
            "stronger localisation, or more examples"
        )
    errs = resolution(at.loss, None, drawn.last, n_beta=at.n_beta)
    if errs.energy > LARGEST_RESOLUTION * error > 0:
        doubts.append(f"{errs.type} does not resolve the loss at this nβ: it errs by {errs.energy:.3g}")
    return doubts
