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
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slt_toys.learning_coefficient.chains import LARGEST_ENERGY, Draws, Plan, Posterior, run_chains
from slt_toys.learning_coefficient.curvature import Spectrum
from slt_toys.learning_coefficient.lanczos import lanczos
from slt_toys.reference.laws import law

Array = NDArray[np.float64]

GROWTH = 0.1  # of the standard error: what looking at some of the examples may add to it
WINDOWS = 10  # parts of a run, after each of which a draw may look at twice as many examples
KEPT = 32  # vectors of gradient noise that are kept
PROBES = 4  # of them, whose directions Lanczos looks at where the Hessian's eigenvectors are not known
LANCZOS_STEPS = 12
UNKNOWN = 0.25  # of the excess: how well a quadratic's law is known to hold for another loss


@dataclass(frozen=True)
class Looked:
    """What looking at some of the examples did.

    Attributes
    ----------
    errors
        Half differences of the energies of two halves of the examples, on the mean over chains, shape (draw,). Chains
        see the same examples, so that this error is common to them.
    variance
        Mean square of the gradient's noise in scaled coordinates, on the mean over chains, shape (draw,).
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
        return float(np.sqrt(np.square(kept).sum())) / len(kept)


def run_plan(
    posterior: Posterior, plan: Plan, *, generator: torch.Generator, advance: Callable[[int], None]
) -> tuple[Draws, Looked | None]:
    """`run_chains`, on minibatches where the plan says so."""
    if plan.batch_size is None:
        return run_chains(posterior, plan, generator=generator, advance=advance), None
    return _Looking(posterior, plan, generator).run(advance)


class _Looking:
    def __init__(self, posterior: Posterior, plan: Plan, generator: torch.Generator):
        self.posterior, self.plan, self.generator = posterior, plan, generator
        self.start = posterior.loss.start
        assert plan.batch_size is not None
        self.size, self.looked = plan.batch_size, plan.batch_size * plan.thin
        self.whole = posterior.loss.values_and_gradients(self.start[None])[1][0]
        self.more = 0  # examples that a draw's energy looks at; 0 for those that its steps look at anyway

    def run(self, advance: Callable[[int], None]) -> tuple[Draws, Looked]:
        plan, like = self.plan, self.start
        w = like.expand(plan.chains, -1).clone()
        energies = np.full((plan.draws, plan.chains), np.nan)
        distances, spread, errors, variance = (
            energies.copy(),
            energies.copy(),
            energies[:, 0].copy(),
            energies[:, 0].copy(),
        )
        noise = torch.zeros((KEPT, len(like)), dtype=like.dtype, device=like.device)
        window = max(2, plan.draws // WINDOWS)
        for draw in range(plan.draws):
            w, found = self._draw(w)
            energies[draw], errors[draw], variance[draw] = found[0].cpu().numpy(), found[1], found[2]
            noise[draw * KEPT // plan.draws] = found[3][draw % plan.chains]
            distances[draw] = (w - like).double().norm(dim=1).cpu().numpy()
            spread[draw] = self.posterior.spread(w).cpu().numpy()
            advance(1)
            if not (np.abs(energies[draw]) < LARGEST_ENERGY).all():
                energies[draw] = np.nan
                break
            if draw % window == window - 1:
                recent = slice(draw + 1 - window, draw + 1)
                self._look_at_more(energies[recent], errors[recent])
        drawn = Draws(energies.T, distances.T, spread.T, plan.step_size, 0, math.nan, w)
        return drawn, Looked(errors, variance, noise, self.more or self.looked)

    def _draw(self, w: Tensor) -> tuple[Tensor, tuple[Tensor, float, float, Tensor]]:
        """Parameters after the steps of one draw; its energies, their error, the gradient's noise and its square."""
        plan, size = self.plan, self.size
        total = torch.zeros(len(w), dtype=torch.float64, device=w.device)
        for _ in range(plan.thin - 1):
            energy, slope = self._on(w, self._rows(size))
            total += energy
            w = self._moved(w, slope)
        halves = [self._on(w, self._rows(max(1, size // 2))) for _ in range(2)]
        apart = self._scaled(halves[0][1] - halves[1][1]) / 2
        at_last = (halves[0][0] + halves[1][0]) / 2
        energies = (total + at_last) / plan.thin
        error = float((halves[0][0] - halves[1][0]).mean()) / 2 / math.sqrt(plan.thin)
        if self.more:
            energies, error = self._energies_of_more(w)
        w = self._moved(w, (halves[0][1] + halves[1][1]) / 2)
        return w, (energies, error, float(apart.double().square().sum(1).mean()), apart)

    def _rows(self, size: int) -> Tensor:
        return torch.randint(self.posterior.loss.examples, (size,), generator=self.generator, device=self.start.device)

    def _on(self, w: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Energies, and estimates of the loss's slope, from some of the examples."""
        values, slopes = self.posterior.loss.values_and_gradients(torch.cat([w, self.start[None]]), rows)
        tilt = self.whole - slopes[-1]
        energy = values[:-1] - values[-1] + ((w - self.start).double() @ tilt.double())
        return self.posterior.n_beta * energy, slopes[:-1] + tilt

    def _scaled(self, slopes: Tensor) -> Tensor:
        return self.posterior.scales * (self.posterior.n_beta * self.posterior.along(slopes))

    def _moved(self, w: Tensor, slopes: Tensor) -> Tensor:
        held = self.posterior.localisation * self.posterior.along(w - self.start)
        drift = self._scaled(slopes) + self.posterior.scales * held
        step = self.plan.step_size
        noise = torch.randn(w.shape, generator=self.generator, dtype=w.dtype, device=w.device)
        return self.posterior.moved(w, math.sqrt(step) * noise - step / 2 * drift)

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
        if np.square(errors).mean() > ((1 + GROWTH) ** 2 - 1) * own:
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
    scales, loss = posterior.scales, posterior.loss
    pulls = posterior.localisation * scales**2

    def stiffness(z: Tensor) -> Tensor:
        return posterior.n_beta * scales * loss.hessian_products((scales * z)[None])[0] + pulls * z

    ritz = lanczos(stiffness, noise.to(loss.start.dtype), LANCZOS_STEPS)
    pull = (ritz.vectors.double() ** 2 @ pulls.double()).cpu().numpy()
    return float(ritz.shares @ _law(ritz.values - pull, pull, step_size))


def _law(curvature: Array, pull: Array, step_size: float) -> Array:
    """[eq:minibatch-excess] of unit variance; 0 where nothing holds a direction."""
    found = np.zeros_like(curvature)
    held = (curvature > 0) & (curvature + pull > 0)
    found[held] = law("minibatch-excess")(
        n_beta=1.0, curvature=curvature[held], localisation=pull[held], step_size=step_size, minibatch_variance=1.0
    )
    return found
