"""The verdict in shares on one pair: by its exact shares, by the two-state law, and by the confounding arms alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments
from ..potentials.potential import PotentialPair
from ..protocol.arms import Observation
from ..protocol.exact import exact_stuck_in_arm
from .experiment import Experiment
from .mechanisms import batch_groups
from .shares import ShareVerdict, judge_shares
from .verdict_power import scaled_energies

Array = NDArray[np.float64]
FACTORS = (0.6, 0.8, 1.0, 1.25, 1.6)  # on energies, where known shares are tabulated
EXACT, TWO_STATES, CONFOUNDING = "exact shares", "two-state law", "exact shares, confounding arms"

__all__ = ["CONFOUNDING", "EXACT", "FACTORS", "TWO_STATES", "energies_of", "energy_table", "shares_on_pair"]


@checked_arguments
def shares_on_pair(
    pair: PotentialPair, experiment: Experiment, exact: Array, *, draws: int = 199, seed: int = 0
) -> dict[str, ShareVerdict]:
    """Judge an experiment's arms in shares.

    Parameters
    ----------
    pair
        Of the experiment.
    experiment
        Its unlike arms within the law are judged.
    exact
        Stuck shares of the rows' arms, shape (arms, switch epochs), not numbers where there are none; arms without them
        are left out.
    draws, seed
        Of bootstraps.

    Returns
    -------
    dict
        Verdicts by what the thermal share follows from; that of the confounding arms is missing if none confounds.
    """
    rows, switches = [row.arm for row in experiment.rows], list(experiment.world.switch_epochs)
    place = {(arm, switch): exact[a, s] for a, arm in enumerate(rows) for s, switch in enumerate(switches)}
    seen = [each for each in experiment.verdict.observations if np.isfinite(place[each.arm, each.switch_epoch])]
    if not seen:
        raise ValueError(
            f"no arm of {pair.name} has exact stuck shares, so none can be judged; SGD's steps are too large"
        )
    known = np.array([place[each.arm, each.switch_epoch] for each in seen])
    table = energies_of(pair, seen, known) if batch_groups(seen)[0].any() else None
    verdicts = {
        EXACT: judge_shares(seen, known, table, draws=draws, seed=seed),
        TWO_STATES: judge_shares(seen, draws=draws, seed=seed, pairs=False),
    }
    alone = [at for at, each in enumerate(seen) if each.arm in experiment.confounding]
    if alone:
        verdicts[CONFOUNDING] = judge_shares([seen[at] for at in alone], known[alone], draws=draws, seed=seed)
    return verdicts


@checked_arguments
def energies_of(pair: PotentialPair, observations: Sequence[Observation], known: Array) -> tuple[Array, Array]:
    """Factors on energies, and stuck shares with each in cells with another batch size than most.

    They are solved in the limit of small steps; known shares, which are exact for SGD's own steps, are moved by as much
    in logits.
    """
    limit = [
        replace(each, schedule=replace(each.schedule, steps_per_epoch=0, order="with replacement"))
        for each in observations
    ]
    moved, base = np.flatnonzero(batch_groups(observations)[0]), np.array(known, dtype=float)
    if moved.size:
        base[moved] = exact_stuck_in_arm(pair, [limit[int(at)].schedule for at in moved])
    factors, shares = energy_table(pair, limit, base, FACTORS)
    return factors, _expit(_logit(shares) - _logit(base) + _logit(np.asarray(known, dtype=float)))


@checked_arguments
def energy_table(
    pair: PotentialPair, observations: Sequence[Observation], shares: Array, factors: Sequence[float] = FACTORS
) -> tuple[Array, Array]:
    """Exact stuck shares with all energies times a factor, for cells with another batch size than most.

    Parameters
    ----------
    pair, observations
    shares
        Exact, of all cells.
    factors

    Returns
    -------
    tuple
        Factors, and shares of shape (factors, cells).
    """
    group, table = batch_groups(observations)[0], np.tile(np.asarray(shares, dtype=float), (len(factors), 1))
    where = np.flatnonzero(group)
    if where.size:
        own = [observations[int(at)] for at in where]
        for row, factor in enumerate(factors):
            if factor != 1:
                table[row, where] = _exact(pair, scaled_energies(own, factor, [each.arm for each in own]))
    return np.array(factors, dtype=float), table


def _exact(pair: PotentialPair, observations: Sequence[Observation]) -> Array:
    shares = np.empty(len(observations))
    names = np.array([each.arm for each in observations])
    for arm in dict.fromkeys(names):
        own = np.flatnonzero(names == arm)
        shares[own] = exact_stuck_in_arm(pair, [observations[int(at)].schedule for at in own])
    return shares


def _logit(shares: Array) -> Array:
    kept = np.clip(shares, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(kept / (1 - kept)), dtype=float)


def _expit(values: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-values)), dtype=float)
