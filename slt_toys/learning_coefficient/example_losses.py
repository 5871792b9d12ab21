"""Losses of single examples at many parameters at once, and their moments over chains."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap

from slt_toys.learning_coefficient import batches
from slt_toys.learning_coefficient.stacked_loss import FAILURES, StackedLoss

Array = NDArray[np.float64]

AT_ONCE = 65_536  # examples times copies in memory at a time


class ExampleLosses:
    """The loss of every example on its own: each is taken as a batch of one.

    Parameters
    ----------
    loss
        Mean over the same examples, of which each has a loss of its own: not with statistics of a batch.

    Raises
    ------
    ValueError
        Where the mean of the examples' losses is not the loss.
    """

    def __init__(self, loss: StackedLoss):
        self._loss, (self._inputs, self._targets) = loss, loss.in_memory()
        self.examples = loss.examples
        of_rows = vmap(self._of_example, in_dims=(None, 0))
        self._at_once = vmap(of_rows, in_dims=(0, None))
        self._one_by_one = loss._one_by_one
        beside = loss.beside()  # at a minimum all may be 0
        try:
            found = self(beside)
        except FAILURES:
            self._one_by_one = True
            found = self(beside)
        mean, whole = float(found.mean()), float(loss.values(beside)[0])
        size = max(abs(whole), float(found.abs().mean()))
        if not abs(mean - whole) <= torch.finfo(loss.start.dtype).eps ** 0.5 * size:
            raise ValueError(
                f"loss: {whole:.6g} on all examples, but {mean:.6g} as the mean over each on its own; losses of single "
                "examples need a mean over examples (reduction='mean') and no statistics of a batch"
            )

    def _of_example(self, flat: Tensor, number: Tensor) -> Tensor:
        rows = number[None]
        return self._loss._of_one_copy(flat, batches.taken(self._inputs, rows), batches.taken(self._targets, rows))

    def __call__(self, parameters: Tensor) -> Tensor:
        """Losses in double precision, shape (copies, examples), of parameters (copies, parameters)."""
        rows = torch.arange(self.examples, device=parameters.device)
        with torch.no_grad():
            if self._one_by_one:
                each = [self._loss.values(parameters, row[None]) for row in rows]
                return torch.stack(each, dim=1)
            parts = rows.split(max(1, AT_ONCE // len(parameters)))
            return torch.cat([self._loss.with_kernels(self._at_once, parameters, part) for part in parts], 1).double()


class Fluctuations:
    """Moments of examples' losses over draws, by chain, so that no draw has to be kept.

    Parameters
    ----------
    losses
        Of single examples.
    chains
        How many.
    """

    def __init__(self, losses: ExampleLosses, chains: int):
        start = losses._loss.start
        self._losses = losses
        self._start = losses(start[None])[0]  # taken off, for the sake of rounding
        shape = (chains, losses.examples)
        self._first = torch.zeros(shape, dtype=torch.float64, device=start.device)
        self._second, self._log_likelihood = self._first.clone(), self._first.clone() - math.inf
        self.draws = 0

    def add(self, parameters: Tensor) -> None:
        """One draw of every chain, shape (chain, parameter)."""
        rise = self._losses(parameters) - self._start
        self._first += rise
        self._second += rise**2
        self._log_likelihood = torch.logaddexp(self._log_likelihood, -rise)
        self.draws += 1

    def jackknifed(self) -> tuple[Array, Array]:
        """Mean variance of examples' losses, and predictive loss above the start's, first of all chains, then less one.

        Returns
        -------
        tuple of arrays
            Each of shape (1 + chains,): with all chains, and without each of them.
        """
        chains = len(self._first)
        count = torch.full((1 + chains, 1), self.draws * (chains - 1), dtype=torch.float64)
        count[0] = self.draws * chains

        def totals(parts: Tensor) -> Tensor:
            return torch.cat([parts.sum(0, keepdim=True), parts.sum(0) - parts]).cpu()

        first, second = totals(self._first) / count, totals(self._second) / count
        largest = self._log_likelihood.max(0).values
        likelihood = totals((self._log_likelihood - largest).exp()).clamp(min=1e-300)
        predictive = -(largest.cpu() + likelihood.log() - count.log())
        return (second - first**2).mean(1).numpy(), predictive.mean(1).numpy()
