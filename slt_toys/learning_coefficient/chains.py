"""Chains of the localised posterior exp(-nβ L_n(w) - (γ/2)|w - w*|²), all of them in one tensor.

With fixed scales s of the parameters (1 without preconditioning) an unadjusted step is
w ← w - (ε/2) s² (nβ ∇L + γ (w - w*)) + √ε s ξ; scales and γ may also be those of other directions than the
parameters' own, such as the Hessian's eigenvectors. Hamiltonian Monte Carlo goes several such steps without drawing
ξ anew, by leapfrogs of time √ε, and accepts or refuses where it ends, so that its law is the posterior's own whatever
the step (Duane, Kennedy, Pendleton & Roweth 1987, Phys. Lett. B 195:216); with one leapfrog it is MALA.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from slt_toys.learning_coefficient.unadjusted_steps import mover

Array = NDArray[np.float64]
Sampler = Literal["hmc", "mala", "sgld", "preconditioned sgld", "rmsprop sgld", "sgnht"]
State = tuple[Tensor, Tensor, Tensor, Tensor]  # parameters, losses, minus log densities, slopes

OWN_COORDINATES = ("sgld", "rmsprop sgld", "sgnht")  # run in the parameters themselves
ACCEPTANCE = {"mala": 0.65, "hmc": 0.8}  # aimed at while the step is adapted; the usual optima are 0.57 and 0.65
# From a minimum leapfrogs of a stable step err upwards by less than the number of parameters; one that errs by more
# has left what the step was made for.
FREE_CLIMB = 10.0
LARGEST_ENERGY = 1e12  # in units of the temperature: a chain there has diverged


@dataclass(frozen=True)
class Draws:
    """What chains went through, from the very start.

    Attributes
    ----------
    energies
        nβ (L_n - L_n(w*)), shape (chain, draw).
    distances
        |w - w*|, shape (chain, draw).
    spread
        Square of the part of w - w* in directions that are followed, shape (chain, draw); 0 where none is.
    step_size
        ε in the end.
    adapted
        Draws during which the step was still being adapted.
    acceptance
        Mean acceptance probability after that; NaN for samplers without one.
    last
        Where chains are in the end, shape (chain, parameter).
    doubts
        What speaks against the sampler itself, as it was seen.
    """

    energies: Array
    distances: Array
    spread: Array
    step_size: float
    adapted: int
    acceptance: float
    last: Tensor
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Posterior:
    """The localised posterior: loss, nβ [1/loss], γ [1/length²] and the scales of directions.

    `localisation` is one number, or one for each direction. Directions are the columns of `vectors`; None for the
    parameters' own. `followed` says in which of them the chains' spread is recorded.
    """

    loss: StackedLoss
    n_beta: float
    localisation: float | Tensor
    scales: Tensor
    vectors: Tensor | None = None
    followed: Tensor | None = None

    def evaluate(self, w: Tensor, rows: Tensor | None = None) -> State:
        """Parameters, losses and minus log densities (double precision), and slopes in scaled coordinates."""
        away = self.along(w - self.loss.start)
        losses, slopes = self.loss.values_and_gradients(w, rows)
        held = self.localisation * away
        minus_log = self.n_beta * losses + (held.double() * away.double()).sum(1) / 2
        return w, losses, minus_log, self.scales * (self.n_beta * self.along(slopes) + held)

    def along(self, vectors: Tensor) -> Tensor:
        """Components of vectors (copies, parameters) along the directions."""
        return vectors if self.vectors is None else vectors @ self.vectors

    def moved(self, w: Tensor, by: Tensor) -> Tensor:
        """Parameters moved by so much in scaled coordinates."""
        step = self.scales * by
        return w + (step if self.vectors is None else step @ self.vectors.mT)

    def spread(self, w: Tensor) -> Tensor:
        """Squares of the way from the start in the directions that are followed, shape (copies,)."""
        if self.followed is None:
            return torch.zeros(len(w), dtype=torch.float64, device=w.device)
        return self.along(w - self.loss.start)[:, self.followed].double().square().sum(1)


@dataclass(frozen=True)
class Plan:
    """How chains are run: see `slt_toys.learning_coefficient.estimator.local_learning_coefficient`.

    `adapt` draws serve to leave the start and to adapt the step; a trajectory has about `leapfrogs` leapfrogs.
    `stiffness` is the largest, for samplers that scale their steps themselves.
    """

    sampler: Sampler
    chains: int
    draws: int
    thin: int
    step_size: float
    leapfrogs: int
    adapt: int
    batch_size: int | None
    stiffness: float = 1.0

    @property
    def adjusted(self) -> bool:
        """Whether proposals may be refused."""
        return self.sampler in ACCEPTANCE


def run_chains(
    posterior: Posterior,
    plan: Plan,
    *,
    generator: torch.Generator,
    advance: Callable[[int], None],
    each: Callable[[int, Tensor, Tensor], object] | None = None,
) -> Draws:
    """Run chains that all begin at w*.

    Parameters
    ----------
    posterior
        What is sampled.
    plan
        How.
    generator
        Source of all randomness, on the parameters' device.
    advance
        Called with the number of draws done.
    each
        Called with every draw: its number, parameters (chain, parameter) and energies (chain,).
    """
    start = posterior.loss.start
    reference = posterior.loss.values(start[None])[0]
    state = posterior.evaluate(start.expand(plan.chains, -1).clone())
    energies = torch.full((plan.draws, plan.chains), torch.nan, dtype=torch.float64, device=start.device)
    distances, spread = energies.clone(), energies.clone()
    step = torch.tensor(plan.step_size, dtype=torch.float64, device=start.device)
    accepted = torch.zeros((), dtype=torch.float64, device=start.device)
    move = mover(posterior, plan, generator)
    for draw in range(plan.draws):
        for part in range(plan.thin):
            if not plan.adjusted:
                state = move(state, step)
                continue
            # At the minimum every short proposal leads up and is refused: the way out is taken almost as it comes.
            state, rate = _adjusted(posterior, plan, state, step, generator, free=draw < plan.adapt // 2)
            if plan.adapt // 2 <= draw < plan.adapt:
                passed = (draw - plan.adapt // 2) * plan.thin + part
                step = step * torch.exp(2 * (rate - ACCEPTANCE[plan.sampler]) / (passed + 10) ** 0.6)
            elif draw >= plan.adapt:
                accepted += rate
        losses = state[1] if plan.batch_size is None else posterior.loss.values(state[0])
        energies[draw] = posterior.n_beta * (losses - reference)
        distances[draw] = (state[0] - start).double().norm(dim=1)
        spread[draw] = posterior.spread(state[0])
        if each is not None:
            each(draw, state[0], energies[draw])
        advance(1)
        if draw % 50 == 0 and not bool((energies[draw].abs() < LARGEST_ENERGY).all()):
            energies[draw] = torch.nan
            break
    moves = (plan.draws - plan.adapt) * plan.thin
    return Draws(
        energies.mT.cpu().numpy(),
        distances.mT.cpu().numpy(),
        spread.mT.cpu().numpy(),
        float(step),
        plan.adapt if plan.adjusted else 0,
        float(accepted) / moves if plan.adjusted and moves else float("nan"),
        state[0],
        () if plan.adjusted else move.doubts(),
    )


def _adjusted(
    posterior: Posterior, plan: Plan, state: State, step: Tensor, generator: torch.Generator, *, free: bool
) -> tuple[State, Tensor]:
    """The next state and the mean acceptance probability."""
    w = state[0]
    momentum = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
    count = 1
    if plan.leapfrogs > 1:  # of random length, lest a direction come round to where it was
        shortest, longest = (7 * plan.leapfrogs) // 10, -(-13 * plan.leapfrogs // 10)
        count = int(torch.randint(max(1, shortest), longest + 1, (1,), generator=generator, device=w.device))
    time = step.sqrt().to(w.dtype)
    before = momentum.double().square().sum(1) / 2
    new = state
    for _ in range(count):
        momentum = momentum - time / 2 * new[3]
        new = posterior.evaluate(posterior.moved(new[0], time * momentum))
        momentum = momentum - time / 2 * new[3]
    log_ratio = state[2] + before - new[2] - momentum.double().square().sum(1) / 2
    log_ratio = torch.where(torch.isfinite(log_ratio), log_ratio, -torch.inf)
    drawn = torch.rand(len(w), generator=generator, dtype=torch.float64, device=w.device)
    taken = drawn.log() < log_ratio
    if free:
        taken |= log_ratio > -(FREE_CLIMB + w.shape[1])
    chosen = [torch.where(taken.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in zip(new, state, strict=True)]
    return (chosen[0], chosen[1], chosen[2], chosen[3]), log_ratio.clamp(max=0).exp().mean()
