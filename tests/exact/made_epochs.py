"""Epochs of SGD in a quadratic and in a double well, for the tests of its kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from slt_toys.exact.sgd_epoch import SGDEpoch
from slt_toys.potentials.catalogue import find_pair
from slt_toys.potentials.potential import Potential

CURVATURE = 4.0
QUADRATIC = Potential.from_expression("2*w**2")
PAIR = find_pair("regular_double_well")
RATE, VARIANCE = 0.05, 24.0  # the control of the critical period at batch size 128


def quadratic_epoch(rate: float = RATE, steps: int = 64, **others: Any) -> SGDEpoch:
    return SGDEpoch(QUADRATIC, rate, steps, VARIANCE, **others)


def double_well_run(
    switch: int, epochs: int, steps: int = 40, rate: float = RATE, decay: float = 0.9, variance: float = VARIANCE,
    **others: Any,
) -> list[SGDEpoch]:  # fmt: skip
    """The deficit until a switch epoch, the clean energy from it on."""
    return [
        SGDEpoch(PAIR.deficit if e < switch else PAIR.clean, rate * decay**e, steps, variance, **others)
        for e in range(epochs)
    ]


def gibbs(points: np.ndarray, potential: Potential = PAIR.deficit, temperature: float = 0.6) -> np.ndarray:
    energy = potential.energy_function()(points[:, None])
    return np.exp(-(energy - energy.min()) / temperature)
