"""Ends and curves of worlds whose law is known."""

from __future__ import annotations

import math

import numpy as np

from slt_toys.fits.rival_laws import rival_models

DECAY, LEARNING_RATE, DATASET_SIZE = 0.97, 0.05, 50_000
THEOREM = math.log(2) / -math.log(DECAY)
SIZES = np.array([16.0, 32.0, 64.0, 128.0, 256.0, 512.0])
MODELS = rival_models(SIZES, decay=DECAY, learning_rate=LEARNING_RATE, dataset_size=DATASET_SIZE)
TRUTH = {
    "log_law": [90.0, 15.0],
    "scaling_law": [90.0],
    "power_law": [90.0, 0.8],
    "constant": [90.0],
    "flow_time": [150.0],
}


def world(name: str) -> np.ndarray:
    return MODELS[name].predict(np.array(TRUTH[name]), SIZES)


def stuck(epochs: np.ndarray, size: float, exponent: float = 1.0) -> np.ndarray:
    """Any function of learning rate / batch size^exponent alone that rises from 0 to 1."""
    x = epochs * -math.log(DECAY) + exponent * math.log(size)
    return 1 / (1 + np.exp(-6 * (x - exponent * math.log(128) - 2.0)))
