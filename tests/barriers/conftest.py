"""The kernels that the tests of declines share."""

from __future__ import annotations

import pytest

from slt_toys.barriers.kernel import barrier_kernel
from slt_toys.barriers.population import height_range
from tests.barriers import made_experiment
from tests.barriers.made_declines import ENDING, EPOCHS, PAIR, TRAINING


@pytest.fixture(scope="module")
def exact():
    """The Fokker-Planck kernel, the reference."""
    return barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 0.1, 5.0, cells=100, spacing=0.1)


@pytest.fixture(scope="module")
def quick():
    """The kernel of two states, for whatever needs no exact one."""
    return barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 0.1, 5.0, method="eyring_kramers", spacing=0.1)


@pytest.fixture(scope="module")
def experiment_kernel():
    """The kernel of two states over the heights that the default experiment shows."""
    pair, training, ending = made_experiment.PAIR, made_experiment.TRAINING, made_experiment.ENDING
    epochs = made_experiment.EPOCHS
    low, high = height_range(pair, training, 0, int(epochs[-1]), ending)
    return barrier_kernel(pair, training, epochs, ending, low, high, method="eyring_kramers", spacing=0.1)
