"""Toy models of superposition with a deficit: the last feature is withheld until e_s, and may never be learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .model import Array
from .superposition_loss import LONG, lengths
from .superposition_training import Data, Sgd, langevin, starts, thermometer, train

ENDS = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0, 100.0, 300.0)  # of the deficit, in flow time
AFTER = 200.0  # flow time with all features
SETTINGS = (Sgd(0.1, 1), Sgd(0.1, 2), Sgd(0.1, 4), Sgd(0.1, 10))
WARMED = 50  # replicas whose slopes the thermometer reads


def has_learned(weights: Array) -> np.ndarray:
    """Which replicas give the last feature a column, shape (replicas,)."""
    return lengths(weights)[:, -1] > LONG


def learned(setting: Sgd, data: Data, seed: Sequence[int], replicas: int) -> np.ndarray:
    """Replicas that learn the feature, by the deficit's end, shape (ends, replicas): SGD itself."""
    cut, w, found, before = data.without_last(), starts(seed, replicas), [], 0.0
    for number, end in enumerate(ENDS):
        w = train(w, cut, setting, end - before, [*seed, 1, number])
        before = end
        found.append(has_learned(train(w, data, setting, AFTER, [*seed, 2, number])))
    return np.array(found)


def temperature(setting: Sgd, data: Data, seed: Sequence[int]) -> float:
    """What the thermometer reads after a fifth of the longest deficit, on the data that are then shown."""
    cut = data.without_last()
    return thermometer(train(starts(seed, WARMED), cut, setting, ENDS[-1] / 5, [*seed, 3]), cut, setting)


def predicted(setting: Sgd, warmth: float, seed: Sequence[int], replicas: int) -> np.ndarray:
    """The same of Langevin paths on the population loss at the temperature that the thermometer reads."""
    w, found, before, size = starts(seed, replicas), [], 0.0, 2 / warmth
    for number, end in enumerate(ENDS):
        w = langevin(w, size, end - before, [*seed, 4, number], setting.learning_rate, False, 1)
        before = end
        found.append(has_learned(langevin(w, size, AFTER, [*seed, 5, number], setting.learning_rate, False)))
    return np.array(found)


def critical_end(shares: Array) -> float:
    """e*: where the share that learns has fallen half way from no deficit's to the longest one's, log-linear in e_s.

    Not a number if it never does, or does not fall at all.
    """
    middle = (shares[0] + shares[-1]) / 2
    if not shares[0] > shares[-1]:
        return float("nan")
    at = int(np.argmax(shares < middle))
    if at < 2:  # before the first positive end
        return ENDS[1] if at == 1 else float("nan")
    share = (shares[at - 1] - middle) / (shares[at - 1] - shares[at])
    return float(ENDS[at - 1] * (ENDS[at] / ENDS[at - 1]) ** share)


def end_with_error(hits: np.ndarray, seed: int | Sequence[int], draws: int = 200) -> tuple[float, float]:
    """e* of hits (ends, replicas) with its standard error by drawing replicas anew."""
    random = np.random.default_rng(seed)
    again = [critical_end(hits[:, random.integers(0, hits.shape[1], hits.shape[1])].mean(axis=1)) for _ in range(draws)]
    return critical_end(hits.mean(axis=1)), float(np.nanstd(again))
