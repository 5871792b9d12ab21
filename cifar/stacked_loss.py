"""The loss of many copies of one network at once: values, gradients and products with the Hessian (torch.func).

Copies are rows of one tensor (copy, parameter). Every copy sees the same data in the same pieces.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, grad_and_value, replace_all_batch_norm_modules_, vmap

BatchNorm = Literal["frozen", "batch"]
Loss = Callable[[Tensor, Tensor], Tensor]


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
        self._values = vmap(self._one, in_dims=(0, None, None))
        self._gradients = vmap(grad_and_value(self._one), in_dims=(0, None, None))
        self._products = vmap(self._product, in_dims=(None, 0, None, None))

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

    def _one(self, flat: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        parts = flat.split(self._sizes)
        named = {name: part.view(shape) for (name, shape), part in zip(self._shapes.items(), parts, strict=True)}
        return self._loss(functional_call(self._module, named | self._fixed, (inputs,)), targets)

    def _product(self, flat: Tensor, vector: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        # Backward over backward: every layer that can be trained twice has it, which is not so of forward mode.
        return grad(lambda w: (grad(self._one)(w, inputs, targets) * vector).sum())(flat)


__all__ = ["BatchNorm", "Loss", "StackedLoss"]
