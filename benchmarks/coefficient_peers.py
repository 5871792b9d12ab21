"""devinterp 1.x and ours at one task: Langevin chains about a network, with gradients of minibatches of one size.

A chain-step is a gradient of one minibatch and the move of one chain. devinterp loops over chains and draws minibatches
from a DataLoader; ours moves all chains together. A step's time is the difference of a long and a short run, so that
what is done once does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.libraries import library
from slt_toys.learning_coefficient.chains import Plan, Posterior
from slt_toys.learning_coefficient.minibatch import run_plan
from slt_toys.learning_coefficient.stacked_loss import StackedLoss

EXAMPLES, BATCH, N_BETA, PULL = 1000, 100, 100.0, 1.0
NETWORKS = {
    "3-1": (3, 1),
    "10-8-1": (10, 8, 1),
    "50-20-10": (50, 20, 10),
    "784-32-10": (784, 32, 10),
    "784-256-10": (784, 256, 10),
    "784-800-400-10": (784, 800, 400, 10),
}


class Task:
    """A tanh network, its data, and runs of so many steps of each contender, which return energies (chain, step)."""

    def __init__(self, name: str, step_size: float):
        sizes = NETWORKS[name]
        torch.manual_seed(0)
        layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.Tanh())]
        self.module = nn.Sequential(*layers[:-1])
        self.inputs = torch.randn(EXAMPLES, sizes[0])
        with torch.no_grad():  # the network is its own teacher: a minimum
            self.targets = self.module(self.inputs) + 0.1 * torch.randn(EXAMPLES, sizes[-1])
        self.step_size = step_size
        self.parameters = sum(p.numel() for p in self.module.parameters())

    def bare(self) -> Callable[[int], None]:
        """Gradients of one minibatch by the module itself: what no step of a chain does without."""
        rows = torch.randint(EXAMPLES, (BATCH,), generator=torch.Generator().manual_seed(1))
        inputs, targets, own = self.inputs[rows], self.targets[rows], list(self.module.parameters())

        def run(steps: int) -> None:
            for _ in range(steps):
                torch.autograd.grad(nn.functional.mse_loss(self.module(inputs), targets), own)

        return run

    def ours(self, chains: int) -> Callable[[int], np.ndarray]:
        """All chains in one tensor."""
        loss = StackedLoss(self.module, nn.functional.mse_loss, self.inputs, self.targets)
        posterior = Posterior(loss, N_BETA, PULL, torch.ones_like(loss.start))

        def run(steps: int) -> np.ndarray:
            plan = Plan("sgld", chains, steps, 1, self.step_size, 1, 0, BATCH)
            generator = torch.Generator().manual_seed(1)
            return run_plan(posterior, plan, generator=generator, advance=lambda _: None)[0].energies

        return run

    def devinterp(self, chains: int) -> Callable[[int], np.ndarray]:
        """Its own loop, silent, with all that it checks while it runs left out."""
        sampler, optimiser = library("devinterp.slt.sampler"), library("devinterp.optim.sgld")
        data = torch.utils.data.TensorDataset(self.inputs, self.targets)
        loader = torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True)
        # Its step is lr/2 (nβ ∇L + γ (w - w*)) + √lr ξ, as ours.
        options = {"lr": self.step_size, "localization": PULL, "nbeta": N_BETA}

        def evaluate(model: nn.Module, batch: Any) -> tuple[torch.Tensor, dict[str, Any]]:
            return nn.functional.mse_loss(model(batch[0]), batch[1]), {}

        def run(steps: int) -> np.ndarray:
            found = sampler.estimate_learning_coeff_with_summary(
                self.module, loader, evaluate=evaluate, sampling_method=optimiser.SGLD, optimizer_kwargs=options,
                num_chains=chains, num_draws=steps, num_steps_bw_draws=1, seed=1, verbose=False, init_loss=0.0,
            )  # fmt: skip
            return N_BETA * np.asarray(found["loss/trace"], dtype=float)

        return run


def seconds_per_step(run: Callable[[int], object], steps: int) -> float:
    """CPU time of a step of all chains."""
    times = []
    for count in (5, 5 + steps):
        begun = time.process_time()
        run(count)
        times.append(time.process_time() - begun)
    return (times[1] - times[0]) / steps
