"""Schedules and switches of the tests of both decays."""

from __future__ import annotations

RUN = {"initial_learning_rate": 0.05, "dataset_size": 50_000, "momentum": 0.3}
DECAY = 0.97


def schedule(epochs, batch_size):
    """(temperature, Langevin time) of each epoch, from the definitions."""
    rate = RUN["initial_learning_rate"] * DECAY**epochs
    slow = 1 - RUN["momentum"]
    return rate * 3072 / (2 * batch_size * slow), rate * RUN["dataset_size"] / (batch_size * slow)
