"""Local learning coefficient of any torch module and loss, with what is known of the estimate's errors.

λ̂ = nβ (E[L_n(w)] - L_n(w*)) under exp(-nβ L_n(w) - (γ/2)|w - w*|²) (Lau, Furman, Wang, Murfet & Wei 2023, arXiv
2308.12108). Chains start at w*, where the network is. Three errors have a closed form where the loss is quadratic, and
the Hessian's spectrum at w* gives their sizes: the step's [eq:localised-energy-euler], the localisation's
[eq:localisation-effect] and that of a start above the minimum [eq:start-excess]. They are reported and taken off.
At a crossing of branches of minima the energy comes down to λ only like 1/log nβ [eq:energy-law].

``python -m cifar.learning_coefficient`` measures deep linear networks, whose coefficients are theorems.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from cifar.curvature_spectrum import Spectrum, diagonal_scales, largest_curvature, spectrum
from cifar.learning_coefficient_verdict import Evidence, burn_in_of, verdict_on
from cifar.localised_chains import ACCEPTANCE, Draws, Plan, Posterior, Sampler, run_chains
from cifar.stacked_loss import BatchNorm, Loss, StackedLoss
from slt_toys.chain_statistics import summarise
from slt_toys.progress import progress

Array = NDArray[np.float64]

SAMPLERS = ("hmc", "mala", "sgld", "preconditioned sgld")
SHARE_OF_BIAS = 0.01  # of the estimate: what the chosen step of an unadjusted sampler may add
SHARE_OF_LOCALISATION = 0.01  # of the largest stiffness: the localisation that is chosen
ADAPTING = 0.2  # of the draws, in which an adjusted sampler leaves the start and finds its step
CONFIDENCE = 0.95
# As coefficients along training were first published: nothing dropped, localisation and step chosen by hand.
WITHOUT_BURN_IN: dict[str, Any] = {
    "sampler": "sgld", "localisation": 100.0, "chains": 10, "draws": 100, "burn_in": 0, "step_size": 1e-5,
}  # fmt: skip


@dataclass(frozen=True)
class LearningCoefficientEstimate:
    """A local learning coefficient, its error, and what it rests on. All but steps and curvatures are pure numbers.

    Attributes
    ----------
    estimate
        λ̂: the posterior energy less the step's bias, plus the start's excess and the localisation's effect.
    standard_error
        Of the estimate: from the means of independent chains and from the random vectors of the corrections.
    interval
        Of 95 % confidence, by Student's law.
    posterior_energy
        nβ (E[L_n] - L_n(w*)) as sampled, at this localisation and step.
    step_bias, localisation_effect, start_excess
        Closed forms for a quadratic loss of this Hessian: what the step added, what the localisation took, and how far
        the start lies above the minimum, nβ times.
    quadratic_energy
        What the posterior energy would be were the loss quadratic, without the step's bias.
    monte_carlo_standard_error, bulk_effective_sample_size, r_hat
        Of the sampled energies after the burn-in (all chains together).
    n_beta, localisation, step_size
        nβ [1/loss], γ [1/length²] and ε [length², or 1 when preconditioned] used.
    largest_curvature
        Largest eigenvalue of the Hessian at w* [loss/length²].
    acceptance
        Of adjusted samplers; NaN otherwise.
    burn_in
        Draws dropped from each chain.
    distance
        Mean distance of the chains from w* at the end [length].
    sampler
        Which one.
    verdict
        One line: "trust" or "doubt", and why.
    energies
        All of them, shape (chain, draw), the burn-in too.
    """

    estimate: float
    standard_error: float
    interval: tuple[float, float]
    posterior_energy: float
    step_bias: float
    localisation_effect: float
    start_excess: float
    quadratic_energy: float
    monte_carlo_standard_error: float
    bulk_effective_sample_size: float
    r_hat: float
    n_beta: float
    localisation: float
    step_size: float
    largest_curvature: float
    acceptance: float
    burn_in: int
    distance: float
    sampler: str
    verdict: str
    energies: Array

    @property
    def trusted(self) -> bool:
        """Whether nothing was found that speaks against the estimate."""
        return self.verdict.startswith("trust")


def local_learning_coefficient(
    module: nn.Module,
    loss: Loss,
    data: tuple[Tensor, Tensor],
    *,
    sampler: Sampler = "hmc",
    examples: int | None = None,
    n_beta: float | None = None,
    localisation: float | None = None,
    chains: int = 16,
    draws: int = 256,
    thin: int = 1,
    step_size: float | None = None,
    batch_size: int | None = None,
    batch_norm: BatchNorm = "frozen",
    burn_in: int | None = None,
    examples_at_once: int | None = None,
    seed: int = 0,
) -> LearningCoefficientEstimate:
    """Estimate the local learning coefficient at a module's parameters.

    Parameters
    ----------
    module
        At a minimum of the loss. It is left as it is: a copy is evaluated, without dropout.
    loss
        ``loss(outputs, targets)``, the mean over examples; minus the log-likelihood per example, up to a constant.
    data
        Inputs and targets, on the module's device and of its type.
    sampler
        ``"hmc"`` and ``"mala"``: unbiased at any step; they need every example at each step. Hamiltonian Monte Carlo
        draws nearly independent energies, at several gradients each. ``"sgld"``: unadjusted. ``"preconditioned
        sgld"``: with fixed scales of parameters, from the Hessian's diagonal at the start.
    examples
        Number n, where the data stand for more (or fewer) examples than they have rows.
    n_beta
        nβ; None for n/log n.
    localisation
        γ; None for a hundredth of the largest stiffness nβh.
    chains, draws, thin
        Chains, draws kept of each, and steps between two draws.
    step_size
        ε; None to choose it: for an unadjusted sampler so that the predicted bias is 1 %, for an adjusted one by the
        predicted acceptance, and then adapted while the first fifth of the draws is taken. A leapfrog takes time √ε.
    batch_size
        None for gradients of L_n itself; a number for gradients of so many examples drawn at each step, whose noise
        heats the chains by an amount that no closed form here knows. Energies are of all examples in either case.
    batch_norm
        ``"frozen"``: running statistics stay as they are; ``"batch"``: statistics of all examples seen together.
    burn_in
        Draws of each chain to drop; None to find them.
    examples_at_once
        Bounds the memory: examples of all chains that are evaluated together.
    seed
        Of everything random. The same seed gives the same bits on the same machine and number of threads.

    Returns
    -------
    LearningCoefficientEstimate

    Raises
    ------
    ValueError
        For an argument out of range, or a loss at the start that is not finite.
    """
    _check(sampler, chains, draws, thin, batch_size, burn_in, step_size, localisation, n_beta)
    inputs, targets = data
    stacked = StackedLoss(module, loss, inputs, targets, batch_norm=batch_norm, examples_at_once=examples_at_once)
    count = stacked.examples if examples is None else examples
    if n_beta is None:
        if count < 3:
            raise ValueError(f"examples: n/log n needs at least 3, got {count}; give n_beta")
        n_beta = count / math.log(count)
    if batch_size is not None and batch_norm == "batch":
        raise ValueError("batch_size: batch statistics of a minibatch are another loss; leave one of the two out")
    if not math.isfinite(float(stacked.values(stacked.start[None])[0])):
        raise ValueError("module: its loss on the data is not finite; bring it to a minimum first")
    generator = torch.Generator(device=stacked.start.device).manual_seed(seed)
    top = largest_curvature(stacked, generator=generator)
    if localisation is None and not top > 0:
        raise ValueError(
            "module: the loss has no positive curvature at its parameters; bring it to a minimum, or give localisation"
        )
    if localisation is None:
        localisation = SHARE_OF_LOCALISATION * n_beta * top
    scales = torch.ones_like(stacked.start)
    if sampler == "preconditioned sgld":
        scales = diagonal_scales(stacked, probes=16, generator=generator)
    posterior = Posterior(stacked, n_beta, localisation, scales)
    known = spectrum(stacked, n_beta=n_beta, localisation=localisation, scales=scales, generator=generator)
    adjusted, adapt = sampler in ACCEPTANCE, 0
    if step_size is None and adjusted:
        step_size = known.step_for_acceptance(ACCEPTANCE[sampler], leapfrogs=sampler == "hmc")
        adapt = int(ADAPTING * draws)
    elif step_size is None:
        step_size = known.step_for_bias(SHARE_OF_BIAS)
    leapfrogs = known.leapfrogs(step_size) if sampler == "hmc" else 1
    plan = Plan(sampler, chains, draws, thin, step_size, leapfrogs, adapt, batch_size)
    with progress("learning coefficient", draws) as advance:
        drawn = run_chains(posterior, plan, generator=generator, advance=advance)
    return _estimate(drawn, known, sampler, n_beta, localisation, top, burn_in, batch_size)


def _estimate(
    drawn: Draws,
    known: Spectrum,
    sampler: Sampler,
    n_beta: float,
    localisation: float,
    top: float,
    burn_in: int | None,
    batch_size: int | None,
) -> LearningCoefficientEstimate:
    dropped = burn_in if burn_in is not None else max(drawn.adapted, burn_in_of(drawn.energies))
    kept, distances = drawn.energies[:, dropped:], drawn.distances[:, dropped:]
    chains = len(kept)
    summary = summarise(kept)
    energy = float(kept.mean())
    effect, effect_error = known.localisation_effect()
    quadratic = known.energy()
    stable = drawn.step_size * known.largest < 4
    bias = 0.0
    if sampler not in ACCEPTANCE:
        bias = known.energy(drawn.step_size) - quadratic if stable else math.inf
    # Chains are independent, so that the spread of their means needs no autocorrelation time.
    error = float(kept.mean(1).std(ddof=1)) / math.sqrt(chains) if chains > 1 else float(summary[1])
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, chains - 1) if chains > 1 else stats.norm.ppf(0.975))
    estimate = energy + known.start_excess + effect - (bias if stable else 0.0)
    half = quantile * math.hypot(error, effect_error)
    evidence = Evidence(
        kept, distances, estimate, half, float(summary[2]), float(summary[3]), bias, effect, known.start_excess,
        known.lowest_curvature, localisation, drawn.acceptance, drawn.step_size * known.largest, batch_size,
    )  # fmt: skip
    return LearningCoefficientEstimate(
        estimate=estimate,
        standard_error=math.hypot(error, effect_error),
        interval=(estimate - half, estimate + half),
        posterior_energy=energy,
        step_bias=bias,
        localisation_effect=effect,
        start_excess=known.start_excess,
        quadratic_energy=quadratic,
        monte_carlo_standard_error=float(summary[1]),
        bulk_effective_sample_size=float(summary[3]),
        r_hat=float(summary[2]),
        n_beta=n_beta,
        localisation=localisation,
        step_size=drawn.step_size,
        largest_curvature=top,
        acceptance=drawn.acceptance,
        burn_in=dropped,
        distance=float(distances[:, -1].mean()),
        sampler=sampler,
        verdict=verdict_on(evidence),
        energies=drawn.energies,
    )


def _check(sampler, chains, draws, thin, batch_size, burn_in, step_size, localisation, n_beta) -> None:
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler: {sampler!r} is unknown; it must be one of {', '.join(map(repr, SAMPLERS))}")
    for name, value, least in (("chains", chains, 1), ("draws", draws, 20), ("thin", thin, 1)):
        if value < least:
            raise ValueError(f"{name}: {value} is too few; it must be at least {least}")
    for name, value in (("step_size", step_size), ("localisation", localisation), ("n_beta", n_beta)):
        positive = value is None or (math.isfinite(value) and (value > 0 or (name == "localisation" and value == 0)))
        if not positive:
            raise ValueError(f"{name}: {value} must be a positive number, or None to choose it")
    if batch_size is not None and (batch_size < 1 or sampler in ACCEPTANCE):
        raise ValueError(
            f"batch_size: {batch_size} must be at least 1, and None for {sampler!r} if that accepts by the loss of all"
        )
    if burn_in is not None and not 0 <= burn_in <= draws - 10:
        raise ValueError(f"burn_in: {burn_in} must lie between 0 and draws - 10 = {draws - 10}, or be None to find it")


__all__ = ["WITHOUT_BURN_IN", "LearningCoefficientEstimate", "local_learning_coefficient"]

if __name__ == "__main__":
    from cifar.learning_coefficient_study import main

    sys.exit(main())
