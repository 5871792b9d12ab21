"""Draws waited in runs of a chain, simulated, against the identity; other ways to count them do not give it."""

from __future__ import annotations

import math

import numpy as np

from slt_toys.reference.laws import law
from tests.seeds import fresh_generator


def test_draws_waited_by_simulation():
    """Any three states, any start, short runs: within 5 standard errors; without what the run cut off, far away."""
    random = fresh_generator()
    stays = random.dirichlet(np.ones(4), 3)[:, :3] * 0.97
    waits = np.linalg.solve(np.eye(3) - stays, np.ones(3))
    runs, length = 40_000, 4
    state = random.integers(0, 3, runs)
    start, waited = waits[state], np.zeros(runs)
    for _ in range(length):
        there = state < 3
        waited += there
        shares = np.cumsum(np.vstack([stays, np.zeros(3)]), axis=1)[state]
        state = np.where(there, (random.random(runs)[:, None] > shares).sum(axis=1), 3)
    cut = np.append(waits, 0.0)[state]
    off = waited - law("recorded-wait")(start_waits=start, cut_waits=cut)
    assert abs(off.mean()) < 5 * off.std() / math.sqrt(runs)
    assert (waited - start).mean() < -12 * (waited - start).std() / math.sqrt(runs)
