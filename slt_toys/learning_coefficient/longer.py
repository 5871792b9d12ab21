"""Chains that go on until they have mixed, as far as that can be had for a few times their cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from slt_toys.learning_coefficient.chains import Draws, Plan, Posterior, run_chains
from slt_toys.learning_coefficient.curvature import EXACT_UP_TO, Spectrum
from slt_toys.learning_coefficient.many_directions import DRAWS as TO_FORGET
from slt_toys.learning_coefficient.verdict import LARGEST_R_HAT, LARGEST_SHARE, LEAST_EFFECTIVE_SAMPLE_SIZE, burn_in_of
from slt_toys.results.progress import progress
from slt_toys.samplers.statistics import summarise

DRAWS = 256  # of each chain, where none are asked for
LONGER, LONGER_OF_MANY = 16, 4  # times so many, at most; of more parameters than EXACT_UP_TO draws are dear
FIRST = 64  # draws after TO_FORGET of many parameters, after which it is asked whether more would help
FEWEST = 32  # where it is known that they would not: enough effective draws of sixteen chains that mix
AMPLE = 1.25  # times the effective draws that a verdict asks for
GOOD_ACCEPTANCE = 0.6  # below it the step is adapted anew: chains have come to where the loss is stiffer
ADAPTING = 0.2


def first_look(plan: Plan, bare: Spectrum) -> Plan:
    """The plan's first draws, after as many as soft directions of many parameters need to forget their start.

    What the verdict doubts whatever chains do is not worth more; what it does not gets all of the plan's draws. Where
    the spectrum alone makes it doubt, trajectories are no longer than was planned for a quadratic.

    Parameters
    ----------
    plan
        Of all draws.
    bare
        Spectrum in the module's coordinates.
    """
    look = replace(plan, draws=min(plan.draws, TO_FORGET + FIRST), adapt=TO_FORGET)
    if not doubted_before(bare):
        return look
    return replace(look, draws=min(plan.draws, TO_FORGET + FEWEST), longest=1)


def doubted_before(bare: Spectrum) -> bool:
    """Whether a localisation takes more than the verdict bears of any estimate, which is half the directions at most.

    Parameters
    ----------
    bare
        Spectrum in the module's coordinates.
    """
    taken = bare.localisation_effect()[0] + max(bare.missing()[0], 0.0)
    return taken > LARGEST_SHARE * float(bare.weight.sum()) / 2


def until_mixed(posterior: Posterior, plan: Plan, drawn: Draws, *, generator: torch.Generator) -> Draws:
    """All of the plan's draws, and as many more as the verdict asks for by R-hat and effective draws, within reason.

    Parameters
    ----------
    posterior, plan
        Of the draws so far.
    drawn
        These.
    generator
        Source of all randomness.
    """
    many = drawn.last.shape[1] > EXACT_UP_TO
    most = (LONGER_OF_MANY if many else LONGER) * plan.draws
    while drawn.energies.shape[1] < most and np.isfinite(drawn.energies).all():
        done = drawn.energies.shape[1]
        wanted = max(_wanted(drawn), plan.draws)
        slow = plan.adjusted and drawn.acceptance < GOOD_ACCEPTANCE
        # Chains that would need more are not helped by a few times as many, but by a better step.
        if wanted <= done or (wanted > most and not slow):
            break
        count = min(max(wanted, int(1.5 * done)), most) - done
        more = replace(plan, draws=count, adapt=int(ADAPTING * count) if slow else 0)
        with progress("more draws", count) as advance:
            drawn = joined(drawn, run_chains(posterior, more, generator=generator, advance=advance, before=drawn))
    return drawn


def _wanted(drawn: Draws) -> int:
    """Draws at which these chains would have mixed, as fast as they do."""
    dropped = max(drawn.adapted, burn_in_of(drawn.energies))
    kept = drawn.energies[:, dropped:]
    if np.ptp(kept) == 0:
        return 0
    summary = summarise(kept)
    r_hat, effective = float(summary[2]), float(summary[3])
    if r_hat <= LARGEST_R_HAT and effective >= LEAST_EFFECTIVE_SAMPLE_SIZE:
        return 0
    scarce = max(AMPLE * LEAST_EFFECTIVE_SAMPLE_SIZE / max(effective, 1.0), (r_hat**2 - 1) / (LARGEST_R_HAT**2 - 1))
    return dropped + int(np.ceil(min(scarce, 1e6) * kept.shape[1]))


def joined(first: Draws, more: Draws) -> Draws:
    """Both together; what came before an adaptation counts as burn-in."""
    done = first.energies.shape[1]
    old, new = done - first.adapted, more.energies.shape[1] - more.adapted
    acceptance = more.acceptance if more.adapted else (old * first.acceptance + new * more.acceptance) / (old + new)
    both = [
        np.concatenate([getattr(first, name), getattr(more, name)], axis=1)
        for name in ("energies", "distances", "spread")
    ]
    adapted = done + more.adapted if more.adapted else first.adapted
    doubts = tuple(dict.fromkeys((*first.doubts, *more.doubts)))
    virial = None
    if first.virial is not None and more.virial is not None:
        virial = np.concatenate([first.virial, more.virial], axis=1)
    return Draws(both[0], both[1], both[2], more.step_size, adapted, acceptance, more.last, doubts, virial)
