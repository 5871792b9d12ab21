"""The diagonal network's kernel, step by step by hand."""

from __future__ import annotations

import numpy as np

from slt_toys.kernels.diagonal_network import train_diagonal
from tests.seeds import fresh_generator, fresh_seed


def test_steps_are_those_written_out():
    """A stage of full batches with weight decay on the first examples, then one of minibatches."""
    random, seed = fresh_generator(), fresh_seed()
    x, y = random.standard_normal((6, 4)), random.standard_normal(6)
    u, v = np.full(4, 0.3), np.full(4, 0.2)
    own_u, own_v, draws, integral = u.copy(), v.copy(), np.random.default_rng(seed), np.zeros(2)
    for stage, (rate, steps, batch, decay, first) in enumerate(((0.02, 3, 0, 0.1, 4), (0.01, 4, 2, 0.0, 6))):
        for _ in range(steps):
            r = x @ (own_u**2 - own_v**2) - y
            integral[stage] += rate * (r[:first] ** 2).sum() / (4 * first)
            chosen = [int(draws.random() * first) for _ in range(batch)] if batch else list(range(first))
            g = (r[chosen, None] * x[chosen]).mean(axis=0)
            own_u, own_v = own_u * (1 - rate * (g + decay)), own_v * (1 + rate * (g - decay))
    losses, integrals = train_diagonal(
        np.random.default_rng(seed), x, y, u, v, np.array([0.02, 0.01]), np.array([3, 4]), np.array([0, 2]),
        np.ones(2), np.array([0.1, 0.0]), np.array([4, 0]), np.zeros(2),
    )  # fmt: skip
    np.testing.assert_allclose([u, v], [own_u, own_v], rtol=1e-12)
    np.testing.assert_allclose(integrals, integral, rtol=1e-12)
    np.testing.assert_allclose(losses[1], ((x @ (u**2 - v**2) - y) ** 2).mean() / 4, rtol=1e-12)
