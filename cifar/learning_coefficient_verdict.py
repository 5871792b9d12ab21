"""Where chains have forgotten their start, and whether an estimate of a learning coefficient can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]

LEAST_DROPPED = 0.1  # of the draws
MOST_DROPPED = 0.5
PARTS = 200  # of a run, among whose borders the end of the burn-in is sought
# Chains in equilibrium have R-hat² - 1 of one over the effective draws in half a chain: ten are enough, since the start
# has its own test (drift) and all chains together have theirs.
LARGEST_R_HAT = 1.05
LEAST_EFFECTIVE_SAMPLE_SIZE = 400.0  # Vehtari et al. 2021
DRIFT_PROBABILITY = 1e-4
LARGEST_SHARE = 0.1  # of the estimate, which a correction may make up: beyond it the quadratic is no guide
LOWEST_ACCEPTANCE = 0.2


@dataclass(frozen=True)
class Evidence:
    """What a verdict looks at; energies and distances are after the burn-in, shape (chain, draw)."""

    energies: Array
    distances: Array
    estimate: float
    half_width: float
    r_hat: float
    effective: float
    step_bias: float
    localisation_effect: float
    start_excess: float
    lowest_curvature: float
    localisation: float
    acceptance: float
    stiffest_step: float
    batch_size: int | None


def burn_in_of(energies: Array) -> int:
    """Draws to drop from the start of each chain, at least a tenth and at most half of them.

    The border at which the squared standard error of what is left, were its parts independent, is least (White 1997,
    Simulation 69:323), on the mean over chains, in which the way from the start stands out.

    Parameters
    ----------
    energies
        Shape (chain, draw), from the very start.
    """
    draws = energies.shape[1]
    mean = energies.mean(0)
    size = max(1, draws // PARTS)
    parts = mean[: draws // size * size].reshape(-1, size).mean(1)
    least = math.ceil(LEAST_DROPPED * draws)
    if not np.isfinite(parts).all():
        return least
    borders = range(int(MOST_DROPPED * len(parts)) + 1)
    errors = [float(parts[k:].var()) / (len(parts) - k) for k in borders]
    return max(least, size * int(np.argmin(errors)))


def verdict_on(evidence: Evidence) -> str:
    """One line: "trust" and on what grounds, or "doubt" and all that speaks against."""
    reasons = _reasons(evidence)
    if reasons:
        return "doubt: " + "; ".join(reasons)
    note = ""
    if _drift(evidence.distances) is not None:
        note = "; chains still spread along flat directions, so it holds for the part of the minima that they reached"
    grounds = f"R-hat {evidence.r_hat:.3f}, {evidence.effective:.0f} effective draws"
    return f"trust at localisation {evidence.localisation:.3g}: {grounds}{note}"


def _reasons(e: Evidence) -> list[str]:
    if not np.isfinite(e.energies).all():
        return [
            f"diverged: the step times the largest stiffness is {e.stiffest_step:.3g}, where below 4 is stable; "
            "make it smaller, or leave it out"
        ]
    reasons = []
    if e.estimate + e.half_width < 0 or e.energies.mean() < 0:
        reasons.append(f"negative (mean energy {e.energies.mean():.3g}): the start is no minimum of this loss")
    if -e.lowest_curvature > e.localisation / 2:
        reasons.append(
            f"off the minimum: a direction of negative stiffness {e.lowest_curvature:.3g} at localisation "
            f"{e.localisation:.3g}"
        )
    size = max(abs(e.estimate), 1e-12)
    if e.start_excess > LARGEST_SHARE * size:
        reasons.append(
            f"off the minimum: the slope at the start says it lies {e.start_excess:.3g} above it; train on, or trust "
            "the quadratic"
        )
    change = _drift(e.energies)
    if change is not None:
        reasons.append(f"drifting: the energy of the second half is {change:+.3g} against the first; more draws")
    if not e.r_hat <= LARGEST_R_HAT:
        reasons.append(f"chains do not agree: R-hat {e.r_hat:.3g} above {LARGEST_R_HAT}; more draws")
    if e.effective < LEAST_EFFECTIVE_SAMPLE_SIZE:
        reasons.append(f"{e.effective:.0f} effective draws, fewer than {LEAST_EFFECTIVE_SAMPLE_SIZE:.0f}; more draws")
    if e.step_bias > LARGEST_SHARE * size:
        reasons.append(f"the step adds {e.step_bias:.3g} by the quadratic; make it smaller")
    if e.localisation_effect > LARGEST_SHARE * size:
        reasons.append(f"the localisation takes {e.localisation_effect:.3g} by the quadratic; make it weaker")
    if e.acceptance < LOWEST_ACCEPTANCE:
        reasons.append(f"acceptance {e.acceptance:.2g}; make the step smaller")
    if e.batch_size is not None:
        reasons.append(f"gradients of {e.batch_size} examples heat the chains by an unknown amount")
    return reasons


def _drift(values: Array) -> float | None:
    """Mean of the second half less that of the first, where it cannot be chance; None otherwise."""
    half = values.shape[1] // 2
    if len(values) < 3 or half < 2:
        return None
    changes = values[:, -half:].mean(1) - values[:, :half].mean(1)
    spread = changes.std(ddof=1) / math.sqrt(len(changes))
    if spread == 0:
        return None
    chance = 2 * stats.t.sf(abs(changes.mean()) / spread, len(changes) - 1)
    return float(changes.mean()) if chance < DRIFT_PROBABILITY else None


__all__ = ["Evidence", "burn_in_of", "verdict_on"]
