"""Networks of plain layers, all copies at once by hand: what torch.func does for any module, without its overhead.

Copies share their inputs, so that the first layer of all copies is one product of matrices. Only what is here known to
the letter is taken (exact types, no hooks, all parameters trainable); `StackedLoss` holds it against the general way
before it relies on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap

Losses = Callable[[Tensor, Any, Any], Tensor]
ELEMENTWISE = (
    nn.Identity, nn.Dropout, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.Softplus, nn.LeakyReLU, nn.ELU,
    nn.Hardtanh, nn.LogSigmoid, nn.Mish, nn.Softsign, nn.SELU,
)  # fmt: skip


def by_hand(module: nn.Module, shapes: Mapping[str, torch.Size], loss: Callable[[Any, Any], Tensor]) -> Losses | None:
    """Losses (copies,) of flat parameters (copies, parameters), inputs and targets; None for other modules.

    Parameters
    ----------
    module
        In evaluation mode: a Linear, or a Sequential of Linear, Flatten and elementwise activations.
    shapes
        Of its trainable parameters by name, in the order in which they are flattened.
    loss
        Of outputs and targets.
    """
    layers = _layers(module, "")
    if layers is None:
        return None
    names = [f"{name}{part}" for name, layer in layers if type(layer) is nn.Linear for part in _parts(layer)]
    if names != list(shapes) or len({id(layer) for _, layer in layers}) < len(layers):
        return None
    sizes, losses = [shape.numel() for shape in shapes.values()], _losses(loss)

    def of(flat: Tensor, inputs: Any, targets: Any) -> Tensor:
        parts = iter(flat.split(sizes, 1))
        return losses(_outputs([layer for _, layer in layers], parts, len(flat), inputs), targets)

    return of


def _layers(module: nn.Module, name: str) -> list[tuple[str, nn.Module]] | None:
    """Layers in order with what their parameters' names begin with; None where one is of another kind."""
    if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks:
        return None
    if type(module) is nn.Sequential:
        found: list[tuple[str, nn.Module]] = []
        for own, child in module.named_children():
            below = _layers(child, f"{name}{own}.")
            if below is None:
                return None
            found += below
        return found if len(list(module.named_children())) == len(module) else None
    known = type(module) in ELEMENTWISE or type(module) is nn.Linear
    known |= type(module) is nn.Flatten and module.start_dim == 1 and module.end_dim == -1
    return [(name, module)] if known and "forward" not in vars(module) else None


def _parts(layer: nn.Module) -> list[str]:
    return [name for name, _ in layer.named_parameters()]


def _outputs(layers: list[nn.Module], parts: Any, copies: int, inputs: Tensor) -> Tensor:
    """Outputs (copies, examples, ...)."""
    values, shared = inputs, True
    for layer in layers:
        if type(layer) is nn.Linear:
            weight = next(parts).view(copies, layer.out_features, layer.in_features)
            bias = next(parts).unsqueeze(1) if layer.bias is not None else None
            before = values.shape[:-1] if shared else values.shape[1:-1]
            if shared:
                rows = values.reshape(-1, layer.in_features) @ weight.reshape(-1, layer.in_features).mT
                values = rows.view(-1, copies, layer.out_features).transpose(0, 1)
                values = values if bias is None else values + bias
            else:
                rows = values.reshape(copies, -1, layer.in_features)
                values = rows @ weight.mT if bias is None else torch.baddbmm(bias, rows, weight.mT)
            values, shared = values.reshape(copies, *before, layer.out_features), False
        elif type(layer) is nn.Flatten:
            values = values.flatten(1 if shared else 2)
        else:
            values = layer(values)
    return values.expand(copies, *values.shape) if shared else values


def _losses(loss: Callable[[Any, Any], Tensor]) -> Callable[[Tensor, Any], Tensor]:
    """Losses (copies,) of outputs (copies, examples, ...)."""
    general = vmap(loss, in_dims=(0, None))

    def squares(outputs: Tensor, targets: Any) -> Tensor:
        if not isinstance(targets, Tensor) or outputs.shape[1:] != targets.shape:
            return general(outputs, targets)
        return (outputs - targets).square().flatten(1).mean(1)

    def cross_entropies(outputs: Tensor, targets: Any) -> Tensor:
        if not isinstance(targets, Tensor) or outputs.ndim != 3 or targets.ndim != 1 or targets.is_floating_point():
            return general(outputs, targets)
        copies = len(outputs)
        each = nn.functional.cross_entropy(outputs.flatten(0, 1), targets.repeat(copies), reduction="none")
        return each.view(copies, -1).sum(1) / (targets != -100).sum()

    if loss is nn.functional.mse_loss:
        return squares
    return cross_entropies if loss is nn.functional.cross_entropy else general
