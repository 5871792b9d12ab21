"""Where chains have forgotten their start, and whether an estimate of a learning coefficient can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from slt_toys.learning_coefficient.flat_directions import Flatness
from slt_toys.learning_coefficient.number_resolution import Resolution

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
# Together with the next it keeps what is trusted within four standard errors, where the loss is as was found.
LARGEST_OFF = 3.0  # standard errors: of the energy from the quadratic's, and of an estimate above its bound
LARGEST_MISSING = 1.0  # standard errors: what is known to be missing
# Of the estimate: a change with the localisation below it is what wider flat directions add at a finite nβ. Crossings
# of the widths tried changed by 7 % and more, typical minima of the widest by up to half a per cent.
LARGEST_RISE = 0.01
# The same downwards, where a branch turns away from those that hold chains to it: at crossings energies rise.
LARGEST_FALL = 0.08
LARGEST_UNEXPLAINED = (
    0.03  # of the estimate: what the loss's higher orders may add to a quadratic's energy at finite nβ
)
LARGEST_SPREADING = 1.5  # of mean squares; where branches of minima cross it is 6 and more
LARGEST_RESOLUTION = 0.5  # standard errors, which the type of the numbers may make
LARGEST_ROUNDING = 0.05
LARGEST_VIRIAL = 4.0  # standard errors
LARGEST_UNBALANCED = 0.01  # of the number of directions
FEWEST_CHAINS = 4  # whose means have a scatter


@dataclass(frozen=True)
class Evidence:
    """What a verdict looks at; energies and distances are after the burn-in, shape (chain, draw).

    `unexplained` is the energy beyond the quadratic's; `missing` what the estimate lacks, by the quadratic, of half of
    every curved direction; `rising` by how much more than the quadratic's the energy rises at a weaker localisation.
    These three come with their standard errors; `bent` says that chains were held where a branch of minima is straight.
    `free` counts directions of a higher order in which the loss itself holds the chains; `spreading` is how many times
    as wide, by squares, they go there at the weaker localisation. `drop` is by how much the loss falls below the
    start's along negative curvatures, or down a slope where it is flat; `height` by how much the start lies above the
    bottom across flat directions, if one has gone there. `of_the_sampler` is what was seen of the sampler itself.
    `profiled` is the energy of curved directions by the loss's profiles, less the quadratic's, where that is known;
    `virial` what (w - w*) times the slope of minus the log density lacks of the number of directions, which is its mean
    in equilibrium, and the standard error of this.
    """

    energies: Array
    distances: Array
    estimate: float
    standard_error: float
    half_width: float
    r_hat: float
    effective: float
    step_bias: float
    localisation_effect: float
    start_excess: float
    parameters: int
    lowest_curvature: float
    softest_curvature: float
    flat_directions: bool
    rounding_curvature: float
    localisation: float
    acceptance: float
    stiffest_step: float
    minibatch_excess: float
    unexplained: tuple[float, float]
    missing: tuple[float, float]
    flatness: Flatness | None
    resolution: Resolution
    rising: tuple[float, float] | None = None
    free: int = 0
    spreading: float | None = None
    drop: float = 0.0
    height: float | None = None
    of_the_sampler: tuple[str, ...] = ()
    profiled: float | None = None
    bent: bool = False
    virial: tuple[float, float] | None = None


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
    profiled = evidence.profiled or 0.0
    if abs(profiled) > LARGEST_UNEXPLAINED * abs(evidence.estimate):
        note += "; the energy is that of the loss's profiles, not of its quadratic: at larger nβ it will be another"
    grounds = f"R-hat {evidence.r_hat:.3f}, {evidence.effective:.0f} effective draws"
    if np.ptp(evidence.energies) == 0:
        grounds = "the loss is the same wherever chains went"
    return f"trust at localisation {evidence.localisation:.3g}: {grounds}{note}"


def _reasons(e: Evidence) -> list[str]:
    if not np.isfinite(e.energies).all():
        return [
            f"diverged: the step times the largest stiffness is {e.stiffest_step:.3g}, where below 4 is stable; "
            "make it smaller, or leave it out"
        ]
    held = [*_of_the_localisation(e), *_of_the_energy(e)]
    return [*e.of_the_sampler, *_of_the_numbers(e), *_of_the_start(e), *_of_the_chains(e), *held]


def draws_may_help(e: Evidence) -> bool:
    """Whether nothing that is known of the loss, however long chains run, speaks against the estimate."""
    if not np.isfinite(e.energies).all():
        return False
    return not [*e.of_the_sampler, *_of_the_numbers(e), *_of_the_start(e), *_of_the_localisation(e)]


def _of_the_start(e: Evidence) -> list[str]:
    reasons = []
    if e.estimate + e.half_width < 0 or e.energies.mean() < 0:
        reasons.append(f"negative (mean energy {e.energies.mean():.3g}): the start is no minimum of this loss")
    if -e.lowest_curvature > max(e.localisation / 2, e.rounding_curvature):
        reasons.append(
            f"off the minimum: a direction of negative stiffness {e.lowest_curvature:.3g} at localisation "
            f"{e.localisation:.3g}"
        )
    if e.drop > max(LARGEST_UNEXPLAINED * e.estimate, e.standard_error):
        reasons.append(
            f"off the minimum: the loss falls {e.drop:.3g} below it, in units of the temperature, along a direction of "
            "negative or no curvature: a saddle or a slope; train on"
        )
    # The data's noise lifts true parameters above the minimum: where measured to be the quadratic's, it is known.
    known = e.height is not None and abs(e.height - e.start_excess) <= LARGEST_UNEXPLAINED * e.estimate
    if e.start_excess > LARGEST_SHARE * e.estimate and e.start_excess > 0 and not known:
        reasons.append(
            f"off the minimum: the slope at the start says it lies {e.start_excess:.3g} above it; train on, or trust "
            "the quadratic"
        )
    # A loss flatter on one side than its curvature says has an energy above, which its profiles then tell.
    if e.estimate > e.parameters / 2 + max(e.profiled or 0.0, 0.0) + LARGEST_OFF * e.standard_error:
        reasons.append(
            f"above {e.parameters / 2:g}, half the number of parameters, which no minimum exceeds: the start is none, "
            "or the loss is not smooth"
        )
    return reasons


def _of_the_chains(e: Evidence) -> list[str]:
    reasons = []
    if len(e.energies) < FEWEST_CHAINS:
        reasons.append(
            f"{len(e.energies)} chains, fewer than {FEWEST_CHAINS}, do not show their own scatter; more chains"
        )
    change = _drift(e.energies)
    if change is not None:
        reasons.append(f"drifting: the energy of the second half is {change:+.3g} against the first; more draws")
    if np.ptp(e.distances) == 0:
        reasons.append("chains never moved: every proposal was refused or lost in rounding; make the step smaller")
    if np.ptp(e.energies) > 0:  # else nothing depends on anything: the loss is flat as far as chains went
        if not e.r_hat <= LARGEST_R_HAT:
            reasons.append(f"chains do not agree: R-hat {e.r_hat:.3g} above {LARGEST_R_HAT}; more draws")
        if not e.effective >= LEAST_EFFECTIVE_SAMPLE_SIZE:
            least = f"{LEAST_EFFECTIVE_SAMPLE_SIZE:.0f}"
            reasons.append(f"{e.effective:.0f} effective draws, fewer than {least}; more draws")
    off, of_off = e.virial or (0.0, 0.0)
    if not abs(off) <= LARGEST_VIRIAL * of_off + LARGEST_UNBALANCED * e.parameters:
        reasons.append(
            f"no equilibrium: the way from the start times the slope is {off:+.3g} off the number of "
            "directions, its mean in equilibrium; more draws, or a smaller step"
        )
    if e.step_bias > LARGEST_SHARE * e.estimate and e.step_bias > 0:
        reasons.append(f"the step adds {e.step_bias:.3g} by the quadratic; make it smaller")
    if e.acceptance < LOWEST_ACCEPTANCE:
        reasons.append(f"acceptance {e.acceptance:.2g}; make the step smaller")
    if e.minibatch_excess > LARGEST_SHARE * e.estimate and e.minibatch_excess > 0:
        reasons.append(
            f"minibatch gradients add {e.minibatch_excess:.3g} by the quadratic; make batch_size larger or the step "
            "smaller"
        )
    return reasons


def _of_the_localisation(e: Evidence) -> list[str]:
    reasons = []
    error = e.standard_error
    missing, of_missing = e.missing
    taken = e.localisation_effect + max(missing, 0.0)
    if missing > max(LARGEST_MISSING * error, LARGEST_OFF * of_missing) or taken > LARGEST_SHARE * max(e.estimate, 0):
        reasons.append(
            f"the localisation takes {taken:.3g} by the quadratic, of which {e.localisation_effect:.3g} is added back: "
            f"directions as soft as {e.softest_curvature:.3g} stand against {e.localisation:.3g}; make it weaker"
        )
    if e.flatness is not None and not e.flatness.flat and not e.free:
        reasons.append(
            f"flat directions are not flat: {e.flatness.rise:.3g} nβ above the minimum {e.flatness.width:.2g} times as "
            "far out as this localisation lets chains go: a crossing of minima, or a higher order, which it hides"
        )
    if e.localisation == 0 and e.flat_directions:
        reasons.append("nothing holds the chains in flat directions at localisation 0; give a positive one")
    return reasons


def _of_the_energy(e: Evidence) -> list[str]:
    reasons = []
    beyond, of_beyond = e.unexplained
    allowed = max(LARGEST_OFF * math.hypot(e.standard_error, of_beyond), LARGEST_UNEXPLAINED * abs(e.estimate))
    if abs(beyond) > allowed + e.free / 2 and not _profiled(e, allowed):
        reasons.append(
            f"not quadratic: the energy is {beyond:+.3g} off the quadratic's; at a crossing of minima or a higher "
            "order it falls short of its limit, like 1/log nβ: hold several n_beta and localisations together"
        )
    if e.free and e.spreading is not None and not e.spreading <= LARGEST_SPREADING:
        reasons.append(
            f"chains go {math.sqrt(e.spreading):.2g} times as far at a weaker localisation, where the loss should hold "
            "them: a crossing of minima, where the energy comes down to its limit like 1/log nβ"
        )
    rise, of_rise = e.rising or (0.0, 0.0)
    fall = LARGEST_FALL * abs(e.estimate) if e.bent else 0.0
    allowed = max(LARGEST_OFF * of_rise, LARGEST_RISE * abs(e.estimate))
    if not -max(allowed, fall) <= rise <= allowed:
        reasons.append(
            f"depends on the localisation: at a weaker one the energy changes by {rise:+.3g} more than the "
            "quadratic says: a crossing of minima, or a higher order, which it hides"
        )
    return reasons


def _profiled(e: Evidence, allowed: float) -> bool:
    """Whether the energy is that of the loss's profiles, if not the quadratic's."""
    return e.profiled is not None and abs(e.unexplained[0] - e.profiled) <= allowed + e.free / 2


def _of_the_numbers(e: Evidence) -> list[str]:
    errs, error = e.resolution, e.standard_error
    if errs.energy > LARGEST_RESOLUTION * error or errs.rounding > LARGEST_ROUNDING * error:
        worse = max(errs.energy, errs.rounding)
        return [f"{errs.type} does not resolve the loss at this nβ: it errs by {worse:.3g}; use a more precise type"]
    return []


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
