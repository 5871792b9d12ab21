"""Langevin chains of the localised posterior exp(-nβ L_n(w) - (γ/2)|w - w*|²), all chains in one tensor.

Parameters of a step: w ← w - (ε/2) s² (nβ ∇L + γ (w - w*)) + √ε s ξ, with fixed scales s of the parameters (1 without
preconditioning). MALA accepts or refuses each proposal, so that the law is the posterior's own whatever the step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cifar.stacked_loss import StackedLoss

Array = NDArray[np.float64]
Sampler = Literal["mala", "sgld", "preconditioned sgld"]

ACCEPTANCE = 0.65  # aimed at while the step of MALA is adapted
LARGEST_LOSS = 1e12  # in units of the temperature: a chain there has diverged


@dataclass(frozen=True)
class Draws:
    """What chains went through, from the very start.

    Attributes
    ----------
    energies
        nβ (L_n - L_n(w*)), shape (chain, draw).
    distances
        |w - w*|, shape (chain, draw).
    step_size
        The step in the end.
    adapted
        Draws during which the step was still being adapted.
    acceptance
        Mean acceptance probability after that; NaN for samplers without one.
    """

    energies: Array
    distances: Array
    step_size: float
    adapted: int
    acceptance: float


@dataclass(frozen=True)
class Posterior:
    """The localised posterior: loss, nβ [1/loss], γ [1/length²] and the scales of parameters."""

    loss: StackedLoss
    n_beta: float
    localisation: float
    scales: Tensor

    def evaluate(self, w: Tensor, rows: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Loss in double precision, minus log density, and its gradient in scaled coordinates."""
        away = w - self.loss.start
        losses, slopes = self.loss.values_and_gradients(w, rows)
        minus_log = self.n_beta * losses + self.localisation / 2 * away.double().square().sum(1)
        return losses, minus_log, self.scales * (self.n_beta * slopes + self.localisation * away)


def run_chains(
    posterior: Posterior,
    sampler: Sampler,
    *,
    chains: int,
    draws: int,
    thin: int,
    step_size: float,
    adapt: int,
    batch_size: int | None,
    generator: torch.Generator,
    advance: Callable[[int], None],
) -> Draws:
    """Run chains that all begin at w*.

    Parameters
    ----------
    posterior
        What is sampled.
    sampler
        ``"mala"`` adapts its step during the first `adapt` draws; the others keep it.
    chains, draws, thin
        Chains, draws of each that are kept, steps between them.
    step_size
        ε to begin with.
    adapt
        Draws during which MALA adapts.
    batch_size
        Examples, drawn anew with replacement for each step, that the gradient is taken over; None for all. Energies
        are always those of all examples.
    generator
        Source of all randomness, on the parameters' device.
    advance
        Called with the number of draws done.
    """
    start = posterior.loss.start
    reference = posterior.loss.values(start[None])[0]
    w = start.expand(chains, -1).clone()
    energies = torch.empty(draws, chains, dtype=torch.float64, device=start.device)
    distances = torch.empty_like(energies)
    step = torch.tensor(step_size, dtype=torch.float64, device=start.device)
    losses, minus_log, slope = posterior.evaluate(w)
    accepted = torch.zeros((), dtype=torch.float64, device=start.device)
    moves = 0
    for draw in range(draws):
        for _ in range(thin):
            noise = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
            if sampler != "mala":
                if batch_size is not None:
                    rows = torch.randint(
                        posterior.loss.examples, (batch_size,), generator=generator, device=start.device
                    )
                    slope = posterior.evaluate(w, rows)[2]
                w = w + posterior.scales * (step.sqrt().to(w.dtype) * noise - (step / 2).to(w.dtype) * slope)
                if batch_size is None:
                    losses, minus_log, slope = posterior.evaluate(w)
                continue
            jump = step.sqrt().to(w.dtype) * noise - (step / 2).to(w.dtype) * slope
            proposal = w + posterior.scales * jump
            new_losses, new_minus_log, new_slope = posterior.evaluate(proposal)
            # log of the densities of the two ways, each a normal around its mean: the way there has noise ξ alone.
            back = -jump + (step / 2).to(w.dtype) * new_slope
            log_ratio = minus_log - new_minus_log
            log_ratio += (noise.double().square().sum(1) - back.double().square().sum(1) / step) / 2
            log_ratio = torch.where(torch.isfinite(log_ratio), log_ratio, -torch.inf)
            drawn = torch.rand(chains, generator=generator, dtype=torch.float64, device=w.device)
            taken = drawn.log() < log_ratio
            w = torch.where(taken[:, None], proposal, w)
            slope = torch.where(taken[:, None], new_slope, slope)
            losses = torch.where(taken, new_losses, losses)
            minus_log = torch.where(taken, new_minus_log, minus_log)
            rate = log_ratio.clamp(max=0).exp().mean()
            if draw < adapt:
                step = step * torch.exp((rate - ACCEPTANCE) / (draw * thin + 10) ** 0.6)
            else:
                accepted += rate
                moves += 1
        if sampler != "mala" and batch_size is not None:
            losses = posterior.loss.values(w)
        energies[draw] = posterior.n_beta * (losses - reference)
        distances[draw] = (w - start).double().norm(dim=1)
        advance(1)
        if draw % 50 == 0 and not bool((energies[draw].abs() < LARGEST_LOSS).all()):
            energies[draw:] = torch.nan
            distances[draw:] = torch.nan
            break
    return Draws(
        energies.mT.cpu().numpy(),
        distances.mT.cpu().numpy(),
        float(step),
        adapt if sampler == "mala" else 0,
        float(accepted) / moves if moves else float("nan"),
    )


__all__ = ["Draws", "Posterior", "Sampler", "run_chains"]
