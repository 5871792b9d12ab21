"""Exact Gibbs sampler of two-layer linear networks: given one factor, the other is normal."""

from __future__ import annotations

import numpy as np


def gibbs_energies(
    first: np.ndarray, second: np.ndarray, inputs: np.ndarray, targets: np.ndarray, *,
    n_beta: float, localisation: float, chains: int, sweeps: int, rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """nβ (L - L(start)) of the posterior exp(-nβ L - (γ/2)|w - w*|²), L half the mean squared error.

    Returns shape (chain, sweep). The second half of the product of the first factor's precision is a Kronecker sum,
    solved in the eigenbases of inputs' second moments and of the second factor's.
    """
    count = len(inputs)
    moments, cross = inputs.T @ inputs / count, targets.T @ inputs / count
    spread, basis = np.linalg.eigh(moments)

    def energy(product: np.ndarray) -> float:
        return n_beta * float(((targets - inputs @ product.T) ** 2).sum()) / (2 * count)

    reference = energy(second @ first)
    found = np.empty((chains, sweeps))
    for chain in range(chains):
        one, two = first.copy(), second.copy()
        for sweep in range(sweeps):
            # Rows of the second factor are independent, with one precision.
            precision = n_beta * one @ moments @ one.T + localisation * np.eye(len(one))
            root = np.linalg.cholesky(precision)
            mean = np.linalg.solve(precision, (n_beta * cross @ one.T + localisation * second).T)
            two = (mean + np.linalg.solve(root.T, rng.standard_normal(mean.shape))).T
            scale, turn = np.linalg.eigh(two.T @ two)
            precisions = n_beta * scale[:, None] * spread[None, :] + localisation
            pull = turn.T @ (n_beta * two.T @ cross + localisation * first) @ basis
            one = turn @ (pull / precisions + rng.standard_normal(pull.shape) / np.sqrt(precisions)) @ basis.T
            found[chain, sweep] = energy(two @ one) - reference
    return found
