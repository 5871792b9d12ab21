"""Bootstrap draws of a mixture by one quadratic programme each, in place of a fit.

Near the shares that make the counts the log likelihood is a quadratic in weights and parameters. Weights keep their
exact bounds and sums, so that the boundary is what it is; the curvature is that at the fit, and the thermal share is
linear in its parameters. A draw is then the solution of a programme whose matrix never changes.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .mixture_likelihood import log_likelihood, solve_programme

Array = NDArray[np.float64]

__all__ = ["quadratic_draws"]


@njit(cache=True)
def quadratic_draws(
    jacobian: Array, weights: Array, shares: Array, counts: Array, runs: Array, in_null: NDArray[np.bool_], free: int
) -> tuple[Array, Array, Array]:
    """Gains of a mixture and of a larger one on the shares that made the counts.

    Parameters
    ----------
    jacobian
        Derivatives of the shares in the weights of the larger mixture, and in ``free`` parameters, the last columns;
        shape (cells, weights + free).
    weights
        Of the mixture that made the counts, 0 for the causes that only the larger one has.
    shares
        That made the counts, shape (cells,).
    counts
        Drawn, shape (draws, cells).
    runs
        Of each cell.
    in_null
        Which columns the smaller mixture has.
    free
        Parameters, which may have either sign.

    Returns
    -------
    tuple
        Twice the log likelihood that the smaller and the larger mixture gain on the shares, and the deviance of the
        shares themselves; each of shape (draws,).
    """
    draws, size = counts.shape[0], jacobian.shape[1]
    curvature = runs / (shares * (1 - shares))
    matrix = jacobian.T @ (jacobian * curvature.reshape(-1, 1))
    diagonal = 0.0
    for j in range(size):
        diagonal = max(diagonal, matrix[j, j])
    for j in range(size):
        matrix[j, j] += 1e-10 * diagonal if j < size - free else 1e-6
    block, now = np.full(size, -1), np.zeros(size)
    block[: size - free], now[: size - free] = 0, weights
    sums = np.ones(1)
    small = np.flatnonzero(in_null)
    matrix_small, block_small, now_small = np.empty((small.size, small.size)), block[small], now[small]
    for a in range(small.size):
        for b in range(small.size):
            matrix_small[a, b] = matrix[small[a], small[b]]
    gains, larger, deviances = np.empty(draws), np.empty(draws), np.empty(draws)
    for draw in range(draws):
        stuck = counts[draw]
        gradient = jacobian.T @ ((stuck - runs * shares) * curvature / runs)
        right = gradient + matrix @ now
        z = solve_programme(matrix, right, block, sums, now) - now
        larger[draw] = 2 * (gradient @ z) - z @ (matrix @ z)
        right_small = gradient[small] + matrix_small @ now_small
        y = solve_programme(matrix_small, right_small, block_small, sums, now_small) - now_small
        gains[draw] = 2 * (gradient[small] @ y) - y @ (matrix_small @ y)
        deviances[draw] = 2 * (log_likelihood(stuck / runs, stuck, runs) - log_likelihood(shares, stuck, runs))
    return gains, larger, deviances
