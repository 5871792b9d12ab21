"""Chains that look at some of the examples at each step, and what that does to their energies.

Both gradients and energies are differences from the start on the same examples, with the start's whole gradient added
back (Baker, Fearnhead, Fox & Nemeth 2019, Stat. Comput. 29:599):

    ∇L_n(w)           ← ∇L_B(w) - ∇L_B(w*) + ∇L_n(w*)
    L_n(w) - L_n(w*)  ← L_B(w) - L_B(w*) + (∇L_n(w*) - ∇L_B(w*)) · (w - w*)

Their means are right, and their noise vanishes at w*. The gradients' noise makes the chains too warm, by
[eq:minibatch-excess] where the loss is quadratic: it is measured from the two halves of a minibatch at every draw, and
taken off. The energies' noise is an error of the estimate; a draw looks at more examples until it is a small one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slt_toys.learning_coefficient.chains import (
    LARGEST_ENERGY,
    WARNINGS,
    Draws,
    Each,
    Plan,
    Posterior,
    Stepper,
    run_chains,
)
from slt_toys.learning_coefficient.curvature import Spectrum
from slt_toys.learning_coefficient.lanczos import lanczos
from slt_toys.reference.laws import law
from slt_toys.samplers.statistics import summarise

Array = NDArray[np.float64]

GROWTH = 0.1  # of the standard error: what looking at some of the examples may add to it
WINDOWS = 10  # parts of a run, after each of which a draw may look at twice as many examples
KEPT = 32  # vectors of gradient noise that are kept
PROBES = 4  # of them, whose directions Lanczos looks at where the Hessian's eigenvectors are not known
LANCZOS_STEPS = 12
HALVED = 4  # steps at least, from one minibatch that is taken by halves to the next
NUMBERS_AT_ONCE = 2**20  # parameters of all chains that take a step together
UNKNOWN = 0.25  # of the excess: how well a quadratic's law is known to hold for another loss


@dataclass(frozen=True)
class Looked:
    """What looking at some of the examples did.

    Attributes
    ----------
    errors
        Half differences of the energies of two halves of the examples, on the mean over chains, shape (draw,); NaN
        where a draw did not look. Chains see the same examples, so that this error is common to them.
    variance
        Mean square of the gradient's noise in scaled coordinates, on the mean over chains, likewise.
    noise
        Some such noises, shape (vectors, parameters).
    examples
        That a draw's energy looked at in the end.
    """

    errors: Array
    variance: Array
    noise: Tensor
    examples: int

    def standard_error(self, dropped: int) -> float:
        """Of the mean energy of all draws after the burn-in, from the examples alone."""
        kept = self.errors[dropped:]
        known = np.square(kept[np.isfinite(kept)])
        return math.sqrt(float(known.mean()) / len(kept)) if len(known) else math.inf


@dataclass(frozen=True)
class _Halves:
    """What two halves of a minibatch tell: the mean energy's error, the gradient's noise, its mean square and one."""

    error: float
    variance: float
    noise: Tensor


def run_plan(
    posterior: Posterior,
    plan: Plan,
    *,
    generator: torch.Generator,
    advance: Callable[[int], None],
    each: Each | None = None,
) -> tuple[Draws, Looked | None]:
    """`run_chains`, on minibatches where the plan says so and its sampler is Langevin's."""
    if plan.batch_size is None or plan.sampler in WARNINGS:
        return run_chains(posterior, plan, generator=generator, advance=advance, each=each), None
    return _Looking(posterior, plan, generator).run(advance, each)


def common_error(kept: Array) -> float:
    """Standard error of the mean of energies (chain, draw), from how their mean over chains goes up and down.

    Chains that see the same minibatches are not independent: where these make them much warmer, they do so together,
    which the scatter of the chains' means does not show.
    """
    return float(summarise(kept.mean(0)[None])[1])


class _Looking:
    """Chains in one tensor, changed in place, block by block of as many chains as stay near the processor."""

    def __init__(self, posterior: Posterior, plan: Plan, generator: torch.Generator):
        assert plan.batch_size is not None
        self.posterior, self.plan, self.generator = posterior, plan, generator
        self.start = posterior.loss.start
        self.size, self.looked = plan.batch_size, plan.batch_size * plan.thin
        self.whole = posterior.loss.values_and_gradients(self.start[None])[1][0]
        self.more = 0  # examples that a draw's energy looks at; 0 for those that its steps look at anyway
        self.block = min(plan.chains, max(1, NUMBERS_AT_ONCE // len(self.start)))
        self.seen = 0  # draws
        self.stepper = Stepper(posterior, self.block, generator)

    def run(self, advance: Callable[[int], None], each: Each | None = None) -> tuple[Draws, Looked]:
        plan, like = self.plan, self.start
        w = like.repeat(plan.chains, 1)
        energies = np.full((plan.draws, plan.chains), np.nan)
        distances, spread = np.full_like(energies, np.nan), np.full_like(energies, np.nan)
        errors, variance = np.full(plan.draws, np.nan), np.full(plan.draws, np.nan)
        noise: list[Tensor] = []
        window = max(2, plan.draws // WINDOWS)
        for draw in range(plan.draws):
            found, halves = self._draw(w)
            energies[draw] = found.cpu().numpy()
            if each is not None:
                each(draw, w, found)
            if halves is not None:
                errors[draw], variance[draw] = halves.error, halves.variance
                noise.append(halves.noise)
            distances[draw] = torch.linalg.vector_norm(w - like, dim=1).cpu().numpy()
            spread[draw] = self.posterior.spread(w).cpu().numpy()
            advance(1)
            if not (np.abs(energies[draw]) < LARGEST_ENERGY).all():
                energies[draw] = np.nan
                break
            if draw % window == window - 1:
                recent = slice(draw + 1 - window, draw + 1)
                self._look_at_more(energies[recent], errors[recent])
        kept = torch.stack([noise[k] for k in np.linspace(0, len(noise) - 1, min(KEPT, len(noise))).astype(int)])
        drawn = Draws(energies.T, distances.T, spread.T, plan.step_size, 0, math.nan, w)
        return drawn, Looked(errors, variance, kept, self.more or self.looked)

    def _draw(self, w: Tensor) -> tuple[Tensor, _Halves | None]:
        """Energies on the mean over the steps of one draw, which changes w; what two halves of a minibatch tell."""
        plan, halves = self.plan, None
        told = self.seen % HALVED == 0 or plan.thin >= HALVED
        self.seen += 1
        total = torch.zeros(len(w), dtype=torch.float64, device=w.device)
        for step in range(plan.thin):
            last = step == plan.thin - 1
            if last and self.more:
                more, error = self._energies_of_more(w)
            if last and told:
                energies, halves = self._step_by_halves(w)
            else:
                energies = self._step(w, self._rows(self.size))
            total += energies
        if self.more:
            return more, None if halves is None else replace(halves, error=error)
        if halves is not None:
            halves = replace(halves, error=halves.error / math.sqrt(plan.thin))
        return total / plan.thin, halves

    def _step(self, w: Tensor, rows: Tensor) -> Tensor:
        """Energies before a step, which changes w."""
        energies = torch.empty(len(w), dtype=torch.float64, device=w.device)
        known = None if self.block >= len(w) else self._at_start(rows)
        for first in range(0, len(w), self.block):
            part = slice(first, first + self.block)
            above, slopes, tilt = self._on(w[part], rows, known)
            tilted = self.stepper.take(w[part], slopes, self.plan.step_size, tilt)
            energies[part] = self.posterior.n_beta * (above + tilted)
        return energies

    def _step_by_halves(self, w: Tensor) -> tuple[Tensor, _Halves]:
        rows = [self._rows(max(1, self.size // 2)) for _ in range(2)]
        starts = [None if self.block >= len(w) else self._at_start(own) for own in rows]
        energies = torch.empty((2, len(w)), dtype=torch.float64, device=w.device)
        square, noise = 0.0, w[0]
        for first in range(0, len(w), self.block):
            part = slice(first, first + self.block)
            slopes, tilts = [], []
            for half in range(2):
                above, slope, tilt = self._on(w[part], rows[half], starts[half])
                energies[half, part] = self.posterior.n_beta * (above + (w[part] - self.start) @ tilt)
                slopes.append(slope)
                tilts.append(tilt)
            apart = (slopes[0] - slopes[1]).add_(tilts[0] - tilts[1])
            # One factor for all directions needs no pass over memory of its own.
            factor = self.posterior.n_beta / 2 if self.posterior.plain else 0.5
            apart = apart if self.posterior.plain else self._scaled(apart)
            square += factor**2 * float(torch.linalg.vector_norm(apart, dim=1).double().square().sum())
            noise = factor * apart[0]
            mean = slopes[0].add_(slopes[1]).mul_(0.5)
            self.stepper.take(w[part], mean, self.plan.step_size, (tilts[0] + tilts[1]) / 2)
        error = float((energies[0] - energies[1]).mean()) / 2
        return energies.mean(0), _Halves(error, square / len(w), noise)

    def _rows(self, size: int) -> Tensor:
        return torch.randint(self.posterior.loss.examples, (size,), generator=self.generator, device=self.start.device)

    def _at_start(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The start's loss on some of the examples, and its whole slope less that on these."""
        values, slopes = self.posterior.loss.values_and_gradients(self.start[None], rows)
        tilt = self.whole - slopes[0]
        return values[0], tilt

    def _on(self, w: Tensor, rows: Tensor, known: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor, Tensor]:
        """Losses above the start's and slopes on some of the examples, and what makes slopes on all of them of these.

        The way from the start times the last is still to be added to the first.
        """
        if known is None:
            values, slopes = self.posterior.loss.values_and_gradients(torch.cat([w, self.start[None]]), rows)
            tilt = self.whole - slopes[-1]
            known, values, slopes = (values[-1], tilt), values[:-1], slopes[:-1]
        else:
            values, slopes = self.posterior.loss.values_and_gradients(w, rows)
        reference, tilt = known
        return values - reference, slopes, tilt

    def _scaled(self, slopes: Tensor) -> Tensor:
        return self.posterior.scaled(self.posterior.n_beta * self.posterior.along(slopes))

    def _energies_of_more(self, w: Tensor) -> tuple[Tensor, float]:
        """Energies of one state from more examples, without slopes; their error on the mean over chains."""
        loss, n_beta = self.posterior.loss, self.posterior.n_beta
        stacked = torch.cat([w, self.start[None]])
        if self.more >= loss.examples:
            values = loss.values(stacked)
            return n_beta * (values[:-1] - values[-1]), 0.0
        found = []
        for _ in range(2):
            rows = self._rows(self.more // 2)
            values, slope = loss.values(stacked, rows), loss.values_and_gradients(self.start[None], rows)[1][0]
            tilted = (w - self.start).double() @ (self.whole - slope).double()
            found.append(n_beta * (values[:-1] - values[-1] + tilted))
        return (found[0] + found[1]) / 2, float((found[0] - found[1]).mean()) / 2

    def _look_at_more(self, energies: Array, errors: Array) -> None:
        """Twice as many, while their error would add more than its share to the chains' own."""
        own = energies.var(1, ddof=1).mean() / energies.shape[1] if energies.shape[1] > 1 else energies.var(ddof=1)
        errors = errors[np.isfinite(errors)]
        if len(errors) and np.square(errors).mean() > ((1 + GROWTH) ** 2 - 1) * own:
            self.more = min(2 * (self.more or self.looked), self.posterior.loss.examples)


def excess(
    looked: Looked, known: Spectrum, posterior: Posterior, step_size: float, dropped: int
) -> tuple[float, float]:
    """By how much the gradients' noise raises the energy, by a quadratic of this spectrum, and how well that is known.

    Parameters
    ----------
    looked
        What the chains saw.
    known
        Spectrum in the coordinates of the chains.
    posterior
        What they sampled.
    step_size
        ε.
    dropped
        Draws of the burn-in.
    """
    variance = float(np.nanmean(looked.variance[dropped:]))
    if not variance > 0:
        return 0.0, 0.0
    share, scatter = _share(looked.noise.double(), known, posterior, step_size)
    return variance * share, variance * math.hypot(scatter, UNKNOWN * share)


def _share(noise: Tensor, known: Spectrum, posterior: Posterior, step_size: float) -> tuple[float, float]:
    """Mean of the law over the directions of the noise, per unit of its square, and its standard error."""
    noise = noise[(noise != 0).any(1)]
    weights = noise.square().sum(1).cpu().numpy()
    if known.vectors is not None:
        along = noise if posterior.vectors is not None else noise @ known.vectors.to(noise)
        means = (along.square().cpu().numpy() @ _law(known.curvature, known.pull, step_size)) / weights
    else:
        picked = np.linspace(0, len(noise) - 1, min(PROBES, len(noise))).astype(int)
        means, weights = np.array([_by_lanczos(noise[k], posterior, step_size) for k in picked]), weights[picked]
    mean = float(weights @ means / weights.sum())
    return mean, float(np.sqrt(np.square(weights * (means - mean)).sum()) / weights.sum())


def _by_lanczos(noise: Tensor, posterior: Posterior, step_size: float) -> float:
    loss, none = posterior.loss, torch.zeros_like(posterior.loss.start)

    def stiffness(z: Tensor) -> Tensor:
        way = posterior.moved(none, z)
        return posterior.scaled(posterior.n_beta * loss.hessian_products(way[None])[0] + posterior.localisation * way)

    ritz = lanczos(stiffness, noise.to(loss.start.dtype), LANCZOS_STEPS)
    ways = posterior.moved(none, ritz.vectors.to(none)).double()
    pull = (posterior.localisation * ways.square()).sum(-1).cpu().numpy()
    return float(ritz.shares @ _law(ritz.values - pull, pull, step_size))


def _law(curvature: Array, pull: Array, step_size: float) -> Array:
    """[eq:minibatch-excess] of unit variance; 0 where nothing holds a direction."""
    found = np.zeros_like(curvature)
    held = (curvature > 0) & (curvature + pull > 0)
    found[held] = law("minibatch-excess")(
        n_beta=1.0, curvature=curvature[held], localisation=pull[held], step_size=step_size, minibatch_variance=1.0
    )
    return found
