"""The toy model of superposition: six features in two dimensions, x̂ = ReLU(WᵀWx + b), and its exact population loss.

Inputs are u e_i, with i one of the features and u uniform on [0, 1]. Critical points of the loss are regular polygons,
k of the columns of W at its corners, the others dead; a "+" marks a dead column whose bias is positive (Chen, Lau,
Mendel, Wei & Murfet 2023, arXiv 2310.06301). Where the loss rises quadratically across a smooth set of minima, λ is
half the number of directions across it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float64]

FEATURES, HIDDEN = 6, 2
ALIVE = 0.5  # length of a column that is a corner
DEAD_BIAS = 0.02  # of a dead column that is told by a "+"
DEAD_PLUS = 1 / 12  # its bias at the minimum: the mean over inputs of what its feature has to be, u/6
# k, number of dead columns with a "+", exact λ: across the minima 17, 17 and 14 of 18 directions are curved. All lose
# the rotation of the plane; a dead column with a negative bias has three more, its own, in which nothing changes.
POLYGONS = {"6": (6, 0, Fraction(17, 2)), "5+": (5, 1, Fraction(17, 2)), "5": (5, 0, Fraction(7))}


class Superposition(nn.Module):
    """The model as a function of its parameters: it puts out its exact population loss, for any input.

    Attributes
    ----------
    columns
        W, shape (2, 6).
    bias
        b, shape (6,).
    """

    def __init__(self, columns: Array, bias: Array):
        super().__init__()
        self.columns = nn.Parameter(torch.tensor(columns, dtype=torch.float64))
        self.bias = nn.Parameter(torch.tensor(bias, dtype=torch.float64))

    def forward(self, ones: Tensor) -> Tensor:
        """Half the mean squared error, once for each input."""
        return ones * population_loss(self.columns, self.bias) / 2


def population_loss(columns: Tensor, bias: Tensor) -> Tensor:
    """The mean of |x - x̂|² over inputs, in closed form: sum over pairs (input i, output j), over the number of inputs.

    Output j is ReLU(G u + b) with G = w_j·w_i: it is on for u in an interval, on which the error is a square in u, and
    off elsewhere, where its feature itself is the error.
    """
    gram = columns.mT @ columns
    offset = bias[None].expand_as(gram)
    own = torch.eye(len(gram), dtype=gram.dtype)
    # Where the slope is 0 the output is on everywhere or nowhere.
    flat = gram.abs() < 1e-12
    border = (-offset / torch.where(flat, torch.ones_like(gram), gram)).clamp(0.0, 1.0)
    on = (offset > 0).to(gram.dtype)
    low = torch.where(flat, 0.0, torch.where(gram > 0, border, 0.0))
    high = torch.where(flat, on, torch.where(gram > 0, 1.0, border))
    slope = own - gram
    within = slope**2 * (high**3 - low**3) / 3 - slope * offset * (high**2 - low**2) + offset**2 * (high - low)
    beyond = own * (low**3 + 1 - high**3) / 3
    return (within + beyond).sum() / len(gram)


def polygon(name: str, generator: torch.Generator) -> Superposition:
    """A regular polygon at its minimum: side lengths and biases are found by descent from near it, turned at random.

    Parameters
    ----------
    name
        One of `POLYGONS`.
    generator
        Of the turn, and of the dead column.
    """
    corners, plus, _ = POLYGONS[name]
    turn = 2 * math.pi * float(torch.rand((), generator=generator, dtype=torch.float64))
    angles = turn + 2 * math.pi * np.arange(corners) / corners
    columns = np.zeros((HIDDEN, FEATURES))
    length, bias = {6: (1.3205, -0.6181), 5: (1.1705, -0.2823)}[corners]
    columns[:, :corners] = length * np.stack([np.cos(angles), np.sin(angles)])
    biases = np.full(FEATURES, bias)
    biases[corners:] = DEAD_PLUS if plus else -0.5
    made = Superposition(columns, biases)
    settle(made)
    return made


def settle(model: Superposition) -> None:
    """Descend to the minimum nearby, by Newton steps in the directions that are curved."""
    sizes = [model.columns.numel(), model.bias.numel()]

    def loss(w: Tensor) -> Tensor:
        columns, bias = w.split(sizes)
        return population_loss(columns.view_as(model.columns), bias)

    w = torch.cat([model.columns.detach().reshape(-1), model.bias.detach()])
    for _ in range(20):
        slope, curvature = torch.func.grad(loss)(w), torch.func.hessian(loss)(w)
        values, vectors = torch.linalg.eigh(curvature)
        curved = values > 1e-3 * values[-1]
        w = w - vectors[:, curved] @ ((vectors[:, curved].mT @ slope) / values[curved])
    with torch.no_grad():
        model.columns.copy_(w[: sizes[0]].view_as(model.columns))
        model.bias.copy_(w[sizes[0] :])


def phase(columns: Array, bias: Array) -> str:
    """Name of a state: how many columns are alive, and a "+" for each dead one whose bias is positive."""
    alive = np.linalg.norm(columns, axis=0) > ALIVE
    return f"{alive.sum()}{'+' * int((~alive & (bias > DEAD_BIAS)).sum())}"


@dataclass(frozen=True)
class Training:
    """Gradient descent on the population loss, from normal weights of this size."""

    rate: float = 0.2
    size: float = 0.5
    seed: int = 0

    def states(self, steps: list[int]) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """States at these steps, which rise."""
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.randn((HIDDEN + 1, FEATURES), generator=generator, dtype=torch.float64) * self.size
        columns, bias = (part.clone().requires_grad_() for part in (drawn[:HIDDEN], drawn[HIDDEN]))
        wanted = set(steps)
        for step in range(steps[-1] + 1):
            if step in wanted:
                yield step, {"columns": columns.detach().clone(), "bias": bias.detach().clone()}
            by = torch.autograd.grad(population_loss(columns, bias), (columns, bias))
            with torch.no_grad():
                columns -= self.rate * by[0]
                bias -= self.rate * by[1]
