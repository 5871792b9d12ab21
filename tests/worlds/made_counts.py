"""Counts of arms made by a known hypothesis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slt_toys.protocol.arms import ARMS, CONTROL, Observation, find_arm
from slt_toys.protocol.training import ExponentialDecay, Training

BASE = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
FEW = [
    find_arm(name)
    for name in (
        "control", "halve the batch", "flow-time matched", "reset at the switch", "added gradient noise",
        "loss-dependent noise",
    )
]  # fmt: skip
CONFOUNDING = [CONTROL, find_arm("halve the batch"), find_arm("linear scaling")]
COPIES = ("linear scaling", "momentum", "Nesterov momentum", "label noise", "weight averaging")
LAWFUL = [arm for arm in ARMS if arm.within_the_law]
UNLIKE = [arm for arm in LAWFUL if arm.name not in COPIES]
GIVEN = {"relative_loss": 0.98 ** np.arange(200)}


def made_up(
    shares, runs: int, seed: int, arms=ARMS, switches: Sequence[int] = range(0, 101, 10), losses=None
) -> list[Observation]:
    """Counts of runs that end stuck with given shares: a callable of the schedule and the loss, or an array."""
    random, found = np.random.default_rng(seed), []
    for arm in arms:
        for switch in switches:
            run = arm.schedule(BASE, switch, 100, **GIVEN)
            loss = 0.5 * 0.97**switch if losses is None else losses[len(found)]
            share = shares[len(found)] if isinstance(shares, np.ndarray) else shares
            found.append(Observation(arm.name, switch, runs, int(random.binomial(runs, share)), loss, run))
    return found


TRUE = {
    "temperature": np.array([-4.0, 4.5, 1.8, 1.7]),
    "flow time left": np.array([5.2, -1.5, 0.1, 0.9]),
    "flow time spent": np.array([5.8, -1.0, 0.1, 0.9]),
    "loss threshold": np.array([0.2, -2.5, 0.1, 0.9]),
}
