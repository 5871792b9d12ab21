"""Training of the diagonal linear network β = u² - v², step by step; time is η times steps, the loss Σr²/(4n)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


@njit(cache=True)
def train_diagonal(
    random: np.random.Generator, x: Array, y: Array, u: Array, v: Array, rates: Array, steps: np.ndarray,
    batches: np.ndarray, noise: Array, decays: Array, firsts: np.ndarray, temperatures: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Train u and v (d,) in place through stages, on features x (n, d) and targets y (n,); one setting per stage.

    ``rates``: learning rates; ``steps``; ``batches``: batch sizes, 0 for the full one; ``noise``: a factor on the
    deviation of the minibatch's gradient from the full one; ``decays``: weight decays; ``firsts``: train on so many
    examples from the top, 0 for all; ``temperatures`` [loss] of white noise. Returns, by stage, the full loss after it
    and the integral of the loss over η times steps.
    """
    n, d = x.shape
    losses, integrals = np.empty(rates.size), np.zeros(rates.size)
    beta, g, full, r = u * u - v * v, np.empty(d), np.empty(d), np.empty(n)
    for stage in range(rates.size):
        eta, batch, count = rates[stage], batches[stage], firsts[stage] if firsts[stage] > 0 else n
        everything = batch == 0 or noise[stage] != 1.0
        kick = np.sqrt(2 * eta * temperatures[stage])
        for _ in range(steps[stage]):
            for i in range(count):
                r[i] = np.dot(x[i], beta) - y[i]
            integrals[stage] += eta * np.dot(r[:count], r[:count]) / (4 * count)
            if everything:
                full[:] = 0.0
                for i in range(count):
                    for j in range(d):
                        full[j] += r[i] * x[i, j]
                full /= count
            if batch == 0:
                g[:] = full
            else:
                g[:] = 0.0
                for _ in range(batch):
                    i = int(random.random() * count)
                    for j in range(d):
                        g[j] += r[i] * x[i, j]
                g /= batch
                if noise[stage] != 1.0:
                    for j in range(d):
                        g[j] = full[j] + noise[stage] * (g[j] - full[j])
            for j in range(d):
                u[j] *= 1 - eta * (g[j] + decays[stage])
                v[j] *= 1 + eta * (g[j] - decays[stage])
                if kick > 0:
                    u[j] += kick * random.standard_normal()
                    v[j] += kick * random.standard_normal()
                beta[j] = u[j] * u[j] - v[j] * v[j]
        total = 0.0
        for i in range(n):
            total += (np.dot(x[i], beta) - y[i]) ** 2
        losses[stage] = total / (4 * n)
    return losses, integrals
