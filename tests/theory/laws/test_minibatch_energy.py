"""The law of minibatch gradients against a sum over the past of the scheme, which knows nothing of it."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize(("n_beta", "localisation", "step_size"), [(50.0, 4.0, 1e-3), (7.0, 90.0, 2e-2)])
def test_excess_by_the_moving_average_of_the_noise(evaluate, n_beta, localisation, step_size):
    """A state is the sum of all noises before it, each shrunk once a step: variances add."""
    curvature, variance = 0.3, 40.0
    shrunk = 1 - step_size / 2 * (n_beta * curvature + localisation)
    powers = shrunk ** (2 * np.arange(20_000))

    def energy(noise: float) -> float:
        return n_beta * curvature / 2 * (step_size + step_size**2 / 4 * noise) * powers.sum()

    found = evaluate(
        "minibatch-excess", n_beta=n_beta, curvature=curvature, localisation=localisation, step_size=step_size,
        minibatch_variance=variance,
    )  # fmt: skip
    assert found == pytest.approx(energy(variance) - energy(0.0), rel=1e-9)
