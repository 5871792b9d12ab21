"""Steps of samplers that refuse no proposal: Langevin's, scaled by RMSProp, and a Nosé–Hoover thermostat's.

Only the first has a bias that goes to 0 with the step and is known before. RMSProp's scales follow the slope of the
same draw, and sample another law however small the step [eq:rmsprop-energy]. The thermostat (SGNHT) holds the
temperature of all directions together, not of each [eq:thermostat-energy].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from slt_toys.reference.laws import law

if TYPE_CHECKING:
    from slt_toys.learning_coefficient.chains import Plan, Posterior, State
    from slt_toys.learning_coefficient.curvature import Spectrum

MEMORY = 0.99  # of RMSProp's mean square: a hundred steps
FLOOR = 1e-3  # of the root of the largest stiffness, which is added to the root of that mean
ROOT_STEP = 0.04  # of RMSProp's step times the root of the largest stiffness: as 1 % of bias is for Langevin's
FRICTION = 0.02  # of the thermostat, times the time of a step
WARM = 0.1  # by which stiff directions may be warmer than all: their energy is then three per cent too large
ERRORS = 5.0  # of that measurement
SETTLED = 0.25  # of the steps, after which the temperature is measured


class Move(Protocol):
    """Steps of all chains."""

    def __call__(self, state: State, step: Tensor) -> State:
        """The next state."""
        ...

    def doubts(self) -> tuple[str, ...]:
        """What has been seen that speaks against the sampler itself."""
        ...


def mover(posterior: Posterior, plan: Plan, generator: torch.Generator) -> Move | None:
    """Steps of the plan's sampler; None for those that need no memory."""
    chosen = {"rmsprop sgld": RootMeanSquare, "sgnht": Thermostat}.get(plan.sampler)
    return None if chosen is None else chosen(posterior, plan, generator)


class Langevin:
    """w ← w - (ε/2) s² ∇U + √ε s ξ, on all examples or as many as a batch has."""

    def __init__(self, posterior: Posterior, plan: Plan, generator: torch.Generator):
        self.posterior, self.plan, self.generator = posterior, plan, generator

    def __call__(self, state: State, step: Tensor) -> State:
        """The next state."""
        w, slope = state[0], self.slope(state)
        moved = self.posterior.moved(w, step.sqrt().to(w.dtype) * self.normal(w) - (step / 2).to(w.dtype) * slope)
        return self.after(moved, state)

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(like.shape, generator=self.generator, dtype=like.dtype, device=like.device)

    def slope(self, state: State) -> Tensor:
        """Of U = nβ L + the localisation's, in the coordinates of the steps."""
        if self.plan.batch_size is None:
            return state[3]
        count, loss = (self.plan.batch_size,), self.posterior.loss
        rows = torch.randint(loss.examples, count, generator=self.generator, device=state[0].device)
        return self.posterior.evaluate(state[0], rows)[3]

    def after(self, moved: Tensor, state: State) -> State:
        """The state at moved parameters; in batches its loss and slope are found when they are asked for."""
        return self.posterior.evaluate(moved) if self.plan.batch_size is None else (moved, *state[1:])

    def doubts(self) -> tuple[str, ...]:
        """Of minibatches, whose gradients' noise is neither measured nor taken off here."""
        size = self.plan.batch_size
        return () if size is None else (f"gradients of {size} examples raise the temperature by an unknown amount",)


class RootMeanSquare(Langevin):
    """The same steps times G = 1/(δ + √v), with v each chain's running mean of squared slopes."""

    def __init__(self, posterior: Posterior, plan: Plan, generator: torch.Generator, *, memory: float = MEMORY):
        super().__init__(posterior, plan, generator)
        # The slope at a minimum is 0; a run starts from that of chains in the stiffest direction.
        shape = (plan.chains, len(posterior.loss.start))
        self._mean = torch.full(shape, plan.stiffness, dtype=torch.float64, device=posterior.loss.start.device)
        self._memory, self._floor = memory, FLOOR * plan.stiffness**0.5

    def __call__(self, state: State, step: Tensor) -> State:
        """The next state."""
        w, slope = state[0], self.slope(state)
        self._mean = self._memory * self._mean + (1 - self._memory) * slope.double() ** 2
        scale = step / (self._floor + self._mean.sqrt())
        return self.after(w + (scale.sqrt() * self.normal(w) - scale / 2 * slope).to(w.dtype), state)

    def doubts(self) -> tuple[str, ...]:
        """Always: what it converges to is not the posterior."""
        return (
            *super().doubts(),
            "rmsprop sgld scales a step by the slope of the same draw and samples another law: up to twice the energy "
            "where its memory is short against the time in which a direction is forgotten; use 'hmc' or 'sgld'",
        )


class Thermostat(Langevin):
    """p ← p - τ(ξ p + ∇U) + √(2Aτ) η, then w ← w + τp and ξ ← ξ + τA²(|p|²/d - 1), with τ = √ε and Aτ = `FRICTION`."""

    def __init__(self, posterior: Posterior, plan: Plan, generator: torch.Generator):
        super().__init__(posterior, plan, generator)
        start = posterior.loss.start
        like = torch.zeros((plan.chains, len(start)), dtype=torch.float64, device=start.device)
        self._momentum, self._steps = self.normal(like), 0
        self._friction = torch.full_like(like[:, :1], FRICTION)  # times τ
        self._along, self._squares = torch.zeros_like(like[:, 0]), torch.zeros_like(like[:, 0])

    def __call__(self, state: State, step: Tensor) -> State:
        """The next state."""
        w, slope, time = state[0], self.slope(state).double(), step.sqrt()
        p = (1 - self._friction) * self._momentum - time * slope + (2 * FRICTION) ** 0.5 * self.normal(self._momentum)
        self._friction = self._friction + FRICTION**2 * ((p**2).mean(1, keepdim=True) - 1)
        self._momentum = p
        self._steps += 1
        if self._steps > SETTLED * self.plan.draws * self.plan.thin:
            self._along += (p * slope).sum(1) ** 2
            self._squares += (slope**2).sum(1)
        return self.after(w + (time * p).to(w.dtype), state)

    @property
    def temperature(self) -> tuple[float, float]:
        """Mean square of the momentum along the slope, where stiff directions count most, and its standard error.

        1 in the posterior, where momentum and place know nothing of each other.
        """
        ratios = self._along / self._squares.clamp(min=1e-300)
        mean = float(self._along.sum() / self._squares.sum().clamp(min=1e-300))
        return mean, float(ratios.std() / len(ratios) ** 0.5) if len(ratios) > 1 else 0.0

    def doubts(self) -> tuple[str, ...]:
        """Where stiff directions are warmer or colder than all together."""
        mean, error = self.temperature
        if not abs(mean - 1) > max(WARM, ERRORS * error):
            return super().doubts()
        return (
            *super().doubts(),
            f"sgnht: momenta along the slope have {mean:.3g} times the temperature of all directions, which is all "
            "that its thermostat holds; make the step smaller and take all examples, or use 'hmc'",
        )


def chosen_step(sampler: str, known: Spectrum, share: float) -> float:
    """Step at which a quadratic's energy errs by this share, or its stiffest direction's where the sum cannot tell."""
    if sampler == "rmsprop sgld":
        return ROOT_STEP * known.largest**-0.5
    if sampler == "sgnht":
        return 4 * share / known.largest
    return known.step_for_bias(share)


def stiffest_step(sampler: str, known: Spectrum, step: float) -> float:
    """Step times the stiffness of the stiffest direction in its units; below 4 the scheme is stable."""
    return step * (known.largest**0.5 if sampler == "rmsprop sgld" else known.largest)


def step_bias(sampler: str, known: Spectrum, step: float) -> float:
    """What a step adds to a quadratic's energy, as far as it is known; 0 of scales that follow the slope."""
    if sampler == "rmsprop sgld":
        return 0.0
    if sampler != "sgnht":
        return known.energy(step) - known.energy()
    held = known.stiffness > 0
    given: Any = {"n_beta": 1.0, "curvature": known.stiffness[held], "step_size": step, "kinetic_scale": 1.0}
    twice = 2 * law("thermostat-energy")(**given, friction=FRICTION / step**0.5)
    weight = known.weight[held]
    # The thermostat holds the mean square momentum at 1: places are as much warmer as 1 - ξτ/2 says.
    scale = (1 - FRICTION / 2) * weight.sum() / float(weight @ twice)
    share = known.curvature[held] / known.stiffness[held]
    return float((weight * share * (scale * twice - 1)).sum()) / 2
