"""A learning coefficient of a transformer of two layers at default settings, and how long it takes.

``python -m benchmarks.transformer`` measures one of 5 152 parameters on 64 rows of 11 tokens, whose targets are its own
probabilities, so that it is at a minimum. Its spectrum has no gap, and the verdict says so.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import torch
from torch import Tensor, nn

ROWS, LENGTH, VOCABULARY, WIDTH = 64, 11, 16, 16


class Language(nn.Module):
    """A causal transformer of two layers of two heads."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.places = nn.Parameter(0.1 * torch.randn(LENGTH, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 2 * WIDTH, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(WIDTH, VOCABULARY)
        self.register_buffer("mask", torch.full((LENGTH, LENGTH), -torch.inf).triu(1))

    def forward(self, rows: Tensor) -> Tensor:
        """Logits of the next token."""
        return self.out(self.layers(self.tokens(rows) + self.places, mask=self.mask))


def divergence(outputs: Tensor, targets: Tensor) -> Tensor:
    """Of the outputs' probabilities from those whose logarithms are the targets, on the mean over tokens."""
    return (targets.exp() * (targets - outputs.log_softmax(-1))).sum(-1).mean()


def problem(
    seed: int = 0, dtype: torch.dtype = torch.float64, count: int = ROWS
) -> tuple[nn.Module, Any, tuple[Tensor, Tensor], int]:
    """Module, loss, data and number of tokens."""
    torch.manual_seed(seed)
    module = Language().to(dtype).eval()
    rows = torch.randint(VOCABULARY, (count, LENGTH))
    with torch.no_grad():
        targets = module(rows).log_softmax(-1)
    return module, divergence, (rows, targets), rows.numel()


def main() -> int:
    """Print it in two lines."""
    from slt_toys import local_learning_coefficient
    from slt_toys.inputs.processors import usable_processors

    torch.set_num_threads(usable_processors())  # as torch does by itself; this package's other benchmarks take one
    module, loss, data, tokens = problem()
    begun, spent = time.perf_counter(), time.process_time()
    found = local_learning_coefficient(module, loss, data, examples=tokens, seed=0)
    wall, cpu = time.perf_counter() - begun, time.process_time() - spent
    draws = f"{found.energies.shape[1]} draws of {len(found.energies)} chains, {torch.get_num_threads()} threads"
    print(f"{sum(p.numel() for p in module.parameters())} parameters, {draws}: {wall:.0f} s, {cpu:.0f} CPU s")
    print(f"{found.estimate:.1f} ± {found.standard_error:.1f}, acceptance {found.acceptance:.2f}; {found.verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
