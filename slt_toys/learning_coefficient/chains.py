"""Chains of the localised posterior exp(-nβ L_n(w) - (γ/2)|w - w*|²), all of them in one tensor.

With fixed scales s of the parameters (1 without preconditioning) an unadjusted step is
w ← w - (ε/2) s² (nβ ∇L + γ (w - w*)) + √ε s ξ; scales and γ may also be those of other directions than the
parameters' own, such as the Hessian's eigenvectors. Hamiltonian Monte Carlo goes several such steps without drawing
ξ anew, by leapfrogs of time √ε, and accepts or refuses where it ends, so that its law is the posterior's own whatever
the step (Duane, Kennedy, Pendleton & Roweth 1987, Phys. Lett. B 195:216); with one leapfrog it is MALA.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slt_toys.learning_coefficient.fused_step import FusedStep, fits
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from slt_toys.learning_coefficient.unadjusted_steps import mover

Array = NDArray[np.float64]
Each = Callable[[int, Tensor, Tensor], object]
Sampler = Literal["hmc", "mala", "sgld", "preconditioned sgld", "rmsprop sgld", "sgnht"]
State = tuple[Tensor, Tensor, Tensor, Tensor]  # parameters, losses, minus log densities, slopes

WARNINGS = ("rmsprop sgld", "sgnht")  # here to be seen: what they sample is another law, or may be
OWN_COORDINATES = ("sgld", *WARNINGS)  # run in the parameters themselves
ACCEPTANCE = {"mala": 0.65, "hmc": 0.8}  # aimed at while the step is adapted; the usual optima are 0.57 and 0.65
# From a minimum leapfrogs of a stable step err upwards by less than the number of parameters; one that errs by more
# has left what the step was made for.
FREE_CLIMB = 10.0
SET_OUT, SHORTER = 0.5, 4.0  # share of the chains that such a step has to take out, or it is made so much smaller
LOST = 4.0  # times its mean: the kinetic energy on the way out, which falls, of trajectories that have diverged
MOST_LONGER = 4  # times the leapfrogs planned, where the step has been made smaller
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
    virial
        (w - w*) times the slope of minus the log density, shape (chain, draw): in equilibrium its mean is the number of
        directions. None where it is not known, or not all of them are in equilibrium.
    """

    energies: Array
    distances: Array
    spread: Array
    step_size: float
    adapted: int
    acceptance: float
    last: Tensor
    doubts: tuple[str, ...] = ()
    virial: Array | None = None


@dataclass(frozen=True)
class Deflation:
    """I + V (f - 1) Vᵀ: some orthonormal directions, columns of `vectors`, shrunk by `factors`."""

    vectors: Tensor
    factors: Tensor

    def of(self, z: Tensor) -> Tensor:
        """That times vectors (..., parameters)."""
        return z + (((self.factors - 1) * (z @ self.vectors)) @ self.vectors.mT)

    def to(self, like: Tensor) -> Deflation:
        """In another type of numbers."""
        return Deflation(self.vectors.to(like), self.factors.to(like))


@dataclass(frozen=True)
class Posterior:
    """The localised posterior: loss, nβ [1/loss], γ [1/length²] and the scales of directions.

    `localisation` is one number, or one for each direction. Directions are the columns of `vectors`; None for the
    parameters' own. `followed` says in which of them the chains' spread is recorded. `deflation` shrinks some scaled
    directions once more. `balanced` says whether chains come into equilibrium in every direction. `lead` is the same
    loss in single numbers, whose slopes are taken in place of the loss's own: see `single_slopes`.
    """

    loss: StackedLoss
    n_beta: float
    localisation: float | Tensor
    scales: Tensor
    vectors: Tensor | None = None
    followed: Tensor | None = None
    deflation: Deflation | None = None
    balanced: bool = False
    lead: StackedLoss | None = None

    def evaluate(self, w: Tensor, rows: Tensor | None = None) -> State:
        """Parameters, losses and minus log densities (double precision), and slopes in scaled coordinates."""
        away = self.along(w - self.loss.start)
        if self.lead is None:
            losses, slopes = self.loss.values_and_gradients(w, rows)
        else:
            losses, slopes = self.loss.values(w, rows), self._led(w, rows)
        held = self.localisation * away
        minus_log = self.n_beta * losses + (held.double() * away.double()).sum(1) / 2
        return w, losses, minus_log, self.scaled(self.n_beta * self.along(slopes) + held)

    def slopes(self, w: Tensor) -> Tensor:
        """The same slopes alone."""
        slopes = self.loss.values_and_gradients(w)[1] if self.lead is None else self._led(w)
        away = self.along(w - self.loss.start)
        return self.scaled(self.n_beta * self.along(slopes) + self.localisation * away)

    def _led(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        assert self.lead is not None
        return self.lead.values_and_gradients(w.to(self.lead.start), rows)[1].to(w)

    def along(self, vectors: Tensor) -> Tensor:
        """Components of vectors (copies, parameters) along the directions."""
        return vectors if self.vectors is None else vectors @ self.vectors

    def moved(self, w: Tensor, by: Tensor) -> Tensor:
        """Parameters moved by so much in scaled coordinates."""
        step = self.scales * (by if self.deflation is None else self.deflation.of(by))
        return w + (step if self.vectors is None else step @ self.vectors.mT)

    @cached_property
    def plain(self) -> bool:
        """Whether all directions are the parameters' own, of one scale and one localisation."""
        one = self.vectors is None and self.deflation is None and not isinstance(self.localisation, Tensor)
        return one and bool((self.scales == 1).all())

    def scaled(self, slopes: Tensor) -> Tensor:
        """Slopes along the directions, in scaled coordinates."""
        turned = self.scales * slopes
        return turned if self.deflation is None else self.deflation.of(turned)

    def spread(self, w: Tensor) -> Tensor:
        """Squares of the way from the start in the directions that are followed, shape (copies,)."""
        if self.followed is None:
            return torch.zeros(len(w), dtype=torch.float64, device=w.device)
        return self.along(w - self.loss.start)[:, self.followed].double().square().sum(1)

    def virial(self, state: State) -> Tensor:
        """Way from the start times the slope of minus the log density, shape (copies,)."""
        away = self.along(state[0] - self.loss.start) / self.scales
        return (away.double() * state[3].double()).sum(1)


class Stepper:
    """Unadjusted steps of so many chains, which change them in place."""

    def __init__(self, posterior: Posterior, copies: int, generator: torch.Generator):
        self._posterior, self._generator = posterior, generator
        fused = posterior.plain and fits(posterior.loss.start, copies)
        self._fused = FusedStep(posterior.loss.start, generator) if fused else None

    def take(self, w: Tensor, slopes: Tensor, step_size: float, tilt: Tensor | None = None) -> Tensor:
        """One step from where the loss has these slopes, by the parameters themselves, and a tilt common to all.

        Returns the way from the start times the tilt before the step, shape (copies,).
        """
        posterior, start = self._posterior, self._posterior.loss.start
        tilt = torch.zeros_like(start) if tilt is None else tilt
        if self._fused is not None:
            pull = float(posterior.localisation)
            return self._fused.take(w, slopes, tilt, step_size=step_size, n_beta=posterior.n_beta, pull=pull)
        noise = torch.randn(w.shape, generator=self._generator, dtype=w.dtype, device=w.device)
        away = w - start
        held = posterior.localisation * posterior.along(away)
        drift = posterior.scaled(posterior.n_beta * posterior.along(slopes + tilt) + held)
        tilted = away @ tilt
        w.copy_(posterior.moved(w, step_size**0.5 * noise - step_size / 2 * drift))
        return tilted


@dataclass(frozen=True)
class Plan:
    """How chains are run: see `slt_toys.learning_coefficient.estimator.local_learning_coefficient`.

    `adapt` draws serve to leave the start and to adapt the step; a trajectory is about as long as `leapfrogs` leapfrogs
    of this step, whatever the step becomes. A `batch_size` is for `slt_toys.learning_coefficient.minibatch.run_plan`,
    `stiffness`, the largest, for samplers that scale their steps themselves. `largest_step` is that of adaptation,
    `longest` how many times as many leapfrogs a smaller step may take.
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
    largest_step: float = math.inf
    longest: int = MOST_LONGER

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
    before: Draws | None = None,
    each: Each | None = None,
) -> Draws:
    """Run chains that all begin at w*, or where others ended, with the step that these had found.

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
    before
        Chains that are gone on with; what is returned are the new draws alone.
    each
        Called with every draw: its number, parameters (chain, parameter) and energies (chain,).
    """
    start = posterior.loss.start
    reference = posterior.loss.values(start[None])[0]
    first, stepper = start.expand(plan.chains, -1).clone() if before is None else before.last, None
    move = mover(posterior, plan, generator)
    if plan.adjusted or move is not None:
        state = posterior.evaluate(first)
    else:
        losses, slopes = posterior.loss.values_and_gradients(first)
        state, stepper = (first, losses, losses, slopes), Stepper(posterior, plan.chains, generator)
    energies = torch.full((plan.draws, plan.chains), torch.nan, dtype=torch.float64, device=start.device)
    distances, spread, virial = energies.clone(), energies.clone(), energies.clone()
    balanced = posterior.balanced and plan.adjusted
    begun = plan.step_size if before is None else before.step_size
    step = torch.tensor(begun, dtype=torch.float64, device=start.device)
    accepted = torch.zeros((), dtype=torch.float64, device=start.device)
    for draw in range(plan.draws):
        for part in range(plan.thin):
            if stepper is not None:
                state = _unadjusted(posterior, state, plan.step_size, stepper)
                continue
            if move is not None:
                state = move(state, step)
                continue
            # At the minimum every short proposal leads up and is refused: the way out is taken almost as it comes.
            free, old = before is None and draw < plan.adapt // 2, state[0]
            state, rate = _adjusted(posterior, plan, state, step, generator, free=free)
            if free and float((state[0] != old).any(1).double().mean()) < SET_OUT:
                step = step / SHORTER  # it leads where the loss is much stiffer than at the minimum
            if plan.adapt // 2 <= draw < plan.adapt:
                passed = (draw - plan.adapt // 2) * plan.thin + part
                step = step * torch.exp(2 * (rate - ACCEPTANCE[plan.sampler]) / (passed + 10) ** 0.6)
                step = step.clamp(max=plan.largest_step)
            elif draw >= plan.adapt:
                accepted += rate
        fresh = move is None or plan.batch_size is None
        energies[draw] = posterior.n_beta * ((state[1] if fresh else posterior.loss.values(state[0])) - reference)
        distances[draw] = (state[0] - start).double().norm(dim=1)
        spread[draw] = posterior.spread(state[0])
        if balanced:
            virial[draw] = posterior.virial(state)
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
        () if move is None else move.doubts(),
        virial.mT.cpu().numpy() if balanced else None,
    )


def _unadjusted(posterior: Posterior, state: State, step: float, stepper: Stepper) -> State:
    """The next state, whose slopes are those of the loss itself, and whose log densities nobody asks for."""
    w = state[0].clone()
    stepper.take(w, state[3], step)
    losses, slopes = posterior.loss.values_and_gradients(w)
    return w, losses, losses, slopes


def _adjusted(
    posterior: Posterior, plan: Plan, state: State, step: Tensor, generator: torch.Generator, *, free: bool
) -> tuple[State, Tensor]:
    """The next state and the mean acceptance probability."""
    w = state[0]
    momentum = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
    count, time = 1, step.sqrt()
    if plan.sampler == "hmc":  # of random length, lest a direction come round to where it was
        jitter = 0.7 + 0.6 * float(torch.rand((), generator=generator, dtype=torch.float64, device=w.device))
        length = jitter * plan.leapfrogs * plan.step_size**0.5
        count = min(max(1, math.ceil(length / float(time))), plan.longest * plan.leapfrogs)
        time = time.new_tensor(min(length / count, float(time)))
    time = time.to(w.dtype)
    before = momentum.double().square().sum(1) / 2
    place, slopes = w, state[3]
    for left in range(count, 0, -1):
        momentum = momentum - (time / 2 if left == count else time) * slopes
        place = posterior.moved(place, time * momentum)
        if free and bool((momentum.square().sum(1) > LOST * w.shape[1]).all()):
            break  # none will be taken
        slopes = posterior.slopes(place) if left > 1 else slopes
    new = posterior.evaluate(place)
    momentum = momentum - time / 2 * new[3]
    log_ratio = state[2] + before - new[2] - momentum.double().square().sum(1) / 2
    log_ratio = torch.where(torch.isfinite(log_ratio), log_ratio, -torch.inf)
    drawn = torch.rand(len(w), generator=generator, dtype=torch.float64, device=w.device)
    taken = drawn.log() < log_ratio
    if free:
        taken |= log_ratio > -(FREE_CLIMB + w.shape[1])
    chosen = [torch.where(taken.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in zip(new, state, strict=True)]
    return (chosen[0], chosen[1], chosen[2], chosen[3]), log_ratio.clamp(max=0).exp().mean()
