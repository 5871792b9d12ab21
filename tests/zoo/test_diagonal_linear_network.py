"""Full batches follow the gradient flow of the diagonal network: its conserved quantity stays."""

from __future__ import annotations

import numpy as np

from slt_toys.zoo.diagonal_linear_network import problem, train


def test_full_batches_with_small_steps_conserve_the_product_of_both_layers():
    """u v of every coordinate is constant under the flow; steps of half the size leave it half as much, or less."""
    data, drift = problem(1), []
    for rate, steps in ((0.02, 200), (0.01, 400)):
        end = train(data, 0.1, rate, steps, 0, seed=3)
        product = np.asarray(end.u) * np.asarray(end.v)
        drift.append(np.abs(product / 0.1**2 - 1).max())
    assert drift[1] < 0.75 * drift[0]
