"""Lanczos with full reorthogonalisation, of a symmetric matrix known by its products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ritz:
    """What a Krylov space knows of a matrix.

    Attributes
    ----------
    values
        Ritz values, rising, shape (values,).
    components
        Ritz vectors as columns in the space's basis, shape (basis, values).
    basis
        Its orthonormal vectors, the start's direction first, shape (basis, parameters).
    residuals
        Norm of each Ritz pair's residual: some eigenvalue lies that near (Parlett 1980), shape (values,).
    """

    values: Array
    components: Array
    basis: Tensor
    residuals: Array

    @property
    def shares(self) -> Array:
        """The start's squared components on the Ritz vectors, summing to 1, shape (values,)."""
        return self.components[0] ** 2

    @property
    def vectors(self) -> Tensor:
        """Ritz vectors, shape (values, parameters)."""
        return torch.from_numpy(self.components.T.copy()).to(self.basis) @ self.basis


def lanczos(product: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> Ritz:
    """Ritz values and vectors after so many products, fewer where the start's Krylov space ends.

    Parameters
    ----------
    product
        The symmetric matrix times a vector.
    start
        Any vector but 0, shape (parameters,).
    steps
        Products, at least 1.
    """
    steps = min(steps, len(start))
    basis = torch.empty(steps, len(start), dtype=start.dtype, device=start.device)
    vector, beta = start / start.norm(), 0.0
    diagonal: list[float] = []
    off: list[float] = []
    for k in range(steps):
        basis[k] = vector
        image = product(vector)
        diagonal.append(float(vector @ image))
        for _ in range(2):  # once loses orthogonality, twice is enough
            image = image - basis[: k + 1].mT @ (basis[: k + 1] @ image)
        beta = float(image.norm())
        if k + 1 == steps or beta <= 10 * torch.finfo(start.dtype).eps * max(map(abs, diagonal)):
            break
        off.append(beta)
        vector = image / beta
    count = len(diagonal)
    matrix = np.diag(diagonal) + np.diag(off[: count - 1], 1) + np.diag(off[: count - 1], -1)
    values, components = np.linalg.eigh(matrix)
    return Ritz(values, components, basis[:count], beta * np.abs(components[-1]))
