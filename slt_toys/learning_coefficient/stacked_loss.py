"""The loss of many copies of one network at once: values, gradients and products with the Hessian (torch.func).

Copies are rows of one tensor (copy, parameter). Every copy sees the same data in the same pieces.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, grad_and_value, replace_all_batch_norm_modules_, vmap

BatchNorm = Literal["frozen", "batch"]
Loss = Callable[[Tensor, Tensor], Tensor]

MOST_TWICE = 256  # examples that are taken twice, to see whether a loss is a mean


class StackedLoss:
    """Mean loss over a data set as a function of all trainable parameters, flattened.

    Parameters
    ----------
    module
        Any module; it is copied, and the copy put into evaluation mode (no dropout). Parameters that need no gradient
        stay as they are.
    loss
        ``loss(outputs, targets)``: a scalar, the mean over examples.
    inputs, targets
        Tensors whose first axis is the example, on the module's device.
    batch_norm
        ``"frozen"``: running statistics are part of the function; ``"batch"``: those of the examples seen together.
    examples_at_once
        Examples (of every copy) in memory at a time; None for all.

    Attributes
    ----------
    start
        The module's parameters, shape (parameters,).
    examples
        Number of rows of the data.

    Raises
    ------
    ValueError
        For data of unequal or no length, a module without trainable parameters or with several types of them, an
        unknown policy, or pieces where batch statistics need all examples together.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Loss,
        inputs: Tensor,
        targets: Tensor,
        *,
        batch_norm: BatchNorm = "frozen",
        examples_at_once: int | None = None,
    ):
        if not len(inputs) or len(inputs) != len(targets):
            raise ValueError(f"data: {len(inputs)} inputs and {len(targets)} targets; they must be as many, at least 1")
        if batch_norm not in ("frozen", "batch"):
            raise ValueError(f"batch_norm: {batch_norm!r} is unknown; it must be 'frozen' or 'batch'")
        if examples_at_once is not None and examples_at_once < 1:
            raise ValueError(f"examples_at_once: {examples_at_once} must be 1 or more, or None")
        if batch_norm == "batch" and examples_at_once is not None and examples_at_once < len(inputs):
            raise ValueError("examples_at_once: batch statistics are those of all examples together; leave it out")
        self._module = copy.deepcopy(module).eval()
        if batch_norm == "batch":
            replace_all_batch_norm_modules_(self._module)  # no running statistics: those of the batch are used
        trainable = {name: p.detach() for name, p in self._module.named_parameters() if p.requires_grad}
        if len({(p.dtype, p.device) for p in trainable.values()}) != 1:
            raise ValueError("module: its trainable parameters must be of one type on one device, at least one of them")
        self._shapes = {name: p.shape for name, p in trainable.items()}
        self._sizes = [p.numel() for p in trainable.values()]
        fixed = {name: p.detach() for name, p in self._module.named_parameters() if not p.requires_grad}
        self._fixed = fixed | {name: buffer.detach() for name, buffer in self._module.named_buffers()}
        self._loss = loss
        self.start = torch.cat([p.reshape(-1) for p in trainable.values()])
        self._inputs, self._targets = inputs.detach(), targets.detach()
        self.examples = len(inputs)
        self._piece = examples_at_once or self.examples
        self._stack()

    def _stack(self) -> None:
        self._values = vmap(self._of_one_copy, in_dims=(0, None, None))
        self._gradients = vmap(grad_and_value(self._of_one_copy), in_dims=(0, None, None))
        self._products = vmap(self._product, in_dims=(None, 0, None, None))

    def doubled(self) -> StackedLoss | None:
        """The same loss in double precision; None where that is what it has, or where it cannot be computed so."""
        if self.start.dtype == torch.float64:
            return None
        twin = copy.copy(self)
        try:
            twin._module = copy.deepcopy(self._module).double()
            twin._fixed = {name: _in_double(value) for name, value in self._fixed.items()}
            twin.start, twin._inputs, twin._targets = map(_in_double, (self.start, self._inputs, self._targets))
            twin._stack()
            losses = twin.values(_around(twin.start))
            twin.hessian_products(twin.start[None])
        except (RuntimeError, TypeError):  # numbers of a fixed type within the module or the loss, or a device without
            return None
        # Losses that are all single numbers come from a module that computes in them whatever it is given.
        return None if bool((losses.float().double() == losses).all() & (losses != 0).any()) else twin

    def moved_to(self, start: Tensor) -> StackedLoss:
        """The same loss with another start."""
        moved = copy.copy(self)
        moved.start = start.to(self.start)
        moved._stack()
        return moved

    def check(self, *, pieces: int | None, mean: bool) -> None:
        """Refuse a loss that is no function of the parameters, or whose value depends on how the data are taken.

        Parameters
        ----------
        pieces
            Fewest examples that are taken at a time; None for all.
        mean
            Whether the loss must be a mean even so.

        Raises
        ------
        ValueError
            Naming the module or the loss.
        """
        around = _around(self.start)
        try:
            values, slopes = self.values_and_gradients(around)
        except (RuntimeError, TypeError, IndexError) as error:
            said = str(error).strip().split("\n")[0]
            if "randomness" in said:
                said = "it draws random numbers even in evaluation mode"
            raise ValueError(f"module: it and the loss cannot be evaluated on the data: {said}") from error
        if not math.isfinite(float(values[0])):
            raise ValueError("module: its loss on the data is not finite; bring it to a minimum first")
        if not bool(torch.isfinite(slopes[0]).all()):
            raise ValueError("module: the slope of its loss on the data is not finite; bring it to a minimum first")
        again = self.values_and_gradients(around)[0]
        if not bool((torch.isclose(values, again, rtol=1e-2) | ~torch.isfinite(values)).all()):
            raise ValueError("module: its loss on the same data is not the same twice; it must draw nothing at random")
        taken = self.examples if pieces is None else min(pieces, self.examples)
        if taken < self.examples:
            self._check_halves(around, min(self.examples, 2 * taken))
        if taken < self.examples or mean:
            self._check_twice(around, min(taken, MOST_TWICE))

    def _check_halves(self, around: Tensor, count: int) -> None:
        """The loss of some examples has to be the mean of those of their parts."""
        x, y, first = self._inputs[:count], self._targets[:count], (count + 1) // 2
        with torch.no_grad():
            whole = self._values(around, x, y).double()
            ends = self._values(around, x[:first], y[:first]), self._values(around, x[first:], y[first:])
        parts = (first * ends[0].double() + (count - first) * ends[1].double()) / count
        if _differ(whole, parts, torch.finfo(self.start.dtype).eps ** 0.5):
            raise ValueError(
                f"loss: {float(whole[-1]):.6g} on {count} examples, but {float(parts[-1]):.6g} as the mean of their "
                "two halves; data taken in pieces need the mean over examples (reduction='mean')"
            )

    def _check_twice(self, around: Tensor, count: int) -> None:
        """Every example twice has to give the same loss."""
        x, y = self._inputs[:count], self._targets[:count]
        with torch.no_grad():
            once = self._values(around, x, y).double()
            twice = self._values(around, torch.cat([x, x]), torch.cat([y, y])).double()
        if _differ(once, twice, 0.2):
            raise ValueError(
                f"loss: {float(once[-1]):.6g} on {count} examples, but {float(twice[-1]):.6g} on each of them twice; "
                "it must be the mean over examples (reduction='mean')"
            )

    def values(self, parameters: Tensor) -> Tensor:
        """Mean losses, shape (copies,), of parameters (copies, parameters)."""
        total = torch.zeros(len(parameters), dtype=torch.float64, device=parameters.device)
        with torch.no_grad():
            for share, x, y in self._pieces(None):
                total += share * self._values(parameters, x, y)
        return total

    def values_and_gradients(self, parameters: Tensor, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean losses (copies,), in double precision, and gradients (copies, parameters), on all rows or some."""
        total = torch.zeros(len(parameters), dtype=torch.float64, device=parameters.device)
        slopes = torch.zeros_like(parameters)
        for share, x, y in self._pieces(rows):
            gradients, values = self._gradients(parameters, x, y)
            total += share * values.detach()
            slopes += share * gradients.detach()
        return total, slopes

    def hessian_products(self, vectors: Tensor) -> Tensor:
        """Hessian at the start times each vector, both (vectors, parameters)."""
        result = torch.zeros_like(vectors)
        for share, x, y in self._pieces(None):
            result += share * self._products(self.start, vectors, x, y).detach()
        return result

    def _pieces(self, rows: Tensor | None) -> Iterator[tuple[float, Tensor, Tensor]]:
        inputs, targets = self._inputs, self._targets
        if rows is not None:
            inputs, targets = inputs[rows], targets[rows]
        for first in range(0, len(inputs), self._piece):
            x = inputs[first : first + self._piece]
            yield len(x) / len(inputs), x, targets[first : first + self._piece]

    def _of_one_copy(self, flat: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        parts = flat.split(self._sizes)
        named = {name: part.view(shape) for (name, shape), part in zip(self._shapes.items(), parts, strict=True)}
        value = self._loss(functional_call(self._module, named | self._fixed, (inputs,)), targets)
        if not isinstance(value, Tensor) or value.ndim:
            kind = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(f"loss: it gives {kind}; it must give one number, the mean over examples")
        return value

    def _product(self, flat: Tensor, vector: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        # Backward over backward: every layer that can be trained twice has it, which is not so of forward mode.
        return grad(lambda w: (grad(self._of_one_copy)(w, inputs, targets) * vector).sum())(flat)


def _differ(one: Tensor, other: Tensor, share: float) -> bool:
    """Whether two losses differ by more than this share of the largest of them, at any point where both are finite."""
    finite = torch.isfinite(one) & torch.isfinite(other)
    apart, sizes = (one - other).abs()[finite], one.abs().maximum(other.abs())[finite]
    return bool((apart > share * sizes.max()).any()) if len(sizes) else False


def _in_double(values: Tensor) -> Tensor:
    return values.double() if values.is_floating_point() else values


def _around(start: Tensor) -> Tensor:
    """The start and three points around it, always the same, shape (4, parameters)."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn((4, len(start)), generator=generator, dtype=torch.float64)
    drawn[0] = 0
    spread = 0.1 * float(start.double().square().mean().sqrt()) or 0.1
    return (start.double() + spread * drawn.to(start.device)).to(start.dtype)
