"""Local learning coefficient of any torch module and loss, with what is known of the estimate's errors.

λ̂ = nβ (E[L_n(w)] - L_n(w*)) under exp(-nβ L_n(w) - (γ/2)|w - w*|²) (Lau, Furman, Wang, Murfet & Wei 2023, arXiv
2308.12108). Chains start at w*, where the network is. Three errors have a closed form where the loss is quadratic, and
the Hessian's spectrum at w* gives their sizes: the step's [eq:localised-energy-euler], the localisation's
[eq:localisation-effect] and that of a start above the minimum [eq:start-excess]. They are reported and taken off.
At a crossing of branches of minima the energy comes down to λ only like 1/log nβ [eq:energy-law].

``python -m slt_toys.learning_coefficient`` measures deep linear networks, whose coefficients are theorems.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import nn

from slt_toys.inputs.arguments import checked_arguments, shown
from slt_toys.learning_coefficient import unadjusted_steps
from slt_toys.learning_coefficient.chains import ACCEPTANCE, Draws, Plan, Posterior, Sampler
from slt_toys.learning_coefficient.curvature import Spectrum
from slt_toys.learning_coefficient.data import as_data
from slt_toys.learning_coefficient.ground import Ground, ground
from slt_toys.learning_coefficient.localisation import NOISE_HELD
from slt_toys.learning_coefficient.longer import DRAWS, first_look, until_mixed
from slt_toys.learning_coefficient.minibatch import Looked, common_error, excess, run_plan
from slt_toys.learning_coefficient.number_resolution import resolution
from slt_toys.learning_coefficient.parts import part_of
from slt_toys.learning_coefficient.refined import Recorder, check_recorded, like
from slt_toys.learning_coefficient.scatter import CONFIDENCE, further_off, scatter, virial_of
from slt_toys.learning_coefficient.stacked_loss import BatchNorm, Loss, StackedLoss
from slt_toys.learning_coefficient.verdict import (
    LARGEST_UNEXPLAINED,
    Evidence,
    burn_in_of,
    draws_may_help,
    verdict_on,
)
from slt_toys.results.progress import progress
from slt_toys.samplers.statistics import summarise

Array = NDArray[np.float64]

SAMPLERS = ("hmc", "mala", "sgld", "preconditioned sgld", "rmsprop sgld", "sgnht")
SHARE_OF_BIAS = 0.01  # of the estimate: what the chosen step of an unadjusted sampler may add
# Of γ in units of the loss's own hold: an energy w^p of one direction loses .15 at p = 4, .13 at 6 and less beyond.
LARGEST_TAKEN = 0.2
WEAKER = 10.0  # times the localisation, at which the energy is held against the quadratic's once more
WEAKER_ALONG_A_BEND = 7.0  # the same where that is as far as steps lead there and back
ADAPTING = 0.2  # of the draws, in which an adjusted sampler leaves the start and finds its step
CURVED = 10_000  # examples that curvatures look at where gradients look at minibatches, or a tenth if that is more
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
        Of the estimate: from the means of independent chains and the draws within, and from the random vectors of the
        corrections.
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
    localisation_change
        By how much more than a quadratic's the energy rose at a localisation ten times weaker, and the standard error
        of this number; None where it was not tried, as after a doubt.
    n_beta, localisation, step_size
        nβ [1/loss], γ [1/length²] (of flat directions, else the weakest) and ε [length², or 1 where chains run in
        scaled coordinates] used.
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
    minibatch_excess, minibatch_error
        What minibatch gradients added to the energy, by a quadratic, and how well that is known; it is taken off.
    example_losses, example_losses_at_start
        Of every draw, shape (chain, draw, example), and of w*, shape (example,) [loss], where they were asked for.
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
    localisation_change: tuple[float, float] | None
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
    minibatch_excess: float = 0.0
    minibatch_error: float = 0.0
    example_losses: Array | None = None
    example_losses_at_start: Array | None = None

    @property
    def trusted(self) -> bool:
        """Whether nothing was found that speaks against the estimate."""
        return self.verdict.startswith("trust")


@checked_arguments(finite=False)
def local_learning_coefficient(
    module: nn.Module,
    loss: Loss,
    data: Any,
    *,
    sampler: Sampler = "hmc",
    examples: int | None = None,
    n_beta: float | None = None,
    localisation: float | None = None,
    chains: int = 16,
    draws: int | None = None,
    thin: int = 1,
    step_size: float | None = None,
    batch_size: int | None = None,
    batch_norm: BatchNorm = "frozen",
    burn_in: int | None = None,
    examples_at_once: int | None = None,
    parameters: Any = None,
    example_losses: Any = None,
    callback: Any = None,
    seed: int = 0,
) -> LearningCoefficientEstimate:
    """Estimate the local learning coefficient at a module's parameters.

    Parameters
    ----------
    module
        At a minimum of the loss. It is left as it is: a copy is evaluated, without dropout.
    loss
        ``loss(outputs, targets)``, the mean over examples; minus the log-likelihood per example, up to a constant. One
        that is no mean is refused, unless n_beta is given and the data are taken at once.
    data
        Inputs and targets, tensors or arrays on the module's device and of its type, the first axis the example.
        Several inputs are a tuple, named ones a mapping; targets may be None, where outputs hold the loss. Or a torch
        Dataset, a DataLoader, or batches that can be read again: see `slt_toys.learning_coefficient.data.as_data`.
    sampler
        ``"hmc"`` and ``"mala"``: unbiased at any step; they need every example at each step. Hamiltonian Monte Carlo
        draws nearly independent energies, at several gradients each. ``"sgld"``: unadjusted. ``"preconditioned
        sgld"``: with fixed scales of directions, from the Hessian at the start. These but ``"sgld"`` run in such
        scales. Two are here as warnings: ``"rmsprop sgld"``, always doubted, and ``"sgnht"``, doubted where its
        thermostat does not reach.
    examples
        Number n, where the data stand for more (or fewer) examples than they have rows: n counts what the loss is the
        mean of, which for a mean over tokens is `slt_toys.learning_coefficient.tokens.count_tokens`.
    n_beta
        nβ; None for n/log n.
    localisation
        γ of every direction; 0 for none, where no direction is flat. None to choose it for each eigenvector of the
        Hessian: a hundredth of its own stiffness nβh where it is curved, but none beside flat ones; of the largest
        where it is flat, or as much as holds chains where a branch has not turned; of the loss's own hold where that is
        of a higher order; beyond 1024 parameters one for all directions in units that make them alike; for ``"sgld"``
        a hundredth of the largest for all.
    chains, draws, thin
        Chains, draws kept of each, and steps between two draws. Draws are 256 if None, and up to 16 times as many where
        chains have not mixed by then; beyond 1024 parameters up to 4 times, and 104 or less where more do not help.
    step_size
        ε; None to choose it: for an unadjusted sampler so that the predicted bias is 1 %, for an adjusted one by the
        predicted acceptance, and then adapted while the first fifth of the draws is taken. A leapfrog takes time √ε.
    batch_size
        None for gradients of L_n itself; a number for gradients of so many examples drawn at each step, and energies
        of those examples or of as many more as their error asks for: see `slt_toys.learning_coefficient.minibatch`.
    batch_norm
        ``"frozen"``: running statistics stay as they are; ``"batch"``: statistics of all examples seen together.
    burn_in
        Draws of each chain to drop; None to find them.
    examples_at_once
        Bounds the memory: examples of all chains that are evaluated together.
    parameters
        Which ones move, all others staying at w*: names of parameters or modules, patterns, a mapping of names to masks
        of elements, or a function of name and parameter; None for all.
    example_losses
        True to keep the losses of all examples at every draw, or inputs and targets of others.
    callback
        Called with every draw: its number, parameters (chain, parameter) and energies (chain,). What it raises ends the
        run.
    seed
        Of everything random. The same seed gives the same bits on the same machine and number of threads.

    Returns
    -------
    LearningCoefficientEstimate

    Raises
    ------
    ValueError
        For an argument out of range; data, module and loss that do not fit together; a loss that is not finite, is
        random, depends on how the data are taken, or whose gradient is another's; nothing to hold the chains.
    """
    longer, draws = draws is None, DRAWS if draws is None else draws
    _check(sampler, chains, draws, thin, batch_size, burn_in, step_size, localisation, n_beta, examples)
    check_recorded(example_losses, callback, batch_norm)
    held = as_data(data, next((p.device for p in module.parameters()), None))
    curved = None if batch_size is None else max(CURVED, held.examples // 10)
    stacked = StackedLoss(
        module, loss, held, batch_norm=batch_norm, examples_at_once=examples_at_once, curvature_examples=curved
    )
    if batch_size is not None and batch_norm == "batch":
        raise ValueError("batch_size: batch statistics of a minibatch are another loss; leave one of the two out")
    stacked = part_of(stacked, module, parameters)
    taken = [size for size in (batch_size, examples_at_once) if size is not None]
    stacked.check(pieces=min(taken, default=None), mean=n_beta is None)
    count = stacked.examples if examples is None else examples
    if n_beta is None:
        if count < 3:
            raise ValueError(f"examples: n/log n needs at least 3, got {count}; give n_beta")
        n_beta = count / math.log(count)
    generator = torch.Generator(device=stacked.start.device).manual_seed(seed)
    found = ground(stacked, sampler, n_beta, localisation, generator)
    adjusted, adapt = sampler in ACCEPTANCE, 0
    if step_size is None and adjusted:
        step_size = found.ruling.step_for_acceptance(ACCEPTANCE[sampler], leapfrogs=sampler == "hmc")
        step_size = min(step_size, found.largest_step)
        adapt = int(ADAPTING * draws)
    elif step_size is None:
        step_size = unadjusted_steps.chosen_step(sampler, found.known, SHARE_OF_BIAS)
    leapfrogs = found.leapfrogs(step_size) if sampler == "hmc" else 1
    plan = Plan(
        sampler, chains, draws, thin, step_size, leapfrogs, adapt, batch_size, found.known.largest, found.largest_step
    )
    others = stacked if example_losses is True else None
    if isinstance(example_losses, tuple | list) and len(example_losses) == 2:
        try:
            others = part_of(StackedLoss(module, loss, *example_losses, batch_norm=batch_norm), module, parameters)
        except ValueError as error:
            raise ValueError(f"example_losses: {str(error).removeprefix('data: ')}") from error
    record = Recorder(callback, None if others is None else like(found.posterior.loss, others), chains, draws)
    run = _Run(found, plan, burn_in, longer and burn_in is None and batch_size is None and not record.asked)
    first = first_look(plan, found.bare) if run.longer and found.many and adapt else plan
    with progress("learning coefficient", first.draws) as advance:
        drawn, looked = run_plan(found.posterior, first, generator=generator, advance=advance, each=record)
    estimate, evidence = _estimate(drawn, run, looked)
    if run.longer and draws_may_help(evidence):
        drawn = until_mixed(found.posterior, plan, drawn, generator=generator)
        estimate, evidence = _estimate(drawn, run, looked)
    if estimate.trusted and run.varied:
        estimate = _at_weaker(run, drawn, estimate, evidence, generator)
    return replace(estimate, example_losses=record.losses, example_losses_at_start=record.at_start)


@dataclass(frozen=True)
class _Run:
    """What chains run on, and how."""

    ground: Ground
    plan: Plan
    burn_in: int | None
    longer: bool = False

    @property
    def free(self) -> bool:
        """Whether the loss is of a higher order in some directions, and holds the chains there itself."""
        return self.ground.hold is not None and self.ground.hold.free

    @property
    def varied(self) -> bool:
        """Whether a weaker localisation is tried: unless there is none, or one step would fit both badly."""
        bare, known = self.ground.bare, self.ground.posterior.vectors is not None or self.ground.many
        return self.ground.localisation > 0 and (known or bool((bare.curvature <= bare.floor).any()))


def _at_weaker(
    run: _Run,
    first: Draws,
    before: LearningCoefficientEstimate,
    evidence: Evidence,
    generator: torch.Generator,
) -> LearningCoefficientEstimate:
    """The estimate once chains have run at a weaker localisation too.

    Ten times weaker, or where the data's noise would make a saddle of the minimum, as weak as it allows. Where the loss
    is quadratic the localisation's effect is known, and the second run is a check. Where its order is higher, the
    effect is proportional to γ once γ is weak, and the two runs together are extrapolated to none.
    """
    bare, known = run.ground.bare, run.ground.known
    noise, pull = -bare.lowest_curvature, run.ground.localisation
    factor = WEAKER if noise <= bare.rounding else float(np.clip(pull / (NOISE_HELD * noise), 2.0, WEAKER))
    if run.ground.hold is not None and run.ground.hold.bent:
        factor = min(factor, WEAKER_ALONG_A_BEND)
    draws = run.plan.draws if run.free else max(20, run.plan.draws // 2)
    plan = replace(run.plan, draws=draws, adapt=int(ADAPTING * draws) if run.plan.adapt else 0)
    with progress("at a weaker localisation", draws) as advance:
        weaker = run.ground.weaker(factor)
        drawn, looked = run_plan(weaker, plan, generator=generator, advance=advance)
    if run.longer:
        drawn = until_mixed(weaker, plan, drawn, generator=generator)
    dropped = max(drawn.adapted, burn_in_of(drawn.energies))
    kept = drawn.energies[:, dropped:]
    step = 0.0 if run.plan.adjusted else run.plan.step_size
    expected, of_expected = known.rise(factor, step)
    warmer, of_warmer, of_examples = _looking(looked, known.weakened(factor), weaker, step, dropped)
    # The law's own error is one of both runs, so that their difference has only that of the excess's change.
    expected += warmer - before.minibatch_excess
    of_expected = math.hypot(of_expected, abs(of_warmer - before.minibatch_error))
    error = max(scatter(kept)[0], 0.0 if looked is None else common_error(kept))
    error = math.hypot(error, of_examples)
    change = float(kept.mean()) - before.posterior_energy - expected
    rising = change, math.hypot(error, before.standard_error, of_expected)
    spreads = float(first.spread[:, before.burn_in :].mean()), float(drawn.spread[:, dropped:].mean())
    wider = spreads[1] / spreads[0] if spreads[0] > 0 else None
    evidence = replace(evidence, rising=rising, spreading=wider, of_the_sampler=drawn.doubts)
    if run.free:  # the estimate is made of both runs
        evidence = replace(evidence, virial=further_off(evidence.virial, virial_of(drawn, dropped)))
        values = np.array([before.estimate, before.estimate + change])
        estimate, both = _without_localisation(run, values, (before.standard_error, error), factor)
        half = both * float(stats.t.ppf((1 + CONFIDENCE) / 2, max(1, 2 * (len(kept) - 1))))
        evidence = replace(evidence, estimate=estimate, standard_error=both, half_width=half)
        before = replace(before, estimate=estimate, standard_error=both, interval=(estimate - half, estimate + half))
    return replace(before, localisation_change=rising, verdict=verdict_on(evidence))


def _without_localisation(run: _Run, values: Array, errors: tuple[float, float], factor: float) -> tuple[float, float]:
    """The limit of two estimates as γ goes to 0, and its standard error.

    What the localisation takes is γ times an unknown number, of which no more is known than its size: a share of γ in
    units of the loss's own hold, for each direction. By generalised least squares, in which it is an error of both.
    """
    held = run.ground.hold
    assert held is not None and held.flatness is not None and held.flatness.reach is not None
    taken = LARGEST_TAKEN * run.ground.localisation * held.flatness.reach**2 * int(held.flat.sum())
    shares = np.array([1.0, 1 / factor])
    weights = np.linalg.solve(np.diag(np.square(errors)) + taken**2 * np.outer(shares, shares), np.ones(2))
    return float(weights @ values / weights.sum()), float(weights.sum()) ** -0.5


def _looking(
    looked: Looked | None, known: Spectrum, posterior: Posterior, step: float, dropped: int
) -> tuple[float, float, float]:
    """What minibatch gradients add to the energy, how well that is known, and the error of minibatch energies."""
    if looked is None:
        return 0.0, 0.0, 0.0
    warmer = excess(looked, known, posterior, step, dropped)
    return *warmer, looked.standard_error(dropped)


def _estimate(drawn: Draws, run: _Run, looked: Looked | None = None) -> tuple[LearningCoefficientEstimate, Evidence]:
    known, bare, plan, posterior = run.ground.known, run.ground.bare, run.plan, run.ground.posterior
    held = run.ground.hold
    dropped = run.burn_in if run.burn_in is not None else max(drawn.adapted, burn_in_of(drawn.energies))
    kept, distances = drawn.energies[:, dropped:], drawn.distances[:, dropped:]
    summary = summarise(kept)
    energy = float(kept.mean())
    effect, effect_error = known.localisation_effect()
    quadratic, quadratic_error = known.energy_with_error()
    stiffest = unadjusted_steps.stiffest_step(plan.sampler, known, drawn.step_size)
    stable = stiffest < 4
    bias = 0.0
    if not plan.adjusted:
        bias = unadjusted_steps.step_bias(plan.sampler, known, drawn.step_size) if stable else math.inf
    error, quantile = scatter(kept)
    error = error if looked is None else max(error, common_error(kept))
    warmer, of_warmer, of_examples = _looking(looked, known, posterior, drawn.step_size, dropped)
    both = math.hypot(error, effect_error, of_warmer, of_examples)
    estimate = energy + known.start_excess + effect - warmer - (bias if stable else 0.0)
    shared: dict[str, Any] = {
        "estimate": estimate,
        "standard_error": both,
        "step_bias": bias,
        "localisation_effect": effect,
        "start_excess": known.start_excess,
        "r_hat": float(summary[2]),
        "localisation": run.ground.localisation,
        "acceptance": drawn.acceptance,
        "minibatch_excess": warmer,
    }
    evidence = Evidence(
        **shared,
        energies=kept,
        distances=distances,
        half_width=quantile * both,
        effective=float(summary[3]),
        parameters=len(posterior.loss.start),
        lowest_curvature=bare.lowest_curvature,
        softest_curvature=bare.softest,
        flat_directions=bool((bare.curvature <= bare.floor).any()),
        rounding_curvature=bare.rounding,
        stiffest_step=stiffest,
        unexplained=(
            energy + known.start_excess - warmer - (bias if stable else 0.0) - quadratic,
            math.hypot(quadratic_error, of_warmer),
        ),
        missing=bare.missing(),
        flatness=None if held is None else held.flatness,
        resolution=resolution(posterior.loss, run.ground.twin, drawn.last, n_beta=posterior.n_beta),
        free=int(held.flat.sum()) if held is not None and held.free else 0,
        drop=0.0 if held is None else held.drop,
        height=run.ground.height,
        bent=held is not None and held.bent,
        of_the_sampler=drawn.doubts,
        virial=virial_of(drawn, dropped),
    )
    off = max(abs(evidence.unexplained[0]), estimate - evidence.parameters / 2)
    if off > LARGEST_UNEXPLAINED * abs(estimate) and run.ground.profiled is not None:
        evidence = replace(evidence, profiled=run.ground.profiled - quadratic)
    return LearningCoefficientEstimate(
        **shared,
        interval=(estimate - quantile * both, estimate + quantile * both),
        posterior_energy=energy,
        quadratic_energy=quadratic,
        monte_carlo_standard_error=float(summary[1]),
        bulk_effective_sample_size=float(summary[3]),
        localisation_change=None,
        n_beta=posterior.n_beta,
        step_size=drawn.step_size,
        largest_curvature=run.ground.top,
        burn_in=dropped,
        distance=float(distances[:, -1].mean()),
        sampler=plan.sampler,
        verdict=verdict_on(evidence),
        energies=drawn.energies,
        minibatch_error=of_warmer,
    ), evidence


def _check(sampler, chains, draws, thin, batch_size, burn_in, step_size, localisation, n_beta, examples) -> None:
    if not isinstance(sampler, str) or sampler not in SAMPLERS:
        raise ValueError(f"sampler: {shown(sampler)} is unknown; it must be one of {', '.join(map(repr, SAMPLERS))}")
    counts = (("chains", chains), ("draws", draws), ("thin", thin), ("batch_size", batch_size), ("burn_in", burn_in))
    for name, value in counts:
        if value is not None and (isinstance(value, bool) or not isinstance(value, Integral)):
            raise ValueError(f"{name}: {shown(value)} must be a whole number")
    for name, value, least in (("chains", chains, 1), ("draws", draws, 20), ("thin", thin, 1)):
        if value is None or value < least:
            raise ValueError(f"{name}: {value} is too few; it must be at least {least}")
    numbers = (("step_size", step_size), ("localisation", localisation), ("n_beta", n_beta), ("examples", examples))
    for name, value in numbers:
        known = value is None or (isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value))
        if not known or not (value is None or float(value) > 0 or (name == "localisation" and value == 0)):
            least = "a positive number or 0" if name == "localisation" else "a positive number"
            raise ValueError(f"{name}: {shown(value)} must be {least}, or None to choose it")
    if batch_size is not None and (batch_size < 1 or sampler in ACCEPTANCE):
        raise ValueError(
            f"batch_size: {batch_size} must be at least 1, and None for {sampler!r} if that accepts by the loss of all"
        )
    if burn_in is not None and not 0 <= burn_in <= draws - 10:
        raise ValueError(f"burn_in: {burn_in} must lie between 0 and draws - 10 = {draws - 10}, or be None to find it")
