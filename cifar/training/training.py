"""SGD as the published studies run it, the same code on a GPU and on a CPU.

Order, shifts and added noise of an epoch are functions of (seed, epoch), never of what ran before, so a state is its
weights, its momentum and its epoch: a resumed run has the bits of an uninterrupted one. The learning rate is a tensor
on the device, and nothing waits for the device inside an epoch.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn import functional

from cifar.data.device_data import DeviceData, Epoch, seed_for
from cifar.study.stages import EpochRecord, Recipe, Stage, stage_of
from cifar.training.networks import make_network, pad_channels

Result = TypeVar("Result")
_COMPILED = 64  # sizes and kinds of networks that one process may compile, in place of eight
_WEIGHTS, _FRESH = 16, 17  # what a seed is for; see cifar.data.device_data


def best_precision(device: torch.device) -> str:
    """``bfloat16`` where the device computes in it at least as fast as in float32, else ``float32``."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    for question in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        if getattr(torch.cpu, question, lambda: False)():
            return "bfloat16"
    return "float32"


def chosen_rows(images: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Some of the images (n, channels, h, w), in the order of memory that they have: channels last stay last."""
    if images.is_contiguous(memory_format=torch.channels_last):
        return images.permute(0, 2, 3, 1).index_select(0, rows).permute(0, 3, 1, 2)
    return images.index_select(0, rows)


def captured(step: Callable[[], None], counter: torch.Tensor) -> torch.cuda.CUDAGraph:
    """A CUDA graph of a step that begins where the counter, which it moves on, is zero.

    On a stream of one's own it is captured on that stream: libraries keep scratch memory for each stream, which two
    graphs that run at once must not share.
    """
    own = torch.cuda.current_stream()
    side = torch.cuda.Stream() if own == torch.cuda.default_stream() else own
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # lets libraries choose their kernels before they are captured
            counter.zero_()
            step()
    torch.cuda.current_stream().wait_stream(side)
    counter.zero_()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=side):
        step()
    return graph


def fused_network(network: nn.Module) -> nn.Module:
    """The network with its normalisations, rectifiers and casts fused by torch's compiler; parameters are shared."""
    if hasattr(torch._dynamo.config, "recompile_limit"):
        torch._dynamo.config.recompile_limit = _COMPILED  # beyond it, nothing is compiled and nobody is told
    return torch.compile(network, dynamic=False)  # type: ignore[return-value]


@contextlib.contextmanager
def compiling() -> Iterator[None]:
    """Say in one line what torch's compiler says in pages.

    Raises
    ------
    ValueError
        If it cannot compile here.
    """
    try:
        yield
    except Exception as error:  # of its many classes some are private
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:120]
        raise ValueError(f"compiled: torch cannot compile the network here ({reason}); leave it out") from None


def drained(steps: Generator[None, None, Result]) -> Result:
    """What a generator returns once all its steps are done."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


class Trainer:
    """A network, its optimiser and the epoch it has reached.

    Parameters
    ----------
    recipe
        What does not change.
    data
        Images on the device.
    graph
        On a GPU, capture the whole step in one CUDA graph.
    compiled
        Whether steps are compiled: other roundings, and minutes before the first one. What is measured never is.
    """

    def __init__(self, recipe: Recipe, data: DeviceData, *, graph: bool = True, compiled: bool = False) -> None:
        if recipe.normalisation != data.normalisation:
            raise ValueError(f"normalisation: the recipe's is {recipe.normalisation!r}, the data's "
                             f"{data.normalisation!r}; give one")  # fmt: skip
        self.recipe, self.data, self.epoch = recipe, data, 0
        self.network = self._fresh(_WEIGHTS)
        self.compiled = compiled
        self._trained = fused_network(self.network) if compiled else self.network
        self._rate = torch.tensor(0.0, device=data.device)
        self.optimiser = torch.optim.SGD(self.network.parameters(), lr=self._rate, momentum=recipe.momentum, fused=True)
        for parameter in self.network.parameters():
            self.optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        self._sums = torch.zeros(2, device=data.device)  # of loss and of right answers
        self._graph = graph and data.device.type == "cuda"
        self._captured: dict[tuple[float, int], Any] = {}

    def _fresh(self, *purpose: int) -> nn.Module:
        recipe = self.recipe
        network = make_network(
            recipe.network, width=recipe.width, depth=recipe.depth, classes=self.data.classes, size=self.data.size,
            seed=seed_for(recipe.seed, *purpose), initialisation=recipe.initialisation,
        )  # fmt: skip
        pad_channels(network, self.data.device.type == "cuda" and recipe.precision == "bfloat16")
        return network.to(self.data.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def restart(self, recipe: Recipe) -> None:
        """Go back to initial weights, of another seed, in place: what was captured serves again.

        Raises
        ------
        ValueError
            If the recipe differs in more than the seed.
        """
        if replace(recipe, seed=self.recipe.seed) != self.recipe:
            raise ValueError("recipe: a trainer begins again with another seed only; make another trainer")
        self.recipe, self.epoch = recipe, 0
        self.network.load_state_dict(self._fresh(_WEIGHTS).state_dict())
        for parameter in self.network.parameters():
            self.optimiser.state[parameter]["momentum_buffer"].zero_()

    def run_epoch(self, parts: Sequence[Stage]) -> EpochRecord:
        """Train for the next epoch of a sequence of stages.

        Raises
        ------
        ValueError
            If the stages have no such epoch, or the loss is no longer finite.
        """
        return drained(self.epoch_in_steps(parts))

    def epoch_in_steps(self, parts: Sequence[Stage]) -> Generator[None, None, EpochRecord]:
        """As `run_epoch`, handing back after each step that was begun, so that others can begin theirs meanwhile."""
        stage, begin = stage_of(parts, self.epoch)
        if self.epoch == begin and (stage.shrink, stage.perturb) != (1.0, 0.0):
            self._shrink_and_perturb(stage)
        rate = stage.rate(self.epoch, begin)
        self._rate.fill_(rate)
        self.optimiser.param_groups[0]["weight_decay"] = stage.weight_decay
        whole = self.data.epoch(
            stage, self.epoch, seed=self.recipe.seed, batch_size=self.recipe.batch_size,
            deficit_after_augmentation=self.recipe.deficit_after_augmentation, black=self.recipe.padding == "black",
            partial=self.recipe.partial_batch,
        )  # fmt: skip
        self.network.train()
        self._sums.zero_()
        if self._graph:
            yield from self._replay(whole, stage.weight_decay)
        else:
            for batch in zip(*(values.split(self.recipe.batch_size) for values in whole), strict=True):
                self._step(*batch)
                yield
        loss, right = (self._sums / len(whole[1])).tolist()  # the one time that the device is waited for
        if not math.isfinite(loss):
            raise ValueError(f"learning_rate: the loss is {loss} in epoch {self.epoch}; give a smaller learning rate")
        record = EpochRecord(self.epoch, rate, loss, right)
        self.epoch += 1
        return record

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        low = self.recipe.precision == "bfloat16"
        # without the cache of cast weights, which a captured graph must not hold on to
        kind = self.data.device.type
        return torch.autocast(kind, torch.bfloat16, cache_enabled=False) if low else contextlib.nullcontext()

    def _step(self, images: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> None:
        # a graph keeps gradients in memory of its own, and need not zero them first
        self.optimiser.zero_grad(set_to_none=self._graph)
        with compiling():
            with self._autocast():
                outputs = self._trained(images)
            losses = functional.cross_entropy(outputs.float(), labels, reduction="none")
            (losses * weights).mean().backward()
        self.optimiser.step()
        with torch.no_grad():
            self._sums += torch.stack([losses.sum(), (outputs.argmax(1) == labels).sum().to(losses.dtype)])

    def _replay(self, whole: Epoch, weight_decay: float) -> Generator[None, None, None]:
        """All steps of an epoch from one captured graph: a graph holds the weight decay and the size of the epoch."""
        known = weight_decay, len(whole[1])
        if known not in self._captured:
            self._captured[known] = self._capture(whole)
        graph, buffers, counter = self._captured[known]
        for buffer, values in zip(buffers, whole, strict=True):
            buffer.copy_(values)
        counter.zero_()
        size = self.recipe.batch_size
        steps, rest = divmod(len(whole[1]), size)
        for _ in range(steps):
            graph.replay()
            yield
        if rest:  # of another size than the graph's
            self._step(*(values[-rest:] for values in whole))
            yield

    def _capture(self, whole: Epoch) -> tuple[Any, list[torch.Tensor], torch.Tensor]:
        kept = self.state()
        buffers = [values.clone() for values in whole]
        counter = torch.zeros((), dtype=torch.int64, device=self.data.device)
        span = torch.arange(self.recipe.batch_size, device=self.data.device)

        def step() -> None:
            rows = span + counter * self.recipe.batch_size
            images, *rest = buffers
            self._step(chosen_rows(images, rows), *(values.index_select(0, rows) for values in rest))
            counter.add_(1)

        graph = captured(step, counter)
        self.load_state(kept)
        self._sums.zero_()
        return graph, buffers, counter

    @torch.no_grad()
    def _shrink_and_perturb(self, stage: Stage) -> None:
        fresh = self._fresh(_FRESH, self.epoch)
        for parameter, drawn in zip(self.network.parameters(), fresh.parameters(), strict=True):
            parameter.mul_(stage.shrink).add_(drawn, alpha=stage.perturb)

    def state(self) -> dict[str, Any]:
        """Copies of all that the next epoch depends on."""
        return {
            "epoch": self.epoch,
            "random": [self.recipe.seed, self.epoch],  # all generators are made from these two
            "network": {name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()},
            "momentum": [
                self.optimiser.state[parameter]["momentum_buffer"].cpu().clone()
                for parameter in self.network.parameters()
            ],
        }

    @torch.no_grad()
    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a state, in place.

        Raises
        ------
        ValueError
            If it belongs to another network.
        """
        try:
            self.network.load_state_dict(state["network"])
            for parameter, buffer in zip(self.network.parameters(), state["momentum"], strict=True):
                self.optimiser.state[parameter]["momentum_buffer"].copy_(buffer)
        except (RuntimeError, KeyError, TypeError) as error:
            reason = " ".join(str(error).split())[:120]
            raise ValueError(f"checkpoint: it belongs to another network ({reason}); remove it") from None
        self.epoch = int(state["epoch"])

    @torch.no_grad()
    def re_estimate_batch_statistics(self, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Replace the running means and variances of batch normalisation by averages over ``batches``.

        Training never reads them, so this changes no later step.
        """
        layers = [layer for layer in self.network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
        if not layers:
            return
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
        self.network.train()
        for number, (images, _) in enumerate(batches, 1):
            for layer in layers:
                layer.momentum = 1 / number  # a plain average; left to itself each layer waits for the device to count
            with self._autocast():
                self.network(images)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum

    @torch.no_grad()
    def evaluate(self, batches: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> tuple[float, float]:
        """Mean loss (nats) and accuracy (0 to 1), with the batch statistics as they are."""
        self.network.eval()
        sums, count = torch.zeros(2, dtype=torch.float64, device=self.data.device), 0
        for images, labels in batches:
            with self._autocast():
                outputs = self.network(images).float()
            losses = functional.cross_entropy(outputs, labels, reduction="sum")
            sums += torch.stack([losses, (outputs.argmax(1) == labels).sum().float()]).double()
            count += len(labels)
        loss, accuracy = (sums / count).tolist()
        return loss, accuracy
