"""Non-negative least squares by block principal pivoting, which starts from a guess of what is positive.

For min ½ x·G x - b·x over x ≥ 0 with G positive definite, all variables of the wrong sign change sides at once; when
that stops helping, one at a time, which must end (Portugal, Júdice & Vicente 1994; Kim & Park 2011). From the answer to
a neighbouring problem it takes a few solves, where an active set that starts empty takes one for every positive weight.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

__all__ = ["minimise_nonnegative"]

PATIENCE = 3  # block exchanges that may fail to help before single ones
ROUNDS = 300  # far more than are needed where rounding does not matter


def minimise_nonnegative(gram: Array, slope: Array, positive: Mask | None = None) -> tuple[Array, Mask]:
    """Minimise ½ x·G x - b·x over x ≥ 0.

    Parameters
    ----------
    gram
        G, positive definite, shape (m, m).
    slope
        b, shape (m,).
    positive
        Guess of which x are positive, shape (m,); any guess gives the same answer.

    Returns
    -------
    x (m,) and which of it is free to be positive (m,), the guess for a neighbouring problem.

    Raises
    ------
    ValueError
        When it does not end, as for a G that is not positive definite.
    """
    size = slope.size
    free = np.zeros(size, dtype=bool) if positive is None else positive.copy()
    slack = 1e-11 * max(float(np.abs(slope).max(initial=0.0)), np.finfo(float).tiny)
    fewest, patience = size + 1, PATIENCE
    for _ in range(ROUNDS):
        values = np.zeros(size)
        if free.any():
            values[free] = np.linalg.solve(gram[np.ix_(free, free)], slope[free])
        pull = slope - gram @ values
        wrong = (free & (values < -1e-13 * np.abs(values).max(initial=0.0))) | (~free & (pull > slack))
        count = int(wrong.sum())
        if not count:
            return np.maximum(values, 0.0), free
        if count < fewest:
            fewest, patience = count, PATIENCE
            free ^= wrong
        elif patience:
            patience -= 1
            free ^= wrong
        else:
            last = int(np.flatnonzero(wrong)[-1])
            free[last] = not free[last]
    return _active_set(gram, slope)


def _active_set(gram: Array, slope: Array) -> tuple[Array, Mask]:
    """The same by an active set that starts empty, where rounding keeps the exchanges going round in circles."""
    try:
        root = np.linalg.cholesky(gram)
        values = nnls(root.T, np.linalg.solve(root, slope), maxiter=30 * slope.size)[0]
    except (np.linalg.LinAlgError, RuntimeError) as error:
        raise ValueError(
            f"gram must be positive definite: {slope.size} non-negative weights were not found ({error})"
        ) from None
    return values, values > 0
