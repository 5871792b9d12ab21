"""Per-example gradients: the trace of the Fisher information, and the noise of minibatch gradients.

All with batch statistics fixed (evaluation mode), in float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

CHUNK = 64  # examples whose gradients are held at once

Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]
Measured = dict[str, tuple[float, float | None]]  # value and standard error (None where there is none), by name


def per_example_gradients(
    network: nn.Module, images: torch.Tensor, labels: torch.Tensor
) -> Iterator[dict[str, torch.Tensor]]:
    """Gradients of each example's cross-entropy, by parameter name (examples, *shape), in chunks."""
    network.eval()
    parameters = {name: value.detach() for name, value in network.named_parameters()}
    buffers = {name: value.detach() for name, value in network.named_buffers()}

    def loss(weights: dict[str, torch.Tensor], image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        outputs = functional_call(network, (weights, buffers), (image[None],))
        return functional.cross_entropy(outputs, label[None])

    gradients = vmap(grad(loss), in_dims=(None, 0, 0))
    for some, targets in zip(images.split(CHUNK), labels.split(CHUNK), strict=True):
        yield gradients(parameters, some.contiguous(), targets)


def fisher_trace(network: nn.Module, batches: Batches, *, seed: int) -> Measured:
    """Trace of the Fisher information, whole and of each layer, each with its standard error.

    The mean over images x and labels y drawn from the network's own p(y|x) of the squared norm of the gradient of
    -log p(y|x) (one label an image). A layer is the parameters that share a name up to the last dot.
    """
    generator = torch.Generator().manual_seed(seed)
    squares: dict[str, list[torch.Tensor]] = {}
    for images, _ in batches:
        network.eval()
        with torch.no_grad():
            chances = network(images).float().softmax(1).cpu()
        drawn = torch.multinomial(chances, 1, generator=generator)[:, 0].to(images.device)
        for gradients in per_example_gradients(network, images, drawn):
            layers: dict[str, torch.Tensor] = {}
            for name, values in gradients.items():
                layer = name.rpartition(".")[0] or name
                layers[layer] = layers.get(layer, 0) + values.flatten(1).double().square().sum(1)
            for layer, norm in layers.items():
                squares.setdefault(layer, []).append(norm.cpu())
    each = {layer: torch.cat(parts) for layer, parts in squares.items()}
    whole = torch.stack(list(each.values())).sum(0)
    named = {"fisher_trace": whole} | {f"fisher_trace/{layer}": values for layer, values in each.items()}
    return {
        name: (float(values.mean()), float(values.std() / len(values) ** 0.5) if len(values) > 1 else None)
        for name, values in named.items()
    }


def gradient_noise(network: nn.Module, batches: Batches) -> Measured:
    """Trace of the covariance of per-example gradients with the true labels, and the noise scale.

    Both without bias from the finite number of images: the trace by the usual n - 1, the squared norm of the mean
    gradient less the trace over n. The noise scale (McCandlish et al. 2018) is left out where that is not positive.
    """
    count, mean_square = 0, 0.0
    sums: dict[str, torch.Tensor] = {}
    for images, labels in batches:
        for gradients in per_example_gradients(network, images, labels):
            for name, values in gradients.items():
                sums[name] = sums.get(name, 0) + values.double().sum(0)
                mean_square += float(values.double().square().sum())
            count += len(next(iter(gradients.values())))
    if count < 2:
        raise ValueError(f"batches: {count} images have no covariance; give at least two")
    square_mean = sum(float((total / count).square().sum()) for total in sums.values())
    trace = (mean_square / count - square_mean) * count / (count - 1)
    squared = square_mean - trace / count
    scale: Measured = {"noise_scale": (trace / squared, None)} if squared > 0 else {}
    return {"gradient_noise_trace": (trace, None)} | scale
