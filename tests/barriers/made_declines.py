"""Declines of known barriers, for the tests of what is read from them."""

from __future__ import annotations

import math

import numpy as np

from slt_toys.barriers.decline import Decline
from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.training import ExponentialDecay, Training
from tests.seeds import fresh_seeds

PAIR = find_pair("regular_double_well")
TRAINING = Training(64, 50_000, ExponentialDecay(0.05, 0.9), 3072.0)
EPOCHS = np.arange(40)
ENDING = Ending("total", 70)
HEIGHTS, WEIGHTS = np.array([0.35, 0.9, 2.2]), np.array([0.3, 0.4, 0.3])


def measured(mean, noise: float) -> Decline:
    return Decline(EPOCHS, mean, np.full(EPOCHS.size, noise)).redrawn(mean, fresh_seeds())


def few(count: int, runs: int, share: float) -> bool:
    """Whether a count is more than 5 standard errors below what a share of the runs would be."""
    return count < runs * share - 5 * math.sqrt(runs * share * (1 - share))


GRID = np.geomspace(0.1, 5, 400)
EDGES = np.array([0.2, 0.5, 0.9, 1.5, 2.6])


def bump(centre: float, width: float) -> np.ndarray:
    return np.exp(-(np.log(GRID / centre) ** 2) / (2 * width**2))


SPECTRA = {
    "one narrow": bump(0.9, 0.25),
    "two": bump(0.4, 0.2) + 1.5 * bump(1.8, 0.3),
    "wide": bump(0.8, 0.6),
}
