"""Deep linear networks with data, whose learning coefficients are theorems: what an estimator has to get right.

A network x -> W_L ... W_1 x is at a minimum of its population loss wherever the product is the true map. That set has
several smooth branches of the largest dimension, which cross. On the branches the loss is quadratic across the set, so
the energy is half the codimension with no logarithm; at the crossings it comes down to the same value only like
1/log nβ, and only once chains have spread along the branches [eq:energy-law].
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from theory.learning_coefficient.engine import LearningCoefficient
from theory.learning_coefficient.networks import deep_linear_network

from ..inputs.arguments import checked_arguments

Minimum = Literal["typical", "crossing"]


class DeepLinear(nn.Module):
    """x -> W_L ... W_1 x without biases.

    Parameters
    ----------
    factors
        W_1 first, each of shape (outputs, inputs).
    """

    def __init__(self, factors: Sequence[Tensor]):
        super().__init__()
        self.factors = nn.ParameterList([nn.Parameter(factor.clone()) for factor in factors])

    def forward(self, inputs: Tensor) -> Tensor:
        """Shape (examples, inputs) to (examples, outputs)."""
        for factor in self.factors:
            inputs = inputs @ factor.mT
        return inputs


@checked_arguments
def half_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean over examples of half the squared error: minus the log-likelihood under unit noise, less a constant."""
    return (outputs - targets).square().sum(-1).mean() / 2


@dataclass(frozen=True)
class DeepLinearProblem:
    """A deep linear network at a minimum of its population loss, with data.

    Attributes
    ----------
    widths, rank
        Input width, hidden widths, output width; rank of the true map.
    module
        At the true parameters.
    inputs, targets
        inputs + outputs rows that give every linear map the mean loss that it has on n examples.
    examples
        Number n of examples drawn.
    exact
        Learning coefficient of the model, with its certificate.
    """

    widths: tuple[int, ...]
    rank: int
    module: DeepLinear
    inputs: Tensor
    targets: Tensor
    examples: int
    exact: LearningCoefficient


@checked_arguments
def deep_linear_problem(
    widths: Sequence[int],
    rank: int,
    *,
    examples: int = 1_000_000,
    noise: float = 1.0,
    minimum: Minimum = "typical",
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> DeepLinearProblem:
    """Draw a true map of singular values 1, parameters that realise it, and examples x ~ N(0, 1), y = A x + noise.

    Parameters
    ----------
    widths
        Input width, at least one hidden width, output width.
    rank
        Of the true map.
    examples
        Number n.
    noise
        Standard deviation of each output; the loss is minus the log-likelihood at 1.
    minimum
        ``"typical"``: a point on a branch of the largest dimension; ``"crossing"``: the most singular one, where all
        factors have the rank of the true map.
    seed
        Of parameters and examples.
    dtype
        Of parameters and data; both are drawn in double precision.

    Raises
    ------
    ValueError
        For widths without a hidden one, fewer examples than inputs + outputs, an unknown minimum, or no such network.
    """
    exact = deep_linear_network(widths, rank)
    if len(widths) < 3:
        raise ValueError(f"widths: got {tuple(widths)}, expected at least one hidden width between input and output")
    if examples < widths[0] + widths[-1]:
        raise ValueError(f"examples: {examples} are fewer than inputs + outputs = {widths[0] + widths[-1]}")
    if minimum not in ("typical", "crossing"):
        raise ValueError(f"minimum: {minimum!r} is unknown; it must be 'typical' or 'crossing'")
    rng = np.random.default_rng(seed)
    factors = _factors(tuple(widths), rank, minimum, rng)
    product = factors[0]
    for factor in factors[1:]:
        product = factor @ product
    inputs, targets = _compressed(product, examples, noise, rng)
    module = DeepLinear([factor.to(dtype) for factor in factors])
    return DeepLinearProblem(
        tuple(widths), int(rank), module, inputs.to(dtype), targets.to(dtype), int(examples), exact
    )


def best_branch(widths: Sequence[int], rank: int) -> tuple[int, tuple[int, ...]]:
    """Codimension of the set of minima, and how a branch of the largest dimension uses the spare hidden units.

    Of the spare units of hidden layer l (beyond the rank) k_l hear the input and the rest reach the output; a factor
    must send nothing from the ones to the others. These are Σ F_(l-1) G_l equations (F the number that hear, G the
    number that reach), less the Σ k_l (spare - k_l) ways to choose which units they are, where the factors before
    it or those after it are of large enough rank to tell.

    Parameters
    ----------
    widths, rank
        As for `deep_linear_problem`.

    Returns
    -------
    codimension : int
        Twice the learning coefficient.
    heard : tuple of int
        k_l of each hidden layer.
    """
    spare = [width - rank for width in widths]
    regular = rank * (widths[0] + widths[-1] - rank)
    best: tuple[int, tuple[int, ...]] | None = None
    for heard in itertools.product(*(range(width + 1) for width in spare[1:-1])):
        hears, reaches = (spare[0], *heard), (*(s - k for s, k in zip(spare[1:-1], heard, strict=True)), spare[-1])
        # Else no factor tells which units they are, and the ways to choose them are no different parameters.
        falling = [k <= before for before, k in itertools.pairwise(hears)]
        rising = [k <= after for k, after in itertools.pairwise(reaches)]
        told = [all(falling[: layer + 1]) or all(rising[layer:]) for layer in range(len(heard))]
        if not all(told):
            continue
        equations = sum(f * g for f, g in zip(hears, reaches, strict=True))
        choices = sum(k * (s - k) for s, k in zip(spare[1:-1], heard, strict=True))
        if best is None or regular + equations - choices < best[0]:
            best = regular + equations - choices, heard
    assert best is not None
    return best


def _factors(widths: tuple[int, ...], rank: int, minimum: Minimum, rng: np.random.Generator) -> list[Tensor]:
    """W_1, W_2, ... with singular values 1 or 0 in each block, seen from random bases of every layer."""
    heard = best_branch(widths, rank)[1]
    spare = [width - rank for width in widths]
    hears = (spare[0], *heard, 0)  # nothing that hears the input may be left at the output
    bases = [_orthogonal(width, width, rng) for width in widths]
    factors = []
    for layer in range(len(widths) - 1):
        block = torch.zeros(widths[layer + 1], widths[layer], dtype=torch.float64)
        block[:rank, :rank] = torch.eye(rank, dtype=torch.float64)
        if minimum == "typical":
            before, after = rank + hears[layer], rank + hears[layer + 1]
            # Units that hear are first among the spare ones: from them to the others nothing passes.
            block[rank:after, rank:before] = _orthogonal(after - rank, before - rank, rng)
            block[after:, before:] = _orthogonal(widths[layer + 1] - after, widths[layer] - before, rng)
        factors.append(bases[layer + 1] @ block @ bases[layer].mT)
    return factors


def _orthogonal(rows: int, columns: int, rng: np.random.Generator) -> Tensor:
    """Random matrix whose singular values are all 1."""
    if not rows or not columns:
        return torch.zeros(rows, columns, dtype=torch.float64)
    drawn = rng.standard_normal((max(rows, columns), min(rows, columns)))
    basis = torch.linalg.qr(torch.from_numpy(drawn))[0]
    return basis if rows >= columns else basis.mT


def _compressed(product: Tensor, examples: int, noise: float, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """As many rows (x, y) as there are coordinates, whose mean squares and products are those of n examples.

    The n normal examples (x, noise) matter by the matrix of their squares and products alone. Its law is Wishart's, and
    its triangular root is drawn as Bartlett found: normal numbers off the diagonal, roots of chi squares on it.
    """
    outputs, inputs = product.shape
    count = inputs + outputs
    root = np.triu(rng.standard_normal((count, count)), 1)
    root[np.arange(count), np.arange(count)] = np.sqrt(rng.chisquare(examples - np.arange(count)))
    rows = torch.from_numpy(root * np.sqrt(count / examples))
    x = rows[:, :inputs]
    return x, x @ product.mT + noise * rows[:, inputs:]
