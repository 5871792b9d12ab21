"""The network of one attention head beside a perceptron as a torch module, trained and measured as our own is.

It begins at the weights of ``attention_network``, sees the same minibatches and is asked in the same novel contexts;
its gradients are torch's. Float32 rounds otherwise in another order, so that the two part after a while.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn

from ..results.claims import Claim, Table
from ..results.progress import progress
from .attention_network import Network, Parts, Problem, accuracies, first_parts, minibatch
from .attention_network import train as train_by_hand
from .study import ControlName, Influence, Study


class AttentionModule(nn.Module):
    """Attends to labels of a context by x_i·Q x_q, and adds what a perceptron remembers of x_q."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        query, out, first, bias, second = (torch.from_numpy(part.copy()) for part in parts)
        self.query, self.readout = nn.Parameter(query), nn.Parameter(out[0])
        self.memory = nn.Sequential(nn.Linear(first.shape[1], len(bias)), nn.ReLU(), nn.Linear(len(bias), 1))
        with torch.no_grad():
            for own, given in zip(self.memory.parameters(), (first, bias, second[None], out[1:]), strict=True):
                own.copy_(given)

    def forward(self, points: Tensor, labels: Tensor, asked: Tensor) -> Tensor:
        """Logit of +1 for each context: points (B, N, d), labels (B, N), asked (B, d) to (B,)."""
        scores = torch.einsum("bnd,de,be->bn", points, self.query, asked)
        return self.readout * (scores.softmax(dim=1) * labels).sum(dim=1) + self.memory(asked)[:, 0]

    def parts(self) -> Parts:
        """Parameters as ``attention_network`` has them, copies."""
        first, bias, second, shift = (each.detach().numpy().copy() for each in self.memory.parameters())
        out = np.array([self.readout.item(), shift[0]], dtype=np.float32)
        return self.query.detach().numpy().copy(), out, first, bias, second[0]


def train(
    network: Network, seed: int | Sequence[int], steps: int = 16_000, every: int = 1000
) -> tuple[NDArray[np.float64], AttentionModule]:
    """Accuracies (kept, 2) as of ``attention_network.train`` at this seed, and the trained module."""
    random = np.random.default_rng(seed)
    problem = Problem.drawn(network, random)
    module = AttentionModule(first_parts(network, random))
    optimiser = torch.optim.SGD(
        [
            {"params": [module.query, module.readout], "weight_decay": network.attention_decay},
            {"params": list(module.memory.parameters()), "weight_decay": network.memory_decay},
        ],
        lr=network.learning_rate,
    )
    points, labels = torch.from_numpy(problem.items), torch.from_numpy(problem.labels)
    rows, kept = torch.arange(network.batch_size), np.empty((steps // every, 2))
    for step in range(steps):
        contexts, asked = (torch.from_numpy(x) for x in minibatch(
            random, network.batch_size, network.context, network.items))  # fmt: skip
        wanted = contexts[rows, asked]
        logit = module(points[contexts], labels[contexts], points[wanted])
        optimiser.zero_grad()
        nn.functional.softplus(-labels[wanted] * logit).mean().backward()
        optimiser.step()
        if (step + 1) % every == 0:
            kept[(step + 1) // every - 1] = accuracies(
                problem.items, problem.labels, problem.novel, problem.answers, network.context, module.parts()
            )
    return kept, module


# ---- the study -----------------------------------------------------------------------------------------------------
NETWORKS = {
    "no decay": Network(),
    "decay of attention": Network(attention_decay=1e-3),
    "decay of all": Network(attention_decay=2e-3, memory_decay=2e-3),
    "50 items": Network(attention_decay=1e-3, items=50),
}
STEPS, EVERY, CLOSE = 16_000, 1000, 0.05


def dataset(seed: int) -> xr.Dataset:
    """Accuracies of both, in contexts of novel items and from memory."""
    found = []
    with progress("networks", len(NETWORKS)) as advance:
        for k, network in enumerate(NETWORKS.values()):
            by_torch, _ = train(network, [seed, 9, k, 0], STEPS, EVERY)
            found.append([train_by_hand(network, [seed, 9, k, 0], STEPS, EVERY), by_torch])
            advance()
    values = np.array(found)
    dims = ("network", "way", "step")
    return xr.Dataset(
        {"in_context": (dims, values[..., 0]), "from_memory": (dims, values[..., 1])},
        {"network": list(NETWORKS), "way": ["by hand", "torch"], "step": EVERY * np.arange(1, STEPS // EVERY + 1)},
        {"seed": seed},
    )


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """Whether torch's network does what ours does, and loses what it learnt."""
    ends = data["in_context"].isel(step=-1)
    worst = float(np.abs(ends.sel(way="torch") - ends.sel(way="by hand")).max())
    transient, kept = (
        float(ends.sel(network=name, way="torch")) for name in ("decay of attention", "no decay")
    )  # fmt: skip
    return (
        Claim.of(
            "torch-does-the-same", f"Final accuracies of the two networks differ by at most {worst:.3f}.", worst,
            expected=0.0, verdict="yes" if worst < CLOSE else "no",
        ),
        Claim.of(
            "torch-loses-it", f"Torch's accuracy in novel contexts ends at {transient:.2f} with decay of attention and "
            f"at {kept:.2f} without.", transient, verdict="yes" if transient < 0.6 < kept else "no",
        ),
    )  # fmt: skip


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Accuracies of both after some steps."""
    steps = (2000, 4000, 8000, 16_000)
    rows = []
    for name in data["network"].values:
        for way in data["way"].values:
            at = data.sel(network=name, way=way, step=list(steps))
            cells = (
                f"{x:.3f}, {y:.3f}" for x, y in zip(at["in_context"].values, at["from_memory"].values, strict=True)
            )
            rows.append((str(name), str(way), *cells))
    caption = "Accuracy in contexts of novel items, and from memory alone, after so many steps; chance is .5."
    return (Table("both", caption, ("network", "gradients", *(f"{n}" for n in steps)), tuple(rows)),)


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Time, decay and number of items on torch's accuracy in novel contexts."""
    own = data["in_context"].sel(way="torch")
    told, n = "accuracy in novel contexts", 1000  # contexts
    held, lost, few = (own.sel(network=name) for name in ("no decay", "decay of attention", "50 items"))
    pairs: tuple[tuple[ControlName, str, float, float], ...] = (
        ("time", "steps from that of the best to 16 000, decay of attention", float(lost.max()), float(lost[-1])),
        ("other", "decay of attention from 0 to .001", float(held[-1]), float(lost[-1])),
        ("other", "items from 50 to 1000, decay of attention, at best", float(few.max()), float(lost.max())),
    )
    return tuple(
        Influence(control, lever, told, first, last, _error(first, n), _error(last, n), 0.5)
        for control, lever, first, last in pairs
    )


def _error(accuracy: float, count: int) -> float:
    return float(np.sqrt(max(accuracy * (1 - accuracy), 1 / count) / count))


STUDY = Study(
    "In-context learning comes and goes: the network in torch",
    """The network of [in-context learning](zoo_in_context_transience.md), one attention head beside a perceptron, as a
torch module. It begins at the same weights, sees the same minibatches and is asked in the same novel contexts as the
network whose gradients are written out. The two part as float32 rounds otherwise in another order. One run each; the
parameters of the papers could not be verified, and these are ours.""",
    dataset, claims, tables, influences, 300.0,
)  # fmt: skip
