"""A measured decline: the share of subsystems that end stuck, by switch epoch, with its noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from ..inputs.arguments import check_fields

Array = NDArray[np.float64]

REJECTED = 0.01  # chance of a chi² so large, below which what was fitted does not explain a decline

__all__ = ["REJECTED", "Decline", "chance_of_misfit", "misfit_told"]


@dataclass(frozen=True, eq=False)
class Decline:
    """Share stuck against switch epoch.

    Attributes
    ----------
    switch_epochs
        Increasing, shape (n,).
    stuck_share
        Shape (n,).
    noise
        Standard errors of independent rows, shape (n,), or a covariance, shape (n, n).
    """

    switch_epochs: NDArray[np.int64]
    stuck_share: Array
    noise: Array

    def __post_init__(self) -> None:
        check_fields(self)
        epochs, share, noise = (np.asarray(v) for v in (self.switch_epochs, self.stuck_share, self.noise))
        if epochs.ndim != 1 or epochs.size < 4 or not (np.diff(epochs) > 0).all() or (epochs != np.round(epochs)).any():
            raise ValueError(f"switch_epochs must be at least 4 whole numbers that increase, not {epochs.tolist()}")
        if share.shape != epochs.shape or not np.isfinite(share).all():
            raise ValueError(f"stuck_share must hold one finite share per switch epoch, not shape {share.shape}")
        if noise.shape not in (epochs.shape, epochs.shape * 2):
            raise ValueError(f"noise must hold {epochs.size} standard errors or their covariance, not {noise.shape}")
        if noise.ndim == 1:
            bad = not (np.isfinite(noise) & (noise > 0)).all()
        else:
            bad = not np.isfinite(noise).all() or not np.allclose(noise, noise.T, atol=1e-9 * np.abs(noise).max())
            bad = bad or bool(np.linalg.eigvalsh(noise).min() <= 0)
        if bad:
            raise ValueError("noise must be positive standard errors, or a symmetric positive definite covariance")

    @classmethod
    def of_accuracy(
        cls, switch_epochs: ArrayLike, accuracy: ArrayLike, standard_errors: ArrayLike, best: float, worst: float
    ) -> Decline:
        """Normalise accuracies: 0 stuck at the ``best``, 1 at the ``worst``, both taken as exact."""
        if not best > worst:
            raise ValueError(f"best must exceed worst, not {best} and {worst}: accuracies without and with all stuck")
        values, span = np.asarray(accuracy, dtype=float), best - worst
        errors = np.broadcast_to(np.asarray(standard_errors, dtype=float) / span, values.shape)
        return cls(np.asarray(switch_epochs), (best - values) / span, np.array(errors))

    @classmethod
    def of_chains(cls, switch_epochs: ArrayLike, stuck: ArrayLike) -> Decline:
        """Mean over chains (chains, n) that are followed through all rows, with the covariance of that mean.

        What :func:`slt_toys.protocol.sampled.sampled_stuck` returns: the rows of one chain share their past.
        The covariance is shrunk towards its diagonal by n/chains, and the variance of a row floored at that of one
        event.
        """
        values = np.asarray(stuck, dtype=float)
        if values.ndim != 2 or values.shape[0] <= 2 * values.shape[1]:
            raise ValueError(f"stuck must hold more than twice as many chains as rows, not shape {values.shape}")
        chains, rows = values.shape
        covariance = np.atleast_2d(np.cov(values.T)) / chains
        diagonal = np.maximum(np.diag(covariance), 1.0 / chains**2)
        share = rows / chains
        covariance = (1 - share) * covariance + share * np.diag(diagonal)
        np.fill_diagonal(covariance, diagonal)
        return cls(np.asarray(switch_epochs), values.mean(axis=0), covariance)

    @property
    def size(self) -> int:
        """Number of rows, n."""
        return int(np.size(self.switch_epochs))

    @cached_property
    def _root(self) -> Array:
        return np.asarray(np.linalg.cholesky(self.noise), dtype=np.float64)

    def whiten(self, values: ArrayLike) -> Array:
        """Values (..., n) in units of the noise: their errors become independent and of unit variance."""
        values = np.asarray(values, dtype=float)
        if np.ndim(self.noise) == 1:
            return values / self.noise
        flat = values.reshape(-1, self.size)
        return np.asarray(np.linalg.solve(self._root, flat.T).T.reshape(values.shape), dtype=np.float64)

    @cached_property
    def whitened(self) -> Array:
        """The measured shares in units of the noise, shape (n,)."""
        return self.whiten(self.stuck_share)

    def redrawn(self, means: ArrayLike, seed: int | list[int]) -> Decline:
        """A decline with the same noise about other means (n,)."""
        normal = np.random.default_rng(seed).standard_normal(self.size)
        errors = self.noise * normal if np.ndim(self.noise) == 1 else self._root @ normal
        return Decline(self.switch_epochs, np.asarray(means, dtype=float) + errors, self.noise)


def chance_of_misfit(chi_square: float, rows: int, freedom: float) -> float:
    """Chance of a larger chi² of so many rows, fitted with so many parameters."""
    return float(chdtrc(max(rows - freedom, 1.0), chi_square))


def misfit_told(what: str, chi_square: float, rows: int, freedom: float) -> str:
    """Why a fit does not explain a decline, in words after what was fitted; empty where it may."""
    chance = chance_of_misfit(chi_square, rows, freedom)
    if chance >= REJECTED:
        return ""
    odds = "p < 0.001" if chance < 0.001 else f"p = {chance:.2g}"
    return (
        f"{what} the decline (chi-square {chi_square:.3g} for {rows} rows, {odds}): the kernel, the protocol or the "
        "standard errors are wrong"
    )
