"""Estimators of one learning coefficient, side by side, from chains at a few temperatures; an alarm where they differ.

| estimator | estimates λ by | equation |
| --- | --- | --- |
| energy mean | nβ (E[L] - L(w*)) at the hottest and at the coldest rung | [eq:energy-law] |
| loss variance | (nβ)² Var L; it needs no loss at w* | [eq:energy-variance] |
| regression over temperatures | slope of E[L] against 1/nβ; it needs no loss at w* | [eq:two-temperature-estimate] |
| thermodynamic integration | the rise of the free energy over log nβ | [eq:localised-free-energy] |

Where minima are smooth and the loss is quadratic across them all of these are λ. Where branches cross, where directions
are frozen, or at a start that is no minimum, they differ, each in its own way. Beside them stand WBIC, the singular
fluctuation ν and WAIC, which are no estimates of λ: ν is λ where the model is regular and true
[eq:gibbs-training-error] [eq:bayes-training-error] [eq:wbic-mean].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from torch import nn

from slt_toys.inputs.arguments import checked_arguments, shown
from slt_toys.learning_coefficient.chains import ACCEPTANCE, Draws, Plan, run_chains
from slt_toys.learning_coefficient.data import as_data
from slt_toys.learning_coefficient.estimator import ADAPTING, CONFIDENCE
from slt_toys.learning_coefficient.example_losses import ExampleLosses, Fluctuations
from slt_toys.learning_coefficient.ground import Ground, ground
from slt_toys.learning_coefficient.rungs import (
    NAMES,
    Corrections,
    Estimates,
    Moments,
    at_rung,
    estimates,
    logarithm_fits,
)
from slt_toys.learning_coefficient.stacked_loss import BatchNorm, Loss, StackedLoss
from slt_toys.learning_coefficient.verdict import LARGEST_R_HAT, LARGEST_UNEXPLAINED, burn_in_of
from slt_toys.results.progress import progress
from slt_toys.samplers.statistics import summarise

Array = NDArray[np.float64]

RUNGS = 4  # from WBIC's temperature to that of Bayes
FEWEST_CHAINS = 8  # whose jackknife knows an error
FALSE_ALARM = 1e-3  # of all comparisons together, where there is nothing to find
REFUSED = 0.01  # probability below which a multiplicity is
SETTLED = 0.25  # of the draws, after which losses of examples are taken


@dataclass(frozen=True)
class LearningCoefficientEstimators:
    """Estimates of one learning coefficient by several estimators, and whether they agree.

    Attributes
    ----------
    dataset
        Along ``estimator``: `estimate`, `standard_error`, `low` and `high` (95 %), `z` and `chance`, the distance from
        the energy mean in its own standard errors and the probability of so large a one. Along ``rung``: `n_beta`
        [1/loss], `energy`, `energy_variance`, both as sampled, `energy_error`, `r_hat`, `burn_in`. Along
        ``multiplicity``: `logarithm_estimate`, `logarithm_error` and `logarithm_chance` of the law with logarithms.
        Numbers: `wbic` [1], `wbic_error`, and where losses of examples were asked for `singular_fluctuation`, `waic`
        [loss per example] and their errors, all at the coldest rung but `wbic`.
    alarms
        What speaks against one λ for all; empty where nothing does.
    """

    dataset: xr.Dataset
    alarms: tuple[str, ...]

    @property
    def agree(self) -> bool:
        """Whether all estimators say the same, within their errors."""
        return not self.alarms

    @property
    def verdict(self) -> str:
        """One line: "agree", or "alarm" and why."""
        return "alarm: " + "; ".join(self.alarms) if self.alarms else "agree"

    @property
    def multiplicity(self) -> int | None:
        """The smallest multiplicity whose law fits the energies; None where none does."""
        fits = self.dataset["logarithm_chance"]
        kept = fits["multiplicity"].values[fits.values >= REFUSED]
        return int(kept[0]) if len(kept) else None

    def estimate(self, estimator: str) -> tuple[float, float]:
        """One estimate and its standard error."""
        one = self.dataset.sel(estimator=estimator)
        return float(one["estimate"]), float(one["standard_error"])

    def __str__(self) -> str:
        lines = [f"{'estimator':30} {'estimate':>10} {'± error':>9} {'z':>6}"]
        for name in self.dataset["estimator"].values.tolist():
            value, error = self.estimate(name)
            lines.append(f"{name:30} {value:10.4g} {error:9.2g} {float(self.dataset['z'].sel(estimator=name)):6.1f}")
        for name in ("wbic", "singular_fluctuation", "waic"):
            if name in self.dataset:
                value, error = float(self.dataset[name]), float(self.dataset[f"{name}_error"])
                lines.append(f"{name.replace('_', ' '):30} {value:10.4g} {error:9.2g}")
        return "\n".join([*lines, self.verdict])


@checked_arguments(finite=False)
def learning_coefficient_estimators(
    module: nn.Module,
    loss: Loss,
    data: Any,
    *,
    sampler: Literal["hmc", "mala"] = "hmc",
    examples: int | None = None,
    n_betas: ArrayLike | None = None,
    localisation: float | None = None,
    chains: int = 16,
    draws: int = 256,
    thin: int = 1,
    example_losses: bool = True,
    batch_norm: BatchNorm = "frozen",
    examples_at_once: int | None = None,
    seed: int = 0,
) -> LearningCoefficientEstimators:
    """Estimate one learning coefficient by several estimators, from chains at a few temperatures.

    Parameters
    ----------
    module, loss, data, examples, batch_norm, examples_at_once, seed
        As `local_learning_coefficient` takes them.
    sampler
        One without a bias of its own, ``"hmc"`` or ``"mala"``.
    n_betas
        nβ of the rungs, rising, at least two; None for four from n/log n, WBIC's temperature, to n, that of Bayes.
    localisation
        γ at all rungs; None to choose it at the hottest.
    chains, draws, thin
        At each rung.
    example_losses
        Whether losses of single examples are taken at every draw of the coldest rung, for ν and WAIC.

    Returns
    -------
    LearningCoefficientEstimators

    Raises
    ------
    ValueError
        For an argument out of range, and for what `local_learning_coefficient` refuses.
    """
    _check(sampler, n_betas, localisation, chains, draws, thin)
    held = as_data(data, next((p.device for p in module.parameters()), None))
    if example_losses and batch_norm == "batch":
        raise ValueError("example_losses: with statistics of a batch no example has a loss of its own; give False")
    stacked = StackedLoss(module, loss, held, batch_norm=batch_norm, examples_at_once=examples_at_once)
    stacked.check(pieces=examples_at_once, mean=n_betas is None or example_losses)
    count = stacked.examples if examples is None else examples
    if not count >= 2:
        raise ValueError(f"examples: {count} must be at least 2")
    if n_betas is None and count < 20:
        raise ValueError(f"examples: rungs from n/log n to n need at least 20, got {count}; give n_betas")
    ladder = np.geomspace(count / math.log(count), count, RUNGS) if n_betas is None else np.array(n_betas, dtype=float)
    generator = torch.Generator(device=stacked.start.device).manual_seed(seed)
    hottest = ground(stacked, sampler, float(ladder[0]), localisation, generator)
    rungs = [at_rung(hottest, float(each / ladder[0])) for each in ladder]
    fluctuations = Fluctuations(ExampleLosses(rungs[-1].posterior.loss), chains) if example_losses else None
    plan = Plan(sampler, chains, draws, thin, 1.0, 1, int(ADAPTING * draws), None)
    drawn = []
    with progress("estimators side by side", RUNGS * draws) as advance:
        for rung in rungs:
            last = fluctuations if rung is rungs[-1] else None
            drawn.append(_drawn(rung, plan, last, generator, advance))
    return _compared(rungs, drawn, ladder, count, fluctuations)


def _drawn(rung: Ground, plan: Plan, fluctuations: Fluctuations | None, generator, advance) -> Draws:
    leapfrogs = plan.sampler == "hmc"
    step = min(rung.ruling.step_for_acceptance(ACCEPTANCE[plan.sampler], leapfrogs=leapfrogs), rung.largest_step)
    own = Plan(
        plan.sampler, plan.chains, plan.draws, plan.thin, step, rung.leapfrogs(step) if leapfrogs else 1, plan.adapt,
        None, largest_step=rung.largest_step,
    )  # fmt: skip

    def each(draw: int, parameters: torch.Tensor, energies: torch.Tensor) -> None:
        if fluctuations is not None and draw >= int(SETTLED * plan.draws):
            fluctuations.add(parameters)

    return run_chains(rung.posterior, own, generator=generator, advance=advance, each=each)


def _compared(
    rungs: list[Ground], drawn: list[Draws], ladder: Array, count: int, fluctuations: Fluctuations | None
) -> LearningCoefficientEstimators:
    dropped = [max(each.adapted, burn_in_of(each.energies)) for each in drawn]
    kept = [each.energies[:, first:] for each, first in zip(drawn, dropped, strict=True)]
    if not all(np.isfinite(each).all() for each in kept):
        raise ValueError("module: chains left the minimum for good; its loss falls without end, or is not smooth")
    moments, corrections = Moments.of(kept), Corrections.of(rungs)
    found = estimates(moments, corrections, ladder)
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(kept[0]) - 1))
    errors = np.array([found.error(unit) for unit in np.eye(len(NAMES))])
    values = found.values[0]
    z, chance = _distances(found, len(kept[0]) - 1)
    above = moments.means[0] + corrections.of_energy.sum(0) + corrections.excess
    of_means = _jackknife(moments.means)
    fits = logarithm_fits(ladder, above, np.maximum(of_means, 1e-300)) if (of_means > 0).all() else ()
    r_hats = np.array([summarise(each)[2] for each in kept])
    # WBIC is n E[L] at nβ = n/log n: the hottest rung of the ladder that is chosen.
    loss_at_start = float(rungs[0].posterior.loss.values(rungs[0].posterior.loss.start[None])[0])
    dataset = xr.Dataset(
        {
            "estimate": ("estimator", values),
            "standard_error": ("estimator", errors),
            "low": ("estimator", values - quantile * errors),
            "high": ("estimator", values + quantile * errors),
            "z": ("estimator", z),
            "chance": ("estimator", chance),
            "n_beta": ("rung", ladder),
            "energy": ("rung", moments.means[0]),
            "energy_variance": ("rung", moments.variances[0]),
            "energy_error": ("rung", of_means),
            "r_hat": ("rung", r_hats),
            "burn_in": ("rung", np.array(dropped)),
            "logarithm_estimate": ("multiplicity", np.array([fit.estimate for fit in fits])),
            "logarithm_error": ("multiplicity", np.array([fit.standard_error for fit in fits])),
            "logarithm_chance": ("multiplicity", np.array([fit.probability for fit in fits])),
            "wbic": count * (loss_at_start + moments.means[0, 0] / ladder[0]),
            "wbic_error": count * of_means[0] / ladder[0],
        },
        {"estimator": list(NAMES), "multiplicity": [fit.multiplicity for fit in fits]},
        {"localisation": rungs[0].localisation, "examples": count, "largest_curvature": rungs[0].top},
    )
    if fluctuations is not None:
        dataset = dataset.assign(_predictive(fluctuations, float(ladder[-1]), count, loss_at_start))
    return LearningCoefficientEstimators(dataset, _alarms(dataset, values, r_hats, drawn, dropped, fluctuations))


def _distances(found: Estimates, degrees: int) -> tuple[Array, Array]:
    """Each estimator's distance from the energy mean in standard errors, and the chance of so large a one."""
    z = np.zeros(len(NAMES))
    for number in range(1, len(NAMES)):
        weights = np.eye(len(NAMES))[number] - np.eye(len(NAMES))[0]
        away, error = float(found.values[0] @ weights), found.error(weights)
        z[number] = away / error if error > 0 else (0.0 if away == 0 else math.copysign(math.inf, away))
    chance = 2 * stats.t.sf(np.abs(z), degrees)
    return z, chance


def _predictive(fluctuations: Fluctuations, n_beta: float, count: int, start: float) -> dict[str, float]:
    """ν and WAIC, and their errors by the jackknife."""
    variance, predictive = fluctuations.jackknifed()
    nu = n_beta / 2 * variance
    waic = start + predictive + n_beta / count * variance
    return {
        "singular_fluctuation": float(nu[0]),
        "singular_fluctuation_error": float(_jackknife(nu)),
        "waic": float(waic[0]),
        "waic_error": float(_jackknife(waic)),
    }


def _jackknife(values: Array) -> Array:
    """Standard errors, from values of all chains (first) and less one each."""
    less = values[1:]
    return np.sqrt((len(less) - 1) / len(less) * ((less - less.mean(0)) ** 2).sum(0))


def _alarms(
    dataset: xr.Dataset,
    values: Array,
    r_hats: Array,
    drawn: list[Draws],
    dropped: list[int],
    fluctuations: Fluctuations | None,
) -> tuple[str, ...]:
    alarms = []
    level = FALSE_ALARM / (len(NAMES) - 1)
    for name, value, chance in zip(NAMES, values, dataset["chance"].values, strict=True):
        # A loss is quadratic up to a share that falls with nβ: the verdict on one estimate allows the same.
        if chance < level and abs(value - values[0]) > LARGEST_UNEXPLAINED * abs(values[0]):
            z = float(dataset["z"].sel(estimator=name))
            alarms.append(f"{name} says {value:.4g} where the energy mean says {values[0]:.4g}, {z:+.1f} errors away")
    for n_beta, r_hat, draws in zip(dataset["n_beta"].values, r_hats, drawn, strict=True):
        if np.ptp(draws.energies) > 0 and not r_hat <= LARGEST_R_HAT:
            alarms.append(f"chains do not agree at nβ = {n_beta:.4g}: R-hat {r_hat:.3g}; more draws")
    draws = drawn[-1].energies.shape[1]
    if fluctuations is not None and dropped[-1] > max(drawn[-1].adapted, int(SETTLED * draws)):
        alarms.append(f"losses of examples hold draws of a burn-in that took {dropped[-1]} of {draws}; more draws")
    return tuple(alarms)


def _check(sampler, n_betas, localisation, chains, draws, thin) -> None:
    if sampler not in ACCEPTANCE:
        raise ValueError(f"sampler: {shown(sampler)} must be 'hmc' or 'mala', which have no bias of their own")
    for name, value, least in (("chains", chains, FEWEST_CHAINS), ("draws", draws, 20), ("thin", thin, 1)):
        if value < least:
            raise ValueError(f"{name}: {value} is too few; it must be at least {least}")
    if n_betas is not None:
        ladder = np.atleast_1d(np.asarray(n_betas, dtype=float))
        known = ladder.ndim == 1 and len(ladder) >= 2 and bool((np.isfinite(ladder) & (ladder > 0)).all())
        if not known or not (np.diff(ladder) > 0).all():
            raise ValueError(f"n_betas: {shown(n_betas)} must be at least two positive numbers, rising; or None")
    positive = isinstance(localisation, Real) and math.isfinite(localisation) and float(localisation) > 0
    if not (localisation is None or positive):
        raise ValueError(f"localisation: {shown(localisation)} must be a positive number, or None to choose it")
