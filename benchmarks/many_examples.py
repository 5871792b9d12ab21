"""A learning coefficient of a classifier of 60 000 pictures by minibatches, and how long it takes.

``python -m benchmarks.many_examples`` measures 784-32-10 on made pictures: soft labels are its own, so that it is at a
minimum. Gradients and energies look at some of the examples, curvatures at a sixth of them.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

EXAMPLES, SIZES, BATCH, THIN = 60_000, (784, 32, 10), 256, 10


@dataclass(frozen=True)
class Measured:
    """What was found, and the seconds that it took: of the clock, and of all processors together."""

    estimate: float
    standard_error: float
    verdict: str
    wall: float
    cpu: float


def measured(*, draws: int | None = None, seed: int = 0) -> Measured:
    """An estimate at default settings but for the minibatches."""
    import torch
    from torch import nn

    from slt_toys import local_learning_coefficient
    from slt_toys.inputs.processors import usable_processors

    torch.set_num_threads(usable_processors())  # as torch does by itself; this package's other benchmarks take one
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(SIZES[0], SIZES[1]), nn.Tanh(), nn.Linear(SIZES[1], SIZES[2]))
    # Pictures have few directions of their own: a hundred here, of falling size.
    directions = torch.randn(100, SIZES[0], generator=generator) / torch.arange(1, 101)[:, None] ** 0.5
    inputs = torch.randn(EXAMPLES, 100, generator=generator) @ directions
    with torch.no_grad():
        targets = module(inputs).log_softmax(-1)

    def divergence(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (targets.exp() * (targets - outputs.log_softmax(-1))).sum(-1).mean()

    begun, spent = time.perf_counter(), time.process_time()
    found = local_learning_coefficient(
        module, divergence, (inputs, targets), sampler="preconditioned sgld", batch_size=BATCH, thin=THIN, draws=draws,
        seed=seed,
    )  # fmt: skip
    wall, cpu = time.perf_counter() - begun, time.process_time() - spent
    return Measured(found.estimate, found.standard_error, found.verdict, wall, cpu)


def main() -> int:
    """Print it in two lines."""
    found = measured()
    print(f"{EXAMPLES} examples, {'-'.join(map(str, SIZES))}: {found.wall:.0f} s, {found.cpu:.0f} CPU s")
    print(f"{found.estimate:.1f} ± {found.standard_error:.1f}; {found.verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
