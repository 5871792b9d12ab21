"""A small network that learns addition modulo p: one hidden layer of squares, squared errors, weight decay.

Pairs (a, b) go in as two one-hot vectors; what comes out is a score of each residue. With squares the network can
compute a + b mod p exactly, by waves: (cos x + cos y)² holds cos(x + y) (Gromov 2023, arXiv 2301.02679). Some pairs are
held out, and the loss on them first rises, and falls after that on the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

SPREAD = 0.5  # of the weights that training starts from, over the square root of what comes in


class ModularAddition(nn.Module):
    """Scores of all residues: V (W_a + W_b)², with as many hidden units as columns of V.

    Attributes
    ----------
    left, right
        Shape (hidden, p): what each residue sends to each unit.
    out
        Shape (p, hidden).
    """

    def __init__(self, modulus: int, hidden: int, generator: torch.Generator):
        super().__init__()

        def drawn(rows: int, columns: int, size: float) -> nn.Parameter:
            return nn.Parameter(size * torch.randn((rows, columns), generator=generator, dtype=torch.float64))

        self.left, self.right = drawn(hidden, modulus, SPREAD), drawn(hidden, modulus, SPREAD)
        self.out = drawn(modulus, hidden, SPREAD / hidden**0.5)

    def forward(self, pairs: Tensor) -> Tensor:
        """Scores, shape (pairs, p), of pairs of residues, shape (pairs, 2)."""
        waves = self.left.mT[pairs[:, 0]] + self.right.mT[pairs[:, 1]]
        return waves.square() @ self.out.mT


def squared_error(scores: Tensor, sums: Tensor) -> Tensor:
    """Half the squared distance from the right residue's one-hot vector, mean over pairs."""
    wanted = nn.functional.one_hot(sums, scores.shape[-1])
    return (scores - wanted).square().sum(-1).mean() / 2


@dataclass(frozen=True)
class Training:
    """Adam with decoupled weight decay on all pairs that are trained on, at once.

    Attributes
    ----------
    modulus, hidden
        p and the number of hidden units.
    share
        Of all pairs, that are trained on.
    rate, decay
        Of the optimiser.
    seed
        Of weights and of the two parts of the pairs.
    """

    modulus: int = 11
    hidden: int = 22
    share: float = 0.75
    rate: float = 0.01
    decay: float = 1.0
    seed: int = 0

    def parts(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Inputs and targets of the training pairs and of those held out."""
        p = self.modulus
        generator = torch.Generator().manual_seed(self.seed)
        every = torch.cartesian_prod(torch.arange(p), torch.arange(p))
        order = torch.randperm(p * p, generator=generator)
        count = round(self.share * p * p)
        train, held = ((every[part], every[part].sum(1) % p) for part in (order[:count], order[count:]))
        return train, held

    def module(self) -> ModularAddition:
        """The network as it starts."""
        return ModularAddition(self.modulus, self.hidden, torch.Generator().manual_seed(self.seed + 1))

    def states(self, steps: list[int]) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """States at these steps, which rise."""
        module, (inputs, targets) = self.module(), self.parts()[0]
        optimiser = torch.optim.AdamW(module.parameters(), lr=self.rate, weight_decay=self.decay)
        wanted = set(steps)
        for step in range(steps[-1] + 1):
            if step in wanted:
                yield step, {name: value.detach().clone() for name, value in module.state_dict().items()}
            optimiser.zero_grad()
            squared_error(module(inputs), targets).backward()
            optimiser.step()


def measured(module: nn.Module, data: tuple[Tensor, Tensor]) -> tuple[float, float]:
    """Loss, and the share of pairs whose right residue has the highest score."""
    with torch.no_grad():
        scores = module(data[0])
        right = (scores.argmax(1) == data[1]).double().mean()
        return float(squared_error(scores, data[1])), float(right)
