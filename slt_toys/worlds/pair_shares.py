"""The verdict in shares on one pair: by its exact shares, by the two-state law, and by the confounding arms alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments
from ..potentials.potential import PotentialPair
from ..protocol.exact import exact_stuck_in_arm
from .experiment import Experiment
from .mechanisms import batch_groups
from .share_power import FACTORS, energy_table
from .shares import ShareVerdict, judge_shares

Array = NDArray[np.float64]
EXACT, TWO_STATES, CONFOUNDING = "exact shares", "two-state law", "exact shares, confounding arms"

__all__ = ["CONFOUNDING", "EXACT", "TWO_STATES", "shares_on_pair"]


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
    known = np.array([place[each.arm, each.switch_epoch] for each in seen])
    table = None
    if batch_groups(seen)[0].any():
        # in the limit of small steps; known shares that are exact for SGD's own steps are moved by as much in logits
        limit = [
            replace(each, schedule=replace(each.schedule, steps_per_epoch=0, order="with replacement"))
            for each in seen
        ]  # fmt: skip
        moved = batch_groups(seen)[0] > 0
        base = known.copy()
        base[moved] = exact_stuck_in_arm(
            pair, [each.schedule for each, is_moved in zip(limit, moved, strict=True) if is_moved]
        )
        factors, shares = energy_table(pair, limit, base, FACTORS)
        table = factors, _expit(_logit(shares) - _logit(base) + _logit(known))
    verdicts = {
        EXACT: judge_shares(seen, known, table, draws=draws, seed=seed),
        TWO_STATES: judge_shares(seen, draws=draws, seed=seed, pairs=False),
    }
    alone = [at for at, each in enumerate(seen) if each.arm in experiment.confounding]
    if alone:
        verdicts[CONFOUNDING] = judge_shares([seen[at] for at in alone], known[alone], draws=draws, seed=seed)
    return verdicts


def _logit(shares: Array) -> Array:
    kept = np.clip(shares, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(kept / (1 - kept)), dtype=float)


def _expit(values: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-values)), dtype=float)
